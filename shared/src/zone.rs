//! Time zones, by their IANA names: what the clock on somebody's wall says.
//!
//! Of the time zone database only the rule in force is kept (its POSIX form, `CET-1CEST,M3.5.0,M10.5.0/3`): mails are
//! sent today and tomorrow, and a century of past transitions would be the largest part of a component. A test holds
//! the table to the database.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tz::TimeZone;

use crate::time::Time;

/// A line a zone: its name, then the rule that it follows. Sorted by name, as the other tables are.
const ZONES: &str = include_str!("zone/zones.txt");

/// A line a country: its code, then its zones, one for each rule.
const COUNTRIES: &str = include_str!("zone/countries.txt");

/// States and provinces of countries that are too wide for one window: `US-CA America/Los_Angeles`. Where a region has
/// two zones, both are named.
const REGIONS: &str = include_str!("zone/regions.txt");

/// A time zone that we know the rule of.
#[derive(Clone)]
pub struct Zone {
    name: &'static str,
    rule: TimeZone,
}

impl Zone {
    /// The zone of this name: `Europe/Berlin`, `UTC`. Names have no case. `None` where the database has no such zone.
    pub fn find(name: &str) -> Option<Self> {
        let (name, rule) = line(ZONES, name.trim())?;
        Some(Self { name, rule: parse(rule)? })
    }

    pub fn utc() -> Self {
        Self { name: "UTC", rule: TimeZone::utc() }
    }

    /// The zones that a delivery address may be in: the region's where it decides, else all of its country. Empty where
    /// the country is not known.
    pub fn of_place(country: &str, region: Option<&str>) -> impl Iterator<Item = Self> {
        let of_region = region.and_then(|region| line(REGIONS, &[country, "-", region].concat()));
        let (_, zones) = of_region.or_else(|| line(COUNTRIES, country)).unzip();
        zones.into_iter().flat_map(|zones| zones.split(' ')).filter_map(Self::find)
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Local time minus UTC at this moment.
    pub fn offset(&self, at: Time) -> TimeDelta {
        let kind = self.rule.find_local_time_type(at.seconds());
        TimeDelta::seconds(kind.map_or(0, |kind| i64::from(kind.ut_offset())))
    }

    /// The day on the calendar there.
    pub fn date(&self, at: Time) -> NaiveDate {
        (at + self.offset(at)).date()
    }

    /// Minutes since midnight there, and seconds are cut off.
    pub fn minute_of_day(&self, at: Time) -> u16 {
        let seconds = (at + self.offset(at)).seconds().rem_euclid(86_400);
        u16::try_from(seconds / 60).unwrap_or_default()
    }

    /// When the clock there shows `minute` (since midnight) on `date`. A time that the clock skips in spring is the
    /// same length of time after midnight; of one that it shows twice in autumn, the earlier.
    pub fn at(&self, date: NaiveDate, minute: u16) -> Time {
        let local = Time::start_of(date) + TimeDelta::minutes(i64::from(minute));
        let earlier = local - self.offset(local - TimeDelta::hours(24));
        let later = local - self.offset(local + TimeDelta::hours(24));
        // On the one day a year on which the clock changes these differ, and at most one of them says what it shows.
        match [earlier.min(later), earlier.max(later)] {
            [first, _] if self.offset(first) == local - first => first,
            [_, second] if self.offset(second) == local - second => second,
            [first, _] => first,
        }
    }

    /// The date and time there, for a reader.
    pub fn local(&self, at: Time) -> DateTime<chrono::Utc> {
        (at + self.offset(at)).to_utc()
    }
}

/// The line of a sorted table that begins with this word, as the word is spelt there, and the rest of the line. Halves the
/// table until it is found: every sweep asks for the zones of everybody it meets.
fn line(table: &'static str, word: &str) -> Option<(&'static str, &'static str)> {
    let (mut from, mut to) = (0, table.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = table[from..middle].rfind('\n').map_or(from, |at| from + at + 1);
        let end = table[middle..to].find('\n').map_or(to, |at| middle + at);
        let (found, rest) = table[start..end].split_once(' ')?;
        match in_order(found, word) {
            Ordering::Less => from = end + 1,
            Ordering::Equal => return Some((found, rest)),
            Ordering::Greater => to = start,
        }
    }
    None
}

/// The order of the tables, in which words have no case.
fn in_order(one: &str, other: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
}

/// The database's files hold such a rule at their end; this is one that holds nothing else. (The parser's own door for
/// bare rules refuses what some zones need: changes at 26 o'clock, or before midnight.)
fn parse(rule: &str) -> Option<TimeZone> {
    // Version, then the counts: no transitions, one kind of local time, four letters for its name.
    let header: &[u8] =
        b"TZif3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04";
    let utc: &[u8] = b"\0\0\0\0\0\0UTC\0";
    let file: [&[u8]; 7] = [header, utc, header, utc, b"\n", rule.as_bytes(), b"\n"];
    TimeZone::from_tz_data(&file.concat()).ok()
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown =
            || serde::de::Error::custom("no such time zone; an IANA name such as `Europe/Berlin` is needed");
        Self::find(&name).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests;

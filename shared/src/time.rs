//! Points in time, as whole milliseconds: small to store, total to order, nothing to round.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// Domain code never asks what time it is; it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads RFC 3339 (`2026-11-21T20:00:00+01:00`, a blank instead of the `T` and `+0100` included), or a date and
    /// time without offset, which is taken as UTC: senders name such fields `_gmt` or document them so.
    ///
    /// By hand, because every webhook component links it, and a parser of format strings is ten times its size.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.trim().split_at_checked(10)?;
        let (clock, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
        let (hours, minutes, seconds) = (clock.get(..2)?, clock.get(3..5)?, clock.get(6..)?);
        if clock.get(2..3)? != ":" || clock.get(5..6)? != ":" {
            return None;
        }
        let (millis, offset) = match rest.strip_prefix('.') {
            None => (0, rest),
            Some(rest) => {
                let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
                let (fraction, offset) = rest.split_at(end);
                if fraction.is_empty() {
                    return None;
                }
                let millis = fraction.bytes().chain(*b"00").take(3);
                (millis.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0')), offset)
            }
        };
        // A leap second is the first of the next minute: nobody else knows it.
        let seconds_of_day = within(hours, 23)? * 3600 + within(minutes, 59)? * 60 + within(seconds, 60)?;
        let days = date_of(date)?.signed_duration_since(NaiveDate::default()).num_days();
        Some(Self((days * 86_400 + seconds_of_day - offset_seconds(offset)?) * 1000 + millis))
    }

    /// Reads a day: `2026-11-21`.
    pub fn parse_date(text: &str) -> Option<NaiveDate> {
        date_of(text)
    }

    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// The UTC day this moment falls into.
    pub fn date(self) -> NaiveDate {
        self.to_utc().date_naive()
    }

    /// The first moment of a UTC day.
    pub fn start_of(date: NaiveDate) -> Self {
        Self(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
    }
}

/// Digits and nothing else, up to `max`.
fn within(digits: &str, max: i64) -> Option<i64> {
    let value = digits
        .bytes()
        .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))?;
    (!digits.is_empty() && value <= max).then_some(value)
}

fn date_of(text: &str) -> Option<NaiveDate> {
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..10)?);
    let separated = text.len() == 10 && text.get(4..5)? == "-" && text.get(7..8)? == "-";
    let year = i32::try_from(within(year, 9999)?).ok()?;
    let month = u32::try_from(within(month, 12)?).ok()?;
    let day = u32::try_from(within(day, 31)?).ok()?;
    if separated { NaiveDate::from_ymd_opt(year, month, day) } else { None }
}

/// `Z`, `+01:00`, `+0100`, or nothing, which is UTC.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    if minutes.len() != 2 {
        return None;
    }
    Some(sign * (within(hours, 23)? * 3600 + within(minutes, 59)? * 60))
}

/// For answers: records keep milliseconds, people read RFC 3339.
pub fn as_text<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Likewise, where there may be none.
pub fn maybe_as_text<S: serde::Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, whole seconds: `2026-11-21T19:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, utc) = (self.date(), self.to_utc());
        write!(f, "{date}T{:02}:{:02}:{:02}Z", utc.hour(), utc.minute(), utc.second())
    }
}

impl Add<TimeDelta> for Time {
    type Output = Self;
    fn add(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_add(delta.num_milliseconds()))
    }
}

impl Sub<TimeDelta> for Time {
    type Output = Self;
    fn sub(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_sub(delta.num_milliseconds()))
    }
}

impl Sub for Time {
    type Output = TimeDelta;
    fn sub(self, earlier: Self) -> TimeDelta {
        TimeDelta::milliseconds(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Time::parse(text).map(|time| time.to_string()).as_deref(), expected);
    }

    #[test]
    fn reads_what_senders_write() {
        check("2026-11-21T20:00:00+01:00", Some("2026-11-21T19:00:00Z"));
        check("2026-03-30T14:30:00.000000000Z", Some("2026-03-30T14:30:00Z"));
        check("2019-01-01 00:00:00.000Z", Some("2019-01-01T00:00:00Z"));
        check("2017-03-22T16:28:02", Some("2017-03-22T16:28:02Z"));
        check("2017-03-22 16:28:02", Some("2017-03-22T16:28:02Z"));
        check("2026-11-21t20:00:00.5z", Some("2026-11-21T20:00:00Z"));
        check("2026-11-21T00:30:00+0530", Some("2026-11-20T19:00:00Z"));
        check("1969-12-31T23:59:59-00:00", Some("1969-12-31T23:59:59Z"));
        check("2026-12-31T23:59:60Z", Some("2027-01-01T00:00:00Z"));
        check("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z"));
        check("example string", None);
        check("", None);
        for wrong in [
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-21",
            "2026-11-21T24:00:00Z",
            "2026-11-21T20:60:00Z",
            "2026-11-21T20:00:00.Z",
            "2026-11-21T20:00:00+1",
            "2026-11-21T20:00:00+01:00 CET",
            "2026-11-21T20-00-00Z",
            "2026/11/21T20:00:00Z",
            "+026-11-21T20:00:00Z",
            "2026-11-21Ü20:00:00Z",
            "2026-11-2ÜT20:00:00Z",
        ] {
            check(wrong, None);
        }
        assert_eq!(Time::parse("2026-11-21T20:00:00.1239Z").map(|time| time.millis() % 1000), Some(123));
        assert_eq!(Time::parse("2026-11-21T20:00:00.1Z").map(|time| time.millis() % 1000), Some(100));
    }

    #[test]
    fn reads_days() {
        assert_eq!(Time::parse_date("2026-11-25"), chrono::NaiveDate::from_ymd_opt(2026, 11, 25));
        for wrong in ["2026-11-31", "2026-1-25", "25.11.2026", "", "2026-11-25T", "2026-11-2Ü"] {
            assert_eq!(Time::parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn reads_what_it_and_others_write() {
        for seconds in (-62_135_596_800_i64..253_402_300_799).step_by(99_999_989) {
            let time = Time::from_seconds(seconds);
            assert_eq!(Time::parse(&time.to_string()), Some(time));
            let there = time.to_utc().with_timezone(&chrono::FixedOffset::west_opt(4 * 3600 + 1800).unwrap());
            assert_eq!(Time::parse(&there.to_rfc3339()), Some(time), "{there}");
        }
    }
}

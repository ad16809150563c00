//! Hours of a day.

use std::fmt;

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Time;
use crate::zone::Zone;

/// What a clock on the wall shows: `09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock {
    minute_of_day: u16,
}

impl Clock {
    pub const fn new(hour: u16, minute: u16) -> Self {
        Self { minute_of_day: hour * 60 + minute }
    }

    /// Minutes since midnight; 1440 is the end of the day.
    pub const fn minute_of_day(self) -> u16 {
        self.minute_of_day
    }

    /// `00:00` to `24:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.trim().split_once(':')?;
        let number = |digits: &str| {
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        (minute < 60 && hour * 60 + minute <= 1440).then(|| Self::new(hour, minute))
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute_of_day / 60, self.minute_of_day % 60)
    }
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = "a time of day is written `09:00`, from 00:00 to 24:00";
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom(wrong))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Clock {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Clock".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-4]):[0-5][0-9]$",
            "description": "A time of day: `09:00`.",
        })
    }
}

/// Part of every day, the end left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub from: Clock,
    pub to: Clock,
}

/// Enough for a window in every zone of the widest country.
const MOST_STEPS: usize = 64;

impl Hours {
    /// The first moment at or after `at` that is within these hours in every one of `zones`: where somebody is is not
    /// always known. If the zones are so far apart that there is none, the first zone decides.
    pub fn next(self, at: Time, zones: &[Zone]) -> Time {
        let mut candidate = at;
        for _ in 0..MOST_STEPS {
            let later = zones.iter().map(|zone| self.next_in(candidate, zone)).max().unwrap_or(candidate);
            if later == candidate {
                return candidate;
            }
            candidate = later;
        }
        zones.first().map_or(at, |zone| self.next_in(at, zone))
    }

    fn next_in(self, at: Time, zone: &Zone) -> Time {
        let (minute, today) = (zone.minute_of_day(at), zone.date(at));
        if minute < self.from.minute_of_day() {
            zone.at(today, self.from.minute_of_day())
        } else if minute < self.to.minute_of_day() {
            at
        } else {
            let tomorrow: NaiveDate = (Time::start_of(today) + TimeDelta::days(1)).date();
            zone.at(tomorrow, self.from.minute_of_day())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Hours = Hours { from: Clock::new(9, 0), to: Clock::new(20, 0) };

    #[track_caller]
    fn check(zones: &[&str], at: &str, expected: &str) {
        let zones: Vec<_> = zones.iter().map(|name| Zone::find(name).expect("a zone")).collect();
        let next = DAY.next(Time::parse(at).expect("a time"), &zones);
        assert_eq!(next.to_string(), expected);
        assert_eq!(DAY.next(next, &zones), next, "what is open is open");
    }

    #[test]
    fn waits_for_the_morning_where_the_reader_is() {
        check(&["Europe/Berlin"], "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z");
        check(&["Europe/Berlin"], "2026-11-21T18:59:59Z", "2026-11-21T18:59:59Z");
        check(&["Europe/Berlin"], "2026-11-21T19:00:00Z", "2026-11-22T08:00:00Z");
        check(&["Europe/Berlin"], "2026-11-21T02:00:00Z", "2026-11-21T08:00:00Z");
        check(&["Europe/Berlin"], "2026-03-28T20:00:00Z", "2026-03-29T07:00:00Z");
        check(&["Asia/Tokyo"], "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z");
        check(&[], "2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z");
    }

    #[test]
    fn an_unknown_place_waits_until_it_is_day_all_over_the_country() {
        let ends = ["America/New_York", "Pacific/Honolulu"];
        check(&ends, "2026-11-21T12:00:00Z", "2026-11-21T19:00:00Z");
        check(&ends, "2026-11-22T00:30:00Z", "2026-11-22T00:30:00Z");
        check(&ends, "2026-11-22T01:00:00Z", "2026-11-22T19:00:00Z");
        // No moment is day on both sides of the earth.
        check(
            &["Europe/London", "Pacific/Auckland", "America/Los_Angeles"],
            "2026-11-21T02:00:00Z",
            "2026-11-21T09:00:00Z",
        );
    }

    #[test]
    fn a_clock_shows_hours_and_minutes() {
        for (text, expected) in
            [("09:00", Some(540)), ("00:00", Some(0)), ("24:00", Some(1440)), ("23:59", Some(1439))]
        {
            assert_eq!(Clock::parse(text).map(Clock::minute_of_day), expected, "{text}");
        }
        for wrong in ["", "9:00", "24:01", "25:00", "09:60", "09:00:00", "-1:00", "0900"] {
            assert_eq!(Clock::parse(wrong), None, "{wrong}");
        }
    }
}

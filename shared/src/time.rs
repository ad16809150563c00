//! Points in time, as whole milliseconds: small to store, total to order, nothing to round.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
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

    /// Reads RFC 3339 (`2026-11-21T20:00:00+01:00`, a blank instead of the `T` included), or a date and time
    /// without offset, which is taken as UTC: senders name such fields `_gmt` or document them so.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self(time.timestamp_millis()));
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| Self(time.and_utc().timestamp_millis()))
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

impl fmt::Display for Time {
    /// RFC 3339 in UTC, whole seconds: `2026-11-21T19:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_utc().format("%Y-%m-%dT%H:%M:%SZ").fmt(f)
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
        check("example string", None);
        check("", None);
        check("2026-13-01T00:00:00Z", None);
    }
}

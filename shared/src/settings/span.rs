//! Lengths of time as people write them: `45m`, `12h`, `30d`, `2w`.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time: whole minutes, never negative, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    minutes: u32,
}

const UNITS: [(&str, u32); 4] = [("w", 7 * 24 * 60), ("d", 24 * 60), ("h", 60), ("m", 1)];
const MOST_MINUTES: u32 = 3660 * 24 * 60;

impl Span {
    pub const fn minutes(minutes: u32) -> Self {
        Self { minutes }
    }

    pub const fn hours(hours: u32) -> Self {
        Self { minutes: hours * 60 }
    }

    pub const fn days(days: u32) -> Self {
        Self { minutes: days * 24 * 60 }
    }

    /// A number and a unit, nothing between them.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.trim().split_at_checked(text.trim().len().checked_sub(1)?)?;
        let (_, minutes) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let minutes = number.parse::<u32>().ok().filter(|_| digits)?.checked_mul(*minutes)?;
        (minutes <= MOST_MINUTES).then_some(Self { minutes })
    }

    pub fn delta(self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.minutes))
    }

    pub fn is_zero(self) -> bool {
        self.minutes == 0
    }

    /// Whole days.
    pub fn in_days(self) -> u32 {
        self.minutes / (24 * 60)
    }
}

impl fmt::Display for Span {
    /// In the largest unit up to days that leaves no rest: `90m`, `30d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |minutes: u32| self.minutes.is_multiple_of(minutes);
        let (unit, minutes) =
            UNITS.iter().skip(1).find(|(_, minutes)| divides(*minutes)).copied().unwrap_or(("m", 1));
        write!(f, "{}{unit}", self.minutes / minutes)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = "a length of time is a whole number and a unit, such as `45m`, `12h`, `30d` or `2w`, not \
                     negative and at most ten years";
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom(wrong))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+[mhdw]$",
            "description": "A length of time: `45m`, `12h`, `30d`, `2w`. At most ten years.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Span::parse(text).map(|span| span.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn lengths_are_a_number_and_a_unit() {
        check("45m", Some("45m"));
        check("90m", Some("90m"));
        check("120m", Some("2h"));
        check(" 2w ", Some("14d"));
        check("0d", Some("0d"));
        check("3660d", Some("3660d"));
        for wrong in
            ["", "d", "-3d", "+3d", "3", "3 d", "3 days", "3.5d", "3661d", "99999999999d", "3D", "3ü"]
        {
            check(wrong, None);
        }
    }
}

//! The days that a score is asked for.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

use crate::time::Time;
use crate::webhook::problem::Problem;

/// A year, today included, where nothing else is asked for.
const DEFAULT_DAYS: u64 = 365;

/// Longer windows are a mistake, and would read keys without end.
const MAX_DAYS: i64 = 3 * 366;

/// From one day to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl Window {
    /// Reads `from` and `to` (`2026-11-21`) from a query string; unknown parameters are somebody else's.
    pub fn from_query(query: &str, now: Time) -> Result<Self, Problem> {
        let (mut from, mut to) = (None, None);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "from" => from = Some(day(name, value)?),
                "to" => to = Some(day(name, value)?),
                _ => {}
            }
        }
        let to = to.unwrap_or_else(|| now.date());
        let from = from.unwrap_or_else(|| to - Days::new(DEFAULT_DAYS - 1));
        if from > to {
            return Err(Problem::bad_parameter("from", format!("{from} is after {to}.")));
        }
        if (to - from).num_days() >= MAX_DAYS {
            return Err(Problem::bad_parameter("from", format!("A window has at most {MAX_DAYS} days.")));
        }
        Ok(Self { from, to })
    }
}

impl Window {
    /// As many days right before.
    #[must_use]
    pub fn previous(self) -> Self {
        let days = Days::new((self.to - self.from).num_days().unsigned_abs() + 1);
        Self { from: self.from - days, to: self.from - Days::new(1) }
    }

    /// The parts into which it falls, oldest first; the first and the last may be cut short.
    pub fn parts(self, period: Period) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut from = self.from;
        while from <= self.to {
            let to = period.end(from).min(self.to);
            parts.push(Self { from, to });
            from = to + Days::new(1);
        }
        parts
    }
}

/// How a trend is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// ISO 8601: from Monday to Sunday.
    Week,
    Month,
}

impl Period {
    /// The last day of the period that this day is in.
    fn end(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => date,
            Self::Week => date + Days::new(6 - u64::from(date.weekday().num_days_from_monday())),
            Self::Month => date.with_day(1).unwrap_or(date) + Months::new(1) - Days::new(1),
        }
    }
}

fn day(name: &str, value: &str) -> Result<NaiveDate, Problem> {
    // All digits of it: chrono takes 2026-1-2 and +2026-01-02 as well.
    let day =
        Some(value).filter(|value| value.len() == "2026-11-21".len()).and_then(|value| value.parse().ok());
    day.ok_or_else(|| Problem::bad_parameter(name, "Give a day like 2026-11-21."))
}

#[cfg(test)]
mod tests {
    use super::{Period, Window};
    use crate::time::Time;

    #[track_caller]
    fn check(query: &str, expected: Result<(&str, &str), &str>) {
        let now = Time::parse("2026-11-21T20:00:00Z").expect("a time");
        let window = Window::from_query(query, now);
        let window = window.as_ref().map(|window| (window.from.to_string(), window.to.to_string()));
        let window = window.as_ref().map(|(from, to)| (from.as_str(), to.as_str()));
        assert_eq!(window.map_err(|problem| problem.field().unwrap_or_default()), expected);
    }

    #[test]
    fn a_window_is_a_year_unless_asked_otherwise() {
        check("", Ok(("2025-11-22", "2026-11-21")));
        check("from=2026-11-01&to=2026-11-07", Ok(("2026-11-01", "2026-11-07")));
        check("from=2026-11-01", Ok(("2026-11-01", "2026-11-21")));
        check("to=2020-02-29&x=1", Ok(("2019-03-02", "2020-02-29")));
    }

    #[test]
    fn windows_have_parts_and_one_before() {
        let now = Time::parse("2026-11-21T20:00:00Z").expect("a time");
        let window = Window::from_query("from=2026-10-30&to=2026-11-09", now).expect("a window");
        let shown = |windows: Vec<Window>| -> Vec<String> {
            windows.iter().map(|part| format!("{}..{}", part.from, part.to)).collect()
        };
        assert_eq!(shown(vec![window.previous()]), ["2026-10-19..2026-10-29"]);
        let weeks = ["2026-10-30..2026-11-01", "2026-11-02..2026-11-08", "2026-11-09..2026-11-09"];
        assert_eq!(shown(window.parts(Period::Week)), weeks);
        let months = ["2026-10-30..2026-10-31", "2026-11-01..2026-11-09"];
        assert_eq!(shown(window.parts(Period::Month)), months);
        assert_eq!(window.parts(Period::Day).len(), 11);
    }

    #[test]
    fn an_impossible_window_is_refused() {
        check("from=yesterday", Err("from"));
        check("to=2026-02-30", Err("to"));
        check("from=2026-11-08&to=2026-11-07", Err("from"));
        check("from=1900-01-01", Err("from"));
    }
}

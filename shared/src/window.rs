//! The days that a score is asked for.

use chrono::{Days, NaiveDate};

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

fn day(name: &str, value: &str) -> Result<NaiveDate, Problem> {
    value.parse().map_err(|_| Problem::bad_parameter(name, "Give a day like 2026-11-21."))
}

#[cfg(test)]
mod tests {
    use super::Window;
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
    fn an_impossible_window_is_refused() {
        check("from=yesterday", Err("from"));
        check("to=2026-02-30", Err("to"));
        check("from=2026-11-08&to=2026-11-07", Err("from"));
        check("from=1900-01-01", Err("from"));
    }
}

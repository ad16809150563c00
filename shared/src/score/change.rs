//! How a score compares with another one: before, or of others.

use chrono::NaiveDate;
use serde::Serialize;

use super::Estimate;

/// A score at one time, without what explains it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Point {
    #[cfg_attr(test, schemars(with = "String"))]
    pub from: NaiveDate,
    #[cfg_attr(test, schemars(with = "String"))]
    pub to: NaiveDate,
    pub value: Option<f64>,
    pub n: u64,
    pub interval: Option<[f64; 2]>,
}

impl Point {
    pub fn new(from: NaiveDate, to: NaiveDate, estimate: &Estimate) -> Self {
        Self { from, to, value: estimate.value, n: estimate.n, interval: estimate.interval }
    }
}

/// A difference, and whether there is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Change {
    /// `None` where one side has no value.
    pub value: Option<f64>,
    /// The range that holds the true difference with 95 % confidence.
    pub interval: Option<[f64; 2]>,
    /// More than chance does: the interval does not hold zero.
    pub certain: bool,
    /// The same in a sentence.
    pub says: String,
}

impl Change {
    /// From one score to another, which rests on other answers.
    pub fn between(before: &Point, now: &Point) -> Self {
        let (Some(then), Some(value)) = (before.value, now.value) else {
            let says = if now.value.is_none() {
                "There is nothing to compare."
            } else {
                "There is nothing to compare it with."
            };
            return Self { value: None, interval: None, certain: false, says: says.to_owned() };
        };
        let change = value - then;
        let interval = difference((then, before.interval), (value, now.interval));
        let certain = interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0);
        Self { value: Some(change), interval, certain, says: sentence(change, interval, certain) }
    }
}

/// The interval of a difference from the intervals of its sides (MOVER: Zou and Donner, Statistics in Medicine 27, 2008;
/// with Wilson's intervals it is Newcombe's for shares).
pub fn difference(before: (f64, Option<[f64; 2]>), now: (f64, Option<[f64; 2]>)) -> Option<[f64; 2]> {
    let ((then, Some([then_low, then_high])), (value, Some([low, high]))) = (before, now) else {
        return None;
    };
    let change = value - then;
    // An interval need not lie around its value: the adjusted one of a single answer does not.
    let reach = |one: f64, other: f64| one.max(0.0).hypot(other.max(0.0));
    Some([change - reach(value - low, then_high - then), change + reach(high - value, then - then_low)])
}

fn sentence(change: f64, interval: Option<[f64; 2]>, certain: bool) -> String {
    let moved = if rounded(change) == "0" {
        "It is about the same".to_owned()
    } else {
        let way = if change > 0.0 { "rose" } else { "fell" };
        ["It ", way, " by ", &rounded(change.abs())].concat()
    };
    match interval {
        None => [&moved, ". Whether that is chance cannot be said."].concat(),
        Some([low, high]) => {
            let range = [" (95 %: ", &rounded(low), " to ", &rounded(high), ")."].concat();
            let why = if certain { ", more than chance does" } else { ", which may be chance" };
            [&moved, why, &range].concat()
        }
    }
}

/// At most two digits after the point, fewer of large numbers.
pub(super) fn rounded(value: f64) -> String {
    let places = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 1_000.0) };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let text = text.replace('-', "−");
    if text == "−0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    fn point(value: Option<f64>, interval: Option<[f64; 2]>) -> Point {
        let day = NaiveDate::default();
        Point { from: day, to: day, value, n: 1, interval }
    }

    #[track_caller]
    fn check(before: Point, now: Point, certain: bool, says: &str) {
        let change = Change::between(&before, &now);
        assert_eq!((change.certain, change.says.as_str()), (certain, says));
    }

    #[test]
    fn says_whether_it_may_be_chance() {
        check(
            point(Some(30.0), Some([25.0, 35.0])),
            point(Some(60.0), Some([50.0, 70.0])),
            true,
            "It rose by 30, more than chance does (95 %: 18.8 to 41.2).",
        );
        check(
            point(Some(30.0), Some([10.0, 50.0])),
            point(Some(25.5), Some([5.0, 45.0])),
            false,
            "It fell by 4.5, which may be chance (95 %: −33.1 to 23.4).",
        );
        check(
            point(Some(1.0), None),
            point(Some(3.0), None),
            false,
            "It rose by 2. Whether that is chance cannot be said.",
        );
        check(point(None, None), point(Some(3.0), None), false, "There is nothing to compare it with.");
        check(point(Some(3.0), None), point(None, None), false, "There is nothing to compare.");
    }

    #[test]
    fn is_newcombes_interval_for_shares() {
        // Newcombe 1998, method 10, example (a): 56/70 and 48/80.
        let one = super::super::wilson::share(56, 70).unwrap();
        let other = super::super::wilson::share(48, 80).unwrap();
        let [low, high] = difference((other.0, Some(other.1)), (one.0, Some(one.1))).unwrap();
        assert_near(low, 0.0524, 5e-5);
        assert_near(high, 0.3339, 5e-5);
    }
}

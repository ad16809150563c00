//! Scores: numbers that say how sure they are.
//!
//! Every score carries its formula, scale, direction, number of answers and a 95 % interval, so that nobody has to guess
//! what a number on a dashboard means. All are pure functions of counts; which answers are counted is the ledger's.
//!
//! One file a metric. Each has a constructor from counts and serialises to its member of `GET /metrics`: an
//! [`Estimate`], then what only this metric has.

pub mod ces;
pub mod csat;
pub mod nps;
pub mod wilson;

use chrono::NaiveDate;
use serde::Serialize;

use crate::fact::Direction;

/// The 97.5 % quantile of the normal distribution: two-sided 95 % confidence.
const Z_95: f64 = 1.959_963_984_540_054;

/// What all scores have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// `None` without answers: no answers are not a score of zero.
    pub value: Option<f64>,
    /// How many answers the value rests on.
    pub n: u64,
    /// The range that holds the true value with 95 % confidence; `None` where the answers do not carry one.
    pub interval: Option<[f64; 2]>,
    pub formula: &'static str,
    /// Lowest and highest possible answer, and what the value itself ranges over.
    pub scale: &'static str,
    /// Which end of the value is the good one.
    pub direction: Direction,
}

/// A score and the days it covers, both included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Over<T> {
    #[serde(flatten)]
    pub score: T,
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// Counts as floating point: exact below 2^53, which is more answers than people can give.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[track_caller]
fn assert_near(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected}");
}

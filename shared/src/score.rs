//! Scores: numbers that say how sure they are.
//!
//! Every score carries its formula, scale, direction, what it rests on and a 95 % interval, so that nobody has to guess
//! what a number on a dashboard means. All are pure functions of the ledger's counts.
//!
//! One file a metric or a family of them. Each is a [`Score`]: it has a constructor from counts, and serialises to its
//! member of `GET /metrics`: an [`Estimate`], then what only this metric has.

pub mod bg_nbd;
pub mod ces;
pub mod change;
pub mod csat;
pub mod deflection;
pub mod delivery;
pub mod gamma_gamma;
pub mod loyalty;
pub mod messages;
pub mod money;
pub mod nps;
pub mod retention;
pub mod reviews;
pub mod spread;
pub mod support;
pub mod surveys;
pub mod trial;
pub mod value;
pub mod wilson;

use chrono::NaiveDate;
use serde::Serialize;

use crate::fact::Direction;
use crate::ledger::Counts;
use crate::ledger::bin::{Bin, Dimension, Tally, What};
use crate::settings::Settings;
use crate::window::Window;

pub use change::{Change, Point};

/// The 97.5 % quantile of the normal distribution: two-sided 95 % confidence.
const Z_95: f64 = 1.959_963_984_540_054;

/// What is to be known of a metric before its number is believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct About {
    pub formula: &'static str,
    /// Lowest and highest possible answer, and what the value itself ranges over.
    pub scale: &'static str,
    /// Which end of the value is the good one.
    pub direction: Direction,
    /// What `n` counts.
    pub denominator: &'static str,
    /// Which day something belongs to.
    pub dated: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// What it does not say.
    pub caveat: &'static str,
}

/// What all scores have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Estimate {
    /// `None` without answers: no answers are not a score of zero.
    pub value: Option<f64>,
    /// How many answers the value rests on.
    pub n: u64,
    /// The range that holds the true value with 95 % confidence; `None` where the answers do not carry one.
    pub interval: Option<[f64; 2]>,
    #[serde(flatten)]
    pub about: &'static About,
}

impl Estimate {
    /// A share in percent, with Wilson's interval.
    pub fn share(hits: u64, n: u64, about: &'static About) -> Self {
        let share = wilson::share(hits, n);
        Self {
            value: share.map(|(share, _)| 100.0 * share),
            n,
            interval: share.map(|(_, interval)| interval.map(|bound| 100.0 * bound)),
            about,
        }
    }

    /// A number that nothing was estimated for.
    pub fn exact(value: Option<f64>, n: u64, about: &'static About) -> Self {
        Self { value, n, interval: None, about }
    }
}

/// One metric.
pub trait Score: Serialize {
    /// Its name in paths and answers. Stable: it stands in merchants' dashboards.
    const NAME: &'static str;
    /// By what it can be asked for.
    const BY: &'static [Dimension];

    fn of(slice: &Slice<'_>) -> Self;
    fn estimate(&self) -> &Estimate;
}

/// A part of the ledger, and what is needed to understand it.
pub struct Slice<'a> {
    /// What was asked for.
    counts: &'a Counts,
    /// Each bin of it, how often it was seen, and the sum of its weights. Most scores need no days.
    sums: Vec<(&'a Bin, u64, i64)>,
    /// The same days without a filter.
    whole: &'a Counts,
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// When this is asked: some things take time to be known.
    pub today: NaiveDate,
    pub settings: &'a Settings,
    /// Of a point in a trend only the estimate is needed.
    pub in_full: bool,
}

impl<'a> Slice<'a> {
    /// `counts` is what was asked for, `whole` the same days without a filter.
    pub fn new(
        (counts, whole): (&'a Counts, &'a Counts),
        Window { from, to }: Window,
        today: NaiveDate,
        settings: &'a Settings,
        in_full: bool,
    ) -> Self {
        let seen = counts.within(from, to).filter(|(_, days)| !days.is_empty());
        let sums = seen.map(|(bin, days)| {
            let count = days.iter().map(|(_, tally)| tally.count()).sum();
            (bin, count, days.iter().fold(0, |sum: i64, (_, tally)| sum.saturating_add(tally.sum)))
        });
        Self { counts, sums: sums.collect(), whole, from, to, today, settings, in_full }
    }

    /// What happened, how often, and the sum of its weights.
    pub fn whats(&self) -> impl Iterator<Item = (&'a What, u64, i64)> {
        self.sums.iter().map(|(bin, count, sum)| (&bin.what, *count, *sum))
    }

    /// What `wanted` takes of that, day by day.
    pub fn by_day<T: Copy>(
        &self,
        wanted: impl Fn(&'a What) -> Option<T>,
    ) -> impl Iterator<Item = (NaiveDate, T, Tally)> {
        let bins = self.counts.within(self.from, self.to);
        let bins = bins.filter_map(move |(bin, days)| Some((wanted(&bin.what)?, days)));
        bins.flat_map(|(taken, days)| days.iter().map(move |(date, tally)| (*date, taken, *tally)))
    }

    /// Whether whatever may follow within so many days would be known by now.
    pub fn is_ripe(&self, date: NaiveDate, days: u16) -> bool {
        (self.today - date).num_days() > i64::from(days)
    }
}

/// Counts as floating point: exact below 2^53, which is more answers than people can give.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Sums as floating point, likewise.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn signed(sum: i64) -> f64 {
    sum as f64
}

#[cfg(test)]
#[track_caller]
fn assert_near(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected}");
}

//! Who comes back, and who has gone.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::spread::Spread;
use super::{About, Estimate, Score, Slice, float, wilson};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, WITHIN, What, middle};

/// The window of the rate that is shown first.
const DAYS: u16 = 90;

/// Repeat purchase rate: the share of new customers who bought again within 90 days, in percent; and by month of the first
/// purchase and other windows.
///
/// Only customers whose 90 days are over count, because the others may still come.
///
/// What it does not say: why they came back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RepeatRate {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// New customers whose 90 days are not over: not in this score yet.
    pub young: u64,
    /// By month of the first purchase, oldest first.
    pub cohorts: Vec<Cohort>,
}

/// The customers of one month.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cohort {
    /// First day of the month.
    #[cfg_attr(test, schemars(with = "String"))]
    pub month: NaiveDate,
    pub customers: u64,
    pub within: Vec<Within>,
}

/// How many of a cohort bought again within so many days.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Within {
    pub days: u16,
    pub again: u64,
    /// Customers whose days are over.
    pub n: u64,
    /// In percent, of those.
    pub share: Option<f64>,
    pub interval: Option<[f64; 2]>,
    /// Whether the days of all of the cohort are over. Until then the share is of the older ones only.
    pub ripe: bool,
}

impl RepeatRate {
    pub const ABOUT: About = About {
        formula: "100 * (bought again within 90 days of the first purchase) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "customers whose first purchase was at least 90 days ago; test orders, cancelled and fully refunded ones are no purchases",
        dated: "the day of the first purchase",
        source: "https://www.runfutureproof.com/terms/repeat-purchase-rate",
        caveat: "Guests under two addresses are two customers until something names both. Not why they came back.",
    };
}

impl Score for RepeatRate {
    const NAME: &'static str = "repeat_rate";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [mut again, mut n, mut young] = [0; 3];
        let mut cohorts: BTreeMap<NaiveDate, Cohort> = BTreeMap::new();
        let customers = slice.by_day(|what| match what {
            What::Customer { again_within } => Some(*again_within),
            _ => None,
        });
        for (date, again_within, tally) in customers {
            let count = tally.count();
            let month = date.with_day(1).unwrap_or(date);
            let cohort = cohorts.entry(month).or_insert_with(|| Cohort {
                month,
                customers: 0,
                within: WITHIN
                    .map(|days| Within { days, again: 0, n: 0, share: None, interval: None, ripe: true })
                    .into(),
            });
            cohort.customers += count;
            for within in &mut cohort.within {
                if !slice.is_ripe(date, within.days) {
                    within.ripe = false;
                    continue;
                }
                within.n += count;
                if again_within.is_some_and(|days| days <= within.days) {
                    within.again += count;
                }
            }
            if slice.is_ripe(date, DAYS) {
                n += count;
                again += if again_within.is_some_and(|days| days <= DAYS) { count } else { 0 };
            } else {
                young += count;
            }
        }
        for within in cohorts.values_mut().flat_map(|cohort| &mut cohort.within) {
            let share = wilson::share(within.again, within.n);
            within.share = share.map(|(share, _)| 100.0 * share);
            within.interval = share.map(|(_, interval)| interval.map(|bound| 100.0 * bound));
        }
        let cohorts = cohorts.into_values().filter(|cohort| cohort.customers > 0).collect();
        Self { estimate: Estimate::share(again, n, &Self::ABOUT), young, cohorts }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// Lapse: the share of customers who have been silent for longer than is usual for them, in percent.
///
/// Nobody says goodbye to a shop, so this is a rule and not a fact: silent for longer than the customer's own longest pause
/// between two purchases, or, after a single purchase, longer than nine of ten pauses of all customers.
///
/// What it does not say: that they will not come back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lapse {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub lapsed: u64,
    /// Nine of ten pauses between two purchases in the window were not longer, in days.
    pub usual_pause: Option<f64>,
    /// Customers with a single purchase, who cannot be judged because nobody has bought twice.
    pub unknown: u64,
}

impl Lapse {
    pub const ABOUT: About = About {
        formula: "100 * (silent for longer than their own longest pause; after one purchase, than the 90th percentile of all pauses) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::Low,
        denominator: "customers whose last purchase falls into the window; silence is counted up to today",
        dated: "the day of the last purchase",
        source: "Fader and Hardie, J. Interactive Marketing 23, 2009: where no contract ends, only silence can be seen",
        caveat: "A rule, not a fact: lapsed customers may come back. Pauses are counted to within 3.2 %.",
    };
}

impl Score for Lapse {
    const NAME: &'static str = "lapse";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let pauses: Spread = slice
            .whats()
            .filter_map(|(what, count, _)| match what {
                What::Pause { days } => Some((middle(*days), count)),
                _ => None,
            })
            .collect();
        let usual_pause = pauses.quantile(0.9);
        let [mut lapsed, mut n, mut unknown] = [0; 3];
        let customers = slice.by_day(|what| match what {
            What::LastOrder { longest_pause } => Some(*longest_pause),
            _ => None,
        });
        for (date, longest_pause, tally) in customers {
            let silent = float((slice.today - date).num_days().max(0).unsigned_abs());
            let Some(allowed) = longest_pause.map(middle).or(usual_pause) else {
                unknown += tally.count();
                continue;
            };
            n += tally.count();
            lapsed += if silent > allowed { tally.count() } else { 0 };
        }
        Self { estimate: Estimate::share(lapsed, n, &Self::ABOUT), lapsed, usual_pause, unknown }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

//! Whether parcels come when they were promised.

use serde::Serialize;

use super::{About, Estimate, Score, Slice};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What};

/// On-time delivery: the share of promised parcels that came in time, in percent.
///
/// In time is until the end of the promised day where the parcel goes. The first promise counts, or lateness could be
/// edited away. A parcel that is overdue counts as late before it has come.
///
/// What it does not say: whether the promise was a good one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OnTime {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub in_time: u64,
    /// Delivered after the promised day.
    pub late: u64,
    /// Not delivered, and the promised day is over.
    pub overdue: u64,
    /// Delivered, and nothing had been promised: not in this score.
    pub without_promise: u64,
    /// How many of the late were one day late, two, three, four to seven, and more.
    pub days_late: [u64; 5],
}

impl OnTime {
    pub const ABOUT: About = About {
        formula: "100 * (delivered by the end of the first promised day) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "parcels with a promise that are delivered or overdue; those called off or sent back are left out",
        dated: "the day of delivery; of what is overdue, the promised day",
        source: "the order's promised day, else the carrier's first estimate",
        caveat: "Not whether the promise was a good one, and nothing about parcels without one.",
    };
}

impl Score for OnTime {
    const NAME: &'static str = "on_time";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [mut in_time, mut late, mut overdue, mut without_promise] = [0; 4];
        let mut days_late = [0; 5];
        let parcels = |what| matches!(what, &What::Delivered { .. } | &What::Awaited).then_some(what);
        for (date, what, tally) in slice.by_day(parcels) {
            let count = tally.count();
            match *what {
                What::Delivered { late: Some(0) } => in_time += count,
                What::Delivered { late: Some(days) } => {
                    late += count;
                    let place = match days {
                        ..=3 => usize::from(days) - 1,
                        4..=7 => 3,
                        _ => 4,
                    };
                    days_late[place] += count;
                }
                What::Delivered { late: None } => without_promise += count,
                What::Awaited if date < slice.today => overdue += count,
                _ => {}
            }
        }
        let estimate = Estimate::share(in_time, in_time + late + overdue, &Self::ABOUT);
        Self { estimate, in_time, late, overdue, without_promise, days_late }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

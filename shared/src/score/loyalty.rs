//! Points and tiers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice, float};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What};

/// Points that people earned, by what today's rules give for what they did; and how many reached each tier.
///
/// What it does not say: how many points are still good, or whether anybody came back for them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Points {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Points by what they were for: `purchases`, `reviews`, `answers`.
    pub earned_by: BTreeMap<&'static str, u64>,
    /// How often each tier was reached.
    pub tiers: BTreeMap<String, u64>,
}

impl Points {
    pub const ABOUT: About = About {
        formula: "per_unit * whole units paid and kept + per_review * reviews + per_photo * photos + per_answer * answers, by the settings of today",
        scale: "points",
        direction: Direction::High,
        denominator: "purchases paid, reviews and answers",
        dated: "the day of payment, review or answer; a tier on the day it was noted",
        source: "the loyalty playbook's account",
        caveat: "Earned, not what is left: points that expired are in it.",
    };
}

impl Score for Points {
    const NAME: &'static str = "points";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let rules = &slice.settings.loyalty;
        let [mut purchases, mut reviews, mut answers, mut n] = [0_u64; 4];
        let mut tiers: BTreeMap<String, u64> = BTreeMap::new();
        for (what, count, sum) in slice.whats() {
            let sum = sum.max(0).unsigned_abs();
            match what {
                What::Paid => purchases += sum * u64::from(rules.per_unit),
                What::Review { .. } => {
                    reviews += count * u64::from(rules.per_review) + sum * u64::from(rules.per_photo);
                }
                What::Answer { .. } => answers += count * u64::from(rules.per_answer),
                What::Tier { name } => {
                    *tiers.entry(name.clone()).or_default() += count;
                    continue;
                }
                _ => continue,
            }
            n += count;
        }
        let value = (n > 0).then(|| float(purchases + reviews + answers));
        let earned_by =
            BTreeMap::from([("purchases", purchases), ("reviews", reviews), ("answers", answers)]);
        Self { estimate: Estimate::exact(value, n, &Self::ABOUT), earned_by, tiers }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

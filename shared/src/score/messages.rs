//! What became of messages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What};

/// Messages by the state they are in, with the reason and the playbook; and how many of those that were decided on reached
/// a provider that did not give them back.
///
/// What it does not say: whether anybody read them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Messages {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// How many are in each state: `sent`, `skipped`, ...
    pub states: BTreeMap<String, u64>,
    /// Of those that are put off or were not sent, how many for which class of reasons.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The states of each playbook's messages.
    pub playbooks: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Messages {
    pub const ABOUT: About = About {
        formula: "100 * (sent, delivered or complained of) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "messages that have ended: sent, delivered, bounced, complained, failed, unknown, skipped, merged, expired",
        dated: "the day the message reached its present state",
        source: "the message's own steps",
        caveat: "Skipped is often right: somebody opted out, or was told already. Not whether anybody read them.",
    };
}

impl Score for Messages {
    const NAME: &'static str = "messages";
    const BY: &'static [Dimension] = &[Dimension::Playbook, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut states: BTreeMap<String, u64> = BTreeMap::new();
        let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut playbooks: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (what, count, _) in slice.whats() {
            let What::Message { playbook, state, reason } = what else { continue };
            *states.entry(state.clone()).or_default() += count;
            *playbooks.entry(playbook.clone()).or_default().entry(state.clone()).or_default() += count;
            if let Some(reason) = reason {
                *reasons.entry(reason.as_str()).or_default() += count;
            }
        }
        let of = |names: &[&str]| names.iter().filter_map(|name| states.get(*name)).sum::<u64>();
        let reached = of(&["sent", "delivered", "complained"]);
        let open = of(&["deferred", "sending", "retry"]);
        let all: u64 = states.values().sum();
        Self { estimate: Estimate::share(reached, all - open, &Self::ABOUT), states, reasons, playbooks }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

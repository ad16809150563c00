//! Who answers, and what the unhappy complain of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, Invitation, What};

/// Survey response rate: how many of the invitations that arrived were answered, in percent.
///
/// Several answers to one invitation count once; an answer belongs to the last invitation before it, within 30 days.
///
/// What it does not say: whether those who did not answer feel the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ResponseRate {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub answered: u64,
    /// Invitations that came back: nobody could answer them.
    pub bounced: u64,
}

impl ResponseRate {
    pub const ABOUT: About = About {
        formula: "100 * answered / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "invitations that a provider took and that did not bounce",
        dated: "the day the invitation was sent",
        source: "AAPOR Standard Definitions: response rate over those who were reached",
        caveat: "Invitations of the last 30 days may still be answered. Not whether the silent feel the same.",
    };

    pub fn from_counts(answered: u64, silent: u64, bounced: u64) -> Self {
        Self { estimate: Estimate::share(answered, answered + silent, &Self::ABOUT), answered, bounced }
    }
}

impl Score for ResponseRate {
    const NAME: &'static str = "response_rate";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let (mut answered, mut silent, mut bounced) = (0, 0, 0);
        for (what, count, _) in slice.whats() {
            match what {
                What::Asked { outcome: Invitation::Answered } => answered += count,
                What::Asked { outcome: Invitation::Silent } => silent += count,
                What::Asked { outcome: Invitation::Bounced } => bounced += count,
                _ => {}
            }
        }
        Self::from_counts(answered, silent, bounced)
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// What unhappy people complain of most: the tags of their answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reasons {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Most frequent first, at most twenty.
    pub reasons: Vec<Complaint>,
}

/// A tag, and how many unhappy answers have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Complaint {
    pub reason: String,
    pub count: u64,
}

impl Reasons {
    pub const ABOUT: About = About {
        formula: "share of the most frequent reason, 100 * its count / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::Low,
        denominator: "reasons on answers of NPS 0-6 and of the lower third of other scales; an answer may have several",
        dated: "the day of the answer",
        source: "tags as the survey tool sends them",
        caveat: "Only what somebody put a tag on.",
    };
}

impl Score for Reasons {
    const NAME: &'static str = "reasons";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (what, count, _) in slice.whats() {
            if let What::Complaint { tag } = what {
                *counts.entry(tag).or_default() += count;
            }
        }
        let n = counts.values().sum();
        let mut reasons: Vec<Complaint> =
            counts.into_iter().map(|(tag, count)| Complaint { reason: tag.to_owned(), count }).collect();
        reasons.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.reason.cmp(&other.reason)));
        reasons.truncate(20);
        let most = reasons.first().map_or(0, |first| first.count);
        Self { estimate: Estimate::share(most, n, &Self::ABOUT), reasons }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

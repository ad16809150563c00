//! What is counted, and by what questions may be asked.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use crate::fact::{HelpTopic, Scale, SurveyKind};

/// What lines are counted by: lines that are alike in this are one count.
///
/// Raw data wherever settings decide what it means (business hours, points), so that changed settings hold for the past
/// too, and nothing has to be counted again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bin {
    pub what: What,
    #[serde(default, skip_serializing_if = "Dims::is_empty")]
    pub by: Dims,
}

/// One thing that happened. Where it says so, lines have a weight as well, and a count has the sum of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A scored answer, on the day it was given.
    Answer { kind: SurveyKind, score: u8, scale: Scale },
    /// An invitation to a survey, on the day it was sent.
    Asked { outcome: Invitation },
    /// A tag or reason that stands on an unhappy answer.
    Complaint { tag: String },
    /// A public review, rated in hundredths of a star. Weight: how many photos and films it has, up to five.
    Review { rating: u16 },
    /// A parcel, on the day it was delivered. Days after the promise, 0 for in time; `None` where nothing was promised.
    Delivered { late: Option<u16> },
    /// A parcel that was promised and is not delivered, on the day it was promised for.
    Awaited,
    /// A ticket, on the day it was opened, in this quarter of an hour of the UTC day. Minutes to the first answer, see
    /// [`rounded`]; `over` where it was closed without one.
    FirstReply { quarter: u8, minutes: Option<u32>, over: bool },
    /// A ticket, on the day it was opened. Whole days until it was first solved.
    Case { solved_after: Option<u16> },
    /// A ticket, on the day it was last solved. Whether one contact was enough: solved once, never opened again, and
    /// nothing new from the same person within a week.
    Solved { first_contact: bool },
    /// A ticket that people worked on for so many seconds, see [`rounded`]. Weight: the exact number.
    Handled { seconds: u32 },
    /// A question that was put to the page of an order, on that day, and which of the frequent ones had the answer.
    Question { topic: HelpTopic, outcome: Outcome, faq: Option<String> },
    /// The answer to a frequent question helped somebody, on the Monday of its week, so that whoever wants to know what
    /// helps most has few days to read.
    Helped { faq: String },
    /// A message, on the day it reached its present state.
    Message { playbook: String, state: String, reason: Option<Reason> },
    /// Somebody reached a tier, as the loyalty playbook noted.
    Tier { name: String },
    /// A purchase, on the day it was placed. Weight: what it brought after refunds, in minor units.
    Order { currency: String },
    /// A purchase that was paid, on that day. Weight: whole units of currency, after refunds.
    Paid,
    /// A customer, on the day of their first purchase. Within how many days the second came: one of [`WITHIN`].
    Customer { again_within: Option<u16> },
    /// A customer, on the day of their first purchase: further days with purchases, and whole weeks from the first to
    /// the last. Weight: what they brought, in minor units of `currency`.
    Buyer { currency: String, repeats: u16, last_week: u16 },
    /// Squares for the spread of order values, of customers by their first purchase.
    Squares { currency: String, of: Squares },
    /// A customer, on the day of their last purchase. The longest pause between two purchases so far in days, see
    /// [`rounded`].
    LastOrder { longest_pause: Option<u32> },
    /// A further purchase, so many days after the one before, see [`rounded`].
    Pause { days: u32 },
    /// Somebody whom a playbook would write to for the first time, and who was held out or was not. Within how many days
    /// they bought: one of [`WITHIN`].
    Trial { playbook: String, held_out: bool, bought_within: Option<u16> },
    /// A customer's first answer, and what followed: whether they bought within [`AFTERMATH_DAYS`], and how the next answer
    /// of the kind compares. Weight: the difference, from -100 to 100.
    Aftermath { of: Mood, bought: bool, next: Option<Change> },
}

/// Days within which something may follow: the least that holds is kept.
pub const WITHIN: [u16; 5] = [30, 60, 90, 180, 365];

/// So many days after their first answer it is looked at what became of somebody.
pub const AFTERMATH_DAYS: u16 = 90;

/// What came of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invitation {
    Answered,
    Silent,
    /// It did not arrive.
    Bounced,
}

/// What came of a question that was put to the page of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The page was answer enough.
    Answered,
    /// So they said, and asked the team shortly after, some other way.
    CameBack,
    /// The team was asked, on the page.
    Case,
}

/// Which squares a line adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Squares {
    /// Of the value of each of a customer's purchases.
    Each,
    /// Of the sum of so many purchases of one customer, divided by their number.
    Sum { purchases: u16 },
}

/// How somebody's first answer was, and what was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Nothing was wrong.
    Content,
    /// Unhappy, and we apologised.
    Apologised,
    /// Unhappy, and nobody said anything.
    Unattended,
}

/// How an answer compares with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Worse,
    Same,
    Better,
}

impl From<Ordering> for Change {
    fn from(ordering: Ordering) -> Self {
        match ordering {
            Ordering::Less => Self::Worse,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Better,
        }
    }
}

/// Dimensions by which questions may be asked, as far as a line has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Dims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Of the message, or of the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where a review was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Dims {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The name of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Product,
    Channel,
    Country,
    Playbook,
    Source,
}

impl Dimension {
    pub const ALL: [Self; 5] = [Self::Product, Self::Channel, Self::Country, Self::Playbook, Self::Source];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Channel => "channel",
            Self::Country => "country",
            Self::Playbook => "playbook",
            Self::Source => "source",
        }
    }
}

impl Bin {
    /// Which product, channel, ... this is of, if it is known.
    pub fn of(&self, dimension: Dimension) -> Option<&str> {
        match dimension {
            Dimension::Product => self.by.product.as_deref(),
            Dimension::Channel => self.by.channel.as_deref(),
            Dimension::Country => self.by.country.as_deref(),
            Dimension::Source => self.by.source.as_deref(),
            Dimension::Playbook => match &self.what {
                What::Message { playbook, .. } | What::Trial { playbook, .. } => Some(playbook),
                _ => None,
            },
        }
    }

    /// Without what it is of.
    #[must_use]
    pub fn total(&self) -> Self {
        Self { what: self.what.clone(), by: Dims::default() }
    }

    /// Without the product, which has most values.
    #[must_use]
    pub fn without_product(&self) -> Self {
        Self { what: self.what.clone(), by: Dims { product: None, ..self.by.clone() } }
    }
}

/// How many lines there are, and the sum of their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tally {
    pub n: i64,
    pub sum: i64,
}

impl Tally {
    /// One line more.
    pub const fn one(weight: i64) -> Self {
        Self { n: 1, sum: weight }
    }

    /// One line less.
    pub const fn less(weight: i64) -> Self {
        Self { n: -1, sum: -weight }
    }

    pub fn add(&mut self, other: Self) {
        self.n += other.n;
        self.sum = self.sum.saturating_add(other.sum);
    }

    pub fn is_zero(self) -> bool {
        self.n == 0 && self.sum == 0
    }

    /// As a count; late changes may be known before what they change.
    pub fn count(self) -> u64 {
        self.n.max(0).unsigned_abs()
    }
}

/// A duration as it is counted: its five leading binary digits, and zeros. So there are few different ones, and the true
/// one is at most a sixteenth longer.
pub fn rounded(duration: u32) -> u32 {
    let excess = (u32::BITS - duration.leading_zeros()).saturating_sub(5);
    duration >> excess << excess
}

/// The middle of all durations that [`rounded`] makes one: at most 3.2 % from the true one.
pub fn middle(rounded: u32) -> f64 {
    let excess = (u32::BITS - rounded.leading_zeros()).saturating_sub(5);
    f64::from(rounded) + f64::from((1_u32 << excess) - 1) / 2.0
}

#[cfg(test)]
mod tests {
    use super::{middle, rounded};
    use proptest::prelude::*;

    #[test]
    fn short_durations_are_exact() {
        for duration in 0..32 {
            assert_eq!(rounded(duration), duration);
            assert!((middle(duration) - f64::from(duration)).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn long_ones_nearly(duration in 1_u32..100_000_000) {
            let shown = middle(rounded(duration));
            prop_assert!((shown / f64::from(duration) - 1.0).abs() <= 0.032);
            prop_assert_eq!(rounded(rounded(duration)), rounded(duration));
        }
    }
}

//! Messages: what is said to a person, once, and how that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::channel::Provider;
use crate::fact::{Channel, Reach};
use crate::join::Join;
use crate::time::Time;

/// A message's name, a function of its cause alone: however often and in whatever order its causes are reported, it is
/// the same message. Also the idempotency key that providers get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// The message that `playbook` sends because of `cause` (`order:1001`, `answer:a1`).
    pub fn new(playbook: &str, cause: &str) -> Self {
        let digest = Sha256::digest(format!("{playbook}\n{cause}"));
        Self(format!("{playbook}-{}", crate::hex::encode(&digest[..12])))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step in the life of one message, as a fact carries it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageStep {
    pub id: MessageId,
    pub playbook: String,
    /// What it is about: `order:1001`.
    pub cause: String,
    pub step: Step,
    /// The frozen message: stands in the first `sending` and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<Body>>,
    /// What is left of the frozen message when its time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// What the step says of the address the message went to, where it says something of more than this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl MessageStep {
    /// The step with a trace instead of the words. No record tells the two apart: a record keeps words only as long as
    /// they may be sent again.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        if let Some(body) = self.body.take() {
            self.trace = Some(Trace::of(*body));
        }
        self
    }
}

/// What stays of a message whose words are gone: enough to say what it was about, and to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trace {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// SHA-256 of text and HTML, in hex.
    pub sha256: String,
}

impl Trace {
    fn of(body: Body) -> Self {
        let digest =
            Sha256::new().chain_update(&body.text).chain_update([0]).chain_update(&body.html).finalize();
        Self { subject: body.subject, sha256: crate::hex::encode(&digest) }
    }
}

/// A rendered message, frozen before the first attempt: a retry sends these bytes again, so that a provider's
/// idempotency key always meets the body it first came with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Body {
    pub channel: Channel,
    /// Who carries it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provider: Provider,
    /// Goes to the provider and comes back with its callbacks: see [`crate::channel::reference`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Address or number.
    pub to: String,
    pub locale: String,
    /// `Name <address>` for e-mail, a number or sender id for SMS.
    pub from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub html: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_default(provider: &Provider) -> bool {
    *provider == Provider::default()
}

/// A message's life cycle. It starts as a plan, which is not stored: plans follow the facts.
///
/// ```text
/// (planned) ─▶ deferred ─▶ sending ─▶ retry ─▶ sending ─▶ … ─▶ sent ─▶ delivered | bounced ─▶ complained
///     │                        └─▶ failed | unknown
///     └─▶ skipped | merged | expired
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Waits, for quiet hours or a cap.
    Deferred {
        until: Time,
        why: String,
    },
    /// About to be handed to the provider; stored before the call.
    Sending {
        attempt: u32,
    },
    /// The provider said: later; or its answer was lost.
    Retry {
        attempt: u32,
        until: Time,
        why: String,
        /// This attempt, or one before it, may have been carried out all the same.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe_sent: bool,
        /// This attempt was not made after all: the provider had asked for a pause, or the sweep's time was up. It
        /// does not count.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        held: bool,
    },
    /// Decided against; nothing was handed over.
    Skipped {
        why: String,
    },
    /// Said as a part of another message.
    Merged {
        into: MessageId,
    },
    /// Too late to be useful.
    Expired {
        why: String,
    },
    /// The provider refused it for good.
    Failed {
        why: String,
    },
    /// Handed over, but the answer was lost and the provider cannot be asked twice.
    Unknown {
        why: String,
    },
    /// The provider took it.
    Sent {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
    },
    Delivered,
    Bounced {
        why: String,
    },
    Complained,
}

impl Step {
    /// Position in the life cycle; what is further wins, whichever was heard of first.
    /// `Sent` outranks `Failed` and `Unknown`, because a provider's receipt is evidence and they are guesses.
    fn rank(&self) -> (u8, u32, u8) {
        match self {
            Self::Deferred { .. } => (0, 0, 0),
            Self::Sending { attempt } => (1, *attempt, 0),
            Self::Retry { attempt, .. } => (1, *attempt, 1),
            Self::Skipped { .. } => (2, 0, 0),
            Self::Merged { .. } => (2, 0, 1),
            Self::Expired { .. } => (2, 0, 2),
            Self::Unknown { .. } => (2, 0, 3),
            Self::Failed { .. } => (2, 0, 4),
            Self::Sent { .. } => (3, 0, 0),
            Self::Delivered => (4, 0, 0),
            Self::Bounced { .. } => (4, 0, 1),
            Self::Complained => (5, 0, 0),
        }
    }

    /// Nothing of ours follows; provider reports still may.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Deferred { .. } | Self::Sending { .. } | Self::Retry { .. })
    }

    /// Did it reach the provider, as far as we know?
    pub fn is_sent(&self) -> bool {
        self.rank().0 >= 3
    }

    /// Every state's name, from the first to the last.
    pub const NAMES: [&str; 12] = [
        "deferred",
        "sending",
        "retry",
        "skipped",
        "merged",
        "expired",
        "unknown",
        "failed",
        "sent",
        "delivered",
        "bounced",
        "complained",
    ];

    /// Why it was taken, where there is more to say than its name.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Deferred { why, .. }
            | Self::Retry { why, .. }
            | Self::Skipped { why }
            | Self::Expired { why }
            | Self::Unknown { why }
            | Self::Failed { why }
            | Self::Bounced { why } => Some(why.clone()),
            Self::Merged { into } => Some(["part of ", into.as_str()].concat()),
            Self::Sending { .. } | Self::Sent { .. } | Self::Delivered | Self::Complained => None,
        }
    }

    /// When it is looked at again.
    pub const fn until(&self) -> Option<Time> {
        match self {
            Self::Deferred { until, .. } | Self::Retry { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The state's stable name: `sent`, `skipped`, ...
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Deferred { .. } => "deferred",
            Self::Sending { .. } => "sending",
            Self::Retry { .. } => "retry",
            Self::Skipped { .. } => "skipped",
            Self::Merged { .. } => "merged",
            Self::Expired { .. } => "expired",
            Self::Unknown { .. } => "unknown",
            Self::Failed { .. } => "failed",
            Self::Sent { .. } => "sent",
            Self::Delivered => "delivered",
            Self::Bounced { .. } => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// All that is known of one message: the join of its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub playbook: String,
    pub cause: String,
    /// Every step with its time.
    pub steps: BTreeSet<(Time, Step)>,
    /// Kept as long as it may be sent again; afterwards it only stands in its segment. Bodies are most of a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<Body>>,
}

impl Message {
    pub fn from_step(at: Time, step: MessageStep) -> (MessageId, Self) {
        let MessageStep { id, playbook, cause, step, body, trace: _, reach: _ } = step;
        let body = body.filter(|_| !step.is_terminal());
        (id, Self { playbook, cause, steps: BTreeSet::from([(at, step)]), body })
    }

    /// The furthest step reached and when. Every message has one.
    pub fn state(&self) -> Option<&(Time, Step)> {
        self.steps.iter().max_by(|(at, step), (other_at, other)| {
            step.rank().cmp(&other.rank()).then_with(|| at.cmp(other_at)).then_with(|| step.cmp(other))
        })
    }
}

impl Message {
    /// How many of the first `attempt` attempts were made, as far as anybody knows.
    pub fn tries(&self, attempt: u32) -> u32 {
        let held =
            self.steps.iter().filter(|(_, step)| matches!(step, Step::Retry { held: true, .. })).count();
        attempt.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX)).max(1)
    }

    /// May an attempt have been carried out although nobody heard of it? Once that is so it stays so.
    pub fn maybe_sent(&self) -> bool {
        self.steps.iter().any(|(_, step)| matches!(step, Step::Retry { maybe_sent: true, .. }))
    }
}

impl Join for Message {
    fn join(&mut self, other: Self) {
        // Playbook and cause are functions of the id; should a sender of facts ever disagree, any fixed choice will do.
        if (&other.playbook, &other.cause) < (&self.playbook, &self.cause) {
            self.playbook = other.playbook;
            self.cause = other.cause;
        }
        self.steps.extend(other.steps);
        self.body = match (self.body.take(), other.body) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        if self.state().is_some_and(|(_, step)| step.is_terminal()) {
            self.body = None;
        }
    }
}

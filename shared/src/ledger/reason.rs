//! Why a message is in its state, in a few words that can be counted.

use serde::{Deserialize, Serialize};

use crate::message::Step;

/// A class of reasons. The reason itself stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Opted out, or never agreed where that is needed.
    Consent,
    /// Nothing is sent at night.
    QuietHours,
    /// As many messages as the cap allows.
    Cap,
    /// Nothing is advertised to somebody who is unhappy.
    Unhappy,
    /// Held out, so that the effect can be measured.
    Holdout,
    /// Something like it was said before.
    SaidBefore,
    /// A setting or a provider is missing.
    Setup,
    /// They asked to be forgotten, or the shop left.
    Forgotten,
    /// Too late to be of use.
    TooLate,
    /// Things have moved on: cancelled, returned, delivered, opened again.
    Overtaken,
    /// The provider's, or the mailbox's.
    Provider,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::QuietHours => "quiet_hours",
            Self::Cap => "cap",
            Self::Unhappy => "unhappy",
            Self::Holdout => "holdout",
            Self::SaidBefore => "said_before",
            Self::Setup => "setup",
            Self::Forgotten => "forgotten",
            Self::TooLate => "too_late",
            Self::Overtaken => "overtaken",
            Self::Provider => "provider",
        }
    }

    /// The class of a step's reason; `None` for steps that need none.
    pub fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Deferred { why, .. } | Step::Skipped { why } => Some(Self::of_words(why)),
            Step::Expired { .. } => Some(Self::TooLate),
            Step::Retry { .. } | Step::Failed { .. } | Step::Unknown { .. } | Step::Bounced { .. } => {
                Some(Self::Provider)
            }
            Step::Merged { .. } => Some(Self::SaidBefore),
            Step::Sending { .. } | Step::Sent { .. } | Step::Delivered | Step::Complained => None,
        }
    }

    /// Old messages have their reasons in words, so words are what this goes by. See the table in the tests.
    fn of_words(why: &str) -> Self {
        const BEGINNINGS: [(&str, Reason); 21] = [
            ("opted out", Reason::Consent),
            ("no consent", Reason::Consent),
            ("reported an earlier message", Reason::Consent),
            ("it is night", Reason::QuietHours),
            ("they had as many messages", Reason::Cap),
            ("nothing is advertised", Reason::Unhappy),
            ("holdout", Reason::Holdout),
            ("they were asked", Reason::SaidBefore),
            ("they answered", Reason::SaidBefore),
            ("they were invited", Reason::SaidBefore),
            ("they were told", Reason::SaidBefore),
            ("they were congratulated", Reason::SaidBefore),
            ("they have written", Reason::SaidBefore),
            ("an apology for", Reason::SaidBefore),
            ("a higher tier", Reason::SaidBefore),
            ("none of its channels", Reason::Setup),
            ("no address for the team", Reason::Setup),
            ("no postal address", Reason::Setup),
            ("no `link_keys`", Reason::Setup),
            ("there is no page", Reason::Setup),
            ("they asked to be forgotten", Reason::Forgotten),
        ];
        let known = BEGINNINGS.iter().find(|(beginning, _)| why.starts_with(beginning));
        known.map_or(Self::Overtaken, |(_, reason)| *reason)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;
    use crate::message::Step;

    #[test]
    fn words_have_a_class() {
        for (why, class) in [
            ("opted out of this channel", Reason::Consent),
            ("no consent to marketing on this channel", Reason::Consent),
            ("it is night where they are", Reason::QuietHours),
            ("they were asked within the quarantine", Reason::SaidBefore),
            ("holdout group: nothing is sent, so that the effect can be measured", Reason::Holdout),
            ("order cancelled", Reason::Overtaken),
            ("no longer called for", Reason::Overtaken),
        ] {
            assert_eq!(Reason::of(&Step::Skipped { why: why.to_owned() }), Some(class), "{why}");
        }
        assert_eq!(Reason::of(&Step::Delivered), None);
    }
}

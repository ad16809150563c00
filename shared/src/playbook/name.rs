//! The playbooks by name, and what they are by default.

use serde::{Deserialize, Serialize};

use crate::fact::Channel;
use crate::settings::{Settings, Span};

/// Names are public: they stand in settings, dashboards and message ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", try_from = "String")]
#[cfg_attr(test, schemars(!try_from))]
pub enum Name {
    ThankYou,
    ShipmentStatus,
    Delay,
    Recovery,
    Help,
    Returns,
    ReviewThanks,
    Onboarding,
    Survey,
    ReviewRequest,
    Struggle,
    Advocate,
    Loyalty,
    Milestones,
    Replenish,
    WinBack,
    Digest,
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or("there is no playbook of this name")
    }
}

/// What a message is for, which decides what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// About an order or a request that is under way. Needs no consent, goes at any time, and carries no promotion.
    Service,
    /// About what somebody bought: surveys, review requests, tips. Needs no consent beforehand, but ends with an
    /// opt-out, and carries all that subscription mail carries.
    Relation,
    /// To sell something. Needs consent for the channel.
    Marketing,
}

/// What a playbook is before a merchant changes it.
#[derive(Debug, Clone, Copy)]
struct Standard {
    name: &'static str,
    purpose: Purpose,
    /// From what happened to what is said.
    delay: Span,
    /// How long after that it is still of use.
    expires: Span,
}

const fn standard(name: &'static str, purpose: Purpose, delay: Span, expires: Span) -> Standard {
    Standard { name, purpose, delay, expires }
}

impl Name {
    pub const ALL: [Self; 17] = [
        Self::ThankYou,
        Self::ShipmentStatus,
        Self::Delay,
        Self::Recovery,
        Self::Help,
        Self::Returns,
        Self::ReviewThanks,
        Self::Onboarding,
        Self::Survey,
        Self::ReviewRequest,
        Self::Struggle,
        Self::Advocate,
        Self::Loyalty,
        Self::Milestones,
        Self::Replenish,
        Self::WinBack,
        Self::Digest,
    ];

    const fn standard(self) -> Standard {
        use Purpose::{Marketing, Relation, Service};
        let now = Span::minutes(0);
        match self {
            Self::ThankYou => standard("thank-you", Service, now, Span::days(2)),
            Self::ShipmentStatus => standard("shipment-status", Service, now, Span::days(1)),
            // After the end of the day of the promise: carriers report late in the evening what they delivered.
            Self::Delay => standard("delay", Service, Span::hours(2), Span::days(3)),
            Self::Recovery => standard("recovery", Service, now, Span::days(7)),
            Self::Help => standard("help", Service, now, Span::days(7)),
            Self::Returns => standard("returns", Service, now, Span::days(3)),
            Self::ReviewThanks => standard("review-thanks", Service, now, Span::days(7)),
            Self::Onboarding => standard("onboarding", Relation, now, Span::days(5)),
            Self::Survey => standard("survey", Relation, Span::days(5), Span::days(14)),
            Self::ReviewRequest => standard("review-request", Relation, Span::days(14), Span::days(30)),
            Self::Struggle => standard("struggle", Relation, now, Span::days(14)),
            Self::Advocate => standard("advocate", Marketing, Span::days(1), Span::days(14)),
            Self::Loyalty => standard("loyalty", Marketing, now, Span::days(14)),
            Self::Milestones => standard("milestones", Marketing, now, Span::days(3)),
            Self::Replenish => standard("replenish", Marketing, now, Span::days(14)),
            Self::WinBack => standard("win-back", Marketing, Span::days(120), Span::days(30)),
            // After Monday began, on the shop's clock.
            Self::Digest => standard("digest", Service, Span::hours(9), Span::days(2)),
        }
    }

    /// As it is written everywhere: `thank-you`.
    pub const fn as_str(self) -> &'static str {
        self.standard().name
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    pub const fn purpose(self) -> Purpose {
        self.standard().purpose
    }

    /// From what happened to what is said.
    pub fn delay(self, settings: &Settings) -> Span {
        settings.of(self).and_then(|own| own.delay).unwrap_or(self.standard().delay)
    }

    /// How long a message is of use once it is due.
    pub fn expires(self, settings: &Settings) -> Span {
        settings.of(self).and_then(|own| own.expires).unwrap_or(self.standard().expires)
    }

    /// In order of preference.
    pub fn channels(self, settings: &Settings) -> &[Channel] {
        settings.of(self).and_then(|own| own.channels.as_deref()).unwrap_or(&[Channel::Email])
    }

    /// Percent of people who get nothing from it, so that its effect can be seen. Never of service.
    pub fn holdout(self, settings: &Settings) -> u8 {
        if self.purpose() == Purpose::Service {
            return 0;
        }
        settings.of(self).and_then(|own| own.holdout).unwrap_or(settings.holdout)
    }
}

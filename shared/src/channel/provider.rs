//! The providers, by name: who carries a message, and what may be done when an answer is lost.

use chrono::TimeDelta;
use http::{Request, Response};
use serde::{Deserialize, Serialize};

use super::{CallError, Outcome, Outgoing, postmark, resend, sendgrid, slack, twilio, unanswered, webhook};
use crate::fact::Channel;
use crate::key::Key;
use crate::render;
use crate::time::Time;

/// Who carries a message. It is frozen with the message: a retry after the configuration was changed goes the way that
/// the first attempt went, or nobody could say whether it was sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Also the local outbox, which speaks the same language. Messages that were frozen before there was a choice are
    /// Resend's.
    #[default]
    Resend,
    Postmark,
    Sendgrid,
    Twilio,
    Slack,
    Webhook,
}

impl Provider {
    pub const ALL: [Self; 6] =
        [Self::Resend, Self::Postmark, Self::Sendgrid, Self::Twilio, Self::Slack, Self::Webhook];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Postmark => "postmark",
            Self::Sendgrid => "sendgrid",
            Self::Twilio => "twilio",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }

    /// How long after the first attempt the same message may be handed over again although an answer was lost. `None`:
    /// never, because the provider knows no idempotency keys, and a second attempt is a second message.
    pub const fn idempotent_for(self) -> Option<TimeDelta> {
        match self {
            Self::Resend => Some(resend::IDEMPOTENT_FOR),
            // The receiver's own duty: `webhook-id` is the same on every attempt.
            Self::Webhook => Some(webhook::IDEMPOTENT_FOR),
            Self::Postmark | Self::Sendgrid | Self::Twilio | Self::Slack => None,
        }
    }

    /// May a message that was perhaps sent be handed over again at `now`?
    pub fn may_be_asked_again(self, first_attempt_at: Time, now: Time) -> bool {
        self.idempotent_for().is_some_and(|known_for| now - first_attempt_at < known_for)
    }

    /// What the provider's answer means.
    pub fn classify(self, answer: &Result<Response<Vec<u8>>, CallError>, now: Time) -> Outcome {
        let response = match answer {
            Err(error) => return unanswered(error),
            Ok(response) => response,
        };
        match self {
            Self::Resend => resend::classify(response),
            Self::Postmark => postmark::classify(response),
            Self::Sendgrid => sendgrid::classify(response, now),
            Self::Twilio => twilio::classify(response),
            Self::Slack => slack::classify(response),
            Self::Webhook => webhook::classify(response),
        }
    }
}

/// Every provider that is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Providers {
    /// The real one, or the outbox.
    pub resend: Option<resend::Config>,
    pub postmark: Option<postmark::Config>,
    pub sendgrid: Option<sendgrid::Config>,
    pub twilio: Option<twilio::Config>,
    pub slack: Option<slack::Config>,
    pub webhook: Option<webhook::Config>,
}

impl From<resend::Config> for Providers {
    fn from(resend: resend::Config) -> Self {
        Self { resend: Some(resend), ..Self::default() }
    }
}

impl Providers {
    /// The one that takes new messages of a channel: the first that is configured.
    pub fn of(&self, channel: Channel) -> Option<Provider> {
        let twilio = |number: fn(&twilio::Config) -> &String| {
            self.twilio.as_ref().is_some_and(|config| !number(config).is_empty())
        };
        match channel {
            Channel::Email => self
                .resend
                .as_ref()
                .map(|_| Provider::Resend)
                .or_else(|| self.postmark.as_ref().map(|_| Provider::Postmark))
                .or_else(|| self.sendgrid.as_ref().map(|_| Provider::Sendgrid)),
            Channel::Sms => twilio(|config| &config.from).then_some(Provider::Twilio),
            Channel::Whatsapp => twilio(|config| &config.whatsapp_from).then_some(Provider::Twilio),
            Channel::Slack => self.slack.as_ref().map(|_| Provider::Slack),
            Channel::Webhook => self.webhook.as_ref().map(|_| Provider::Webhook),
        }
    }

    /// Channels that have a provider.
    pub fn channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.of(*channel).is_some()).collect()
    }

    /// The call that hands `message` over to the provider it was frozen for; or what becomes of it without a call.
    pub fn request(&self, message: &Outgoing<'_>, now: Time) -> Result<Request<Vec<u8>>, Outcome> {
        if let Some(why) = unfit(message) {
            return Err(Outcome::Refused { why: why.to_owned() });
        }
        let provider = message.body.provider;
        // `None` where there is no configuration, `Some(None)` where there is no such request.
        let request = match provider {
            Provider::Resend => self.resend.as_ref().map(|config| resend::request(message, config)),
            Provider::Postmark => self.postmark.as_ref().map(|config| postmark::request(message, config)),
            Provider::Sendgrid => self.sendgrid.as_ref().map(|config| sendgrid::request(message, config)),
            Provider::Twilio => self.twilio.as_ref().map(|config| twilio::request(message, config)),
            Provider::Slack => self.slack.as_ref().map(|config| slack::request(message, config)),
            Provider::Webhook => self.webhook.as_ref().map(|config| webhook::request(message, config, now)),
        };
        match request {
            Some(Some(request)) => Ok(request),
            Some(None) => Err(Outcome::Refused { why: "it does not fit into a request".to_owned() }),
            None => {
                let why = ["it was begun with ", provider.as_str(), ", which is not configured any more"];
                Err(Outcome::Later { after: None, why: why.concat() })
            }
        }
    }
}

/// Why a message must not come near a header. It was cleaned when it was put into words; this is the last door.
fn unfit(message: &Outgoing<'_>) -> Option<&'static str> {
    let body = message.body;
    let breaks = |text: &str| text.chars().any(char::is_control);
    let headers = body.headers.iter().any(|(name, value)| breaks(name) || breaks(value));
    if headers || [&body.to, &body.from, &body.subject].into_iter().any(|text| breaks(text)) {
        return Some("an address, a subject or a header holds a line break");
    }
    let reachable = match body.channel {
        Channel::Email => render::is_address(&body.to),
        Channel::Sms | Channel::Whatsapp => Key::phone(&body.to).is_some_and(|key| key.id() == body.to),
        Channel::Slack | Channel::Webhook => true,
    };
    (!reachable).then_some("the recipient is neither one e-mail address nor one number with its country code")
}

#[cfg(test)]
mod tests;

//! Channels: how a rendered message reaches a person.
//!
//! One file a provider: a request builder and an answer classifier, both pure.

pub mod event;
#[cfg(test)]
mod openapi;
pub mod postmark;
mod provider;
pub mod reference;
pub mod resend;
pub mod sendgrid;
pub mod slack;
pub mod twilio;
pub mod webhook;

use std::fmt;

use chrono::TimeDelta;
use http::{Request, Response};

use crate::fact::ReachReport;
use crate::message::{Body, MessageId};
use crate::time::Time;

pub use provider::{Provider, Providers};

/// The way out of a component. Hosts not named in the manifest are refused by the platform.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs to name the future")]
pub trait Outbound {
    /// Makes one call, without following redirects, within 10 seconds.
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError>;
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// It never reached the other side: refused, denied, no such host.
    NotSent(String),
    /// It may have: timed out or broken off after it was on its way.
    Lost(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not reached: {why}"),
            Self::Lost(why) => write!(f, "answer lost: {why}"),
        }
    }
}

/// What became of one attempt to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Sent {
        provider_id: Option<String>,
    },
    /// Not now. `after` is the provider's own wish, where it stated one.
    Later {
        after: Option<TimeDelta>,
        why: String,
    },
    /// Not now, and no other message either: too many came at once. This one was not processed.
    Busy {
        after: Option<TimeDelta>,
        why: String,
    },
    /// Never to this address, whatever the message.
    Blocked {
        why: String,
        report: ReachReport,
    },
    /// Never: the provider will not take this message.
    Refused {
        why: String,
    },
    /// It may have been sent; only a provider that knows idempotency keys may be asked again.
    Lost {
        why: String,
    },
}

/// Everything an attempt needs.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    pub id: &'a MessageId,
    pub playbook: &'a str,
    pub body: &'a Body,
}

/// The waits before attempt 2, 3, ...: quick first, because most trouble is short; nearly a day in all, because a
/// provider's bad night should not cost a message. When they are used up the message has failed.
const RETRY_WAITS: [TimeDelta; 7] = [
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(4),
    TimeDelta::hours(6),
    TimeDelta::hours(8),
];

/// When to try again after attempt `attempt` (1 for the first), or `None` when there have been enough.
///
/// `jitter`, 0 to 1, spreads retries over the second half of the wait, so that messages that failed together do not
/// come back together. A provider's own wish is honoured up to a day.
pub fn retry_at(attempt: u32, asked: Option<TimeDelta>, jitter: f64, now: Time) -> Option<Time> {
    let wait = *RETRY_WAITS.get(attempt.checked_sub(1)? as usize)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "hours in milliseconds")]
    let spread = TimeDelta::milliseconds(
        (wait.num_milliseconds() as f64 * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)) as i64,
    );
    let asked = asked.unwrap_or(TimeDelta::zero()).clamp(TimeDelta::zero(), TimeDelta::days(1));
    Some(now + spread.max(asked))
}

/// What a call without an answer means.
fn unanswered(error: &CallError) -> Outcome {
    match error {
        CallError::NotSent(_) => Outcome::Later { after: None, why: error.to_string() },
        CallError::Lost(_) => Outcome::Lost { why: error.to_string() },
    }
}

/// What a status means by which a provider does not take a message, where its own documentation says nothing else.
fn refused(response: &Response<Vec<u8>>, why: String) -> Outcome {
    let after = retry_after(response);
    match response.status().as_u16() {
        429 => Outcome::Busy { after, why },
        408 | 500 | 503 => Outcome::Later { after, why },
        // Said by a gateway, of which nobody knows how far the request came behind it.
        501..=599 => Outcome::Lost { why },
        _ => Outcome::Refused { why },
    }
}

/// `answered 422 inactive recipient`.
fn answered(response: &Response<Vec<u8>>, more: &str) -> String {
    let status = response.status().as_u16();
    let more = crate::render::clean::line(more, 120);
    if more.is_empty() { format!("answered {status}") } else { format!("answered {status} {more}") }
}

/// Address and display name of a `From` header as [`crate::render`] writes it.
fn mailbox(from: &str) -> (&str, &str) {
    match from.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (address, name.trim().trim_matches('"')),
        None => (from, ""),
    }
}

/// `Retry-After` in its seconds form, which all providers here use.
fn retry_after(response: &Response<Vec<u8>>) -> Option<TimeDelta> {
    let seconds: i64 = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    TimeDelta::try_seconds(seconds.max(0))
}

#[cfg(test)]
pub(crate) mod samples {
    //! A message to be handed over, and outcomes as short text.

    use super::{Outcome, Outgoing, Response};
    use crate::fact::Channel;
    use crate::message::{Body, MessageId};
    use std::collections::BTreeMap;

    pub(crate) fn mail() -> Body {
        Body {
            channel: Channel::Email,
            provider: super::Provider::Resend,
            reference: "b3JkZXI6MQpvcmRlcjox".to_owned(),
            to: "ann@example.com".to_owned(),
            locale: "en".to_owned(),
            from: "\"Bean, Gone\" <shop@example.com>".to_owned(),
            subject: "Hello".to_owned(),
            text: "Hello Ann".to_owned(),
            html: "<p>Hello Ann</p>".to_owned(),
            headers: BTreeMap::from([
                ("List-Unsubscribe".to_owned(), "<https://care.example/p/x>".to_owned()),
                ("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned()),
                ("Reply-To".to_owned(), "help@example.com".to_owned()),
            ]),
        }
    }

    pub(crate) fn text(channel: Channel, to: &str) -> Body {
        Body {
            channel,
            provider: super::Provider::Twilio,
            to: to.to_owned(),
            from: "Bean & Gone".to_owned(),
            subject: String::new(),
            text: "Bean & Gone: your order arrives today.\n".to_owned(),
            html: String::new(),
            headers: BTreeMap::new(),
            ..mail()
        }
    }

    pub(crate) fn id() -> MessageId {
        MessageId::new("thank-you", "order:1")
    }

    pub(crate) fn outgoing<'a>(id: &'a MessageId, body: &'a Body) -> Outgoing<'a> {
        Outgoing { id, playbook: "thank-you", body }
    }

    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Vec<u8>> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body.as_bytes().to_vec()).expect("a response")
    }

    pub(crate) fn short(outcome: Outcome) -> String {
        let seconds = |after: Option<chrono::TimeDelta>| after.map_or(0, |after| after.num_seconds());
        match outcome {
            Outcome::Sent { provider_id } => format!("sent {}", provider_id.unwrap_or_default()),
            Outcome::Later { after, .. } => format!("later {}", seconds(after)),
            Outcome::Busy { after, .. } => format!("busy {}", seconds(after)),
            Outcome::Blocked { report, .. } => format!("blocked {report:?}").to_lowercase(),
            Outcome::Refused { .. } => "refused".to_owned(),
            Outcome::Lost { .. } => "lost".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Time, TimeDelta, retry_at};

    #[track_caller]
    fn check(attempt: u32, asked: Option<i64>, jitter: f64, expected_seconds: Option<i64>) {
        let at = retry_at(attempt, asked.map(TimeDelta::seconds), jitter, Time::from_seconds(0));
        assert_eq!(at.map(Time::seconds), expected_seconds);
    }

    #[test]
    fn retries_back_off_and_end() {
        check(1, None, 0.0, Some(30));
        check(1, None, 1.0, Some(60));
        check(2, None, 0.5, Some(225));
        check(7, None, 1.0, Some(8 * 3600));
        check(8, None, 1.0, None);
        check(0, None, 1.0, None);
    }

    #[test]
    fn a_providers_wish_is_honoured_up_to_a_day() {
        check(1, Some(600), 0.0, Some(600));
        check(1, Some(2), 0.0, Some(30));
        check(1, Some(30 * 86_400), 0.0, Some(86_400));
        check(1, Some(-5), 0.0, Some(30));
    }
}

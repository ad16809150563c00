//! Callbacks: what providers report of messages that they took, and of addresses and numbers.
//!
//! ```text
//! method ─▶ size ─▶ is it true? ─▶ content type ─▶ the provider's reader ─▶ facts
//!  405       413     401            415             400, or nothing for us    202 or 200
//! ```
//!
//! A report becomes a step of its message when it brings back the reference that went out with the message; without one it
//! still tells something of the address. To add a provider: write its file and name it in [`CALLBACKS`].

use super::problem::Problem;
use super::{Delivery, MAX_BODY_BYTES, is_json};
use crate::channel::reference;
use crate::fact::{Channel, ConsentReport, Contact, Event, Fact, Reach, ReachReport};
use crate::gather::gather;
use crate::key::Key;
use crate::message::{MessageId, MessageStep, Step};
use crate::time::Time;

mod postmark;
mod resend;
mod sendgrid;
mod twilio;

/// A provider that reports.
#[derive(Debug)]
pub struct Callback {
    /// The last part of its URL, and the source of its facts.
    pub name: &'static str,
    /// The variable that holds what its reports are checked with.
    pub secrets: &'static str,
    /// Reports come as a form and not as JSON.
    form: bool,
    prove: fn(&Delivery<'_>, &Checks<'_>) -> bool,
    read: fn(&Delivery<'_>) -> Result<Vec<Report>, Problem>,
}

/// Checks a signature on P-256: `(key, digest, signature)`, the key a point as SEC 1 writes it, the signature its two
/// numbers of 32 bytes. Whoever serves callbacks brings it: elliptic curves are needed here and nowhere else.
pub type VerifyP256 = fn(&[u8], &[u8; 32], &[u8; 64]) -> bool;

/// What a report is checked with.
#[derive(Debug)]
pub struct Checks<'a> {
    /// The whole URL that was called, as the provider knows it.
    pub url: &'a str,
    pub secrets: Vec<String>,
    pub verify_p256: VerifyP256,
}

/// Every provider that reports.
pub const CALLBACKS: &[Callback] = &[
    Callback {
        name: "resend",
        secrets: "resend_secrets",
        form: false,
        prove: resend::prove,
        read: resend::read,
    },
    Callback {
        name: "postmark",
        secrets: "postmark_secrets",
        form: false,
        prove: postmark::prove,
        read: postmark::read,
    },
    Callback {
        name: "sendgrid",
        secrets: "sendgrid_secrets",
        form: false,
        prove: sendgrid::prove,
        read: sendgrid::read,
    },
    Callback {
        name: "twilio",
        secrets: "twilio_auth_token",
        form: true,
        prove: twilio::prove,
        read: twilio::read,
    },
];

/// One thing that a provider reported.
#[derive(Debug)]
struct Report {
    /// When, by the provider's account.
    at: Time,
    /// The id of ours that went out with the message, and its reference.
    message: Option<(String, String)>,
    channel: Channel,
    address: Option<String>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Delivered,
    /// It did not arrive; `report` is what that says of the address.
    Bounced {
        why: String,
        report: Option<ReachReport>,
    },
    Complained,
    /// They want nothing more of this kind: an unsubscribe link of the provider's own.
    Unsubscribed,
    /// STOP and START.
    Stopped,
    Resumed,
}

impl What {
    /// `lasting` when nothing will ever arrive there.
    fn bounced(why: &str, lasting: bool) -> Self {
        Self::Bounced { why: short(why), report: lasting.then_some(ReachReport::Bounced) }
    }

    fn step(&self) -> Option<Step> {
        match self {
            Self::Delivered => Some(Step::Delivered),
            Self::Bounced { why, .. } => Some(Step::Bounced { why: why.clone() }),
            Self::Complained => Some(Step::Complained),
            Self::Unsubscribed | Self::Stopped | Self::Resumed => None,
        }
    }

    fn reach(&self) -> Option<ReachReport> {
        match self {
            Self::Bounced { report, .. } => *report,
            Self::Complained => Some(ReachReport::Complained),
            Self::Stopped => Some(ReachReport::Stopped),
            Self::Resumed => Some(ReachReport::Resumed),
            Self::Delivered | Self::Unsubscribed => None,
        }
    }
}

/// Turns a provider's report into facts; none when it holds nothing for us.
pub fn receive(
    callback: &Callback,
    delivery: &Delivery<'_>,
    mut checks: Checks<'_>,
) -> Result<Vec<Fact>, Problem> {
    if delivery.method != "POST" {
        return Err(Problem::MethodNotAllowed("POST"));
    }
    if delivery.body.len() > MAX_BODY_BYTES {
        return Err(Problem::TooLarge(MAX_BODY_BYTES));
    }
    // An empty secret would be one that everybody knows.
    checks.secrets.retain(|secret| !secret.is_empty());
    if checks.secrets.is_empty() || !(callback.prove)(delivery, &checks) {
        return Err(Problem::Unauthorized);
    }
    let is_form = |kind: &str| kind.trim_start().starts_with("application/x-www-form-urlencoded");
    let kind = delivery.header("content-type").unwrap_or_default();
    if !(if callback.form { is_form(kind) } else { is_json(kind) }) {
        return Err(Problem::UnsupportedMediaType);
    }
    let reports = (callback.read)(delivery)?;
    Ok(gather(reports.into_iter().filter_map(|report| fact(callback.name, report))))
}

fn fact(source: &str, report: Report) -> Option<Fact> {
    let Report { at, message, channel, address, what } = report;
    let address = address.unwrap_or_default();
    let reach = what.reach().and_then(|report| Reach::new(channel, &address, report));
    let fact = |key: Key, event| Fact { at, source: source.to_owned(), keys: gather([key]), event };
    if let (Some(step), Some((id, about, playbook, cause))) = (what.step(), message.and_then(ours)) {
        let step = MessageStep { id, playbook, cause, step, body: None, trace: None, reach };
        return Some(fact(about, Event::Message(step)));
    }
    let key = Reach::key(channel, &address)?;
    if what == What::Unsubscribed {
        let contact = Contact { marketing: gather([(channel, false)]), ..Contact::default() };
        return Some(fact(key, Event::Consent(ConsentReport { contact, ..ConsentReport::default() })));
    }
    Some(fact(key, Event::Reach(reach?)))
}

/// The message that this is, if its id and its reference belong together: an id follows from playbook and cause.
fn ours((id, reference): (String, String)) -> Option<(MessageId, Key, String, String)> {
    let (about, cause) = reference::decode(&reference)?;
    let (playbook, _) = id.rsplit_once('-')?;
    let message = MessageId::new(playbook, &cause);
    (message.as_str() == id).then(|| (message, about, playbook.to_owned(), cause))
}

/// Words of a provider's, in one short line and without addresses.
fn short(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !word.contains('@'));
    let line: String = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(160).collect()
}

#[cfg(test)]
mod tests;

//! `SendGrid` signs lists of events with ECDSA on P-256; what is configured is its public key.
//!
//! The signed time is not held against a clock: events are delivered again for a day, and one that comes twice is the
//! same fact.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::Delivery;
use super::super::json::{Complaints, Object};
use super::super::problem::Problem;
use super::{Checks, Report, What};
use crate::fact::Channel;
use crate::time::Time;

/// What stands before the point in the DER of every public key on P-256 (RFC 5480).
const KEY_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

pub(super) fn prove(delivery: &Delivery<'_>, checks: &Checks<'_>) -> bool {
    try_prove(delivery, checks).unwrap_or(false)
}

fn try_prove(delivery: &Delivery<'_>, checks: &Checks<'_>) -> Option<bool> {
    let signature = BASE64.decode(delivery.header("x-twilio-email-event-webhook-signature")?).ok()?;
    let time = delivery.header("x-twilio-email-event-webhook-timestamp")?;
    let signed = [time.as_bytes(), delivery.body].concat();
    let keys = checks.secrets.iter().filter_map(|key| BASE64.decode(key.trim()).ok());
    let mut points = keys.filter_map(|key| Some(key.strip_prefix(&KEY_PREFIX)?.to_vec()));
    Some(points.any(|point| (checks.verify_p256)(&point, &signed, &signature)))
}

pub(super) fn read(delivery: &Delivery<'_>) -> Result<Vec<Report>, Problem> {
    let complaints = Complaints::new(false);
    let events = Object::parse_list(delivery.body, &complaints)?;
    events.iter().filter_map(|event| Some(what(event)?).map(|what| report(event, what))).collect()
}

fn what(event: &Object<'_>) -> Option<What> {
    let why = || event.line("reason").unwrap_or_else(|| "no reason given".to_owned());
    match event.line("event")?.as_str() {
        "delivered" => Some(What::Delivered),
        "spamreport" => Some(What::Complained),
        "unsubscribe" | "group_unsubscribe" => Some(What::Unsubscribed),
        // `blocked` is for now: a full mailbox, a policy.
        "bounce" => Some(What::bounced(&why(), event.line("type").as_deref() != Some("blocked"))),
        // Not sent at all, because of what is known of the address.
        "dropped" => {
            let why = why();
            let lasting = why.starts_with("Bounced Address") || why.starts_with("Invalid");
            Some(if why.starts_with("Spam Reporting") {
                What::Complained
            } else {
                What::bounced(&why, lasting)
            })
        }
        _ => None,
    }
}

fn report(event: &Object<'_>, what: What) -> Result<Report, Problem> {
    let seconds = event.whole("timestamp").map(|seconds| Time::from_seconds(seconds.into()));
    let at = event.require("timestamp", seconds)?;
    let message = event.line("message").zip(event.line("reference"));
    Ok(Report { at, message, channel: Channel::Email, address: event.line("email"), what })
}

//! `SendGrid` signs lists of events with ECDSA on P-256; what is configured is its public key.
//!
//! The signed time is not held against a clock: events are delivered again for a day, and one that comes twice is the
//! same fact.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

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
    let signature = numbers(&signature)?;
    let time = delivery.header("x-twilio-email-event-webhook-timestamp")?;
    let digest = Sha256::new().chain_update(time).chain_update(delivery.body).finalize().into();
    let keys = checks.secrets.iter().filter_map(|key| BASE64.decode(key.trim()).ok());
    let mut points = keys.filter_map(|key| Some(key.strip_prefix(&KEY_PREFIX)?.to_vec()));
    Some(points.any(|point| (checks.verify_p256)(&point, &digest, &signature)))
}

/// The two numbers of a signature in DER, 32 bytes each: a sequence of two integers that are positive and as short as they
/// can be. Ten kilobytes less than a reader of all that DER can say.
pub(super) fn numbers(der: &[u8]) -> Option<[u8; 64]> {
    let content = der
        .strip_prefix(&[0x30])?
        .split_first()
        .filter(|(length, rest)| usize::from(**length) == rest.len())?;
    let (r, rest) = number(content.1)?;
    let (s, rest) = number(rest)?;
    let mut both = [0; 64];
    both[32 - r.len()..32].copy_from_slice(r);
    both[64 - s.len()..].copy_from_slice(s);
    rest.is_empty().then_some(both)
}

/// One integer without the zero that says it is positive, and what follows.
fn number(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = der.strip_prefix(&[0x02])?.split_first()?;
    let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
    let number = match bytes {
        [0, more @ ..] if more.first().is_some_and(|byte| *byte >= 0x80) => more,
        [1..=0x7f, ..] => bytes,
        _ => return None,
    };
    (number.len() <= 32).then_some((number, rest))
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

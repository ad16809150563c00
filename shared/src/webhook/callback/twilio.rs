//! Twilio signs the URL that it calls and the form that it sends, with the account's token.
//!
//! Its reports bear no time, so they get ours: to the minute where only the state matters, so that a repetition is mostly
//! the same fact, and exactly for STOP and START, of which the later one counts.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::{Choice, ConstantTimeEq};

use super::super::Delivery;
use super::super::problem::Problem;
use super::super::verify::hmac_sha1;
use super::{Checks, Report, What, short};
use crate::channel::twilio::against;
use crate::fact::Channel;
use crate::time::Time;

pub(super) fn prove(delivery: &Delivery<'_>, checks: &Checks<'_>) -> bool {
    let given = delivery.header("x-twilio-signature").and_then(|given| BASE64.decode(given).ok());
    let Some(given) = given else { return false };
    let mut fields: Vec<_> = form_urlencoded::parse(delivery.body).collect();
    fields.sort();
    // What stands twice is signed once.
    fields.dedup();
    let mut pieces = vec![checks.url.as_bytes()];
    pieces.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    let matched = checks
        .secrets
        .iter()
        .fold(Choice::from(0), |matched, token| matched | hmac_sha1(token.as_bytes(), &pieces).ct_eq(&given));
    matched.into()
}

pub(super) fn read(delivery: &Delivery<'_>) -> Result<Vec<Report>, Problem> {
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(delivery.body) {
        form.insert(name.into_owned(), value.into_owned());
    }
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let report = if let Some(status) =
        field("MessageStatus").or_else(|| field("SmsStatus")).filter(|status| *status != "received")
    {
        let code = field("ErrorCode").unwrap_or_default();
        outcome(status, code).map(|what| {
            let (channel, address) = number(field("To").unwrap_or_default());
            let mut query = BTreeMap::new();
            for (name, value) in form_urlencoded::parse(delivery.query.as_bytes()) {
                query.insert(name.into_owned(), value.into_owned());
            }
            let message = query.remove("message").zip(query.remove("reference"));
            let at = Time::from_seconds(delivery.now.seconds().div_euclid(60) * 60);
            Report { at, message, channel, address, what }
        })
    } else if let Some(from) = field("From") {
        word(field("OptOutType"), field("Body").unwrap_or_default()).map(|what| {
            let (channel, address) = number(from);
            Report { at: delivery.now, message: None, channel, address, what }
        })
    } else {
        return Err(Problem::unprocessable("MessageStatus", "This is neither a status nor a message."));
    };
    Ok(report.into_iter().collect())
}

fn outcome(status: &str, code: &str) -> Option<What> {
    match status {
        // `read` is WhatsApp's.
        "delivered" | "read" => Some(What::Delivered),
        "undelivered" | "failed" => {
            let why = if code.is_empty() { status.to_owned() } else { [status, ", code ", code].concat() };
            Some(What::Bounced { why: short(&why), report: code.parse().ok().and_then(against) })
        }
        _ => None,
    }
}

/// What an incoming message means. Twilio says it itself where its own opt-out is set up; where not, the words that the
/// law and the networks name, and their like in the languages that we write.
fn word(told: Option<&str>, text: &str) -> Option<What> {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).take(20).collect()
    };
    let said = told.map_or_else(|| letters(text), letters);
    match said.as_str() {
        "STOP" | "STOPALL" | "STOPP" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT"
        | "ARRET" | "ARRÊT" | "BAJA" | "ALTO" | "PARAR" | "SAIR" | "REZYGNUJĘ" | "REZYGNUJE" => {
            Some(What::Stopped)
        }
        "START" | "UNSTOP" => Some(What::Resumed),
        _ => None,
    }
}

/// `whatsapp:+49...` and `+49...`.
fn number(text: &str) -> (Channel, Option<String>) {
    match text.strip_prefix("whatsapp:") {
        Some(number) => (Channel::Whatsapp, Some(number.to_owned())),
        None => (Channel::Sms, Some(text.to_owned())),
    }
}

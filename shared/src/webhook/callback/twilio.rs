//! Twilio signs the URL that it calls and the form that it sends, with the account's token.
//!
//! Its reports bear no time, so they get ours: to the minute where only the state matters, so that a repetition is mostly
//! the same fact, and exactly for STOP and START, of which the later one counts.

use std::borrow::Cow;

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
    let Some(fields) = sorted(form_urlencoded::parse(delivery.body)) else { return false };
    let mut pieces = vec![checks.url.as_bytes()];
    pieces.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    let matched = checks
        .secrets
        .iter()
        .fold(Choice::from(0), |matched, token| matched | hmac_sha1(token.as_bytes(), &pieces).ct_eq(&given));
    matched.into()
}

/// In order, and what stands twice once: so they are signed. `None` if there are more than anybody sends.
fn sorted<'a>(
    fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
) -> Option<Vec<(Cow<'a, str>, Cow<'a, str>)>> {
    let mut list = Vec::new();
    for field in fields {
        // Into its place, one by one: a sort is six kilobytes, and there are a few dozen.
        if let Err(place) = list.binary_search(&field) {
            list.insert(place, field);
        }
        if list.len() > MOST_FIELDS {
            return None;
        }
    }
    Some(list)
}

/// Twilio sends some twenty; each picture or film of a message is two more.
const MOST_FIELDS: usize = 200;

/// The last of this name in a form or a query, if it says something.
fn value<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    let mut named = form_urlencoded::parse(form).filter(|(known, _)| known == name);
    let first = named.next();
    named.last().or(first).map(|(_, value)| value).filter(|value| !value.is_empty())
}

pub(super) fn read(delivery: &Delivery<'_>) -> Result<Vec<Report>, Problem> {
    let field = |name: &str| value(delivery.body, name);
    let report = if let Some(status) =
        field("MessageStatus").or_else(|| field("SmsStatus")).filter(|status| *status != "received")
    {
        let code = field("ErrorCode").unwrap_or_default();
        outcome(&status, &code).map(|what| {
            let (channel, address) = number(&field("To").unwrap_or_default());
            let named = |name| value(delivery.query.as_bytes(), name).map(Cow::into_owned);
            let message = named("message").zip(named("reference"));
            let at = Time::from_seconds(delivery.now.seconds().div_euclid(60) * 60);
            Report { at, message, channel, address, what }
        })
    } else if let Some(from) = field("From") {
        let said = field("OptOutType").or_else(|| field("Body")).unwrap_or_default();
        word(&said).map(|what| {
            let (channel, address) = number(&from);
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
fn word(text: &str) -> Option<What> {
    let said: String = text.chars().filter_map(letter).take(20).collect();
    match said.as_str() {
        "STOP" | "STOPALL" | "STOPP" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT"
        | "ARRET" | "ARRÊT" | "BAJA" | "ALTO" | "PARAR" | "SAIR" | "REZYGNUJĘ" | "REZYGNUJE" => {
            Some(What::Stopped)
        }
        "START" | "UNSTOP" => Some(What::Resumed),
        _ => None,
    }
}

/// In upper case; nothing for what is between letters. Of other letters only those of the words are known: the tables for
/// all of them are fifteen kilobytes.
fn letter(c: char) -> Option<char> {
    match c {
        'ê' => Some('Ê'),
        'ę' => Some('Ę'),
        c if c.is_ascii_alphanumeric() => Some(c.to_ascii_uppercase()),
        // Latin-1's signs, then general punctuation up to the other signs, and pictures.
        '\0'..='\u{bf}'
        | '\u{2000}'..='\u{2bff}'
        | '\u{3000}'..='\u{303f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{1f000}'.. => None,
        other => Some(other),
    }
}

/// `whatsapp:+49...` and `+49...`.
fn number(text: &str) -> (Channel, Option<String>) {
    match text.strip_prefix("whatsapp:") {
        Some(number) => (Channel::Whatsapp, Some(number.to_owned())),
        None => (Channel::Sms, Some(text.to_owned())),
    }
}

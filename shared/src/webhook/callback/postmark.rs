//! Postmark signs nothing: its webhooks carry Basic credentials, or a token in their URL.

use super::super::Delivery;
use super::super::json::{Complaints, Object};
use super::super::problem::Problem;
use super::super::verify::Proof;
use super::{Checks, Report, What};
use crate::access;
use crate::fact::Channel;

pub(super) fn prove(delivery: &Delivery<'_>, checks: &Checks<'_>) -> bool {
    let secrets = &checks.secrets;
    let authorization = delivery.header("authorization");
    // No early exit: which secret matched does not show.
    let basic = secrets.iter().fold(false, |any, secret| access::allowed(authorization, secret) | any);
    basic | Proof::Token.check(delivery, secrets).is_some()
}

pub(super) fn read(delivery: &Delivery<'_>) -> Result<Vec<Report>, Problem> {
    let complaints = Complaints::new(false);
    let body = Object::parse(delivery.body, &complaints)?;
    let (time, address, what) = match body.require("RecordType", body.line("RecordType"))?.as_str() {
        "Delivery" => ("DeliveredAt", "Recipient", What::Delivered),
        "SpamComplaint" => ("BouncedAt", "Email", What::Complained),
        "Bounce" => match bounce(&body) {
            Some(what) => ("BouncedAt", "Email", what),
            None => return Ok(Vec::new()),
        },
        "SubscriptionChange" if body.bool("SuppressSending") == Some(true) => {
            let what = match body.line("SuppressionReason").as_deref() {
                Some("HardBounce") => What::bounced("suppressed by the provider", true),
                Some("SpamComplaint") => What::Complained,
                _ => What::Unsubscribed,
            };
            ("ChangedAt", "Recipient", what)
        }
        _ => return Ok(Vec::new()),
    };
    let at = body.require(time, body.time(time))?;
    let data = body.object("Metadata");
    let member = |name: &str| data.as_ref().and_then(|data| data.line(name));
    let message = member("message").zip(member("reference"));
    Ok(vec![Report { at, message, channel: Channel::Email, address: body.line(address), what }])
}

/// What a bounce says; nothing where it is an answer of a machine or of a person.
fn bounce(body: &Object<'_>) -> Option<What> {
    let kind = body.line("Type").unwrap_or_default();
    let lasting =
        body.bool("Inactive") == Some(true) || matches!(kind.as_str(), "HardBounce" | "BadEmailAddress");
    match kind.as_str() {
        "AutoResponder" | "AddressChange" | "Subscribe" | "OpenRelayTest" | "ChallengeVerification" => None,
        "SpamComplaint" => Some(What::Complained),
        "Unsubscribe" => Some(What::Unsubscribed),
        _ => {
            let words = body.line("Description").unwrap_or_default();
            Some(What::bounced(&[&kind, ": ", &words].concat(), lasting))
        }
    }
}

//! Resend signs with the scheme of Svix, which became Standard Webhooks. Tags come back as they went, as an object or as a
//! list.

use super::super::Delivery;
use super::super::json::{Complaints, Object};
use super::super::problem::Problem;
use super::super::verify::{Proof, Signature};
use super::{Checks, Report, What};
use crate::fact::Channel;

const PROOFS: [Proof; 2] = [Proof::Signature(Signature::SVIX), Proof::Signature(Signature::STANDARD)];

pub(super) fn prove(delivery: &Delivery<'_>, checks: &Checks<'_>) -> bool {
    PROOFS.iter().any(|proof| proof.check(delivery, &checks.secrets).is_some())
}

pub(super) fn read(delivery: &Delivery<'_>) -> Result<Vec<Report>, Problem> {
    let complaints = Complaints::new(false);
    let body = Object::parse(delivery.body, &complaints)?;
    let kind = body.require("type", body.line("type"))?;
    let Some(data) = body.object("data").filter(|_| kind.starts_with("email.")) else {
        return Ok(Vec::new());
    };
    let what = match kind.as_str() {
        "email.delivered" => What::Delivered,
        "email.complained" => What::Complained,
        "email.suppressed" => What::bounced("suppressed by the provider", true),
        "email.failed" => What::bounced(&why(&data, "failed", "reason"), false),
        "email.bounced" => {
            let bounce = data.object("bounce");
            let kind = bounce.and_then(|bounce| bounce.line("type"));
            // Without a type it is the event's own meaning: the mail server refused for good.
            let lasting = kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("permanent"));
            What::bounced(&why(&data, "bounce", "message"), lasting)
        }
        _ => return Ok(Vec::new()),
    };
    let at = body.require("created_at", body.time("created_at"))?;
    let message = tag(&data, "message").zip(tag(&data, "reference"));
    let address = data.lines("to").into_iter().next();
    Ok(vec![Report { at, message, channel: Channel::Email, address, what }])
}

fn why(data: &Object<'_>, object: &str, name: &str) -> String {
    let said = data.object(object).and_then(|object| object.line(name));
    said.unwrap_or_else(|| "no reason given".to_owned())
}

fn tag(data: &Object<'_>, name: &str) -> Option<String> {
    if let Some(tags) = data.object("tags") {
        return tags.line(name);
    }
    let tags = data.objects("tags")?;
    tags.iter().find(|tag| tag.line("name").as_deref() == Some(name))?.line("value")
}

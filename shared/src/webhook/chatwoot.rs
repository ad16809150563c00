//! Chatwoot: newer versions sign, `X-Chatwoot-Signature: sha256=<hex>`, HMAC-SHA256 over the time in
//! `X-Chatwoot-Timestamp`, a full stop and the body. Older ones sign nothing; then the URL carries the secret,
//! `?token=<secret>`. Nothing is sent twice.

use super::json::Object;
use super::moment::moment;
use super::problem::Problem;
use super::verify::{Encoding, Piece, Proof, Signature, SignedTime, TimeIn};
use super::{Accepted, Delivery, Sender, desk, person};
use crate::fact::{Contact, TicketReport};
use crate::time::Time;

pub(super) const SENDER: Sender = Sender {
    name: "chatwoot",
    proofs: &[
        Proof::Signature(Signature {
            prefix: "sha256=",
            encoding: Encoding::Hex,
            message: &[Piece::Time, Piece::Text("."), Piece::Body],
            time: Some(SignedTime::unix(TimeIn::Header("x-chatwoot-timestamp"))),
            ..Signature::over_body("x-chatwoot-signature")
        }),
        Proof::Token,
    ],
    strict: false,
};

const SOURCE: &str = "chatwoot";

pub(super) fn tickets(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.require("event", body.line("event"))?;
    match event.as_str() {
        "conversation_created" => {
            let at = body.require("created_at", moment(body, "created_at"))?;
            let (requester, mut report) = conversation(body)?;
            report.status = status(body);
            Ok(desk::fact(at, SOURCE, requester, report))
        }
        "conversation_status_changed" => status_changed(body),
        "message_created" => message(body),
        _ => Ok(Accepted::ignored(format!("event {event} is not one that this URL takes"))),
    }
}

fn status_changed(body: &Object<'_>) -> Result<Accepted, Problem> {
    let (requester, mut report) = conversation(body)?;
    let current = body.require("status", status(body))?;
    // By the sender's account; a conversation's `timestamp` is its last message and the best that older versions have.
    let changed = changed(body, "updated_at").and_then(|change| moment(&change, "current_value"));
    let times = ["updated_at", "timestamp", "last_activity_at", "created_at"];
    let at = changed.or_else(|| times.iter().find_map(|name| moment(body, name)));
    let at = body.require("updated_at", at)?;
    let previous = changed_status(body);
    match (previous.as_deref().map(desk::is_solved), desk::is_solved(&current)) {
        (Some(false) | None, true) => _ = report.solved_at.insert(at),
        (Some(true), false) => _ = report.reopened_at.insert(at),
        _ => {}
    }
    report.status = Some(current);
    Ok(desk::fact(at, SOURCE, requester, report))
}

/// A reply. All that is told of it is the first one's time, so the second reply is the same fact as the first.
fn message(body: &Object<'_>) -> Result<Accepted, Problem> {
    let direction = body.line("message_type").or_else(|| body.id("message_type"));
    let direction = body.require("message_type", direction)?;
    let sender = body.object("sender");
    // Bots, rules and campaigns are senders of other types, or none. Older versions tell no type; bots have no address.
    let by_person = sender.as_ref().is_some_and(|sender| match sender.line("type") {
        Some(kind) => kind == "user",
        None => !person::email(sender, "email").is_absent(),
    });
    let is_private = desk::flag(body, "private").unwrap_or_default();
    if !matches!(direction.as_str(), "outgoing" | "1") || !by_person || is_private {
        return Ok(Accepted::ignored("a message that is no public reply by a person of the team"));
    }
    let sent_at = body.require("created_at", moment(body, "created_at"))?;
    let about = body.require("conversation", body.object("conversation"))?;
    let (requester, mut report) = conversation(&about)?;
    let first_at: Time = moment(&about, "first_reply_created_at").unwrap_or(sent_at).min(sent_at);
    report.first_reply_at = Some(first_at);
    report.agent = sender.and_then(|sender| sender.line("name"));
    Ok(desk::fact(first_at, SOURCE, requester, report))
}

/// What every report knows of a conversation.
fn conversation(body: &Object<'_>) -> Result<(Option<String>, TicketReport), Problem> {
    let id = body.require("id", body.id("id").or_else(|| body.id("display_id")))?;
    let mut report = TicketReport {
        id: desk::ticket_id(SOURCE, &id),
        order_id: body.object("custom_attributes").and_then(|attributes| person::id(&attributes, "order_id")),
        channel: body.line("channel").map(|channel| channel_name(&channel)),
        created_at: moment(body, "created_at"),
        ..TicketReport::default()
    };
    let meta = body.object("meta");
    let part = |name| meta.as_ref().and_then(|meta| meta.object(name));
    report.agent = part("assignee").and_then(|agent| agent.line("name"));
    let mut requester = None;
    if let Some(sender) = part("sender") {
        let mut contact = Contact {
            email: person::email(&sender, "email"),
            phone: person::phone(&sender, "phone_number"),
            ..Contact::default()
        };
        person::named(sender.line("name"), &mut contact);
        report.contact = contact;
        requester = person::id(&sender, "id");
    }
    Ok((requester, report))
}

/// Chatwoot says `resolved` where others say `solved`.
fn status(body: &Object<'_>) -> Option<String> {
    let status = body.line("status")?.to_ascii_lowercase();
    Some(if status == "resolved" { "solved".to_owned() } else { status })
}

/// `Channel::WebWidget` is a chat; others go by their name.
fn channel_name(channel: &str) -> String {
    let name = channel.strip_prefix("Channel::").unwrap_or(channel).to_ascii_lowercase();
    if name == "webwidget" { "chat".to_owned() } else { name }
}

/// One of `changed_attributes`: `[{"status": {"previous_value": "open", "current_value": "resolved"}}]`.
fn changed<'a>(body: &Object<'a>, name: &str) -> Option<Object<'a>> {
    body.objects("changed_attributes")?.iter().find_map(|change| change.object(name))
}

fn changed_status(body: &Object<'_>) -> Option<String> {
    changed(body, "status")?.line("previous_value").map(|status| status.to_ascii_lowercase())
}

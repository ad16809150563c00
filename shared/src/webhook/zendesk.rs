//! Zendesk: `X-Zendesk-Webhook-Signature`, base64 of HMAC-SHA256 over the time and the body with nothing between them; the
//! time is ISO 8601 and stands in a header of its own.
//!
//! Two kinds of webhook come here. Events have Zendesk's own body, which knows a requester by a number only. One trigger
//! with the body of `docs/senders.md` adds the address. Statuses are in upper case here and in lower case elsewhere; ids are
//! text or numbers.

use super::json::Object;
use super::moment::moment;
use super::problem::Problem;
use super::verify::{Piece, Proof, Signature, SignedTime, TimeIn};
use super::{Accepted, Delivery, Sender, desk, person};
use crate::fact::{Contact, TicketReport};
use crate::time::Time;

pub(super) const SENDER: Sender = Sender {
    name: "zendesk",
    proofs: &[Proof::Signature(Signature {
        message: &[Piece::Time, Piece::Body],
        time: Some(SignedTime::rfc3339(TimeIn::Header("x-zendesk-webhook-signature-timestamp"))),
        ..Signature::over_body("x-zendesk-webhook-signature")
    })],
    strict: false,
};

const SOURCE: &str = "zendesk";

pub(super) fn tickets(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    if !body.has("type") && body.has("ticket") {
        return trigger(body);
    }
    let kind = body.require("type", body.line("type"))?;
    let Some(change) = kind.strip_prefix("zen:event-type:ticket.") else {
        return Ok(Accepted::ignored(format!("{kind} is not one that this URL takes")));
    };
    if !matches!(change, "created" | "comment_added" | "status_changed") {
        return Ok(Accepted::ignored(format!("{kind} changes nothing that is measured")));
    }
    let at = body.require("time", moment(body, "time"))?;
    let detail = body.require("detail", body.object("detail"))?;
    let id = detail.require("id", detail.id("id"))?;
    let mut report = TicketReport {
        id: desk::ticket_id(SOURCE, &id),
        status: detail.line("status").map(|status| status.to_ascii_lowercase()),
        channel: detail
            .object("via")
            .and_then(|via| via.line("channel"))
            .map(|channel| channel.to_ascii_lowercase()),
        subject: detail.line("subject"),
        created_at: moment(&detail, "created_at"),
        ..TicketReport::default()
    };
    match change {
        "created" => report.created_at = report.created_at.or(Some(at)),
        "status_changed" => status_changed(body, at, &mut report)?,
        _ => {
            let event = body.require("event", body.object("event"))?;
            let comment = event.require("comment", event.object("comment"))?;
            let is_public = comment.require("is_public", desk::flag(&comment, "is_public"))?;
            let author = comment.require("author", comment.object("author"))?;
            let by_staff = desk::flag(&author, "is_staff").unwrap_or_default();
            // The system itself writes as user -1.
            if !is_public || !by_staff || author.id("id").is_none_or(|id| id == "-1") {
                return Ok(Accepted::ignored("a comment that is no public reply by a person of the team"));
            }
            report.first_reply_at = Some(at);
            report.agent = author.line("name");
        }
    }
    // A ticket that an agent wrote down stands under the agent's name: of those there are many, of many people.
    let agent = person::id(&detail, "assignee_id");
    let requester = person::id(&detail, "requester_id").filter(|requester| agent.as_ref() != Some(requester));
    Ok(desk::fact(at, SOURCE, requester, report))
}

fn status_changed(body: &Object<'_>, at: Time, report: &mut TicketReport) -> Result<(), Problem> {
    let event = body.require("event", body.object("event"))?;
    let current = event.require("current", event.line("current"))?.to_ascii_lowercase();
    let previous = event.line("previous").unwrap_or_default().to_ascii_lowercase();
    match (desk::is_solved(&previous), desk::is_solved(&current)) {
        (false, true) => _ = report.solved_at.insert(at),
        (true, false) => _ = report.reopened_at.insert(at),
        // Solved tickets are closed some days later.
        _ => {}
    }
    report.status = Some(current);
    Ok(())
}

/// The body that `docs/senders.md` gives for a trigger: who asks. A status is not read: triggers print it in the language of
/// the account.
fn trigger(body: &Object<'_>) -> Result<Accepted, Problem> {
    let ticket = body.require("ticket", body.object("ticket"))?;
    let id = ticket.require("id", person::id(&ticket, "id"))?;
    let created_at = moment(&ticket, "created_at");
    let at = ticket.require("updated_at", moment(&ticket, "updated_at").or(created_at))?;
    let mut contact = Contact::default();
    let mut requester_id = None;
    if let Some(requester) = body.object("requester") {
        contact.email = person::email(&requester, "email");
        person::named(requester.line("name"), &mut contact);
        requester_id = person::id(&requester, "id");
    }
    let seconds = ticket.id("handle_seconds").and_then(|seconds| seconds.parse().ok());
    let report = TicketReport {
        id: desk::ticket_id(SOURCE, &id),
        order_id: person::id(&ticket, "order_id"),
        created_at,
        handle_seconds: seconds,
        contact,
        ..TicketReport::default()
    };
    Ok(desk::fact(at, SOURCE, requester_id, report))
}

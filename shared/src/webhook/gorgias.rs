//! Gorgias: an HTTP integration whose headers and body the merchant writes. `docs/senders.md` has the template that is read
//! here. Nothing is signed: the secret stands in clear in `X-Gorgias-Secret`, which must never be logged.
//!
//! Templates print everything as text: `True`, `None`, numbers in quotes.

use super::json::Object;
use super::moment::moment;
use super::problem::Problem;
use super::verify::Proof;
use super::{Accepted, Delivery, Sender, desk, person};
use crate::fact::{Contact, TicketReport};

pub(super) const SENDER: Sender =
    Sender { name: "gorgias", proofs: &[Proof::SecretHeader("x-gorgias-secret")], strict: false };

const SOURCE: &str = "gorgias";

pub(super) fn tickets(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.line("event").unwrap_or_else(|| "ticket-updated".to_owned());
    if !matches!(
        event.as_str(),
        "ticket-created" | "ticket-updated" | "ticket-status-updated" | "ticket-message-created"
    ) {
        return Ok(Accepted::ignored(format!("event {event} is not one that this URL takes")));
    }
    let ticket = body.require("ticket", body.object("ticket"))?;
    let id = ticket.require("id", person::id(&ticket, "id"))?;
    let created_at = moment(&ticket, "created_datetime");
    let updated_at =
        ticket.require("updated_datetime", moment(&ticket, "updated_datetime").or(created_at))?;
    let word =
        |object: &Object<'_>, name: &str| object.line(name).filter(|word| !person::is_placeholder(word));
    let mut contact = Contact::default();
    let mut customer_id = None;
    if let Some(customer) = ticket.object("customer") {
        contact.email = person::email(&customer, "email");
        person::named(customer.line("name"), &mut contact);
        customer_id = person::id(&customer, "id");
    }
    let mut report = TicketReport {
        id: desk::ticket_id(SOURCE, &id),
        channel: word(&ticket, "channel").map(|channel| channel.to_ascii_lowercase()),
        subject: word(&ticket, "subject"),
        agent: ticket.object("assignee_user").and_then(|agent| word(&agent, "name")),
        created_at,
        contact,
        ..TicketReport::default()
    };
    if event == "ticket-message-created" {
        let message = body.require("message", body.object("message"))?;
        let is = |name| desk::flag(&message, name).unwrap_or_default();
        let by_rule = message.line("via").is_some_and(|via| via.eq_ignore_ascii_case("rule"));
        if !is("from_agent") || !is("public") || by_rule {
            return Ok(Accepted::ignored("a message that is no public reply by a person of the team"));
        }
        let sent_at = moment(&message, "sent_datetime").or_else(|| moment(&message, "created_datetime"));
        let sent_at = message.require("created_datetime", sent_at)?;
        report.first_reply_at = Some(sent_at);
        // The status belongs to the ticket's other events, which say when it changed.
        return Ok(desk::fact(sent_at, SOURCE, customer_id, report));
    }
    let status = ticket.require("status", word(&ticket, "status"))?.to_ascii_lowercase();
    if desk::is_solved(&status) {
        report.solved_at.insert(moment(&ticket, "closed_datetime").unwrap_or(updated_at));
    } else if event == "ticket-status-updated" && status == "open" {
        // Tickets are born open: one that becomes open was closed.
        report.reopened_at.insert(updated_at);
    }
    report.status = Some(if status == "closed" { "solved".to_owned() } else { status });
    Ok(desk::fact(updated_at, SOURCE, customer_id, report))
}

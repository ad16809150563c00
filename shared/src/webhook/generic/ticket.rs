//! `ticket.updated`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather};
use super::{Envelope, Person, SOURCE, moment, open, order_id};
use crate::fact::{Event, TicketReport};
use crate::key::Key;

pub(in super::super) fn tickets(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["ticket.updated"], ticket)
}

fn ticket(Envelope { at, data, .. }: Envelope<'_>) -> Result<Accepted, Problem> {
    let ticket = data.require("ticket", data.object("ticket"))?;
    let id = ticket.require("id", ticket.id("id"))?;
    let order_id = order_id(&data);
    let person = Person::read(&data);
    let keys = person.keys_with(&data, [Key::ticket(&id), order_id.as_deref().and_then(Key::order)])?;
    let report = TicketReport {
        id,
        order_id,
        status: ticket.line("status").map(|status| status.to_ascii_lowercase()),
        channel: ticket.line("channel").map(|channel| channel.to_ascii_lowercase()),
        agent: ticket.line("agent"),
        subject: ticket.line("subject"),
        created_at: moment(&ticket, "created_at"),
        first_reply_at: moment(&ticket, "first_reply_at"),
        solved_at: gather(moment(&ticket, "solved_at")),
        reopened_at: gather(moment(&ticket, "reopened_at")),
        reopened: ticket.whole("reopened"),
        handle_seconds: ticket.whole("handle_seconds"),
        contact: person.contact,
        help: None,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Ticket(report)))
}

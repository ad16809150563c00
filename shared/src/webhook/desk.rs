//! What support desks have in common.

use super::Accepted;
use super::json::Object;
use super::person;
use crate::fact::{Event, TicketReport};
use crate::key::Key;
use crate::time::Time;

/// A ticket's id, with the desk's name: `zendesk/5158`. Desks count from 1, so a shop with two desks has two tickets 5158,
/// of two people.
pub(super) fn ticket_id(desk: &str, id: &str) -> String {
    [desk, "/", id].concat()
}

/// The fact of a report, found by its ticket, by the desk's own id of whoever asks, and by their address.
pub(super) fn fact(at: Time, desk: &str, requester: Option<String>, report: TicketReport) -> Accepted {
    let mut keys = person::keys(&report.contact);
    keys.extend([
        Key::ticket(&report.id),
        requester.and_then(|id| Key::person(desk, &id)),
        report.order_id.as_deref().and_then(Key::order),
    ]);
    Accepted::fact(at, desk, keys, Event::Ticket(report))
}

/// `solved` and `closed` are the ends of a ticket, whatever desks call them.
pub(super) fn is_solved(status: &str) -> bool {
    matches!(status, "solved" | "closed" | "resolved")
}

/// `true`, or how templates print it.
pub(super) fn flag(object: &Object<'_>, name: &str) -> Option<bool> {
    let printed = || {
        let word = object.line(name)?;
        [true, false]
            .into_iter()
            .find(|value| word.eq_ignore_ascii_case(if *value { "true" } else { "false" }))
    };
    object.bool(name).or_else(printed)
}

//! Zendesk, Gorgias, Chatwoot.

use serde_json::Value;

use super::senders::{secret, signed};
use super::{NOW, Request, fact, keys};
use crate::customer::Customer;
use crate::fact::{Event, Fact, TicketReport};
use crate::join::Join;
use crate::time::Time;
use crate::webhook::problem::Problem;
use crate::webhook::{Accepted, TICKET_UPDATED};

fn receive(sender: &str, body: &str) -> Result<Accepted, Problem> {
    signed(sender, body, NOW).send(TICKET_UPDATED, &[(sender, secret(sender))])
}

#[track_caller]
fn report(sender: &str, body: &str) -> (Fact, TicketReport) {
    let fact = fact(receive(sender, body));
    let Event::Ticket(report) = fact.event.clone() else { panic!("not a ticket: {fact:?}") };
    (fact, report)
}

#[track_caller]
fn is_ignored(sender: &str, body: &str) {
    let result = receive(sender, body);
    assert!(matches!(result, Ok(Accepted::Ignored(_))), "{result:?}");
}

fn times(times: impl IntoIterator<Item = Time>) -> Vec<String> {
    times.into_iter().map(|time| time.to_string()).collect()
}

/// What all reports of a desk say together, whichever comes first.
#[track_caller]
fn together(sender: &str, bodies: &[&str]) -> Customer {
    let joined = |order: &mut dyn Iterator<Item = &&str>| {
        let mut customer = Customer::default();
        for body in order {
            customer.join(Customer::from(report(sender, body).0));
        }
        customer
    };
    let (forwards, backwards) = (joined(&mut bodies.iter()), joined(&mut bodies.iter().rev()));
    assert_eq!(forwards, backwards);
    forwards
}

// ── Zendesk ─────────────────────────────────────────────────────────────────

const CREATED: &str = include_str!("../../../fixtures/zendesk/ticket-created.json");
const COMMENT: &str = include_str!("../../../fixtures/zendesk/comment-added.json");
const STATUS: &str = include_str!("../../../fixtures/zendesk/status-changed.json");
const TRIGGER: &str = include_str!("../../../fixtures/zendesk/trigger.json");

#[test]
fn a_zendesk_ticket_is_told_in_parts() {
    let customer = together("zendesk", &[CREATED, COMMENT, STATUS, TRIGGER]);
    let keys: Vec<&str> = customer.keys.iter().map(crate::key::Key::as_str).collect();
    assert_eq!(keys, ["email:ann@example.com", "person:zendesk/8447388090494", "ticket:zendesk/5158"]);
    let ticket = &customer.tickets["zendesk/5158"];
    assert_eq!(ticket.status.get().map(String::as_str), Some("solved"));
    assert_eq!(ticket.channel.get().map(String::as_str), Some("web_service"));
    assert_eq!(ticket.agent.get().map(String::as_str), Some("Sam Agent"));
    assert_eq!(times(ticket.replied_at.clone()), ["2026-11-21T10:25:30Z"]);
    assert_eq!(times(ticket.solved_at.clone()), ["2026-11-21T16:45:20Z"]);
    assert_eq!(ticket.created_at.first().unwrap().to_string(), "2026-11-21T10:12:00Z");
    assert_eq!(customer.email(), Some("ann@example.com"));
}

#[test]
fn trap_18_zendesk_signs_time_and_body_without_separator_and_ids_and_statuses_vary() {
    // `detail.id` is text in one body and a number in the other.
    assert_eq!(report("zendesk", CREATED).1.id, report("zendesk", COMMENT).1.id);
    assert_eq!(report("zendesk", CREATED).1.status.as_deref(), Some("new"));
    assert_eq!(report("zendesk", &STATUS.replace("SOLVED", "solved")).1, report("zendesk", STATUS).1);
    let request = signed("zendesk", CREATED, NOW);
    let send = |request: Request| request.send(TICKET_UPDATED, &[("zendesk", secret("zendesk"))]);
    fact(send(request.clone()));
    let moved = |time: &str| request.clone().with("x-zendesk-webhook-signature-timestamp", time);
    assert_eq!(send(moved("2026-11-21T20:00:01Z")), Err(Problem::Unauthorized));
    assert_eq!(send(moved("1795291200")), Err(Problem::Unauthorized));
    assert_eq!(send(moved("")), Err(Problem::Unauthorized));
    let old = Request { now: Time::from_seconds(NOW.seconds() + 301), ..request };
    assert_eq!(send(old), Err(Problem::Unauthorized));
}

#[test]
fn zendesk_private_notes_customers_and_the_system_are_no_reply() {
    is_ignored("zendesk", &COMMENT.replace("\"is_public\": true", "\"is_public\": false"));
    is_ignored("zendesk", &COMMENT.replace("\"is_staff\": true", "\"is_staff\": false"));
    is_ignored("zendesk", &COMMENT.replace("\"id\": 8447388090495", "\"id\": -1"));
    is_ignored("zendesk", &COMMENT.replace("\"id\": 8447388090495", "\"id\": \"-1\""));
}

#[test]
fn zendesk_tickets_are_solved_closed_and_reopened() {
    let changed = |previous: &str, current: &str| {
        let body = STATUS
            .replace("\"current\": \"SOLVED\"", &format!("\"current\": \"{current}\""))
            .replace("\"previous\": \"OPEN\"", &format!("\"previous\": \"{previous}\""));
        let (_, report) = report("zendesk", &body);
        (report.solved_at.len(), report.reopened_at.len(), report.status.unwrap())
    };
    assert_eq!(changed("OPEN", "SOLVED"), (1, 0, "solved".to_owned()));
    assert_eq!(changed("PENDING", "CLOSED"), (1, 0, "closed".to_owned()));
    assert_eq!(changed("SOLVED", "CLOSED"), (0, 0, "closed".to_owned()));
    assert_eq!(changed("SOLVED", "OPEN"), (0, 1, "open".to_owned()));
    assert_eq!(changed("NEW", "HOLD"), (0, 0, "hold".to_owned()));
    assert_eq!(changed("NEW", "DREAMING"), (0, 0, "dreaming".to_owned()));
}

#[test]
fn zendesk_tickets_that_an_agent_asks_for_link_no_people() {
    let (fact, _) = report("zendesk", &CREATED.replace("8447388090495", "8447388090494"));
    assert_eq!(keys(&fact), ["ticket:zendesk/5158"]);
}

#[test]
fn zendesk_of_other_kinds_is_ignored() {
    for kind in ["ticket.priority_changed", "ticket.merged", "user.created", "ticket.invented_tomorrow"] {
        is_ignored("zendesk", &CREATED.replace("ticket.created", kind));
    }
}

// ── Gorgias ─────────────────────────────────────────────────────────────────

const TICKET: &str = include_str!("../../../fixtures/gorgias/ticket-created.json");
const MESSAGE: &str = include_str!("../../../fixtures/gorgias/ticket-message-created.json");
const CLOSED: &str = include_str!("../../../fixtures/gorgias/ticket-status-updated.json");

#[test]
fn a_gorgias_ticket_is_told_in_parts() {
    let reopened = CLOSED
        .replace("\"closed\"", "\"open\"")
        .replace("2026-11-21T12:00:00.250000", "2026-11-21T13:00:00")
        .replace("2026-11-21T12:00:00.000000", "None");
    let customer = together("gorgias", &[TICKET, MESSAGE, CLOSED, &reopened]);
    let keys: Vec<&str> = customer.keys.iter().map(crate::key::Key::as_str).collect();
    assert_eq!(keys, ["email:ann@example.com", "person:gorgias/88123", "ticket:gorgias/30419"]);
    let ticket = &customer.tickets["gorgias/30419"];
    assert_eq!(ticket.status.get().map(String::as_str), Some("open"));
    assert_eq!(ticket.channel.get().map(String::as_str), Some("email"));
    assert_eq!(ticket.agent.get().map(String::as_str), Some("Sam Agent"));
    assert_eq!(times(ticket.created_at.clone()), ["2026-11-21T10:00:00Z"]);
    assert_eq!(times(ticket.replied_at.clone()), ["2026-11-21T10:19:58Z"]);
    assert_eq!(times(ticket.solved_at.clone()), ["2026-11-21T12:00:00Z"]);
    assert_eq!(times(ticket.reopened_at.clone()), ["2026-11-21T13:00:00Z"]);
}

#[test]
fn trap_26_gorgias_bodies_are_templates_and_their_placeholders_link_nobody() {
    let unfilled = TICKET
        .replace("\"88123\"", "\"None\"")
        .replace("ann@example.com", "{{ticket.customer.email}}")
        .replace("Sam Agent", "");
    let (fact, report) = report("gorgias", &unfilled);
    assert_eq!(keys(&fact), ["ticket:gorgias/30419"]);
    assert_eq!(report.agent, None);
    let without_id = TICKET.replace("\"30419\"", "\"{{ticket.id}}\"");
    assert_eq!(receive("gorgias", &without_id).unwrap_err().field(), Some("ticket.id"));
    // Numbers and booleans may come as such too: whoever sends the whole context sends JSON.
    let native = MESSAGE.replace("\"True\"", "true").replace("\"30419\"", "30419");
    assert_eq!(fact_of(&native), fact_of(MESSAGE));
}

fn fact_of(body: &str) -> Fact {
    fact(receive("gorgias", body))
}

#[test]
fn gorgias_internal_notes_customers_and_rules_are_no_reply() {
    is_ignored("gorgias", &MESSAGE.replace("\"public\": \"True\"", "\"public\": \"False\""));
    is_ignored("gorgias", &MESSAGE.replace("\"from_agent\": \"True\"", "\"from_agent\": \"False\""));
    is_ignored("gorgias", &MESSAGE.replace("\"helpdesk\"", "\"rule\""));
    is_ignored("gorgias", &MESSAGE.replace("ticket-message-created", "ticket-message-failed"));
}

// ── Chatwoot ────────────────────────────────────────────────────────────────

const CONVERSATION: &str = include_str!("../../../fixtures/chatwoot/conversation-created.json");
const REPLY: &str = include_str!("../../../fixtures/chatwoot/message-created.json");
const RESOLVED: &str = include_str!("../../../fixtures/chatwoot/status-changed.json");

#[test]
fn a_chatwoot_conversation_is_told_in_parts() {
    let customer = together("chatwoot", &[CONVERSATION, REPLY, RESOLVED]);
    let keys: Vec<&str> = customer.keys.iter().map(crate::key::Key::as_str).collect();
    assert_eq!(keys, ["email:ann@example.com", "person:chatwoot/4", "ticket:chatwoot/207"]);
    let ticket = &customer.tickets["chatwoot/207"];
    assert_eq!(ticket.status.get().map(String::as_str), Some("solved"));
    assert_eq!(ticket.channel.get().map(String::as_str), Some("chat"));
    assert_eq!(ticket.agent.get().map(String::as_str), Some("Sam Agent"));
    assert_eq!(times(ticket.created_at.clone()), ["2026-11-21T19:10:40Z"]);
    assert_eq!(times(ticket.replied_at.clone()), ["2026-11-21T19:22:00Z"]);
    assert_eq!(times(ticket.solved_at.clone()), ["2026-11-21T19:40:00Z"]);
}

#[test]
fn trap_19_chatwoot_signs_time_and_body_as_hex_and_older_versions_not_at_all() {
    let send = |request: Request| request.send(TICKET_UPDATED, &[("chatwoot", secret("chatwoot"))]);
    let request = signed("chatwoot", REPLY, NOW);
    let signed_fact = fact(send(request.clone()));
    assert_eq!(send(request.clone().without("x-chatwoot-timestamp")), Err(Problem::Unauthorized));
    assert_eq!(send(request.clone().with("x-chatwoot-timestamp", "1795291201")), Err(Problem::Unauthorized));
    let old = Request { now: Time::from_seconds(NOW.seconds() + 301), ..request };
    assert_eq!(send(old), Err(Problem::Unauthorized));
    let query = "token=a-secret-of-the-shop".to_owned();
    assert_eq!(fact(send(Request { query, ..Request::json(REPLY.as_bytes()) })), signed_fact);
    assert_eq!(send(Request::json(REPLY.as_bytes())), Err(Problem::Unauthorized));
}

#[test]
fn chatwoot_private_notes_bots_rules_and_customers_are_no_reply() {
    is_ignored("chatwoot", &REPLY.replace("\"private\": false", "\"private\": true"));
    is_ignored("chatwoot", &REPLY.replace("\"outgoing\"", "\"incoming\""));
    is_ignored("chatwoot", &REPLY.replace("\"outgoing\"", "\"template\""));
    is_ignored("chatwoot", &REPLY.replace("\"sender\": {", "\"sender\": null, \"was\": {"));
    let bot =
        REPLY.replace("\"email\": \"sam@shop.example\", \"type\": \"user\"}", "\"type\": \"agent_bot\"}");
    is_ignored("chatwoot", &bot);
    is_ignored("chatwoot", &bot.replace("\"type\": \"agent_bot\"", "\"bot\": true"));
    // Older versions count message types and name no sender's type.
    let older = REPLY.replace("\"outgoing\"", "1").replace(".example\", \"type\": \"user\"}", ".example\"}");
    assert_eq!(report("chatwoot", &older).0, report("chatwoot", REPLY).0);
}

#[test]
fn a_second_chatwoot_reply_is_the_same_fact_as_the_first() {
    let second = REPLY.replace("\"id\": 77287", "\"id\": 77290").replace(
        "\"private\": false,\n  \"created_at\": \"2026-11-21T19:22:00.262Z\"",
        "\"created_at\": \"2026-11-21T19:30:00Z\"",
    );
    assert_ne!(second, REPLY);
    assert_eq!(report("chatwoot", &second).0, report("chatwoot", REPLY).0);
}

#[test]
fn chatwoot_conversations_are_reopened_and_snoozed() {
    let changed = |previous: &str, current: &str| {
        let body = RESOLVED
            .replace("\"status\": \"resolved\"", &format!("\"status\": \"{current}\""))
            .replace("\"previous_value\": \"open\"", &format!("\"previous_value\": \"{previous}\""));
        let (_, report) = report("chatwoot", &body);
        (report.solved_at.len(), report.reopened_at.len(), report.status.unwrap())
    };
    assert_eq!(changed("pending", "resolved"), (1, 0, "solved".to_owned()));
    assert_eq!(changed("resolved", "open"), (0, 1, "open".to_owned()));
    assert_eq!(changed("open", "snoozed"), (0, 0, "snoozed".to_owned()));
}

#[test]
fn chatwoot_times_are_iso_or_unix() {
    let expected = report("chatwoot", CONVERSATION).0.at;
    for written in
        ["\"2026-11-21T19:10:40Z\"", "\"2026-11-21 19:10:40 UTC\"", "\"1795288240\"", "1795288240.0"]
    {
        let body =
            CONVERSATION.replace("\"created_at\": 1795288240\n}", &format!("\"created_at\": {written}\n}}"));
        assert_eq!(report("chatwoot", &body).0.at, expected, "{written}");
    }
}

#[test]
fn two_desks_may_count_alike() {
    let zendesk = report("zendesk", &CREATED.replace("5158", "207")).0;
    let chatwoot = report("chatwoot", &CONVERSATION.replace("ann@example.com", "bob@example.com")).0;
    assert!(zendesk.keys.is_disjoint(&chatwoot.keys), "{zendesk:?} {chatwoot:?}");
}

// ── What merchants are told to write ────────────────────────────────────────

const DOCS: &str = include_str!("../../../../docs/senders.md");

/// The body that a section of the documentation gives, and one as it arrives: the same fields.
#[track_caller]
fn is_documented(section: &str, arrived: &str) {
    fn shape(value: &Value, path: &str, fields: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, inner)| shape(inner, &[path, ".", name].concat(), fields));
            }
            _ => fields.push(path.to_owned()),
        }
    }
    let section = DOCS.split("\n## ").find(|text| text.starts_with(section)).expect("a section");
    let template = section.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("a body");
    let fields = [template, arrived].map(|body| {
        let mut fields = Vec::new();
        shape(&serde_json::from_str(body).expect("JSON before and after it is filled in"), "", &mut fields);
        fields
    });
    assert_eq!(fields[0], fields[1]);
}

#[test]
fn documented_templates_are_what_is_read() {
    is_documented("Zendesk", TRIGGER);
    for body in [TICKET, MESSAGE, CLOSED] {
        is_documented("Gorgias", body);
    }
}

#[test]
fn every_sender_has_its_section_and_its_variable_in_the_documentation() {
    for (sender, ..) in super::senders::SENDERS {
        assert!(DOCS.contains(&format!("`{sender}_secrets`")), "{sender}");
    }
}

//! What each playbook says in two months of a customer's life, and what no playbook may ever do.

mod journeys;
mod laws;
mod must_not;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::fact::{Channel, Fact};
use crate::join::Join;
use crate::key::Key;
use crate::link::Links;
use crate::message::MessageStep;
use crate::sweep::decide::{Next, decide, next_due};

/// Friday, ten in the morning in Berlin.
pub(super) fn start() -> Time {
    at("2026-11-20T09:00:00Z")
}

pub(super) fn at(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

/// Days and hours after the start.
pub(super) fn day(days: i64, hours: i64) -> Time {
    start() + TimeDelta::days(days) + TimeDelta::hours(hours)
}

/// Settings in which every playbook can do its work.
pub(super) fn shop() -> Settings {
    shop_with(json!({}))
}

pub(super) fn shop_with(document: Value) -> Settings {
    let links = Links::new("https://care.example", vec!["k1".to_owned()]);
    let connected = vec![Channel::Email, Channel::Sms, Channel::Whatsapp];
    let mut base = Settings { links, connected, ..Settings::default() };
    base.brand.address = "Bohnenweg 7\n10115 Berlin".to_owned();
    let base = base.with(&json!({
        "time_zone": "Europe/Berlin",
        "reviews": { "url": "https://shop.example/review?order={order}", "reward": "100 points" },
        "referral": { "url": "https://shop.example/?ref={code}", "gives": "10 € for both" },
        "goodwill": { "code": "SORRY-10", "gives": "10 % off" },
        "cap": { "messages": 20 },
    }));
    base.and_then(|base| base.with(&document)).expect("settings that make sense")
}

/// A fact about Ann, from JSON of its event.
pub(super) fn fact(at: Time, event: Value) -> Fact {
    let event = serde_json::from_value(event).expect("an event");
    let keys = [Key::customer("77"), Key::order("1")].into_iter().flatten().collect();
    Fact { at, source: "generic".to_owned(), keys, event }
}

pub(super) fn order(at: Time, id: &str, more: Value) -> Fact {
    let mut report = json!({
        "id": id,
        "number": format!("10{id}"),
        "stages": { "placed": at.millis(), "paid": at.millis() },
        "total": { "minor": 4990, "currency": "EUR" },
        "items": [{ "title": "Espresso machine", "sku": "CAFE-1", "type": "machine", "quantity": 1, "line_id": "l1" }],
        "contact": {
            "email": "ann@example.com", "first_name": "Ann", "locale": "de", "country": "DE",
            "marketing": { "email": true },
        },
    });
    overwrite(&mut report, more);
    fact(at, json!({ "order": report }))
}

pub(super) fn parcel(at: Time, order: &str, state: &str) -> Fact {
    let report = json!({
        "id": format!("s{order}"), "order_id": order, "states": { state: at.millis() },
        "tracking_numbers": [format!("0034{order}")], "tracking_url": "https://carrier.example/t", "carrier": "DHL",
    });
    fact(at, json!({ "shipment": report }))
}

pub(super) fn nps(at: Time, id: &str, score: u8) -> Fact {
    let scale = json!({ "min": 0, "max": 10, "good": "high" });
    fact(at, json!({ "answer": { "id": id, "kind": "nps", "score": score, "scale": scale } }))
}

pub(super) fn review(at: Time, id: &str, rating_hundredths: u16) -> Fact {
    let rated = format!("{} of 1-5", rating_hundredths / 100);
    fact(
        at,
        json!({ "review": { "id": id, "rating_hundredths": rating_hundredths, "rated": rated, "source": "own-shop" } }),
    )
}

pub(super) fn consent(at: Time, channel: &str, yes: bool) -> Fact {
    fact(at, json!({ "consent": { "contact": { "marketing": { channel: yes } } } }))
}

fn overwrite(whole: &mut Value, more: Value) {
    match (whole, more) {
        (Value::Object(whole), Value::Object(more)) => {
            for (name, value) in more {
                overwrite(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole, more) => *whole = more,
    }
}

/// One step of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Time,
    pub(super) playbook: String,
    pub(super) cause: String,
    pub(super) step: Step,
    /// What was handed over.
    pub(super) draft: Option<Draft>,
}

impl Line {
    pub(super) fn is(&self, name: Name) -> bool {
        self.playbook == name.as_str()
    }
}

/// Lives through `facts`, each at its own time, until `end`, with a sweep whenever something happens or is due. Every
/// message that is handed over is taken.
pub(super) fn live(facts: &[Fact], settings: &Settings, end: Time) -> Vec<Line> {
    live_from(facts, settings, facts.iter().map(|fact| fact.at).min().unwrap_or(end), end)
}

/// Nobody sweeps before `from`.
pub(super) fn live_from(facts: &[Fact], settings: &Settings, from: Time, end: Time) -> Vec<Line> {
    let mut coming: Vec<&Fact> = facts.iter().collect();
    coming.sort_by_key(|fact| fact.at);
    let mut customer = Customer::default();
    let mut lines = Vec::new();
    let mut now = from;
    loop {
        while let Some(fact) = coming.first().copied().filter(|fact| fact.at <= now) {
            coming.remove(0);
            customer.join(Customer::from(fact.clone()));
        }
        lines.extend(sweep(&mut customer, settings, now));
        let due = next_due(&customer, &plan(&customer, settings, now));
        assert!(due.is_none_or(|due| due > now), "nothing came of what was due at {due:?}, at {now}");
        let next = [due, coming.first().map(|fact| fact.at)].into_iter().flatten().min();
        match next.filter(|next| *next <= end) {
            Some(next) => now = next,
            None => return lines,
        }
    }
}

/// One sweep: what is decided is written down, what is handed over is taken.
fn sweep(customer: &mut Customer, settings: &Settings, now: Time) -> Vec<Line> {
    let planned = plan(customer, settings, now);
    let ids: BTreeSet<_> = planned.iter().map(|plan| &plan.id).collect();
    assert_eq!(ids.len(), planned.len(), "two plans have one id");
    let mut lines = Vec::new();
    for decision in decide(customer, &planned, now) {
        let (steps, draft) = match decision.next {
            Next::Record(step) => (vec![step], None),
            Next::Begin(draft) => {
                (vec![Step::Sending { attempt: 1 }, Step::Sent { provider_id: None }], Some(*draft))
            }
            Next::Attempt { .. } => panic!("every message is taken at once"),
        };
        for step in &steps {
            let step = MessageStep {
                id: decision.id.clone(),
                playbook: decision.playbook.clone(),
                cause: decision.cause.clone(),
                step: step.clone(),
                body: None,
                trace: None,
                reach: None,
            };
            let keys = customer.keys.iter().take(1).cloned().collect();
            let event = crate::fact::Event::Message(step);
            customer.join(Customer::from(Fact { at: now, source: "aftercare".to_owned(), keys, event }));
        }
        let step = steps.last().expect("a step").clone();
        lines.push(Line { at: now, playbook: decision.playbook, cause: decision.cause, step, draft });
    }
    lines
}

/// As a reader likes it: day and time in Berlin, playbook, cause, what became of it and why.
pub(super) fn told(lines: &[Line]) -> Vec<String> {
    let zone = crate::zone::Zone::find("Europe/Berlin").expect("Berlin");
    lines
        .iter()
        .map(|line| {
            let days = (zone.date(line.at) - zone.date(start())).num_days();
            let clock = zone.local(line.at).format("%H:%M");
            let what = match &line.step {
                Step::Sent { .. } => {
                    let draft = line.draft.as_ref().expect("a draft");
                    format!("{} to {}", draft.template, draft.to)
                }
                Step::Skipped { why } => format!("skipped: {why}"),
                Step::Expired { .. } => "expired".to_owned(),
                Step::Merged { .. } => "merged".to_owned(),
                Step::Deferred { why, .. } => format!("deferred: {why}"),
                other => other.name().to_owned(),
            };
            format!("day {days:>2} {clock} {} {}: {what}", line.playbook, line.cause)
        })
        .collect()
}

//! What happened, as the signed webhook tells it: one JSON document for each fact and each alert to the team.
//!
//! ```json
//! { "type": "order.updated", "timestamp": "2026-11-21T10:00:00Z",
//!   "data": { "id": "5f0c...", "source": "shopify", "keys": ["order:1001"], "order": { "id": "1001", ... } } }
//! ```
//!
//! The document and its id follow from the fact alone: however often it is told, it is the same event.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fact::{Event, Fact};

/// What can be told. Names are public: they stand in settings, and in receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Kind {
    #[serde(rename = "order.updated")]
    Order,
    #[serde(rename = "shipment.updated")]
    Shipment,
    #[serde(rename = "survey.submitted")]
    Survey,
    #[serde(rename = "review.posted")]
    Review,
    #[serde(rename = "ticket.updated")]
    Ticket,
    /// Somebody changed what they want to get, or how.
    #[serde(rename = "consent.updated")]
    Consent,
    /// A provider reported what became of a message.
    #[serde(rename = "message.updated")]
    Message,
    /// An address bounced, complained, or answered STOP or START.
    #[serde(rename = "address.updated")]
    Address,
    /// The team was told of something.
    #[serde(rename = "alert.raised")]
    Alert,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Order,
        Self::Shipment,
        Self::Survey,
        Self::Review,
        Self::Ticket,
        Self::Consent,
        Self::Message,
        Self::Address,
        Self::Alert,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order.updated",
            Self::Shipment => "shipment.updated",
            Self::Survey => "survey.submitted",
            Self::Review => "review.posted",
            Self::Ticket => "ticket.updated",
            Self::Consent => "consent.updated",
            Self::Message => "message.updated",
            Self::Address => "address.updated",
            Self::Alert => "alert.raised",
        }
    }

    /// What kind of event a fact is. `None` for what is between a platform and us, and for requests to be forgotten: whoever
    /// makes one should not be told of once more.
    pub fn of(fact: &Fact) -> Option<Self> {
        match &fact.event {
            Event::Order(_) => Some(Self::Order),
            Event::Shipment(_) => Some(Self::Shipment),
            Event::Answer(_) => Some(Self::Survey),
            Event::Review(_) => Some(Self::Review),
            Event::Ticket(_) => Some(Self::Ticket),
            Event::Consent(_) => Some(Self::Consent),
            // With words it is one of ours, about to be sent.
            Event::Message(step) if step.body.is_some() => Some(Self::Alert),
            Event::Message(_) => Some(Self::Message),
            Event::Reach(_) => Some(Self::Address),
            Event::Privacy(_) | Event::Fetch(_) | Event::Fetched(_) | Event::Past(_) => None,
        }
    }
}

/// An event's id, the `webhook-id` of every call that tells it.
pub fn id(fact: &Fact) -> String {
    match &fact.event {
        Event::Message(step) if step.body.is_some() => ["alert_", step.id.as_str()].concat(),
        _ => ["event_", fact.id().as_str()].concat(),
    }
}

/// The document. `None` for a fact that is none.
pub fn document(fact: &Fact) -> Option<Vec<u8>> {
    let kind = Kind::of(fact)?;
    let data = alert(fact).unwrap_or_else(|| {
        let mut data = json!({ "id": fact.id(), "source": fact.source, "keys": fact.keys });
        if let (Value::Object(data), Ok(Value::Object(event))) =
            (&mut data, serde_json::to_value(&fact.event))
        {
            data.extend(event);
        }
        data
    });
    let whole = json!({ "type": kind.as_str(), "timestamp": fact.at.to_string(), "data": data });
    serde_json::to_vec(&whole).ok()
}

/// What the team is told, but not whom it goes to.
fn alert(fact: &Fact) -> Option<Value> {
    let Event::Message(step) = &fact.event else { return None };
    let body = step.body.as_deref()?;
    Some(json!({
        "id": step.id, "playbook": step.playbook, "cause": step.cause, "locale": body.locale,
        "subject": body.subject, "text": body.text,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::samples;
    use crate::fact::arbitrary::fact;
    use crate::message::{MessageStep, Step};
    use crate::time::Time;

    #[test]
    fn an_order_is_told_as_it_was_reported() {
        let order = json!({
            "at": 1_795_255_200_000_i64, "source": "shopify", "keys": ["email:ann@example.com", "order:1001"],
            "event": { "order": { "id": "1001", "number": "1001", "contact": { "email": "ann@example.com" } } },
        });
        let fact = Fact::from_bytes(order.to_string().as_bytes()).expect("a fact");
        let told: Value = serde_json::from_slice(&document(&fact).expect("an event")).expect("JSON");
        let data = json!({
            "id": fact.id(), "source": "shopify", "keys": ["email:ann@example.com", "order:1001"],
            "order": { "id": "1001", "number": "1001", "contact": { "email": "ann@example.com" } },
        });
        let expected = json!({ "type": "order.updated", "timestamp": "2026-11-21T10:00:00Z", "data": data });
        assert_eq!(told, expected);
        assert_eq!(id(&fact), format!("event_{}", fact.id()));
    }

    #[test]
    fn an_alert_is_told_as_the_team_reads_it() {
        let step = MessageStep {
            id: samples::id(),
            playbook: "recovery".to_owned(),
            cause: "answer:a1".to_owned(),
            step: Step::Sending { attempt: 1 },
            body: Some(Box::new(samples::mail())),
            trace: None,
            reach: None,
        };
        let alert = Fact {
            at: Time::from_seconds(0),
            source: "aftercare".to_owned(),
            keys: std::collections::BTreeSet::new(),
            event: Event::Message(step),
        };
        let told: Value = serde_json::from_slice(&document(&alert).expect("an event")).expect("JSON");
        assert_eq!(told["type"], "alert.raised");
        let data = &told["data"];
        assert_eq!((&data["subject"], &data["playbook"]), (&json!("Hello"), &json!("recovery")));
        assert_eq!(data.get("to"), None, "whom it went to is nobody's business");
        assert_eq!(id(&alert), format!("alert_{}", samples::id()));
    }

    proptest! {
        /// Whatever happened, its document is small enough to be read, says what it is, and has an id that can be signed.
        #[test]
        fn every_fact_is_an_event_or_none(fact in fact()) {
            let Some(kind) = Kind::of(&fact) else {
                prop_assert_eq!(document(&fact), None);
                return Ok(());
            };
            let told: Value = serde_json::from_slice(&document(&fact).expect("an event")).expect("JSON");
            prop_assert_eq!(&told["type"], kind.as_str());
            let stands_in_settings: Kind = serde_json::from_value(told["type"].clone()).expect("a kind");
            prop_assert_eq!(stands_in_settings, kind);
            let id = id(&fact);
            prop_assert!(!id.contains('.') && id.len() < 100, "{}", id);
        }
    }
}

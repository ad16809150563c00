//! Where every fact is, at every moment: in the inbox, in segments, or lost.

use std::collections::{BTreeMap, BTreeSet};

use aftercare::fact::{Event, Fact, FactId};
use aftercare::message::{Body, MessageId, Step};
use aftercare::store::{codec, names};

use super::law::{Law, Violation};

#[derive(Debug, Default)]
pub(super) struct Truth {
    /// In how many places each fact is stored.
    places: BTreeMap<FactId, usize>,
    /// What a key holds: of the inbox one fact, of a segment many.
    held: BTreeMap<String, BTreeSet<FactId>>,
    facts: BTreeMap<FactId, Fact>,
    /// Bodies of `sending` steps that are stored.
    sending: BTreeMap<MessageId, BTreeSet<Body>>,
}

impl Truth {
    /// A value took effect.
    pub(super) fn set(&mut self, key: &str, value: &[u8]) -> Result<(), Violation> {
        let facts: Vec<Fact> = if names::is_inbox(key) {
            Fact::from_bytes(value).into_iter().collect()
        } else if names::segment_level(key).is_some() {
            codec::decode(key, value).unwrap_or_default()
        } else {
            return Ok(());
        };
        let mut ids = BTreeSet::new();
        for fact in facts {
            let id = fact.id();
            if let Event::Message(step) = &fact.event
                && let (Step::Sending { .. }, Some(body)) = (&step.step, &step.body)
            {
                self.sending.entry(step.id.clone()).or_default().insert((**body).clone());
            }
            self.facts.entry(id.clone()).or_insert(fact);
            *self.places.entry(id.clone()).or_default() += 1;
            ids.insert(id);
        }
        let before = self.held.insert(key.to_owned(), ids);
        self.leave(key, before)
    }

    /// A key is gone.
    pub(super) fn delete(&mut self, key: &str) -> Result<(), Violation> {
        let before = self.held.remove(key);
        self.leave(key, before)
    }

    fn leave(&mut self, key: &str, ids: Option<BTreeSet<FactId>>) -> Result<(), Violation> {
        for id in ids.into_iter().flatten() {
            let places = self.places.entry(id.clone()).or_default();
            *places = places.saturating_sub(1);
            if *places == 0 {
                let what = describe(&self.facts[&id]);
                let detail = format!("the last copy of fact {id} ({what}) went with `{key}`");
                return Err(Violation { law: Law::NothingIsLost, detail });
            }
        }
        Ok(())
    }

    pub(super) fn holds(&self, id: &FactId) -> bool {
        self.places.get(id).is_some_and(|places| *places > 0)
    }

    /// The bodies with which this message was recorded as `sending`.
    pub(super) fn sending(&self, id: &MessageId) -> Option<&BTreeSet<Body>> {
        self.sending.get(id)
    }

    /// Every fact that was ever stored.
    pub(super) fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values()
    }
}

/// A fact in a few words.
pub(super) fn describe(fact: &Fact) -> String {
    match &fact.event {
        Event::Order(report) => {
            let stages: Vec<_> = report.stages.keys().map(|stage| format!("{stage:?}")).collect();
            format!("order {} {}", report.id, stages.join("+"))
        }
        Event::Shipment(report) => format!("shipment {}", report.id),
        Event::Answer(answer) => format!("answer {} = {}", answer.id, answer.score),
        Event::Review(review) => format!("review {}", review.id),
        Event::Ticket(report) => format!("ticket {}", report.id),
        Event::Consent(_) => "consent".to_owned(),
        Event::Privacy(request) => format!("privacy {}", request.id),
        Event::Fetch(fetch) => format!("fetch {}", fetch.order_id),
        Event::Fetched(report) => format!("fetched {}: {:?}", report.order_id, report.step),
        Event::Message(step) => match &step.step {
            Step::Sending { attempt } | Step::Retry { attempt, .. } => {
                format!("{} {} {attempt}", step.cause, step.step.name())
            }
            other => format!("{} {}", step.cause, other.name()),
        },
    }
}

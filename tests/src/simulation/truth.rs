//! Where every fact is, at every moment: in the inbox, in segments, or lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aftercare::customer::Customer;
use aftercare::fact::{Event, Fact, FactId, PrivacyKind, PrivacyRequest};
use aftercare::join::Join;
use aftercare::key::Key;
use aftercare::message::{Body, MessageId, Step};
use aftercare::store::erasure::is_erasure;
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
            if let Event::Message(step) = &fact.event
                && let (Step::Sending { .. }, Some(body)) = (&step.step, &step.body)
            {
                self.sending.entry(step.id.clone()).or_default().insert((**body).clone());
            }
            if let Event::Past(_) = fact.event {
                ids.extend(self.told_by(&fact));
                continue;
            }
            let fact = wordless(fact);
            let id = fact.id();
            self.facts.entry(id.clone()).or_insert(fact);
            ids.insert(id);
        }
        for id in &ids {
            *self.places.entry(id.clone()).or_default() += 1;
        }
        let before = self.held.insert(key.to_owned(), ids);
        self.leave(key, before)
    }

    /// Facts of which a summary says all that they say.
    fn told_by(&self, summary: &Fact) -> Vec<FactId> {
        let all = Customer::from(summary.clone());
        let told = |fact: &Fact| {
            let may_be = matches!(fact.event, Event::Order(_) | Event::Shipment(_) | Event::Message(_));
            if !may_be || !fact.keys.is_subset(&all.keys) {
                return false;
            }
            let mut with = all.clone();
            with.join(Customer::from(fact.clone()));
            with == all
        };
        self.facts.iter().filter(|(_, fact)| told(fact)).map(|(id, _)| id.clone()).collect()
    }

    /// A key is gone.
    pub(super) fn delete(&mut self, key: &str) -> Result<(), Violation> {
        let before = self.held.remove(key);
        self.leave(key, before)
    }

    /// May this fact go because somebody asked for it? Whose facts those are is judged generously: by every fact that was
    /// ever stored. Messages go with what they are about; everything else by its time.
    pub(super) fn may_go(&self, fact: &Fact) -> bool {
        self.requests().any(|(request, kind)| {
            if kind == PrivacyKind::EraseShop {
                return fact.at <= request.at;
            }
            let person = connected(request, &mut |_| true, self.facts.values());
            let theirs = fact.all_keys().any(|key| person.contains(&*key));
            theirs && (fact.at <= request.at || matches!(fact.event, Event::Message(_)))
        })
    }

    /// Requests to forget somebody that were ever stored.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&Fact, PrivacyKind)> {
        self.facts.values().filter_map(|fact| match &fact.event {
            Event::Privacy(PrivacyRequest {
                kind: kind @ (PrivacyKind::Erase | PrivacyKind::EraseShop),
                ..
            }) => Some((fact, *kind)),
            _ => None,
        })
    }

    /// Facts that have to go, judged strictly: by what happened up to the request and is connected by such facts alone. A
    /// message has to go if all that was ever reported of its cause has to.
    pub(super) fn must_go(&self) -> BTreeSet<&Fact> {
        let mut gone: BTreeSet<&Fact> = BTreeSet::new();
        for (request, kind) in self.requests() {
            let old = |fact: &Fact| fact.at <= request.at && !matches!(fact.event, Event::Message(_));
            // What another request names together is not remembered as belonging together.
            let mut links = |fact: &Fact| old(fact) && !is_erasure(fact);
            let person = connected(request, &mut links, self.facts.values());
            gone.extend(self.facts.values().filter(|fact| {
                let theirs =
                    kind == PrivacyKind::EraseShop || fact.all_keys().any(|key| person.contains(&*key));
                theirs && old(fact)
            }));
        }
        let causes = |facts: &mut dyn Iterator<Item = &Fact>| -> BTreeSet<String> {
            facts.filter_map(cause_of).collect()
        };
        let gone_causes = causes(&mut gone.iter().copied());
        let kept_causes = causes(&mut self.facts.values().filter(|fact| !gone.contains(fact)));
        let person_only = self.requests().all(|(_, kind)| kind == PrivacyKind::Erase);
        gone.extend(self.facts.values().filter(|fact| match &fact.event {
            Event::Message(step) => {
                person_only && gone_causes.contains(&step.cause) && !kept_causes.contains(&step.cause)
            }
            _ => false,
        }));
        gone
    }

    fn leave(&mut self, key: &str, ids: Option<BTreeSet<FactId>>) -> Result<(), Violation> {
        for id in ids.into_iter().flatten() {
            let places = self.places.entry(id.clone()).or_default();
            *places = places.saturating_sub(1);
            if *places == 0 && !self.may_go(&self.facts[&id]) {
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

/// The fact itself, whether the words of a message still stand in it or not.
pub(super) fn wordless(mut fact: Fact) -> Fact {
    if let Event::Message(step) = &mut fact.event {
        step.body = None;
        step.trace = None;
    }
    fact
}

/// What messages about this report have as their cause.
fn cause_of(fact: &Fact) -> Option<String> {
    match &fact.event {
        Event::Order(report) => Some(format!("order:{}", report.id)),
        Event::Answer(answer) => Some(format!("answer:{}", answer.id)),
        _ => None,
    }
}

/// The keys that facts connect with those of `from`.
fn connected<'f>(
    from: &Fact,
    counts: &mut dyn FnMut(&Fact) -> bool,
    facts: impl Iterator<Item = &'f Fact> + Clone,
) -> BTreeSet<Key> {
    let mut keys: BTreeSet<Key> = from.all_keys().map(Cow::into_owned).collect();
    loop {
        let before = keys.len();
        for fact in facts.clone() {
            if counts(fact) && fact.all_keys().any(|key| keys.contains(&*key)) {
                keys.extend(fact.all_keys().map(Cow::into_owned));
            }
        }
        if keys.len() == before {
            return keys;
        }
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
        Event::Privacy(request) => format!("{:?} {} of {:?}", request.kind, request.id, fact.keys),
        Event::Fetch(fetch) => format!("fetch {}", fetch.order_id),
        Event::Reach(reach) => format!("{} {}: {:?}", reach.channel.as_str(), reach.address, reach.report),
        Event::Fetched(report) => format!("fetched {}: {:?}", report.order_id, report.step),
        Event::Past(past) => format!("what came of {:?} {:?}", past.message, fact.keys),
        Event::Message(step) => match &step.step {
            Step::Sending { attempt } | Step::Retry { attempt, .. } => {
                format!("{} {} {attempt}", step.cause, step.step.name())
            }
            other => format!("{} {}", step.cause, other.name()),
        },
    }
}

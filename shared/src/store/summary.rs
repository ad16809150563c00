//! What is long past takes less room: all reports of a person's orders and parcels become one fact, and so do all steps of
//! a message.
//!
//! A record is the join of its facts' records, so facts and what they were joined to make the same record, and a crash
//! that leaves both does no harm. Nothing that counts is lost: a report that another one contradicted is, and so are
//! the words of messages.

use std::collections::{BTreeMap, BTreeSet};

use crate::customer::Customer;
use crate::fact::{Event, Fact, Past};
use crate::join::Join;
use crate::key::Key;
use crate::message::MessageId;
use crate::time::Time;

/// What may be put together.
enum Part {
    /// With whatever else shares a key with it.
    Trade,
    /// With other steps of this message.
    Step(MessageId, String),
    /// Stays as it is: answers, reviews and tickets are few, consent has to be proved, and the words of a message leave
    /// first.
    Whole,
}

impl Part {
    fn of(fact: &Fact) -> Self {
        match &fact.event {
            Event::Message(step) if step.body.is_none() => Self::Step(step.id.clone(), step.cause.clone()),
            Event::Past(Past { message: Some((id, cause)), .. }) => Self::Step(id.clone(), cause.clone()),
            Event::Order(_) | Event::Shipment(_) | Event::Past(_) => Self::Trade,
            _ => Self::Whole,
        }
    }
}

/// When the newest of these facts was that could become less.
pub fn detailed_until(facts: &BTreeSet<Fact>) -> Option<Time> {
    let detailed =
        |fact: &&Fact| !matches!(fact.event, Event::Past(_)) && !matches!(Part::of(fact), Part::Whole);
    facts.iter().filter(detailed).map(|fact| fact.at).max()
}

/// The same in fewer facts.
pub fn summarise(facts: impl IntoIterator<Item = Fact>) -> BTreeSet<Fact> {
    let mut whole = BTreeSet::new();
    let mut messages: BTreeMap<(MessageId, String), Group> = BTreeMap::new();
    let mut trade: Vec<Group> = Vec::new();
    let mut of_key: BTreeMap<Key, usize> = BTreeMap::new();
    for fact in facts {
        match Part::of(&fact) {
            Part::Whole => _ = whole.insert(fact),
            Part::Step(id, cause) => messages.entry((id, cause)).or_default().add(fact),
            Part::Trade => {
                let mut group = Group::default();
                group.add(fact);
                let known: BTreeSet<usize> =
                    group.keys.iter().filter_map(|key| of_key.get(key).copied()).collect();
                for other in known {
                    group.join(std::mem::take(&mut trade[other]));
                }
                of_key.extend(group.keys.iter().map(|key| (key.clone(), trade.len())));
                trade.push(group);
            }
        }
    }
    whole.extend(trade.into_iter().filter_map(|group| group.into_fact(None)));
    whole.extend(messages.into_iter().filter_map(|(message, group)| group.into_fact(Some(message))));
    whole
}

/// Facts that become one.
#[derive(Default)]
struct Group {
    /// Of the newest: none of these facts belongs to somebody who is forgotten by now, whatever some of their keys stood
    /// for when the oldest happened. Who is forgotten from now on is so up to a later time.
    at: Option<Time>,
    keys: BTreeSet<Key>,
    record: Customer,
}

impl Group {
    fn add(&mut self, fact: Fact) {
        self.at = self.at.max(Some(fact.at));
        self.keys.extend(fact.keys.iter().cloned());
        self.record.join(Customer::from(fact));
    }

    fn join(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.keys.extend(other.keys);
        self.record.join(other.record);
    }

    /// `None` for one that was joined to another.
    fn into_fact(self, message: Option<(MessageId, String)>) -> Option<Fact> {
        let event = Event::Past(Past::new(message, self.record));
        Some(Fact { at: self.at?, source: "aftercare".to_owned(), keys: self.keys, event })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fact::arbitrary;

    /// All that these facts tell, connected or not.
    fn record(facts: &BTreeSet<Fact>) -> Customer {
        facts.iter().cloned().map(Customer::from).fold(Customer::default(), |mut all, one| {
            all.join(one);
            all
        })
    }

    /// Which keys belong together.
    fn people(facts: &BTreeSet<Fact>) -> BTreeSet<BTreeSet<Key>> {
        let mut people: Vec<BTreeSet<Key>> = Vec::new();
        for fact in facts {
            let mut keys = fact.all_keys().map(std::borrow::Cow::into_owned).collect::<BTreeSet<_>>();
            people.retain(|person| {
                let same = !person.is_disjoint(&keys);
                if same {
                    keys.extend(person.iter().cloned());
                }
                !same
            });
            people.push(keys);
        }
        people.into_iter().collect()
    }

    proptest! {
        #[test]
        fn fewer_facts_tell_the_same(facts in arbitrary::facts(1..12), again in arbitrary::facts(1..4)) {
            let facts: BTreeSet<Fact> = facts.into_iter().collect();
            let summary = summarise(facts.clone());
            prop_assert!(summary.len() <= facts.len());
            prop_assert_eq!(record(&summary), record(&facts));
            prop_assert_eq!(people(&summary), people(&facts));
            prop_assert_eq!(detailed_until(&summary), None);
            prop_assert_eq!(&summarise(summary.clone()), &summary);

            // A crash may leave both, and there is always more to come.
            let both = facts.union(&summary).cloned().collect();
            prop_assert_eq!(record(&both), record(&facts));
            prop_assert_eq!(people(&both), people(&facts));
            let more: BTreeSet<Fact> = again.into_iter().collect();
            let at_once: BTreeSet<Fact> = facts.union(&more).cloned().collect();
            let in_steps = summarise(summary.union(&more).cloned());
            prop_assert_eq!(record(&in_steps), record(&at_once));
            prop_assert_eq!(people(&in_steps), people(&at_once));
            for fact in &summary {
                prop_assert_eq!(&Fact::from_bytes(&fact.to_bytes()).expect("a fact"), fact);
            }
        }
    }
}

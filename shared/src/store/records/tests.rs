//! The page layer against the plainest thing that could work: connected components of facts, folded.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::Index;

use super::Records;
use crate::customer::Customer;
use crate::fact::{Fact, arbitrary};
use crate::join::Join;
use crate::key::Key;
use crate::ledger::{self, Day, Line, LineId};
use crate::store::memory::MemoryStore;
use crate::store::{StoreError, names};

/// Facts that share a key belong together; what belongs together is joined.
pub(crate) fn components(facts: &[Fact]) -> Vec<Customer> {
    let mut customers: Vec<Customer> = Vec::new();
    for fact in facts {
        let mut customer = Customer::from(fact.clone());
        let (same, others) =
            customers.into_iter().partition(|other: &Customer| !other.keys.is_disjoint(&customer.keys));
        customers = others;
        let same: Vec<Customer> = same;
        for other in same {
            customer.join(other);
        }
        customers.push(customer);
    }
    customers.sort_by(|left, right| left.root().cmp(&right.root()));
    customers
}

/// No day of these tests is old enough to be rolled up.
fn long_ago() -> NaiveDate {
    NaiveDate::MIN
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("records hold nothing that JSON cannot say")
}

/// Joins the facts in several runs, each of which starts from what the last one stored.
async fn fold(store: &MemoryStore, pages: u32, batches: &[Vec<Fact>]) -> Result<(), StoreError> {
    for facts in batches {
        let mut records = Records::new(store, pages, long_ago());
        for fact in facts {
            let root = records.join(fact.clone()).await?;
            assert!(root.is_some(), "every fact has a key");
        }
        records.save(&[]).await?;
    }
    Ok(())
}

/// Every record that can be reached from one of `keys`, once.
async fn stored(store: &MemoryStore, pages: u32, keys: &BTreeSet<Key>) -> Result<Vec<Customer>, StoreError> {
    let mut records = Records::new(store, pages, long_ago());
    let mut found = BTreeMap::new();
    for key in keys {
        let root = records.root_of(key).await?.expect("every key that was joined leads to a record");
        let customer = records.customer(key).await?.expect("a record").clone();
        assert_eq!(customer.root(), Some(&root));
        assert!(customer.keys.contains(key));
        found.insert(root, customer);
    }
    Ok(found.into_values().collect())
}

/// What the ledger's days say, line by line.
fn scored(store: &MemoryStore) -> BTreeSet<(NaiveDate, LineId, Line)> {
    let mut lines = BTreeSet::new();
    for (key, value) in &*store.0.borrow() {
        if let Some(date) = names::day_date(key) {
            let day = Day::decode(key, value).expect("a day");
            lines.extend(day.lines.into_iter().map(|(id, line)| (date, id, line)));
        }
    }
    lines
}

proptest! {
    #[test]
    fn pages_hold_what_a_plain_fold_holds(
        facts in arbitrary::facts(1..14),
        pages in 1..6_u32,
        cuts in proptest::collection::vec(any::<Index>(), 0..5),
        again in proptest::collection::vec(any::<Index>(), 0..5),
    ) {
        let mut batches: Vec<Vec<Fact>> = vec![facts.clone()];
        for cut in cuts {
            let last = batches.pop().unwrap_or_default();
            let (left, right) = last.split_at(cut.index(last.len() + 1));
            batches.extend([left.to_vec(), right.to_vec()]);
        }
        batches.push(again.iter().map(|index| index.get(&facts).clone()).collect());

        let store = MemoryStore::default();
        let keys = facts.iter().flat_map(|fact| Customer::from(fact.clone()).keys).collect();
        let run = async {
            fold(&store, pages, &batches).await?;
            Ok::<_, StoreError>((stored(&store, pages, &keys).await?, scored(&store)))
        };
        let (records, lines) = run.now_or_never().expect("the store never waits").expect("the store never fails");

        let expected = components(&facts);
        prop_assert_eq!(json(&records), json(&expected));

        let expected = expected.iter().flat_map(ledger::lines).map(|(id, line)| (line.at.date(), id, line));
        prop_assert_eq!(lines, expected.collect());
    }

    #[test]
    fn a_reader_sees_what_a_sweep_would_write(facts in arbitrary::facts(1..10), pages in 1..4_u32) {
        let store = MemoryStore::default();
        let run = async {
            let mut records = Records::new(&store, pages, long_ago());
            for fact in &facts {
                records.join(fact.clone()).await?;
            }
            let mut seen = BTreeMap::new();
            for key in facts.iter().flat_map(|fact| &fact.keys) {
                seen.insert(key, records.customer(key).await?.cloned());
            }
            let seen = json(&seen.into_values().collect::<Vec<_>>());
            records.save(&[]).await?;
            let mut records = Records::new(&store, pages, long_ago());
            let mut written = BTreeMap::new();
            for key in facts.iter().flat_map(|fact| &fact.keys) {
                written.insert(key, records.customer(key).await?.cloned());
            }
            Ok::<_, StoreError>((seen, json(&written.into_values().collect::<Vec<_>>())))
        };
        let (seen, written) = run.now_or_never().expect("the store never waits").expect("the store never fails");
        prop_assert_eq!(seen, written);
    }
}

//! The join laws: what is known of a customer does not depend on the order or the number of deliveries.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Customer;
use crate::fact::{Fact, arbitrary};
use crate::join::Join;
use crate::message::MessageId;
use crate::playbook;
use crate::settings::Settings;
use crate::time::Time;

fn joined(mut left: Customer, right: Customer) -> Customer {
    left.join(right);
    left
}

/// A record of several facts, as if they all were one person's.
fn record(facts: &[Fact]) -> Customer {
    facts.iter().cloned().map(Customer::from).fold(Customer::default(), joined)
}

fn bytes(customer: &Customer) -> Vec<u8> {
    serde_json::to_vec(customer).expect("records hold nothing that JSON cannot say")
}

/// What the playbooks want to say, at several times.
fn planned(customer: &Customer) -> Vec<BTreeSet<MessageId>> {
    let settings = Settings::default();
    let base = Time::parse("2026-11-21T20:00:00Z").expect("a time");
    let at = [0, 1, 2, 3, 30].map(|days| base + chrono::TimeDelta::days(days));
    at.iter()
        .map(|at| playbook::plan(customer, &settings, *at).into_iter().map(|plan| plan.id).collect())
        .collect()
}

#[track_caller]
fn same(left: &Customer, right: &Customer) {
    assert_eq!(left, right);
    assert_eq!(bytes(left), bytes(right));
    assert_eq!(planned(left), planned(right));
}

proptest! {
    #[test]
    fn joining_twice_changes_nothing(facts in arbitrary::facts(1..5)) {
        let customer = record(&facts);
        same(&joined(customer.clone(), customer.clone()), &customer);
    }

    #[test]
    fn joining_either_way_round_is_the_same(left in arbitrary::facts(1..4), right in arbitrary::facts(1..4)) {
        let (left, right) = (record(&left), record(&right));
        same(&joined(left.clone(), right.clone()), &joined(right, left));
    }

    #[test]
    fn joining_in_other_groups_is_the_same(
        a in arbitrary::facts(1..4), b in arbitrary::facts(1..4), c in arbitrary::facts(1..4),
    ) {
        let (a, b, c) = (record(&a), record(&b), record(&c));
        same(&joined(joined(a.clone(), b.clone()), c.clone()), &joined(a, joined(b, c)));
    }

    #[test]
    fn any_order_and_number_of_deliveries_is_the_same(
        (facts, deliveries) in arbitrary::facts(1..8).prop_flat_map(|facts| {
            let twice = [facts.clone(), facts.clone()].concat();
            (Just(facts), Just(twice).prop_shuffle())
        }),
    ) {
        same(&record(&facts), &record(&deliveries));
    }

    #[test]
    fn what_is_written_is_read_back(facts in arbitrary::facts(1..5)) {
        let customer = record(&facts);
        let read: Customer = serde_json::from_slice(&bytes(&customer)).expect("a record");
        same(&read, &customer);
        for fact in facts {
            let read = Fact::from_bytes(&fact.to_bytes()).expect("a fact");
            prop_assert_eq!(read.id(), fact.id());
            prop_assert_eq!(read, fact);
        }
    }
}

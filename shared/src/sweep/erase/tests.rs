//! Erasing commutes with deliveries: whoever asked to be forgotten is, whatever comes first, last or twice; everybody else
//! is remembered as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures_util::FutureExt;
use http::{Request, Response};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::channel::{CallError, Outbound, resend};
use crate::customer::Customer;
use crate::fact::{
    Channel, ConsentReport, Contact, Event, Fact, OrderReport, OrderStage, PrivacyKind, PrivacyRequest,
    arbitrary,
};
use crate::fetch::Platforms;
use crate::field::Field;
use crate::join::Join;
use crate::key::Key;
use crate::settings::Settings;
use crate::store::erasure::Erasures;
use crate::store::lease::Clock;
use crate::store::memory::MemoryStore;
use crate::store::page::Page;
use crate::store::view::View;
use crate::store::{Store, StoreError, codec, names};
use crate::sweep::{Limits, Sweep};
use crate::time::Time;

struct At(Time);

impl Clock for At {
    fn now(&self) -> Time {
        self.0
    }

    async fn wait(&self, _: TimeDelta) {}
}

/// Takes every message and keeps it.
#[derive(Default)]
struct Mailbox(std::cell::RefCell<Vec<Vec<u8>>>);

impl Outbound for Mailbox {
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        self.0.borrow_mut().push(request.into_body());
        Ok(Response::new(br#"{"id":"mail"}"#.to_vec()))
    }
}

fn time(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

async fn sweep(store: &MemoryStore, now: Time, mailbox: &Mailbox) -> Result<(), StoreError> {
    let sweep = Sweep {
        store,
        clock: &At(now),
        outbound: mailbox,
        settings: &Settings::default(),
        platforms: &Platforms::default(),
        providers: &resend::Config { url: "http://mail.example".to_owned(), api_key: String::new() }.into(),
        limits: Limits::default(),
        seed: 7,
    };
    sweep.run().await.map(|_| ())
}

async fn deliver(store: &MemoryStore, facts: &[Fact]) -> Result<(), StoreError> {
    for fact in facts {
        store.set(&names::inbox(&fact.id()), &fact.to_bytes()).await?;
    }
    Ok(())
}

fn now<T>(future: impl Future<Output = Result<T, StoreError>>) -> T {
    future.now_or_never().expect("the store never waits").expect("the store never fails")
}

/// Every record, but not what was said: that depends on what was known when it was said.
fn records(store: &MemoryStore) -> Vec<String> {
    let mut records = Vec::new();
    for (key, value) in &*store.0.borrow() {
        if names::page_number(key).is_some() {
            let page: Page = codec::decode(key, value).expect("a page");
            for stored in page.records.values() {
                let mut customer: Customer = serde_json::from_str(stored.is.get()).expect("a record");
                customer.messages.clear();
                records.push(serde_json::to_string(&customer).expect("JSON"));
            }
        }
    }
    records.sort();
    records
}

fn fold(facts: &[Fact]) -> Vec<String> {
    let mut customers: Vec<Customer> = Vec::new();
    for fact in facts {
        let mut customer = Customer::from(fact.clone());
        let (same, others): (Vec<_>, Vec<_>) =
            customers.into_iter().partition(|other: &Customer| !other.keys.is_disjoint(&customer.keys));
        for other in same {
            customer.join(other);
        }
        customers = others;
        customers.push(customer);
    }
    let json = |customer| serde_json::to_string(&customer).expect("JSON");
    let mut records: Vec<String> = customers.into_iter().map(json).collect();
    records.sort();
    records
}

fn request(keys: impl IntoIterator<Item = Key>, at: Time) -> Fact {
    Fact {
        at,
        source: "generic".to_owned(),
        keys: keys.into_iter().collect(),
        event: Event::Privacy(PrivacyRequest { id: "p1".to_owned(), kind: PrivacyKind::Erase }),
    }
}

/// Facts without those that have to do with the person who has one of these keys.
fn others(facts: &[Fact], mut keys: BTreeSet<Key>) -> Vec<Fact> {
    let mut others = facts.to_vec();
    loop {
        let before = others.len();
        others.retain(|fact| {
            let theirs = fact.all_keys().any(|key| keys.contains(&*key));
            if theirs {
                keys.extend(fact.all_keys().map(std::borrow::Cow::into_owned));
            }
            !theirs
        });
        if others.len() == before {
            return others;
        }
    }
}

/// Caches, byte by byte.
fn caches(store: &MemoryStore) -> BTreeMap<String, Vec<u8>> {
    let is_cache = |key: &str| names::page_number(key).is_some() || names::day_date(key).is_some();
    let values = store.0.borrow();
    values.iter().filter(|(key, _)| is_cache(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

proptest! {
    #[test]
    fn whoever_is_forgotten_is_so_in_every_order_of_deliveries(
        (facts, deliveries) in arbitrary::facts(1..9).prop_flat_map(|mut facts| {
            facts.retain(|fact| !matches!(fact.event, Event::Message(_)));
            let ann = Key::email("ann@example.com").expect("a key");
            facts.push(request([ann], time("2026-12-01T00:00:00Z")));
            let twice = [facts.clone(), facts.clone()].concat();
            (Just(facts), Just(twice).prop_shuffle())
        }),
        cuts in proptest::collection::vec(any::<Index>(), 0..4),
    ) {
        let store = MemoryStore::default();
        let mailbox = Mailbox::default();
        let clock = time("2026-12-01T00:00:01Z");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(deliveries.len())).collect();
        cuts.extend([0, deliveries.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            now(deliver(&store, &deliveries[pair[0]..pair[1]]));
            now(sweep(&store, clock, &mailbox));
        }
        let request = facts.last().expect("the request").clone();
        let expected = fold(&others(&facts[..facts.len() - 1], request.keys));
        prop_assert_eq!(records(&store), expected);

        let before = caches(&store);
        store.0.borrow_mut().retain(|key, _| names::segment_level(key).is_some() || names::is_erased(key));
        now(sweep(&store, clock, &mailbox));
        prop_assert_eq!(caches(&store), before, "a rebuild makes the same bytes");
    }
}

fn ann() -> Key {
    Key::email("ann@example.com").expect("a key")
}

fn order(id: &str, at: Time, contact: Contact) -> Fact {
    let report = OrderReport {
        id: id.to_owned(),
        stages: BTreeMap::from([(OrderStage::Placed, at)]),
        contact,
        ..OrderReport::default()
    };
    let keys = [Key::order(id), Some(ann())].into_iter().flatten().collect();
    Fact { at, source: "generic".to_owned(), keys, event: Event::Order(report) }
}

fn anns() -> Contact {
    Contact { email: Field::Some("ann@example.com".to_owned()), ..Contact::default() }
}

#[test]
fn an_order_after_the_request_is_thanked_for_and_one_before_it_is_not() {
    let (store, mailbox) = (MemoryStore::default(), Mailbox::default());
    let placed = time("2026-12-01T09:00:00Z");
    let asked = time("2026-12-01T10:00:00Z");
    now(deliver(&store, &[request([ann()], asked), order("1", placed, anns())]));
    now(sweep(&store, asked, &mailbox));
    assert_eq!(mailbox.0.borrow().len(), 0);

    // A later report of the old order calls for nothing that was due before the request.
    let Event::Order(report) = order("1", placed, anns()).event else { unreachable!("an order") };
    let paid =
        Fact { at: time("2026-12-01T11:00:00Z"), event: Event::Order(report), ..order("1", placed, anns()) };
    let again = order("2", time("2026-12-01T11:30:00Z"), anns());
    let later = time("2026-12-01T12:00:00Z");
    now(deliver(&store, &[paid, again]));
    now(sweep(&store, later, &mailbox));
    assert_eq!(mailbox.0.borrow().len(), 1);

    // What was sent of the new one is remembered under the new one, whatever of the old one comes late.
    now(deliver(&store, &[order("1", placed, anns()), request([ann()], asked)]));
    now(sweep(&store, later, &mailbox));
    assert_eq!(mailbox.0.borrow().len(), 1);
}

#[test]
fn an_order_that_came_before_an_older_request_survives_with_what_was_said_about_it() {
    let (store, mailbox) = (MemoryStore::default(), Mailbox::default());
    let asked = time("2026-12-01T10:00:00Z");
    now(deliver(
        &store,
        &[order("1", time("2026-12-01T09:00:00Z"), anns()), order("2", time("2026-12-01T11:00:00Z"), anns())],
    ));
    now(sweep(&store, time("2026-12-01T11:00:01Z"), &mailbox));
    assert_eq!(mailbox.0.borrow().len(), 2);
    now(deliver(&store, &[request([ann()], asked)]));
    now(sweep(&store, time("2026-12-01T11:30:00Z"), &mailbox));
    let customer = now(View::customer(&store, asked, &ann())).expect("a record");
    assert_eq!(customer.orders.keys().collect::<Vec<_>>(), ["2"]);
    assert_eq!(customer.messages.len(), 1);
    assert_eq!(mailbox.0.borrow().len(), 2, "nobody is thanked twice");
}

#[test]
fn a_box_that_was_ticked_before_the_request_is_no_consent_any_more() {
    let (store, mailbox) = (MemoryStore::default(), Mailbox::default());
    let asked = time("2026-12-01T10:00:00Z");
    let ticked = |at: &str, yes: bool| Contact {
        marketing: BTreeMap::from([(Channel::Email, yes)]),
        marketing_at: Some(time(at)),
        ..anns()
    };
    let consent = || {
        let customer = now(View::customer(&store, asked, &ann())).expect("a record");
        customer.profile.marketing.get(&Channel::Email).and_then(|said| said.get().copied())
    };
    let said = |at: &str, contact: Contact| Fact {
        at: time(at),
        event: Event::Consent(ConsentReport { contact, ..ConsentReport::default() }),
        ..order("2", time(at), anns())
    };
    now(deliver(&store, &[request([ann()], asked)]));
    now(sweep(&store, asked, &mailbox));
    now(deliver(&store, &[said("2026-12-01T11:00:00Z", ticked("2026-03-01T00:00:00Z", true))]));
    now(sweep(&store, asked, &mailbox));
    assert_eq!(consent(), None);
    now(deliver(&store, &[said("2026-12-01T11:00:01Z", ticked("2026-03-02T00:00:00Z", false))]));
    assert_eq!(consent(), Some(false), "a refusal stands");
    now(deliver(&store, &[said("2026-12-01T12:00:00Z", ticked("2026-12-01T12:00:00Z", true))]));
    assert_eq!(consent(), Some(true));
}

#[test]
fn documents_become_one_and_say_nothing_of_anybody() {
    let (store, mailbox) = (MemoryStore::default(), Mailbox::default());
    let asked = time("2026-12-01T10:00:00Z");
    let bob = Key::email("bob@example.com").expect("a key");
    for (number, key) in [(0, ann()), (1, bob.clone())] {
        now(deliver(&store, &[request([key], asked + TimeDelta::seconds(number))]));
        now(sweep(&store, asked + TimeDelta::minutes(1), &mailbox));
    }
    let documents: BTreeSet<String> =
        now(store.keys()).into_iter().filter(|key| names::is_erased(key)).collect();
    assert_eq!(documents.len(), 1);
    let erasures = now(Erasures::load(&store, &documents, &BTreeSet::new())).expect("a document");
    assert_eq!((erasures.until(&ann()), erasures.receipts().len()), (Some(asked), 2));
    assert_eq!(erasures.until(&bob), Some(asked + TimeDelta::seconds(1)));
    for (key, value) in &*store.0.borrow() {
        let text =
            codec::decode::<serde_json::Value>(key, value).map(|json| json.to_string()).unwrap_or_default();
        assert!(!text.contains("example.com"), "{key}: {text}");
    }
}

#[test]
fn a_request_that_is_dated_in_the_future_does_not_forget_what_is_still_to_come() {
    let (store, mailbox) = (MemoryStore::default(), Mailbox::default());
    let today = time("2026-12-01T10:00:00Z");
    now(deliver(&store, &[request([ann()], time("2099-01-01T00:00:00Z"))]));
    now(sweep(&store, today, &mailbox));
    assert!(store.0.borrow().keys().all(|key| !names::is_inbox(key)), "it is carried out");
    now(deliver(&store, &[order("1", today + TimeDelta::hours(2), anns())]));
    assert!(now(View::customer(&store, today, &ann())).is_some());
}

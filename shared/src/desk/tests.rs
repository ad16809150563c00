//! What is looked up is what was reported, whether a sweep has been there or not.

use std::cmp::Reverse;

use chrono::NaiveDate;
use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;
use crate::customer::{Customer, CustomerId};
use crate::fact::{Fact, arbitrary};
use crate::join::Join;
use crate::key::Key;
use crate::settings::Settings;
use crate::store::memory::MemoryStore;
use crate::store::meta::{Meta, PageInfo};
use crate::store::records::Records;
use crate::store::records::tests::components;
use crate::store::view::View;
use crate::store::{Store, StoreError, names};
use crate::time::Time;

fn at(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

fn now() -> Time {
    at("2026-11-21T20:00:00Z")
}

/// What comes of a run over a store that never waits and never fails.
fn run<T>(future: impl Future<Output = Result<T, StoreError>>) -> T {
    future.now_or_never().expect("the store never waits").expect("the store never fails")
}

/// A store of so many pages, in which a sweep has met the first facts and not yet the others.
async fn store(pages: u32, swept: &[Fact], waiting: &[Fact]) -> Result<MemoryStore, StoreError> {
    let store = MemoryStore::default();
    let mut records = Records::new(&store, pages, NaiveDate::MIN);
    for fact in swept {
        records.join(fact.clone()).await?;
    }
    records.save(&[]).await?;
    Meta { pages: vec![PageInfo::default(); pages as usize], ..Meta::default() }.save(&store).await?;
    for fact in waiting {
        store.set(&names::inbox(&fact.id()), &fact.to_bytes()).await?;
    }
    Ok(store)
}

/// Every message of the store, page of answers by page of answers.
async fn all_messages(store: &MemoryStore, query: &str) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    let mut query = query.to_owned();
    loop {
        let asked = Asked::from_query(&query).expect("a question that we wrote");
        let listing = messages(store, now(), &asked).await?;
        assert!(listing.messages.len() <= asked.limit);
        all.extend(listing.messages);
        match listing.next {
            Some(next) => query = next.strip_prefix("/messages?").expect("our own page").to_owned(),
            None => return Ok(all),
        }
    }
}

proptest! {
    #[test]
    fn everybody_is_met_once_and_found_by_any_key(
        facts in arbitrary::facts(1..12), pages in 1..6_u32, cut in any::<Index>(), part in 1..7_u32,
    ) {
        let (swept, waiting) = facts.split_at(cut.index(facts.len() + 1));
        let expected = components(&facts);
        let mut met = run(async {
            let store = store(pages, swept, waiting).await?;
            for customer in &expected {
                for key in &customer.keys {
                    let found = View::identified(&store, now(), CustomerId::of(key)).await?;
                    assert_eq!(found.as_ref(), Some(customer), "{key}");
                }
            }
            let mut met: Vec<Customer> = Vec::new();
            for first in (0..pages).step_by(part as usize) {
                let visit = |met: &mut Vec<Customer>, customer: &Customer| met.push(customer.clone());
                let (here, total) = View::scan(&store, now(), first..first + part, visit).await?;
                assert_eq!(total, pages);
                met.extend(here);
            }
            Ok(met)
        });
        met.sort_by(|left, right| left.root().cmp(&right.root()));
        prop_assert_eq!(met, expected);
    }

    #[test]
    fn every_message_is_listed_once_and_newest_first(
        facts in arbitrary::facts(1..14), pages in 1..6_u32, cut in any::<Index>(), limit in 1..5_usize,
    ) {
        let (swept, waiting) = facts.split_at(cut.index(facts.len() + 1));
        let query = format!("limit={limit}");
        let (listed, sent) = run(async {
            let store = store(pages, swept, waiting).await?;
            Ok((all_messages(&store, &query).await?, all_messages(&store, &format!("{query}&state=sent")).await?))
        });
        let customers = components(&facts);
        let mut expected: Vec<Listed> = customers
            .iter()
            .flat_map(|customer| {
                customer.messages.iter().filter_map(|(id, message)| Listed::new(customer, id, message))
            })
            .collect();
        expected.sort_by_key(|listed| (Reverse(listed.at), listed.id.clone()));
        let places = |list: &[Listed]| list.iter().map(|one| (one.at, one.id.clone())).collect::<Vec<_>>();
        prop_assert_eq!(places(&listed), places(&expected));
        expected.retain(|listed| listed.state == "sent");
        prop_assert_eq!(places(&sent), places(&expected));
    }
}

#[test]
fn a_question_that_cannot_be_answered_is_refused() {
    for (query, field) in [
        ("state=lost", "state"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=1.2", "cursor"),
        ("cursor=1.x.y", "cursor"),
    ] {
        let problem = Asked::from_query(query).expect_err(query);
        assert_eq!((problem.status(), problem.field()), (400, Some(field)), "{query}");
    }
    let plain = Asked::from_query("").expect("all of them");
    assert_eq!(Asked::from_query("state=&customer=&playbook="), Ok(plain), "as a form sends it");
}

// ── One customer ────────────────────────────────────────────────────────────

fn fact(time: &str, event: Value) -> Fact {
    let keys = [Key::customer("77"), Key::email("ann@example.com")].into_iter().flatten().collect();
    let event = serde_json::from_value(event).expect("an event");
    Fact { at: at(time), source: "generic".to_owned(), keys, event }
}

fn millis(time: &str) -> i64 {
    at(time).millis()
}

/// Ann buys, waits, complains, answers, and is written to. In no order.
fn anns_facts() -> Vec<Fact> {
    let step = |time: &str, step: Value| {
        let message =
            json!({"id": "thank-you-1a", "playbook": "thank-you", "cause": "order:1001", "step": step});
        fact(time, json!({ "message": message }))
    };
    vec![
        step("2026-11-03T10:00:09Z", json!({"sent": {}})),
        fact(
            "2026-11-12T09:00:00Z",
            json!({"answer": {"id": "a1", "kind": "nps", "score": 3, "scale": {"min": 0, "max": 10, "good": "high"},
                              "comment": "Late, and the lid was cracked.", "order_id": "1001"}}),
        ),
        fact(
            "2026-11-03T10:00:00Z",
            json!({"order": {
                "id": "1001", "number": "88001", "total": {"minor": 34_900, "currency": "EUR"},
                "stages": {"placed": millis("2026-11-03T10:00:00Z"), "paid": millis("2026-11-03T10:00:00Z")},
                "items": [{"title": "Espresso machine", "quantity": 1}], "promised_by": "2026-11-06",
                "contact": {"email": "ann@example.com", "first_name": "Ann", "last_name": "Smith",
                            "country": "DE", "marketing": {"email": true}}}}),
        ),
        step("2026-11-03T10:00:05Z", json!({"sending": {"attempt": 1}})),
        step(
            "2026-11-03T10:00:02Z",
            json!({"deferred": {"until": millis("2026-11-03T10:00:04Z"), "why": "quiet hours"}}),
        ),
        fact(
            "2026-11-10T15:00:00Z",
            json!({"shipment": {"id": "s1", "order_id": "1001", "tracking_numbers": ["00340434161094"], "carrier": "DHL",
                                "states": {"shipped": millis("2026-11-04T08:00:00Z"), "delivered": millis("2026-11-10T15:00:00Z")}}}),
        ),
        fact(
            "2026-11-09T08:00:00Z",
            json!({"ticket": {"id": "t1", "status": "solved", "subject": "Where is it?", "channel": "email",
                              "created_at": millis("2026-11-08T08:00:00Z"), "solved_at": [millis("2026-11-09T08:00:00Z")]}}),
        ),
        fact(
            "2026-11-14T08:00:00Z",
            json!({"review": {"id": "r1", "rating_hundredths": 400, "rated": "4 of 1-5", "source": "own-shop",
                              "title": "Good coffee", "product_id": "9"}}),
        ),
    ]
}

pub(crate) fn ann() -> Customer {
    anns_facts().into_iter().map(Customer::from).fold(Customer::default(), |mut all, one| {
        all.join(one);
        all
    })
}

pub(crate) fn shop() -> Settings {
    let document = json!({
        "time_zone": "Europe/Berlin",
        "loyalty": {"per_unit": 1, "per_review": 50, "tiers": [{"name": "Silver", "points": 300}]},
    });
    Settings::default().with(&document).expect("settings that make sense")
}

#[test]
fn a_timeline_is_in_the_order_of_events() {
    let timeline = timeline(&ann(), &shop(), now()).expect("Ann has keys");
    assert!(timeline.timeline.is_sorted_by_key(|entry| entry.at));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("timeline", serde_json::to_string_pretty(&timeline).expect("plain data"));
    });
}

#[test]
fn people_are_found_by_every_name_of_theirs() {
    let facts = anns_facts();
    run(async {
        let mut keyed = facts.clone();
        for fact in &mut keyed {
            let order = [Key::order("1001"), Key::order_number("88001"), Key::tracking("00340434161094")];
            fact.keys.extend(order.into_iter().flatten());
        }
        let bob = Fact {
            keys: [Key::customer("1001")].into_iter().flatten().collect(),
            ..fact("2026-11-03T10:00:00Z", json!({"consent": {}}))
        };
        keyed.push(bob);
        let (swept, waiting) = keyed.split_at(4);
        let store = store(3, swept, waiting).await?;
        for (name, matched) in [
            ("ann@example.com", "email"),
            (" ANN@example.com", "email"),
            ("#88001", "number"),
            ("0034 0434 161094", "tracking"),
            ("77", "customer"),
        ] {
            let found = search(&store, now(), name).await?;
            let told: Vec<_> = found.iter().map(|one| (one.name.as_deref(), one.matched.join(" "))).collect();
            assert_eq!(told, [(Some("Ann Smith"), matched.to_owned())], "{name}");
        }
        let both = search(&store, now(), "1001").await?;
        assert_eq!(both.len(), 2, "an order of Ann's, and Bob's own number");
        assert_eq!(both[0].orders, ["88001"]);
        assert_eq!(identified(&store, now(), "1001").await?, None, "that could be either");
        for nobody in ["", " ", "ann", "ann@example.org", "nan", "%", "'; drop table"] {
            assert_eq!(search(&store, now(), nobody).await?, [], "{nobody}");
        }
        let listing =
            messages(&store, now(), &Asked::from_query("customer=ann%40example.com").expect("a name"))
                .await?;
        assert_eq!(listing.messages.len(), 1);
        assert_eq!(listing.messages[0].steps.len(), 3);
        assert_eq!(listing.messages[0].customer, Some(both[0].id));
        let of_nobody =
            messages(&store, now(), &Asked::from_query("customer=x@example.com").expect("a name")).await?;
        assert_eq!(of_nobody.messages, []);
        Ok(())
    });
}

#[test]
fn what_is_open_is_what_nobody_has_settled() {
    let days = crate::window::Window { from: at("2026-11-01T00:00:00Z").date(), to: now().date() };
    let looked_at = |facts: Vec<Fact>| {
        run(async {
            let store = store(2, &facts[..facts.len() / 2], &facts[facts.len() / 2..]).await?;
            attention(&store, &shop(), days, now()).await
        })
    };
    // Ann's bad answer came before a good review; the parcel has come, the ticket is solved.
    let settled = looked_at(anns_facts());
    assert_eq!((settled.open.as_slice(), settled.count), ([].as_slice(), 0));
    let (product, grievance) = &settled.grievances[0];
    assert_eq!((product.as_str(), grievance.count), ("Espresso machine", 1));
    assert_eq!(grievance.comments[0].said, "Late, and the lid was cracked.");

    let mut facts = anns_facts();
    let late = json!({"shipment": {"id": "s2", "states": {"delayed": millis("2026-11-18T08:00:00Z")}}});
    facts.push(fact("2026-11-18T08:00:00Z", late));
    let asked =
        json!({"ticket": {"id": "t2", "status": "open", "created_at": millis("2026-11-19T08:00:00Z")}});
    facts.push(fact("2026-11-19T08:00:00Z", asked));
    let angry = json!({"answer": {"id": "a2", "kind": "nps", "score": 0, "scale": {"min": 0, "max": 10, "good": "high"}}});
    facts.push(fact("2026-11-20T08:00:00Z", angry));
    let open = looked_at(facts);
    let told: Vec<_> = open.open.iter().map(|case| (case.about.as_str(), case.what.as_str())).collect();
    assert_eq!(
        told,
        [("shipment:s2", "parcel: delayed"), ("ticket:t2", "ticket open"), ("answer:a2", "NPS 0 of 0-10")]
    );
    assert_eq!(open.open[0].name.as_deref(), Some("Ann Smith"));
}

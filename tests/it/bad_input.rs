//! A store that is damaged, full, late or broken: nothing is overwritten or deleted, the rest goes on, and `/healthz` and
//! the log say what is wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use aftercare::fact::Fact;
use aftercare::key::Key;
use aftercare::store::meta::{Meta, PageInfo};
use aftercare::store::names;
use aftercare::store::page::page_of;
use aftercare::store::segment::Segment;
use aftercare_host::{Call, Fault, Faults, Profile};
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::store::HostStore;
use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use crate::shop::{Answer, DISPATCH_TOKEN, Shop, text};

/// Pages of the shop in which something is damaged, so that most customers are elsewhere.
const PAGES: u32 = 4;
const CUSTOMERS: u32 = 12;

fn email(customer: u32) -> String {
    format!("customer{customer}@example.com")
}

async fn order(shop: &Shop, customer: u32) -> Answer {
    let email = email(customer);
    let order = ShopifyOrder {
        id: 9_007_199_254_740_993 + u64::from(customer) * 10,
        number: 1001 + customer,
        email: &email,
        first_name: "Ann",
        locale: "en",
        placed_at: &shop.now(),
        title: "Espresso machine",
        price: "349.00",
    };
    shop.order(&order.to_json()).await
}

async fn try_dispatch(shop: &Shop) -> Answer {
    let authorization = ("authorization", format!("Bearer {DISPATCH_TOKEN}"));
    shop.request(Method::POST, "/dispatch", &[authorization], Vec::new()).await
}

async fn mailed(shop: &Shop) -> BTreeSet<String> {
    shop.outbox().await.iter().map(|mail| mail["to"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A shop whose customers are spread over some pages, each of them thanked for an order.
async fn spread() -> (Shop, HostStore) {
    let shop = Shop::with(&[("process", "tick")]).await;
    let store = HostStore(shop.host.store("default").expect("the store"));
    let meta = Meta { pages: vec![PageInfo::default(); PAGES as usize], ..Meta::default() };
    meta.save(&store).await.expect("a directory");
    for customer in 0..CUSTOMERS {
        assert_eq!(order(&shop, customer).await.status(), 202);
    }
    shop.dispatch().await;
    assert_eq!(mailed(&shop).await.len(), CUSTOMERS as usize);
    (shop, store)
}

fn stored_answer(customer: u32, at: DateTime<Utc>) -> Fact {
    let id = format!("c{customer}");
    let score =
        json!({ "id": id, "kind": "nps", "score": 9, "scale": { "min": 0, "max": 10, "good": "high" } });
    let fact = json!({
        "at": at.timestamp_millis(), "source": "generic",
        "keys": [format!("answer:{id}"), format!("email:{}", email(customer))], "event": { "answer": score },
    });
    Fact::from_bytes(fact.to_string().as_bytes()).expect("a fact")
}

/// Damages the first value of a kind, reports more, sweeps, and repairs the value.
async fn check_damage(kind: &str, damage: fn(&[u8]) -> Vec<u8>) {
    let (shop, HostStore(store)) = spread().await;
    shop.answer(&nps_answer("a0", 9, &email(0), &shop.now())).await;
    shop.dispatch().await;
    let stored = shop.stored().await;
    let (key, sound) = stored.iter().find(|(key, _)| key.starts_with(kind)).expect("a value of this kind");
    store.set(key, &damage(sound)).await.expect("set");
    // And a sweep died between its segment and its pages.
    let unfolded = (0..CUSTOMERS).map(|customer| stored_answer(customer, shop.clock.now().into()));
    let unfolded = Segment::new(0, &unfolded.collect());
    store.set(&unfolded.key, &unfolded.bytes).await.expect("set");

    shop.advance(Duration::from_mins(5));
    for customer in 0..CUSTOMERS {
        let answer = nps_answer(&format!("b{customer}"), 10, &email(customer), &shop.now());
        assert_eq!(shop.answer(&answer).await.status(), 202, "{key}: events are still taken");
    }
    for customer in CUSTOMERS..2 * CUSTOMERS {
        assert_eq!(order(&shop, customer).await.status(), 202, "{key}: events are still taken");
    }
    let before = shop.stored().await;
    for _ in 0..3 {
        try_dispatch(&shop).await;
        shop.advance(Duration::from_mins(1));
    }

    let after = shop.stored().await;
    assert_eq!(after[key], damage(sound), "{key} is left as it is");
    for (name, value) in before.iter().filter(|(name, _)| names::segment_level(name).is_some()) {
        assert_eq!(after.get(name), Some(value), "{key}: {name} is still there");
    }
    if let Some(damaged) = names::page_number(key) {
        // Whoever has no key on the damaged page is served.
        for customer in CUSTOMERS..2 * CUSTOMERS {
            let id = 9_007_199_254_740_993 + u64::from(customer) * 10;
            let keys = [
                Key::email(&email(customer)),
                Key::order(&id.to_string()),
                Key::order_number(&(1001 + customer).to_string()),
                Key::customer(&(id + 7_000_000).to_string()),
            ];
            if keys.iter().flatten().all(|key| page_of(key, PAGES) != damaged) {
                assert!(mailed(&shop).await.contains(&email(customer)), "customer {customer} is served");
            }
        }
    }
    let health = shop.get("/healthz").await;
    assert_eq!(health.status(), 503, "{key}: {}", text(&health));
    assert!(text(&health).contains(key.as_str()), "{key}: {}", text(&health));
    assert!(shop.log.text().contains(key.as_str()), "{key} is in the log: {}", shop.log.text());

    store.set(key, sound).await.expect("set");
    for _ in 0..3 {
        shop.advance(Duration::from_mins(1));
        try_dispatch(&shop).await;
    }
    assert_eq!(shop.get_json("/healthz").await["inbox"], json!(0), "{key}: nothing waits any more");
    assert_eq!(
        shop.get_json("/metrics").await["nps"]["n"],
        json!(1 + 2 * CUSTOMERS),
        "{key}: nothing is lost"
    );
    assert_eq!(mailed(&shop).await.len(), 2 * CUSTOMERS as usize, "{key}: everybody is thanked");
}

fn cut_off(value: &[u8]) -> Vec<u8> {
    value[..value.len() / 2].to_vec()
}

fn newer_version(value: &[u8]) -> Vec<u8> {
    [&[200], &value[1..]].concat()
}

fn empty(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_is_left_alone_and_the_rest_goes_on() {
    for damage in [cut_off, newer_version, empty] {
        check_damage("page:", damage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_cannot_be_read_is_left_alone_and_named() {
    for value in [b"".as_slice(), b"\x01\xff\xff", b"\xc8 newer"] {
        let (shop, HostStore(store)) = spread().await;
        let key = "seg:0:00112233445566778899aabbccddeeff";
        store.set(key, value).await.expect("set");
        shop.answer(&shop.anns_answer(9)).await;
        shop.dispatch().await;
        assert_eq!(shop.get_json("/metrics").await["nps"]["n"], json!(1), "the rest goes on");
        assert_eq!(store.get(key).await.expect("get").as_deref(), Some(value), "it is left as it is");
        let health = shop.get("/healthz").await;
        assert_eq!(health.status(), 503);
        assert!(text(&health).contains(key), "{}", text(&health));
        // It does not keep sweeps busy.
        shop.host.counters().reset();
        shop.dispatch().await;
        assert_eq!(shop.host.counters().read().writes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_directory_or_ledger_is_left_alone() {
    for damage in [cut_off, newer_version, empty] {
        check_damage("meta", damage).await;
        check_damage("day:", damage).await;
    }
}

/// A shop whose store does as the plan says.
async fn faulty(variables: &[(&str, &str)]) -> (Shop, Faults) {
    let faults = Faults::default();
    let shop = Shop::start(variables, |options| options.faults = Some(faults.clone())).await;
    (shop, faults)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_answer_503_while_they_cannot_store() {
    type Plan = fn(&Call) -> Fault;
    let table: [(&str, Plan, u16, usize); 4] = [
        ("the store fails", |_| Fault::Fail, 503, 0),
        ("writes fail", |call| if matches!(call, Call::Set(..)) { Fault::Fail } else { Fault::None }, 503, 0),
        ("answers get lost", |_| Fault::LoseAnswer, 503, 1),
        ("the store is late", |_| Fault::Delay(Duration::from_secs(3)), 202, 1),
    ];
    for (what, plan, status, stored) in table {
        let (shop, faults) = faulty(&[("process", "tick")]).await;
        faults.plan(plan);
        let answer = shop.order(&shop.anns_order()).await;
        assert_eq!(answer.status(), status, "{what}: {}", text(&answer));
        assert_eq!(answer.headers().contains_key("retry-after"), status == 503, "{what}");
        assert_eq!(shop.stored().await.len(), stored, "{what}");
        if status == 503 {
            assert!(shop.log.text().contains("could not be stored"), "{what}: {}", shop.log.text());
        }
        faults.plan(|_| Fault::None);
        let order = shop.anns_order();
        assert_eq!(shop.order(&order).await.status(), 202, "{what}: sent again");
        shop.dispatch().await;
        assert_eq!(shop.outbox().await.len(), 1, "{what}: thanked once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_the_store_stops_says_so_and_the_next_one_goes_on() {
    // Every call of a sweep fails once, in turn.
    for failing in 1.. {
        let (shop, faults) = faulty(&[("process", "tick")]).await;
        shop.order(&shop.anns_order()).await;
        shop.answer(&shop.anns_answer(9)).await;
        let first = faults.calls();
        let mut calls = 0;
        faults.plan(move |_| {
            calls += 1;
            if calls == failing { Fault::Fail } else { Fault::None }
        });
        let answer = try_dispatch(&shop).await;
        faults.plan(|_| Fault::None);
        let reached = faults.calls() - first >= failing;
        if reached && answer.status() != 200 {
            assert_eq!(answer.status(), 503, "call {failing}: {}", text(&answer));
            assert!(answer.headers().contains_key("retry-after"), "call {failing}");
            assert!(shop.log.text().contains("the sweep stopped"), "call {failing}: {}", shop.log.text());
        }
        // A lease that could not be given back runs out.
        shop.advance(Duration::from_mins(2));
        shop.dispatch().await;
        assert_eq!(shop.outbox().await.len(), 1, "call {failing}: thanked once");
        assert_eq!(shop.get_json("/metrics").await["nps"]["n"], json!(1), "call {failing}: counted once");
        let waiting = shop.stored().await.into_keys().filter(|key| names::is_inbox(key)).count();
        assert_eq!(waiting, 0, "call {failing}");
        if !reached {
            assert!(failing > 10, "a sweep makes more calls than that");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_when_the_store_cannot_be_reached() {
    let (shop, faults) = faulty(&[]).await;
    faults.plan(|_| Fault::Fail);
    let answer = shop.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    let health: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert!(text(&answer).contains("events are refused until it is back"), "{health}");
    assert_eq!(shop.get("/metrics").await.status(), 503);
    faults.plan(|_| Fault::None);
    assert_eq!(shop.get_json("/healthz").await["status"], json!("ok"));
}

/// More events than there is room for arrive between two ticks.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_events_and_is_emptied_by_the_next_sweep() {
    let shop = Shop::start(&[("process", "tick"), ("resend_api_key", "re_test")], |options| {
        options.profile = Some(Profile::FermyonCloud);
    })
    .await;
    let answer = |n: u32| nps_answer(&format!("a{n}"), 9, &email(n), "2027-01-15T07:00:00Z");
    // What makes room is kept from the first sweep on.
    assert_eq!(shop.answer(&answer(0)).await.status(), 202);
    shop.dispatch().await;
    let mut refused = Vec::new();
    for n in 1..1_100 {
        let reply = shop.answer(&answer(n)).await;
        if reply.status() != 202 {
            assert_eq!(reply.status(), 503, "{}", text(&reply));
            assert!(reply.headers().contains_key("retry-after"));
            refused.push(n);
        }
    }
    assert!(!refused.is_empty(), "there is room for 1,024 keys");
    assert!(shop.log.text().contains("quota exceeded"), "{}", shop.log.text());
    for _ in 0..3 {
        try_dispatch(&shop).await;
        shop.advance(Duration::from_mins(1));
    }
    for n in refused {
        let reply = shop.answer(&answer(n)).await;
        assert_eq!(reply.status(), 202, "sent again: {}", text(&reply));
    }
    shop.dispatch().await;
    assert_eq!(shop.get_json("/metrics").await["nps"]["n"], json!(1_100));
}

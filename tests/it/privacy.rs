//! Privacy requests on the wasm components as they ship: afterwards no stored key or value tells of the person.

use std::collections::BTreeMap;
use std::time::Duration;

use aftercare::store::{codec, names};
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::signing::Sender;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

/// Everything by which the stored data could tell of Ann, who orders as 77 and is known by all of these.
const ANNS: [&str; 12] = [
    "ann@example.org",
    "Annabel",
    "Quillfeather",
    "4930555123",
    "9007199254740993",
    "9007199261740993",
    "\"number:88001\"",
    "00340434161094",
    "ann-said-a1",
    "The lid was cracked, says Annabel",
    "ticket-of-ann",
    "fulfilment-of-ann",
];

/// Every key and value, readable: what is compressed is unpacked first.
async fn everything(shop: &Shop) -> Vec<(String, String)> {
    let readable = |(key, value): (String, Vec<u8>)| {
        let json: Option<Box<RawValue>> = codec::decode(&key, &value).ok();
        let text =
            json.map_or_else(|| String::from_utf8_lossy(&value).into_owned(), |json| json.get().to_owned());
        (key, text)
    };
    shop.stored().await.into_iter().map(readable).collect()
}

/// Where the stored data tells of Ann.
async fn traces(shop: &Shop) -> Vec<String> {
    let mut traces = Vec::new();
    for (key, text) in everything(shop).await {
        for word in ANNS {
            if key.contains(word) || text.contains(word) {
                traces.push(format!("{word} in {key}: {text}"));
            }
        }
    }
    traces
}

fn anns_order(shop: &Shop) -> Value {
    let mut order = ShopifyOrder {
        id: 9_007_199_254_740_993,
        number: 88_001,
        email: "ann@example.org",
        first_name: "Annabel",
        locale: "en-GB",
        placed_at: &shop.now(),
        title: "Espresso machine",
        price: "349.00",
    }
    .to_json();
    order["customer"]["last_name"] = "Quillfeather".into();
    order["phone"] = "+49 30 555123".into();
    order["customer"]["phone"] = "+49 30 555123".into();
    order["shipping_address"]["address1"] = "Quillfeather Lane 7".into();
    order
}

fn bobs_order(shop: &Shop) -> Value {
    ShopifyOrder {
        id: 9_007_199_254_741_999,
        number: 88_002,
        email: "bob@example.org",
        first_name: "Bob",
        locale: "de",
        placed_at: &shop.now(),
        title: "Grinder",
        price: "129.00",
    }
    .to_json()
}

/// What the platforms report of Ann: by order, by address, by tracking number.
fn about_ann(shop: &Shop) -> Vec<(Sender, &'static str, &'static str, Value)> {
    let mut answer = nps_answer("ann-said-a1", 2, "ann@example.org", &shop.now());
    answer["data"]["survey"]["comment"] = "The lid was cracked, says Annabel".into();
    answer["data"]["order"] = json!({"id": "9007199254740993"});
    let shipment = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
        "data": {
            "order": {"id": "9007199254740993"},
            "shipment": {"id": "fulfilment-of-ann", "status": "shipped", "at": shop.now(),
                         "tracking_number": "00340434161094", "carrier": "DHL"},
        },
    });
    let tracked = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
        "data": {"shipment": {"id": "carrier-1", "status": "in_transit", "at": shop.now(),
                              "tracking_number": "00340434161094"}},
    });
    let ticket = json!({
        "type": "ticket.updated", "timestamp": shop.now(),
        "data": {
            "ticket": {"id": "ticket-of-ann", "status": "open", "channel": "email", "created_at": shop.now()},
            "customer": {"email": "ann@example.org"},
        },
    });
    vec![
        (Sender::Generic, "shipment-updated", "", tracked),
        (Sender::Shopify, "order-created", "orders/create", anns_order(shop)),
        (Sender::Generic, "survey-submitted", "", answer),
        (Sender::Generic, "shipment-updated", "", shipment),
        (Sender::Generic, "ticket-updated", "", ticket),
    ]
}

async fn deliver(shop: &Shop, events: &[(Sender, &'static str, &'static str, Value)]) {
    for (sender, event, topic, body) in events {
        let answer = shop.webhook(*sender, event, topic, body.to_string().as_bytes()).await;
        assert_eq!(answer.status(), 202, "{event}: {}", text(&answer));
    }
}

fn redact() -> (Sender, &'static str, &'static str, Value) {
    let body = json!({
        "shop_id": 954_889, "shop_domain": "demo.myshopify.com",
        "customer": {"id": 9_007_199_261_740_993_u64, "email": "ann@example.org", "phone": "+4930555123"},
        "orders_to_redact": [9_007_199_254_740_993_u64],
    });
    (Sender::Shopify, "privacy-request", "customers/redact", body)
}

fn generic(shop: &Shop, kind: &str) -> (Sender, &'static str, &'static str, Value) {
    let body = json!({
        "type": "privacy.requested", "timestamp": shop.now(),
        "data": {"request": {"id": "p1", "kind": kind}, "customer": {"email": "ann@example.org"}},
    });
    (Sender::Generic, "privacy-request", "", body)
}

/// Ann and Bob order and answer; Ann asks to be forgotten; nothing tells of her any more, whatever comes late.
async fn forgets_ann(process: &str, request: impl Fn(&Shop) -> (Sender, &'static str, &'static str, Value)) {
    let shop = Shop::with(&[("process", process)]).await;
    let (ann, bob) = (about_ann(&shop), bobs_order(&shop));
    shop.order(&bob).await;
    shop.answer(&nps_answer("b1", 10, "bob@example.org", &shop.now())).await;
    deliver(&shop, &ann).await;
    shop.dispatch().await;
    // An event of a later version, which nobody here can read.
    let store = shop.host.store("default").expect("the store");
    let unread = json!({"at": 1, "source": "x", "keys": ["email:ann@example.org"], "event": {"gift": {}}});
    store.set("in:0123", unread.to_string().as_bytes()).await.expect("set");
    shop.dispatch().await;
    let found = traces(&shop).await;
    for word in ANNS {
        assert!(found.iter().any(|trace| trace.starts_with(word)), "{word} is stored nowhere beforehand");
    }
    assert_eq!(shop.get_json("/metrics/nps").await["n"], json!(2));
    let mails = shop.outbox().await.len();

    shop.advance(Duration::from_hours(1));
    deliver(&shop, &[request(&shop)]).await;
    shop.dispatch().await;
    assert_eq!(traces(&shop).await, Vec::<String>::new());
    let nps = shop.get_json("/metrics/nps").await;
    assert_eq!((&nps["n"], &nps["promoters"]), (&json!(1), &json!(1)));
    let outbox = shop.outbox().await;
    assert!(outbox.len() < mails && outbox.iter().any(|mail| mail["to"] == "bob@example.org"));

    // The platforms deliver all of it again, the request as well.
    let before = shop.stored().await;
    deliver(&shop, &ann).await;
    deliver(&shop, &[request(&shop)]).await;
    shop.order(&bob).await;
    shop.dispatch().await;
    assert_eq!(traces(&shop).await, Vec::<String>::new());
    assert_eq!(shop.outbox().await.len(), outbox.len(), "nobody is written to again");
    let kept = |key: &&String| key.starts_with("page:") || key.starts_with("day:");
    let after = shop.stored().await;
    for key in before.keys().chain(after.keys()).filter(kept) {
        assert_eq!(before.get(key), after.get(key), "{key}");
    }

    // What is left makes the same caches again.
    for key in after.keys().filter(|key| names::segment_level(key).is_none() && !names::is_erased(key)) {
        if !key.starts_with("outbox:") {
            store.delete(key).await.expect("delete");
        }
    }
    shop.dispatch().await;
    let rebuilt = shop.stored().await;
    for key in rebuilt.keys().chain(after.keys()).filter(kept) {
        assert_eq!(rebuilt.get(key), after.get(key), "{key}");
    }

    // Another order is news of somebody new.
    shop.advance(Duration::from_hours(1));
    let mut order = anns_order(&shop);
    order["id"] = 9_007_199_254_749_999_u64.into();
    order["order_number"] = 88_003.into();
    order["name"] = "#88003".into();
    shop.order(&order).await;
    shop.dispatch().await;
    let outbox = shop.outbox().await;
    assert_eq!(outbox[0]["to"], json!("ann@example.org"));
    let found = traces(&shop).await;
    for word in ["9007199254740993", "ann-said-a1", "ticket-of-ann", "00340434161094"] {
        assert!(!found.iter().any(|trace| trace.starts_with(word)), "{word} came back: {found:#?}");
    }
    let receipts = shop.get_json("/customers/erasures").await;
    assert_eq!(receipts[0]["kind"], json!("erase"));
    assert_eq!((&receipts[0]["customers"], &receipts[0]["orders"]), (&json!(1), &json!(1)));
}

/// The facts in segments, by what they are of.
async fn kinds(shop: &Shop) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (key, value) in shop.stored().await {
        if names::segment_level(&key).is_some() {
            let facts: Vec<Value> = codec::decode(&key, &value).expect("facts");
            for kind in facts.iter().flat_map(|fact| fact["event"].as_object().expect("an event").keys()) {
                *kinds.entry(kind.clone()).or_default() += 1;
            }
        }
    }
    kinds
}

/// What is told of Ann, and the scores of the month in which she bought something.
async fn told(shop: &Shop) -> Vec<Value> {
    let mut told = vec![shop.get_json("/customers/export?email=ann@example.org").await["customer"].clone()];
    for metric in ["nps", "order_value", "messages", "on_time"] {
        told.push(shop.get_json(&format!("/metrics/{metric}?from=2027-01-01&to=2027-01-31")).await);
    }
    told
}

/// Months after their orders nothing is left to be said to Ann and Bob, and their reports become summaries.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_past_is_a_summary_that_tells_the_same_and_can_be_forgotten() {
    let shop = Shop::with(&[("process", "tick")]).await;
    let settings = json!({ "retention_days": 70, "playbooks": { "digest": { "enabled": false } } });
    assert_eq!(shop.put_settings(&settings).await.status(), 200);
    for event in about_ann(&shop) {
        deliver(&shop, &[event]).await;
        shop.order(&bobs_order(&shop)).await;
        shop.dispatch().await;
        shop.advance(Duration::from_mins(10));
    }
    let pass = async |days| {
        for _ in 0..days {
            shop.advance(Duration::from_hours(24));
            shop.dispatch().await;
        }
    };
    pass(60).await;
    let (before, single) = (told(&shop).await, kinds(&shop).await);
    assert!(single["order"] > 2 && single["shipment"] > 1 && single["message"] > 4, "{single:?}");
    assert_eq!(single.get("past"), None);
    pass(52).await;
    let summed_up = kinds(&shop).await;
    let left: Vec<&String> = summed_up.keys().collect();
    assert_eq!(left, ["answer", "past", "ticket"], "{summed_up:?}");
    assert_eq!(told(&shop).await, before);

    // The platforms deliver it all again, and the caches are made again.
    deliver(&shop, &about_ann(&shop)[..1]).await;
    shop.dispatch().await;
    let caches = |stored: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        stored.into_iter().filter(|(key, _)| key.starts_with("page:")).collect()
    };
    let stored = shop.stored().await;
    let store = shop.host.store("default").expect("the store");
    for key in stored.keys().filter(|key| names::segment_level(key).is_none() && !key.starts_with("setting"))
    {
        if !key.starts_with("outbox:") {
            store.delete(key).await.expect("delete");
        }
    }
    shop.dispatch().await;
    assert_eq!(caches(shop.stored().await), caches(stored));

    let mails = shop.outbox().await.len();
    deliver(&shop, &[redact()]).await;
    shop.dispatch().await;
    assert_eq!(traces(&shop).await, Vec::<String>::new());
    assert!(shop.outbox().await.len() < mails);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopify_redaction_leaves_no_trace() {
    forgets_ann("after", |_| redact()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generic_erasure_leaves_no_trace() {
    forgets_ann("tick", |shop| generic(shop, "erase")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_come_after_the_request_are_forgotten_too() {
    let shop = Shop::open().await;
    let ann = about_ann(&shop);
    shop.advance(Duration::from_mins(5));
    deliver(&shop, &[generic(&shop, "erase")]).await;
    deliver(&shop, &ann).await;
    shop.dispatch().await;
    assert_eq!(traces(&shop).await, Vec::<String>::new());
    assert_eq!(shop.get_json("/metrics/nps").await["n"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_redaction_forgets_everybody() {
    let shop = Shop::open().await;
    shop.order(&bobs_order(&shop)).await;
    deliver(&shop, &about_ann(&shop)).await;
    shop.advance(Duration::from_hours(1));
    let body = json!({"shop_id": 954_889, "shop_domain": "demo.myshopify.com"});
    deliver(&shop, &[(Sender::Shopify, "privacy-request", "shop/redact", body)]).await;
    shop.dispatch().await;
    assert_eq!(traces(&shop).await, Vec::<String>::new());
    for (key, text) in everything(&shop).await {
        assert!(!text.contains("bob@example.org") && !key.starts_with("outbox:"), "{key}: {text}");
    }
    assert_eq!(shop.get_json("/metrics/nps").await["n"], json!(0));
    assert_eq!(shop.get_json("/customers/erasures").await[0]["kind"], json!("erase_shop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_request_can_be_downloaded() {
    let shop = Shop::open().await;
    shop.order(&bobs_order(&shop)).await;
    deliver(&shop, &about_ann(&shop)).await;
    let body = json!({
        "shop_id": 954_889, "shop_domain": "demo.myshopify.com", "data_request": {"id": 9999},
        "customer": {"id": 9_007_199_261_740_993_u64, "email": "ann@example.org"},
        "orders_requested": [9_007_199_254_740_993_u64],
    });
    deliver(&shop, &[(Sender::Shopify, "privacy-request", "customers/data_request", body)]).await;

    let queries =
        ["request=9999", "email=ann%40example.org", "order=9007199254740993", "phone=%2B4930555123"];
    for query in queries {
        let path = format!("/customers/export?{query}");
        let answer = shop.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", text(&answer));
        let disposition = answer.headers().get("content-disposition").and_then(|value| value.to_str().ok());
        assert!(disposition.is_some_and(|value| value.starts_with("attachment")));
        let export = text(&answer);
        for word in ANNS {
            assert!(export.contains(word), "{path} lacks {word}");
        }
        assert!(export.contains("The lid was cracked") && export.contains("Thank you"), "{path}");
        assert!(!export.contains("bob@example.org"), "{path}");
    }
    assert_eq!(shop.get("/customers/export?email=nobody%40example.org").await.status(), 404);
    assert_eq!(shop.get("/customers/export").await.status(), 400);
    for path in ["/customers/export?email=ann%40example.org", "/customers/erasures"] {
        assert_eq!(shop.request(Method::GET, path, &[], Vec::new()).await.status(), 401);
    }
}

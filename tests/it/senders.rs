//! Every sender on the wasm components as they ship: what is sound, what is spoilt, what comes twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aftercare::customer::Customer;
use aftercare::fact::Fact;
use aftercare::join::Join;
use aftercare::store::view::View;
use aftercare::time::Time;
use aftercare::webhook::EVENTS;
use aftercare_tests::signing::Sender;
use aftercare_tests::store::HostStore;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, secret, text};

/// One kind of delivery.
struct Sample {
    sender: Sender,
    event: &'static str,
    topic: &'static str,
    body: &'static str,
    /// What it becomes: the kind of its fact.
    becomes: &'static str,
    /// A field that the event cannot do without; empty where any one of several will do.
    needs: &'static str,
}

macro_rules! samples {
    ($($sender:ident $event:literal $topic:literal $file:literal $becomes:literal $needs:literal;)+) => {
        &[$(Sample {
            sender: Sender::$sender,
            event: $event,
            topic: $topic,
            body: include_str!(concat!("../../shared/fixtures/", $file, ".json")),
            becomes: $becomes,
            needs: $needs,
        }),+]
    };
}

const SAMPLES: &[Sample] = samples! {
    Shopify "order-created" "orders/create" "shopify/order" "order" "id";
    Shopify "order-created" "refunds/create" "shopify/refund" "order" "order_id";
    Shopify "order-created" "returns/close" "shopify/return" "order" "status";
    Shopify "order-created" "orders/edited" "shopify/order-edited" "fetch" "order_edit";
    Shopify "shipment-updated" "fulfillments/create" "shopify/fulfillment" "shipment" "order_id";
    Shopify "shipment-updated" "fulfillment_events/create" "shopify/fulfillment-event" "shipment" "status";
    Shopify "privacy-request" "customers/redact" "shopify/customers-redact" "privacy" "";
    Shopify "privacy-request" "customers/data_request" "shopify/customers-data_request" "privacy" "";
    Shopify "privacy-request" "shop/redact" "shopify/shop-redact" "privacy" "shop_id";
    Shopify "privacy-request" "app/uninstalled" "shopify/app-uninstalled" "privacy" "id";
    Shopify "privacy-request" "customers_email_marketing_consent/update" "shopify/email-consent" "consent" "email_marketing_consent";
    Shopify "privacy-request" "customers_marketing_consent/update" "shopify/sms-consent" "consent" "sms_marketing_consent";
    WooCommerce "order-created" "order.created" "woocommerce/order" "order" "status";
    WooCommerce "review-posted" "product_review.created" "woocommerce/review" "review" "rating";
    BigCommerce "order-created" "" "bigcommerce/order-created" "fetch" "data";
    BigCommerce "shipment-updated" "" "bigcommerce/shipment-created" "fetch" "data";
    AfterShip "shipment-updated" "" "aftership/tracking-update" "shipment" "msg";
    EasyPost "shipment-updated" "" "easypost/tracker-updated" "shipment" "result";
    Shippo "shipment-updated" "" "shippo/track-updated" "shipment" "data";
    Typeform "survey-submitted" "" "typeform/nps" "answer" "form_response";
    Delighted "survey-submitted" "" "delighted/updated" "answer" "event_data";
    JudgeMe "review-posted" "" "judgeme/review-created" "review" "review";
    Stamped "review-posted" "" "stamped/review" "review" "reviewRating";
    Zendesk "ticket-updated" "" "zendesk/comment-added" "ticket" "detail";
    Gorgias "ticket-updated" "" "gorgias/ticket-status-updated" "ticket" "ticket";
    Chatwoot "ticket-updated" "" "chatwoot/status-changed" "ticket" "status";
};

/// The examples of the generic contract's schemas, each with its event.
fn examples() -> Vec<(&'static str, String)> {
    let of_schema = |(event, schema): &(&'static str, &str)| {
        let schema: Value = serde_json::from_str(schema).expect("a schema");
        let examples = schema["examples"].as_array().cloned().expect("examples");
        let event = *event;
        examples.into_iter().map(move |example| (event, example.to_string())).collect::<Vec<_>>()
    };
    aftercare::webhook::schema::SCHEMAS.iter().flat_map(of_schema).collect()
}

/// Every (sender, event) that the tables of the components name has a sample.
#[test]
fn every_route_has_a_sample() {
    for (event, routes) in EVENTS {
        for route in routes.iter().filter(|route| route.sender.name != "webhook") {
            let is_of =
                |sample: &Sample| sample.event == event && sample.sender.prefix() == route.sender.name;
            assert!(SAMPLES.iter().any(is_of), "{} on {event}", route.sender.name);
        }
        assert!(examples().iter().any(|(of, _)| *of == event), "no example of {event}");
    }
}

async fn post(shop: &Shop, event: &str, headers: &[(&'static str, String)], body: &[u8]) -> Answer {
    shop.request(Method::POST, &format!("/webhooks/{event}"), headers, body.to_vec()).await
}

/// What a fact says is in the record of whoever it is about: to join it once more would change nothing.
async fn is_known(shop: &Shop, fact: &Fact) -> bool {
    let now = Time::from_seconds(chrono::DateTime::<chrono::Utc>::from(shop.clock.now()).timestamp());
    let key = fact.keys.first().expect("a key");
    let store = HostStore(shop.host.store("default").expect("the store"));
    let Some(record) = View::customer(&store, now, key).await.expect("a view") else { return false };
    let mut again = record.clone();
    again.join(Customer::from(fact.clone()));
    again == record
}

/// Posts a sound delivery, and looks for what it says before and after the sweep.
async fn lands(shop: &Shop, sender: Sender, event: &str, topic: &str, body: &str, becomes: &str) {
    let what = format!("{} on {event}", sender.name());
    let answer = shop.webhook(sender, event, topic, body.as_bytes()).await;
    assert_eq!(answer.status(), 202, "{what}: {}", text(&answer));
    let id = serde_json::from_slice::<Value>(answer.body()).expect("JSON")["fact"].clone();
    let key = format!("in:{}", id.as_str().expect("an id"));
    let stored = shop.stored().await;
    let fact = Fact::from_bytes(stored.get(&key).unwrap_or_else(|| panic!("{what}: {key}"))).expect("a fact");
    assert_eq!(fact.source, sender.name());
    let kind = serde_json::to_value(&fact.event).expect("JSON");
    assert!(becomes.is_empty() || kind.get(becomes).is_some(), "{what}: {kind}");
    // What a request to forget leaves of a record is another test's business.
    let stays = kind.get("privacy").is_none();
    assert!(!stays || is_known(shop, &fact).await, "{what}: not seen before a sweep");
    assert_eq!(shop.dispatch().await["left"], json!(0));
    assert!(!stays || is_known(shop, &fact).await, "{what}: not seen after a sweep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_of_every_sender_is_known_before_and_after_the_sweep() {
    let mut shop = Shop::with(&[("process", "tick")]).await;
    let examples = examples();
    let generic = examples.iter().map(|(event, body)| (Sender::Generic, *event, "", body.as_str(), ""));
    let named =
        SAMPLES.iter().map(|sample| (sample.sender, sample.event, sample.topic, sample.body, sample.becomes));
    for (sender, event, topic, body, becomes) in named.chain(generic) {
        if event == "privacy-request" {
            // It may take away what others are about to add to.
            shop = Shop::with(&[("process", "tick")]).await;
        }
        lands(&shop, sender, event, topic, body, becomes).await;
        assert_eq!(shop.host.counters().read().traps, 0);
    }
}

// ── Defects ─────────────────────────────────────────────────────────────────

/// One spoilt delivery: what is wrong with it, the request, and what it gets.
struct Defect {
    what: &'static str,
    method: Method,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    problem: &'static str,
}

/// Everything that can be wrong with a delivery of this sender.
fn defects(sample: &Sample, now: std::time::SystemTime) -> Vec<Defect> {
    let Sample { sender, topic, body, needs, .. } = *sample;
    let sign_at = |body: &[u8], secret: &str, now| sender.headers(topic, secret, body, now).expect("headers");
    let sign = |body: &[u8]| sign_at(body, secret(sender), now);
    let good = sign(body.as_bytes());
    let mut defects = Vec::new();
    let mut defect = |what, headers: Vec<(&'static str, String)>, body: &[u8], status, problem| {
        defects.push(Defect { what, method: Method::POST, headers, body: body.to_vec(), status, problem });
    };

    // The proof.
    let proof = sender.proof();
    let with = |value: Option<&str>| {
        let mut headers = good.clone();
        headers.retain(|(name, _)| *name != proof);
        headers.extend(value.map(|value| (proof, value.to_owned())));
        headers
    };
    let other_secret =
        if sender == Sender::Generic { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } else { "another" };
    let mut proofs = vec![
        ("no proof", with(None)),
        ("an empty proof", with(Some(""))),
        ("a proof that is none", with(Some("sha256=example"))),
        ("another secret", sign_at(body.as_bytes(), other_secret, now)),
        ("nothing but a content type", vec![("content-type", "application/json".to_owned())]),
    ];
    // Senders of other events, so that the component does not know them.
    let stranger = if sample.event == "ticket-updated" { Sender::Typeform } else { Sender::Zendesk };
    proofs.push((
        "another sender's proof",
        stranger.headers("", secret(stranger), body.as_bytes(), now).expect("headers"),
    ));
    if !sender.shows_its_secret() {
        proofs.push(("the proof of another body", sign(b"{}")));
    }
    if sender.signs_the_time() {
        for (what, then) in [
            ("signed 301 s ago", now - Duration::from_secs(301)),
            ("signed 301 s ahead", now + Duration::from_secs(301)),
        ] {
            proofs.push((what, sign_at(body.as_bytes(), secret(sender), then)));
        }
    }
    for (what, headers) in proofs {
        defect(what, headers, body.as_bytes(), 401, "unauthorized");
    }
    if !sender.shows_its_secret() {
        defect("a line break more", good.clone(), format!("{body}\n").as_bytes(), 401, "unauthorized");
        defect("no body for this proof", good.clone(), b"", 401, "unauthorized");
    }

    // The body, signed as it is.
    let cut = body.trim_end().strip_suffix('}').expect("an object");
    let deep = [r#"{"a":"#, &"[".repeat(100_000), &"]".repeat(100_000), "}"].concat();
    for (what, body) in [
        ("no body", &b""[..]),
        ("not JSON", b"hello"),
        ("cut short", cut.as_bytes()),
        ("a list", b"[{}]"),
        ("a number", b"1001"),
        ("not UTF-8", b"{\"a\":\"\xff\"}"),
        ("two documents", b"{}{}"),
        ("deep nesting", deep.as_bytes()),
    ] {
        defect(what, sign(body), body, 400, "not-json");
    }
    let long = vec![b' '; 1024 * 1024 + 1];
    defect("1 MiB and a byte", sign(&long), &long, 413, "too-large");
    if !needs.is_empty() {
        let mut without: Value = serde_json::from_str(body).expect("JSON");
        without.as_object_mut().expect("an object").remove(needs);
        let without = without.to_string();
        defect("without what it needs", sign(without.as_bytes()), without.as_bytes(), 422, "unprocessable");
    }

    // The request.
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut headers = good.clone();
        headers.retain(|(name, _)| *name != "content-type");
        headers.extend(kind.map(|kind| ("content-type", kind.to_owned())));
        defect("another content type", headers, body.as_bytes(), 415, "unsupported-media-type");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (headers, body) = (good.clone(), body.as_bytes().to_vec());
        let problem = "method-not-allowed";
        defects.push(Defect { what: "another method", method, headers, body, status: 405, problem });
    }
    defects
}

fn is_problem(answer: &Answer, status: u16, problem: &str) -> bool {
    let document: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    answer.status() == status
        && answer.headers()["content-type"] == "application/problem+json"
        && document["type"] == format!("urn:aftercare:problem:{problem}")
        && document["status"] == json!(status)
        && document["detail"].as_str().is_some_and(|detail| !detail.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_defect_of_every_sender_gets_its_problem_and_stores_nothing() {
    let shop = Shop::with(&[("process", "tick")]).await;
    let generic: Vec<Sample> = examples()
        .into_iter()
        .map(|(event, body)| {
            let body: &str = Box::leak(body.into_boxed_str());
            Sample { sender: Sender::Generic, event, topic: "", body, becomes: "", needs: "timestamp" }
        })
        .collect();
    let mut senders = BTreeSet::new();
    for sample in SAMPLES.iter().chain(&generic) {
        let (name, event) = (sample.sender.name(), sample.event);
        let defects = defects(sample, shop.clock.now());
        let kinds: BTreeSet<&str> = defects.iter().map(|defect| defect.what).collect();
        assert!(kinds.len() >= 12, "{name}: only {} kinds of defects", kinds.len());
        for Defect { what, method, headers, body, status, problem } in defects {
            let answer = shop.request(method, &format!("/webhooks/{event}"), &headers, body).await;
            assert!(
                is_problem(&answer, status, problem),
                "{name} on {event}: {what}: not {status} {problem} but {} {}",
                answer.status(),
                text(&answer)
            );
            if status == 422 {
                let document: Value = serde_json::from_slice(answer.body()).expect("JSON");
                let field = document["field"].as_str().expect("a field");
                assert!(
                    field.starts_with(sample.needs),
                    "{name} on {event}: {} was taken away, {field} was blamed",
                    sample.needs
                );
            }
        }
        assert!(shop.stored().await.is_empty(), "{name} on {event}: something was stored");
        senders.insert(sample.sender);
    }
    assert_eq!(senders.len(), Sender::ALL.len());
    let counts = shop.host.counters().read();
    assert_eq!(counts.traps, 0);
    assert!(counts.peak_memory_bytes < 64 << 20, "a bad body took {} bytes", counts.peak_memory_bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_secrets_every_sender_is_a_stranger() {
    let names = Sender::ALL.map(Sender::variable);
    let closed: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let shop = Shop::with(&closed).await;
    for Sample { sender, event, topic, body, .. } in SAMPLES {
        let answer = shop.webhook(*sender, event, topic, body.as_bytes()).await;
        assert!(is_problem(&answer, 401, "unauthorized"), "{}: {}", sender.name(), text(&answer));
    }
    assert!(shop.stored().await.is_empty());
}

// ── Captured payloads ───────────────────────────────────────────────────────

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The bodies in a file: itself, and what a list or an envelope of an API holds.
fn bodies(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("text");
    let value: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut bodies = Vec::new();
    let inner: Vec<&Value> = match &value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => {
            bodies.push(text);
            members
                .values()
                .flat_map(|member| member.as_array().map_or(vec![member], |list| list.iter().collect()))
                .collect()
        }
        _ => Vec::new(),
    };
    bodies.extend(inner.into_iter().filter(|inner| inner.is_object()).map(Value::to_string));
    bodies
}

const SHOPIFY_TOPICS: &[&str] = &[
    "orders/create",
    "orders/edited",
    "orders/delete",
    "refunds/create",
    "returns/request",
    "fulfillments/create",
    "fulfillment_events/create",
    "customers/redact",
    "customers/data_request",
    "shop/redact",
    "app/uninstalled",
    "customers_email_marketing_consent/update",
    "customers_marketing_consent/update",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_captured_payload_is_stored_ignored_or_refused_by_the_name_of_a_field() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures");
    if !root.is_dir() {
        println!("skipped: no captured payloads in {}", root.display());
        return;
    }
    let shop = Shop::with(&[("process", "tick")]).await;
    for sender in Sender::ALL {
        let files = files(&root.join(sender.name()));
        if files.is_empty() {
            println!("skipped: no captured payloads of {}", sender.name());
            continue;
        }
        let topics = match sender {
            Sender::Shopify => SHOPIFY_TOPICS,
            Sender::WooCommerce => &["order.created", "product_review.created"],
            _ => &[""],
        };
        let (mut stored, mut ignored, mut refused) = (0, 0, 0);
        for (event, routes) in EVENTS {
            if !routes.iter().any(|route| route.sender.name == sender.prefix()) {
                continue;
            }
            for (file, topic) in files.iter().flat_map(|file| topics.iter().map(move |topic| (file, topic))) {
                for body in bodies(file) {
                    let answer = shop.webhook(sender, event, topic, body.as_bytes()).await;
                    let document: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                    match answer.status().as_u16() {
                        202 => stored += 1,
                        200 if document["ignored"].is_string() => ignored += 1,
                        422 if document["field"].is_string() => refused += 1,
                        _ => panic!("{} as {topic} on {event}: {}", file.display(), text(&answer)),
                    }
                }
            }
        }
        println!("{}: {stored} stored, {ignored} ignored, {refused} refused", sender.name());
    }
    shop.dispatch().await;
    assert_eq!(shop.host.counters().read().traps, 0);
    // It is not well: there are no tokens to fetch orders with.
    let health: Value = serde_json::from_slice(shop.get("/healthz").await.body()).expect("JSON");
    assert_eq!(health["inbox"], json!(0));
}

// ── Duplicates ──────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_two_subscriptions_and_two_topics_is_one_order_and_one_mail() {
    let shop = Shop::open().await;
    let order = shop.anns_order();
    let body = order.to_string();
    let mut ids = BTreeSet::new();
    for (topic, delivery) in
        [("orders/create", "w1"), ("orders/create", "w2"), ("orders/paid", "w3"), ("orders/paid", "w4")]
    {
        let mut headers = Sender::Shopify
            .headers(topic, secret(Sender::Shopify), body.as_bytes(), shop.clock.now())
            .expect("headers");
        for (name, value) in &mut headers {
            if *name == "x-shopify-webhook-id" {
                delivery.clone_into(value);
            }
        }
        headers.push(("x-shopify-event-id", "e1".to_owned()));
        let answer = post(&shop, "order-created", &headers, body.as_bytes()).await;
        assert_eq!(answer.status(), 202, "{}", text(&answer));
        ids.insert(text(&answer));
    }
    assert_eq!(ids.len(), 1, "one state is one fact: {ids:?}");
    // A newer state of the same order is another fact of one order.
    let mut paid = order.clone();
    paid["updated_at"] = json!("2027-01-15T08:05:00Z");
    paid["fulfillment_status"] = json!("fulfilled");
    shop.webhook(Sender::Shopify, "order-created", "orders/updated", paid.to_string().as_bytes()).await;

    assert_eq!(shop.outbox().await.len(), 1);
    let store = HostStore(shop.host.store("default").expect("the store"));
    let key = aftercare::key::Key::order(&order["id"].to_string()).expect("a key");
    let now = Time::from_seconds(1_800_000_600);
    let record = View::customer(&store, now, &key).await.expect("a view").expect("a record");
    assert_eq!(record.orders.len(), 1);
}

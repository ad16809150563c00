//! From a signed webhook to a message and a score, on the wasm components as they ship.

use std::collections::BTreeSet;
use std::time::Duration;

use aftercare::ledger::Month;
use aftercare::webhook::schema::SCHEMAS;
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::signing::Sender;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{DISPATCH_TOKEN, GENERIC_SECRET, SHOPIFY_SECRET, Shop, manifest, text};

fn field<'a>(entries: &'a [Value], name: &str) -> Vec<&'a str> {
    entries.iter().map(|entry| entry[name].as_str().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_a_mail_within_one_poke() {
    let shop = Shop::open().await;
    let answer = shop.order(&shop.anns_order()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));

    let outbox = shop.outbox().await;
    assert_eq!(field(&outbox, "playbook"), ["thank-you"]);
    assert_eq!(field(&outbox, "to"), ["ann@example.com"]);
    assert_eq!(field(&outbox, "locale"), ["en"]);
    let mail = &outbox[0];
    for part in ["subject", "text", "html", "id", "at", "channel"] {
        assert!(mail[part].as_str().is_some_and(|part| !part.is_empty()), "{part} is missing");
    }
    for part in ["Ann", "1001", "Espresso machine", "help@example.com"] {
        assert!(mail["text"].as_str().is_some_and(|text| text.contains(part)), "{part} is not in the text");
    }
    assert!(mail["html"].as_str().is_some_and(|html| html.contains("Bean &amp; Gone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_speaks_the_buyers_language() {
    let shop = Shop::open().await;
    let mut order = shop.anns_order();
    order["customer_locale"] = "de-AT".into();
    shop.order(&order).await;
    let outbox = shop.outbox().await;
    assert_eq!(field(&outbox, "locale"), ["de"]);
    assert!(outbox[0]["text"].as_str().is_some_and(|text| text.contains("Danke") || text.contains("danke")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_delivered_again_changes_nothing() {
    let shop = Shop::open().await;
    let order = shop.anns_order();
    let first = shop.order(&order).await;
    let stored = shop.stored().await;
    for _ in 0..3 {
        let again = shop.order(&order).await;
        assert_eq!((again.status(), again.body()), (first.status(), first.body()));
    }
    assert_eq!(shop.outbox().await.len(), 1);
    let changed: Vec<String> = difference(&stored, &shop.stored().await);
    let changed: Vec<&String> =
        changed.iter().filter(|key| !key.starts_with("seg:") && *key != "meta").collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// Keys whose value is not the same on both sides.
fn difference(
    before: &std::collections::BTreeMap<String, Vec<u8>>,
    after: &std::collections::BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detractor_alerts_the_team_and_moves_the_score() {
    let shop = Shop::open().await;
    shop.answer(&nps_answer("a0", 10, "bob@example.com", &shop.now())).await;
    let before = shop.get_json("/metrics").await;
    assert_eq!(before["nps"]["value"], json!(100.0));

    let answer = shop.answer(&shop.anns_answer(3)).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    let outbox = shop.outbox().await;
    assert_eq!(field(&outbox, "playbook"), ["recovery"]);
    assert_eq!(field(&outbox, "to"), ["team@example.com"]);

    let nps = shop.get_json("/metrics/nps").await;
    assert_eq!(nps["value"], json!(0.0));
    assert_eq!((&nps["promoters"], &nps["passives"], &nps["detractors"]), (&json!(1), &json!(0), &json!(1)));
    assert_eq!(nps["n"], json!(2));
    assert!(nps["formula"].is_string() && nps["scale"].is_string() && nps["from"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_before_any_sweep_and_the_same_after() {
    let shop = Shop::with(&[("process", "tick")]).await;
    shop.answer(&shop.anns_answer(9)).await;
    let before = shop.get_json("/metrics/nps").await;
    assert_eq!(before["n"], json!(1));
    assert_eq!(shop.dispatch().await["facts"], json!(1));
    assert_eq!(shop.get_json("/metrics/nps").await, before);

    // The same respondent thinks again: one answer, the newer one.
    shop.advance(Duration::from_hours(1));
    shop.answer(&shop.anns_answer(2)).await;
    let pending = shop.get_json("/metrics/nps").await;
    assert_eq!((&pending["n"], &pending["detractors"]), (&json!(1), &json!(1)));
    shop.dispatch().await;
    assert_eq!(shop.get_json("/metrics/nps").await, pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_leaves_out_what_is_outside_it() {
    let shop = Shop::open().await;
    shop.answer(&nps_answer("old", 0, "bob@example.com", "2026-12-31T10:00:00Z")).await;
    shop.answer(&nps_answer("new", 10, "ann@example.com", "2027-01-10T10:00:00Z")).await;
    let nps = shop.get_json("/metrics/nps?from=2027-01-01&to=2027-01-31").await;
    assert_eq!((&nps["n"], &nps["value"]), (&json!(1), &json!(100.0)));
    let nps = shop.get_json("/metrics/nps").await;
    assert_eq!(nps["n"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_in_any_order_and_number_end_in_the_same_records_and_messages() {
    let mut outcomes = BTreeSet::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let shop = Shop::with(&[("process", "tick")]).await;
        let bobs = ShopifyOrder {
            id: 9_007_199_254_740_999,
            number: 1002,
            email: "bob@example.com",
            first_name: "Bob",
            locale: "de",
            placed_at: &shop.now(),
            title: "Grinder",
            price: "129.00",
        };
        let steps = [shop.anns_order(), bobs.to_json(), shop.anns_answer(4), shop.anns_answer(9)];
        for index in order.into_iter().chain(order) {
            let body = serde_json::to_vec(&steps[index]).expect("JSON");
            let answer = if index < 2 {
                shop.webhook(Sender::Shopify, "order-created", "orders/create", &body).await
            } else {
                shop.webhook(Sender::Generic, "survey-submitted", "", &body).await
            };
            assert_eq!(answer.status(), 202);
        }
        shop.dispatch().await;
        let ids: BTreeSet<String> =
            field(&shop.outbox().await, "id").into_iter().map(str::to_owned).collect();
        let pages: Vec<Vec<u8>> = shop
            .stored()
            .await
            .into_iter()
            .filter(|(key, _)| key.starts_with("page:"))
            .map(|(_, page)| page)
            .collect();
        let scores = shop.get_json("/metrics").await.to_string();
        outcomes.insert((ids, pages, scores));
    }
    assert_eq!(outcomes.len(), 1, "the order of deliveries shows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_signature_changes_nothing() {
    let shop = Shop::open().await;
    shop.order(&shop.anns_order()).await;
    let stored = shop.stored().await;
    let body = shop.anns_order().to_string().replace("Espresso", "Expresso").into_bytes();
    let now = shop.clock.now();
    let wrong = [
        Sender::Shopify.headers("orders/create", "another secret", &body, now),
        Sender::Shopify.headers("orders/create", SHOPIFY_SECRET, b"another body", now),
        Sender::Generic.headers("", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &body, now),
        Sender::Generic.headers("", GENERIC_SECRET, &body, now - Duration::from_secs(301)),
        Ok(vec![("content-type", "application/json".to_owned())]),
    ];
    for headers in wrong {
        let headers = headers.expect("headers");
        let answer = shop.request(Method::POST, "/webhooks/order-created", &headers, body.clone()).await;
        assert_eq!(answer.status(), 401, "{}", text(&answer));
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    assert_eq!(shop.stored().await, stored);
    assert_eq!(shop.outbox().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_problem_document_and_stores_nothing() {
    let shop = Shop::open().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let deep_object = format!(r#"{{"id":1,"x":{}}}"#, String::from_utf8_lossy(&deep)).into_bytes();
    let mut without_id = shop.anns_order();
    without_id.as_object_mut().expect("an object").remove("id");
    let table: [(&str, &str, Vec<u8>, u16); 10] = [
        ("not JSON", "orders/create", b"hello".to_vec(), 400),
        ("nothing", "orders/create", Vec::new(), 400),
        ("an array", "orders/create", b"[{}]".to_vec(), 400),
        ("deep nesting", "orders/create", deep, 400),
        ("deep nesting in an order", "orders/create", deep_object, 400),
        ("invalid UTF-8", "orders/create", b"{\"id\":1,\"name\":\"\xff\"}".to_vec(), 400),
        ("an order without id", "orders/create", without_id.to_string().into_bytes(), 422),
        ("1 MiB and a byte", "orders/create", vec![b' '; 1024 * 1024 + 1], 413),
        ("an unknown topic", "themes/publish", b"{}".to_vec(), 200),
        ("a test order's ping", "app/ping", b"{}".to_vec(), 200),
    ];
    for (what, topic, body, status) in table {
        let answer = shop.webhook(Sender::Shopify, "order-created", topic, &body).await;
        assert_eq!(answer.status(), status, "{what}: {}", text(&answer));
        if status >= 400 {
            let problem: Value = serde_json::from_slice(answer.body()).expect("a problem document");
            assert_eq!(problem["status"], json!(status), "{what}");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {problem}");
        } else {
            assert!(text(&answer).contains("ignored"), "{what}");
        }
    }
    let wrong_type = [("content-type", "text/plain".to_owned())];
    let mut headers =
        Sender::Shopify.headers("orders/create", SHOPIFY_SECRET, b"{}", shop.clock.now()).expect("headers");
    headers.retain(|(name, _)| *name != "content-type");
    headers.extend(wrong_type);
    let answer = shop.request(Method::POST, "/webhooks/order-created", &headers, b"{}".to_vec()).await;
    assert_eq!(answer.status(), 415);
    let answer = shop.request(Method::GET, "/webhooks/order-created", &[], Vec::new()).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"POST".parse().expect("a value"))
    );

    assert_eq!(shop.stored().await.len(), 0);
    assert_eq!(shop.host.counters().read().traps, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_that_are_not_nps_are_refused() {
    let shop = Shop::open().await;
    for score in [json!(11), json!(-1), json!(7.5), json!("9"), json!(null)] {
        let mut answer = shop.anns_answer(9);
        answer["data"]["survey"]["score"] = score.clone();
        let answer = shop.answer(&answer).await;
        assert_eq!(answer.status(), 422, "{score}: {}", text(&answer));
        assert!(text(&answer).contains("score"), "{}", text(&answer));
    }
    assert_eq!(shop.stored().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_is_logged() {
    let shop = Shop::open().await;
    shop.order(&shop.anns_order()).await;
    shop.answer(&shop.anns_answer(1)).await;
    shop.request(Method::POST, "/webhooks/order-created", &[], b"{\"email\":\"ann@example.com\"}".to_vec())
        .await;
    shop.dispatch().await;
    let log = shop.log.text();
    for secret in ["ann@", "Ann", "Example", SHOPIFY_SECRET, GENERIC_SECRET, DISPATCH_TOKEN] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_writes_once_before_its_answer() {
    let shop = Shop::with(&[("process", "tick")]).await;
    shop.host.counters().reset();
    shop.order(&shop.anns_order()).await;
    let counts = shop.host.counters().read();
    assert_eq!((counts.writes(), counts.reads()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_tick_writes_nothing() {
    let shop = Shop::open().await;
    shop.order(&shop.anns_order()).await;
    shop.host.counters().reset();
    let report = shop.dispatch().await;
    assert_eq!(report, json!({"facts": 0, "planned": 0, "sent": 0, "deferred": 0, "failed": 0, "left": 0}));
    let counts = shop.host.counters().read();
    assert_eq!(counts.writes(), 0);
    assert!(counts.reads() <= 3, "{}", counts.reads());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_guard_scores_and_sweeps() {
    let shop = Shop::open().await;
    for (path, method) in
        [("/metrics", Method::GET), ("/dashboard", Method::GET), ("/dispatch", Method::POST)]
    {
        for authorization in ["", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="] {
            let headers = [("authorization", authorization.to_owned())];
            let answer = shop.request(method.clone(), path, &headers, Vec::new()).await;
            assert_eq!(answer.status(), 401, "{path} with {authorization:?}");
        }
    }
    let answer = shop.request(Method::GET, "/metrics", &[], Vec::new()).await;
    assert!(answer.headers().contains_key("www-authenticate"));
    let bad = shop.get("/metrics?from=tomorrow").await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_secret_closes_the_endpoint() {
    let shop = Shop::with(&[("shopify_secrets", ""), ("admin_token", ""), ("dispatch_token", "")]).await;
    assert_eq!(shop.order(&shop.anns_order()).await.status(), 401);
    assert_eq!(shop.get("/metrics").await.status(), 401);
    let authorization = ("authorization", "Bearer ".to_owned());
    let answer = shop.request(Method::POST, "/dispatch", &[authorization], Vec::new()).await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_open_in_a_browser() {
    let shop = Shop::open().await;
    for path in ["/outbox", "/dashboard"] {
        let empty = shop.get(path).await;
        assert_eq!(empty.status(), 200, "{path}: {}", text(&empty));
    }
    shop.order(&shop.anns_order()).await;
    shop.answer(&shop.anns_answer(9)).await;
    let id = shop.outbox().await[0]["id"].as_str().unwrap_or_default().to_owned();
    for path in ["/outbox", "/dashboard", &format!("/outbox/{id}")] {
        let page = shop.get(path).await;
        assert_eq!(page.status(), 200, "{path}: {}", text(&page));
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(
            page.headers()["content-security-policy"]
                .to_str()
                .is_ok_and(|policy| policy.contains("default-src 'none'"))
        );
        assert_eq!(page.headers()["content-length"], page.body().len().to_string().as_str());
        assert!(text(&page).contains("Bean &amp; Gone"), "{path}");
    }
    assert_eq!(shop.get("/outbox/none-such").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_shuts_when_a_provider_is_configured() {
    let shop = Shop::with(&[("resend_api_key", "re_test")]).await;
    for path in ["/outbox", "/outbox.json"] {
        assert_eq!(shop.get(path).await.status(), 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthz_says_what_is_wrong() {
    let shop = Shop::open().await;
    let health = shop.get_json("/healthz").await;
    assert_eq!(health["status"], json!("ok"));
    let store = shop.host.store("default").expect("the store");
    store.set("in:0123", b"not a fact").await.expect("set");
    shop.dispatch().await;
    let answer = shop.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    assert!(text(&answer).contains("dead:in:0123"), "{}", text(&answer));
    assert_eq!(store.get("dead:in:0123").await.expect("get").as_deref(), Some(b"not a fact".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_served_as_they_stand_in_the_repository() {
    let shop = Shop::open().await;
    for (event, schema) in SCHEMAS {
        let answer = shop.request(Method::GET, &format!("/schemas/{event}.json"), &[], Vec::new()).await;
        assert_eq!(answer.status(), 200, "{event}: {}", text(&answer));
        assert_eq!(answer.headers()["content-type"], "application/schema+json");
        assert_eq!(text(&answer), *schema);
        let published = manifest().with_file_name("docs").join("schemas").join(format!("{event}.json"));
        assert_eq!(std::fs::read_to_string(published).expect("published"), *schema);
    }
    let of_a_type = shop.request(Method::GET, "/schemas/order.paid.json", &[], Vec::new()).await;
    assert_eq!(of_a_type.body(), SCHEMAS[0].1.as_bytes());
    for path in
        ["/schemas", "/schemas/", "/schemas/orders.json", "/schemas/order-created", "/schemas/../spin.toml"]
    {
        let answer = shop.request(Method::GET, path, &[], Vec::new()).await;
        assert_eq!(answer.status(), 404, "{path}");
        for (event, _) in SCHEMAS {
            assert!(text(&answer).contains(&format!("/schemas/{event}.json")), "{path}: {}", text(&answer));
        }
    }
    let answer = shop.request(Method::POST, "/schemas/order-created.json", &[], Vec::new()).await;
    assert_eq!(answer.status(), 405);
    assert!(shop.stored().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn components_import_only_what_every_host_has() {
    let shop = Shop::open().await;
    let imports = shop.host.imports();
    assert_eq!(imports.len(), 13);
    for (component, interfaces) in imports {
        for interface in interfaces {
            let everywhere = interface.starts_with("wasi:") && interface.contains("@0.2.")
                || interface == "fermyon:spin/key-value@2.0.0"
                || interface == "fermyon:spin/variables@2.0.0";
            assert!(everywhere, "{component} imports {interface}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_makes_the_same_bytes() {
    let shop = Shop::with(&[("process", "tick")]).await;
    for n in 0..40 {
        let order = ShopifyOrder {
            id: 9_007_199_254_740_993 + n,
            number: 1001 + u32::try_from(n).expect("few orders"),
            email: &format!("customer{}@example.com", n % 7),
            first_name: "Ann",
            locale: "en-GB",
            placed_at: &shop.now(),
            title: "Espresso machine",
            price: "349.00",
        };
        shop.order(&order.to_json()).await;
        let email = format!("customer{}@example.com", n % 5);
        for score in [n % 11, n % 7] {
            let score = i64::try_from(score).expect("a score");
            shop.answer(&nps_answer(&format!("a{n}"), score, &email, &shop.now())).await;
            if n % 4 == 3 {
                shop.dispatch().await;
            }
        }
        // Some days end up in months.
        shop.advance(Duration::from_hours(37));
    }
    shop.dispatch().await;
    let before = counted(shop.stored().await);
    assert!(
        before.keys().any(|key| key.starts_with("month:"))
            && before.keys().any(|key| key.starts_with("day:"))
    );

    let authorization = ("authorization", format!("Bearer {DISPATCH_TOKEN}"));
    let answer = shop.request(Method::POST, "/dispatch?rebuild", &[authorization], Vec::new()).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    while shop.get_json("/healthz").await["unfolded"] != 0 {
        shop.dispatch().await;
    }
    assert_eq!(difference(&before, &counted(shop.stored().await)), [""; 0]);
}

/// What is stored, of months only what they count: they also remember which segments brought late lines, and after a rebuild
/// nothing was late.
fn counted(
    stored: std::collections::BTreeMap<String, Vec<u8>>,
) -> std::collections::BTreeMap<String, Vec<u8>> {
    let plain = stored.into_iter().map(|(key, value)| {
        if !key.starts_with("month:") {
            return (key, value);
        }
        let month = Month::decode(&key, &value).expect("a month");
        let counts = format!("{:?}", month.counts());
        (key, counts.into_bytes())
    });
    plain.collect()
}

//! Webhooks that only name an order: the components ask the platform, whatever its day is like.

use std::time::Duration;

use aftercare_tests::platform::{Answer, Platform};
use aftercare_tests::signing::Sender;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

const ORDER: &str = include_str!("../../shared/fixtures/api/bigcommerce/order.json");
const PRODUCTS: &str = include_str!("../../shared/fixtures/api/bigcommerce/products.json");
const TOKEN: &str = "bigcommerce-token-of-the-test-shop";

/// The order of the fixture, as if it had been placed when the test begins.
fn order(shop_starts: &str) -> String {
    let placed = chrono::DateTime::parse_from_rfc3339(shop_starts).expect("a time").to_rfc2822();
    let mut order: Value = serde_json::from_str(ORDER).expect("JSON");
    order["date_created"] = json!(placed);
    order["date_modified"] = json!(placed);
    order.to_string()
}

/// `store/order/created`, signed.
async fn told_of_order(shop: &Shop) {
    let created_at = shop.clock.now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let body = json!({
        "scope": "store/order/created", "store_id": "1000", "producer": "stores/abcde",
        "data": {"type": "order", "id": 250}, "hash": "5f1b2f0d", "created_at": created_at,
    });
    let body = body.to_string();
    let answer = shop.webhook(Sender::BigCommerce, "order-created", "", body.as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

/// BigCommerce, answering for the order in turn with these and then with the order itself.
async fn bigcommerce(troubles: Vec<Answer>) -> Platform {
    let starts = "2027-01-15T08:00:00Z";
    let answers = [troubles, vec![Answer::ok(order(starts))]].concat();
    let scripts = [
        ("/stores/abcde/v2/orders/250".to_owned(), answers),
        ("/stores/abcde/v2/orders/250/products".to_owned(), vec![Answer::ok(PRODUCTS)]),
    ];
    Platform::start(scripts).await.expect("a platform")
}

fn url(platform: &Platform) -> String {
    format!("http://{}", platform.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_order_becomes_a_mail_after_429_500_and_200() {
    let platform =
        bigcommerce(vec![Answer::status(429).with("retry-after", "120"), Answer::status(500)]).await;
    let url = url(&platform);
    let shop = Shop::with(&[
        ("bigcommerce_url", &url),
        ("bigcommerce_store", "abcde"),
        ("bigcommerce_token", TOKEN),
    ])
    .await;
    told_of_order(&shop).await;
    assert_eq!(platform.asked().len(), 1, "{}", shop.log.text());
    assert!(shop.outbox().await.is_empty());

    shop.dispatch().await;
    assert_eq!(platform.asked().len(), 1, "two minutes were asked for");
    shop.advance(Duration::from_mins(3));
    let report = shop.dispatch().await;
    assert_eq!((platform.asked().len(), &report["deferred"]), (2, &json!(1)));

    shop.advance(Duration::from_mins(6));
    shop.dispatch().await;
    let outbox = shop.outbox().await;
    assert_eq!(outbox.len(), 1, "{}", shop.log.text());
    assert_eq!((&outbox[0]["to"], &outbox[0]["locale"]), (&json!("ann@example.com"), &json!("de")));
    assert!(outbox[0]["text"].as_str().is_some_and(|text| text.contains("Espresso machine")));
    for (path, headers) in platform.asked() {
        assert_eq!(headers["x-auth-token"], TOKEN, "{path}");
    }

    // Told of again, fetched again: the same order, and no other mail.
    shop.advance(Duration::from_secs(5));
    told_of_order(&shop).await;
    assert_eq!(platform.asked().len(), 6);
    assert_eq!(shop.outbox().await.len(), 1);
    assert!(!shop.log.text().contains(TOKEN));

    shop.host.counters().reset();
    shop.dispatch().await;
    let counts = shop.host.counters().read();
    assert!(counts.writes() == 0 && counts.reads() <= 3, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_it_waits_over_a_restart_and_is_taken_up_with_one() {
    let platform = bigcommerce(Vec::new()).await;
    let url = url(&platform);
    let folder = tempfile::tempdir().expect("a folder");
    let place = [("bigcommerce_url", url.as_str()), ("bigcommerce_store", "abcde")];
    let keep = |options: &mut aftercare_host::Options| {
        options.in_memory = false;
        options.state_dir = Some(folder.path().to_owned());
    };
    let shop = Shop::start(&place, keep).await;
    told_of_order(&shop).await;
    shop.dispatch().await;
    let health = shop.get("/healthz").await;
    assert_eq!(health.status(), 503);
    assert!(text(&health).contains("bigcommerce_token"), "{}", text(&health));
    assert!(platform.asked().is_empty());
    shop.host.shut_down().await;

    let variables = [&place[..], &[("bigcommerce_token", TOKEN)]].concat();
    let shop = Shop::start(&variables, keep).await;
    shop.dispatch().await;
    assert_eq!(shop.outbox().await.len(), 1, "{}", shop.log.text());
    assert_eq!(shop.get("/healthz").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_shopify_order_is_fetched_as_a_whole() {
    let mut order = {
        let shop = Shop::open().await;
        shop.anns_order()
    };
    let id = order["id"].to_string();
    order["line_items"][0]["title"] = json!("Espresso machine and grinder");
    let path = format!("/admin/api/2026-04/orders/{id}.json");
    let answer = Answer::ok(json!({"order": order}).to_string());
    let platform = Platform::start([(path.clone(), vec![answer])]).await.expect("a platform");
    let url = url(&platform);
    let shop = Shop::with(&[("shopify_url", &url), ("shopify_token", "shpat_test")]).await;
    let edit = json!({"order_edit": {
        "id": 1, "order_id": order["id"], "created_at": shop.now(), "committed_at": shop.now(),
        "line_items": {"additions": [], "removals": []},
    }});
    let answer =
        shop.webhook(Sender::Shopify, "order-created", "orders/edited", edit.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    let asked = platform.asked();
    assert_eq!(asked.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [path.as_str()]);
    assert_eq!(asked[0].1["x-shopify-access-token"], "shpat_test");
    let outbox = shop.outbox().await;
    assert!(outbox[0]["text"].as_str().is_some_and(|text| text.contains("and grinder")), "{outbox:?}");
}

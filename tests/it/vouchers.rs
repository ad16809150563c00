//! Vouchers: a late order's apology carries a code of its own, made in the shop's platform, whatever its day is like.

use std::time::Duration;

use aftercare_tests::platform::{Answer, Platform};
use aftercare_tests::signing::Sender;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

const TOKEN: &str = "shopify-token-of-the-test-shop";
const PATH: &str = "/admin/api/2026-10/graphql.json";

fn made() -> Answer {
    Answer::ok(json!({ "data": { "discountCodeBasicCreate": { "userErrors": [] } } }).to_string())
}

fn refused(code: &str) -> Answer {
    let errors = json!([{ "code": code, "message": "Code must be unique. Please try a different code." }]);
    Answer::ok(json!({ "data": { "discountCodeBasicCreate": { "userErrors": errors } } }).to_string())
}

/// A shop that gives 15 % for a late order, at a platform that answers like this.
async fn shop(answers: Vec<Answer>) -> (Shop, Platform) {
    let platform = Platform::start([(PATH.to_owned(), answers)]).await.expect("a platform");
    let url = format!("http://{}", platform.address);
    let shop = Shop::with(&[
        ("shopify_url", &url),
        ("shopify_token", TOKEN),
        ("link_keys", "key-of-the-test-shop"),
        ("public_url", "https://care.example"),
    ])
    .await;
    let goodwill = json!({ "percent": 15, "gives": "15 % off your next order" });
    let answer = shop.put_settings(&json!({ "goodwill": goodwill })).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    (shop, platform)
}

/// An order whose parcel the carrier reports as delayed.
async fn is_late(shop: &Shop) {
    shop.order(&shop.anns_order()).await;
    let body = json!({
        "type": "shipment.updated",
        "timestamp": shop.now(),
        "data": {
            "order": { "id": "9007199254740993" },
            "shipment": { "id": "s1", "status": "delayed", "at": shop.now(), "carrier": "DHL" },
        },
    });
    let answer = shop.webhook(Sender::Generic, "shipment-updated", "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

async fn pass(shop: &Shop, minutes: u64) {
    shop.advance(Duration::from_mins(minutes));
    shop.dispatch().await;
}

/// The apologies to Ann so far.
async fn apologies(shop: &Shop) -> Vec<String> {
    let outbox = shop.outbox().await;
    let to_ann = |entry: &&Value| entry["playbook"] == "delay" && entry["to"] == "ann@example.com";
    let texts =
        outbox.iter().filter(to_ann).map(|entry| entry["text"].as_str().unwrap_or_default().to_owned());
    texts.collect()
}

/// The code in a text.
fn code(text: &str) -> Option<&str> {
    let start = text.find("SORRY-")?;
    text.get(start..start + "SORRY-".len() + 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_order_gets_one_code_of_its_own() {
    let (shop, platform) = shop(vec![made()]).await;
    is_late(&shop).await;
    for _ in 0..40 {
        pass(&shop, 15).await;
    }
    let apologies = apologies(&shop).await;
    assert_eq!(apologies.len(), 1, "{}", shop.log.text());
    assert!(code(&apologies[0]).is_some(), "{}", apologies[0]);
    assert!(apologies[0].contains("15 % off your next order"));
    let asked = platform.asked();
    assert_eq!(asked.len(), 1, "made once");
    assert_eq!(asked[0].1["x-shopify-access-token"], TOKEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_there_already_is_the_one_that_was_wanted() {
    let (shop, _platform) = shop(vec![refused("TAKEN")]).await;
    is_late(&shop).await;
    for _ in 0..12 {
        pass(&shop, 15).await;
    }
    let apologies = apologies(&shop).await;
    assert!(apologies.len() == 1 && code(&apologies[0]).is_some(), "{apologies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_quarter_of_an_hour_is_waited_for() {
    let (shop, platform) = shop(vec![Answer::status(503), Answer::status(429), made()]).await;
    is_late(&shop).await;
    pass(&shop, 120).await;
    assert_eq!((apologies(&shop).await.len(), platform.asked().len()), (0, 1), "put off");
    pass(&shop, 6).await;
    assert_eq!((apologies(&shop).await.len(), platform.asked().len()), (0, 2), "put off again");
    pass(&shop, 6).await;
    let apologies = apologies(&shop).await;
    assert!(apologies.len() == 1 && code(&apologies[0]).is_some(), "{apologies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_an_apology_because_of_a_voucher() {
    for answer in [Answer::status(500), Answer::status(401), refused("EXCEEDED_MAX")] {
        let status = answer.status;
        let (shop, _platform) = shop(vec![answer]).await;
        is_late(&shop).await;
        pass(&shop, 120).await;
        assert!(apologies(&shop).await.is_empty(), "{status}");
        for _ in 0..5 {
            pass(&shop, 15).await;
        }
        let apologies = apologies(&shop).await;
        assert_eq!(apologies.len(), 1, "{status}");
        assert_eq!(code(&apologies[0]), None, "{status}");
        assert!(!apologies[0].contains("15 %"), "{status}: what cannot be given is not promised");
    }
}

// ── A pool ──────────────────────────────────────────────────────────────────

/// Another order that is late, of somebody else.
async fn another_is_late(shop: &Shop, number: u64) {
    let mut order = shop.anns_order();
    order["id"] = json!(number);
    order["email"] = json!(format!("c{number}@example.com"));
    order["order_number"] = json!(number);
    order["name"] = json!(format!("#{number}"));
    order["customer"] = json!({ "id": number, "email": format!("c{number}@example.com") });
    shop.order(&order).await;
    let body = json!({
        "type": "shipment.updated",
        "timestamp": shop.now(),
        "data": {
            "order": { "id": number.to_string() },
            "shipment": { "id": format!("s{number}"), "status": "delayed", "at": shop.now(), "carrier": "DHL" },
        },
    });
    let answer = shop.webhook(Sender::Generic, "shipment-updated", "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_a_pool_are_given_once_and_it_is_told_before_they_are_used_up() {
    let shop = Shop::open().await;
    let codes: Vec<String> = (0..7).map(|number| format!("BEANS-{number}")).collect();
    let goodwill = json!({ "codes": codes, "gives": "10 % off your next order" });
    let answer = shop.put_settings(&json!({ "goodwill": goodwill, "team_email": "" })).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    for number in 1..=8 {
        another_is_late(&shop, number).await;
        another_is_late(&shop, number).await;
        pass(&shop, 15).await;
        if number == 1 {
            // Two hours after the report.
            pass(&shop, 120).await;
            let health = shop.get_json("/healthz").await;
            assert_eq!(health.get("warnings"), None, "six are left: {health}");
        }
    }
    pass(&shop, 60).await;
    let health = shop.get_json("/healthz").await;
    assert!(health["warnings"][0].as_str().is_some_and(|told| told.contains("voucher codes")), "{health}");
    for _ in 0..16 {
        pass(&shop, 15).await;
    }
    let outbox = shop.outbox().await;
    let texts = outbox.iter().filter(|mail| mail["playbook"] == "delay").map(|mail| mail["text"].as_str());
    let texts: Vec<&str> = texts.flatten().collect();
    let given: std::collections::BTreeSet<&str> =
        texts.iter().filter_map(|text| text.get(text.find("BEANS-")?..)?.get(..7)).collect();
    assert_eq!((texts.len(), given.len()), (8, 7), "eight apologies, seven codes: {texts:?}");
    let health = shop.get("/healthz").await;
    assert_eq!(health.status(), 503);
    assert!(text(&health).contains("all 7 voucher codes"), "{}", text(&health));
    assert!(!shop.log.text().contains("BEANS-"), "codes are in no log: {}", shop.log.text());
}

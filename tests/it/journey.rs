//! Sixty days of a customer, end to end on the wasm components: every message with its time, and what it carries.

use std::time::Duration;

use aftercare_tests::signing::Sender;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{ADMIN_TOKEN, Shop, text};

/// Everything that messages other than service need, and one playbook that is tuned.
fn settings() -> Value {
    json!({
        "brand": { "address": "Bean & Gone Ltd\n1 Roaster Row\nBristol" },
        "time_zone": "Europe/Berlin",
        "goodwill": { "code": "SORRY-10", "gives": "10 % off your next order" },
        "reviews": { "url": "https://shop.example/review?order={order}", "reward": "100 points" },
        "products": [{ "match": { "sku": "CAFE-1" }, "steps": [{ "after": "1d", "title": "Your first espresso" }] }],
        "playbooks": { "survey": { "delay": "3d" }, "digest": { "enabled": false } },
    })
}

async fn open() -> Shop {
    let shop =
        Shop::with(&[("link_keys", "key-of-the-test-shop"), ("public_url", "https://care.example")]).await;
    let answer = shop.put_settings(&settings()).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    shop
}

async fn parcel(shop: &Shop, state: &str) {
    let body = json!({
        "type": "shipment.updated",
        "timestamp": shop.now(),
        "data": {
            "order": { "id": "9007199254740993" },
            "shipment": {
                "id": "s1", "status": state, "at": shop.now(), "tracking_number": "00340434161094",
                "tracking_url": "https://carrier.example/t/0034", "carrier": "DHL", "carrier_phone": "+49 228 4333112",
            },
        },
    });
    let answer = shop.webhook(Sender::Generic, "shipment-updated", "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

/// Lets time pass, with a tick every four hours.
async fn pass(shop: &Shop, hours: u64) {
    for _ in 0..hours / 4 {
        shop.advance(Duration::from_hours(4));
        shop.dispatch().await;
    }
}

/// The messages so far, oldest first, as `day playbook to`.
async fn told(shop: &Shop, start: &str) -> Vec<String> {
    let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect("a time");
    let outbox = shop.outbox().await;
    let line = |entry: &Value| {
        let at = entry["at"].as_str().expect("a time");
        let days = (moment(at) - moment(start)).num_days();
        let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        (at.to_owned(), format!("day {days} {} {}", part("playbook"), part("to")))
    };
    let mut lines: Vec<_> = outbox.iter().map(line).collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_days_of_an_order_that_goes_well() {
    let shop = open().await;
    let start = shop.now();
    shop.order(&shop.anns_order()).await;
    pass(&shop, 24).await;
    parcel(&shop, "shipped").await;
    pass(&shop, 48).await;
    parcel(&shop, "out_for_delivery").await;
    shop.advance(Duration::from_hours(4));
    parcel(&shop, "delivered").await;
    // The carrier says it again, and again.
    for _ in 0..3 {
        shop.advance(Duration::from_hours(1));
        parcel(&shop, "delivered").await;
        parcel(&shop, "shipped").await;
    }
    pass(&shop, 57 * 24).await;
    assert_eq!(
        told(&shop, &start).await,
        [
            "day 0 thank-you ann@example.com",
            "day 1 shipment-status ann@example.com",
            "day 3 shipment-status ann@example.com",
            "day 3 shipment-status ann@example.com",
            "day 4 onboarding ann@example.com",
            "day 6 survey ann@example.com",
            "day 17 review-request ann@example.com",
        ]
    );
    let outbox = shop.outbox().await;
    for entry in &outbox {
        let playbook = entry["playbook"].as_str().expect("a playbook");
        let service = ["thank-you", "shipment-status"].contains(&playbook);
        let text = entry["text"].as_str().expect("a text");
        assert_eq!(entry["headers"]["List-Unsubscribe-Post"].is_string(), !service, "{playbook}");
        assert_eq!(text.contains("https://care.example/p/"), !service, "{playbook}");
        assert!(text.contains("1 Roaster Row"), "{playbook} has the postal address");
    }
    let survey = outbox.iter().find(|entry| entry["playbook"] == "survey").expect("a survey");
    assert!(survey["text"].as_str().is_some_and(|text| text.contains("https://care.example/s/n")));
    let request = outbox.iter().find(|entry| entry["playbook"] == "review-request").expect("a request");
    assert!(request["text"].as_str().is_some_and(|text| text.contains("review?order=9007199254740993")));
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_days_of_an_order_that_goes_wrong() {
    let shop = open().await;
    let start = shop.now();
    shop.order(&shop.anns_order()).await;
    pass(&shop, 24).await;
    parcel(&shop, "shipped").await;
    pass(&shop, 24).await;
    parcel(&shop, "exception").await;
    pass(&shop, 48).await;
    parcel(&shop, "delivered").await;
    pass(&shop, 4 * 24).await;
    shop.answer(&shop.anns_answer(2)).await;
    pass(&shop, 53 * 24).await;
    assert_eq!(
        told(&shop, &start).await,
        [
            "day 0 thank-you ann@example.com",
            "day 1 shipment-status ann@example.com",
            "day 2 delay ann@example.com",
            "day 2 delay team@example.com",
            "day 4 shipment-status ann@example.com",
            "day 5 onboarding ann@example.com",
            "day 7 survey ann@example.com",
            "day 8 recovery team@example.com",
            "day 8 recovery ann@example.com",
            "day 18 review-request ann@example.com",
            "day 43 survey ann@example.com",
        ]
    );
    let outbox = shop.outbox().await;
    let apology =
        outbox.iter().find(|entry| entry["playbook"] == "delay" && entry["to"] == "ann@example.com");
    assert!(apology.and_then(|entry| entry["text"].as_str()).is_some_and(|text| text.contains("SORRY-10")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_hears_of_each_week_on_monday_with_the_numbers_of_the_dashboard() {
    let shop = open().await;
    let berlin = json!({ "time_zone": "Europe/Berlin" });
    assert_eq!(shop.put_settings(&berlin).await.status(), 200);
    let start = shop.now();
    shop.order(&shop.anns_order()).await;
    let mut answer = shop.anns_answer(2);
    answer["data"]["order"] = json!({ "id": "9007199254740993" });
    shop.answer(&answer).await;
    // From Friday to Monday at nine in Berlin.
    pass(&shop, 68).await;
    let digests = async || {
        let outbox = shop.outbox().await;
        outbox.into_iter().filter(|entry| entry["playbook"] == "digest").collect::<Vec<_>>()
    };
    assert_eq!(digests().await, Vec::<Value>::new());
    shop.host.counters().reset();
    shop.dispatch().await;
    let idle = shop.host.counters().read();
    assert!(idle.reads() <= 3 && idle.writes() == 0, "before it is due: {idle:?}");
    pass(&shop, 4).await;
    let sent = digests().await;
    assert_eq!((sent.len(), &sent[0]["to"]), (1, &json!("team@example.com")), "{}", shop.log.text());
    assert_eq!(sent[0]["at"], json!("2027-01-18T08:00:00Z"));
    let text = sent[0]["text"].as_str().expect("a text");
    let scores = shop.get_json("/metrics?from=2027-01-11&to=2027-01-17").await;
    let value = scores["nps"]["value"].as_f64().expect("a score");
    let nps = format!("Recommendation (NPS): {value:.0} (answers: {})", scores["nps"]["n"]);
    for part in
        [&nps, "Unhappy answers and reviews: 1", "Espresso machine: 1", "https://care.example/dashboard"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Ann") && !text.contains("ann@"), "it names nobody: {text}");

    shop.host.counters().reset();
    shop.dispatch().await;
    let idle = shop.host.counters().read();
    assert!(idle.reads() <= 3 && idle.writes() == 0, "after it was sent: {idle:?}");
    // It is a message like any other, and no customer's.
    let listed = shop.get_json("/messages?playbook=digest").await;
    let message = &listed["messages"][0];
    assert_eq!((&message["state"], &message["cause"]), (&json!("sent"), &json!("week:2027-01-18")));
    assert_eq!(message.get("customer"), None);
    for name in ["week:2027-01-18", "2027-01-18"] {
        let found = shop.get_json(&format!("/customers?q={name}")).await;
        assert_eq!(found["customers"], json!([]), "{found}");
    }
    pass(&shop, 7 * 24).await;
    assert_eq!(digests().await.len(), 2, "{:?}", told(&shop, &start).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_taken_as_a_whole_or_not_at_all() {
    let shop = Shop::open().await;
    let stored = shop.stored().await;
    let wrong = json!({ "brnad": {}, "holdout": 80, "time_zone": "Europe/Atlantis" });
    let answer = shop.put_settings(&wrong).await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"application/problem+json".parse().expect("a type"))
    );
    let problem: Value = serde_json::from_slice(answer.body()).expect("JSON");
    let paths: Vec<_> =
        problem["errors"].as_array().expect("errors").iter().map(|wrong| &wrong["path"]).collect();
    assert_eq!(paths, ["brnad", "time_zone", "holdout"]);
    assert_eq!(shop.stored().await, stored);

    let none: [(&str, String); 0] = [];
    for method in [Method::GET, Method::PUT] {
        let answer = shop.request(method, "/settings", &none, b"{}".to_vec()).await;
        assert_eq!(answer.status(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_count_their_versions_and_can_be_undone() {
    let shop = Shop::open().await;
    let before = shop.get_json("/settings").await;
    assert_eq!(
        (&before["version"], &before["settings"]["brand"]["name"]),
        (&json!(0), &json!("Bean & Gone"))
    );
    let off = json!({ "playbooks": { "thank-you": { "enabled": false } } });
    assert_eq!(shop.put_settings(&off).await.status(), 200);
    shop.order(&shop.anns_order()).await;
    assert_eq!(shop.outbox().await, Vec::<Value>::new());

    let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer =
        shop.request(Method::POST, "/settings/undo", std::slice::from_ref(&authorization), Vec::new()).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    let after = shop.get_json("/settings").await;
    assert_eq!((&after["version"], &after["document"]), (&json!(2), &json!({})));
    assert_eq!(shop.get_json("/settings?version=1").await, off);
    let late = ("if-match", "\"1\"".to_owned());
    let answer = shop.request(Method::PUT, "/settings", &[authorization, late], b"{}".to_vec()).await;
    assert_eq!(answer.status(), 412);
    // The next thing that happens to Ann is planned with what is in force.
    shop.answer(&shop.anns_answer(9)).await;
    parcel(&shop, "shipped").await;
    let outbox = shop.outbox().await;
    assert!(outbox.iter().any(|entry| entry["playbook"] == "thank-you"), "{outbox:#?}");
}

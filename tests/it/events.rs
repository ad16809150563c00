//! Every event and alert to a webhook of the shop's own: signed, at least once, under one id, and in nobody's way.

use std::collections::BTreeSet;
use std::time::Duration;

use aftercare::webhook::verify::{as_whsec, hmac_sha256};
use aftercare_tests::payload::nps_answer;
use aftercare_tests::scripted::{Asked, Play, Scripted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::shop::{GENERIC_SECRET, Shop, text};

/// A shop that tells a receiver of these kinds of events.
async fn open(events: &Value) -> (Shop, Scripted) {
    let receiver = Scripted::start().await.expect("a receiver");
    let url = receiver.url();
    let hook = format!("{url}/hook");
    let shop = Shop::with(&[
        ("webhook_url", &hook),
        ("webhook_host", &url),
        ("webhook_signing_secrets", GENERIC_SECRET),
    ])
    .await;
    let answer = shop.put_settings(&json!({ "events": events })).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    (shop, receiver)
}

fn header(asked: &Asked, name: &str) -> String {
    asked.headers[name].to_str().expect("text").to_owned()
}

fn ids(asked: &[Asked]) -> BTreeSet<String> {
    asked.iter().map(|asked| header(asked, "webhook-id")).collect()
}

/// As a receiver checks it.
fn is_genuine(asked: &Asked) -> bool {
    let (id, time) = (header(asked, "webhook-id"), header(asked, "webhook-timestamp"));
    let pieces: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", &asked.body];
    let expected = BASE64.encode(hmac_sha256(&as_whsec(GENERIC_SECRET), &pieces));
    header(asked, "webhook-signature") == format!("v1,{expected}")
}

async fn pass(shop: &Shop, minutes: u64) {
    shop.advance(Duration::from_mins(minutes));
    shop.dispatch().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_delivered_twice_is_one_event() {
    let (shop, receiver) = open(&json!(["order.updated"])).await;
    let order = shop.anns_order();
    for _ in 0..3 {
        shop.order(&order).await;
    }
    let asked = receiver.asked("/hook");
    assert!(!asked.is_empty() && asked.iter().all(is_genuine));
    assert_eq!(ids(&asked).len(), 1, "one event, however often it was told");
    let event = asked[0].json();
    assert_eq!((&event["type"], &event["data"]["source"]), (&json!("order.updated"), &json!("shopify")));
    assert_eq!(event["data"]["order"]["id"], json!("9007199254740993"));
    assert!(asked.iter().all(|again| again.body == asked[0].body), "and told in the same bytes");
    assert_eq!(shop.outbox().await.len(), 1, "the customer was thanked");
    assert!(!shop.stored().await.keys().any(|key| key.starts_with("event:")), "nothing waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_told_and_what_was_not_asked_for_is_not() {
    let (shop, receiver) = open(&json!(["alert.raised"])).await;
    shop.order(&shop.anns_order()).await;
    shop.answer(&shop.anns_answer(2)).await;
    let asked = receiver.asked("/hook");
    let [alert] = asked.as_slice() else { panic!("one alert: {asked:?}") };
    assert!(is_genuine(alert) && header(alert, "webhook-id").starts_with("alert_recovery-"));
    let event = alert.json();
    assert_eq!((&event["type"], &event["data"]["playbook"]), (&json!("alert.raised"), &json!("recovery")));
    let mails = shop.outbox().await;
    let mail = mails.iter().find(|mail| mail["playbook"] == "recovery" && mail["to"] == "team@example.com");
    assert_eq!(event["data"]["text"], mail.expect("the alert itself")["text"], "in the words of the alert");

    let (shop, receiver) = open(&json!([])).await;
    shop.order(&shop.anns_order()).await;
    assert_eq!(receiver.asked("/").len(), 0, "off unless somebody asks for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_days_of_a_receiver_lose_no_event_and_hold_up_no_mail() {
    let plays = [
        Play::Answer(500, &[], ""),
        Play::Answer(503, &[("retry-after", "30")], ""),
        Play::Answer(429, &[], ""),
        Play::Answer(429, &[("retry-after", "2")], ""),
        Play::Answer(404, &[], ""),
        Play::Reset,
        Play::Hang,
    ];
    for play in plays {
        let what = format!("{play:?}");
        let (shop, receiver) = open(&json!(["order.updated"])).await;
        receiver.next("/hook", play);
        shop.order(&shop.anns_order()).await;
        assert_eq!(shop.outbox().await.len(), 1, "{what}: thanked at once");
        assert_eq!(receiver.asked("/hook").len(), 1, "{what}");
        pass(&shop, 1).await;
        pass(&shop, 1).await;
        let asked = receiver.asked("/hook");
        assert_eq!((asked.len(), ids(&asked).len()), (2, 1), "{what}");
        assert!(asked.iter().all(is_genuine), "{what}: each attempt is signed anew");
        pass(&shop, 60).await;
        assert_eq!(receiver.asked("/hook").len(), 2, "{what}: it was taken");
        assert_eq!(shop.host.counters().read().traps, 0);
    }
    let (shop, receiver) = open(&json!(["order.updated"])).await;
    receiver.next("/hook", Play::Answer(410, &[], ""));
    shop.order(&shop.anns_order()).await;
    pass(&shop, 60).await;
    assert_eq!(receiver.asked("/hook").len(), 1, "it wants nothing more");
    assert!(shop.log.text().contains("1 events were given up"), "{}", shop.log.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_away_hears_of_everything_when_it_is_back() {
    let (shop, receiver) = open(&json!(["survey.submitted"])).await;
    for _ in 0..40 {
        receiver.next("/hook", Play::Answer(503, &[], ""));
    }
    for number in 0..30 {
        let answer = nps_answer(&format!("a{number}"), 9, &format!("c{number}@example.com"), &shop.now());
        shop.answer(&answer).await;
    }
    let waiting = shop.stored().await.keys().filter(|key| key.starts_with("event:")).count();
    assert!((1..=12).contains(&waiting), "{waiting} documents for 30 events");
    for _ in 0..12 {
        pass(&shop, 180).await;
    }
    assert_eq!(ids(&receiver.asked("/hook")).len(), 30);
    assert!(!shop.stored().await.keys().any(|key| key.starts_with("event:")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_somebody_who_was_forgotten_meanwhile() {
    let (shop, receiver) = open(&json!(["order.updated"])).await;
    receiver.next("/hook", Play::Answer(503, &[], ""));
    shop.order(&shop.anns_order()).await;
    shop.advance(Duration::from_secs(5));
    let erase = json!({
        "type": "privacy.requested", "timestamp": shop.now(),
        "data": { "request": { "id": "p1", "kind": "erase" }, "customer": { "email": "ann@example.com" } },
    });
    let body = erase.to_string();
    let sender = aftercare_tests::signing::Sender::Generic;
    let answer = shop.webhook(sender, "privacy-request", "", body.as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    shop.dispatch().await;
    assert!(!shop.stored().await.keys().any(|key| key.starts_with("event:")), "nothing of hers waits");
    pass(&shop, 120).await;
    assert_eq!(receiver.asked("/hook").len(), 1);
}

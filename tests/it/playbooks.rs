//! Sixty days in the lives of a few customers, end to end on the wasm components: every message of every playbook, with
//! its time, channel, state and reason.

use std::time::Duration;

use aftercare_tests::signing::Sender;
use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

/// Every playbook on, and a cap that keeps none of them from being heard.
fn settings() -> Value {
    json!({
        "brand": { "address": "Bean & Gone Ltd\n1 Roaster Row\nBristol" },
        "time_zone": "Europe/Berlin",
        "cap": { "messages": 20 },
        "goodwill": { "code": "SORRY-10", "gives": "10 % off" },
        "reviews": { "url": "https://shop.example/review?order={order}", "reward": "100 points" },
        "referral": { "url": "https://shop.example/?ref={code}", "gives": "10 € for both" },
        "loyalty": { "per_unit": 1, "per_review": 10, "per_answer": 5, "orders": [2],
            "tiers": [{ "name": "Silver", "points": 80 }] },
        "survey": { "after_ticket": "ces" },
        "products": [
            { "match": { "sku": "CAFE-1" }, "steps": [{ "after": "1d", "title": "Your first espresso" }] },
            { "match": { "sku": "BEANS" }, "lasts": "30d" },
        ],
        "struggles": [{ "name": "grind", "bought": { "sku": "CAFE-1" }, "without": { "sku": "BEANS" },
            "after": "30d", "title": "How to dial in your grind" }],
        "playbooks": { "win-back": { "delay": "40d" } },
    })
}

/// One thing that happens to one person, so many hours after the start.
struct Happening {
    hours: u64,
    what: What,
}

enum What {
    /// A webhook: its event, and what it says.
    Told(&'static str, Value),
    /// A form on the page of an order.
    Form(&'static str),
}

/// When a shop of these tests opens: a Friday at nine in Berlin.
const START: i64 = 1_800_000_000;

/// Hours of a day, after the start.
const fn day(days: u64) -> u64 {
    24 * days
}

fn order(hours: u64, order: Value) -> Happening {
    let mut body =
        json!({ "type": "order.created", "data": { "order": { "currency": "EUR", "total": "49.90" } } });
    merge(&mut body["data"]["order"], order);
    Happening { hours, what: What::Told("order-created", body) }
}

fn machine(hours: u64, id: &str) -> Happening {
    order(
        hours,
        json!({ "id": id, "items": [{ "title": "Espresso machine", "sku": "CAFE-1", "quantity": 1 }] }),
    )
}

fn beans(hours: u64, id: &str) -> Happening {
    order(hours, json!({ "id": id, "items": [{ "title": "Beans", "sku": "BEANS", "quantity": 1 }] }))
}

fn paid(hours: u64, id: &str) -> Happening {
    Happening {
        hours,
        what: What::Told("order-created", json!({ "type": "order.paid", "data": { "order": { "id": id } } })),
    }
}

fn parcel(hours: u64, order: &str, status: &str) -> Happening {
    let shipment = json!({ "id": format!("s-{order}"), "status": status, "carrier": "DHL" });
    let body =
        json!({ "type": "shipment.updated", "data": { "order": { "id": order }, "shipment": shipment } });
    Happening { hours, what: What::Told("shipment-updated", body) }
}

fn nps(hours: u64, id: &str, score: u8) -> Happening {
    let body = json!({ "type": "survey.submitted", "data": { "survey": { "kind": "nps", "answer_id": id, "score": score } } });
    Happening { hours, what: What::Told("survey-submitted", body) }
}

fn review(hours: u64, id: &str, rating: u8) -> Happening {
    let review = json!({ "id": id, "rating": rating, "scale": "1-5", "source": "own-shop" });
    let body = json!({ "type": "review.posted", "data": { "review": review } });
    Happening { hours, what: What::Told("review-posted", body) }
}

fn solved(hours: u64, id: &str, at: &str) -> Happening {
    let ticket = json!({ "id": id, "status": "solved", "solved_at": at });
    let body = json!({ "type": "ticket.updated", "data": { "ticket": ticket } });
    Happening { hours, what: What::Told("ticket-updated", body) }
}

fn refunded(hours: u64, order: &str) -> Happening {
    let body = json!({ "type": "order.refunded", "data": {
        "order": { "id": order, "currency": "EUR" }, "refund": { "id": format!("f-{order}"), "amount": "49.90" },
    } });
    Happening { hours, what: What::Told("order-created", body) }
}

fn merge(whole: &mut Value, more: Value) {
    if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
        whole.extend(more);
    }
}

/// The person's own words go with each of their events.
fn lives() -> Vec<(&'static str, bool, Vec<Happening>)> {
    vec![
        // All is well, and she says so.
        (
            "ann@example.com",
            true,
            vec![
                machine(0, "A1"),
                paid(1, "A1"),
                parcel(day(1), "A1", "shipped"),
                parcel(day(3), "A1", "delivered"),
                nps(day(7), "a-nps", 10),
                review(day(20), "a-review", 5),
            ],
        ),
        // Promised, late, and sent back; he writes to the team and to the page.
        (
            "bob@example.com",
            true,
            vec![
                order(
                    0,
                    json!({ "id": "B1", "promised_by": "2027-01-18",
                    "items": [{ "title": "Espresso machine", "sku": "CAFE-1", "quantity": 1 }] }),
                ),
                parcel(day(1), "B1", "shipped"),
                Happening { hours: day(4) + 5, what: What::Form("do=case&topic=where&text=Where+is+it") },
                parcel(day(5), "B1", "delivered"),
                solved(day(6), "b-ticket", "2027-01-21T08:00:00Z"),
                nps(day(8), "b-nps", 2),
                refunded(day(12), "B1"),
            ],
        ),
        // Buys again, as what he bought is used up.
        (
            "cid@example.com",
            true,
            vec![
                beans(0, "C1"),
                paid(1, "C1"),
                parcel(day(2), "C1", "delivered"),
                beans(day(28), "C2"),
                paid(day(28) + 1, "C2"),
                review(day(30), "c-review", 2),
            ],
        ),
        // The same, and never said that she wants to be written to.
        ("dea@example.com", false, vec![beans(0, "D1"), nps(day(9), "d-nps", 9)]),
        // First bought almost a year ago.
        (
            "eve@example.com",
            true,
            vec![order(
                0,
                json!({ "id": "E1", "placed_at": "2026-02-20T09:00:00Z",
                "items": [{ "title": "Cup", "sku": "CUP", "quantity": 1 }] }),
            )],
        ),
    ]
}

async fn happens(shop: &Shop, email: &str, marketing: bool, what: &What) {
    match what {
        What::Told(event, body) => {
            let mut body = body.clone();
            body["timestamp"] = json!(shop.now());
            let name = email.split('@').next().unwrap_or_default();
            body["data"]["customer"] =
                json!({ "email": email, "first_name": name, "marketing": { "email": marketing } });
            let answer = shop.webhook(Sender::Generic, event, "", body.to_string().as_bytes()).await;
            assert_eq!(answer.status(), 202, "{}", text(&answer));
        }
        What::Form(form) => {
            let outbox = shop.outbox().await;
            let mail = outbox.iter().find(|entry| entry["to"] == email && entry["playbook"] == "delay");
            let words = mail.expect("a mail about the order")["text"].as_str().expect("a text").to_owned();
            let page = words.split_whitespace().find_map(|word| word.split_once("https://care.example/o/"));
            let (_, token) = page.expect("a link to the order");
            let kind = ("content-type", "application/x-www-form-urlencoded".to_owned());
            let answer =
                shop.request(Method::POST, &format!("/o/{token}"), &[kind], form.as_bytes().to_vec()).await;
            assert_eq!(answer.status(), 200, "{}", text(&answer));
        }
    }
}

/// Every message about them: when and where it ended, how, and why.
async fn told(shop: &Shop, email: &str) -> Vec<String> {
    let listed = shop.get_json(&format!("/messages?customer={email}&limit=100")).await;
    let outbox = shop.outbox().await;
    let mut lines: Vec<_> = listed["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| {
            let part = |name: &str| message[name].as_str().unwrap_or_default();
            let mail = outbox.iter().find(|entry| entry["id"] == message["id"]);
            let why = message["reason"].as_str().map(|why| format!(": {why}"));
            let (at, when) = when(message);
            let line = format!(
                "{when} {} {} {}{}{}",
                part("playbook"),
                part("cause"),
                part("state"),
                mail.map(way).unwrap_or_default(),
                why.unwrap_or_default()
            );
            (at, line)
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// When a message came, and that as day and hour after the start.
fn when(message: &Value) -> (DateTime<Utc>, String) {
    let at = DateTime::parse_from_rfc3339(text_of(message, "at")).expect("a time").to_utc();
    let after = at - DateTime::from_timestamp(START, 0).expect("a time");
    (at, format!("day {:>2} {:>2} h", after.num_days(), after.num_hours() % 24))
}

fn way(mail: &Value) -> String {
    format!(" by {} to {}", text_of(mail, "channel"), text_of(mail, "to"))
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_days_of_every_playbook() {
    let shop =
        Shop::with(&[("link_keys", "key-of-the-test-shop"), ("public_url", "https://care.example")]).await;
    let answer = shop.put_settings(&settings()).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    let lives = lives();
    for hour in 0..=60 * 24 {
        for (email, marketing, life) in &lives {
            for happening in life.iter().filter(|happening| happening.hours == hour) {
                happens(&shop, email, *marketing, &happening.what).await;
            }
        }
        if hour % 4 == 0 {
            shop.dispatch().await;
        }
        shop.advance(Duration::from_hours(1));
    }
    let mut all = String::new();
    for (email, ..) in &lives {
        all.push_str(email);
        all.push('\n');
        for line in told(&shop, email).await {
            all.push_str("  ");
            all.push_str(&line);
            all.push('\n');
        }
    }
    all.push_str("the team, on Mondays\n");
    let outbox = shop.outbox().await;
    let digests = outbox.iter().filter(|mail| mail["playbook"] == "digest");
    let mut digests: Vec<String> =
        digests.map(|mail| format!("  {} digest{}\n", when(mail).1, way(mail))).collect();
    digests.sort();
    all.extend(digests);
    let expected = include_str!("playbooks.txt");
    assert_eq!(all, expected, "{all}");
    let every = [
        "thank-you",
        "shipment-status",
        "delay",
        "recovery",
        "help",
        "returns",
        "review-thanks",
        "onboarding",
        "survey",
        "review-request",
        "struggle",
        "advocate",
        "loyalty",
        "milestones",
        "replenish",
        "win-back",
        "digest",
    ];
    for playbook in every {
        assert!(all.contains(&format!(" h {playbook} ")), "{playbook} has something to say");
    }
}

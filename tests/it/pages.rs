//! The team's pages in a real browser, with a shop's life on them.

use std::path::Path;
use std::time::Duration;

use aftercare_tests::browser;
use aftercare_tests::signing::Sender;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::shop::{ADMIN_TOKEN, Shop, text};

/// The dashboard has a year of numbers on it.
const MOST_BYTES: usize = 200 * 1024;

async fn post(shop: &Shop, event: &str, kind: &str, at: DateTime<Utc>, data: Value) {
    let body = json!({"type": kind, "timestamp": at.to_rfc3339(), "data": data}).to_string();
    let answer = shop.webhook(Sender::Generic, event, "", body.as_bytes()).await;
    assert_eq!(answer.status(), 202, "{body}: {}", text(&answer));
}

/// A month of a small shop: who bought, what came when, what they said of it and how they were helped.
pub(crate) async fn month() -> Shop {
    let shop = Shop::with(&[("process", "tick"), ("link_keys", "key-of-the-test-shop")]).await;
    let now: DateTime<Utc> = shop.clock.now().into();
    let names = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn"];
    let products = ["Espresso machine", "Grinder", "Coffee beans, 1 kg"];
    for n in 0..24_usize {
        let placed = now - TimeDelta::days(28) + TimeDelta::hours(26 * i64::try_from(n).expect("few"));
        let customer = json!({
            "id": format!("c{n}"), "email": format!("customer{n}@example.com"), "first_name": names[n % names.len()],
            "last_name": "Smith", "marketing": {"email": n % 2 == 0},
        });
        let order = json!({"id": format!("{}", 1001 + n)});
        let bought = json!({
            "id": order["id"], "placed_at": placed.to_rfc3339(), "currency": "EUR", "total": format!("{}.90", 20 + 7 * n),
            "locale": "en-GB", "promised_by": (placed + TimeDelta::days(3)).date_naive().to_string(), "customer": customer,
            "items": [{"sku": format!("S{}", n % 3), "product_id": format!("p{}", n % 3), "title": products[n % 3],
                       "quantity": 1, "price": format!("{}.90", 20 + 7 * n)}],
        });
        post(&shop, "order-created", "order.created", placed, json!({ "order": bought })).await;
        let days = if n % 5 == 4 { 5 } else { 2 };
        let (status, at) = if n % 11 == 10 { ("delayed", 1) } else { ("delivered", days) };
        let at = placed + TimeDelta::days(at);
        let parcel = json!({"id": format!("s{n}"), "status": status, "at": at.to_rfc3339(), "carrier": "DHL",
                            "tracking_number": format!("00340434{n:04}")});
        if at < now {
            post(
                &shop,
                "shipment-updated",
                "shipment.updated",
                at,
                json!({"order": order, "shipment": parcel}),
            )
            .await;
        }
        let score = [9, 10, 7, 10, 2, 9, 8, 6][n % 8];
        let said = if score < 7 { "It came late, and the box was open." } else { "Lovely." };
        let answered = at + TimeDelta::days(2);
        if answered < now {
            let mut survey = json!({"kind": "nps", "answer_id": format!("a{n}"), "score": score, "scale": "0-10", "comment": said});
            if score < 7 {
                survey["tags"] = json!(["delivery", "packaging"]);
            }
            let data = json!({"survey": survey, "order": order, "customer": {"email": customer["email"]}});
            post(&shop, "survey-submitted", "survey.submitted", answered, data).await;
        }
        if n % 4 == 0 {
            let data = json!({
                "review": {"id": format!("r{n}"), "rating": 1 + (n * 3) % 5, "scale": "1-5", "title": "As described", "product_id": format!("p{}", n % 3), "source": "own-shop"},
                "customer": {"email": customer["email"]},
            });
            post(&shop, "review-posted", "review.posted", at.min(now), data).await;
            let opened = (placed + TimeDelta::days(1)).min(now - TimeDelta::hours(5));
            let mut ticket = json!({"id": format!("t{n}"), "status": "open", "channel": "email", "created_at": opened.to_rfc3339()});
            if n % 8 == 0 {
                ticket = json!({
                    "id": format!("t{n}"), "status": "solved", "channel": "email", "created_at": opened.to_rfc3339(),
                    "first_reply_at": (opened + TimeDelta::minutes(90)).to_rfc3339(),
                    "solved_at": (opened + TimeDelta::hours(4)).to_rfc3339(), "handle_seconds": 600,
                });
            }
            post(
                &shop,
                "ticket-updated",
                "ticket.updated",
                opened,
                json!({"ticket": ticket, "customer": {"email": customer["email"]}}),
            )
            .await;
        }
    }
    for _ in 0..3 {
        shop.dispatch().await;
        shop.advance(Duration::from_hours(1));
    }
    shop
}

/// Browsers that look at many pages side by side; each looks at one at a time.
const BROWSERS: usize = 2;

/// Looks at these pages. `AFTERCARE_PICTURES=1` keeps what is seen, in `docs/pictures`.
async fn look(shop: &Shop, pages: Value) {
    let mut plan = json!({
        "origin": format!("http://{}", shop.host.address()),
        "headers": {"authorization": format!("Bearer {ADMIN_TOKEN}")},
        "most_bytes": MOST_BYTES,
        "pages": pages,
    });
    if std::env::var_os("AFTERCARE_PICTURES").is_some() {
        plan["pictures"] =
            json!(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("pictures"));
    }
    let looked = tokio::task::spawn_blocking(move || browser::look(&plan)).await.expect("a look");
    looked.unwrap_or_else(|wrong| panic!("{wrong:#}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_and_people() {
    let shop = month().await;
    let found = shop.get_json("/customers?q=customer4@example.com").await;
    let id = found["customers"][0]["id"].as_str().expect("an id").to_owned();
    look(&shop, json!([
        {"name": "dashboard", "path": "/dashboard?from=2026-12-17&to=2027-01-15", "status": 200, "contains": ["How are we doing", "Open cases", "Net Promoter Score"]},
        {"name": "customer", "path": format!("/customers/{id}"), "status": 200, "contains": ["What happened"]},
        {"name": "customers", "path": "/customers?q=customer4%40example.com", "status": 200, "contains": ["1 customer found"]},
    ]))
    .await;
}

/// Every message in every language, as a phone shows it.
#[tokio::test(flavor = "multi_thread")]
async fn every_message_fits_a_phone_in_every_language() {
    let shop = Shop::open().await;
    let rows = shop.get_json("/settings/preview").await;
    let mut pages = Vec::new();
    for row in rows.as_array().expect("a list") {
        let message = row["message"].as_str().expect("a name");
        for locale in row["locales"].as_array().expect("a list") {
            let locale = locale["locale"].as_str().expect("a language");
            pages.push(json!({
                "name": format!("preview-{message}-{locale}"),
                "path": format!("/settings/preview?template={message}&locale={locale}"),
                "status": 200,
                "contains": ["As it is shown"],
                // In one language each message is seen at night as well, and judged for those who see little.
                "only": if locale == "en" { "frames" } else { "size" },
                "views": if locale == "en" { json!(["390-light", "390-dark"]) } else { json!(["390-light"]) },
            }));
        }
    }
    assert_eq!(pages.len(), aftercare::render::catalog().len() * 6);
    let browsers = pages.chunks(pages.len().div_ceil(BROWSERS)).map(|some| look(&shop, json!(some)));
    futures_util::future::join_all(browsers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_their_wording() {
    let shop = month().await;
    let id = shop.outbox().await[0]["id"].as_str().expect("an id").to_owned();
    look(&shop, json!([
        {"name": "messages", "path": "/messages?state=sent", "status": 200, "contains": ["thank-you"]},
        {"name": "wording", "path": "/settings/preview", "status": 200, "contains": ["How to change one"]},
        {"name": "preview", "path": "/settings/preview?template=survey-nps&locale=de", "status": 200, "contains": ["As it is shown"]},
        {"name": "outbox", "path": "/outbox", "status": 200, "contains": ["newest first"]},
        {"name": "message", "path": format!("/outbox/{id}"), "status": 200, "contains": ["Headers"]},
    ]))
    .await;
}

//! What the team looks up, on the wasm components as they ship.

use std::time::Duration;

use aftercare_tests::signing::Sender;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{ADMIN_TOKEN, Answer, Shop, text};

/// As a browser asks.
async fn page(shop: &Shop, path: &str) -> Answer {
    let headers = [
        ("authorization", format!("Bearer {ADMIN_TOKEN}")),
        ("accept", "text/html,application/xhtml+xml,*/*;q=0.8".to_owned()),
    ];
    shop.request(Method::GET, path, &headers, Vec::new()).await
}

/// The page at `path`, after it was seen to be one that a browser may show.
async fn good_page(shop: &Shop, path: &str) -> String {
    let answer = page(shop, path).await;
    assert_eq!(answer.status(), 200, "{path}: {}", text(&answer));
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        (header("cache-control"), header("referrer-policy")),
        ("no-store".into(), "no-referrer".into())
    );
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    text(&answer)
}

/// The one customer with this name.
async fn id_of(shop: &Shop, name: &str) -> String {
    let found = shop.get_json(&format!("/customers?q={name}")).await;
    let customers = found["customers"].as_array().expect("a list");
    assert_eq!(customers.len(), 1, "{name}: {found}");
    customers[0]["id"].as_str().expect("an id").to_owned()
}

async fn shipped(shop: &Shop) {
    let shipment = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
        "data": {
            "order": {"id": "9007199254740993"},
            "shipment": {"id": "s1", "status": "shipped", "at": shop.now(), "tracking_number": "00340434161094", "carrier": "DHL"},
        },
    });
    let answer = shop.webhook(Sender::Generic, "shipment-updated", "", shipment.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

fn events(timeline: &Value) -> Vec<&str> {
    let entries = timeline["timeline"].as_array().expect("a list");
    entries.iter().map(|entry| entry["event"].as_str().expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_s_story_is_found_by_any_of_their_names() {
    for process in ["before", "tick"] {
        let shop = Shop::with(&[("process", process)]).await;
        // The parcel is heard of first: nobody knows whose it is.
        shipped(&shop).await;
        let early = id_of(&shop, "00340434161094").await;
        shop.order(&shop.anns_order()).await;
        shop.advance(Duration::from_hours(24));
        shop.answer(&shop.anns_answer(3)).await;

        let id = id_of(&shop, "ann@example.com").await;
        for name in ["ANN%40example.com", "1001", "%231001", "9007199254740993", "0034+0434+161094"] {
            assert_eq!(id_of(&shop, name).await, id, "{process}: {name}");
        }
        let timeline = shop.get_json(&format!("/customers/{id}")).await;
        assert_eq!((&timeline["id"], &timeline["email"]), (&json!(id), &json!("ann@example.com")));
        let events = events(&timeline);
        for event in ["placed", "paid", "shipped", "nps"] {
            assert!(events.contains(&event), "{process}: {event} in {events:?}");
        }
        let times: Vec<&str> = timeline["timeline"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|entry| entry["at"].as_str())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(
            shop.get_json(&format!("/customers/{early}")).await,
            timeline,
            "an id of before they were one"
        );
        assert_eq!(shop.get_json("/customers/ann@example.com").await, timeline);

        let html = good_page(&shop, &format!("/customers/{id}")).await;
        assert!(html.contains("Espresso machine") && html.contains("ann@example.com"), "{html}");
        let found = good_page(&shop, "/customers?q=ann%40example.com").await;
        assert!(found.contains(&format!("href=\"/customers/{id}\"")) && !id.contains("ann"));
        let export = shop.get_json(&format!("/customers/export?id={id}")).await;
        assert!(export["facts"].as_array().is_some_and(|facts| facts.len() >= 3), "{export}");
        assert!(!shop.log.text().contains("ann@example.com"), "{}", shop.log.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_with_every_step_and_its_reason() {
    let shop = Shop::open().await;
    assert_eq!(shop.get_json("/messages").await, json!({"messages": [], "part": 1, "parts": 1}));
    assert!(good_page(&shop, "/messages").await.contains("No messages yet"));
    shop.order(&shop.anns_order()).await;
    shop.advance(Duration::from_mins(5));
    shop.answer(&shop.anns_answer(2)).await;
    shop.dispatch().await;

    let all = shop.get_json("/messages").await;
    let messages = all["messages"].as_array().expect("a list");
    assert!(messages.len() >= 2, "{all}");
    let times: Vec<&str> = messages.iter().filter_map(|message| message["at"].as_str()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    let thanks = messages.iter().find(|message| message["playbook"] == "thank-you").expect("thanks");
    assert_eq!(thanks["state"], "sent");
    let states: Vec<_> =
        thanks["steps"].as_array().expect("steps").iter().map(|step| &step["state"]).collect();
    assert_eq!(states, ["sending", "sent"]);

    let sent = shop.get_json("/messages?customer=ann@example.com&state=sent").await;
    assert!(
        sent["messages"]
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(|one| one["state"] == "sent"))
    );
    let of_her = shop.get_json(&format!("/messages?customer={}", id_of(&shop, "1001").await)).await;
    assert_eq!(of_her["messages"], all["messages"]);
    assert_eq!(shop.get_json("/messages?customer=bob@example.com").await["messages"], json!([]));

    // One by one, as far as it goes.
    let (mut next, mut seen) = (Some("/messages?limit=1".to_owned()), Vec::new());
    while let Some(path) = next {
        let listing = shop.get_json(&path).await;
        seen.extend(listing["messages"].as_array().expect("a list").iter().cloned());
        next = listing["next"].as_str().map(str::to_owned);
    }
    assert_eq!(json!(seen), all["messages"]);

    let html = good_page(&shop, "/messages?state=sent").await;
    assert!(html.contains("thank-you") && html.contains("2 steps"), "{html}");
    assert!(good_page(&shop, "/messages?state=bounced").await.contains("No message is like that"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_is_shown_until_it_is_said() {
    let shop = Shop::open().await;
    shop.order(&shop.anns_order()).await;
    shipped(&shop).await;
    let delivered = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
        "data": {"order": {"id": "9007199254740993"}, "shipment": {"id": "s1", "status": "delivered", "at": shop.now()}},
    });
    shop.webhook(Sender::Generic, "shipment-updated", "", delivered.to_string().as_bytes()).await;
    let id = id_of(&shop, "1001").await;
    let planned = shop.get_json(&format!("/customers/{id}")).await["planned"].clone();
    let survey =
        planned.as_array().expect("a list").iter().find(|plan| plan["playbook"] == "survey").cloned();
    let survey = survey.unwrap_or_else(|| panic!("a survey is planned: {planned}"));
    assert!(survey["at"].as_str().is_some_and(|at| at > shop.now().as_str()), "{survey}");
    assert!(good_page(&shop, &format!("/customers/{id}")).await.contains("What they will get next"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_team_looks_things_up() {
    let shop = Shop::open().await;
    shop.order(&shop.anns_order()).await;
    let id = id_of(&shop, "1001").await;
    let paths =
        ["/customers".to_owned(), format!("/customers/{id}"), "/customers?q=1001".into(), "/messages".into()];
    for path in &paths {
        for token in [None, Some("Bearer wrong"), Some("Bearer ")] {
            let headers: Vec<_> =
                token.map(|token| ("authorization", token.to_owned())).into_iter().collect();
            let answer = shop.request(Method::GET, path, &headers, Vec::new()).await;
            assert_eq!(answer.status(), 401, "{path}");
            assert!(answer.headers().contains_key("www-authenticate") && !text(&answer).contains("ann@"));
        }
        let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
        let answer = shop.request(Method::POST, path, &[authorization], Vec::new()).await;
        assert_eq!(answer.status(), 405, "{path}");
    }
    for (path, status) in [
        ("/customers", 400),
        ("/customers/00000000000000000000000000000000", 404),
        ("/customers/nobody", 404),
        ("/messages?state=lost", 400),
        ("/messages?cursor=-1", 400),
        ("/messages/x", 404),
    ] {
        let answer = shop.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
    }
    let long = format!("/customers?q={}", "9".repeat(300));
    assert_eq!(shop.get(&long).await.status(), 400);
    assert!(good_page(&shop, "/customers").await.contains("One customer, one story"));
    assert!(good_page(&shop, "/customers?q=nobody").await.contains("Nobody has this name"));
}

// ── Wording ─────────────────────────────────────────────────────────────────

async fn put_settings(shop: &Shop, document: &Value) -> (u16, Value) {
    let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer =
        shop.request(Method::PUT, "/settings", &[authorization], document.to_string().into_bytes()).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_said_in_the_merchant_s_words() {
    let shop = Shop::open().await;
    let english = json!({
        "subject": "Cheers{% if first_name %}, {{ first_name }}{% endif %}!",
        "text": "# Cheers\n\nWe roast your beans right now.",
    });
    let (status, answer) = put_settings(&shop, &json!({"templates": {"thank-you": {"en": english}}})).await;
    assert_eq!(status, 200, "{answer}");
    let previews = shop.get_json("/settings/preview").await;
    let thanks = previews.as_array().expect("a list").iter().find(|row| row["message"] == "thank-you");
    let own: Vec<_> = thanks.expect("thanks")["locales"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["own"] == true)
        .collect();
    assert_eq!(own.len(), 1);
    let preview = shop.get_json("/settings/preview?template=thank-you&locale=en").await;
    assert_eq!(preview["subject"], "Cheers, Ann!");

    shop.order(&shop.anns_order()).await;
    shop.dispatch().await;
    let mail = &shop.outbox().await[0];
    assert_eq!(mail["subject"], "Cheers, Ann!");
    let text = mail["text"].as_str().expect("text");
    assert!(text.contains("We roast your beans right now.") && text.contains("help@example.com"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wording_that_is_wrong_is_refused_with_place_and_reason() {
    let shop = Shop::open().await;
    let words = json!({"templates": {
        "thank-you": {"en": {"subject": "{{ first_name", "text": "{{ surname }}", "html": "<div>"}, "nl": {"text": "Bedankt"}},
        "thanks": {"en": {"text": "x"}},
    }});
    let (status, answer) = put_settings(&shop, &words).await;
    assert_eq!(status, 422, "{answer}");
    let mut paths: Vec<_> = answer["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|wrong| wrong["path"].as_str().expect("text"))
        .collect();
    paths.sort_unstable();
    let expected = [
        "templates.thank-you.en.html",
        "templates.thank-you.en.subject",
        "templates.thank-you.en.text",
        "templates.thank-you.nl",
        "templates.thanks",
    ];
    assert_eq!(paths, expected, "{answer}");
    assert_eq!(shop.get_json("/settings").await["version"], json!(0), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_can_be_previewed() {
    let shop = Shop::open().await;
    let list = good_page(&shop, "/settings/preview").await;
    let mut seen = 0;
    for row in shop.get_json("/settings/preview").await.as_array().expect("a list") {
        for one in row["locales"].as_array().expect("a list") {
            let query = format!(
                "template={}&locale={}",
                row["message"].as_str().expect("text"),
                one["locale"].as_str().expect("text")
            );
            assert!(list.contains(&query.replace('&', "&amp;")), "{query}");
            let bare = shop.get_json(&format!("/settings/preview?{query}&variant=bare")).await;
            assert!(bare["html"].as_str().is_some_and(|html| html.contains("</html>")), "{query}");
            seen += 1;
        }
    }
    assert_eq!(seen, aftercare::render::catalog().len() * 6);
    let page = good_page(&shop, "/settings/preview?template=survey-nps&locale=pl").await;
    assert!(page.contains("sandbox=\"\"") && page.contains("List-Unsubscribe"), "{page}");
    assert_eq!(shop.get("/settings/preview?template=thanks").await.status(), 400);
    assert_eq!(shop.request(Method::GET, "/settings/preview", &[], Vec::new()).await.status(), 401);
}

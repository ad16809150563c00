//! Shoppers' pages on the wasm components: from the link in a mail to the score, the case, or silence.

use std::path::Path;
use std::time::Duration;

use aftercare::link::{Links, Purpose};
use aftercare::time::Time;
use aftercare_tests::browser;
use aftercare_tests::signing::Sender;
use chrono::TimeDelta;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, text};

const ORDER: &str = "order:9007199254740993";
const LINK_KEY: &str = "key-of-the-test-shop";

/// Ann's shop on a Friday morning, with everything on its pages.
async fn open(variables: &[(&str, &str)]) -> Shop {
    open_with(variables, &json!({})).await
}

/// The same, with some settings otherwise.
async fn open_with(variables: &[(&str, &str)], more: &Value) -> Shop {
    let links = [("link_keys", LINK_KEY), ("public_url", "https://care.example")];
    let shop = Shop::with(&[&links, variables].concat()).await;
    let mut document = json!({
        "brand": {
            "address": "Bean & Gone Ltd\n1 Roaster Row\nBristol", "color": "#7a3e1d", "phone": "+44 117 496 0000",
            "support_email": "help@beanandgone.example", "support_url": "https://beanandgone.example/help",
        },
        "time_zone": "Europe/Berlin",
        "playbooks": { "survey": { "delay": "0m" } },
        "reviews": { "url": "https://beanandgone.example/review?order={order}", "reward": "100 points" },
        "survey": { "thanks": "50 points" },
        "loyalty": { "per_unit": 1, "tiers": [{ "name": "Regular", "points": 100 }] },
        "products": [{ "match": { "sku": "CAFE-1" }, "steps": [
            { "after": "1d", "title": "Your first espresso", "text": "Three minutes from the box to the cup.",
              "url": "https://beanandgone.example/first-espresso" },
            { "after": "30d", "title": "Descale it", "text": "Once a month keeps it young." },
        ] }],
        "faq": [
            { "question": { "en": "Do you grind the beans for me?" }, "answer": { "en": "Yes. Tell us how fine." } },
            { "question": { "en": "How long do beans keep?" }, "answer": { "en": "Eight weeks, closed and dark." } },
        ],
    });
    for (section, members) in more.as_object().expect("sections") {
        for (name, value) in members.as_object().expect("members") {
            document[section][name] = value.clone();
        }
    }
    let answer = shop.put_settings(&document).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    shop.order(&shop.anns_order()).await;
    shop
}

async fn parcel(shop: &Shop, state: &str) {
    let body = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
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

/// A link as the shop's mails carry it, without the host.
fn link(shop: &Shop, purpose: Purpose) -> String {
    let links = Links::new("https://care.example", vec![LINK_KEY.to_owned()]);
    let now = Time::parse(&shop.now()).expect("a time");
    let link = links.make(purpose, ORDER, now, TimeDelta::days(90)).expect("a link");
    link.strip_prefix("https://care.example").expect("our own").to_owned()
}

/// The first link to a page of ours in the newest mail of a playbook.
async fn mailed(shop: &Shop, playbook: &str, page: &str) -> String {
    let outbox = shop.outbox().await;
    let mail = outbox.iter().find(|entry| entry["playbook"] == playbook);
    let mail = mail.unwrap_or_else(|| panic!("no mail of {playbook}"));
    let text = mail["text"].as_str().expect("a text");
    let start =
        text.find(&format!("https://care.example/{page}/")).unwrap_or_else(|| panic!("no link in {text}"));
    let end = text[start..].find(char::is_whitespace).map_or(text.len(), |length| start + length);
    text[start..end].trim_start_matches("https://care.example").to_owned()
}

async fn get(shop: &Shop, path: &str) -> Answer {
    let nothing: [(&str, String); 0] = [];
    shop.request(Method::GET, path, &nothing, Vec::new()).await
}

async fn post(shop: &Shop, path: &str, form: &str) -> Answer {
    let kind = ("content-type", "application/x-www-form-urlencoded".to_owned());
    shop.request(Method::POST, path, &[kind], form.as_bytes().to_vec()).await
}

async fn nps(shop: &Shop) -> (Value, Value) {
    let metrics = shop.get_json("/metrics").await;
    (metrics["nps"]["n"].clone(), metrics["nps"]["value"].clone())
}

async fn told(shop: &Shop, playbook: &str) -> usize {
    shop.outbox().await.iter().filter(|entry| entry["playbook"] == playbook).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_mail_to_the_score() {
    let shop = open(&[]).await;
    parcel(&shop, "delivered").await;
    let path = mailed(&shop, "survey", "s").await;

    let stored = shop.stored().await;
    for path in [path.clone(), format!("{path}?score=9")] {
        let page = get(&shop, &path).await;
        assert_eq!(page.status(), 200, "{}", text(&page));
        assert!(text(&page).contains("How likely is it that you would recommend Bean &amp; Gone"));
        let policy = page.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert_eq!(page.headers()["cache-control"], "no-store");
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    }
    assert_eq!(shop.stored().await, stored, "a scanner that opens the links changes nothing");
    assert_eq!(nps(&shop).await.0, 0);

    let thanks = post(&shop, &path, "score=9&comment=Lovely").await;
    assert!(text(&thanks).contains("You answered 9 out of 10"), "{}", text(&thanks));
    assert_eq!(nps(&shop).await, (json!(1), json!(100.0)));
    let dashboard = text(&shop.get("/dashboard").await);
    assert!(dashboard.contains("<strong class=\"number\">+100</strong>"), "{dashboard}");
    let stored = shop.stored().await;
    post(&shop, &path, "score=9&comment=Lovely").await;
    assert_eq!(shop.stored().await, stored, "the same again is nothing new");

    shop.advance(Duration::from_mins(5));
    post(&shop, &path, "score=2&comment=It+leaks").await;
    assert_eq!(nps(&shop).await, (json!(1), json!(-100.0)));
    assert_eq!(told(&shop, "recovery").await, 1, "the team hears of it at once");
    assert!(text(&get(&shop, &path).await).contains("value=\"2\" required checked"));
}

/// Of a support desk, solved now.
async fn solved(shop: &Shop, id: &str) {
    let body = json!({
        "type": "ticket.updated", "timestamp": shop.now(),
        "data": {
            "order": { "id": "9007199254740993" },
            "ticket": { "id": id, "status": "solved", "channel": "email", "created_at": shop.now(), "solved_at": shop.now() },
            "customer": { "email": "ann@example.com" },
        },
    });
    let answer = shop.webhook(Sender::Generic, "ticket-updated", "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_ticket_comes_the_question_how_easy_it_was() {
    let shop = open_with(&[], &json!({ "survey": { "after_ticket": "ces" } })).await;
    solved(&shop, "t1").await;
    shop.advance(Duration::from_hours(3));
    shop.dispatch().await;
    assert_eq!(told(&shop, "survey").await, 0);
    shop.advance(Duration::from_hours(1));
    shop.dispatch().await;
    assert_eq!(told(&shop, "survey").await, 1);
    let outbox = shop.outbox().await;
    let mail = outbox.iter().find(|entry| entry["playbook"] == "survey").expect("a survey");
    let (words, html) = (mail["text"].as_str().expect("a text"), mail["html"].as_str().expect("HTML"));
    assert!(
        words.contains("made it easy for me") && words.contains("1 means that you strongly disagree"),
        "{words}"
    );
    assert!(html.contains("score=7") && !html.contains("score=8"), "one tap for each answer");

    let path = mailed(&shop, "survey", "s").await;
    let page = text(&get(&shop, &format!("{path}?score=6")).await);
    assert!(
        page.contains("Bean &amp; Gone made it easy for me") && page.contains("value=\"6\" required checked"),
        "{page}"
    );
    assert_eq!(shop.get_json("/metrics/ces").await["n"], json!(0), "opening it answers nothing");
    let thanks = post(&shop, &path, "score=6").await;
    assert!(text(&thanks).contains("You answered 6 out of 7"), "{}", text(&thanks));
    let ces = shop.get_json("/metrics/ces").await;
    assert_eq!((&ces["value"], &ces["n"], &ces["left_out"]), (&json!(6.0), &json!(1), &json!(0)));
    assert_eq!((&ces["direction"], told(&shop, "recovery").await), (&json!("high"), 0));

    // It was hard: the team hears of it at once, and the score moves.
    shop.advance(Duration::from_mins(5));
    post(&shop, &path, "score=2&comment=Five+mails").await;
    assert_eq!(shop.get_json("/metrics/ces").await["value"], json!(2.0));
    assert_eq!(told(&shop, "recovery").await, 1);

    // Nobody is asked twice within the quarantine, whatever about.
    parcel(&shop, "delivered").await;
    solved(&shop, "t2").await;
    shop.advance(Duration::from_hours(5));
    shop.dispatch().await;
    assert_eq!(told(&shop, "survey").await, 1);
}

/// The names of the frequent questions on an order's page, in their order.
fn frequent(page: &str) -> Vec<String> {
    let buttons = page.split("name=\"faq\" value=\"").skip(1);
    buttons.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_answers_is_measured_and_helps_the_next_one() {
    let shop = open(&[("process", "tick")]).await;
    shop.dispatch().await;
    let path = link(&shop, Purpose::Order);
    let stored = shop.stored().await;
    let listed = frequent(&text(&get(&shop, &path).await));
    assert_eq!(listed.len(), 2);
    for query in
        ["?do=answered&topic=where".to_owned(), format!("?do=answered&topic=other&faq={}", listed[1])]
    {
        assert_eq!(get(&shop, &[path.as_str(), &query].concat()).await.status(), 200);
    }
    assert_eq!(shop.stored().await, stored, "a scanner that opens links counts as nothing");

    for _ in 0..3 {
        let glad = post(&shop, &path, &format!("do=answered&topic=other&faq={}", listed[1])).await;
        assert!(text(&glad).contains("Glad that helped."), "{}", text(&glad));
        post(&shop, &path, "do=answered&topic=where").await;
    }
    post(&shop, &path, "do=case&topic=change&text=Red+please").await;
    for swept in [false, true] {
        if swept {
            shop.dispatch().await;
        }
        let deflection = shop.get_json("/metrics/deflection").await;
        let counts =
            ["answered", "came_back", "cases", "n"].map(|name| deflection[name].as_u64().expect("a count"));
        assert_eq!(counts, [2, 0, 1, 3]);
        assert_eq!(deflection["topics"]["where"], json!({ "answered": 1, "n": 1 }));
        assert_eq!(deflection["faq"], json!([{ "question": "How long do beans keep?", "helped": 1 }]));
        // The desk was asked one thing, not three.
        let first = shop.get_json("/metrics/first_response").await;
        assert_eq!((&first["n"], &first["waiting"]), (&json!(1), &json!(1)));
        let page = text(&get(&shop, &path).await);
        assert_eq!(frequent(&page), [listed[1].clone(), listed[0].clone()], "what helped comes first");
    }
    let dashboard = text(&shop.get("/dashboard").await);
    for part in
        ["66.7 %", "What shoppers ask on the page of their order", "How long do beans keep?", "1 open:"]
    {
        assert!(dashboard.contains(part), "{part}: {dashboard}");
    }
    // Weeks later it is what the merchant lists first.
    shop.advance(Duration::from_hours(24 * 36));
    assert_eq!(frequent(&text(&get(&shop, &link(&shop, Purpose::Order)).await)), listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_an_order_reaches_the_team_once() {
    let shop = open(&[]).await;
    let path = mailed(&shop, "thank-you", "o").await;
    assert!(text(&get(&shop, &path).await).contains("We have your order and are getting it ready."));
    parcel(&shop, "out_for_delivery").await;
    let page = text(&get(&shop, &path).await);
    for part in [
        "comes today",
        "tel:+492284333112",
        "carrier.example",
        "30 days",
        "349 points",
        "Do you grind the beans for me?",
        "Your first espresso",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for _ in 0..3 {
        let answer = post(&shop, &path, "do=case&topic=change&text=Red+instead+of+black%2C+please").await;
        assert!(text(&answer).contains("Your message has reached us."), "{}", text(&answer));
    }
    assert_eq!(told(&shop, "help").await, 1);
    let outbox = shop.outbox().await;
    let alert = outbox.iter().find(|entry| entry["playbook"] == "help").expect("an alert");
    assert_eq!(alert["to"], "team@example.com");
    assert!(alert["text"].as_str().is_some_and(|text| text.contains("Red instead of black, please")));

    post(&shop, &path, "do=return&topic=return&item=0&reason=mind").await;
    assert_eq!((told(&shop, "help").await, told(&shop, "returns").await), (2, 1));
    assert_eq!(post(&shop, &path, "do=answered&topic=where").await.status(), 200);
    assert_eq!(told(&shop, "help").await, 2, "what the page could answer calls nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsubscription_stops_what_was_waiting() {
    let shop = open(&[]).await;
    // Half past ten in the evening in Berlin: the survey waits for the morning.
    shop.advance(Duration::from_mins(13 * 60 + 30));
    parcel(&shop, "delivered").await;
    assert_eq!(told(&shop, "survey").await, 0);
    let path = link(&shop, Purpose::Preferences);
    get(&shop, &path).await;
    for _ in 0..3 {
        let answer = post(&shop, &path, "List-Unsubscribe=One-Click").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!answer.headers().contains_key("location") && !answer.headers().contains_key("set-cookie"));
    }
    shop.advance(Duration::from_hours(12));
    shop.dispatch().await;
    assert_eq!(told(&shop, "survey").await, 0);
    // Service goes on.
    let status = told(&shop, "shipment-status").await;
    assert!(status > 0);
    let page = text(&get(&shop, &path).await);
    assert!(!page.contains("value=\"email\" checked"), "{page}");
}

/// RFC 8058 as a mail program does it: the address stands in the mail's header, and opening it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_a_mail_unsubscribes_with_one_post() {
    let shop = open(&[]).await;
    parcel(&shop, "delivered").await;
    let outbox = shop.outbox().await;
    let mail = outbox.iter().find(|entry| entry["playbook"] == "survey").expect("a survey");
    assert_eq!(mail["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let header = mail["headers"]["List-Unsubscribe"].as_str().expect("a header");
    let path = header.trim_matches(['<', '>']).strip_prefix("https://care.example").expect("our own");
    let stored = shop.stored().await;
    for method in [Method::GET, Method::HEAD] {
        let query = [path, "?List-Unsubscribe=One-Click"].concat();
        assert_eq!(shop.request(method, &query, &[("x", String::new())], Vec::new()).await.status(), 200);
    }
    assert_eq!(shop.stored().await, stored);
    let boundary = ("content-type", "multipart/form-data; boundary=b".to_owned());
    let body =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let answer = shop.request(Method::POST, path, &[boundary], body.as_bytes().to_vec()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = text(&get(&shop, path).await);
    assert!(page.contains("value=\"email\"") && !page.contains("value=\"email\" checked"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_puts_off_and_a_choice_of_language_holds() {
    let shop = open(&[]).await;
    let path = link(&shop, Purpose::Preferences);
    let form = "do=save&topic=purchases&channel=email&language=pl&day=&month=&pause=14";
    let answer = post(&shop, &path, form).await;
    assert!(text(&answer).contains("<html lang=\"pl\""), "{}", text(&answer));
    parcel(&shop, "delivered").await;
    assert_eq!(told(&shop, "survey").await, 0);
    let outbox = shop.outbox().await;
    let status =
        outbox.iter().find(|entry| entry["playbook"] == "shipment-status").expect("news of the parcel");
    assert_eq!(status["locale"], "pl");
    shop.advance(Duration::from_hours(14 * 24 - 1));
    shop.dispatch().await;
    assert_eq!(told(&shop, "survey").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_to_be_forgotten_is() {
    let shop = open(&[]).await;
    let path = link(&shop, Purpose::Preferences);
    assert_eq!(post(&shop, &path, "do=erase").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(get(&shop, &path).await.status(), 200);
    assert_eq!(post(&shop, &path, "do=erase&sure=yes").await.status(), 200);
    shop.dispatch().await;
    for purpose in [Purpose::Preferences, Purpose::Order, Purpose::Nps] {
        assert_eq!(get(&shop, &link(&shop, purpose)).await.status(), StatusCode::NOT_FOUND);
    }
    let stored = shop.stored().await;
    assert_eq!(post(&shop, &link(&shop, Purpose::Nps), "score=9").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(post(&shop, &path, "List-Unsubscribe=One-Click").await.status(), 200);
    assert_eq!(shop.stored().await, stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_changes_nothing() {
    let shop = open(&[("process", "tick")]).await;
    shop.dispatch().await;
    let good = link(&shop, Purpose::Nps);
    let forged = [&good[..good.len() - 2], "AA"].concat();
    let (_, token) = good.rsplit_once('/').expect("a token");
    let stored = shop.stored().await;
    let gone = text(&get(&shop, "/s/nothing").await);
    for path in
        [&forged, &good[..good.len() - 3], &format!("/p/{token}"), &format!("/o/{token}"), "/s/", "/s"]
    {
        for answer in [get(&shop, path).await, post(&shop, path, "score=9&do=unsubscribe").await] {
            assert_eq!((answer.status(), text(&answer)), (StatusCode::NOT_FOUND, gone.clone()), "{path}");
        }
    }
    // A link that is signed, for an order that nobody has, looks like one that is forged.
    let links = Links::new("https://care.example", vec![LINK_KEY.to_owned()]);
    for key in ["order:404", "email:ann@example.com", "email:nobody@example.com"] {
        let now = Time::parse(&shop.now()).expect("a time");
        let signed = links.make(Purpose::Order, key, now, TimeDelta::days(9)).expect("a link");
        let answer = get(&shop, signed.strip_prefix("https://care.example").expect("our own")).await;
        assert_eq!((answer.status(), text(&answer)), (StatusCode::NOT_FOUND, gone.clone()), "{key}");
    }
    let long = format!("score=9&comment={}", "a".repeat(1024 * 1024));
    assert_eq!(post(&shop, &good, &long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&shop, &good, "score=11").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = shop.request(method, &good, &[("x", String::new())], Vec::new()).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(shop.stored().await, stored);

    // Of many posts with one link, whatever they say, a few are stored.
    for number in 0..posts() {
        post(&shop, &good, &format!("score={}&comment={number}", number % 11)).await;
    }
    let inbox = shop.stored().await.keys().filter(|key| key.starts_with("in:")).count();
    assert!(inbox <= 20, "{inbox}");
    let last = post(&shop, &good, "score=5&comment=once+more").await;
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    // Much later the link is worth nothing.
    shop.advance(Duration::from_hours(92 * 24));
    assert_eq!(get(&shop, &good).await.status(), StatusCode::NOT_FOUND);
}

/// How many posts one link gets; `AFTERCARE_POSTS=10000` takes a minute or two.
fn posts() -> u32 {
    std::env::var("AFTERCARE_POSTS").ok().and_then(|posts| posts.parse().ok()).unwrap_or(120)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_posts_at_once_are_one_answer_and_one_case() {
    let shop = open(&[]).await;
    let (survey, order) = (link(&shop, Purpose::Nps), link(&shop, Purpose::Order));
    let posts = (0..50).flat_map(|_| {
        [
            post(&shop, &survey, "score=3&comment=Late"),
            post(&shop, &order, "do=case&topic=where&text=Where%3F"),
        ]
    });
    let (posts, shop): (Vec<_>, _) = (posts.collect(), &shop);
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer.status(), StatusCode::OK);
    }
    shop.dispatch().await;
    assert_eq!(nps(shop).await, (json!(1), json!(-100.0)));
    let alerts = shop.outbox().await;
    let to_team = |playbook: &str| {
        alerts
            .iter()
            .filter(|entry| entry["playbook"] == playbook && entry["to"] == "team@example.com")
            .count()
    };
    assert_eq!((to_team("help"), to_team("recovery")), (1, 1));
    let cases = shop.get_json("/metrics/deflection").await;
    assert_eq!((&cases["cases"], &cases["n"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shopper_types_is_nowhere_taken_for_markup() {
    let shop = open(&[]).await;
    let typed = "%3Cscript%3Ealert%281%29%3C%2Fscript%3E%3Cimg+src%3Dx+onerror%3Dalert%281%29%3E";
    let (survey, order) = (link(&shop, Purpose::Nps), link(&shop, Purpose::Order));
    let pages = [
        post(&shop, &survey, &format!("score=1&comment={typed}")).await,
        get(&shop, &survey).await,
        post(&shop, &order, &format!("do=case&topic=other&text={typed}")).await,
        get(&shop, &order).await,
        shop.get("/dashboard").await,
    ];
    let mut shown: Vec<String> = pages.iter().map(text).collect();
    shown.extend(shop.outbox().await.iter().filter_map(|mail| Some(mail["html"].as_str()?.to_owned())));
    assert!(shown.iter().filter(|html| html.contains("&lt;script&gt;")).count() >= 4);
    for html in shown {
        assert!(!html.contains("<script") && !html.contains("<img src=x"), "{html}");
    }
}

/// `AFTERCARE_PICTURES=1` keeps what is seen, in `docs/pictures`.
#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_browser() {
    let shop = open(&[]).await;
    parcel(&shop, "shipped").await;
    shop.advance(Duration::from_hours(20));
    parcel(&shop, "out_for_delivery").await;
    let (survey, order, preferences) =
        (link(&shop, Purpose::Nps), link(&shop, Purpose::Order), link(&shop, Purpose::Preferences));
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("pictures");
    let ask = [
        "Tab",
        "Tab",
        "Tab",
        "Tab",
        "Enter",
        "Tab",
        "Tab",
        "type:Will it come before noon?",
        "Tab",
        "Submit",
    ];
    let answer = ["Tab", "ArrowRight", "Tab", "Control+A", "type:It leaks.", "Tab", "Submit"];
    let read = ["Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Enter"];
    let helped = [&read[..], &["Tab", "Submit"]].concat();
    let send_back =
        ["Tab", "Tab", "Tab", "Tab", "Tab", "Enter", "Tab", "Space", "Tab", "Tab", "Tab", "Submit"];
    let leave = ["Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Submit"];
    let mut plan = json!({
        "origin": format!("http://{}", shop.host.address()),
        "turned": true,
        "pages": [
            { "name": "survey", "path": format!("{survey}?score=9"), "status": 200, "contains": ["How likely"] },
            { "name": "thanks", "path": format!("{survey}?score=1"), "keys": answer, "contains": ["You answered 2 out of 10", "Write a review"] },
            { "name": "order", "path": order, "status": 200, "contains": ["comes today"] },
            { "name": "help", "path": order, "keys": ask, "contains": ["Your message has reached us."] },
            { "name": "faq", "path": order, "keys": read, "contains": ["Do you grind the beans for me?"] },
            { "name": "glad", "path": order, "keys": helped, "contains": ["Glad that helped."] },
            { "name": "return", "path": order, "keys": send_back, "contains": ["Your message has reached us."] },
            { "name": "preferences", "path": preferences, "status": 200, "contains": ["Your messages from us"] },
            { "name": "unsubscribed", "path": preferences, "keys": leave, "contains": ["You are unsubscribed."] },
            { "name": "gone", "path": "/s/nothing", "status": 404, "contains": ["does not work any more"] },
        ],
    });
    if std::env::var_os("AFTERCARE_PICTURES").is_some() {
        plan["pictures"] = json!(pictures);
    }
    let looked = tokio::task::spawn_blocking(move || browser::look(&plan)).await.expect("a look");
    if looked.unwrap_or_else(|wrong| panic!("{wrong:#}")) {
        assert_eq!(nps(&shop).await, (json!(1), json!(-100.0)), "what was typed is an answer, once");
        assert_eq!(told(&shop, "help").await, 2, "and a case, once, and a return, once");
        let deflection = shop.get_json("/metrics/deflection").await;
        let counts = ["answered", "cases"].map(|name| deflection[name].clone());
        assert_eq!(counts, [json!(1), json!(2)], "an answer that helped is counted, once");
        assert_eq!(deflection["faq"][0]["question"], "Do you grind the beans for me?");
    }
}

/// A brand's colour that can hardly be read on white, words that run from right to left, and the other two questions.
#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_pale_color_and_in_hebrew() {
    let hebrew = "\u{5e7}\u{5e4}\u{5d4} \u{5d8}\u{5d5}\u{5d1}";
    for color in ["#ffee00", "#7f7f7f"] {
        let brand = json!({ "brand": { "color": color, "name": hebrew }, "survey": { "thanks": hebrew } });
        let shop = open_with(&[], &brand).await;
        parcel(&shop, "shipped").await;
        let pages = [Purpose::Nps, Purpose::Csat, Purpose::Ces, Purpose::Order, Purpose::Preferences].map(|purpose| {
            let score = if purpose.scale().is_some() { "?score=4" } else { "" };
            json!({ "name": format!("{purpose:?}"), "path": link(&shop, purpose) + score, "status": 200, "contains": [hebrew] })
        });
        let plan =
            json!({ "origin": format!("http://{}", shop.host.address()), "turned": true, "pages": pages });
        let looked = tokio::task::spawn_blocking(move || browser::look(&plan)).await.expect("a look");
        looked.unwrap_or_else(|wrong| panic!("{color}: {wrong:#}"));
    }
}

//! Whole pages as snapshots, and what must hold of each whatever it shows and whoever asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::fact::{Channel, PrivacyKind, ReturnReason, Topic};
use crate::ledger::bin::Tally;
use crate::ledger::{Counts, lines};
use crate::link::Links;
use crate::playbook::{Intent, plan};
use crate::render::LOCALES;

/// Saturday, nine in the morning in Berlin.
fn now() -> Time {
    Time::parse("2026-11-21T08:00:00Z").expect("a time")
}

fn shop() -> Settings {
    shop_with(&json!({}))
}

fn shop_with(document: &Json) -> Settings {
    let links = Links::new("https://care.example", vec!["k1".to_owned()]);
    let connected = vec![Channel::Email, Channel::Sms];
    let mut base = Settings { links, connected, ..Settings::default() };
    base.brand.name = "Bean & Gone".to_owned();
    base.brand.address = "1 Roaster Row\nBristol".to_owned();
    base.brand.phone = "+44 117 496 0000".to_owned();
    let base = base.with(&json!({
        "time_zone": "Europe/Berlin",
        "reviews": { "url": "https://shop.example/review?order={order}", "reward": "100 points" },
        "survey": { "thanks": "50 points" },
        "loyalty": { "per_unit": 1, "tiers": [{ "name": "Regular", "points": 100 }] },
        "products": [{ "match": { "sku": "CAFE-1" }, "steps": [
            { "after": "1d", "title": "Your first espresso", "text": "Three minutes.", "url": "https://shop.example/first" },
        ] }],
        "faq": [{ "question": { "en": "Do you grind for me?", "de": "Mahlt ihr für mich?" }, "answer": { "en": "Yes.\nTell us how fine." } }],
    }));
    base.and_then(|base| base.with(document)).expect("settings that make sense")
}

fn fact(at: Time, event: Json) -> Fact {
    let event = serde_json::from_value(event).expect("an event");
    Fact { at, source: "generic".to_owned(), keys: Key::order("1001").into_iter().collect(), event }
}

fn order(first_name: &str, locale: &str) -> Fact {
    let at = now() - TimeDelta::days(3);
    fact(
        at,
        json!({ "order": {
        "id": "1001", "number": "1001", "stages": { "placed": at.millis(), "paid": at.millis() },
        "total": { "minor": 34900, "currency": "EUR" }, "promised_by": "2026-11-24",
        "items": [
            { "title": "Espresso machine", "variant": "Black", "sku": "CAFE-1", "quantity": 1, "line_id": "l1" },
            { "title": "Beans, 1 kg", "sku": "BEAN-1", "quantity": 2, "line_id": "l2" },
        ],
        "contact": { "email": "ann@example.com", "phone": "+4915112345656", "first_name": first_name, "locale": locale,
                     "country": "DE" },
    } }),
    )
}

fn parcel(state: &str, hours_ago: i64) -> Fact {
    let at = now() - TimeDelta::hours(hours_ago);
    fact(
        at,
        json!({ "shipment": {
        "id": "s1", "order_id": "1001", "states": { state: at.millis() }, "tracking_numbers": ["00340434161094"],
        "tracking_url": "https://carrier.example/t/0034", "carrier": "DHL", "carrier_phone": "+49 228 4333112",
    } }),
    )
}

fn customer(facts: &[Fact]) -> Customer {
    facts.iter().fold(Customer::default(), with)
}

fn ann() -> Customer {
    customer(&[order("Ann", "en-GB"), parcel("shipped", 30), parcel("out_for_delivery", 1)])
}

fn path(settings: &Settings, purpose: Purpose) -> String {
    let link = settings.links.make(purpose, "order:1001", now(), TimeDelta::days(30)).expect("a link");
    link.strip_prefix("https://care.example").expect("our own").to_owned()
}

const FORM: &str = "application/x-www-form-urlencoded";

fn visit<'a>(path: &'a str, query: &'a str, form: Option<&'a str>) -> Visit<'a> {
    let form = form.map(|body| Posted { content_type: FORM, body: body.as_bytes() });
    Visit { path, query, form, languages: "", now: now() }
}

fn reply(settings: &Settings, customer: &Customer, visit: &Visit<'_>) -> Reply {
    let reply = match guest(settings, visit) {
        Some(guest) => answer(settings, &guest, Some(customer.clone()), &Uses::default(), visit),
        None => gone(settings, visit),
    };
    assert!(!reply.html.contains("is broken"), "{}", reply.html);
    reply
}

fn get(purpose: Purpose) -> Reply {
    let settings = shop();
    reply(&settings, &ann(), &visit(&path(&settings, purpose), "", None))
}

/// What is answered to a form of Ann's.
fn post_by(customer: &Customer, purpose: Purpose, form: &str) -> Reply {
    let settings = shop();
    reply(&settings, customer, &visit(&path(&settings, purpose), "", Some(form)))
}

/// The same, so many seconds later.
fn post_after(customer: &Customer, purpose: Purpose, form: &str, seconds: i64) -> Reply {
    let settings = shop();
    let path = path(&settings, purpose);
    let visit = visit(&path, "", Some(form));
    reply(&settings, customer, &Visit { now: now() + TimeDelta::seconds(seconds), ..visit })
}

fn post(purpose: Purpose, form: &str) -> Reply {
    post_by(&ann(), purpose, form)
}

fn event(reply: &Reply) -> &Event {
    &reply.fact.as_ref().expect("a fact").event
}

fn check(name: &str, reply: &Reply) {
    let (before, rest) = reply.html.split_once("<style>").expect("a style");
    let (_, after) = rest.split_once("</style>").expect("its end");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, format!("{}\n{before}<style>…</style>{after}", reply.status));
    });
}

// ── Whole pages ─────────────────────────────────────────────────────────────

#[test]
fn whole_pages() {
    check("survey.nps", &get(Purpose::Nps));
    check("survey.csat", &get(Purpose::Csat));
    check("survey.ces", &get(Purpose::Ces));
    check("survey.thanks", &post(Purpose::Nps, "score=9&comment=Lovely"));
    check("survey.missing", &post(Purpose::Nps, "comment=Lovely"));
    check("order.on_its_way", &get(Purpose::Order));
    check("order.case", &post(Purpose::Order, "do=case&topic=where&text=It+rains"));
    check("preferences", &get(Purpose::Preferences));
    check("preferences.unsubscribed", &post(Purpose::Preferences, "do=unsubscribe"));
    check("preferences.one_click", &post(Purpose::Preferences, "List-Unsubscribe=One-Click"));
    check("gone", &reply(&shop(), &ann(), &visit("/s/forged", "", None)));
}

#[test]
fn every_state_of_an_order_reads_well() {
    let settings = shop();
    let path = path(&settings, Purpose::Order);
    let at = |hours: i64| (now() - TimeDelta::hours(hours)).millis();
    let stage = |name: &str| fact(now(), json!({ "order": { "id": "1001", "stages": { name: at(2) } } }));
    let states = [
        ("placed", vec![]),
        ("delayed", vec![parcel("shipped", 30), parcel("delayed", 5)]),
        ("delivered", vec![parcel("shipped", 60), parcel("delivered", 40)]),
        ("cancelled", vec![stage("cancelled")]),
        (
            "refunded",
            vec![
                parcel("delivered", 40),
                fact(
                    now(),
                    json!({ "order": { "id": "1001", "stages": { "refunded": at(2) }, "returns": { "r1": "closed" },
                    "refunds": { "f1": { "at": at(2), "amount": { "minor": 34900, "currency": "EUR" } } } } }),
                ),
            ],
        ),
    ];
    for (name, facts) in states {
        let customer = customer(&[vec![order("Ann", "de")], facts].concat());
        check(&["order.", name, ".de"].concat(), &reply(&settings, &customer, &visit(&path, "", None)));
    }
}

#[test]
fn every_language_says_everything() {
    let english: Json = serde_json::from_str(look::source("words/en.json").expect("English")).expect("JSON");
    let places = |text: &str| {
        let mut places: Vec<_> =
            text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
        places.sort();
        places
    };
    for locale in LOCALES {
        let words: Json = serde_json::from_str(look::source(&format!("words/{locale}.json")).expect("words"))
            .expect("JSON");
        let (ours, theirs) = (english.as_object().expect("parts"), words.as_object().expect("parts"));
        assert!(ours.keys().eq(theirs.keys()), "{locale}");
        for (part, texts) in ours {
            let (texts, other) =
                (texts.as_object().expect("texts"), theirs[part].as_object().expect("texts"));
            assert!(texts.keys().eq(other.keys()), "{locale} {part}");
            for (name, text) in texts {
                let (text, other) = (text.as_str().expect("a text"), other[name].as_str().expect("a text"));
                assert!(
                    !other.trim().is_empty() && places(text) == places(other),
                    "{locale} {part}.{name}: {other}"
                );
                assert!(
                    *locale == "en"
                        || part == "languages"
                        || other != text
                        || ["sms", "whatsapp", "where"].contains(&name.as_str()),
                    "{locale} {part}.{name} is English"
                );
            }
        }
        let settings = shop_with(&json!({ "default_locale": locale }));
        for purpose in [Purpose::Nps, Purpose::Csat, Purpose::Ces, Purpose::Order, Purpose::Preferences] {
            let customer = customer(&[order("Ann", locale), parcel("shipped", 30)]);
            let html = reply(&settings, &customer, &visit(&path(&settings, purpose), "", None)).html;
            assert!(html.contains(&format!("<html lang=\"{locale}\"")), "{locale}");
        }
    }
}

#[test]
fn the_language_is_the_one_they_chose() {
    let html = |facts: &[Fact]| {
        let settings = shop();
        reply(&settings, &customer(facts), &visit(&path(&settings, Purpose::Order), "", None)).html
    };
    let chosen = fact(now(), json!({ "consent": { "language": "pl" } }));
    assert!(html(&[order("Ann", "fr-CA")]).contains("lang=\"fr\""));
    assert!(html(&[order("Ann", "nl")]).contains("lang=\"en\""));
    assert!(html(&[order("Ann", "fr"), chosen]).contains("lang=\"pl\""));
    let stranger = Visit { languages: "nl, de-AT;q=0.8, en;q=0.5", ..visit("/s/forged", "", None) };
    assert!(reply(&shop(), &ann(), &stranger).html.contains("lang=\"de\""));
}

// ── What holds for every page ───────────────────────────────────────────────

const PURPOSES: [Purpose; 5] =
    [Purpose::Nps, Purpose::Csat, Purpose::Ces, Purpose::Order, Purpose::Preferences];

#[test]
fn pages_are_small_and_load_and_run_nothing() {
    let faq: Vec<_> = (0..12)
        .map(|_| json!({ "question": { "en": "q".repeat(150) }, "answer": { "en": "a".repeat(600) } }))
        .collect();
    let full = shop_with(&json!({ "faq": faq, "brand": { "color": "#ffee00" } }));
    for purpose in PURPOSES {
        let reply = reply(&full, &ann(), &visit(&path(&full, purpose), "", None));
        assert_eq!(reply.status, 200);
        assert!(reply.html.len() < 30 * 1024, "{purpose:?}: {} bytes", reply.html.len());
        let (_, rest) = reply.html.split_once("<style>").expect("a style");
        let (style, rest) = rest.split_once("</style>").expect("its end");
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(reply.security_policy.contains(&format!("style-src 'sha256-{hash}'")));
        for banned in
            ["<script", " style=", "onclick", "javascript:", "src=\"http", "url(", "@import", "<style"]
        {
            assert!(!rest.contains(banned) && !style.contains(banned), "{purpose:?}: {banned}");
        }
    }
}

/// Words that run from right to left stand in an element, or between marks, that keeps what is around them in order; and
/// the style knows no left and no right, so that a page can be turned around as a whole.
#[test]
fn words_from_right_to_left_turn_nothing_around() {
    let hebrew = "\u{5e9}\u{5dc}\u{5d5}\u{5dd}";
    let settings = shop_with(&json!({
        "brand": { "name": hebrew, "address": hebrew, "sign_off": hebrew, "phone": hebrew },
        "survey": { "thanks": hebrew }, "reviews": { "reward": hebrew },
        "loyalty": { "per_unit": 1, "tiers": [{ "name": hebrew, "points": 1 }] },
        "products": [{ "match": {}, "steps": [{ "after": "1d", "title": hebrew, "text": hebrew }] }],
        "faq": [{ "question": { "en": hebrew }, "answer": { "en": hebrew } }],
    }));
    let mut order = order("Ann", "en");
    if let Event::Order(report) = &mut order.event {
        report.number = Some(hebrew.to_owned());
        let items = report.items.iter_mut().flatten();
        items.for_each(|item| (item.title, item.variant) = (hebrew.to_owned(), Some(hebrew.to_owned())));
    }
    let mut parcel = parcel("shipped", 3);
    if let Event::Shipment(report) = &mut parcel.event {
        report.carrier = Some(hebrew.to_owned());
        report.carrier_phone = Some(hebrew.to_owned());
        report.tracking_numbers = [hebrew.to_owned()].into();
    }
    let customer = customer(&[order, parcel]);
    let mut seen = 0;
    for purpose in PURPOSES {
        let path = path(&settings, purpose);
        for form in [None, Some(format!("score=9&comment={hebrew}&do=case&topic=other&text={hebrew}"))] {
            let posted = form.as_deref();
            let html = reply(&settings, &customer, &visit(&path, "", posted)).html;
            let (_, body) = html.split_once("<body>").expect("a body");
            for (at, _) in body.match_indices(hebrew) {
                let before = &body[..at];
                let tag = &before[before.rfind('<').expect("a tag")..];
                // In an attribute nothing stands beside it.
                let in_attribute = !tag.contains('>');
                let alone =
                    tag.starts_with("<bdi>") || tag.contains("dir=\"auto\"") || before.ends_with('\u{2068}');
                let in_a_list =
                    before[before.rfind("<li").unwrap_or_default()..].starts_with("<li dir=\"auto\">");
                assert!(
                    in_attribute || alone || in_a_list,
                    "{purpose:?}: …{}{hebrew}",
                    &before[before.len().saturating_sub(90)..]
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
    let style = look::source("style.css").expect("a style");
    for side in ["left", "right"] {
        assert!(!style.contains(side), "{side}");
    }
}

/// Whatever there is of it, a page stays small: many parcels, questions, tutorials and cases, in letters that take room.
#[test]
fn the_fullest_page_is_small() {
    for letter in ["a", "ł", "<", "'", "漢", "🙂"] {
        let text = |length: usize| letter.repeat(length);
        let logo: String = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
        let faq: Vec<_> = (0..12)
            .map(|n| json!({ "question": { "en": format!("{n} {}", text(140)) }, "answer": { "en": text(600) } }))
            .collect();
        let steps: Vec<_> = (0..40)
            .map(|n| json!({ "after": "1d", "title": format!("{n} {}", text(150)), "text": text(400) }))
            .collect();
        let settings = shop_with(&json!({
            "faq": faq,
            "products": [{ "match": {}, "steps": steps }],
            "brand": { "name": text(40), "logo": format!("data:image/png;base64,{}", logo.repeat(125)) },
        }));
        let mut order = order(letter, "en");
        if let Event::Order(report) = &mut order.event {
            let item = report.items.iter().flatten().next().cloned().expect("an item");
            report.items =
                Some(vec![crate::fact::Item { title: text(300), variant: Some(text(300)), ..item }; 60]);
        }
        let mut facts = vec![order];
        for number in 0..20 {
            for (hours, state) in [
                (90, "packed"),
                (80, "shipped"),
                (70, "in_transit"),
                (60, "delayed"),
                (50, "out_for_delivery"),
                (40, "attempt_failed"),
                (30, "ready_for_pickup"),
            ] {
                let mut parcel = parcel(state, hours);
                if let Event::Shipment(report) = &mut parcel.event {
                    report.id = format!("s{number}");
                    report.tracking_numbers = [format!("0034-{number}")].into();
                    report.carrier = Some(text(300));
                    report.tracking_url = Some(format!("https://carrier.example/{}", "t/".repeat(300)));
                }
                facts.push(parcel);
            }
        }
        let mut customer = customer(&facts);
        let escaped = text(2500);
        let escaped: String =
            escaped.bytes().flat_map(|byte| ["%".to_owned(), crate::hex::encode(&[byte])]).collect();
        for purpose in PURPOSES {
            let path = path(&settings, purpose);
            for number in 0..9 {
                let form = format!("score=1&comment={escaped}&do=case&topic=other&text={number}+{escaped}");
                let reply = reply(&settings, &customer, &visit(&path, "", Some(&form)));
                assert!(reply.html.len() <= MOST_BYTES, "{purpose:?} {letter}: {} bytes", reply.html.len());
                customer = reply.fact.iter().fold(customer, with);
            }
            let reply = reply(&settings, &customer, &visit(&path, "", None));
            assert!(reply.html.len() <= MOST_BYTES, "{purpose:?} {letter}: {} bytes", reply.html.len());
        }
    }
}

#[test]
fn reading_changes_nothing() {
    let settings = shop();
    for purpose in PURPOSES {
        for query in ["", "score=9", "score=99", "do=unsubscribe", "List-Unsubscribe=One-Click"] {
            assert_eq!(reply(&settings, &ann(), &visit(&path(&settings, purpose), query, None)).fact, None);
        }
    }
}

#[test]
fn a_link_opens_its_own_page_and_no_other() {
    let settings = shop();
    for purpose in PURPOSES {
        let path = path(&settings, purpose);
        let (_, token) = path.rsplit_once('/').expect("a token");
        for page in ["s", "o", "p"] {
            let there = ["/", page, "/", token].concat();
            let expected = if page == purpose.path() { 200 } else { 404 };
            assert_eq!(
                reply(&settings, &ann(), &visit(&there, "", None)).status,
                expected,
                "{purpose:?} at {page}"
            );
        }
    }
}

#[test]
fn whatever_does_not_work_looks_the_same() {
    let settings = shop();
    let good = path(&settings, Purpose::Order);
    let forged = visit("/o/forged", "", None);
    let expected = reply(&settings, &ann(), &forged);
    assert_eq!(expected.status, 404);
    let late = Visit { now: now() + TimeDelta::days(40), ..visit(&good, "", None) };
    let cut = visit(&good[..good.len() - 1], "", None);
    for visit in [late, cut, visit("/o/", "", None), visit("/", "", None)] {
        assert_eq!(reply(&settings, &ann(), &visit), expected);
    }
    // Somebody who was forgotten, or is not known.
    let visit = visit(&good, "", None);
    assert_eq!(
        answer(&settings, &guest(&settings, &visit).expect("a guest"), None, &Uses::default(), &visit),
        expected
    );
}

#[test]
fn nobody_writes_into_our_pages() {
    let hostile =
        "\"'></textarea></title></style><script>alert(1)</script><img src=x onerror=alert(1)>{{ say }}";
    let settings = shop_with(
        &json!({ "brand": { "name": hostile, "sign_off": hostile }, "survey": { "thanks": hostile },
        "reviews": { "reward": hostile }, "faq": [{ "question": { "en": hostile }, "answer": { "en": hostile } }] }),
    );
    let mut order = order(hostile, "en");
    if let Event::Order(report) = &mut order.event {
        report.number = Some(hostile.to_owned());
        report.status_url = Some("javascript:alert(1)".to_owned());
        let items = report.items.iter_mut().flatten();
        items.for_each(|item| (item.title, item.variant) = (hostile.to_owned(), Some(hostile.to_owned())));
    }
    let mut parcel = parcel("shipped", 3);
    if let Event::Shipment(report) = &mut parcel.event {
        report.carrier = Some(hostile.to_owned());
        report.carrier_phone = Some(hostile.to_owned());
        report.tracking_url = Some("javascript:alert(1)".to_owned());
        report.tracking_numbers = [hostile.to_owned()].into();
    }
    let customer = customer(&[order, parcel]);
    let escaped: String =
        hostile.bytes().flat_map(|byte| ["%".to_owned(), crate::hex::encode(&[byte])]).collect();
    for purpose in PURPOSES {
        let path = path(&settings, purpose);
        let forms = [
            format!("score=1&comment={escaped}"),
            format!("do=case&topic=other&text={escaped}"),
            format!("do=save&language={escaped}&day={escaped}&month={escaped}"),
        ];
        let mut customer = customer.clone();
        for form in &forms {
            let reply = reply(&settings, &customer, &visit(&path, "", Some(form)));
            customer = reply.fact.iter().fold(customer, with);
        }
        let query = ["score=", &escaped].concat();
        let html = reply(&settings, &customer, &visit(&path, &query, None)).html;
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("javascript:"),
            "{html}"
        );
        assert_eq!(html.matches("</textarea>").count(), html.matches("<textarea").count());
        assert_eq!(html.matches("</style>").count(), 1);
        assert_eq!(html.matches("</title>").count(), 1);
    }
}

proptest! {
    #[test]
    fn any_form_is_answered(form in "[a-z=&%+0-9]{0,60}", what in 0..5_usize, known in "do=(save|case|return|erase|answered)&topic=(where|return|x)&score=[0-9]{1,3}&text=.{0,9}") {
        for form in [form.as_str(), known.as_str()] {
            let reply = post(PURPOSES[what], form);
            prop_assert!([200, 422, 429].contains(&reply.status));
            prop_assert!(reply.fact.is_none() || reply.status == 200);
        }
    }
}

// ── Surveys ─────────────────────────────────────────────────────────────────

#[test]
fn a_tap_in_the_mail_chooses_and_a_form_answers() {
    let settings = shop();
    let tapped = reply(&settings, &ann(), &visit(&path(&settings, Purpose::Nps), "score=9", None));
    assert!(tapped.html.contains("value=\"9\" required checked"));
    assert_eq!(tapped.html.matches(" checked").count(), 1);
    let Event::Answer(answer) = event(&post(Purpose::Nps, "score=9&comment=+So%0D%0Aquick+")).clone() else {
        panic!("an answer")
    };
    assert_eq!((answer.score, answer.comment.as_deref()), (9, Some("So\nquick")));
    assert_eq!((answer.order_id.as_deref(), answer.scale), (Some("1001"), crate::fact::Scale::NPS));
}

#[test]
fn scores_are_whole_numbers_of_the_scale() {
    for (purpose, good, wrong) in [
        (Purpose::Nps, ["0", "7", "10"], ["11", "-1", "7.5", "9x", ""]),
        (Purpose::Csat, ["1", "3", "5"], ["0", "6", "+5", " 5", "٥"]),
        (Purpose::Ces, ["1", "4", "7"], ["0", "8", "1e0", "0x1", "256"]),
    ] {
        for score in good {
            assert!(post(purpose, &format!("score={score}")).fact.is_some(), "{purpose:?} {score}");
        }
        for score in wrong {
            let reply = post(purpose, &format!("score={score}"));
            assert_eq!((reply.status, reply.fact), (422, None), "{purpose:?} {score}");
        }
    }
}

#[test]
fn an_answer_can_be_changed_and_is_counted_once() {
    let first = post(Purpose::Nps, "score=3").fact.expect("an answer");
    let known = with(ann(), &first);
    assert_eq!(post_by(&known, Purpose::Nps, "score=3").fact, None, "it is known already");
    let changed = post_by(&known, Purpose::Nps, "score=9");
    let Event::Answer(answer) = event(&changed) else { panic!("an answer") };
    assert_eq!(answer.change, 2);
    let known = with(known, changed.fact.as_ref().expect("a fact"));
    assert_eq!(known.answers.len(), 1);
    // Of one moment the greater counts; a moment later it is the later.
    assert_eq!(
        known.answers.values().next().and_then(|answer| answer.get()).map(|answer| answer.score),
        Some(9)
    );
}

#[test]
fn ten_thousand_posts_store_a_few_facts() {
    for (purpose, form) in [(Purpose::Nps, "comment"), (Purpose::Order, "do=case&topic=other&text")] {
        let (mut customer, mut stored, mut refused) = (ann(), 0_usize, 0_usize);
        for number in 0..300 {
            let reply =
                post_after(&customer, purpose, &format!("score={}&{form}={number}", number % 11), number);
            stored += usize::from(reply.fact.is_some());
            refused += usize::from(reply.status == 429);
            customer = reply.fact.iter().fold(customer, with);
        }
        assert!(
            stored <= usize::from(MOST_CHANGES) && refused == 300 - stored,
            "{purpose:?}: {stored} {refused}"
        );
    }
}

#[test]
fn thanks_do_not_depend_on_the_answer() {
    let thanks = |score: u8| {
        let html = post(Purpose::Nps, &format!("score={score}")).html;
        html.replace(&format!("You answered {score} "), "You answered N ")
    };
    for score in 0..=10 {
        assert_eq!(thanks(score), thanks(10), "{score}");
    }
    assert!(thanks(0).contains("shop.example&#x2f;review?order=1001"));
    assert!(thanks(0).contains("100 points, whatever it says"));
}

// ── Orders ──────────────────────────────────────────────────────────────────

#[test]
fn what_the_page_cannot_answer_becomes_a_case() {
    let opened = post(Purpose::Order, "do=case&topic=change&text=Red+please");
    let Event::Ticket(ticket) = event(&opened) else { panic!("a ticket") };
    assert_eq!((ticket.status.as_deref(), ticket.channel.as_deref()), (Some("new"), Some("self-service")));
    assert_eq!(opened.fact.as_ref().expect("a fact").source, "aftercare");
    // On a Saturday nobody is there.
    assert!(opened.html.contains("We are back on 23 November 2026"), "{}", opened.html);
    let known = with(ann(), opened.fact.as_ref().expect("a fact"));
    assert_eq!(post_by(&known, Purpose::Order, "do=case&topic=change&text=Red+please").fact, None);
    // Once somebody has answered, nobody is promised an answer.
    let Event::Ticket(ticket) = event(&opened) else { panic!("a ticket") };
    let over = json!({ "ticket": { "id": ticket.id, "status": "solved", "solved_at": [now().millis()] } });
    let page = |customer: &Customer| {
        let html = reply(&shop(), customer, &visit(&path(&shop(), Purpose::Order), "", None)).html;
        let (_, cases) = html.split_once("id=\"cases\"").expect("what was asked");
        cases.split_once("</section>").expect("its end").0.to_owned()
    };
    assert!(page(&known).contains("We are back on"));
    let solved = page(&with(known.clone(), &fact(now(), over)));
    assert!(solved.contains("Red please") && !solved.contains("We are back on"), "{solved}");
    let told = plan(&known, &shop(), now() + TimeDelta::minutes(1));
    let alert = told.iter().find(|planned| planned.playbook.as_str() == "help").expect("an alert");
    let Intent::Send(draft) = &alert.intent else { panic!("it is sent: {:?}", alert.intent) };
    assert_eq!(
        (draft.to.as_str(), draft.context["comment"].as_str()),
        ("team@example.com", Some("Red please"))
    );
}

#[test]
fn what_the_page_answered_is_counted_and_nobody_is_called() {
    let glad = post(Purpose::Order, "do=answered&topic=where&text=ignored");
    let Event::Ticket(ticket) = event(&glad) else { panic!("a ticket") };
    assert_eq!(
        (ticket.status.as_deref(), ticket.help.as_ref().and_then(|help| help.text.clone())),
        (Some("answered"), None)
    );
    let known = with(ann(), glad.fact.as_ref().expect("a fact"));
    assert_eq!(post_by(&known, Purpose::Order, "do=answered&topic=where").fact, None);
    assert!(plan(&known, &shop(), now()).iter().all(|planned| planned.playbook.as_str() != "help"));
}

/// The frequent questions of a page, in the order in which they stand on it.
fn asked_often(html: &str) -> Vec<&str> {
    let headings = html.split("<h3 id=\"faq").skip(1);
    headings
        .filter_map(|rest| rest.split_once('>')?.1.split_once('<').map(|(question, _)| question))
        .collect()
}

#[test]
fn frequent_questions_stand_in_the_order_of_their_use() {
    let questions = ["Do you grind", "Do beans keep", "Is there tea", "Do you engrave"];
    let faq: Vec<Json> = questions
        .iter()
        .map(|question| json!({ "question": { "en": question }, "answer": { "en": "Yes." } }))
        .collect();
    let settings = shop_with(&json!({ "faq": faq }));
    let path = path(&settings, Purpose::Order);
    let id = |index: usize| settings.faq[index].id(&settings.default_locale);
    let visit = visit(&path, "", None);
    let shown = |uses: &Uses| {
        let guest = guest(&settings, &visit).expect("a guest");
        answer(&settings, &guest, Some(ann()), uses, &visit).html
    };
    assert_eq!(asked_often(&shown(&Uses::default())), questions, "as the merchant lists them");

    // Two people were helped by the tea, one by each of two others.
    let mut counts = Counts::default();
    for (order, index) in [("1001", 2), ("1002", 2), ("1003", 3), ("1004", 1)] {
        let form = format!("do=answered&topic=other&faq={}", id(index));
        let posted = reply(
            &settings,
            &ann(),
            &Visit { form: Some(Posted { content_type: FORM, body: form.as_bytes() }), ..visit },
        );
        let mut used = posted.fact.expect("a use");
        let Event::Ticket(ticket) = &mut used.event else { panic!("a ticket") };
        assert_eq!(ticket.help.as_ref().and_then(|help| help.faq.clone()), Some(id(index)));
        ticket.order_id = Some(order.to_owned());
        for line in lines(&Customer::from(used)).into_values() {
            counts.add(line.at.date(), &line.bin, Tally::one(line.weight));
        }
    }
    let days = Uses::days(&settings, &guest(&settings, &visit).expect("a guest"), now());
    let mondays: Vec<String> = days.iter().map(ToString::to_string).collect();
    assert_eq!(mondays, ["2026-10-19", "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"]);
    assert!(days.iter().all(|day| *day >= crate::ledger::oldest_detailed(now())));
    let uses = Uses::of(&counts);
    assert_eq!(
        asked_often(&shown(&uses)),
        ["Is there tea", "Do beans keep", "Do you engrave", "Do you grind"]
    );
}

#[test]
fn a_use_is_counted_once_an_order_and_names_only_what_there_is() {
    let settings = shop();
    let known = settings.faq[0].id(&settings.default_locale);
    let form = format!("do=answered&topic=other&faq={known}");
    let first = post(Purpose::Order, &form).fact.expect("a use");
    assert_eq!(post_by(&with(ann(), &first), Purpose::Order, &form).fact, None);
    for form in
        ["do=answered&topic=other&faq=%3Cb%3E".to_owned(), format!("do=answered&topic=where&faq={known}")]
    {
        let Event::Ticket(ticket) = event(&post(Purpose::Order, &form)).clone() else { panic!("a ticket") };
        assert_eq!(ticket.help.and_then(|help| help.faq), None, "{form}");
    }
    // Nothing is to be read where nothing is to be put in order.
    let visit_path = path(&settings, Purpose::Order);
    assert!(
        Uses::days(&settings, &guest(&settings, &visit(&visit_path, "", None)).expect("a guest"), now())
            .is_empty()
    );
}

#[test]
fn a_return_names_what_comes_back() {
    let asked = post(Purpose::Order, "do=return&topic=return&item=1&item=7&reason=damaged&text=Torn");
    let Event::Ticket(ticket) = event(&asked) else { panic!("a ticket") };
    let help = ticket.help.as_ref().expect("what was asked");
    assert_eq!(
        (help.items.as_slice(), help.reason.map(ReturnReason::as_str)),
        (&["Beans, 1 kg".to_owned()][..], Some("damaged"))
    );
    let known = with(ann(), asked.fact.as_ref().expect("a fact"));
    let plans = plan(&known, &shop(), now() + TimeDelta::hours(1));
    let status = plans.iter().find(|planned| planned.cause.ends_with(":requested")).expect("it is confirmed");
    assert!(matches!(status.intent, Intent::Send(_)));
    assert_eq!(post(Purpose::Order, "do=return&topic=return&reason=damaged").status, 422);
}

// ── Preferences ─────────────────────────────────────────────────────────────

/// What a form stores.
#[track_caller]
fn stores(customer: &Customer, form: &str) -> Json {
    let reply = post_by(customer, Purpose::Preferences, form);
    assert_eq!(reply.status, 200);
    match reply.fact.map(|fact| fact.event) {
        Some(Event::Consent(report)) => serde_json::to_value(report).expect("JSON"),
        None => Json::Null,
        Some(other) => panic!("{other:?}"),
    }
}

const AS_IT_IS: &str = "do=save&topic=purchases&channel=email&language=&day=&month=&pause=";

#[test]
fn what_did_not_change_is_not_stored() {
    assert_eq!(stores(&ann(), AS_IT_IS), Json::Null);
    let gone = customer(&[
        order("Ann", "en"),
        fact(now(), json!({ "consent": { "contact": { "marketing": { "email": false } } } })),
    ]);
    assert_eq!(stores(&gone, "List-Unsubscribe=One-Click"), Json::Null);
}

#[test]
fn choices_become_consent() {
    let ann = ann();
    let offers = stores(&ann, &[AS_IT_IS, "&topic=offers"].concat());
    assert_eq!(
        (&offers["topics"]["offers"], &offers["contact"]["marketing"]),
        (&json!(true), &json!({ "email": true }))
    );
    let sms = stores(&ann, &[AS_IT_IS, "&channel=sms"].concat());
    assert_eq!(sms["contact"]["marketing"], json!({ "sms": true }));
    assert_eq!(sms["topics"], json!({ "offers": false }), "a channel is not yet consent to offers on it");
    assert_eq!(
        stores(&ann, &AS_IT_IS.replace("topic=purchases&", ""))["topics"],
        json!({ "purchases": false })
    );
    assert_eq!(
        stores(&ann, &AS_IT_IS.replace("channel=email&", ""))["contact"]["marketing"],
        json!({ "email": false })
    );
    assert_eq!(
        stores(&ann, &AS_IT_IS.replace("day=&month=", "day=29&month=2"))["birthday"],
        json!("2000-02-29")
    );
    assert_eq!(stores(&ann, &AS_IT_IS.replace("day=&month=", "day=31&month=2")), Json::Null);
    assert_eq!(stores(&ann, &AS_IT_IS.replace("language=", "language=pl"))["language"], json!("pl"));
    assert_eq!(stores(&ann, &AS_IT_IS.replace("language=", "language=xx")), Json::Null);
    let until = (now() + TimeDelta::days(30)).millis();
    assert_eq!(stores(&ann, &AS_IT_IS.replace("pause=", "pause=30"))["paused_until"], json!(until));
    assert_eq!(stores(&ann, &AS_IT_IS.replace("pause=", "pause=31")), Json::Null);
}

#[test]
fn a_no_to_offers_is_said_again_where_it_was_overtaken() {
    let consent = |hours: i64, json: Json| fact(now() - TimeDelta::hours(hours), json!({ "consent": json }));
    let no = consent(3, json!({ "topics": { "offers": false } }));
    let yes = consent(2, json!({ "contact": { "marketing": { "email": true } } }));
    let again = stores(&with(with(ann(), &no), &yes), AS_IT_IS);
    assert_eq!(again["topics"], json!({ "offers": false }));
    let sms = stores(&with(ann(), &no), &[AS_IT_IS, "&channel=sms"].concat());
    assert_eq!(
        (&sms["topics"], &sms["contact"]["marketing"]),
        (&json!({ "offers": false }), &json!({ "sms": true }))
    );
}

#[test]
fn choices_can_be_taken_back() {
    let known = |json: Json| with(ann(), &fact(now() - TimeDelta::hours(1), json!({ "consent": json })));
    let born = known(json!({ "birthday": "2000-02-29" }));
    assert_eq!(stores(&born, &AS_IT_IS.replace("day=&month=", "day=29&month=2")), Json::Null);
    assert_eq!(stores(&born, AS_IT_IS)["birthday"], Json::Null);
    assert!(stores(&born, AS_IT_IS).as_object().is_some_and(|report| report.contains_key("birthday")));
    let paused = known(json!({ "paused_until": (now() + TimeDelta::days(9)).millis() }));
    assert_eq!(stores(&paused, AS_IT_IS), Json::Null);
    assert_eq!(
        stores(&paused, &AS_IT_IS.replace("pause=", "pause=none"))["paused_until"],
        json!(now().millis())
    );
    let polish = known(json!({ "language": "pl" }));
    assert!(stores(&polish, AS_IT_IS).as_object().is_some_and(|report| report.contains_key("language")));
}

#[test]
fn whoever_wants_less_is_always_heard() {
    let mut customer = ann();
    for number in 0..60 {
        let form = [AS_IT_IS, if number % 2 == 0 { "&topic=offers" } else { "" }].concat();
        let reply = post_after(&customer, Purpose::Preferences, &form, number);
        customer = reply.fact.iter().fold(customer, with);
    }
    assert_eq!(
        post_after(&customer, Purpose::Preferences, &[AS_IT_IS, "&channel=sms"].concat(), 60).status,
        429
    );
    let gone = post_after(&customer, Purpose::Preferences, "List-Unsubscribe=One-Click", 61);
    assert!(gone.status == 200 && gone.fact.is_some());
}

#[test]
fn an_address_is_not_told_in_full() {
    let html = get(Purpose::Preferences).html;
    assert!(
        html.contains("a…@example.com") && !html.contains("ann@example.com") && !html.contains("15112345656")
    );
    for purpose in [Purpose::Nps, Purpose::Order] {
        assert!(!get(purpose).html.contains("ann@"));
    }
}

#[test]
fn data_is_asked_for_and_deleted_on_request() {
    let wanted = |form: &str| match event(&post(Purpose::Preferences, form)) {
        Event::Privacy(request) => request.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(wanted("do=export"), PrivacyKind::Export);
    assert_eq!(wanted("do=erase&sure=yes"), PrivacyKind::Erase);
    assert_eq!(post(Purpose::Preferences, "do=erase").status, 422);
    let asked = with(ann(), post(Purpose::Preferences, "do=export").fact.as_ref().expect("a fact"));
    assert_eq!(post_by(&asked, Purpose::Preferences, "do=export").fact, None);
    assert!(plan(&asked, &shop(), now()).iter().any(|planned| planned.playbook.as_str() == "help"));
}

#[test]
fn a_mail_program_hears_the_same_of_somebody_who_was_forgotten() {
    let settings = shop();
    let path = path(&settings, Purpose::Preferences);
    let visit = visit(&path, "", Some("List-Unsubscribe=One-Click"));
    let reply =
        answer(&settings, &guest(&settings, &visit).expect("a guest"), None, &Uses::default(), &visit);
    assert_eq!((reply.status, reply.fact), (200, None));
}

#[test]
fn offers_follow_the_newest_word() {
    let consent = |hours: i64, json: Json| fact(now() - TimeDelta::hours(hours), json!({ "consent": json }));
    let yes = json!({ "contact": { "marketing": { "email": true } } });
    let no = json!({ "topics": { "offers": false } });
    let offered = |facts: Vec<Fact>| {
        let customer = customer(&[vec![order("Ann", "en")], facts].concat());
        assert!(customer.profile.topics.contains_key(&Topic::Offers));
        let html = reply(&shop(), &customer, &visit(&path(&shop(), Purpose::Preferences), "", None)).html;
        html.contains("value=\"offers\" checked")
    };
    assert!(!offered(vec![consent(2, yes.clone()), consent(1, no.clone())]));
    assert!(offered(vec![consent(1, yes.clone()), consent(2, no.clone())]));
    assert!(!offered(vec![consent(1, yes), consent(1, no)]));
}

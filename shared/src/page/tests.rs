//! Whole pages as snapshots, and what must hold of each whatever it shows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Days, NaiveDate};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::customer::Customer;
use crate::desk::tests::{ann, shop};
use crate::desk::{Asked, Attention, Comment, Found, Grievance, Listed, Listing, Open, Timeline, timeline};
use crate::fact::{Channel, Fact};
use crate::key::Key;
use crate::ledger::bin::Tally;
use crate::ledger::{Counts, lines};
use crate::metrics::{Question, of_counts};
use crate::outbox::OutboxEntry;
use crate::settings::Settings;
use crate::time::Time;
use crate::window::Window;

fn entry(id: &str, at: &str) -> OutboxEntry {
    OutboxEntry {
        id: id.to_owned(),
        to: "ann@example.com".to_owned(),
        from: "Our shop <shop@example.com>".to_owned(),
        channel: Channel::Email,
        playbook: "thank-you".to_owned(),
        locale: "en".to_owned(),
        subject: "Thank you for your order, Ann (order 1001)".to_owned(),
        text: "Hello Ann,\n\nThank you for your order.\n".to_owned(),
        html: "<!doctype html>\n<html lang=\"en\">\n<head>\n<title>Thank you</title>\n</head>\n<body>Hello \"Ann\"</body>\n</html>\n".to_owned(),
        headers: [("Reply-To".to_owned(), "help@example.com".to_owned())].into(),
        at: Time::parse(at).unwrap(),
    }
}

fn alert() -> OutboxEntry {
    OutboxEntry {
        to: "+4930123456".to_owned(),
        channel: Channel::Sms,
        playbook: "shipment-status".to_owned(),
        locale: "de".to_owned(),
        subject: String::new(),
        text: "Ihr Paket ist unterwegs.".to_owned(),
        html: String::new(),
        headers: [].into(),
        ..entry("shipment-status-2b", "2026-11-22T08:00:00Z")
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Answers of NPS, a day apart, the newest one last.
fn answers(scores: &[u8]) -> Vec<Customer> {
    let answer = |(index, score): (usize, &u8)| {
        let at = Time::start_of(day("2026-11-20") - Days::new(index as u64 % 25));
        let answer = json!({"answer": {
            "id": format!("n{index}"), "kind": "nps", "score": score,
            "scale": {"min": 0, "max": 10, "good": "high"}, "tags": if *score < 7 { vec!["late"] } else { vec![] },
        }});
        let keys = Key::customer(&format!("c{index}")).into_iter().collect();
        Customer::from(Fact {
            at,
            source: "generic".to_owned(),
            keys,
            event: serde_json::from_value(answer).unwrap(),
        })
    };
    scores.iter().enumerate().map(answer).collect()
}

fn shown_dashboard(customers: &[Customer], attention: &Attention, settings: &Settings) -> String {
    let mut counts = Counts::default();
    for (_, line) in customers.iter().flat_map(lines) {
        counts.add(line.at.date(), &line.bin, Tally::one(line.weight));
    }
    let question = Question::about(Window { from: day("2026-10-23"), to: day("2026-11-21") }).for_dashboard();
    let metrics = of_counts(&counts, settings, &question, Time::parse("2026-11-21T19:05:00Z").unwrap());
    dashboard(&Dashboard { settings, today: day("2026-11-21"), metrics: &metrics, attention })
}

/// What Ann's case looks like, in these words.
fn attention(words: &str) -> Attention {
    let (at, customer) = (Time::parse("2026-11-12T09:00:00Z").unwrap(), ann().id().expect("Ann has keys"));
    let text = || words.to_owned();
    let comment = Comment { at, customer, what: text(), said: text() };
    let grievance = Grievance { count: 2, reasons: [(text(), 2)].into(), comments: vec![comment] };
    let open = Open {
        since: at,
        customer,
        name: Some(text()),
        about: "answer:a1".to_owned(),
        what: text(),
        said: Some(text()),
    };
    Attention {
        open: vec![open],
        count: 3,
        grievances: vec![(text(), grievance)],
        part: Some((32, 64)),
        ..Attention::default()
    }
}

fn some_dashboard() -> String {
    let mut customers = answers(&[10, 9, 9, 8, 7, 3, 10, 9, 2, 9]);
    customers.push(ann());
    shown_dashboard(&customers, &attention("late"), &shop())
}

fn found(name: &str) -> Found {
    Found {
        id: ann().id().expect("Ann has keys"),
        matched: vec!["email".to_owned()],
        name: Some(name.to_owned()),
        email: Some("ann@example.com".to_owned()),
        phone: None,
        orders: vec!["1001".to_owned()],
    }
}

fn anns_timeline() -> Timeline {
    let now = Time::parse("2026-11-21T19:05:00Z").unwrap();
    timeline(&ann(), &shop(), now).expect("Ann has keys")
}

fn anns_messages() -> Vec<Listed> {
    anns_timeline().timeline.into_iter().filter_map(|entry| entry.message).collect()
}

fn messages(messages: Vec<Listed>, query: &str) -> String {
    let next = (!messages.is_empty()).then(|| "/messages?cursor=32&state=sent".to_owned());
    let listing = Listing { messages, next, part: 1, parts: 2 };
    message_list(&listing, &Asked::from_query(query).unwrap(), &shop())
}

fn shown_preview(query: &str) -> String {
    let shown = Preview::from_query(query, &shop()).unwrap().expect("a template is named");
    preview(&shown, "Our shop")
}

#[test]
fn a_preview_of_what_there_is_not_names_what_there_is() {
    for (query, field) in [
        ("template=thanks", "template"),
        ("template=thank-you&locale=nl", "locale"),
        ("template=thank-you&variant=9", "variant"),
        ("template=thank-you&variant=0", "variant"),
    ] {
        let problem = Preview::from_query(query, &shop()).expect_err(query);
        assert_eq!((problem.status(), problem.field()), (400, Some(field)), "{query}");
    }
    assert_eq!(Preview::from_query("locale=de&template=", &shop()), Ok(None));
}

fn check(name: &str, page: &str) {
    // The stylesheet is not what a change of a page is about.
    let page = page.replace(STYLE, "…");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, page);
    });
}

#[test]
fn whole_pages() {
    let (mail, sms) = (entry("thank-you-1a", "2026-11-21T19:05:00Z"), alert());
    check("outbox.empty", &outbox_list(&[], "Our shop"));
    check("outbox.messages", &outbox_list(&[mail.clone(), sms.clone()], "Our shop"));
    check("message.mail", &outbox_message(&mail, "Our shop"));
    check("message.sms", &outbox_message(&sms, "Our shop"));
    check("customers.ask", &customer_search("Our shop", "", &[]));
    check("customers.none", &customer_search("Our shop", "nobody@example.com", &[]));
    check("customers.one", &customer_search("Our shop", "ann@example.com", &[found("Ann Smith")]));
    check("customer.ann", &customer(&anns_timeline(), &shop()));
    check("messages.none", &messages(Vec::new(), ""));
    check("messages.narrowed", &messages(Vec::new(), "state=failed"));
    check("messages.some", &messages(anns_messages(), "state=sent&customer=77"));
    check("wording", &wording(&rows(&shop()), "Our shop"));
    check("preview", &shown_preview("template=thank-you&locale=de&variant=bare"));
    check("dashboard.empty", &shown_dashboard(&[], &Attention::default(), &shop()));
    check("dashboard.some", &some_dashboard());
}

#[test]
fn the_newest_message_comes_first() {
    let (mail, sms) = (entry("thank-you-1a", "2026-11-21T19:05:00Z"), alert());
    let orders = [[mail.clone(), sms.clone()], [sms, mail]];
    let pages = orders.map(|entries| outbox_list(&entries, "Our shop"));
    assert_eq!(pages[0], pages[1]);
    assert!(pages[0].find("shipment-status-2b") < pages[0].find("thank-you-1a"));
}

/// Pages with `hostile` wherever somebody else's text can stand.
fn hostile_pages(hostile: &str) -> Vec<String> {
    let entry = OutboxEntry {
        to: hostile.to_owned(),
        from: hostile.to_owned(),
        playbook: hostile.to_owned(),
        locale: hostile.to_owned(),
        subject: hostile.to_owned(),
        text: hostile.to_owned(),
        html: format!("<head>{hostile}"),
        headers: [(hostile.to_owned(), hostile.to_owned())].into(),
        ..entry("thank-you-1a", "2026-11-21T19:05:00Z")
    };
    let mut timeline = anns_timeline();
    timeline.name = Some(hostile.to_owned());
    timeline.tier = Some(hostile.to_owned());
    for entry in &mut timeline.timeline {
        entry.title = hostile.to_owned();
        entry.detail = Some(hostile.to_owned());
        if let Some(message) = &mut entry.message {
            message.cause = hostile.to_owned();
            message.reason = Some(hostile.to_owned());
            message.steps[0].reason = Some(hostile.to_owned());
        }
    }
    for plan in &mut timeline.planned {
        plan.cause = hostile.to_owned();
        plan.reason = Some(hostile.to_owned());
    }
    let listed = timeline.timeline.iter().filter_map(|entry| entry.message.clone()).collect();
    let mut settings = shop();
    settings.brand.name = hostile.to_owned();
    let asked = ["customer=", &crate::query::encoded(hostile)].concat();
    vec![
        customer_search(hostile, hostile, &[]),
        customer_search(hostile, hostile, &[found(hostile)]),
        customer(&timeline, &settings),
        messages(listed, &asked),
        outbox_list(std::slice::from_ref(&entry), hostile),
        outbox_message(&entry, hostile),
        shown_dashboard(&answers(&[3]), &attention(hostile), &settings),
    ]
}

#[test]
fn nobody_writes_into_our_pages() {
    let hostile =
        "\"'></iframe></title></style><script>alert(1)</script><img src=x onerror=alert(1)>&{{ style }}";
    for page in hostile_pages(hostile) {
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\"'>"), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
        assert_eq!(page.matches("</title>").count(), page.matches("<title").count());
        assert_eq!(page.matches("</iframe>").count(), page.matches("<iframe").count());
        assert!(page.contains("{{ style }}"), "rendered once, not twice");
    }
}

#[test]
fn pages_need_no_script_and_load_nothing() {
    let pages = [
        outbox_list(&[], "x"),
        outbox_message(&entry("a", "2026-11-21T19:05:00Z"), "x"),
        some_dashboard(),
        customer_search("x", "", &[]),
        customer_search("x", "ann", &[found("Ann")]),
        customer(&anns_timeline(), &shop()),
        messages(anns_messages(), ""),
        wording(&rows(&shop()), "x"),
    ];
    for page in pages {
        let lower = page.to_ascii_lowercase();
        for banned in [
            "<script",
            " style=",
            " onclick",
            " onload",
            "javascript:",
            "http://",
            "https://",
            "src=\"",
            "url(",
            "@import",
        ] {
            assert!(!lower.contains(banned), "{banned}");
        }
        for wanted in
            ["<!doctype html>", "<html lang=\"en\">", "name=\"viewport\"", "<h1>", "<main", "</html>"]
        {
            assert!(page.contains(wanted), "{wanted}");
        }
        assert!(!page.contains("is broken"), "{page}");
    }
}

#[test]
fn the_policy_knows_the_stylesheet() {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    assert!(
        SECURITY_POLICY.contains(&hash),
        "pages/style.css has changed: put 'sha256-{hash}' into SECURITY_POLICY"
    );
    for page in [outbox_list(&[], "x"), some_dashboard()] {
        let styled = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        assert_eq!(styled.map(|(style, _)| style), Some(STYLE));
    }
}

#[test]
fn the_dashboard_says_how_sure_it_is() {
    let some = some_dashboard();
    assert!(some.contains("with 95 % confidence") && some.contains("<title id=\"nps-chart\">"), "{some}");
    assert!(some.contains("32 of 64 pages") && some.contains("3 open, the 1 oldest are shown"));
    let nothing = shown_dashboard(&[], &Attention::default(), &shop());
    assert!(nothing.contains("Nothing to count in these days") && !nothing.contains("<svg"));
}

#[test]
fn the_dashboard_stays_light_however_much_there_is() {
    let scores: Vec<u8> = (0..2_000_u32).map(|n| (n * 7 % 11) as u8).collect();
    let mut attention = attention(&"A rather long comment about a parcel that came late. ".repeat(8));
    attention.open = vec![attention.open[0].clone(); 12];
    attention.grievances = vec![attention.grievances[0].clone(); 8];
    let page = shown_dashboard(&answers(&scores), &attention, &shop());
    assert!(page.len() < 200 * 1024, "{}", page.len());
}

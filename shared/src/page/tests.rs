//! Whole pages as snapshots, and what must hold of each whatever it shows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::*;
use crate::desk::tests::{ann, shop};
use crate::desk::{Asked, Found, Listed, Listing, Timeline, timeline};
use crate::fact::Channel;
use crate::metrics::Report;
use crate::outbox::OutboxEntry;
use crate::score::nps::Nps;
use crate::time::Time;

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

fn scores(promoters: u64, passives: u64, detractors: u64) -> String {
    let score = Nps::from_counts(promoters, passives, detractors);
    let nps = Report::plain(score, day("2026-10-23"), day("2026-11-21"));
    dashboard(&Dashboard { brand_name: "Our shop", today: day("2026-11-21"), nps: &nps })
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
    check("dashboard.empty", &scores(0, 0, 0));
    check("dashboard.few", &scores(5, 3, 2));
    check("dashboard.many", &scores(50, 30, 20));
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
    let nps = Report::plain(Nps::from_counts(1, 1, 1), day("2026-10-23"), day("2026-11-21"));
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
        dashboard(&Dashboard { brand_name: hostile, today: day("2026-11-21"), nps: &nps }),
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
        scores(3, 2, 1),
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
    for page in [outbox_list(&[], "x"), scores(0, 0, 0)] {
        let styled = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        assert_eq!(styled.map(|(style, _)| style), Some(STYLE));
    }
}

#[test]
fn the_dashboard_says_how_sure_it_is() {
    assert!(scores(50, 30, 20).contains("unlikely to be chance"));
    assert!(scores(5, 3, 2).contains("first impression"));
    assert!(scores(20, 30, 20).contains("cannot tell yet"));
    assert!(scores(0, 0, 0).contains("No answers in these days"));
    assert!(scores(1, 0, 0).contains("from 1 answer<"));
}

//! Every message in every language: whole mails as snapshots, and rules that hold with any optional value missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")
}

/// The message's sample with each set of optional values missing, in every variant.
fn all_of(message: &str) -> Vec<Value> {
    let sample = sample_of(message);
    (0..sample.variants())
        .flat_map(|variant| {
            let sample = sample.clone();
            (0..1_u32 << sample.optional.len())
                .map(move |missing| sample.without(variant, |index| missing >> index & 1 == 1))
        })
        .collect()
}

fn sample_of(message: &str) -> Sample {
    Sample::of(message).unwrap_or_else(|| panic!("templates/{message}/sample.json is no sample"))
}

fn settings() -> Settings {
    Settings { brand: brand(), ..Settings::default() }
}

fn brand() -> Brand {
    Brand {
        name: "Kaffee & Co".to_owned(),
        from: "shop@kaffee.example".to_owned(),
        support_email: "help@kaffee.example".to_owned(),
        support_url: "https://kaffee.example/help".to_owned(),
        phone: "+49 30 1234567".to_owned(),
        address: "Kaffee & Co GmbH\nBohnenweg 7\n10115 Berlin".to_owned(),
        ..Brand::default()
    }
}

/// What is not about an order under way, and so carries what subscription mail has to.
const SUBSCRIPTION: [&str; 11] = [
    "advocate",
    "loyalty",
    "milestone",
    "onboarding",
    "replenish",
    "review-request",
    "struggle",
    "survey-ces",
    "survey-csat",
    "survey-nps",
    "win-back",
];

const UNSUBSCRIBE: &str = "https://care.example/p/pb3JkZXI6MQ~20000~abc";

fn draft(template: &'static str, locale: &str, context: Value) -> Draft {
    sample_of(template).draft(template, locale, "ann@example.com", UNSUBSCRIBE, context)
}

fn rendered(template: &'static str, locale: &str, context: Value) -> Body {
    render(&draft(template, locale, context), &settings()).unwrap()
}

fn every_template() -> impl Iterator<Item = (&'static str, &'static str)> {
    catalog::MESSAGES
        .iter()
        .flat_map(|(message, locales)| locales.iter().map(move |locale| (*message, *locale)))
}

/// What a reader of the HTML sees, roughly: text between tags, entities decoded.
fn visible(html: &str) -> String {
    let body = html.split_once("</style>").map_or(html, |(_, body)| body);
    let text: String =
        body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text, |text, (entity, character)| text.replace(entity, character))
}

fn whole(body: &Body) -> String {
    let Body { from, to, subject, text, html, headers, .. } = body;
    let more: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("From: {from}\nTo: {to}\nSubject: {subject}\n{}\n\n{text}\n========\n\n{html}", more.join("\n"))
}

#[test]
fn whole_mails() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        for (message, locale) in every_template() {
            let all = all_of(message);
            let optional = sample_of(message).optional.len();
            let (full, bare) = (all[0].clone(), all[(1 << optional) - 1].clone());
            let of_both = locale == "en" || catalog::source(&format!("{message}/{locale}/body.html")).is_some();
            if of_both {
                insta::assert_snapshot!(format!("{message}.{locale}.full"), whole(&rendered(message, locale, full)));
                insta::assert_snapshot!(format!("{message}.{locale}.bare"), whole(&rendered(message, locale, bare)));
                for (index, variant) in all.chunks(1 << optional).skip(1).enumerate() {
                    let name = format!("{message}.{locale}.variant-{}", index + 1);
                    insta::assert_snapshot!(name, rendered(message, locale, variant[0].clone()).text);
                }
            } else {
                // The HTML of a file a language differs in its words alone.
                let variants = all.chunks(1 << optional).skip(1).map(|variant| variant[0].clone());
                let mails = [full, bare].into_iter().chain(variants).map(|context| {
                    let mail = rendered(message, locale, context);
                    format!("Subject: {}\n\n{}", mail.subject, mail.text)
                });
                let mails: Vec<_> = mails.collect();
                insta::assert_snapshot!(format!("{message}.{locale}"), mails.join("\n========\n\n"));
            }
        }
    });
}

#[test]
fn every_mail_with_anything_missing_is_whole() {
    for (message, locale) in every_template() {
        for context in all_of(message) {
            let mail = rendered(message, locale, context.clone());
            let shown = visible(&mail.html);
            for (part, text) in [("subject", &mail.subject), ("text", &mail.text), ("html", &shown)] {
                let at = format!("{message}/{locale} {part} of {context}\n{text}");
                assert!(!text.trim().is_empty(), "empty: {at}");
                for word in text.split(|c: char| !c.is_alphanumeric()) {
                    assert!(
                        !["None", "none", "null", "undefined", "true", "false"].contains(&word),
                        "`{word}`: {at}"
                    );
                }
                for gap in ["  ", " ,", " .", " !", " :", "()", "( ", " )", ",,", "{", "}"] {
                    assert!(!text.lines().any(|line| line.trim().contains(gap)), "`{gap}`: {at}");
                }
            }
            assert!(
                !mail.text.contains("\n\n\n") && !mail.text.contains(" \n") && !mail.text.starts_with('\n'),
                "{}",
                mail.text
            );
            assert!(
                !mail.subject.contains(['\r', '\n']) && mail.subject.chars().count() <= SUBJECT_MAX,
                "{}",
                mail.subject
            );
            for contact in ["help@kaffee.example", "Kaffee & Co"] {
                assert!(
                    mail.text.contains(contact) && shown.contains(contact),
                    "{message}/{locale} lacks {contact}"
                );
            }
            assert!(
                mail.html.contains(&format!("<html lang=\"{locale}\">")),
                "{message}/{locale} does not say its language"
            );
            assert_eq!(mail.locale, locale);
            let subscription = SUBSCRIPTION.contains(&message);
            let one_click = mail.headers.get("List-Unsubscribe-Post").map(String::as_str);
            assert_eq!(one_click, subscription.then_some("List-Unsubscribe=One-Click"), "{message}");
            assert_eq!(
                mail.headers.get("List-Unsubscribe"),
                subscription.then(|| format!("<{UNSUBSCRIBE}>")).as_ref()
            );
            assert_eq!(mail.text.contains(UNSUBSCRIBE), subscription, "{message}/{locale}");
            assert_eq!(
                mail.html.contains("https:&#x2f;&#x2f;care.example&#x2f;p"),
                subscription,
                "{message}/{locale}"
            );
            assert!(mail.text.contains("Bohnenweg 7") && shown.contains("Bohnenweg 7"), "{message}/{locale}");
            for remote in
                ["src=", "url(", "<link", "@import", "<script", "<img", "<iframe", "background=", "srcset"]
            {
                assert!(!mail.html.contains(remote), "{message}/{locale} has {remote}");
            }
        }
    }
}

/// Puts `hostile` in the place of every text of the sample.
fn poisoned(value: &Value, hostile: &str) -> Value {
    match value {
        Value::String(_) => json!(hostile),
        Value::Array(values) => values.iter().map(|value| poisoned(value, hostile)).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), poisoned(value, hostile))).collect(),
        ),
        other => other.clone(),
    }
}

#[test]
fn customers_cannot_write_html_headers_or_templates() {
    let hostile =
        "<b>&\"'</style><script>alert(1)</script>\r\nBcc: all@example.com\u{2028}{{ brand.from }}{% raw %}";
    for (message, locale) in every_template() {
        let sample = sample_of(message);
        for variant in [Map::new()].iter().chain(&sample.variants) {
            let mut values = sample.values.clone();
            values.extend(variant.clone());
            let mut hostile_values = poisoned(&Value::Object(values.clone()), hostile);
            // Words of ours that say which way a message reads.
            for name in ["kind", "state", "what"] {
                if let Some(ours) = values.get(name) {
                    hostile_values[name] = ours.clone();
                }
            }
            let mail = rendered(message, locale, hostile_values);
            assert!(!mail.html.contains("<b>") && !mail.html.contains("<script"), "{message}/{locale}");
            // Names to greet with and links are left out if they are none; any other text is shown as it is.
            let original = rendered(message, locale, Value::Object(values.clone())).text;
            let quoted = values.iter().any(|(name, value)| {
                !["first_name", "kind", "state", "what"].contains(&name.as_str())
                    && value.as_str().is_some_and(|text| {
                        text.len() > 3 && !name.ends_with("_url") && original.contains(text)
                    })
            });
            assert!(!quoted || mail.html.contains("&lt;b&gt;&amp;"), "{message}/{locale}");
            assert!(!quoted || mail.text.contains("{{ brand.from }}"), "{message}/{locale}");
            assert!(!mail.html.contains("shop@kaffee.example"), "{message}/{locale}");
            for line in [&mail.subject, &mail.from, &mail.to].into_iter().chain(mail.headers.values()) {
                assert!(
                    !line.contains(|c: char| c.is_control() || c == '\u{2028}'),
                    "{message}/{locale}: {line:?}"
                );
            }
            assert!(mail.text.lines().all(|line| !line.starts_with("Bcc")), "{message}/{locale}");
        }
    }
}

#[test]
fn a_brand_cannot_break_a_mail_either() {
    let brand = Brand {
        name: "A\r\nBcc: x <b>".to_owned(),
        color: "red;background:url(https://evil.example)".to_owned(),
        support_email: "not an address".to_owned(),
        support_url: "javascript:alert(1)".to_owned(),
        ..brand()
    };
    let mail =
        render(&draft("thank-you", "en", all_of("thank-you")[0].clone()), &Settings { brand, ..settings() })
            .unwrap();
    assert_eq!(mail.from, "\"A Bcc: x b\" <shop@kaffee.example>");
    assert!(!mail.html.contains("<b>") && !mail.html.contains("url(") && !mail.html.contains("javascript:"));
    assert!(mail.text.contains("E-mail: shop@kaffee.example"), "{}", mail.text);
    assert!(!mail.text.contains("Help:"), "{}", mail.text);
}

#[test]
fn a_missing_variable_is_an_error_never_a_blank() {
    for (message, locale) in every_template() {
        let sample = sample_of(message);
        for name in sample.values.keys() {
            // Some are only named where they matter.
            let refused = [&Map::new()].into_iter().chain(&sample.variants).any(|variant| {
                let mut values = sample.values.clone();
                values.extend(variant.clone());
                values.remove(name);
                let result = render(&draft(message, locale, Value::Object(values)), &settings());
                matches!(result, Err(RenderError::Template { .. }))
            });
            assert!(refused, "{message}/{locale} without {name}");
        }
    }
}

#[test]
fn bad_addresses_and_names_are_refused() {
    let context = all_of("thank-you")[0].clone();
    let draft = draft("thank-you", "en", context);
    let to = |to: &str| Draft { to: to.to_owned(), ..draft.clone() };
    assert_eq!(
        render(&to("ann@example.com\r\nBcc: x@example.com"), &settings()),
        Err(RenderError::Recipient)
    );
    assert_eq!(render(&to(""), &settings()), Err(RenderError::Recipient));
    let from = Brand { from: "a@example.com, b@example.com".to_owned(), ..brand() };
    assert_eq!(render(&draft, &Settings { brand: from, ..settings() }), Err(RenderError::Sender));
    let unknown = Draft { template: "no-such-message", ..draft.clone() };
    assert_eq!(
        render(&unknown, &settings()),
        Err(RenderError::UnknownTemplate("no-such-message".to_owned()))
    );
}

#[test]
fn an_alert_in_slack_is_a_title_and_text() {
    let draft = Draft {
        channel: Channel::Slack,
        to: "#team".to_owned(),
        ..draft("detractor-alert", "en", all_of("detractor-alert")[0].clone())
    };
    let body = render(&draft, &settings()).unwrap();
    assert!(body.subject.starts_with("Unhappy customer") && body.html.is_empty());
    assert!(body.text.starts_with("Ann Smith is not happy with us: 3 on a scale of 0-10."), "{}", body.text);
}

#[test]
fn the_same_draft_gives_the_same_bytes() {
    let render = || rendered("thank-you", "de", all_of("thank-you")[0].clone());
    assert_eq!(render(), render());
}

#[test]
fn first_and_later_purchases_read_differently() {
    for (first, later) in [("en", "en"), ("de", "de")] {
        let mut context = all_of("thank-you")[0].clone();
        let first = rendered("thank-you", first, context.clone());
        context["returning"] = json!(true);
        let later = rendered("thank-you", later, context);
        assert_ne!(first.subject, later.subject);
        assert_ne!(first.text.lines().nth(2), later.text.lines().nth(2));
    }
}

/// A template that is on disk but not in the table would be forgotten silently, in every release.
#[test]
fn the_table_lists_what_the_folder_has() {
    fn walk(at: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, root, found);
            } else {
                found.insert(entry.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&folder(), &folder(), &mut found);
    let samples = catalog::MESSAGES.iter().map(|(message, _)| format!("{message}/sample.json"));
    let listed: BTreeSet<_> =
        catalog::FILES.iter().map(|(path, _)| (*path).to_owned()).chain(samples).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_language_has_the_same_words() {
    let keys =
        |locale: &str| words(locale).unwrap().as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let locales: BTreeSet<_> = every_template().map(|(_, locale)| locale).collect();
    for locale in locales {
        assert_eq!(keys(locale), keys("en"), "{locale}");
        assert_eq!(words(locale).unwrap()["months"].as_array().map(Vec::len), Some(12), "{locale}");
    }
}

// ── A merchant's own words ──────────────────────────────────────────────────

/// Settings in which every message is worded like this, in every language.
fn worded_everywhere(wording: &Wording) -> Settings {
    let mut settings = settings();
    for (message, locale) in every_template() {
        let locales = settings.templates.entry(message.to_owned()).or_default();
        locales.insert(locale.to_owned(), wording.clone());
    }
    settings
}

/// Whatever a merchant writes: contact, imprint and the way out are there, in a document that is whole.
#[test]
fn no_wording_takes_the_frame_away() {
    let own = Wording {
        subject: Some("Our subject, {{ brand.name }}".to_owned()),
        text: Some("# Our heading\n\nOur words & yours.\n\n[Our button](https://shop.example/x)".to_owned()),
        html: None,
    };
    let html = Wording { html: Some("<h1>Our heading</h1><p>Our HTML.</p>".to_owned()), ..own.clone() };
    for wording in [own, html] {
        let settings = worded_everywhere(&wording);
        for (message, locale) in every_template() {
            let values = sample_of(message).full(0);
            let mail = render(&draft(message, locale, values), &settings).unwrap();
            let shown = visible(&mail.html);
            assert_eq!(mail.subject, "Our subject, Kaffee & Co");
            assert!(
                mail.text
                    .starts_with("Our heading\n\nOur words & yours.\n\nOur button: https://shop.example/x"),
                "{}",
                mail.text
            );
            let expected = if wording.html.is_some() { "Our HTML." } else { "Our words & yours." };
            assert!(shown.contains("Our heading") && shown.contains(expected), "{shown}");
            for part in ["help@kaffee.example", "Bohnenweg 7"] {
                assert!(mail.text.contains(part) && shown.contains(part), "{message}/{locale} lacks {part}");
            }
            assert_eq!(
                mail.text.contains(UNSUBSCRIBE),
                SUBSCRIPTION.contains(&message),
                "{message}/{locale}"
            );
            assert!(
                mail.html.trim_end().ends_with("</html>")
                    && mail.html.contains(&format!("<html lang=\"{locale}\">"))
            );
        }
    }
}

#[test]
fn a_part_that_is_left_out_is_ours() {
    let wording = Wording { subject: Some("Only this".to_owned()), ..Wording::default() };
    let settings = worded_everywhere(&wording);
    let draft = draft("thank-you", "de", sample_of("thank-you").full(0));
    let (own, ours) =
        (render(&draft, &settings).unwrap(), rendered("thank-you", "de", sample_of("thank-you").full(0)));
    assert_eq!((own.subject.as_str(), &own.text), ("Only this", &ours.text));
}

#[test]
fn words_that_do_not_go_with_a_message_are_replaced_by_ours() {
    let wording = Wording {
        text: Some("Dear {{ first_name }}".to_owned()),
        subject: Some("Dear".to_owned()),
        html: None,
    };
    let settings = worded_everywhere(&wording);
    let sample = sample_of("thank-you");
    let own = render(&draft("thank-you", "en", sample.full(0)), &settings).unwrap();
    assert!(own.text.starts_with("Dear Ann"));
    let bare = render(&draft("thank-you", "en", sample.bare(0)), &settings).unwrap();
    assert_eq!(bare, rendered("thank-you", "en", sample.bare(0)));
}

/// What a customer wrote is as harmless in the merchant's words as in ours.
#[test]
fn customers_cannot_write_into_a_merchant_s_words() {
    let hostile = "<script>alert(1)</script>{{ brand.from }}{% raw %}";
    let html = "<p>{% if number %}{{ number }}{% endif %}</p>";
    let wording =
        Wording { text: Some("{{ number }}".to_owned()), html: Some(html.to_owned()), subject: None };
    let mut values = sample_of("thank-you").full(0);
    values["number"] = json!(hostile);
    let mail = render(&draft("thank-you", "en", values), &worded_everywhere(&wording)).unwrap();
    assert!(!mail.html.contains("<script") && mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    assert!(mail.text.contains("{{ brand.from }}"), "{}", mail.text);
}

// ── Text messages ───────────────────────────────────────────────────────────

/// A text message costs by its length and is read on a lock screen: one line, who it is, what happened, where to look.
#[test]
fn text_messages_are_short_and_whole() {
    for message in ["shipment-status", "delay"] {
        let all = all_of(message);
        for (locale, context) in
            catalog::LOCALES.iter().flat_map(|locale| all.iter().map(move |context| (*locale, context)))
        {
            let to = "+4930123456".to_owned();
            let draft = Draft { channel: Channel::Sms, to, ..draft(message, locale, context.clone()) };
            let sent = render(&draft, &settings()).unwrap();
            let at = format!("{message}/{locale}: {}", sent.text);
            assert!((sent.subject.as_str(), sent.html.as_str(), sent.headers.len()) == ("", "", 0), "{at}");
            assert!(sent.text.starts_with("Kaffee & Co: ") && !sent.text.contains('\n'), "{at}");
            assert!(sent.text.chars().count() <= 240, "{at}");
            for gap in ["  ", " .", "..", "None", "null", "{", "}"] {
                assert!(!sent.text.contains(gap), "`{gap}`: {at}");
            }
            let tracked = context["tracking_url"].as_str().filter(|_| context["state"] != "delivered");
            assert!(tracked.is_none_or(|url| sent.text.ends_with(&format!(" {url}"))), "{at}");
        }
    }
}

#[test]
fn every_language_has_the_same_short_texts() {
    for (message, locales) in catalog::MESSAGES {
        for locale in *locales {
            let here = markup::part(&format!("{message}/{locale}/sms.txt")).is_some();
            assert_eq!(here, has_short_text(message), "{message}/{locale}");
        }
    }
}

//! Documents that make sense, documents that do not, and what is told about them.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(document: Value, expected: &[(&str, &str)]) {
    let wrong = Settings::default().with(&document).expect_err("something is wrong with it");
    let told: Vec<_> = wrong.iter().map(|wrong| (wrong.path.as_str(), wrong.reason.as_str())).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for ((path, reason), (expected_path, part)) in told.iter().zip(expected) {
        assert_eq!(path, expected_path, "{told:#?}");
        assert!(reason.contains(part), "{reason} does not say {part}");
    }
}

#[test]
fn an_empty_document_is_the_defaults() {
    assert_eq!(Settings::default().with(&json!({})), Ok(Settings::default()));
}

#[test]
fn what_is_not_named_stays_as_it_is() {
    let base = Settings { team_email: "crew@shop.example".to_owned(), ..Settings::default() };
    let changed = base.with(&json!({ "brand": { "name": "Bean & Gone" } })).expect("settings");
    assert_eq!(changed.team_email, "crew@shop.example");
    assert_eq!(changed.brand, Brand { name: "Bean & Gone".to_owned(), ..Brand::default() });
}

#[test]
fn everything_that_is_wrong_is_told_with_its_path() {
    check(
        json!({
            "brnad": {},
            "time_zone": "Europe/Atlantis",
            "survey_quarantine": "-3d",
            "holdout": "ten",
            "playbooks": { "survey": { "delay": "soon" }, "surveys": {} },
            "products": [{ "steps": [{ "after": "1d", "title": "A", "link": "x" }] }],
        }),
        &[
            ("brnad", "unknown field"),
            ("holdout", "expected u8"),
            ("playbooks.survey.delay", "a length of time"),
            ("playbooks.surveys", "no playbook of this name"),
            ("products[0].steps[0].link", "unknown field"),
            ("survey_quarantine", "a length of time"),
            ("time_zone", "no such time zone"),
        ],
    );
}

#[test]
fn what_can_be_read_has_to_make_sense() {
    check(
        json!({ "brand": { "name": " ", "color": "green" } }),
        &[("brand.name", "name"), ("brand.color", "#rrggbb")],
    );
    check(
        json!({ "brand": { "from": "a@shop.example\r\nBcc: x@evil.example" } }),
        &[("brand.from", "address")],
    );
    check(json!({ "team_email": "a@shop.example, b@shop.example" }), &[("team_email", "address")]);
    check(json!({ "returns": { "url": "javascript:alert(1)" } }), &[("returns.url", "https://")]);
    check(json!({ "sending_hours": { "from": "20:00", "to": "09:00" } }), &[("sending_hours", "before")]);
    check(json!({ "sending_hours": { "from": "20:00" } }), &[("sending_hours", "before")]);
    check(json!({ "cap": { "messages": 0 } }), &[("cap", "at least one")]);
    check(json!({ "holdout": 51 }), &[("holdout", "50")]);
    check(
        json!({ "goodwill": { "code": "A", "codes": ["B"], "gives": "10 %" } }),
        &[("goodwill", "either one `code`")],
    );
    check(json!({ "goodwill": { "codes": ["A"] } }), &[("goodwill.gives", "what the voucher gives")]);
    check(
        json!({ "goodwill": { "codes": ["A", "A", "B C", ""], "gives": "10 %" } }),
        &[
            ("goodwill.codes[1]", "in the list already"),
            ("goodwill.codes[2]", "no blanks"),
            ("goodwill.codes[3]", "1 to 64"),
        ],
    );
    check(
        json!({ "reviews": { "url": "https://g.page/r/x/review" }, "loyalty": { "per_review": 10 } }),
        &[("loyalty.per_review", "Google forbids")],
    );
    check(json!({ "events": ["order.created"] }), &[("events[0]", "unknown variant")]);
    check(
        json!({ "playbooks": { "delay": { "delay": "-1h" } } }),
        &[("playbooks.delay.delay", "a length of time")],
    );
    check(json!({ "default_locale": "tlh" }), &[("default_locale", "language")]);
    check(json!({ "referral": { "url": "https://shop.example/" } }), &[("referral.url", "{code}")]);
    check(
        json!({ "playbooks": { "survey": { "channels": ["email", "slack"] } }, "alerts": ["sms"] }),
        &[("alerts", "the team is reached by"), ("playbooks.survey.channels", "customers are reached by")],
    );
    check(
        json!({ "playbooks": { "survey": { "channels": [] } } }),
        &[("playbooks.survey.channels", "at least one")],
    );
    check(
        json!({ "struggles": [{ "name": "a b", "bought": {}, "without": {}, "after": "1d", "title": "T" }] }),
        &[("struggles[0].name", "letters")],
    );
    check(json!([]), &[("", "object")]);
    check(json!({ "products": [{ "lasts": "0d" }] }), &[("products[0].lasts", "at least")]);
    check(json!({ "struggles": [{ "name": "x" }] }), &[("struggles[0]", "missing field")]);
}

#[test]
fn a_reward_never_goes_with_a_link_to_google() {
    for url in [
        "https://search.google.com/local/writereview?placeid=x",
        "https://g.page/r/abc/review",
        "https://www.google.de/maps/x",
        "https://maps.app.goo.gl/x",
    ] {
        check(json!({ "reviews": { "url": url, "reward": "10 %" } }), &[("reviews.reward", "Google")]);
        assert!(Settings::default().with(&json!({ "reviews": { "url": url } })).is_ok());
    }
    let elsewhere = json!({ "reviews": { "url": "https://shop.example/google", "reward": "10 %" } });
    assert!(Settings::default().with(&elsewhere).is_ok());
}

#[test]
fn versions_count_up_and_an_undo_is_one_too() {
    let mut history = History::default();
    let at = |seconds| crate::time::Time::from_seconds(seconds);
    assert_eq!((history.number(), history.previous()), (0, None));
    history.put(json!({ "holdout": 1 }), at(1));
    history.put(json!({ "holdout": 2 }), at(2));
    history.put(json!({ "holdout": 2 }), at(3));
    assert_eq!((history.number(), history.versions().len()), (2, 2));
    let before = history.previous().expect("an earlier one");
    history.put(before, at(4));
    assert_eq!(history.number(), 3);
    assert_eq!(history.settings(&Settings::default()).map(|settings| settings.holdout), Ok(1));
    for number in 0..40 {
        history.put(json!({ "holdout": number }), at(5));
    }
    assert_eq!((history.versions().len(), history.number()), (20, 43));
    let mut only = History::default();
    only.put(json!({ "holdout": 1 }), at(1));
    assert_eq!(only.previous(), Some(json!({})));
}

/// The published schema is made from the types. `AFTERCARE_UPDATE=1` writes it anew.
#[test]
fn the_schema_is_that_of_the_types() {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<Settings>();
    let schema = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    if std::env::var_os("AFTERCARE_UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/settings.json");
        std::fs::write(path, &schema).expect("the schema is written");
    } else {
        assert!(
            schema == SCHEMA,
            "schemas/settings.json is not that of the types; AFTERCARE_UPDATE=1 writes it"
        );
    }
}

#[test]
fn the_schema_takes_the_defaults_and_refuses_what_we_refuse() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let defaults = serde_json::to_value(Settings::default()).expect("JSON");
    assert!(
        schema.is_valid(&defaults),
        "{:?}",
        schema.iter_errors(&defaults).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    assert!(schema.is_valid(&json!({})));
    for wrong in [
        json!({ "brnad": {} }),
        json!({ "playbooks": { "survey": { "delay": "-3d" } } }),
        json!({ "playbooks": { "surveys": {} } }),
        json!({ "sending_hours": { "from": "9:00", "to": "20:00" } }),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}

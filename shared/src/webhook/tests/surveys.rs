//! Typeform and Delighted.

use super::senders::{secret, signed};
use super::{NOW, Request, fact, keys};
use crate::customer::Customer;
use crate::fact::{Answer, Channel, Direction, Event, Fact, Scale, SurveyKind};
use crate::join::Join;
use crate::webhook::problem::Problem;
use crate::webhook::{Accepted, SURVEY_SUBMITTED};

const NPS: &str = include_str!("../../../fixtures/typeform/nps.json");
const CREATED: &str = include_str!("../../../fixtures/delighted/created.json");
const UPDATED: &str = include_str!("../../../fixtures/delighted/updated.json");

fn receive(sender: &str, body: &str) -> Result<Accepted, Problem> {
    signed(sender, body, NOW).send(SURVEY_SUBMITTED, &[(sender, secret(sender))])
}

#[track_caller]
fn answer(sender: &str, body: &str) -> (Fact, Answer) {
    let fact = fact(receive(sender, body));
    let Event::Answer(answer) = fact.event.clone() else { panic!("not an answer: {fact:?}") };
    (fact, answer)
}

// ── Typeform ────────────────────────────────────────────────────────────────

#[test]
fn typeform_answers_nps() {
    let (fact, answer) = answer("typeform", NPS);
    assert_eq!((answer.kind, answer.score, answer.scale), (SurveyKind::Nps, 9, Scale::NPS));
    assert_eq!(fact.at.to_string(), "2026-11-21T18:02:40Z");
    assert_eq!(answer.order_id.as_deref(), Some("820982911946154508"));
    // Hostile text is text: what shows it escapes it.
    assert!(answer.comment.unwrap().starts_with("=HYPERLINK("));
}

#[test]
fn typeform_hidden_fields_name_the_customer_and_a_typed_address_another() {
    let (fact, answer) = answer("typeform", NPS);
    // `customer_id` still holds the placeholder of the link; `friend@example.com` was typed by whoever had the link.
    assert_eq!(keys(&fact), ["email:ann@example.com", "order:820982911946154508"]);
    assert_eq!(answer.contact.email.value().as_deref(), Some("ann@example.com"));
}

#[test]
fn typeform_without_hidden_fields_goes_by_the_typed_address() {
    let (fact, answer) = answer("typeform", include_str!("../../../fixtures/typeform/csat-of-ten.json"));
    assert_eq!(keys(&fact), ["email:bea@example.com"]);
    // The answer names its question by id alone, and the form tells reference and scale.
    assert_eq!(answer.kind, SurveyKind::Csat);
    assert_eq!((answer.score, answer.scale), (7, Scale { min: 1, max: 10, good: Direction::High }));
    assert_eq!(answer.comment.as_deref(), Some("Took a while."));
}

#[test]
fn typeform_placeholders_link_nobody() {
    for placeholder in
        ["xxxxx", "{{order_id}}", "*|ORDER|*", "null", "None", "undefined", "0", "000", "", "[order]"]
    {
        let body = NPS
            .replace("820982911946154508", &format!("\"{placeholder}\""))
            .replace("\"ann@example.com\"", "\"xxxxx\"")
            .replace("\"type\": \"email\", \"email\"", "\"type\": \"text\", \"text\"");
        let (fact, _) = answer("typeform", &body);
        assert_eq!(keys(&fact), ["person:typeform/d0h3m9w1r7q5zt2x8kd0h3vbq6n4c1ya"], "{placeholder}");
    }
}

#[test]
fn trap_16_typeform_is_base64_and_delighted_hex_behind_one_prefix() {
    for (sender, header, body) in
        [("typeform", "typeform-signature", NPS), ("delighted", "x-delighted-webhook-signature", UPDATED)]
    {
        fact(receive(sender, body));
        let right = if sender == "typeform" { "delighted" } else { "typeform" };
        let other = signed(right, body, NOW);
        let value =
            other.headers.values().find(|value| value.to_str().unwrap().starts_with("sha256=")).unwrap();
        let request = Request::json(body.as_ref()).with(header, value.to_str().unwrap());
        assert_eq!(
            request.send(SURVEY_SUBMITTED, &[(sender, secret(sender))]),
            Err(Problem::Unauthorized),
            "{sender}"
        );
    }
}

#[test]
fn trap_28_typeform_answers_with_one_event_id_and_token_are_two_facts_and_two_people() {
    let first = answer("typeform", include_str!("../../../fixtures/typeform/sample-first.json"));
    let second = answer("typeform", include_str!("../../../fixtures/typeform/sample-second.json"));
    assert_eq!(first.1.id, second.1.id);
    assert_ne!(first.0.id(), second.0.id());
    assert!(first.0.keys.is_disjoint(&second.0.keys), "{first:?} {second:?}");
}

#[test]
fn a_changed_answer_stays_one_answer() {
    let changed = NPS.replace("\"number\": 9", "\"number\": 2").replace("18:02:40Z", "18:09:00Z");
    let (first, second) = (answer("typeform", NPS).0, answer("typeform", &changed).0);
    for [one, other] in [[&first, &second], [&second, &first]] {
        let mut customer = Customer::from(one.clone());
        customer.join(Customer::from(other.clone()));
        let scores: Vec<u8> =
            customer.answers.values().filter_map(|answer| Some(answer.get()?.score)).collect();
        assert_eq!(scores, [2]);
    }
}

#[test]
fn typeform_references_tell_kind_scale_and_direction() {
    let body = |reference: &str, number: &str| {
        format!(
            r#"{{"event_type": "form_response", "form_response": {{"token": "t", "submitted_at": "2026-11-21T18:02:40Z",
            "answers": [{{"type": "number", "number": {number}, "field": {{"id": "f", "ref": "{reference}"}}}}]}}}}"#
        )
    };
    let check = |reference: &str, kind: SurveyKind, min: u8, max: u8, good: Direction| {
        let (_, answer) = answer("typeform", &body(reference, "3"));
        assert_eq!((answer.kind, answer.scale), (kind, Scale { min, max, good }), "{reference}");
    };
    check("nps", SurveyKind::Nps, 0, 10, Direction::High);
    check("NPS-autumn", SurveyKind::Nps, 0, 10, Direction::High);
    check("csat", SurveyKind::Csat, 1, 5, Direction::High);
    check("csat_1_10", SurveyKind::Csat, 1, 10, Direction::High);
    check("csat_1_10_delivery", SurveyKind::Csat, 1, 10, Direction::High);
    check("csat_2026", SurveyKind::Csat, 1, 5, Direction::High);
    check("ces", SurveyKind::Ces, 1, 7, Direction::High);
    check("ces-1-5-low", SurveyKind::Ces, 1, 5, Direction::Low);
    check("ces_low", SurveyKind::Ces, 1, 7, Direction::Low);
    for (reference, number, field) in [
        ("nps_1_10", "3", "field"),
        ("nps_low", "3", "field"),
        ("csat_1_100", "3", "field"),
        ("nps", "11", "number"),
        ("csat", "0", "number"),
        ("ces", "8", "number"),
        ("nps", "9.5", "number"),
        ("nps", "\"9\"", "number"),
        ("nps", "-1", "number"),
    ] {
        let problem = receive("typeform", &body(reference, number)).unwrap_err();
        assert_eq!(
            problem.field(),
            Some(["form_response.answers[0].", field].concat().as_str()),
            "{reference} {number}"
        );
    }
    for reference in ["", "npsx", "score", "csatisfaction", "my_nps"] {
        let ignored = receive("typeform", &body(reference, "3"));
        assert!(matches!(ignored, Ok(Accepted::Ignored(_))), "{reference}: {ignored:?}");
    }
}

#[test]
fn typeform_comments_are_limited() {
    let body = NPS.replace("Lovely.", &"é".repeat(9_000));
    assert_eq!(answer("typeform", &body).1.comment.unwrap().chars().count(), 5_000);
}

#[test]
fn typeform_partial_answers_are_ignored() {
    let ignored = receive("typeform", &NPS.replace("\"form_response\",", "\"form_response_partial\","));
    assert!(matches!(ignored, Ok(Accepted::Ignored(_))), "{ignored:?}");
}

// ── Delighted ───────────────────────────────────────────────────────────────

#[test]
fn delighted_comments_come_later_and_in_either_order() {
    let (created, updated) = (answer("delighted", CREATED), answer("delighted", UPDATED));
    assert_eq!(created.1.comment, None);
    for [one, other] in [[&created.0, &updated.0], [&updated.0, &created.0]] {
        let mut customer = Customer::from(one.clone());
        customer.join(Customer::from(other.clone()));
        let answers: Vec<&Answer> = customer.answers.values().filter_map(|answer| answer.get()).collect();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].comment.as_deref(), Some("Slow, but nearly flawless!\nKeep it up."));
    }
}

#[test]
fn delighted_finds_the_customer() {
    let (fact, answer) = answer("delighted", UPDATED);
    assert_eq!(keys(&fact), ["email:ann@example.com", "order:820982911946154508", "person:delighted/5975"]);
    assert_eq!(fact.at.to_string(), "2026-11-21T19:00:00Z");
    assert_eq!(answer.contact.first_name.as_deref(), Some("Ann"));
    assert_eq!(answer.contact.locale.as_deref(), Some("de"));
    assert!(answer.tags.contains("delivery"));
}

#[test]
fn delighted_types_tell_kind_and_scale() {
    let of = |survey: &str, score: &str| {
        receive(
            "delighted",
            &UPDATED.replace("\"nps\"", survey).replace("\"score\": 5", &["\"score\": ", score].concat()),
        )
    };
    let five = Scale { min: 1, max: 5, good: Direction::High };
    for (survey, kind, scale) in [
        ("\"nps\"", SurveyKind::Nps, Scale::NPS),
        ("null", SurveyKind::Nps, Scale::NPS),
        ("\"csat\"", SurveyKind::Csat, five),
        ("\"five_star\"", SurveyKind::Csat, five),
        ("\"ces\"", SurveyKind::Ces, five),
    ] {
        let Event::Answer(answer) = fact(of(survey, "4")).event else { panic!("{survey}") };
        assert_eq!((answer.kind, answer.scale), (kind, scale), "{survey}");
    }
    assert!(matches!(of("\"pmf\"", "1"), Ok(Accepted::Ignored(_))));
    for (survey, score) in
        [("\"nps\"", "11"), ("\"csat\"", "6"), ("\"ces\"", "0"), ("\"nps\"", "null"), ("\"nps\"", "\"5\"")]
    {
        assert_eq!(of(survey, score).unwrap_err().field(), Some("event_data.score"), "{survey} {score}");
    }
}

#[test]
fn who_unsubscribes_at_delighted_wants_no_more_advertisements() {
    let fact = fact(receive("delighted", include_str!("../../../fixtures/delighted/unsubscribed.json")));
    assert_eq!(keys(&fact), ["email:ann@example.com"]);
    let Event::Consent(report) = fact.event else { panic!("{fact:?}") };
    assert_eq!(report.contact.marketing.get(&Channel::Email), Some(&false));
}

#[test]
fn a_missing_address_clears_nothing() {
    let (fact, answer) = answer("delighted", &UPDATED.replace("\"ann@example.com\"", "null"));
    assert_eq!(keys(&fact), ["order:820982911946154508", "person:delighted/5975"]);
    assert!(answer.contact.email.is_absent());
}

//! Judge.me and Stamped.

use super::senders::{SENDERS, secret, signed};
use super::{NOW, Request, fact, keys};
use crate::fact::{Event, Fact, Review};
use crate::webhook::problem::Problem;
use crate::webhook::{Accepted, REVIEW_POSTED};

fn receive(sender: &str, body: &str) -> Result<Accepted, Problem> {
    signed(sender, body, NOW).send(REVIEW_POSTED, &[(sender, secret(sender))])
}

#[track_caller]
fn review(sender: &str, body: &str) -> (Fact, Review) {
    let fact = fact(receive(sender, body));
    let Event::Review(review) = fact.event.clone() else { panic!("not a review: {fact:?}") };
    (fact, review)
}

fn fixture(sender: &str) -> &'static str {
    SENDERS.iter().find(|(name, ..)| *name == sender).unwrap().2
}

// ── Judge.me ────────────────────────────────────────────────────────────────

#[test]
fn judgeme_reviews_become_facts() {
    let (fact, review) = review("judgeme", fixture("judgeme"));
    assert_eq!(keys(&fact), ["customer:207119551", "email:ann@example.com"]);
    assert_eq!(fact.at.to_string(), "2026-11-21T10:00:03Z");
    assert_eq!((review.rating_hundredths, review.rated.as_str()), (400, "4 of 1-5"));
    assert_eq!((review.media, review.source.as_str(), review.verified), (2, "judgeme", Some(true)));
    assert_eq!(review.product_id.as_deref(), Some("632910392"));
    assert!(!review.withdrawn, "a review that waits for approval is a review");
}

#[test]
fn judgeme_without_person_or_product_links_nobody() {
    let (fact, review) = review("judgeme", include_str!("../../../fixtures/judgeme/shop-review.json"));
    assert_eq!(keys(&fact), ["person:judgeme/review-94611255"]);
    assert_eq!((review.product_id, review.verified, review.withdrawn), (None, Some(false), true));
}

#[test]
fn trap_16_judgeme_is_bare_hex_with_either_of_two_secrets() {
    let body = fixture("judgeme");
    let send = |secrets: &[(&str, &str)]| signed("judgeme", body, NOW).send(REVIEW_POSTED, secrets);
    let (token, app) = (("judgeme", "the private API token"), ("judgeme", secret("judgeme")));
    assert_eq!(fact(send(&[token, app])), fact(send(&[app, token])));
    assert_eq!(send(&[token]), Err(Problem::Unauthorized));
    let digest = signed("judgeme", body, NOW).headers["judgeme-hmac-sha256"].to_str().unwrap().to_owned();
    let prefixed = Request::json(body.as_ref()).with("judgeme-hmac-sha256", &["sha256=", &digest].concat());
    assert_eq!(prefixed.send(REVIEW_POSTED, &[app]), Err(Problem::Unauthorized));
}

#[test]
fn one_judgeme_review_under_several_topics_is_one_fact() {
    let send = |topic: &str| {
        let request = signed("judgeme", fixture("judgeme"), NOW).with("x-judgeme-topic", topic);
        request.send(REVIEW_POSTED, &[("judgeme", secret("judgeme"))])
    };
    assert_eq!(fact(send("review/created")), fact(send("review/published")));
    assert!(matches!(send("product/created"), Ok(Accepted::Ignored(_))));
}

// ── Stamped ─────────────────────────────────────────────────────────────────

#[test]
fn stamped_reviews_become_facts() {
    let (fact, review) = review("stamped", fixture("stamped"));
    assert_eq!(keys(&fact), ["email:bea@example.com"]);
    // Without offset, and taken as UTC.
    assert_eq!(fact.at.to_string(), "2026-11-21T09:30:14Z");
    assert_eq!((review.rating_hundredths, review.media, review.verified), (500, 2, Some(true)));
    assert_eq!(review.product_id.as_deref(), Some("2640569991268"));
}

#[test]
fn trap_25_stamped_sends_its_secret_in_clear_and_no_answer_tells_it() {
    let body = fixture("stamped");
    let send = |given: &str| {
        let request = Request::json(body.as_ref()).with("X-Stamped-Webhook-Secret", given);
        request.send(REVIEW_POSTED, &[("stamped", "older"), ("stamped", secret("stamped"))])
    };
    fact(send(secret("stamped")));
    for wrong in ["", "a-secret-of-the-sho", "a-secret-of-the-shop2", "A-SECRET-OF-THE-SHOP"] {
        let problem = send(wrong).unwrap_err();
        assert_eq!(problem, Problem::Unauthorized);
        assert!(!String::from_utf8(problem.to_json()).unwrap().contains("a-secret"), "{wrong}");
    }
    let spoilt = signed("stamped", body.replace("14243711", "null"), NOW);
    let problem = spoilt.send(REVIEW_POSTED, &[("stamped", secret("stamped"))]).unwrap_err();
    assert!(!String::from_utf8(problem.to_json()).unwrap().contains(secret("stamped")));
}

#[test]
fn stamped_topics_other_than_reviews_are_ignored() {
    let send = |topic: &str| {
        let request = signed("stamped", fixture("stamped"), NOW).with("x-stamped-topic", topic);
        request.send(REVIEW_POSTED, &[("stamped", secret("stamped"))])
    };
    fact(send("review/created"));
    assert!(matches!(send("question/created"), Ok(Accepted::Ignored(_))));
}

#[test]
fn ratings_are_normalised_to_hundredths() {
    let rated = |rating: &str| {
        receive(
            "stamped",
            &fixture("stamped").replace("\"reviewRating\": 5", &["\"reviewRating\": ", rating].concat()),
        )
    };
    for (rating, hundredths) in [("1", 100), ("4.5", 450), ("5.0", 500), ("3.33", 333)] {
        let Event::Review(review) = fact(rated(rating)).event else { panic!("{rating}") };
        assert_eq!(review.rating_hundredths, hundredths, "{rating}");
    }
    for rating in ["0", "6", "-1", "4.555", "1e0", "null", "\"5\"", "[5]"] {
        assert_eq!(rated(rating).unwrap_err().field(), Some("reviewRating"), "{rating}");
    }
}

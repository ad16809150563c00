//! Stamped: `X-Stamped-Webhook-Secret`, the secret itself in clear, so the header must never be logged.
//!
//! Bodies are flat and say when a review was written, but not when it was changed. So of two versions of a review neither is
//! known to be newer; which one stays is the same in every order of arrival, and that is all there is to have.

use super::json::Object;
use super::problem::Problem;
use super::verify::Proof;
use super::{Accepted, Delivery, Sender, person, rating};
use crate::fact::{Contact, Event, Review};
use crate::key::Key;

pub(super) const SENDER: Sender =
    Sender { name: "stamped", proofs: &[Proof::SecretHeader("x-stamped-webhook-secret")], strict: false };

const SOURCE: &str = "stamped";

pub(super) fn reviews(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let topic = delivery.header("x-stamped-topic").unwrap_or("review/created");
    if !topic.to_ascii_lowercase().contains("review") {
        return Ok(Accepted::ignored(format!("topic {topic} is not one that this URL takes")));
    }
    let id = body.require("id", body.id("id"))?;
    let given = body.require("reviewRating", body.number("reviewRating"))?;
    let rating_hundredths = rating::hundredths(given, 1, 5)
        .ok_or_else(|| body.problem("reviewRating", "Must be a number in 1-5, with at most two decimals."))?;
    // Without offset, and taken as UTC: the body does not say where the shop is.
    let at = body.require("dateCreated", body.time("dateCreated").or_else(|| body.time("reviewDate")))?;

    let mut contact = Contact { email: person::email(body, "customerEmail"), ..Contact::default() };
    person::named(body.line("author"), &mut contact);
    let mut keys = person::keys(&contact);
    // Nobody we know, but a review all the same.
    if keys.iter().all(Option::is_none) {
        keys.push(Key::person(SOURCE, &["review-", &id].concat()));
    }
    let state = body.line("reviewState").unwrap_or_default().to_ascii_lowercase();
    let review = Review {
        id: [SOURCE, "/", &id].concat(),
        rating_hundredths,
        rated: [given, " of 1-5"].concat(),
        source: SOURCE.to_owned(),
        title: body.line("reviewTitle"),
        body: body.comment("reviewMessage"),
        media: media(body, "reviewUserPhotos").saturating_add(media(body, "reviewUserVideos")),
        product_id: person::id(body, "productId"),
        order_id: None,
        // 0 is nobody known, 2 a buyer; others are claims of lesser kinds.
        verified: match body.whole("reviewVerifiedType") {
            Some(0) => Some(false),
            Some(2) => Some(true),
            _ => None,
        },
        withdrawn: matches!(state.as_str(), "archived" | "rejected" | "spam"),
        contact,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Review(review)))
}

/// Photos or videos: a list, or one text with commas.
fn media(body: &Object<'_>, name: &str) -> u16 {
    let count = match body.string(name) {
        Some(names) => names.split(',').filter(|name| !name.trim().is_empty()).count(),
        None => body.lines(name).len(),
    };
    u16::try_from(count).unwrap_or(u16::MAX)
}

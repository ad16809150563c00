//! Judge.me: `JUDGEME-HMAC-SHA256`, the hex of HMAC-SHA256 over the body. The key is the app's secret or the shop's private
//! API token, by how the webhook was made; configure both. One review fires several topics.

use super::json::Object;
use super::moment::moment;
use super::problem::Problem;
use super::verify::{Encoding, Proof, Signature};
use super::{Accepted, Delivery, Sender, person, rating};
use crate::fact::{Contact, Event, Review};
use crate::key::Key;

pub(super) const SENDER: Sender = Sender {
    name: "judgeme",
    proofs: &[Proof::Signature(Signature {
        encoding: Encoding::Hex,
        ..Signature::over_body("judgeme-hmac-sha256")
    })],
    strict: false,
};

const SOURCE: &str = "judgeme";

pub(super) fn reviews(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let topic = delivery.header("x-judgeme-topic").unwrap_or("review/created");
    if !topic.starts_with("review/") {
        return Ok(Accepted::ignored(format!("topic {topic} is not one that this URL takes")));
    }
    let review = body.require("review", body.object("review"))?;
    let id = review.require("id", review.id("id"))?;
    let given = review.require("rating", review.number("rating"))?;
    let rating_hundredths = rating::hundredths(given, 1, 5)
        .ok_or_else(|| review.problem("rating", "Must be a number in 1-5, with at most two decimals."))?;
    let at = moment(&review, "updated_at").or_else(|| moment(&review, "created_at"));
    let at = review.require("updated_at", at)?;

    let mut contact = Contact::default();
    let mut customer = None;
    if let Some(reviewer) = review.object("reviewer") {
        contact.email = person::email(&reviewer, "email");
        person::named(reviewer.line("name"), &mut contact);
        customer = person::id(&reviewer, "external_id").and_then(|id| Key::customer(&id));
    }
    let mut keys = person::keys(&contact);
    keys.push(customer);
    // Nobody we know, but a review all the same.
    if keys.iter().all(Option::is_none) {
        keys.push(Key::person(SOURCE, &["review-", &id].concat()));
    }
    let verified = review.line("verified").map(|verified| verified.to_ascii_lowercase().contains("buyer"));
    let media = |name| review.objects(name).map_or(0, |media| media.len());
    let review = Review {
        id: [SOURCE, "/", &id].concat(),
        rating_hundredths,
        rated: [given, " of 1-5"].concat(),
        source: SOURCE.to_owned(),
        title: review.line("title"),
        body: review.comment("body"),
        media: u16::try_from(media("pictures") + media("videos")).unwrap_or(u16::MAX),
        // Missing, 0 or negative where the review is of the shop.
        product_id: person::id(&review, "product_external_id"),
        order_id: None,
        verified: review.bool("verified").or(verified),
        // Not `published`: a review that waits for the shop's approval is a review.
        withdrawn: review.bool("hidden").unwrap_or_default()
            || review.line("curated").as_deref() == Some("spam"),
        contact,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Review(review)))
}

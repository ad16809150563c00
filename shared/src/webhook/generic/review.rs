//! `review.posted`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, rating};
use super::{Envelope, Person, SOURCE, open, order_id};
use crate::fact::{Event, Review};
use crate::key::Key;

pub(in super::super) fn reviews(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["review.posted"], review)
}

fn review(Envelope { at, data, .. }: Envelope<'_>) -> Result<Accepted, Problem> {
    let review = data.require("review", data.object("review"))?;
    let id = review.require("id", review.id("id"))?;
    let rating = review.require("rating", review.number("rating"))?;
    let scale = review.line("scale").unwrap_or_else(|| "1-5".to_owned());
    let Some((min, max)) = rating::scale(&scale) else {
        return Err(review.problem("scale", "Must be a scale such as 1-5: from 0 or 1 to at most 100."));
    };
    let rating_hundredths = rating::hundredths(rating, min, max).ok_or_else(|| {
        review.problem("rating", &format!("Must be a number in {scale}, with at most two decimals."))
    })?;
    let order_id = order_id(&data);
    let person = Person::read(&data);
    let source = review.line("source").unwrap_or_else(|| "own-shop".to_owned());
    let keys = person.keys_with(&data, [order_id.as_deref().and_then(Key::order)])?;
    let review = Review {
        id,
        rating_hundredths,
        rated: format!("{rating} of {scale}"),
        source,
        title: review.line("title"),
        body: review.comment("body"),
        media: review.whole("media").map_or(0, |media| u16::try_from(media).unwrap_or(u16::MAX)),
        product_id: review.id("product_id"),
        order_id,
        verified: review.bool("verified"),
        withdrawn: review.bool("withdrawn").unwrap_or_default(),
        contact: person.contact,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Review(review)))
}

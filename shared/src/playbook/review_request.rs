//! review-request: everybody who got and kept their order is asked for a public review, everybody in the same way and
//! at the same time. Nothing in this file may look at an answer, a rating or a ticket (16 CFR 465, 255.2(d)).

use serde_json::json;

use super::name::Name;
use super::story::{Chapter, Story, item_list};
use super::wish::{To, Verdict, Wish};
use crate::time::Time;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let reviews = &story.settings.reviews;
    if reviews.url.is_empty() {
        return;
    }
    for chapter in &story.orders {
        let Some(delivered) = chapter.delivered.filter(|at| story.concerns(Name::ReviewRequest, *at)) else {
            continue;
        };
        let verdict = if let Some(problem) = chapter.problem() {
            Verdict::skip(problem)
        } else if has_reviewed(story, chapter, delivered) {
            Verdict::skip("they have written a review already")
        } else {
            ask(story, chapter)
        };
        wishes.push(Wish::about(
            story,
            Name::ReviewRequest,
            ["order:", chapter.id].concat(),
            delivered,
            verdict,
        ));
    }
}

/// That there is a review counts, not what it says.
fn has_reviewed(story: &Story<'_>, chapter: &Chapter<'_>, delivered: Time) -> bool {
    story.customer.reviews.values().any(|latest| {
        let (Some(at), Some(review)) = (latest.reported_at(), latest.get()) else { return false };
        let of_product = |product: &String| {
            chapter
                .items()
                .any(|item| item.product_id.as_ref() == Some(product) || item.sku.as_ref() == Some(product))
        };
        match (&review.order_id, &review.product_id) {
            (Some(order), _) => order == chapter.id,
            (None, Some(product)) => of_product(product),
            (None, None) => at >= delivered,
        }
    })
}

fn ask<'a>(story: &Story<'a>, chapter: &Chapter<'a>) -> Verdict<'a> {
    let reviews = &story.settings.reviews;
    let (first_name, order, id) = (story.first_name(), chapter.order, chapter.id);
    let items = item_list(chapter.items());
    Verdict::say(To::Customer(Some(order)), "review-request", move || {
        json!({
            "first_name": first_name,
            "number": order.number.get(),
            "items": items,
            "review_url": reviews.url.replace("{order}", id),
            "reward": Some(&reviews.reward).filter(|reward| !reward.is_empty()),
        })
    })
}

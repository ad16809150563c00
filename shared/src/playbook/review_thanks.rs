//! review-thanks: each review gets one thanks, whatever it says, and what it earned.

use serde_json::json;

use super::loyalty;
use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for (id, latest) in &story.customer.reviews {
        let (Some(at), Some(review)) = (latest.reported_at(), latest.get()) else { continue };
        if !story.concerns(Name::ReviewThanks, at) {
            continue;
        }
        let verdict = if review.withdrawn {
            Verdict::skip("the review was withdrawn")
        } else {
            let first_name = story.first_name();
            let earned = loyalty::for_review(story.settings, review);
            let balance = (earned > 0).then(|| loyalty::Account::of(story).balance(story.now));
            let order = review.order_id.as_ref().and_then(|id| story.customer.orders.get(id));
            Verdict::say(To::Customer(order), "review-thanks", move || {
                json!({
                    "first_name": first_name,
                    "points": Some(earned).filter(|points| *points > 0),
                    "balance": balance,
                })
            })
        };
        wishes.push(Wish::about(story, Name::ReviewThanks, ["review:", id].concat(), at, verdict));
    }
}

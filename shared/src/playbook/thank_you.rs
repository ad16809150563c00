//! thank-you: thanks for an order, what happens next, how to reach us.

use serde_json::json;

use super::name::Name;
use super::story::{Chapter, Story, item_list};
use super::wish::{To, Verdict, Wish};
use crate::fact::OrderStage;
use crate::time::Time;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for chapter in &story.orders {
        // One mail for the order and its payment: what was paid is part of these thanks, not a message of its own.
        let Some(placed) = chapter.placed.filter(|placed| story.concerns(Name::ThankYou, *placed)) else {
            continue;
        };
        let verdict = if chapter.order.is_test() {
            Verdict::skip("test order")
        } else if chapter.order.reached(OrderStage::Cancelled).is_some() {
            Verdict::skip("order cancelled")
        } else {
            thanks(story, chapter, placed)
        };
        wishes.push(Wish::about(story, Name::ThankYou, ["order:", chapter.id].concat(), placed, verdict));
    }
}

fn thanks<'a>(story: &Story<'a>, chapter: &Chapter<'a>, placed: Time) -> Verdict<'a> {
    let order = chapter.order;
    let returning = story.orders.iter().any(|other| {
        other.placed.is_some_and(|before| before < placed)
            && other.order.reached(OrderStage::Cancelled).is_none()
            && !other.order.is_test()
    });
    let first_name = story.first_name();
    Verdict::say(To::Customer(Some(order)), "thank-you", move || {
        let total = order.shown_total.get().or_else(|| order.total.get());
        let items = order.items.get().into_iter().flatten().filter(|item| item.quantity > 0);
        json!({
            "first_name": first_name,
            "number": order.number.get(),
            "items": item_list(items),
            "total": total.map(crate::money::Money::amount),
            "currency": total.map(|total| &total.currency),
            "status_url": order.status_url.get(),
            "returning": returning,
        })
    })
}

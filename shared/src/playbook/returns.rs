//! returns: until when things come back, and how far a return or a refund has come.

use chrono::TimeDelta;
use serde_json::json;

use super::help;
use super::name::Name;
use super::shipment_status;
use super::story::{Chapter, Story};
use super::wish::{To, Verdict, Wish};
use crate::fact::{HelpTopic, ShipmentState};
use crate::message::{MessageId, Step};
use crate::settings::find_product;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for chapter in &story.orders {
        how_to(story, chapter, wishes);
        for (id, latest) in &chapter.order.returns {
            let (Some(at), Some(state)) = (latest.reported_at(), latest.get()) else { continue };
            let word = match state.as_str() {
                "requested" => "requested",
                "approved" | "open" => "approved",
                "declined" | "rejected" => "declined",
                "closed" | "received" => "received",
                _ => continue,
            };
            if story.concerns(Name::Returns, at) {
                let cause = ["order:", chapter.id, ":return:", id, ":", word].concat();
                wishes.push(Wish::about(story, Name::Returns, cause, at, status(story, chapter, word, None)));
            }
        }
        for (id, ticket) in &story.customer.tickets {
            let back = help::asked(ticket)
                .filter(|(_, help)| help.topic == HelpTopic::Return && !help.items.is_empty());
            let Some((at, _)) =
                back.filter(|_| ticket.order_id.get().is_some_and(|order| order == chapter.id))
            else {
                continue;
            };
            if story.concerns(Name::Returns, at) {
                let cause = ["order:", chapter.id, ":return:", id, ":requested"].concat();
                let verdict = status(story, chapter, "requested", None);
                wishes.push(Wish::about(story, Name::Returns, cause, at, verdict));
            }
        }
        for (id, latest) in &chapter.order.refunds {
            let Some(refund) = latest.get().filter(|refund| story.concerns(Name::Returns, refund.at)) else {
                continue;
            };
            // Nothing was paid back: a line was only taken out.
            let Some(amount) = refund.amount.as_ref().filter(|amount| amount.minor > 0) else { continue };
            let cause = ["order:", chapter.id, ":refund:", id].concat();
            let verdict = status(story, chapter, "refunded", Some(amount));
            wishes.push(Wish::about(story, Name::Returns, cause, refund.at, verdict));
        }
    }
}

/// How to send something back, with the deadline. It is a part of the message that the parcel has arrived; on its own
/// only where that one is turned off.
fn how_to<'a>(story: &Story<'a>, chapter: &Chapter<'a>, wishes: &mut Vec<Wish<'a>>) {
    let (returns, settings) = (&story.settings.returns, story.settings);
    let parcels = chapter.parcels.iter().map(|index| &story.parcels[*index]);
    let arrived = parcels.filter_map(|parcel| Some((parcel.reached(&ShipmentState::Delivered)?, parcel)));
    let Some((at, parcel)) = arrived.max_by_key(|(at, _)| *at) else { return };
    if returns.days == 0 || !story.concerns(Name::Returns, at) {
        return;
    }
    let fixed = |item| find_product(&settings.products, item).is_some_and(|product| product.final_sale);
    let verdict = if let Some(problem) = chapter.problem() {
        Verdict::skip(problem)
    } else if chapter.items().all(fixed) && chapter.items().next().is_some() {
        Verdict::skip("nothing in this order may be sent back")
    } else if settings.is_enabled(Name::ShipmentStatus) {
        let cause = shipment_status::cause(story, parcel, &ShipmentState::Delivered);
        Verdict::End(Step::Merged { into: MessageId::new(Name::ShipmentStatus.as_str(), &cause) })
    } else {
        let (first_name, number) = (story.first_name(), chapter.number());
        let deadline = story.zone().date(at) + TimeDelta::days(i64::from(returns.days));
        Verdict::say(To::Customer(Some(chapter.order)), "return-info", move || {
            json!({
                "first_name": first_name,
                "number": number,
                "return_by": deadline.to_string(),
                "return_url": Some(&returns.url).filter(|url| !url.is_empty()),
            })
        })
    };
    wishes.push(Wish::about(story, Name::Returns, ["order:", chapter.id].concat(), at, verdict));
}

fn status<'a>(
    story: &Story<'a>,
    chapter: &Chapter<'a>,
    state: &'static str,
    amount: Option<&'a crate::money::Money>,
) -> Verdict<'a> {
    if chapter.order.is_test() {
        return Verdict::skip("test order");
    }
    let (first_name, number) = (story.first_name(), chapter.number());
    Verdict::say(To::Customer(Some(chapter.order)), "return-status", move || {
        json!({
            "first_name": first_name,
            "number": number,
            "state": state,
            "amount": amount.map(crate::money::Money::amount),
            "currency": amount.map(|amount| &amount.currency),
        })
    })
}

//! shipment-status: one message a state a parcel, and never one that the parcel has already overtaken.

use chrono::TimeDelta;
use serde_json::json;

use super::name::Name;
use super::parcel::{Parcel, WAY};
use super::story::{Story, item_list};
use super::wish::{To, Verdict, Wish};
use crate::fact::ShipmentState;
use crate::message::MessageId;

/// Labels are often made minutes before the carrier takes the parcel: one mail then, not two.
const PACKED_WAITS: TimeDelta = TimeDelta::minutes(15);

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for parcel in &story.parcels {
        let Some((furthest, _)) = parcel.furthest() else { continue };
        for (stage, state) in WAY.iter().enumerate().take(furthest + 1) {
            let Some(at) = parcel.reached(state).filter(|at| story.concerns(Name::ShipmentStatus, *at))
            else {
                continue;
            };
            let verdict = if stage < furthest {
                Verdict::skip(["overtaken: it is already ", WAY[furthest].as_str()].concat())
            } else {
                news(story, parcel, state)
            };
            let delay = if *state == ShipmentState::Packed {
                Name::ShipmentStatus.delay(story.settings).delta().max(PACKED_WAITS)
            } else {
                Name::ShipmentStatus.delay(story.settings).delta()
            };
            wishes.push(Wish::after(
                story,
                Name::ShipmentStatus,
                cause(story, parcel, state),
                at,
                delay,
                verdict,
            ));
        }
    }
}

/// By one of the parcel's ids: the one that was written about before, else the least. So a second sender that turns up
/// later does not start anew.
pub(super) fn cause(story: &Story<'_>, parcel: &Parcel<'_>, state: &ShipmentState) -> String {
    let named = |id: &&str| ["shipment:", *id, ":", state.as_str()].concat();
    let known = (parcel.ids.len() > 1).then(|| {
        let known = |cause: &String| {
            story.customer.messages.contains_key(&MessageId::new(Name::ShipmentStatus.as_str(), cause))
        };
        parcel.ids.iter().map(named).find(known)
    });
    known.flatten().or_else(|| parcel.ids.first().map(named)).unwrap_or_default()
}

fn news<'a>(story: &Story<'a>, parcel: &Parcel<'a>, state: &ShipmentState) -> Verdict<'a> {
    let chapter = parcel.order_id.and_then(|id| story.chapter(id));
    if let Some(problem) = chapter.and_then(|chapter| {
        // A parcel may arrive although its order was returned or refunded; then it is news all the same.
        chapter.problem().filter(|problem| matches!(*problem, "test order" | "order cancelled"))
    }) {
        return Verdict::skip(problem);
    }
    if parcel.is_over() {
        return Verdict::skip("the parcel was called off, or is on its way back");
    }
    let order = chapter.map(|chapter| chapter.order);
    let (number, items) =
        (chapter.and_then(super::story::Chapter::number), chapter.map(|chapter| item_list(chapter.items())));
    let state = state.as_str().to_owned();
    let returns = &story.settings.returns;
    let return_by = parcel
        .reached(&ShipmentState::Delivered)
        .filter(|_| returns.days > 0)
        .map(|at| (story.zone().date(at) + TimeDelta::days(i64::from(returns.days))).to_string());
    let return_url = Some(returns.url.clone()).filter(|url| !url.is_empty());
    let first_name = story.first_name();
    let (tracking_url, carrier) = (parcel.tracking_url(), parcel.carrier());
    let (carrier_phone, tracking_number) = (parcel.carrier_phone(), parcel.tracking_number());
    Verdict::say(To::Customer(order), "shipment-status", move || {
        json!({
            "first_name": first_name,
            "state": state,
            "number": number,
            "items": items.unwrap_or_else(|| json!([])),
            "tracking_url": tracking_url,
            "tracking_number": tracking_number,
            "carrier": carrier,
            "carrier_phone": carrier_phone,
            "return_by": return_by,
            "return_url": return_url,
        })
    })
}

//! Fulfilments and what carriers say of them.

use std::collections::BTreeMap;

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather, text};
use super::{SOURCE, fits, ignored, topic};
use crate::fact::{Contact, Event, ShipmentReport, ShipmentState};
use crate::key::Key;

/// Everything that is said of parcels.
pub(in super::super) fn shipments(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let topic = topic(delivery).unwrap_or_else(|| "fulfillments/update".to_owned());
    match topic.as_str() {
        "fulfillments/create" | "fulfillments/update" => fulfilment(body),
        "fulfillment_events/create" => carrier_event(body),
        _ => Ok(ignored(&topic)),
    }
}

/// A parcel as the shop knows it. An order may have several, and most carriers never tell Shopify where they are.
fn fulfilment(body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(body, &["status"], &["fulfillment_id", "refund_line_items"])?;
    let id = body.require("id", body.id("id"))?;
    let order_id = body.require("order_id", body.id("order_id"))?;
    let created_at = body.time("created_at");
    let at = body.require("updated_at", body.time("updated_at").or(created_at))?;

    let mut states = BTreeMap::new();
    match body.line("status").unwrap_or_default().to_ascii_lowercase().as_str() {
        "success" => _ = states.insert(ShipmentState::Shipped, created_at.unwrap_or(at)),
        // Made but not yet handed over.
        "pending" | "open" => _ = states.insert(ShipmentState::Packed, created_at.unwrap_or(at)),
        "cancelled" => _ = states.insert(ShipmentState::Cancelled, at),
        "" => {}
        // The warehouse's trouble (`error`, `failure`), not the parcel's: kept, but not taken for an exception.
        other => _ = states.insert(ShipmentState::Other(["fulfillment_", other].concat()), at),
    }
    if let Some(status) = body.line("shipment_status") {
        states.insert(state(&status), at);
    }

    let tracking_numbers =
        gather(body.lines("tracking_numbers").into_iter().chain(body.line("tracking_number")));
    let email =
        body.said("email", "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned()));
    let destination = body.object("destination");
    let mut keys = vec![
        Key::shipment(&id),
        Key::order(&order_id),
        email.as_ref().value().and_then(|email| Key::email(email)),
    ];
    let report = ShipmentReport {
        states,
        tracking_url: body
            .url("tracking_url")
            .or_else(|| body.lines("tracking_urls").iter().find_map(|url| text::url(url))),
        carrier: body.line("tracking_company"),
        contact: Contact {
            email,
            country: destination
                .as_ref()
                .and_then(|to| to.parsed("country_code", "a country code", text::country)),
            region: destination
                .as_ref()
                .and_then(|to| to.parsed("province_code", "a region code", text::region)),
            // Whom the parcel is for need not be who bought it.
            ..Contact::default()
        },
        tracking_numbers,
        order_id: Some(order_id),
        id,
        ..ShipmentReport::default()
    };
    keys.extend(report.tracking_numbers.iter().map(|number| Key::tracking(number)));
    Ok(Accepted::fact(at, SOURCE, keys, Event::Shipment(report)))
}

/// One scan. It names the parcel and the order and nobody, and may come before the fulfilment itself.
fn carrier_event(body: &Object<'_>) -> Result<Accepted, Problem> {
    let id = body.require("fulfillment_id", body.id("fulfillment_id"))?;
    let status = body.require("status", body.line("status"))?;
    let at = body.require("happened_at", body.time("happened_at").or_else(|| body.time("created_at")))?;
    let order_id = body.id("order_id");
    let keys = vec![Key::shipment(&id), order_id.as_deref().and_then(Key::order)];
    let report = ShipmentReport {
        id,
        order_id,
        states: gather([(state(&status), at)]),
        estimated_at: body.time("estimated_delivery_at"),
        note: body.comment("message"),
        ..ShipmentReport::default()
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Shipment(report)))
}

/// Shopify's words for a parcel's state. The list grows with every version; what is new is kept as it is.
fn state(status: &str) -> ShipmentState {
    match status.to_ascii_lowercase().as_str() {
        "confirmed" | "label_printed" | "label_purchased" => ShipmentState::Packed,
        "carrier_picked_up" => ShipmentState::Shipped,
        "attempted_delivery" => ShipmentState::AttemptFailed,
        "ready_for_recipient_pickup" => ShipmentState::ReadyForPickup,
        "failure" | "not_delivered" => ShipmentState::Exception,
        "returning_to_sender" => ShipmentState::Returning,
        "picked_up" => ShipmentState::Delivered,
        // `in_transit`, `out_for_delivery`, `ready_for_pickup`, `delayed`, `delivered` are called the same here.
        other => ShipmentState::from(other),
    }
}

//! `shipment.updated`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather};
use super::{Envelope, Person, SOURCE, moment, open, order_id};
use crate::fact::{Event, ShipmentReport, ShipmentState};
use crate::key::Key;

pub(in super::super) fn shipments(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["shipment.updated"], shipment)
}

fn shipment(Envelope { at, data, .. }: Envelope<'_>) -> Result<Accepted, Problem> {
    let shipment = data.require("shipment", data.object("shipment"))?;
    let own_id = shipment.id("id");
    let tracking_number = shipment.id("tracking_number");
    let by_number = || tracking_number.as_ref().map(|number| ["tracking:", number].concat());
    let id = shipment.require("id", own_id.clone().or_else(by_number))?;
    let status = shipment.require("status", shipment.line("status"))?;
    let at = moment(&shipment, "at").unwrap_or(at);
    let order_id = order_id(&data);
    let person = Person::read(&data);
    let keys = person.keys_with(
        &data,
        [
            own_id.as_deref().and_then(Key::shipment),
            order_id.as_deref().and_then(Key::order),
            tracking_number.as_deref().and_then(Key::tracking),
        ],
    )?;
    let report = ShipmentReport {
        id,
        order_id,
        states: gather([(ShipmentState::from(status.to_ascii_lowercase().as_str()), at)]),
        tracking_numbers: gather(tracking_number),
        tracking_url: shipment.url("tracking_url"),
        carrier: shipment.line("carrier"),
        carrier_phone: shipment.line("carrier_phone"),
        estimated_at: moment(&shipment, "estimated_at"),
        note: shipment.comment("note"),
        contact: person.contact,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Shipment(report)))
}

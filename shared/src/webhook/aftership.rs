//! AfterShip: base64 of HMAC-SHA256 over the body, in another header for each of its products, each with a secret of its
//! own: Tracking; Returns and Warranty; Shipping and the older Returns. Nothing is timed.
//!
//! Only Tracking reports parcels; what the others send is authentic and ignored.

use super::json::Object;
use super::moment::{estimate, moment, placed};
use super::problem::Problem;
use super::verify::{Proof, Signature};
use super::{Accepted, Delivery, Sender, parcel, person, text};
use crate::fact::{Contact, ShipmentState};
use crate::key::Key;
use crate::time::Time;

pub(super) const SENDER: Sender = Sender {
    name: "aftership",
    proofs: &[
        Proof::Signature(Signature::over_body("aftership-hmac-sha256")),
        Proof::Signature(Signature::over_body("as-signature-hmac-sha256")),
        Proof::Signature(Signature {
            prefix: "hmac-sha256=",
            ..Signature::over_body("am-webhook-signature")
        }),
    ],
    strict: false,
};

const SOURCE: &str = "aftership";

pub(super) fn shipments(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.require("event", body.line("event"))?;
    if !matches!(event.as_str(), "tracking_update" | "edd_revise" | "tracking_pending_time") {
        return Ok(Accepted::ignored(format!("event {event} is not one that this URL takes")));
    }
    let tracking = body.require("msg", body.object("msg"))?;
    let (key, mut report) = parcel::numbered(&tracking, "tracking_number")?;
    let tag = tracking.require("tag", tracking.line("tag"))?;
    let at = moment(&tracking, "updated_at").or_else(|| moment(body, "ts"));
    let at = tracking.require("updated_at", at)?;
    let is_returning = tracking.bool("return_to_sender").unwrap_or_default();
    let state =
        |object: &Object<'_>, tag: &str| state(tag, &object.line("subtag").unwrap_or_default(), is_returning);

    let mut newest = None;
    for checkpoint in tracking.objects("checkpoints").unwrap_or_default() {
        let (Some(tag), Some(at)) = (checkpoint.line("tag"), happened_at(&checkpoint)) else { continue };
        parcel::reach(&mut report.states, state(&checkpoint, &tag), at);
        if newest.is_none_or(|newest| newest <= at) {
            newest = Some(at);
            report.note = checkpoint.comment("message");
        }
    }
    let estimates =
        ["latest_estimated_delivery", "first_estimated_delivery"].map(|name| estimated(&tracking, name));
    // Revised for the worse: a parcel that comes earlier is no delay.
    if event == "edd_revise" && matches!(estimates, [Some(latest), Some(first)] if latest > first) {
        parcel::reach(&mut report.states, ShipmentState::Delayed, at);
    }
    let older = || ["aftership_estimated_delivery_date", "courier_estimated_delivery_date"];
    report.estimated_at = estimates[0]
        .or_else(|| estimate(&tracking, "expected_delivery"))
        .or_else(|| {
            older().iter().find_map(|name| estimate(&tracking.object(name)?, "estimated_delivery_date"))
        })
        .or(estimates[1]);
    // What older integrations put there is the number that the buyer sees.
    let (number, order_id) = match person::id(&tracking, "order_id") {
        Some(id) if id.starts_with('#') => (Some(id), None),
        id => (person::id(&tracking, "order_number"), id),
    };
    report.order_id = order_id;
    report.tracking_url =
        tracking.url("aftership_tracking_url").or_else(|| tracking.url("courier_tracking_link"));
    report.carrier = tracking.line("slug");
    report.contact = buyer(&tracking);
    let mut keys = person::keys(&report.contact);
    keys.extend([
        Some(key),
        report.order_id.as_deref().and_then(Key::order),
        number.as_deref().and_then(Key::order_number),
    ]);
    Ok(parcel::fact(at, SOURCE, keys, state(&tracking, &tag), report))
}

/// When a scan happened. Most carriers give local times without offset; then the moment when AfterShip learned of it is
/// nearer to the truth than a guess at where the parcel was.
fn happened_at(checkpoint: &Object<'_>) -> Option<Time> {
    placed(checkpoint, "checkpoint_time")
        .or_else(|| placed(checkpoint, "created_at"))
        .or_else(|| checkpoint.time("checkpoint_time"))
}

/// `{"type": "specific", "datetime": ...}`, or a range, whose end counts.
fn estimated(tracking: &Object<'_>, name: &str) -> Option<Time> {
    let given = tracking.object(name)?;
    estimate(&given, "datetime_max").or_else(|| estimate(&given, "datetime"))
}

/// Whoever bought. Not `emails`: those are subscribers, and a shop's own address may stand there for every parcel. Not
/// the receiver either, who may be given a present.
fn buyer(tracking: &Object<'_>) -> Contact {
    let customers = tracking.objects("customers").unwrap_or_default();
    let mut contact = Contact::default();
    if let Some(buyer) = customers.iter().find(|customer| customer.line("role").as_deref() == Some("buyer")) {
        contact.email = person::email(buyer, "email");
        contact.phone = person::phone(buyer, "phone_number");
        contact.locale = buyer.parsed("language", "a language tag", text::locale);
        person::named(buyer.line("name"), &mut contact);
    }
    contact
}

/// AfterShip's nine tags, and the few subtags that are another state here. What is new is kept as it is.
fn state(tag: &str, subtag: &str, is_returning: bool) -> ShipmentState {
    match (tag, subtag) {
        ("Delivered", _) if is_returning => ShipmentState::Returning,
        ("Exception", "Exception_004" | "Exception_005" | "Exception_016" | "Exception_017") => {
            ShipmentState::Delayed
        }
        ("Exception", "Exception_010" | "Exception_011") => ShipmentState::Returning,
        ("Pending" | "InfoReceived", _) => ShipmentState::Packed,
        ("InTransit", _) => ShipmentState::InTransit,
        ("OutForDelivery", _) => ShipmentState::OutForDelivery,
        ("AvailableForPickup", _) => ShipmentState::ReadyForPickup,
        ("AttemptFail", _) => ShipmentState::AttemptFailed,
        ("Delivered", _) => ShipmentState::Delivered,
        ("Exception", _) => ShipmentState::Exception,
        // Nothing was heard of it for 30 days.
        ("Expired", _) => ShipmentState::Other("stale".to_owned()),
        (other, _) => ShipmentState::Other(other.to_ascii_lowercase()),
    }
}

//! Shippo: `Shippo-Auth-Signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 over the time, a full stop and the body. It signs only
//! when its support was asked to; until then the URL carries the secret, `?token=<secret>`.

use super::json::Object;
use super::moment::{estimate, moment};
use super::problem::Problem;
use super::verify::{Encoding, Piece, Proof, Signature, SignedTime, TimeIn};
use super::{Accepted, Delivery, Sender, parcel};
use crate::fact::ShipmentState;
use crate::time::Time;

pub(super) const SENDER: Sender = Sender {
    name: "shippo",
    proofs: &[
        Proof::Signature(Signature {
            separator: Some(','),
            prefix: "v1=",
            encoding: Encoding::Hex,
            message: &[Piece::Time, Piece::Text("."), Piece::Body],
            time: Some(SignedTime::unix(TimeIn::Entry("t="))),
            ..Signature::over_body("shippo-auth-signature")
        }),
        Proof::Token,
    ],
    strict: false,
};

const SOURCE: &str = "shippo";

pub(super) fn shipments(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.require("event", body.line("event"))?;
    if event != "track_updated" {
        return Ok(Accepted::ignored(format!("event {event} is not one that this URL takes")));
    }
    let track = body.require("data", body.object("data"))?;
    let (key, mut report) = parcel::numbered(&track, "tracking_number")?;
    if track.has("tracking_status") && track.object("tracking_status").is_none() {
        return Ok(Accepted::ignored("the carrier knows nothing of this parcel yet"));
    }
    let present = track.require("tracking_status", track.object("tracking_status"))?;
    let status = present.require("status", present.line("status"))?;
    let at = present.require("status_date", happened_at(&present))?;

    for scan in track.objects("tracking_history").unwrap_or_default() {
        let (Some(status), Some(at)) = (scan.line("status"), happened_at(&scan)) else { continue };
        parcel::reach(&mut report.states, state(&scan, &status), at);
    }
    report.note = present.comment("status_details");
    report.estimated_at = estimate(&track, "eta");
    report.tracking_url = track.url("tracking_url_provider");
    report.carrier = track.line("carrier");
    Ok(parcel::fact(at, SOURCE, vec![Some(key)], state(&present, &status), report))
}

/// When the carrier says that it happened, else when Shippo wrote it down.
fn happened_at(scan: &Object<'_>) -> Option<Time> {
    moment(scan, "status_date").or_else(|| moment(scan, "object_created"))
}

/// Shippo's six states, and the substates that are another state here. What is new is kept as it is.
fn state(scan: &Object<'_>, status: &str) -> ShipmentState {
    let substatus = scan.object("substatus").and_then(|substatus| substatus.line("code"));
    let substatus = substatus.unwrap_or_default().to_ascii_lowercase();
    match (status, substatus.as_str()) {
        ("PRE_TRANSIT", _) => ShipmentState::Packed,
        ("DELIVERED", _) => ShipmentState::Delivered,
        ("RETURNED", _) => ShipmentState::Returning,
        ("TRANSIT", "out_for_delivery") => ShipmentState::OutForDelivery,
        ("TRANSIT", "pickup_available") => ShipmentState::ReadyForPickup,
        (
            "TRANSIT" | "FAILURE",
            "delivery_attempted" | "notice_left" | "location_inaccessible" | "reschedule_delivery",
        ) => ShipmentState::AttemptFailed,
        ("TRANSIT", "delayed" | "delivery_rescheduled") => ShipmentState::Delayed,
        ("TRANSIT", "package_damaged" | "address_issue" | "contact_carrier") | ("FAILURE", _) => {
            ShipmentState::Exception
        }
        ("TRANSIT", _) => ShipmentState::InTransit,
        (other, _) => ShipmentState::from(other.to_ascii_lowercase().as_str()),
    }
}

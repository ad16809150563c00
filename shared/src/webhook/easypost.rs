//! EasyPost: `X-Hmac-Signature`, `hmac-sha256-hex=` and the hex of HMAC-SHA256 over the body, keyed with the NFKD form of
//! the secret. One URL gets everything (`batch.created`, `payment.completed`, ...), so the description tells.

use super::json::Object;
use super::moment::{estimate, moment};
use super::problem::Problem;
use super::verify::{Encoding, Proof, Signature, as_nfkd};
use super::{Accepted, Delivery, Sender, parcel};
use crate::fact::ShipmentState;

pub(super) const SENDER: Sender = Sender {
    name: "easypost",
    proofs: &[Proof::Signature(Signature {
        prefix: "hmac-sha256-hex=",
        encoding: Encoding::Hex,
        key: as_nfkd,
        ..Signature::over_body("x-hmac-signature")
    })],
    strict: false,
};

const SOURCE: &str = "easypost";

/// `tracker.created` and `tracker.updated`. Test mode is taken like any other: who points it here wants to see it work.
pub(super) fn shipments(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let description = body.require("description", body.line("description"))?;
    if !matches!(description.as_str(), "tracker.created" | "tracker.updated") {
        return Ok(Accepted::ignored(format!("{description} is not one that this URL takes")));
    }
    let tracker = body.require("result", body.object("result"))?;
    let (key, mut report) = parcel::numbered(&tracker, "tracking_code")?;
    let status = tracker.require("status", tracker.line("status"))?;
    // The tracker's own time: the event's `updated_at` moves with each attempt at delivery.
    let at = moment(&tracker, "updated_at").or_else(|| moment(body, "created_at"));
    let at = tracker.require("updated_at", at)?;
    let is_returning = tracker.bool("is_return").unwrap_or_default();
    let state = |object: &Object<'_>, status: &str| {
        state(status, &object.line("status_detail").unwrap_or_default(), is_returning)
    };

    let mut newest = None;
    for detail in tracker.objects("tracking_details").unwrap_or_default() {
        let (Some(status), Some(at)) = (detail.line("status"), moment(&detail, "datetime")) else { continue };
        parcel::reach(&mut report.states, state(&detail, &status), at);
        if newest.is_none_or(|newest| newest <= at) {
            newest = Some(at);
            report.note = detail.comment("message");
        }
    }
    report.estimated_at = estimate(&tracker, "est_delivery_date");
    report.tracking_url = tracker.url("public_url");
    report.carrier = tracker.line("carrier");
    Ok(parcel::fact(at, SOURCE, vec![Some(key)], state(&tracker, &status), report))
}

/// EasyPost's states, and the few details that are another state here. What is new is kept as it is.
fn state(status: &str, detail: &str, is_returning: bool) -> ShipmentState {
    match (status, detail) {
        ("delivered", _) if is_returning => ShipmentState::Returning,
        ("in_transit", "delayed" | "weather_delay" | "missorted") => ShipmentState::Delayed,
        ("failure", "delivery_exception") => ShipmentState::AttemptFailed,
        ("failure" | "return_to_sender", "return") | ("return_to_sender", _) => ShipmentState::Returning,
        ("pre_transit", _) => ShipmentState::Packed,
        ("available_for_pickup", _) => ShipmentState::ReadyForPickup,
        ("failure" | "error", _) => ShipmentState::Exception,
        // `in_transit`, `out_for_delivery`, `delivered`, `cancelled` are called the same here.
        (other, _) => ShipmentState::from(other.to_ascii_lowercase().as_str()),
    }
}

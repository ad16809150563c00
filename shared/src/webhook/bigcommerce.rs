//! BigCommerce: Standard Webhooks headers, but keyed with the app's client secret as it is, not as base64. Bodies are
//! thin (`order 250 was created`), so they become requests to fetch the order. One checkout fires three scopes; within
//! one second they are the same fact.

use super::api::Api;
use super::json::Object;
use super::problem::Problem;
use super::verify::{Proof, Signature, as_text};
use super::{Accepted, Delivery, Sender};
use crate::fact::{Event, Fetch};
use crate::key::Key;
use crate::time::Time;

mod order;

pub(super) const SENDER: Sender = Sender {
    name: "bigcommerce",
    proofs: &[Proof::Signature(Signature { key: as_text, ..Signature::STANDARD })],
    strict: false,
};

const SOURCE: &str = "bigcommerce";

/// [Orders V2](https://developer.bigcommerce.com/docs/rest-management/orders), below a store's own address.
pub(super) const API: Api = Api {
    name: SOURCE,
    token_header: "x-auth-token",
    order: |id| ["/v2/orders/", id].concat(),
    parts: order::parts,
    read: order::read,
};

/// `store/order/*`.
pub(super) fn orders(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fetch(body, "store/order/", "id")
}

/// `store/shipment/*`: the order knows its parcels.
pub(super) fn shipments(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fetch(body, "store/shipment/", "orderId")
}

fn fetch(body: &Object<'_>, scopes: &str, id: &str) -> Result<Accepted, Problem> {
    let scope = body.require("scope", body.line("scope"))?;
    if !scope.starts_with(scopes) {
        return Ok(Accepted::ignored(format!("scope {scope} is not one that this URL takes")));
    }
    let data = body.require("data", body.object("data"))?;
    let order_id = data.require(id, data.id(id))?;
    let at = body.require("created_at", body.whole("created_at"))?;
    let at = Time::from_seconds(i64::from(at));
    let keys = vec![Key::order(&order_id)];
    Ok(Accepted::fact(at, SOURCE, keys, Event::Fetch(Fetch { platform: SOURCE.to_owned(), order_id })))
}

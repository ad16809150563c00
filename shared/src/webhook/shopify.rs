//! Shopify: `X-Shopify-Hmac-Sha256`, base64 of HMAC-SHA256 over the body, keyed with the app's client secret (webhooks
//! made in the admin are signed with a secret of the store; configure both). The 2026 Events use the same header names
//! without `X-`.
//!
//! The topic stands in a header, and headers are not signed. So a topic only says where to look; what happened is read
//! from the body, and a body that does not fit its topic is refused.

use super::api::Api;
use super::json::Object;
use super::problem::Problem;
use super::verify::{Proof, Signature};
use super::{Accepted, Delivery, Sender};
use crate::time::Time;

mod order;
mod privacy;
mod shipment;

pub(super) use order::orders;
pub(super) use privacy::requests;
pub(super) use shipment::shipments;

pub(super) const SENDER: Sender = Sender {
    name: "shopify",
    proofs: &[
        Proof::Signature(Signature::over_body("x-shopify-hmac-sha256")),
        Proof::Signature(Signature::over_body("shopify-hmac-sha256")),
    ],
    strict: false,
};

const SOURCE: &str = "shopify";

/// The Admin API over REST, whose orders are those of the webhooks.
pub(super) const API: Api = Api {
    name: SOURCE,
    token_header: "x-shopify-access-token",
    order: |id| ["/admin/api/2026-04/orders/", id, ".json"].concat(),
    parts: |_, _| Vec::new(),
    read: order::fetched,
};

/// The topic in lower case: `orders/create`. Events name a resource and an action instead (`Order`, `create`).
fn topic(delivery: &Delivery<'_>) -> Option<String> {
    let header = |name| delivery.header(name).map(str::trim).filter(|value| !value.is_empty());
    let topic = header("x-shopify-topic").or_else(|| header("shopify-topic"))?.to_ascii_lowercase();
    match header("shopify-action") {
        Some(action) if !topic.contains('/') => Some([&topic, "s/", &action.to_ascii_lowercase()].concat()),
        _ => Some(topic),
    }
}

/// When Shopify triggered a webhook: for bodies without a time of their own.
fn triggered_at(delivery: &Delivery<'_>) -> Result<Time, Problem> {
    let header =
        delivery.header("x-shopify-triggered-at").or_else(|| delivery.header("shopify-triggered-at"));
    header.and_then(Time::parse).ok_or_else(|| {
        Problem::unprocessable(
            "x-shopify-triggered-at",
            "The body has no time, so this header must have one.",
        )
    })
}

/// Refuses a body that is not of its topic: one that has a field it must not have, or none of those it must have.
fn fits(body: &Object<'_>, any_of: &[&str], none_of: &[&str]) -> Result<(), Problem> {
    if let Some(name) = none_of.iter().find(|name| body.has(name)) {
        return Err(body.problem(name, "A body of this topic has no such field."));
    }
    match any_of {
        [first, ..] if !any_of.iter().any(|name| body.has(name)) => body.require(first, None),
        _ => Ok(()),
    }
}

/// The answer to a topic that this URL has no use for.
fn ignored(topic: &str) -> Accepted {
    Accepted::ignored(format!("topic {topic} is not one that this URL takes"))
}

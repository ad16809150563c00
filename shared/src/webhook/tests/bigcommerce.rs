use serde_json::json;

use super::*;
use crate::fact::Event;

const ORDER: &str = include_str!("../../../fixtures/bigcommerce/order-created.json");
const SHIPMENT: &str = include_str!("../../../fixtures/bigcommerce/shipment-created.json");

#[track_caller]
fn fetches(routes: &[Route], body: impl AsRef<[u8]>, order_id: &str) {
    let fact = fact(bigcommerce(body.as_ref()).send(routes, SECRETS));
    assert_eq!(keys(&fact), [format!("order:{order_id}")]);
    let Event::Fetch(fetch) = fact.event else { panic!() };
    assert_eq!((fetch.platform.as_str(), fetch.order_id.as_str()), ("bigcommerce", order_id));
}

#[test]
fn thin_bodies_ask_for_the_order() {
    fetches(ORDER_CREATED, ORDER, "250");
    fetches(SHIPMENT_UPDATED, SHIPMENT, "251");
    for scope in ["store/order/updated", "store/order/statusUpdated", "store/order/refund/created"] {
        fetches(ORDER_CREATED, changed(ORDER, &[("scope", Some(json!(scope)))]), "250");
    }
}

/// One checkout fires three scopes, mostly within one second.
#[test]
fn the_scopes_of_one_checkout_are_one_fact() {
    let id = |scope: &str| {
        let body = changed(ORDER, &[("scope", Some(json!(scope))), ("hash", Some(json!(scope)))]);
        fact(bigcommerce(&body).send(ORDER_CREATED, SECRETS)).id()
    };
    assert_eq!(id("store/order/created"), id("store/order/updated"));
}

#[test]
fn other_scopes_are_ignored() {
    for scope in ["store/customer/created", "store/product/updated", "store/shipment/created"] {
        let body = changed(ORDER, &[("scope", Some(json!(scope)))]);
        is_ignored(&bigcommerce(&body).send(ORDER_CREATED, SECRETS));
    }
    is_ignored(&bigcommerce(ORDER.as_bytes()).send(SHIPMENT_UPDATED, SECRETS));
}

#[test]
fn captured_payloads_settle() {
    for (name, body) in captured("bigcommerce") {
        let body = body.to_string();
        settles(&name, bigcommerce(body.as_bytes()).send(ORDER_CREATED, SECRETS));
        settles(&name, bigcommerce(body.as_bytes()).send(SHIPMENT_UPDATED, SECRETS));
    }
}

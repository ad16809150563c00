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

// ── What the API answers ────────────────────────────────────────────────────

const API_ORDER: &str = include_str!("../../../fixtures/api/bigcommerce/order.json");
const API_PRODUCTS: &str = include_str!("../../../fixtures/api/bigcommerce/products.json");
const API_SHIPMENTS: &str = include_str!("../../../fixtures/api/bigcommerce/shipments.json");

/// The facts in the answers for an order with these changes.
fn fetched(changes: &[(&str, Option<Value>)]) -> Vec<Fact> {
    let order = String::from_utf8(changed(API_ORDER, changes)).unwrap();
    let api = api::find("bigcommerce").unwrap();
    let parts = api::parts(api, "250", order.as_bytes()).unwrap();
    let mut whole = format!(r#"{{"order":{order}"#);
    for (name, path) in parts {
        let part = match name {
            "products" => API_PRODUCTS,
            "shipments" => API_SHIPMENTS,
            other => panic!("{other}"),
        };
        assert!(path.starts_with(&format!("/v2/orders/250/{name}")), "{path}");
        whole = format!(r#"{whole},"{name}":{part}"#);
    }
    whole.push('}');
    api::read(api, whole.as_bytes()).unwrap()
}

fn fetched_order(changes: &[(&str, Option<Value>)]) -> crate::fact::OrderReport {
    let Event::Order(report) = fetched(changes).remove(0).event else { panic!() };
    report
}

#[test]
fn an_order_is_read_from_the_api_s_answers() {
    let facts = fetched(&[("items_shipped", Some(json!(1)))]);
    insta::assert_snapshot!(facts.iter().map(written).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_order_without_parcels_is_not_asked_for_any() {
    assert_eq!(fetched(&[]).len(), 1);
}

#[test]
fn every_status_has_its_stages() {
    use crate::fact::OrderStage::{Cancelled, Fulfilled, Paid, PartlyFulfilled, Placed, Refunded};
    let unpaid = ("payment_status", Some(json!("")));
    for (status, expected) in [
        (0, &[][..]),
        (1, &[]),
        (2, &[Placed, Paid, Fulfilled]),
        (3, &[Placed, Paid, PartlyFulfilled]),
        (4, &[Placed, Paid, Refunded]),
        (5, &[Placed, Cancelled]),
        (6, &[]),
        (7, &[Placed]),
        (8, &[Placed, Paid]),
        (9, &[Placed, Paid]),
        (10, &[Placed, Paid, Fulfilled]),
        (11, &[Placed, Paid]),
        (12, &[Placed]),
        (13, &[Placed]),
        (14, &[Placed, Paid]),
        (99, &[Placed]),
    ] {
        let report = fetched_order(&[("status_id", Some(json!(status))), unpaid.clone()]);
        assert_eq!(report.stages.keys().copied().collect::<Vec<_>>(), expected, "{status}");
    }
    let captured = fetched_order(&[("status_id", Some(json!(7)))]);
    assert!(captured.stages.contains_key(&Paid), "captured, whatever the status says");
    let shipped =
        [("status_id", Some(json!(2))), ("date_shipped", Some(json!("Sun, 22 Nov 2026 09:15:00 +0100")))];
    assert_eq!(fetched_order(&shipped).stages[&Fulfilled], time("2026-11-22T08:15:00Z"));
}

#[test]
fn traps_of_bigcommerce_s_orders() {
    // A guest, and a typed phone number without a country.
    let guest = [("customer_id", Some(json!(0))), ("billing_address.phone", Some(json!("030 1234567")))];
    assert_eq!(keys(&fetched(&guest)[0]), ["email:ann@example.com", "number:250", "order:250"]);
    // Nobody was asked: neither yes nor no.
    assert!(fetched_order(&[("is_email_opt_in", Some(json!(false)))]).contact.marketing.is_empty());
    assert!(fetched_order(&[("payment_method", Some(json!("Test Payment Gateway")))]).test);
    let back = fetched_order(&[("refunded_amount", Some(json!("50.0000")))]);
    assert_eq!(back.refunds["all"].amount.as_ref().map(|amount| amount.minor), Some(5000));
    // The same answer at another time is the same fact.
    assert_eq!(fetched(&[])[0].id(), fetched(&[])[0].id());
    for (date, is_read) in [
        ("Sat, 21 Nov 2026 16:53:25 +0000", true),
        ("21 Nov 2026 16:53:25 GMT", true),
        ("Sat, 1 Nov 2026 16:53:25 -0500", true),
        ("2026-11-21T16:53:25Z", true),
        ("Sat, 21 Foo 2026 16:53:25 +0000", false),
        ("Sat, 21 Nov 2026", false),
        ("Sat, 21 Nov 2026 16:53", false),
        ("now", false),
    ] {
        let changes = [("date_created", None), ("date_modified", Some(json!(date)))];
        let order = String::from_utf8(changed(API_ORDER, &changes)).unwrap();
        let whole = format!(r#"{{"order":{order},"products":null}}"#);
        let result = api::read(api::find("bigcommerce").unwrap(), whole.as_bytes());
        assert_eq!(result.is_ok(), is_read, "{date}: {result:?}");
    }
}

#[test]
fn whatever_the_api_answers_there_is_no_panic() {
    let api = api::find("bigcommerce").unwrap();
    for order in ["null", "[]", "{}", "1", "\"x\"", r#"{"id":250}"#, r#"{"id":"","status_id":11}"#] {
        for part in ["null", "[]", "{}", "[null]", "[{}]", r#"[{"id":1}]"#] {
            let whole = format!(r#"{{"order":{order},"products":{part},"shipments":{part}}}"#);
            assert!(api::read(api, whole.as_bytes()).is_err(), "{whole}");
            let _ = api::parts(api, "250", order.as_bytes());
        }
    }
}

/// What Shopify answers is what its webhooks carry, in an envelope.
#[test]
fn shopify_s_answer_is_the_fact_of_its_webhook() {
    let order = include_str!("../../../fixtures/shopify/order.json");
    let sent = fact(shopify("orders/updated", order.as_bytes()).send(ORDER_CREATED, SECRETS));
    let whole = format!(r#"{{"order":{{"order":{order}}}}}"#);
    let fetched = api::read(api::find("shopify").unwrap(), whole.as_bytes()).unwrap();
    assert_eq!(fetched, [sent]);
}

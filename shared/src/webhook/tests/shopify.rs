use serde_json::{Value, json};

use super::*;
use crate::fact::{Channel, Event, OrderReport, OrderStage, PrivacyKind, ShipmentReport, ShipmentState};
use crate::field::Field;
use crate::money::Money;

const ORDER: &str = include_str!("../../../fixtures/shopify/order.json");
const REFUND: &str = include_str!("../../../fixtures/shopify/refund.json");
const RETURN: &str = include_str!("../../../fixtures/shopify/return.json");
const FULFILLMENT: &str = include_str!("../../../fixtures/shopify/fulfillment.json");
const CARRIER_EVENT: &str = include_str!("../../../fixtures/shopify/fulfillment-event.json");
const REDACT: &str = include_str!("../../../fixtures/shopify/customers-redact.json");
const DATA_REQUEST: &str = include_str!("../../../fixtures/shopify/customers-data_request.json");
const SHOP_REDACT: &str = include_str!("../../../fixtures/shopify/shop-redact.json");
const UNINSTALLED: &str = include_str!("../../../fixtures/shopify/app-uninstalled.json");
const EMAIL_CONSENT: &str = include_str!("../../../fixtures/shopify/email-consent.json");
const SMS_CONSENT: &str = include_str!("../../../fixtures/shopify/sms-consent.json");

fn routes(topic: &str) -> &'static [Route] {
    match topic.split_once('/').map_or("", |(resource, _)| resource) {
        "fulfillments" | "fulfillment_events" => SHIPMENT_UPDATED,
        "orders" | "refunds" | "returns" => ORDER_CREATED,
        _ => PRIVACY_REQUEST,
    }
}

fn send(topic: &str, body: impl AsRef<[u8]>) -> Result<Accepted, Problem> {
    shopify(topic, body.as_ref()).send(routes(topic), SECRETS)
}

fn order(changes: &[(&str, Option<Value>)]) -> OrderReport {
    match fact(send("orders/updated", changed(ORDER, changes))).event {
        Event::Order(report) => report,
        other => panic!("{other:?}"),
    }
}

fn shipment(topic: &str, body: impl AsRef<[u8]>) -> ShipmentReport {
    match fact(send(topic, body)).event {
        Event::Shipment(report) => report,
        other => panic!("{other:?}"),
    }
}

fn money(text: &str, currency: &str) -> Option<Money> {
    Money::parse(text, currency)
}

// ── Orders ──────────────────────────────────────────────────────────────────

#[test]
fn an_order_is_read_as_it_is() {
    let fact = fact(send("orders/create", ORDER));
    assert_eq!(fact.at, time("2026-11-20T08:30:02Z"));
    assert_eq!(
        keys(&fact),
        [
            "customer:7420991112223334445",
            "email:ann@example.com",
            "number:1001",
            "order:5890127823912345678",
            "phone:+4930123456",
        ]
    );
    insta::assert_snapshot!(written(&fact), @r#"
    {
      "at": 1795163402000,
      "source": "shopify",
      "keys": [
        "customer:7420991112223334445",
        "email:ann@example.com",
        "number:1001",
        "order:5890127823912345678",
        "phone:+4930123456"
      ],
      "event": {
        "order": {
          "id": "5890127823912345678",
          "number": "1001",
          "stages": {
            "placed": 1795163400000
          },
          "total": {
            "minor": 11889,
            "currency": "EUR"
          },
          "shown_total": {
            "minor": 11125,
            "currency": "CHF"
          },
          "items": [
            {
              "line_id": "14890127823912345671",
              "product_id": "9001",
              "sku": "CAFE-1",
              "title": "Espresso machine",
              "variant": "red",
              "quantity": 1,
              "price": {
                "minor": 6890,
                "currency": "EUR"
              }
            },
            {
              "line_id": "14890127823912345672",
              "title": "Gift card",
              "vendor": "Beans",
              "quantity": 1,
              "price": {
                "minor": 4999,
                "currency": "EUR"
              },
              "digital": true
            }
          ],
          "status_url": "https://beans.example/orders/6f1c/authenticate?key=abc",
          "contact": {
            "email": "ann@example.com",
            "phone": "+49 30 123456",
            "first_name": "Ann",
            "last_name": "Berg",
            "locale": "de-DE",
            "country": "CH",
            "region": "ZH",
            "marketing": {
              "email": true
            },
            "marketing_at": 1795163400000
          }
        }
      }
    }
    "#);
}

#[test]
fn stages_take_the_best_time_there_is() {
    let updated = time("2026-11-20T08:30:02Z");
    let placed = (OrderStage::Placed, time("2026-11-20T08:30:00Z"));
    let check = |changes: &[(&str, Option<Value>)], expected: &[(OrderStage, Time)]| {
        let stages: Vec<_> = order(changes).stages.into_iter().collect();
        let expected: Vec<_> = [placed].iter().chain(expected).copied().collect();
        assert_eq!(stages, expected, "{changes:?}");
    };
    check(&[], &[]);
    check(&[("financial_status", Some(json!("authorized")))], &[]);
    check(&[("financial_status", Some(json!("paid")))], &[(OrderStage::Paid, updated)]);
    check(&[("financial_status", Some(json!("partially_refunded")))], &[(OrderStage::Paid, updated)]);
    check(
        &[("financial_status", Some(json!("refunded")))],
        &[(OrderStage::Paid, updated), (OrderStage::Refunded, updated)],
    );
    let refunds = json!([{"id": 1, "created_at": "2026-11-19T00:00:00Z"}, {"id": 2, "processed_at": "2026-11-20T00:00:00Z"}]);
    check(
        &[("financial_status", Some(json!("refunded"))), ("refunds", Some(refunds))],
        &[(OrderStage::Paid, updated), (OrderStage::Refunded, time("2026-11-20T00:00:00Z"))],
    );
    let parcels = json!([
        {"status": "success", "created_at": "2026-11-21T00:00:00Z"},
        {"status": "success", "created_at": "2026-11-22T00:00:00Z"},
        {"status": "cancelled", "created_at": "2026-11-23T00:00:00Z"},
    ]);
    check(
        &[("fulfillment_status", Some(json!("partial"))), ("fulfillments", Some(parcels.clone()))],
        &[(OrderStage::PartlyFulfilled, time("2026-11-21T00:00:00Z"))],
    );
    check(
        &[("fulfillment_status", Some(json!("fulfilled"))), ("fulfillments", Some(parcels))],
        &[(OrderStage::Fulfilled, time("2026-11-22T00:00:00Z"))],
    );
    check(&[("fulfillment_status", Some(json!("pending")))], &[]);
    check(
        &[("cancelled_at", Some(json!("2026-11-20T12:00:00+01:00")))],
        &[(OrderStage::Cancelled, time("2026-11-20T11:00:00Z"))],
    );
}

#[test]
fn an_order_without_a_change_is_dated_by_its_creation() {
    let body = changed(ORDER, &[("updated_at", None)]);
    assert_eq!(fact(send("orders/create", body)).at, time("2026-11-20T08:30:00Z"));
    let body = changed(ORDER, &[("updated_at", Some(json!("example string"))), ("created_at", None)]);
    assert_eq!(wrong_field(send("orders/create", body)), "updated_at");
}

#[test]
fn the_contact_is_the_order_s_and_never_a_second_person() {
    let email = |changes: &[(&str, Option<Value>)]| {
        let fact = fact(send("orders/create", changed(ORDER, changes)));
        let of_keys: Vec<_> =
            keys(&fact).into_iter().filter(|key| key.starts_with("email:")).map(str::to_owned).collect();
        let Event::Order(report) = fact.event else { panic!() };
        (report.contact.email, of_keys)
    };
    let some = |text: &str| Field::Some(text.to_owned());
    let contact = ("contact_email", Some(json!("contact@example.com")));
    assert_eq!(
        email(std::slice::from_ref(&contact)),
        (some("ann@example.com"), vec!["email:ann@example.com".to_owned()])
    );
    assert_eq!(email(&[("email", None), contact.clone()]).0, some("contact@example.com"));
    assert_eq!(email(&[("email", Some(json!(""))), contact]).0, some("contact@example.com"));
    let account = email(&[("email", None), ("contact_email", None)]);
    assert_eq!(account, (some("ann.account@example.com"), vec!["email:ann.account@example.com".to_owned()]));
    let nobody = [("email", Some(Value::Null)), ("contact_email", None), ("customer", Some(Value::Null))];
    assert_eq!(email(&nobody), (Field::None, vec![]));
    assert_eq!(
        email(&[("email", None), ("contact_email", None), ("customer", None)]),
        (Field::Absent, vec![])
    );
    let placeholder = [("email", Some(json!("example string"))), ("contact_email", None), ("customer", None)];
    assert_eq!(email(&placeholder), (Field::Absent, vec![]));
}

#[test]
fn the_delivery_address_gives_the_place_but_not_the_name() {
    let contact = order(&[("customer", None)]).contact;
    assert_eq!(contact.first_name.as_deref(), Some("Ann"));
    assert_eq!((contact.country.as_deref(), contact.region.as_deref()), (Some("CH"), Some("ZH")));
    let contact = order(&[("shipping_address", Some(Value::Null))]).contact;
    assert_eq!((contact.country.as_deref(), contact.region.as_deref()), (Some("DE"), Some("BE")));
}

#[test]
fn money_is_exact_or_left_out() {
    let report = order(&[]);
    assert_eq!(report.total, money("118.89", "EUR"));
    assert_eq!(report.shown_total, money("111.25", "CHF"));
    let same = json!({"presentment_money": {"amount": "118.89", "currency_code": "EUR"}});
    assert_eq!(order(&[("total_price_set", Some(same))]).shown_total, None);
    let yen = order(&[("currency", Some(json!("JPY"))), ("total_price", Some(json!("500")))]);
    assert_eq!(yen.total, money("500", "JPY"));
    assert_eq!(order(&[("total_price", Some(json!(118.89)))]).total, money("118.89", "EUR"));
    assert_eq!(order(&[("total_price", Some(json!("example string")))]).total, None);
    assert_eq!(order(&[("currency", None)]).total, None);
}

#[test]
fn an_id_beyond_64_bits_is_kept_and_a_rounded_one_is_not_an_id() {
    let with_id = |id: &str| ORDER.replace("5890127823912345678,", &format!("{id},"));
    let fact = fact(send("orders/create", with_id("123456789012345678901234567890")));
    assert!(keys(&fact).contains(&"order:123456789012345678901234567890"));
    for wrong in ["5.89e18", "1.0", "-1", "1E3"] {
        assert_eq!(wrong_field(send("orders/create", with_id(wrong))), "id", "{wrong}");
    }
}

#[test]
fn topics_without_use_are_ignored_and_unknown_ones_too() {
    for topic in ["orders/delete", "draft_orders/create", "checkouts/create", "products/update", "x"] {
        is_ignored(&shopify(topic, ORDER.as_bytes()).send(ORDER_CREATED, SECRETS));
    }
    for topic in ["orders/create", "carts/update"] {
        is_ignored(&shopify(topic, b"{}").send(SHIPMENT_UPDATED, SECRETS));
        is_ignored(&shopify(topic, b"{}").send(PRIVACY_REQUEST, SECRETS));
    }
}

#[test]
fn without_a_topic_a_body_is_what_the_url_is_for() {
    let request = shopify("x", ORDER.as_bytes()).without("x-shopify-topic");
    assert_eq!(request.send(ORDER_CREATED, SECRETS), send("orders/create", ORDER));
    let request = shopify("x", FULFILLMENT.as_bytes()).without("x-shopify-topic");
    assert_eq!(request.send(SHIPMENT_UPDATED, SECRETS), send("fulfillments/create", FULFILLMENT));
    let request = shopify("x", REDACT.as_bytes()).without("x-shopify-topic");
    assert_eq!(wrong_field(request.send(PRIVACY_REQUEST, SECRETS)), "x-shopify-topic");
}

/// Headers are not signed: whoever holds one signed body could send it under any topic.
#[test]
fn a_body_that_does_not_fit_its_topic_is_refused() {
    let bodies = [
        ("orders/create", ORDER),
        ("refunds/create", REFUND),
        ("returns/close", RETURN),
        ("fulfillments/create", FULFILLMENT),
        ("fulfillment_events/create", CARRIER_EVENT),
        ("customers/redact", REDACT),
        ("customers/data_request", DATA_REQUEST),
        ("shop/redact", SHOP_REDACT),
        ("app/uninstalled", UNINSTALLED),
        ("customers_email_marketing_consent/update", EMAIL_CONSENT),
        ("customers_marketing_consent/update", SMS_CONSENT),
    ];
    for (topic, _) in bodies {
        for (of, body) in bodies {
            let result = send(topic, body);
            if topic == of {
                fact(result);
            } else {
                assert!(matches!(result, Err(Problem::Unprocessable { .. })), "{of} as {topic}: {result:?}");
            }
        }
    }
}

// ── Refunds, returns, edits ─────────────────────────────────────────────────

#[test]
fn a_refund_counts_the_money_that_went_back() {
    let fact = fact(send("refunds/create", REFUND));
    assert_eq!(keys(&fact), ["order:5890127823912345678"]);
    assert_eq!(fact.at, time("2026-11-28T09:00:01Z"));
    let Event::Order(report) = fact.event else { panic!() };
    let refund = &report.refunds["8900881860478923190"];
    assert_eq!(refund.amount, money("68.90", "EUR"));
    assert_eq!(refund.reason.as_deref(), Some("Arrived scratched"));
    assert_eq!(refund.lines["14890127823912345671"], 1);
    assert!(report.stages.is_empty(), "whether it was all of the order is for the order to say");

    // Without transactions, or with some in another currency, the lines tell.
    for transactions in
        [json!([]), json!([{"kind": "refund", "status": "success", "amount": "9", "currency": "CHF"}])]
    {
        let result = send("refunds/create", changed(REFUND, &[("transactions", Some(transactions))]));
        let Event::Order(report) = super::fact(result).event else { panic!() };
        assert_eq!(report.refunds["8900881860478923190"].amount, money("68.90", "EUR"));
    }
}

#[test]
fn an_order_and_its_refund_webhook_tell_the_same_refund() {
    let refund: Value = serde_json::from_str(REFUND).unwrap();
    let of_order = order(&[("refunds", Some(json!([refund])))]).refunds;
    let Event::Order(report) = fact(send("refunds/create", REFUND)).event else { panic!() };
    assert_eq!(of_order, report.refunds);
}

#[test]
fn returns_are_dated_by_their_trigger() {
    let check = |status: &str, stages: usize| {
        let fact = fact(send("returns/close", changed(RETURN, &[("status", Some(json!(status)))])));
        assert_eq!(fact.at, time("2026-11-21T19:59:58.123Z"));
        let Event::Order(report) = fact.event else { panic!() };
        assert_eq!(report.returns["1231345645678901234"], status.to_lowercase());
        assert_eq!(report.stages.len(), stages);
    };
    check("requested", 0);
    check("OPEN", 0);
    check("closed", 1);
    let undated = shopify("returns/close", RETURN.as_bytes()).without("x-shopify-triggered-at");
    assert_eq!(wrong_field(undated.send(ORDER_CREATED, SECRETS)), "x-shopify-triggered-at");
}

#[test]
fn an_edit_asks_for_the_order() {
    let fact = fact(send("orders/edited", include_str!("../../../fixtures/shopify/order-edited.json")));
    assert_eq!(fact.at, time("2026-11-20T09:05:00Z"));
    let Event::Fetch(fetch) = fact.event else { panic!() };
    assert_eq!((fetch.platform.as_str(), fetch.order_id.as_str()), ("shopify", "5890127823912345678"));
}

// ── Parcels ─────────────────────────────────────────────────────────────────

#[test]
fn a_fulfilment_is_read_as_it_is() {
    let fact = fact(send("fulfillments/update", FULFILLMENT));
    assert_eq!(
        keys(&fact),
        [
            "email:ann@example.com",
            "order:5890127823912345678",
            "shipment:4290127823912345001",
            "tracking:00340434161094000000",
            "tracking:00340434161094000001",
        ]
    );
    let Event::Shipment(report) = fact.event else { panic!() };
    assert_eq!(
        report.states.into_iter().collect::<Vec<_>>(),
        [
            (ShipmentState::Shipped, time("2026-11-21T07:00:00Z")),
            (ShipmentState::OutForDelivery, time("2026-11-22T16:45:00Z")),
        ]
    );
    assert_eq!(report.tracking_url.as_deref(), Some("https://track.example/00340434161094000000"));
    assert_eq!(report.contact.first_name, None, "the parcel may be a present");
    assert_eq!(report.contact.country.as_deref(), Some("CH"));
}

#[test]
fn fulfilments_in_every_state() {
    let check = |status: Value, shipment_status: Value, expected: &[&str]| {
        let body =
            changed(FULFILLMENT, &[("status", Some(status)), ("shipment_status", Some(shipment_status))]);
        let report = shipment("fulfillments/update", body);
        assert_eq!(report.states.keys().map(ShipmentState::as_str).collect::<Vec<_>>(), expected);
    };
    check(json!("success"), Value::Null, &["shipped"]);
    check(json!("pending"), Value::Null, &["packed"]);
    check(json!("cancelled"), Value::Null, &["cancelled"]);
    check(json!("failure"), Value::Null, &["fulfillment_failure"]);
    check(Value::Null, json!("delivered"), &["delivered"]);
    check(json!("success"), json!("label_printed"), &["packed", "shipped"]);
}

#[test]
fn carrier_events_in_every_state() {
    for (word, state) in [
        ("label_purchased", "packed"),
        ("label_printed", "packed"),
        ("confirmed", "packed"),
        ("carrier_picked_up", "shipped"),
        ("in_transit", "in_transit"),
        ("out_for_delivery", "out_for_delivery"),
        ("ready_for_pickup", "ready_for_pickup"),
        ("ready_for_recipient_pickup", "ready_for_pickup"),
        ("attempted_delivery", "attempt_failed"),
        ("delayed", "delayed"),
        ("failure", "exception"),
        ("returning_to_sender", "returning"),
        ("delivered", "delivered"),
        ("picked_up", "delivered"),
        ("DELIVERED", "delivered"),
        ("buyer_action_required", "buyer_action_required"),
    ] {
        let body = changed(CARRIER_EVENT, &[("status", Some(json!(word)))]);
        let report = shipment("fulfillment_events/create", body);
        assert_eq!(
            report.states.into_keys().map(|state| state.as_str().to_owned()).collect::<Vec<_>>(),
            [state]
        );
    }
}

// ── Privacy and consent ─────────────────────────────────────────────────────

#[track_caller]
fn request(topic: &str, body: impl AsRef<[u8]>) -> (Vec<String>, String, PrivacyKind) {
    let fact = fact(send(topic, body));
    assert_eq!(fact.at, time("2026-11-21T19:59:58.123Z"));
    let keys = keys(&fact).into_iter().map(str::to_owned).collect();
    let Event::Privacy(request) = fact.event else { panic!() };
    (keys, request.id, request.kind)
}

#[test]
fn privacy_requests_name_the_person_and_their_orders() {
    let (keys, id, kind) = request("customers/data_request", DATA_REQUEST);
    assert_eq!(
        keys,
        ["customer:7420991112223334445", "email:ann.account@example.com", "order:5890127823912345678",]
    );
    assert_eq!((id.as_str(), kind), ("9999", PrivacyKind::Export));

    let (keys, id, kind) = request("customers/redact", REDACT);
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert_eq!(kind, PrivacyKind::Erase);
    assert!(!id.contains("ann"), "the name of a request outlives the person's data");

    assert_eq!(request("shop/redact", SHOP_REDACT).0, ["shop:548380009"]);
    assert_eq!(request("shop/redact", SHOP_REDACT).2, PrivacyKind::EraseShop);
    assert_eq!(request("app/uninstalled", UNINSTALLED).2, PrivacyKind::Uninstalled);
}

#[test]
fn a_privacy_request_is_not_lost_for_want_of_a_date() {
    let undated = shopify("customers/redact", REDACT.as_bytes()).without("x-shopify-triggered-at");
    assert_eq!(fact(undated.send(PRIVACY_REQUEST, SECRETS)).at, NOW);
}

#[test]
fn consent_absent_refused_and_granted_are_three_things() {
    let check = |state: Value, at: Value, expected: Option<bool>| {
        let body = changed(
            EMAIL_CONSENT,
            &[
                ("email_marketing_consent.state", Some(state)),
                ("email_marketing_consent.consent_updated_at", Some(at)),
            ],
        );
        let result = send("customers_email_marketing_consent/update", body);
        let Some(expected) = expected else { return is_ignored(&result) };
        let fact = fact(result);
        assert_eq!(keys(&fact), ["customer:7420991112223334445", "email:ann.account@example.com"]);
        let Event::Consent(report) = fact.event else { panic!() };
        assert_eq!(report.contact.marketing.into_iter().collect::<Vec<_>>(), [(Channel::Email, expected)]);
    };
    let at = json!("2026-11-25T12:00:00+01:00");
    check(json!("subscribed"), at.clone(), Some(true));
    check(json!("SUBSCRIBED"), at.clone(), Some(true));
    check(json!("unsubscribed"), at.clone(), Some(false));
    check(json!("unsubscribed"), Value::Null, Some(false));
    check(json!("pending"), at.clone(), Some(false));
    check(json!("invalid"), at.clone(), Some(false));
    check(json!("not_subscribed"), at.clone(), Some(false));
    check(json!("not_subscribed"), Value::Null, None);
    check(Value::Null, Value::Null, None);
    check(json!("a new word"), at, None);
}

#[test]
fn sms_consent_is_about_sms() {
    let fact = fact(send("customers_marketing_consent/update", SMS_CONSENT));
    assert_eq!(keys(&fact), ["customer:7420991112223334445", "phone:+4930123456"]);
    assert_eq!(fact.at, time("2026-11-25T11:00:00Z"));
    let Event::Consent(report) = fact.event else { panic!() };
    assert_eq!(report.contact.marketing.into_iter().collect::<Vec<_>>(), [(Channel::Sms, true)]);
}

// ── Captured payloads ───────────────────────────────────────────────────────

#[test]
fn captured_payloads_settle() {
    let wrappers =
        ["response", "order", "orders", "fulfillment", "fulfillment_events", "fulfillment_event", "refund"];
    for (name, content) in captured("shopify") {
        let file = name.rsplit('/').next().unwrap();
        let topic = match file.split_once("--").map_or(file, |(topic, _)| topic).trim_end_matches("-docs") {
            "orders-edited" | "orders-edited-anon" => "orders/edited".to_owned(),
            topic if topic.starts_with("orders-delete") => "orders/delete".to_owned(),
            topic if topic.starts_with("orders") => "orders/create".to_owned(),
            topic if topic.starts_with("fulfillments") => "fulfillments/update".to_owned(),
            topic if topic.starts_with("fulfillment_events") => "fulfillment_events/create".to_owned(),
            topic => topic.replacen('-', "/", 1),
        };
        let wrappers = if topic == "orders/edited" { &wrappers[..1] } else { &wrappers[..] };
        let mut bodies = unwrapped(content, wrappers);
        if let [Value::Object(inner)] = &bodies[..]
            && inner.contains_key("order_edit") != (topic == "orders/edited")
        {
            bodies.clear();
        }
        for body in bodies {
            let result = send(&topic, body.to_string());
            println!(
                "{topic} {name}: {}",
                match &result {
                    Ok(Accepted::Fact(fact)) => String::from_utf8(fact.to_bytes()).unwrap(),
                    other => format!("{other:?}"),
                }
            );
            settles(&name, result);
        }
    }
}

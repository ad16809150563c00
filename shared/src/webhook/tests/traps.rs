//! What a naive receiver gets wrong: one test for each trap of the senders we know. The numbers are those of the list
//! that the project keeps of every sender's traps.

use serde_json::{Value, json};

use super::*;
use crate::customer::Customer;
use crate::fact::{Channel, Event, OrderStage};
use crate::field::Field;
use crate::join::Join;
use crate::money::Money;

const ORDER: &str = include_str!("../../../fixtures/shopify/order.json");
const FULFILLMENT: &str = include_str!("../../../fixtures/shopify/fulfillment.json");
const CARRIER_EVENT: &str = include_str!("../../../fixtures/shopify/fulfillment-event.json");
const REDACT: &str = include_str!("../../../fixtures/shopify/customers-redact.json");
const WOOCOMMERCE_ORDER: &str = include_str!("../../../fixtures/woocommerce/order.json");
const BIGCOMMERCE_ORDER: &str = include_str!("../../../fixtures/bigcommerce/order-created.json");

fn order(topic: &str, body: impl AsRef<[u8]>) -> Fact {
    fact(shopify(topic, body.as_ref()).send(ORDER_CREATED, SECRETS))
}

/// The records of facts, joined in every order and with every fact twice: always the same.
#[track_caller]
fn join_in_every_order(facts: &[Fact]) -> Customer {
    let mut orders = vec![vec![]];
    for _ in facts {
        orders = orders
            .into_iter()
            .flat_map(|taken: Vec<usize>| {
                let left: Vec<usize> = (0..facts.len()).filter(|n| !taken.contains(n)).collect();
                left.into_iter().map(move |n| [&taken[..], &[n]].concat())
            })
            .collect();
    }
    let mut records = orders.into_iter().map(|order| {
        let mut record = Customer::default();
        for n in order.iter().chain(order.iter().rev()) {
            record.join(Customer::from(facts[*n].clone()));
        }
        record
    });
    let first = records.next().unwrap();
    for other in records {
        assert_eq!(first, other);
    }
    first
}

#[test]
fn trap_01_neither_the_delivery_s_id_nor_the_event_s_decides_but_the_state() {
    let paid = changed(ORDER, &[("financial_status", Some(json!("paid")))]);
    let send = |topic: &str, body: &[u8], delivery: &str, event: &str| {
        let request =
            shopify(topic, body).with("X-Shopify-Webhook-Id", delivery).with("X-Shopify-Event-Id", event);
        fact(request.send(ORDER_CREATED, SECRETS)).id()
    };
    // One event under two topics, two subscriptions to one topic: the same state is one fact.
    assert_eq!(send("orders/create", &paid, "w1", "e1"), send("orders/paid", &paid, "w2", "e1"));
    // Different states are two, even with the same ids.
    assert_ne!(send("orders/create", ORDER.as_bytes(), "w1", "e1"), send("orders/paid", &paid, "w1", "e1"));
}

#[test]
fn trap_02_a_retry_with_the_old_body_does_not_undo_what_came_after() {
    let newer = changed(
        ORDER,
        &[
            ("updated_at", Some(json!("2026-11-22T00:00:00Z"))),
            ("email", Some(json!("new@example.com"))),
            ("line_items", Some(json!([]))),
        ],
    );
    let record = join_in_every_order(&[order("orders/create", ORDER), order("orders/updated", newer)]);
    let order = &record.orders["5890127823912345678"];
    assert_eq!(order.items.get().map(Vec::len), Some(0));
    assert_eq!(record.email_for(order), Some("new@example.com"));
}

#[test]
fn trap_03_the_order_of_arrival_does_not_matter_and_there_is_no_replay_window() {
    let paid = changed(
        ORDER,
        &[
            ("financial_status", Some(json!("paid"))),
            ("updated_at", Some(json!("2026-11-20T09:31:00+01:00"))),
        ],
    );
    let shipped = changed(
        ORDER,
        &[
            ("financial_status", Some(json!("paid"))),
            ("fulfillment_status", Some(json!("fulfilled"))),
            ("updated_at", Some(json!("2026-11-21T09:31:00+01:00"))),
        ],
    );
    let cancelled = changed(
        ORDER,
        &[
            ("cancelled_at", Some(json!("2026-11-23T09:31:00+01:00"))),
            ("updated_at", Some(json!("2026-11-23T09:31:00+01:00"))),
        ],
    );
    let facts = [
        order("orders/create", ORDER),
        order("orders/paid", paid),
        order("orders/updated", shipped),
        order("orders/cancelled", cancelled),
    ];
    assert!(facts.iter().all(|fact| fact.keys == facts[0].keys), "one order, one person");
    let record = join_in_every_order(&facts);
    let stages = &record.orders["5890127823912345678"].stages;
    assert_eq!(stages[&OrderStage::Paid].0, time("2026-11-20T08:31:00Z"), "the first report that says so");
    assert_eq!(stages.len(), 4);

    // A trigger time is not signed: an old or missing one proves nothing and refuses nothing.
    for triggered_at in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "rubbish"] {
        let request = shopify("orders/create", ORDER.as_bytes()).with("x-shopify-triggered-at", triggered_at);
        assert_eq!(fact(request.send(ORDER_CREATED, SECRETS)), facts[0]);
    }
}

#[test]
fn trap_04_headers_of_both_generations_in_any_case() {
    let signature = base64_hmac(SHOPIFY_SECRET.as_bytes(), ORDER.as_bytes());
    let request = Request::json(ORDER.as_bytes())
        .with("SHOPIFY-HMAC-SHA256", &signature)
        .with("shopify-topic", "Order")
        .with("shopify-action", "create");
    assert_eq!(fact(request.send(ORDER_CREATED, SECRETS)), order("orders/create", ORDER));
    let request = Request::json(ORDER.as_bytes())
        .with("X-SHOPIFY-HMAC-SHA256", &signature)
        .with("X-SHOPIFY-TOPIC", "ORDERS/CREATE");
    assert_eq!(fact(request.send(ORDER_CREATED, SECRETS)), order("orders/create", ORDER));
}

#[test]
fn trap_05_any_of_several_secrets_may_have_signed() {
    for secret in ["the app's", "the store's", "the one before"] {
        let request = shopify("orders/create", ORDER.as_bytes())
            .with("x-shopify-hmac-sha256", &base64_hmac(secret.as_bytes(), ORDER.as_bytes()));
        let secrets = [("shopify", "the app's"), ("shopify", "the store's"), ("shopify", "the one before")];
        fact(request.send(ORDER_CREATED, &secrets));
        assert_eq!(request.send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized));
    }
}

#[test]
fn trap_06_consent_is_the_box_at_checkout_then_and_there() {
    let marketing = |changes: &[(&str, Option<Value>)]| {
        let Event::Order(report) = order("orders/create", changed(ORDER, changes)).event else { panic!() };
        (report.contact.marketing.into_iter().collect::<Vec<_>>(), report.contact.marketing_at)
    };
    let placed_at = Some(time("2026-11-20T08:30:00Z"));
    assert_eq!(marketing(&[]), (vec![(Channel::Email, true)], placed_at));
    let refused = ("buyer_accepts_marketing", Some(json!(false)));
    // A box that nobody ticked is not the same as somebody who opted out.
    assert_eq!(marketing(&[refused]), (vec![], None));
    let absent = ("buyer_accepts_marketing", None);
    assert_eq!(marketing(&[absent]), (vec![], None));
    // What older versions had is not what the buyer said for this order.
    let old = ("customer.accepts_marketing", Some(json!(true)));
    assert_eq!(marketing(&[("buyer_accepts_marketing", None), old]), (vec![], None));

    // An order that changes later still carries the box; it must not undo an opt-out in between.
    let consent = include_str!("../../../fixtures/shopify/email-consent.json");
    let opted_out = fact(
        shopify("customers_email_marketing_consent/update", consent.as_bytes())
            .send(PRIVACY_REQUEST, SECRETS),
    );
    let later = changed(ORDER, &[("updated_at", Some(json!("2026-12-24T00:00:00Z")))]);
    let record =
        join_in_every_order(&[order("orders/create", ORDER), opted_out, order("orders/updated", later)]);
    assert_eq!(record.profile.marketing[&Channel::Email].get(), Some(&false));
}

#[test]
fn trap_07_absent_keys_say_nothing_and_a_missing_customer_is_no_reason_to_fail() {
    let protected: Vec<(&str, Option<Value>)> = [
        "email",
        "contact_email",
        "phone",
        "customer",
        "billing_address",
        "shipping_address",
        "order_status_url",
    ]
    .map(|name| (name, None))
    .to_vec();
    let fact = order("orders/create", changed(ORDER, &protected));
    assert_eq!(keys(&fact), ["number:1001", "order:5890127823912345678"]);
    let Event::Order(report) = &fact.event else { panic!() };
    assert_eq!((&report.contact.email, &report.contact.phone), (&Field::Absent, &Field::Absent));
    // And so a report without protected data takes nothing away from one with them.
    let later = [&protected[..], &[("updated_at", Some(json!("2026-12-01T00:00:00Z")))]].concat();
    let record = join_in_every_order(&[
        order("orders/create", ORDER),
        order("orders/updated", changed(ORDER, &later)),
    ]);
    assert_eq!(record.email(), Some("ann@example.com"));

    let guest = order("orders/create", changed(ORDER, &[("customer", Some(Value::Null))]));
    assert!(keys(&guest).contains(&"email:ann@example.com"));
    // The account's address differs from the order's: the order's counts, and the other is no key.
    assert!(!keys(&order("orders/create", ORDER)).contains(&"email:ann.account@example.com"));
}

#[test]
fn trap_08_ids_beyond_what_a_float_can_hold() {
    let fact = order("orders/create", ORDER);
    let text = String::from_utf8(fact.to_bytes()).unwrap();
    for id in ["5890127823912345678", "7420991112223334445", "14890127823912345671"] {
        assert!(text.contains(id), "{id}");
    }
}

#[test]
fn trap_09_test_orders_cancelled_at_creation_and_money_in_every_shape() {
    let sample = changed(
        ORDER,
        &[
            ("test", Some(json!(true))),
            ("financial_status", Some(json!("voided"))),
            ("cancelled_at", Some(json!("2026-11-20T09:30:00+01:00"))),
        ],
    );
    let Event::Order(report) = order("orders/create", sample).event else { panic!() };
    assert!(report.test);
    assert!(report.stages.contains_key(&OrderStage::Cancelled));
    assert!(!report.stages.contains_key(&OrderStage::Fulfilled));
    assert_eq!(report.shown_total, Money::parse("111.25", "CHF"));
    let refund = include_str!("../../../fixtures/shopify/refund.json");
    let number = changed(
        refund,
        &[(
            "transactions",
            Some(json!([{"kind": "refund", "status": "success", "amount": 68.9, "currency": "EUR"}])),
        )],
    );
    let Event::Order(report) = order("refunds/create", number).event else { panic!() };
    assert_eq!(report.refunds["8900881860478923190"].amount, Money::parse("68.90", "EUR"));
}

#[test]
fn trap_10_lines_with_next_to_nothing() {
    let Event::Order(report) = order("orders/create", ORDER).event else { panic!() };
    let items = report.items.unwrap();
    assert_eq!(items[0].quantity, 1, "one of two was removed");
    assert_eq!((items[0].vendor.as_deref(), items[0].product_type.as_deref()), (None, None));
    assert_eq!((items[1].product_id.as_deref(), items[1].sku.as_deref()), (None, None));
    assert_eq!((items[0].digital, items[1].digital), (false, true));
    let bare = changed(
        ORDER,
        &[("line_items", Some(json!([{}, {"properties": {}, "quantity": null, "title": null}])))],
    );
    let Event::Order(report) = order("orders/create", bare).event else { panic!() };
    assert_eq!(report.items.map(|items| items.len()), Some(2));
}

#[test]
fn trap_11_a_carrier_event_before_its_fulfilment_finds_the_person_all_the_same() {
    let shipment =
        |topic: &str, body: &str| fact(shopify(topic, body.as_bytes()).send(SHIPMENT_UPDATED, SECRETS));
    let event = shipment("fulfillment_events/create", CARRIER_EVENT);
    assert_eq!(keys(&event), ["order:5890127823912345678", "shipment:4290127823912345001"]);
    let facts = [event, shipment("fulfillments/create", FULFILLMENT), order("orders/create", ORDER)];
    let record = join_in_every_order(&facts);
    assert_eq!(record.shipments.len(), 1);
    assert_eq!(record.email(), Some("ann@example.com"));
}

#[test]
fn trap_12_privacy_topics_refuse_a_bad_signature_with_401_and_take_whatever_names_the_person() {
    let send = |body: &[u8]| shopify("customers/redact", body).send(PRIVACY_REQUEST, SECRETS);
    let forged = shopify("customers/redact", REDACT.as_bytes()).with("x-shopify-hmac-sha256", "invalid");
    assert_eq!(forged.send(PRIVACY_REQUEST, SECRETS).unwrap_err().status(), 401);
    for (body, key) in [
        (
            r#"{"shop_domain":"{shop}.myshopify.com","customer":{"email":"john@example.com"},"orders_to_redact":[]}"#,
            "email:john@example.com",
        ),
        (r#"{"shop_domain":"x","customer":{"id":191167}}"#, "customer:191167"),
        (r#"{"shop_domain":"x","customer":{"id":null,"phone":null},"orders_to_redact":[1]}"#, "order:1"),
        (r#"{"shop_id":1,"orders_to_redact":["2"]}"#, "order:2"),
    ] {
        assert_eq!(keys(&fact(send(body.as_bytes()))), [key]);
    }
    assert_eq!(wrong_field(send(br#"{"shop_id":1,"customer":{},"orders_to_redact":[]}"#)), "customer");
    // Asked twice, it is one request.
    assert_eq!(fact(send(REDACT.as_bytes())).id(), fact(send(REDACT.as_bytes())).id());
}

#[test]
fn trap_13_the_unsigned_greeting_gets_its_200_and_delivery_ids_are_not_trusted() {
    let ping = Request::new(b"webhook_id=7")
        .with("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    is_ignored(&ping.send(ORDER_CREATED, SECRETS));
    // Two orders of one second share a delivery id.
    let other = changed(WOOCOMMERCE_ORDER, &[("id", Some(json!(728)))]);
    let id = |body: &[u8]| fact(woocommerce("order.created", body).send(ORDER_CREATED, SECRETS)).id();
    assert_ne!(id(WOOCOMMERCE_ORDER.as_bytes()), id(&other));
}

#[test]
fn trap_14_woocommerce_drafts_dates_guests_and_numbers() {
    let send = |changes: &[(&str, Option<Value>)]| {
        woocommerce("order.created", &changed(WOOCOMMERCE_ORDER, changes)).send(ORDER_CREATED, SECRETS)
    };
    for status in ["checkout-draft", "auto-draft", "draft"] {
        is_ignored(&send(&[("status", Some(json!(status)))]));
    }
    // Local dates cannot be read: without the others the fact would be hours off.
    let local = [("date_created_gmt", None), ("date_modified_gmt", None)];
    assert_eq!(wrong_field(send(&local)), "date_modified_gmt");
    let fact = fact(send(&[]));
    assert_eq!(fact.at, time("2026-11-20T14:31:00Z"));
    assert!(!keys(&fact).contains(&"customer:0"));
}

/// 17TRACK hashes `body/key` without an HMAC, `TrackingMore` signs the time and not the body, parcelLab, Trustpilot and Yotpo
/// sign nothing, Jotform sends forms. None of that proves a body, so none of it is taken for a proof, whoever's secret it
/// holds.
#[test]
fn traps_22_23_25_26_what_proves_no_body_is_refused() {
    const BODY: &[u8] = br#"{"event":"TRACKING_UPDATED","data":{"number":"RR123456789CN"}}"#;
    let form =
        Request::new(b"--x\r\ncontent-disposition: form-data; name=\"submissionID\"\r\n\r\n1\r\n--x--");
    let requests = [
        Request::json(BODY).with("sign", "327d31b8c9fe1ddb316d428438449742b278989647da99d4bf0b14104aa43ea7"),
        Request::json(BODY)
            .with("timestamp", "1795291200")
            .with("signature", "a7c98d832421985841ec329be7a62d03a4d5382299357c509e553c217ebe4290"),
        Request::json(BODY).with("authorization", "Basic YS1zZWNyZXQtb2YtdGhlLXNob3A6"),
        Request::json(BODY),
        form.with("content-type", "multipart/form-data; boundary=x"),
    ];
    for (event, routes) in EVENTS {
        let secrets: Vec<(&str, &str)> =
            routes.iter().map(|route| (route.sender.name, "a-secret-of-the-shop")).collect();
        for request in &requests {
            assert_eq!(request.send(routes, &secrets), Err(Problem::Unauthorized), "{event}: {request:?}");
        }
    }
}

#[test]
fn trap_24_bigcommerce_is_standard_webhooks_with_the_secret_as_it_is() {
    fact(bigcommerce(BIGCOMMERCE_ORDER.as_bytes()).send(ORDER_CREATED, SECRETS));
    // Base64 of the secret is another key, and the generic secret is not BigCommerce's.
    let encoded = format!("whsec_{}", BASE64.encode(BIGCOMMERCE_SECRET));
    assert_eq!(
        bigcommerce(BIGCOMMERCE_ORDER.as_bytes()).send(ORDER_CREATED, &[("bigcommerce", &encoded)]),
        Err(Problem::Unauthorized)
    );
    // Whoever's secret signed is the sender, so a generic body is not read as BigCommerce's.
    let body = br#"{"type":"order.created","timestamp":"2026-11-20T09:30:00Z","data":{"order":{"id":1}}}"#;
    assert_eq!(fact(generic(body).send(ORDER_CREATED, SECRETS)).source, "generic");
    assert_eq!(
        fact(bigcommerce(BIGCOMMERCE_ORDER.as_bytes()).send(ORDER_CREATED, SECRETS)).source,
        "bigcommerce"
    );
}

#[test]
fn trap_27_standard_webhooks_rotation_window_and_retries() {
    let body = br#"{"type":"order.created","timestamp":"2026-11-20T09:30:00Z","data":{"order":{"id":1}}}"#;
    let good = generic(body);
    let signature = good.headers["webhook-signature"].to_str().unwrap().to_owned();
    let with = |header: &str| good.clone().with("webhook-signature", header).send(ORDER_CREATED, SECRETS);
    fact(with(&format!("v1,AAAA {signature}")));
    fact(with(&format!(
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {signature}"
    )));
    fact(with(&format!("v2,whatever {signature} rubbish")));
    assert_eq!(with(&signature.replace("v1,", "v2,")), Err(Problem::Unauthorized));
    assert_eq!(with(&signature.replace("v1,", "")), Err(Problem::Unauthorized));
    assert_eq!(with(&"v1,AAAA ".repeat(100_000)), Err(Problem::Unauthorized));

    let aged = |seconds: i64| {
        let now = Time::from_seconds(NOW.seconds() + seconds);
        Request { now, ..good.clone() }.send(ORDER_CREATED, SECRETS)
    };
    for inside in [0, 299, -299, 300, -300] {
        fact(aged(inside));
    }
    for outside in [301, -301, 86_400, i64::MAX / 2000] {
        assert_eq!(aged(outside), Err(Problem::Unauthorized), "{outside}");
    }
    for malformed in
        ["", "now", "1795291200.0", "+1795291200", "2026-11-21T20:00:00Z", "99999999999999999999"]
    {
        let request = good.clone().with("webhook-timestamp", malformed);
        assert_eq!(request.send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized), "{malformed}");
    }
    for header in ["webhook-id", "webhook-timestamp"] {
        assert_eq!(good.clone().without(header).send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized));
    }
    // Another attempt has another timestamp and signature, and is the same fact.
    let key = BASE64.decode(WEBHOOK_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let retry = standard(&key, Time::from_seconds(NOW.seconds() + 60), body);
    assert_eq!(fact(retry.send(ORDER_CREATED, SECRETS)).id(), fact(good.send(ORDER_CREATED, SECRETS)).id());
}

use serde_json::{Value, json};

use super::*;
use crate::fact::{Event, OrderReport, OrderStage};
use crate::field::Field;
use crate::money::Money;

const ORDER: &str = include_str!("../../../fixtures/woocommerce/order.json");
const REVIEW: &str = include_str!("../../../fixtures/woocommerce/review.json");

fn send(body: impl AsRef<[u8]>) -> Result<Accepted, Problem> {
    woocommerce("order.updated", body.as_ref()).send(ORDER_CREATED, SECRETS)
}

fn review(body: impl AsRef<[u8]>) -> Result<Accepted, Problem> {
    woocommerce("product_review.created", body.as_ref()).send(REVIEW_POSTED, SECRETS)
}

fn order(changes: &[(&str, Option<Value>)]) -> OrderReport {
    match fact(send(changed(ORDER, changes))).event {
        Event::Order(report) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_read_as_it_is() {
    let fact = fact(send(ORDER));
    assert_eq!(fact.at, time("2026-11-20T14:31:00Z"));
    assert_eq!(keys(&fact), ["email:bea@example.com", "number:727", "order:727"]);
    insta::assert_snapshot!(written(&fact), @r#"
    {
      "at": 1795185060000,
      "source": "woocommerce",
      "keys": [
        "email:bea@example.com",
        "number:727",
        "order:727"
      ],
      "event": {
        "order": {
          "id": "727",
          "number": "727",
          "stages": {
            "placed": 1795185000000,
            "paid": 1795185040000
          },
          "total": {
            "minor": 3998,
            "currency": "GBP"
          },
          "items": [
            {
              "line_id": "315",
              "product_id": "93",
              "title": "Ship Your Idea – Black & White",
              "quantity": 2,
              "price": {
                "minor": 1666,
                "currency": "GBP"
              }
            },
            {
              "line_id": "316",
              "sku": "OLD-1",
              "title": "A product that is gone",
              "quantity": 1
            }
          ],
          "contact": {
            "email": "Bea@Example.com",
            "phone": "0113 496 0000",
            "first_name": "Bea",
            "last_name": "Moss",
            "country": "GB"
          }
        }
      }
    }
    "#);
}

#[test]
fn an_account_is_a_key_and_a_guest_is_not() {
    let member = fact(send(changed(ORDER, &[("customer_id", Some(json!(26)))])));
    assert!(keys(&member).contains(&"customer:26"));
    assert!(!keys(&fact(send(ORDER))).iter().any(|key| key.starts_with("customer:")));
}

#[test]
fn stages_follow_the_status() {
    let check = |status: &str, expected: &[OrderStage]| {
        let stages: Vec<_> =
            order(&[("status", Some(json!(status))), ("date_paid_gmt", None)]).stages.into_keys().collect();
        assert_eq!(stages, expected, "{status}");
    };
    check("processing", &[OrderStage::Placed]);
    check("on-hold", &[OrderStage::Placed]);
    check("a plugin's own", &[OrderStage::Placed]);
    check("cancelled", &[OrderStage::Placed, OrderStage::Cancelled]);
    check("trash", &[OrderStage::Placed, OrderStage::Cancelled]);
    check("refunded", &[OrderStage::Placed, OrderStage::Refunded]);
    // A checkout that was left before it was paid is no order yet.
    check("pending", &[]);
    check("failed", &[]);
    let done = order(&[("date_completed_gmt", Some(json!("2026-11-22T10:00:00")))]);
    assert_eq!(done.stages[&OrderStage::Paid], time("2026-11-20T14:30:40Z"));
    assert_eq!(done.stages[&OrderStage::Fulfilled], time("2026-11-22T10:00:00Z"));
}

#[test]
fn titles_are_text_and_prices_are_exact_or_left_out() {
    let Event::Order(report) = fact(send(ORDER)).event else { panic!() };
    let items = report.items.unwrap();
    assert_eq!(items[0].title, "Ship Your Idea – Black & White");
    assert_eq!(items[0].price, Money::parse("16.66", "GBP"));
    assert_eq!(items[0].sku, None);
    assert_eq!(items[1].price, None, "6.6599999999999997 is the noise of a float");
    assert_eq!(items[1].product_id, None, "0 is no product");
}

#[test]
fn refunds_are_amounts_that_went_back() {
    let refunds = json!([{"id": 940, "reason": "Too small", "total": "-9.99"}, {"id": 941, "refund": "", "total": "x"}]);
    let refunds = order(&[("refunds", Some(refunds))]).refunds;
    assert_eq!(refunds["940"].amount, Money::parse("9.99", "GBP"));
    assert_eq!(refunds["940"].reason.as_deref(), Some("Too small"));
    assert_eq!(refunds["941"].amount, None);
}

#[test]
fn empty_text_says_that_there_is_none() {
    assert_eq!(order(&[("billing.email", Some(json!("")))]).contact.email, Field::None);
    assert_eq!(order(&[("billing", None)]).contact.email, Field::Absent);
    assert_eq!(order(&[]).contact.country.as_deref(), Some("GB"));
    assert!(order(&[]).contact.marketing.is_empty());
}

#[test]
fn other_topics_are_ignored() {
    for topic in ["order.deleted", "product.created", "customer.updated", "coupon.created"] {
        is_ignored(&woocommerce(topic, br#"{"id":1}"#).send(ORDER_CREATED, SECRETS));
    }
    let action = br#"{"action":"woocommerce_new_product_review","arg":5}"#;
    is_ignored(&woocommerce("action.woocommerce_new_product_review", action).send(ORDER_CREATED, SECRETS));
    is_ignored(&woocommerce("action.woocommerce_new_product_review", action).send(REVIEW_POSTED, SECRETS));
}

#[test]
fn a_review_is_read_as_it_is() {
    let fact = fact(review(REVIEW));
    assert_eq!(keys(&fact), ["email:bea@example.com"]);
    insta::assert_snapshot!(written(&fact), @r#"
    {
      "at": 1795967287000,
      "source": "woocommerce",
      "keys": [
        "email:bea@example.com"
      ],
      "event": {
        "review": {
          "id": "5499",
          "rating_hundredths": 400,
          "rated": "4 of 1-5",
          "source": "own-shop",
          "body": "What a lovely cap & box!\n\nWould buy again.",
          "media": 0,
          "product_id": "93",
          "verified": true,
          "contact": {
            "email": "bea@example.com",
            "first_name": "Bea",
            "last_name": "Moss"
          }
        }
      }
    }
    "#);
}

#[test]
fn reviews_that_are_none_are_ignored_and_withdrawn_ones_are_marked() {
    is_ignored(&review(changed(REVIEW, &[("status", Some(json!("spam")))])));
    is_ignored(&review(changed(REVIEW, &[("rating", Some(json!(0)))])));
    let Event::Review(gone) = fact(review(changed(REVIEW, &[("status", Some(json!("trash")))]))).event else {
        panic!()
    };
    assert!(gone.withdrawn);
    let nobody = fact(review(changed(REVIEW, &[("reviewer_email", Some(json!("")))])));
    assert_eq!(keys(&nobody), ["person:woocommerce/review-5499"]);
    assert_eq!(wrong_field(review(changed(REVIEW, &[("rating", Some(json!(6)))]))), "rating");
}

#[test]
fn the_greeting_needs_a_configured_secret_and_nothing_else() {
    let form = |body: &[u8]| Request::new(body).with("content-type", "application/x-www-form-urlencoded");
    let ping = form(b"webhook_id=42");
    is_ignored(&ping.send(ORDER_CREATED, SECRETS));
    is_ignored(&ping.send(REVIEW_POSTED, SECRETS));
    assert_eq!(ping.send(ORDER_CREATED, &[("shopify", "x")]), Err(Problem::Unauthorized));
    assert_eq!(ping.send(SHIPMENT_UPDATED, SECRETS), Err(Problem::Unauthorized));
    for forged in [
        &b"webhook_id="[..],
        b"webhook_id=42&id=1",
        b"webhook_id=4x",
        b"x=1",
        b"",
        b"webhook_id=123456789012345678901",
    ] {
        assert_eq!(form(forged).send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized));
    }
    assert_eq!(Request::json(b"webhook_id=42").send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized));
    let signed = ping.with("x-wc-webhook-signature", "AAAA");
    assert_eq!(signed.send(ORDER_CREATED, SECRETS), Err(Problem::Unauthorized));
}

#[test]
fn captured_payloads_settle() {
    for (name, content) in captured("woocommerce") {
        for body in unwrapped(content, &["data"]) {
            let body = body.to_string();
            settles(&name, send(&body));
            settles(&name, review(&body));
            if name.starts_with("order-rest") || name.starts_with("orders-rest") {
                fact(send(&body));
            }
            if name.starts_with("product-review") {
                fact(review(&body));
            }
        }
    }
}

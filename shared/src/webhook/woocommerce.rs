//! WooCommerce: `X-WC-Webhook-Signature`, base64 of HMAC-SHA256 over the body. WordPress stores the secret with HTML
//! entities and signs with it decoded, so either form may be configured.
//!
//! A new webhook greets us with an unsigned form, and cannot be switched on unless that gets a 200. There are no
//! retries: what fails is lost, so bodies are read as far as they can be.

use std::collections::BTreeMap;

use super::json::Object;
use super::problem::Problem;
use super::verify::{Proof, Signature};
use super::{Accepted, Delivery, Sender, gather, rating, text};
use crate::fact::{Contact, Event, Item, OrderReport, OrderStage, Refund, Review};
use crate::field::Field;
use crate::key::Key;

pub(super) const SENDER: Sender = Sender {
    name: "woocommerce",
    proofs: &[
        Proof::Signature(Signature { key: as_wordpress, ..Signature::over_body("x-wc-webhook-signature") }),
        Proof::Hello(is_ping),
    ],
    strict: false,
};

const SOURCE: &str = "woocommerce";

/// `webhook_id=42`, sent unsigned when a webhook is made.
fn is_ping(delivery: &Delivery<'_>) -> bool {
    let id = delivery.body.strip_prefix(b"webhook_id=");
    !delivery.has_header("x-wc-webhook-signature")
        && delivery
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        && id.is_some_and(|id| (1..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
}

/// What WordPress's `wp_specialchars_decode(secret, ENT_QUOTES)` makes of a secret.
fn as_wordpress(secret: &str) -> Vec<u8> {
    text::WORDPRESS.decode(secret).into_bytes()
}

// ── Orders ──────────────────────────────────────────────────────────────────

/// `order.*`. The body is the order as it is when the webhook is delivered, which may be later than the topic says, so
/// the topic does not matter.
pub(super) fn orders(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let topic = delivery.header("x-wc-webhook-topic").unwrap_or("order.updated");
    if !topic.starts_with("order.") || topic == "order.deleted" {
        return Ok(Accepted::ignored(format!("topic {topic} is not one that this URL takes")));
    }
    let id = body.require("id", body.id("id"))?;
    let status = body.require("status", body.line("status"))?.to_ascii_lowercase();
    if matches!(status.as_str(), "checkout-draft" | "auto-draft" | "draft") {
        return Ok(Accepted::ignored("a draft: nothing is ordered yet"));
    }
    // Dates without `_gmt` are local to the store, and the body does not say where that is.
    let created_at = body.time("date_created_gmt");
    let at = body.require("date_modified_gmt", body.time("date_modified_gmt").or(created_at))?;
    let currency = body.line("currency").unwrap_or_default();
    let contact = contact(body);
    let number = body.id("number");

    let mut stages = BTreeMap::new();
    // `pending` is a checkout that has not been paid, `failed` one that could not be.
    if !matches!(status.as_str(), "pending" | "failed") {
        stages.extend(created_at.map(|created_at| (OrderStage::Placed, created_at)));
    }
    stages.extend(body.time("date_paid_gmt").map(|paid_at| (OrderStage::Paid, paid_at)));
    stages.extend(body.time("date_completed_gmt").map(|completed_at| (OrderStage::Fulfilled, completed_at)));
    match status.as_str() {
        "cancelled" | "trash" => _ = stages.insert(OrderStage::Cancelled, at),
        "refunded" => _ = stages.insert(OrderStage::Refunded, at),
        _ => {}
    }

    let keys = vec![
        Key::order(&id),
        number.as_deref().and_then(Key::order_number),
        // 0 is every guest.
        body.id("customer_id").filter(|id| id != "0").as_deref().and_then(Key::customer),
        contact.email.as_ref().value().and_then(|email| Key::email(email)),
        contact.phone.as_ref().value().and_then(|phone| Key::phone(phone)),
    ];
    let refund = |refund: &Object<'_>| {
        let amount = refund.money("total", &currency);
        // Written as a negative amount; a refund of ours says how much went back.
        let amount =
            amount.map(|amount| crate::money::Money { minor: amount.minor.saturating_abs(), ..amount });
        let reason = refund.comment("reason").or_else(|| refund.comment("refund"));
        Some((refund.id("id")?, Refund { at, amount, reason, lines: BTreeMap::new() }))
    };
    let report = OrderReport {
        total: body.money("total", &currency),
        items: body
            .objects("line_items")
            .map(|lines| lines.iter().map(|line| item(line, &currency)).collect()),
        refunds: gather(body.objects("refunds").unwrap_or_default().iter().filter_map(refund)),
        stages,
        number,
        contact,
        id,
        ..OrderReport::default()
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Order(report)))
}

/// Empty text stands for `null` in WooCommerce. It has no field for a language or for marketing consent.
fn contact(order: &Object<'_>) -> Contact {
    let billing = order.object("billing");
    let shipping = order.object("shipping");
    let line = |name| billing.as_ref().and_then(|billing| billing.line(name));
    let place = |name, parse: fn(&str) -> Option<String>| {
        let in_address = |address: &Object<'_>| address.parsed(name, "a code", parse);
        shipping.as_ref().and_then(in_address).or_else(|| billing.as_ref().and_then(in_address))
    };
    Contact {
        email: billing.as_ref().map_or(Field::Absent, |billing| billing.email("email")),
        phone: billing.as_ref().map_or(Field::Absent, |billing| billing.phone("phone")),
        first_name: line("first_name"),
        last_name: line("last_name"),
        country: place("country", text::country),
        region: place("state", text::region),
        ..Contact::default()
    }
}

fn item(line: &Object<'_>, currency: &str) -> Item {
    let title = line.parsed("name", "text", |name| text::line(&text::HTML.decode(name)));
    Item {
        line_id: line.id("id"),
        // 0 is a product that was deleted since.
        product_id: line.id("product_id").filter(|id| id != "0"),
        sku: line.line("sku"),
        title: title.unwrap_or_default(),
        quantity: line.whole("quantity").unwrap_or_default(),
        // A number, at times with the noise of a float (3.3333333): then it is no amount, and left out.
        price: line.money("price", currency),
        ..Item::default()
    }
}

// ── Reviews ─────────────────────────────────────────────────────────────────

/// A product review as the REST API has it. WooCommerce itself has no topic for reviews; plugins add one.
pub(super) fn reviews(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    if !body.has("rating") && body.has("action") {
        return Ok(Accepted::ignored("an action that carries no review"));
    }
    let id = body.require("id", body.id("id"))?;
    let rating = body.require("rating", body.number("rating"))?;
    if rating == "0" {
        return Ok(Accepted::ignored("a comment without a rating"));
    }
    let status = body.line("status").unwrap_or_default().to_ascii_lowercase();
    if status == "spam" {
        return Ok(Accepted::ignored("spam"));
    }
    let rating_hundredths = body.require("rating", rating::hundredths(rating, 1, 5))?;
    let at = body.require("date_created_gmt", body.time("date_created_gmt"))?;
    let email = body
        .said("reviewer_email", "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned()));
    let name = body.line("reviewer").unwrap_or_default();
    let (first_name, last_name) = name.split_once(' ').unwrap_or((&name, ""));
    let key = match email.as_ref() {
        Field::Some(email) => Key::email(email),
        // Nobody we know, but a review all the same.
        Field::None | Field::Absent => Key::person(SOURCE, &["review-", &id].concat()),
    };
    let review = Review {
        rating_hundredths,
        rated: [rating, " of 1-5"].concat(),
        source: "own-shop".to_owned(),
        title: None,
        body: body.parsed("review", "text", |html| text::comment(&text::plain(html))),
        media: 0,
        product_id: body.id("product_id").filter(|id| id != "0"),
        order_id: None,
        verified: body.bool("verified"),
        withdrawn: status == "trash",
        contact: Contact {
            first_name: text::line(first_name),
            last_name: text::line(last_name),
            email,
            ..Contact::default()
        },
        id,
    };
    Ok(Accepted::fact(at, SOURCE, vec![key], Event::Review(review)))
}

//! `order.created`, `order.paid`, `order.cancelled`, `order.refunded`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather, text};
use super::{Envelope, Person, SOURCE, moment, open};
use crate::fact::{Contact, Event, Item, OrderReport, OrderStage, Refund};
use crate::key::Key;
use crate::time::Time;

pub(in super::super) fn orders(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["order.created", "order.paid", "order.cancelled", "order.refunded"], order)
}

fn order(Envelope { kind, at, data }: Envelope<'_>) -> Result<Accepted, Problem> {
    let order = data.require("order", data.object("order"))?;
    let id = order.require("id", order.id("id"))?;
    let placed_at = moment(&order, "placed_at");
    let currency = order.parsed("currency", "a currency code of three letters", currency).unwrap_or_default();
    if currency.is_empty() && order.has("total") {
        return Err(order.problem("currency", "An amount needs its currency."));
    }
    // Every other event has the customer beside its subject, and so may this one.
    let person = Person::read(if order.has("customer") { &order } else { &data });
    let number = order.id("number").map(|number| number.trim_start_matches('#').to_owned());
    let keys = person.keys_with(&order, [Key::order(&id), number.as_deref().and_then(Key::order_number)])?;
    let locale = order.parsed("locale", "a language tag such as pt-BR", text::locale);
    let mut report = OrderReport {
        number,
        total: order.money("total", &currency),
        items: order.objects("items").map(|items| items.iter().map(|line| item(line, &currency)).collect()),
        promised_by: order.parsed("promised_by", "a date such as 2026-11-25", Time::parse_date),
        status_url: order.url("status_url"),
        test: order.bool("test").unwrap_or_default(),
        contact: Contact {
            locale: locale.or(person.contact.locale),
            // What the customer agreed to is as old as the order, however late we hear of it.
            marketing_at: placed_at.filter(|_| !person.contact.marketing.is_empty()),
            ..person.contact
        },
        id,
        ..OrderReport::default()
    };
    report.stages.extend(placed_at.map(|placed_at| (OrderStage::Placed, placed_at)));
    match kind.as_str() {
        "order.paid" => _ = report.stages.insert(OrderStage::Paid, at),
        "order.cancelled" => _ = report.stages.insert(OrderStage::Cancelled, at),
        "order.refunded" => refunded(&data, &currency, at, &mut report)?,
        _ => _ = report.stages.entry(OrderStage::Placed).or_insert(at),
    }
    Ok(Accepted::fact(at, SOURCE, keys, Event::Order(report)))
}

/// Without details all was paid back; with details, all of it only where they say so.
fn refunded(data: &Object<'_>, currency: &str, at: Time, report: &mut OrderReport) -> Result<(), Problem> {
    let Some(refund) = data.object("refund") else {
        report.stages.insert(OrderStage::Refunded, at);
        return Ok(());
    };
    if currency.is_empty() && refund.has("amount") {
        return Err(data.problem("order.currency", "An amount needs its currency."));
    }
    let id = refund.require("id", refund.id("id"))?;
    let amount = refund.money("amount", currency);
    let is_full = refund.bool("full").unwrap_or(amount.is_none() || amount == report.total);
    if is_full {
        report.stages.insert(OrderStage::Refunded, at);
    }
    let reason = refund.comment("reason");
    report.refunds.insert(id, Refund { at, amount, reason, lines: std::collections::BTreeMap::new() });
    Ok(())
}

fn item(line: &Object<'_>, currency: &str) -> Item {
    Item {
        line_id: line.id("line_id"),
        product_id: line.id("product_id"),
        sku: line.line("sku"),
        title: line.line("title").unwrap_or_default(),
        variant: line.line("variant"),
        vendor: line.line("vendor"),
        product_type: line.line("type"),
        tags: gather(line.lines("tags")),
        quantity: line.whole("quantity").unwrap_or(1),
        price: line.money("price", currency),
        digital: line.bool("digital").unwrap_or_default(),
    }
}

fn currency(text: &str) -> Option<String> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .then(|| text.to_ascii_uppercase())
}

//! Orders, refunds and returns.

use std::collections::BTreeMap;

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather, text};
use super::{SOURCE, fits, ignored, topic, triggered_at};
use crate::fact::{Channel, Contact, Event, Fact, Fetch, Item, OrderReport, OrderStage, Refund};
use crate::field::Field;
use crate::key::Key;
use crate::money::Money;
use crate::time::Time;

/// Everything that is said of orders.
pub(in super::super) fn orders(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    // Without a topic a body is what this URL is for; all order topics carry the whole order.
    let topic = topic(delivery).unwrap_or_else(|| "orders/create".to_owned());
    match topic.as_str() {
        "orders/create"
        | "orders/updated"
        | "orders/paid"
        | "orders/cancelled"
        | "orders/fulfilled"
        | "orders/partially_fulfilled"
        | "orders/update" => order(body),
        "orders/edited" => edited(body),
        "refunds/create" => refunded(body),
        _ if topic.starts_with("returns/") => returned(delivery, body),
        _ => Ok(ignored(&topic)),
    }
}

/// A whole order, as every order topic carries it. The fact is the same whichever topic brought it.
fn order(body: &Object<'_>) -> Result<Accepted, Problem> {
    // What belongs to an order has an `order_id`; an order has none.
    fits(body, &[], &["order_id"])?;
    let id = body.require("id", body.id("id"))?;
    let created_at = body.time("created_at");
    let at = body.require("updated_at", body.time("updated_at").or(created_at))?;
    let currency = body.line("currency").unwrap_or_default();
    let customer = body.object("customer");
    let contact = contact(body, customer.as_ref(), created_at);
    let number = body.line("name").or_else(|| body.id("order_number"));
    let number = number.map(|number| number.trim_start_matches('#').to_owned());
    let total = body.money("total_price", &currency);
    let shown = body.object("total_price_set").and_then(|set| set.object("presentment_money"));
    let shown_total = shown.and_then(|shown| shown.money("amount", &shown.line("currency_code")?));

    let keys = vec![
        Key::order(&id),
        // A number without a digit is somebody's placeholder, and would make its orders one person's.
        number
            .as_deref()
            .filter(|number| number.contains(|c: char| c.is_ascii_digit()))
            .and_then(Key::order_number),
        customer.and_then(|customer| customer.id("id")).as_deref().and_then(Key::customer),
        contact.email.as_ref().value().and_then(|email| Key::email(email)),
        contact.phone.as_ref().value().and_then(|phone| Key::phone(phone)),
    ];
    let report = OrderReport {
        stages: stages(body, created_at, at),
        shown_total: shown_total.filter(|shown| Some(shown) != total.as_ref()),
        total,
        items: body
            .objects("line_items")
            .map(|lines| lines.iter().map(|line| item(line, &currency)).collect()),
        refunds: gather(
            body.objects("refunds")
                .unwrap_or_default()
                .iter()
                .filter_map(|refund| Some((refund.id("id")?, self::refund(refund, &currency)?))),
        ),
        returns: gather(
            body.objects("returns")
                .unwrap_or_default()
                .iter()
                .filter_map(|entry| Some((entry.id("id")?, state(entry)?))),
        ),
        promised_by: None,
        status_url: body.url("order_status_url"),
        test: body.bool("test").unwrap_or_default(),
        number,
        contact,
        id,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Order(report)))
}

/// An order as the Admin API answers it: in an envelope of its own.
pub(super) fn fetched(answers: &Object<'_>) -> Result<Vec<Fact>, Problem> {
    let answer = answers.require("order", answers.object("order"))?;
    match order(&answer.require("order", answer.object("order"))?)? {
        Accepted::Fact(fact) => Ok(vec![*fact]),
        Accepted::Ignored(_) => Ok(Vec::new()),
    }
}

/// When each stage was reached. An order has a time of its own for some stages; of the others it only says that they
/// are reached, so the time of the report has to do: the earliest report that says so is the closest.
fn stages(order: &Object<'_>, created_at: Option<Time>, at: Time) -> BTreeMap<OrderStage, Time> {
    let mut stages = BTreeMap::new();
    stages.extend(created_at.map(|created_at| (OrderStage::Placed, created_at)));
    stages.extend(order.time("cancelled_at").map(|cancelled_at| (OrderStage::Cancelled, cancelled_at)));

    let payment = order.line("financial_status").unwrap_or_default();
    if matches!(payment.as_str(), "paid" | "partially_refunded" | "refunded") {
        stages.insert(OrderStage::Paid, at);
    }
    if payment == "refunded" {
        let refunds = order.objects("refunds").unwrap_or_default();
        let last = refunds.iter().filter_map(refund_time).max();
        stages.insert(OrderStage::Refunded, last.unwrap_or(at));
    }

    let parcels = order.objects("fulfillments").unwrap_or_default();
    let shipped = || {
        let parcels = parcels.iter().filter(|parcel| parcel.line("status").as_deref() != Some("cancelled"));
        parcels.filter_map(|parcel| parcel.time("created_at"))
    };
    match order.line("fulfillment_status").as_deref() {
        Some("partial") => {
            stages.insert(OrderStage::PartlyFulfilled, shipped().min().unwrap_or(at));
        }
        Some("fulfilled") => {
            stages.insert(OrderStage::Fulfilled, shipped().max().unwrap_or(at));
        }
        _ => {}
    }
    stages
}

/// Who to write to about this order.
///
/// An order has up to three addresses: its own, `contact_email`, and the one of the customer's account. The order's own
/// is the one that was typed for this order: messages go there, and it is the only one that becomes a key. The account
/// is linked by its id, which no two people share and which the platform itself put on the order. Its address is left
/// to facts that are about the account: it can change hands or be somebody else's by now, and an order that tied two
/// addresses together would make one person of everybody who ever used either, which no later fact could undo.
fn contact(order: &Object<'_>, customer: Option<&Object<'_>>, created_at: Option<Time>) -> Contact {
    let billing = order.object("billing_address");
    let shipping = order.object("shipping_address");
    let person = |name| {
        let of_account = customer.and_then(|customer| customer.line(name));
        // Not the delivery address: that may name whom the present is for.
        of_account.or_else(|| billing.as_ref().and_then(|address| address.line(name)))
    };
    let address = shipping.as_ref().or(billing.as_ref());
    // The box at checkout is about e-mail, and speaks of the moment the order was placed.
    // One that was left empty is no consent, but nobody opted out either.
    let accepts = order.bool("buyer_accepts_marketing").filter(|accepts| *accepts);
    Contact {
        email: first_said([
            order.email("email"),
            order.email("contact_email"),
            customer.map_or(Field::Absent, |customer| customer.email("email")),
        ]),
        phone: first_said([
            order.phone("phone"),
            customer.map_or(Field::Absent, |customer| customer.phone("phone")),
        ]),
        first_name: person("first_name"),
        last_name: person("last_name"),
        locale: order.parsed("customer_locale", "a language tag", text::locale),
        country: address.and_then(|address| address.parsed("country_code", "a country code", text::country)),
        region: address.and_then(|address| address.parsed("province_code", "a region code", text::region)),
        marketing: gather(accepts.map(|accepts| (Channel::Email, accepts))),
        marketing_at: accepts.and(created_at),
    }
}

/// The first of several fields that has a value. Where none has one, `null` in any of them says that there is none.
fn first_said<const N: usize>(fields: [Field<String>; N]) -> Field<String> {
    let mut said = Field::Absent;
    for field in fields {
        match field {
            Field::Some(value) => return Field::Some(value),
            Field::None => said = Field::None,
            Field::Absent => {}
        }
    }
    said
}

fn item(line: &Object<'_>, currency: &str) -> Item {
    Item {
        line_id: line.id("id"),
        product_id: line.id("product_id"),
        sku: line.line("sku"),
        title: line.line("title").or_else(|| line.line("name")).unwrap_or_default(),
        variant: line.line("variant_title"),
        vendor: line.line("vendor"),
        quantity: line.whole("current_quantity").or_else(|| line.whole("quantity")).unwrap_or_default(),
        price: line.money("price", currency),
        digital: line.bool("gift_card") == Some(true) || line.bool("requires_shipping") == Some(false),
        ..Item::default()
    }
}

// ── Refunds ─────────────────────────────────────────────────────────────────

fn refunded(body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(body, &["refund_line_items", "transactions"], &[])?;
    let id = body.require("id", body.id("id"))?;
    let order_id = body.require("order_id", body.id("order_id"))?;
    let at = body.require("created_at", refund_time(body))?;
    let refund = body.require("created_at", refund(body, ""))?;
    let keys = vec![Key::order(&order_id)];
    let refunds = gather([(id, refund)]);
    Ok(Accepted::fact(
        at,
        SOURCE,
        keys,
        Event::Order(OrderReport { id: order_id, refunds, ..OrderReport::default() }),
    ))
}

fn refund_time(refund: &Object<'_>) -> Option<Time> {
    refund.time("processed_at").or_else(|| refund.time("created_at"))
}

/// A refund as `refunds/create` and orders carry it. `currency` is the shop's, where the caller knows it.
fn refund(refund: &Object<'_>, currency: &str) -> Option<Refund> {
    let lines = refund.objects("refund_line_items").unwrap_or_default();
    // The shop's currency stands in the money sets of the refund, whatever the refund is made of.
    let shop_money = |object: &Object<'_>, set| {
        let money = object.object(set)?.object("shop_money")?;
        money.money("amount", &money.line("currency_code")?)
    };
    let duties = shop_money(refund, "total_duties_set");
    let subtotals: Vec<Option<Money>> = lines.iter().map(|line| shop_money(line, "subtotal_set")).collect();
    let of_sets = duties.iter().chain(subtotals.iter().flatten()).next().map(|money| money.currency.as_str());
    let currency = of_sets.unwrap_or(currency);
    Some(Refund {
        at: refund_time(refund)?,
        amount: paid_back(refund, currency).or_else(|| {
            let taxes = lines.iter().map(|line| shop_money(line, "total_tax_set"));
            let parts: Option<Vec<Money>> = subtotals.iter().cloned().chain(taxes).collect();
            sum(parts?)
        }),
        reason: refund.comment("note"),
        lines: lines
            .iter()
            .filter_map(|line| Some((line.id("line_item_id")?, line.whole("quantity")?)))
            .fold(BTreeMap::new(), |mut lines, (id, quantity)| {
                let total: &mut u32 = lines.entry(id).or_default();
                *total = total.saturating_add(quantity);
                lines
            }),
    })
}

/// The money that went back, in the shop's currency. A transaction without currency is in the shop's; where one is in
/// another, the lines have to tell.
fn paid_back(refund: &Object<'_>, shop_currency: &str) -> Option<Money> {
    let transactions = refund.objects("transactions")?;
    let refunds = transactions.iter().filter(|transaction| {
        transaction.line("kind").as_deref() == Some("refund")
            && transaction.line("status").as_deref() == Some("success")
    });
    let amounts: Option<Vec<Money>> = refunds
        .map(|transaction| {
            let currency = transaction.line("currency").unwrap_or_else(|| shop_currency.to_owned());
            let amount = transaction.money("amount", &currency)?;
            (shop_currency.is_empty() || amount.currency.eq_ignore_ascii_case(shop_currency))
                .then_some(amount)
        })
        .collect();
    sum(amounts?)
}

/// The sum of amounts of one currency; `None` for none at all, for mixed currencies, or beyond what money can be.
fn sum(amounts: Vec<Money>) -> Option<Money> {
    amounts.into_iter().map(Some).reduce(|sum, amount| {
        let (sum, amount) = (sum?, amount?);
        let minor = sum.minor.checked_add(amount.minor)?;
        (sum.currency == amount.currency).then_some(Money { minor, currency: sum.currency })
    })?
}

// ── Edits and returns ───────────────────────────────────────────────────────

/// An edit lists differences, which mean nothing without the order they were made to.
fn edited(body: &Object<'_>) -> Result<Accepted, Problem> {
    let edit = body.require("order_edit", body.object("order_edit"))?;
    let order_id = edit.require("order_id", edit.id("order_id"))?;
    let at = edit.require("committed_at", edit.time("committed_at").or_else(|| edit.time("created_at")))?;
    let keys = vec![Key::order(&order_id)];
    Ok(Accepted::fact(at, SOURCE, keys, Event::Fetch(Fetch { platform: SOURCE.to_owned(), order_id })))
}

/// A return has a state but no time of its own; Shopify tells when it triggered the webhook, which is the same for
/// every attempt to deliver it.
fn returned(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let id = body.require("id", body.id("id"))?;
    let order = body.require("order", body.object("order"))?;
    let order_id = order.require("id", order.id("id"))?;
    let state = body.require("status", state(body))?;
    let at = triggered_at(delivery)?;
    let mut report = OrderReport { id: order_id, ..OrderReport::default() };
    if state == "closed" {
        report.stages.insert(OrderStage::Returned, at);
    }
    report.returns.insert(id, state);
    Ok(Accepted::fact(at, SOURCE, vec![Key::order(&report.id)], Event::Order(report)))
}

fn state(entry: &Object<'_>) -> Option<String> {
    entry.line("status").map(|status| status.to_ascii_lowercase())
}

//! Orders, their lines and their parcels, as Orders V2 tells of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{gather, text};
use super::SOURCE;
use crate::fact::{
    Channel, Contact, Event, Fact, Item, OrderReport, OrderStage, Refund, ShipmentReport, ShipmentState,
};
use crate::field::Field;
use crate::key::Key;
use crate::time::Time;

/// An order names its lines and parcels by address only.
pub(super) fn parts(id: &str, answers: &Object<'_>) -> Vec<(&'static str, String)> {
    let mut parts = vec![("products", ["/v2/orders/", id, "/products?limit=250"].concat())];
    let shipped = answers.object("order").and_then(|order| order.whole("items_shipped"));
    if shipped.is_some_and(|count| count > 0) {
        parts.push(("shipments", ["/v2/orders/", id, "/shipments?limit=250"].concat()));
    }
    parts
}

/// The order, then its parcels.
pub(super) fn read(answers: &Object<'_>) -> Result<Vec<Fact>, Problem> {
    let order = answers.require("order", answers.object("order"))?;
    let mut facts = vec![self::order(&order, answers.objects("products"))?];
    let id = order.require("id", order.id("id"))?;
    let parcels = answers.objects("shipments").unwrap_or_default();
    facts.extend(parcels.iter().filter_map(|parcel| self::parcel(parcel, &id)));
    Ok(facts)
}

/// What the number of a status means: whether the order is placed, paid, and what else it has reached.
struct Status {
    placed: bool,
    paid: bool,
    stage: Option<OrderStage>,
}

impl Status {
    fn of(number: u32) -> Self {
        let (placed, paid, stage) = match number {
            // Incomplete and Pending are checkouts that nobody finished; Declined could not be paid.
            0 | 1 | 6 => (false, false, None),
            2 | 10 => (true, true, Some(OrderStage::Fulfilled)),
            3 => (true, true, Some(OrderStage::PartlyFulfilled)),
            4 => (true, true, Some(OrderStage::Refunded)),
            5 => (true, false, Some(OrderStage::Cancelled)),
            // Awaiting pickup, shipment, fulfilment; refunded in part.
            8 | 9 | 11 | 14 => (true, true, None),
            // Awaiting payment, in review, disputed, and whatever comes.
            _ => (true, false, None),
        };
        Self { placed, paid, stage }
    }
}

fn order(order: &Object<'_>, lines: Option<Vec<Object<'_>>>) -> Result<Fact, Problem> {
    let id = order.require("id", order.id("id"))?;
    let status = Status::of(order.require("status_id", order.whole("status_id"))?);
    let created_at = time(order, "date_created");
    let at = order.require("date_modified", time(order, "date_modified").or(created_at))?;
    // Amounts are in the currency in which the buyer pays; `currency_code` is the one in which prices were shown.
    let currency = order.line("default_currency_code").or_else(|| order.line("currency_code"));
    let currency = currency.unwrap_or_default();
    let payment = order.line("payment_status").unwrap_or_default().to_ascii_lowercase();
    let contact = contact(order, created_at);

    let mut stages = BTreeMap::new();
    if status.placed {
        stages.extend(created_at.map(|created_at| (OrderStage::Placed, created_at)));
    }
    if status.paid || matches!(payment.as_str(), "captured" | "paid" | "partially refunded" | "refunded") {
        stages.insert(OrderStage::Paid, at);
    }
    if let Some(stage) = status.stage {
        let is_shipping = matches!(stage, OrderStage::Fulfilled | OrderStage::PartlyFulfilled);
        let shipped_at = if is_shipping { time(order, "date_shipped") } else { None };
        stages.insert(stage, shipped_at.unwrap_or(at));
    }

    let keys = [
        Key::order(&id),
        // Buyers see the id as the order's number.
        Key::order_number(&id),
        // 0 is every guest.
        order.id("customer_id").filter(|id| id != "0").as_deref().and_then(Key::customer),
        contact.email.as_ref().value().and_then(|email| Key::email(email)),
        contact.phone.as_ref().value().and_then(|phone| Key::phone(phone)),
    ];
    // The order knows how much went back, and neither when nor in how many parts.
    let refunded = order.money("refunded_amount", &currency).filter(|amount| amount.minor > 0);
    let refund = |amount| Refund { at, amount: Some(amount), reason: None, lines: BTreeMap::new() };
    let report = OrderReport {
        number: Some(id.clone()),
        stages,
        total: order.money("total_inc_tax", &currency),
        items: lines.map(|lines| lines.iter().map(|line| item(line, &currency)).collect()),
        refunds: gather(refunded.map(|amount| ("all".to_owned(), refund(amount)))),
        test: order.line("payment_method").as_deref() == Some("Test Payment Gateway"),
        contact,
        id,
        ..OrderReport::default()
    };
    Ok(fact(at, keys, Event::Order(report)))
}

fn fact(at: Time, keys: impl IntoIterator<Item = Option<Key>>, event: Event) -> Fact {
    Fact { at, source: SOURCE.to_owned(), keys: gather(keys.into_iter().flatten()), event }
}

/// Who paid is who ordered; a delivery address may be somebody else's.
fn contact(order: &Object<'_>, created_at: Option<Time>) -> Contact {
    let billing = order.object("billing_address");
    let billing = billing.as_ref();
    // `false` is also what orders say that nobody was asked about.
    let agreed = order.bool("is_email_opt_in").filter(|agreed| *agreed);
    Contact {
        email: billing.map_or(Field::Absent, |billing| billing.email("email")),
        phone: billing.map_or(Field::Absent, |billing| billing.phone("phone")),
        first_name: billing.and_then(|billing| billing.line("first_name")),
        last_name: billing.and_then(|billing| billing.line("last_name")),
        locale: order.parsed("customer_locale", "a language tag", text::locale),
        country: billing.and_then(|billing| billing.parsed("country_iso2", "a country code", text::country)),
        // `state` is a name, not a code.
        region: None,
        marketing: gather(agreed.map(|agreed| (Channel::Email, agreed))),
        marketing_at: agreed.and(created_at),
    }
}

fn item(line: &Object<'_>, currency: &str) -> Item {
    let choices: Vec<String> = line
        .objects("product_options")
        .unwrap_or_default()
        .iter()
        .filter_map(|choice| choice.line("display_value_customer").or_else(|| choice.line("display_value")))
        .collect();
    let ordered = line.whole("quantity").unwrap_or_default();
    Item {
        line_id: line.id("id"),
        // 0 is a line that somebody typed in.
        product_id: line.id("product_id").filter(|id| id != "0"),
        sku: line.line("sku"),
        title: line.line("name_customer").or_else(|| line.line("name")).unwrap_or_default(),
        variant: if choices.is_empty() { None } else { Some(choices.join(", ")) },
        vendor: line.line("brand"),
        product_type: None,
        tags: BTreeSet::new(),
        quantity: ordered.saturating_sub(line.whole("quantity_refunded").unwrap_or_default()),
        price: line.money("price_inc_tax", currency),
        digital: line.line("type").is_some_and(|kind| kind != "physical"),
    }
}

/// A parcel that was handed over. Where it is then, BigCommerce does not tell.
fn parcel(parcel: &Object<'_>, order_id: &str) -> Option<Fact> {
    let id = parcel.id("id")?;
    let at = time(parcel, "date_created")?;
    let to = parcel.object("shipping_address");
    let number = parcel.line("tracking_number");
    let report = ShipmentReport {
        order_id: Some(order_id.to_owned()),
        states: gather([(ShipmentState::Shipped, at)]),
        tracking_url: parcel.url("tracking_link").or_else(|| parcel.url("generated_tracking_link")),
        carrier: parcel
            .line("shipping_provider_display_name")
            .or_else(|| parcel.line("tracking_carrier"))
            .or_else(|| parcel.line("shipping_provider")),
        contact: Contact {
            country: to.and_then(|to| to.parsed("country_iso2", "a country code", text::country)),
            ..Contact::default()
        },
        tracking_numbers: gather(number),
        id,
        ..ShipmentReport::default()
    };
    let mut keys = vec![Key::shipment(&report.id), Key::order(order_id)];
    keys.extend(report.tracking_numbers.iter().map(|number| Key::tracking(number)));
    Some(fact(at, keys, Event::Shipment(report)))
}

// ── Times ───────────────────────────────────────────────────────────────────

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Tue, 05 Mar 2026 21:40:11 +0000`, as RFC 2822 has it, or RFC 3339. Where there is none it is an empty text.
fn time(object: &Object<'_>, name: &str) -> Option<Time> {
    object.parsed(name, "a date and time", |text| Time::parse(text).or_else(|| rfc2822(text)))
}

fn rfc2822(text: &str) -> Option<Time> {
    let mut words = text.split_once(',').map_or(text, |(_, date)| date).split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (clock, offset) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let offset = if offset == "GMT" { "Z" } else { offset };
    Time::parse(&format!("{year}-{month:02}-{day:0>2}T{clock}{offset}"))
}

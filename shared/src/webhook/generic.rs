//! The generic contract, for every platform that we do not know by name: Standard Webhooks headers, and a body
//! `{"type": "...", "timestamp": "<RFC 3339>", "data": {...}}`. `shared/schemas` holds one JSON Schema an event; what it
//! allows and what is accepted here are the same, so a field of the wrong type is refused.

use super::json::Object;
use super::problem::Problem;
use super::verify::{Piece, Proof, Signature, as_whsec};
use super::{Accepted, Delivery, Sender, text};
use crate::fact::{
    Answer, Channel, Contact, Direction, Event, Item, OrderReport, OrderStage, Scale, SurveyKind,
};
use crate::field::Field;
use crate::key::Key;
use crate::time::Time;

pub(super) const SENDER: Sender = Sender {
    name: "webhook",
    proofs: &[
        Proof::Signature(Signature::standard(
            ["webhook-id", "webhook-timestamp", "webhook-signature"],
            &[Piece::Header("webhook-id"), Piece::Text("."), Piece::Time, Piece::Text("."), Piece::Body],
            as_whsec,
        )),
        Proof::Signature(Signature::standard(
            ["svix-id", "svix-timestamp", "svix-signature"],
            &[Piece::Header("svix-id"), Piece::Text("."), Piece::Time, Piece::Text("."), Piece::Body],
            as_whsec,
        )),
    ],
    strict: true,
};

const SOURCE: &str = "generic";

/// What every body has.
struct Envelope<'a> {
    kind: String,
    /// When it happened. The header's timestamp will not do: it is another for each attempt.
    at: Time,
    data: Object<'a>,
}

fn open<'a>(body: &Object<'a>) -> Result<Envelope<'a>, Problem> {
    Ok(Envelope {
        kind: body.require("type", body.line("type"))?,
        at: body.require("timestamp", body.time("timestamp"))?,
        data: body.require("data", body.object("data"))?,
    })
}

fn ignored(kind: &str) -> Accepted {
    Accepted::ignored(format!("type {kind} is not one that this URL takes"))
}

// ── Orders ──────────────────────────────────────────────────────────────────

/// `order.created`, `order.paid`, `order.cancelled`, `order.refunded`.
pub(super) fn orders(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let Envelope { kind, at, data } = open(body)?;
    let stage = match kind.as_str() {
        "order.created" => OrderStage::Placed,
        "order.paid" => OrderStage::Paid,
        "order.cancelled" => OrderStage::Cancelled,
        "order.refunded" => OrderStage::Refunded,
        _ => return Ok(ignored(&kind)),
    };
    let order = data.require("order", data.object("order"))?;
    let id = order.require("id", order.id("id"))?;
    let placed_at = order.time("placed_at");
    let currency = order.line("currency").unwrap_or_default();
    let customer = order.object("customer");
    let contact = Contact {
        locale: order.parsed("locale", "a language tag", text::locale),
        marketing_at: placed_at,
        ..customer.as_ref().map(contact).unwrap_or_default()
    };
    let number = order.id("number").map(|number| number.trim_start_matches('#').to_owned());
    let mut keys = vec![Key::order(&id), number.as_deref().and_then(Key::order_number)];
    keys.extend(customer.as_ref().map(person).into_iter().flatten());
    let mut report = OrderReport {
        number,
        total: order.money("total", &currency),
        items: order.objects("items").map(|items| items.iter().map(|entry| item(entry, &currency)).collect()),
        promised_by: order.parsed("promised_by", "a date", |text| text.parse().ok()),
        status_url: order.url("status_url"),
        test: order.bool("test").unwrap_or_default(),
        contact,
        id,
        ..OrderReport::default()
    };
    report.stages.extend(placed_at.map(|placed_at| (OrderStage::Placed, placed_at)));
    report.stages.entry(stage).or_insert(at);
    Ok(Accepted::fact(at, SOURCE, keys, Event::Order(report)))
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
        tags: line.lines("tags").into_iter().collect(),
        quantity: if line.has("quantity") { line.whole("quantity").unwrap_or_default() } else { 1 },
        price: line.money("price", currency),
        digital: line.bool("digital").unwrap_or_default(),
    }
}

// ── People ──────────────────────────────────────────────────────────────────

fn contact(customer: &Object<'_>) -> Contact {
    let marketing = customer.object("marketing");
    let agreed = |name| marketing.as_ref().and_then(|marketing| marketing.bool(name));
    let channels = [(Channel::Email, "email"), (Channel::Sms, "sms"), (Channel::Whatsapp, "whatsapp")];
    Contact {
        email: customer
            .said("email", "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned())),
        phone: customer.said("phone", "a phone number", text::line),
        first_name: customer.line("first_name"),
        last_name: customer.line("last_name"),
        locale: customer.parsed("locale", "a language tag", text::locale),
        country: customer.parsed("country", "a country code", text::country),
        region: customer.parsed("region", "a region code", text::region),
        marketing: channels
            .into_iter()
            .filter_map(|(channel, name)| Some((channel, agreed(name)?)))
            .collect(),
        marketing_at: None,
    }
}

/// The keys of a customer.
fn person(customer: &Object<'_>) -> Vec<Option<Key>> {
    let text = |name| match customer.said(name, "text", text::line) {
        Field::Some(text) => Some(text),
        Field::None | Field::Absent => None,
    };
    vec![
        customer.id("id").as_deref().and_then(Key::customer),
        text("email").as_deref().and_then(Key::email),
        text("phone").as_deref().and_then(Key::phone),
    ]
}

// ── Surveys ─────────────────────────────────────────────────────────────────

/// `survey.submitted`.
pub(super) fn answers(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let Envelope { kind, at, data } = open(body)?;
    if kind != "survey.submitted" {
        return Ok(ignored(&kind));
    }
    let survey = data.require("survey", data.object("survey"))?;
    let kind = survey.require("kind", survey.line("kind"))?;
    let (kind, usual) = match kind.as_str() {
        "nps" => (SurveyKind::Nps, Scale::NPS),
        _ => return Err(survey.problem("kind", "Must be nps.")),
    };
    let id = survey.require("answer_id", survey.id("answer_id"))?;
    let scale = usual;
    let score = survey.require("score", survey.whole("score"))?;
    let score = u8::try_from(score).ok().filter(|score| (scale.min..=scale.max).contains(score));
    let Some(score) = score else {
        return Err(
            survey.problem("score", &format!("Must be a whole number from {} to {}.", scale.min, scale.max))
        );
    };
    let order_id = data.object("order").and_then(|order| order.id("id"));
    let customer = data.object("customer");
    let mut keys = vec![order_id.as_deref().and_then(Key::order)];
    keys.extend(customer.as_ref().map(person).into_iter().flatten());
    if keys.iter().all(Option::is_none) {
        return Err(data.problem(
            "customer",
            "Someone must have answered: an order's id, or a customer's id, email or phone.",
        ));
    }
    let answer = Answer {
        id,
        kind,
        score,
        scale: Scale { good: Direction::High, ..scale },
        comment: survey.comment("comment"),
        tags: survey.lines("tags").into_iter().collect(),
        order_id,
        ticket_id: None,
        product_id: None,
        contact: customer.as_ref().map(contact).unwrap_or_default(),
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Answer(answer)))
}

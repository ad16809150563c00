//! The generic contract, for every platform that we do not know by name: Standard Webhooks headers, and a body
//! `{"type": "...", "timestamp": "<RFC 3339>", "data": {...}}`. `shared/schemas` holds one JSON Schema an event. What is
//! accepted here is valid there; that includes fields an event could do without, so a wrong one is refused.

use std::collections::BTreeSet;

use super::json::Object;
use super::problem::Problem;
use super::verify::{Proof, Signature};
use super::{Accepted, Sender, gather, text};
use crate::fact::{Channel, Contact};
use crate::key::Key;
use crate::time::Time;

mod order;
mod privacy;
mod review;
mod shipment;
mod survey;
mod ticket;

pub(super) use order::orders;
pub(super) use privacy::requests;
pub(super) use review::reviews;
pub(super) use shipment::shipments;
pub(super) use survey::answers;
pub(super) use ticket::tickets;

pub(super) const SENDER: Sender = Sender {
    name: "webhook",
    proofs: &[Proof::Signature(Signature::STANDARD), Proof::Signature(Signature::SVIX)],
    strict: true,
};

const SOURCE: &str = "generic";

/// What every body has.
struct Envelope<'a> {
    kind: String,
    /// When it happened. The header's timestamp will not do: it is another one for each attempt.
    at: Time,
    data: Object<'a>,
}

/// Opens a body of one of these types and hands it on.
fn open(
    body: &Object<'_>,
    kinds: &[&str],
    read: fn(Envelope<'_>) -> Result<Accepted, Problem>,
) -> Result<Accepted, Problem> {
    let kind = body.require("type", body.line("type"))?;
    if !kinds.contains(&kind.as_str()) {
        return Ok(Accepted::ignored(format!("type {kind} is not one that this URL takes")));
    }
    read(Envelope {
        kind,
        at: body.require("timestamp", moment(body, "timestamp"))?,
        data: body.require("data", body.object("data"))?,
    })
}

/// A point in time with its offset. Without one it could be any of 38 moments.
fn moment(object: &Object<'_>, name: &str) -> Option<Time> {
    object.parsed(name, "a date and time with offset, as RFC 3339 writes it", |text| {
        let offset = text.get(text.len().checked_sub(6)?..)?;
        let has_offset = text.ends_with(['Z', 'z']) || offset.starts_with(['+', '-']);
        (has_offset && text.starts_with(|c: char| c.is_ascii_digit())).then(|| Time::parse(text))?
    })
}

// ── People ──────────────────────────────────────────────────────────────────

/// A customer: how to reach them, and the keys to find them by.
#[derive(Default)]
struct Person {
    keys: BTreeSet<Key>,
    contact: Contact,
}

impl Person {
    /// The person in `data.customer`, where there is one.
    fn read(parent: &Object<'_>) -> Self {
        let Some(customer) = parent.object("customer") else { return Self::default() };
        let marketing = customer.object("marketing");
        let agreed = |name| marketing.as_ref().and_then(|marketing| marketing.bool(name));
        let channels = [(Channel::Email, "email"), (Channel::Sms, "sms"), (Channel::Whatsapp, "whatsapp")];
        let contact = Contact {
            email: customer.email("email"),
            phone: customer.phone("phone"),
            first_name: customer.line("first_name"),
            last_name: customer.line("last_name"),
            locale: customer.parsed("locale", "a language tag such as pt-BR", text::locale),
            country: customer.parsed("country", "a country code of two letters", text::country),
            region: customer.parsed("region", "a state or province code", text::region),
            marketing: gather(
                channels.into_iter().filter_map(|(channel, name)| Some((channel, agreed(name)?))),
            ),
            marketing_at: None,
        };
        let keys = [
            customer.id("id").as_deref().and_then(Key::customer),
            contact.email.as_ref().value().and_then(|email| Key::email(email)),
            contact.phone.as_ref().value().and_then(|phone| Key::phone(phone)),
        ];
        Self { keys: gather(keys.into_iter().flatten()), contact }
    }

    /// The keys of the fact: the person's and others. A fact about nobody is refused.
    fn keys_with(
        &self,
        data: &Object<'_>,
        others: impl IntoIterator<Item = Option<Key>>,
    ) -> Result<Vec<Option<Key>>, Problem> {
        let keys: Vec<_> = self.keys.iter().cloned().map(Some).chain(others).collect();
        if keys.iter().all(Option::is_none) {
            return Err(data.problem(
                "customer",
                "Nobody can be found by this: give an id, an e-mail address, or a phone number with its country code.",
            ));
        }
        Ok(keys)
    }
}

/// The order that something is about.
fn order_id(data: &Object<'_>) -> Option<String> {
    data.object("order")?.id("id")
}

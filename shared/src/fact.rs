//! Facts: what happened, normalised and immutable.
//!
//! A webhook becomes one fact; a message's every step becomes one. Facts are content-addressed, so a repeated delivery
//! is the same fact under the same key. Nothing in a fact may depend on when or how often it arrived.

#[cfg(test)]
pub(crate) mod arbitrary;
mod past;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::field::Field;
use crate::key::Key;
use crate::message::MessageStep;
use crate::money::Money;
use crate::time::Time;

pub use past::Past;

/// Something that happened to one customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened, by the sender's own account (an order's `updated_at`, a carrier's event time).
    pub at: Time,
    /// Who said so: `shopify`, `aftership`, `generic`, or `aftercare` for our own.
    pub source: String,
    /// Every name under which the customer may be found. Never empty.
    pub keys: BTreeSet<Key>,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Order(OrderReport),
    Shipment(ShipmentReport),
    Answer(Answer),
    Review(Review),
    Ticket(TicketReport),
    Consent(ConsentReport),
    Privacy(PrivacyRequest),
    Fetch(Fetch),
    Fetched(FetchReport),
    Message(MessageStep),
    Reach(Reach),
    Past(Past),
}

impl Event {
    /// How to reach the person, as this report has it.
    pub fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Order(report) => Some(&report.contact),
            Self::Shipment(report) => Some(&report.contact),
            Self::Answer(answer) => Some(&answer.contact),
            Self::Review(review) => Some(&review.contact),
            Self::Ticket(report) => Some(&report.contact),
            Self::Consent(report) => Some(&report.contact),
            Self::Privacy(_)
            | Self::Fetch(_)
            | Self::Fetched(_)
            | Self::Message(_)
            | Self::Reach(_)
            | Self::Past(_) => None,
        }
    }

    pub fn contact_mut(&mut self) -> Option<&mut Contact> {
        match self {
            Self::Order(report) => Some(&mut report.contact),
            Self::Shipment(report) => Some(&mut report.contact),
            Self::Answer(answer) => Some(&mut answer.contact),
            Self::Review(review) => Some(&mut review.contact),
            Self::Ticket(report) => Some(&mut report.contact),
            Self::Consent(report) => Some(&mut report.contact),
            _ => None,
        }
    }

    /// The key that every report of this very thing has, whether its sender gave it or not.
    pub fn own_key(&self) -> Option<Key> {
        match self {
            Self::Answer(answer) => Key::answer(&answer.id),
            Self::Review(review) => Key::review(&review.id),
            _ => None,
        }
    }
}

/// A fact's name: the first 128 bits of the SHA-256 of its bytes, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(String);

impl FactId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fact {
    /// Every key that this fact gives its customer.
    pub fn all_keys(&self) -> impl Iterator<Item = Cow<'_, Key>> {
        self.keys.iter().map(Cow::Borrowed).chain(self.event.own_key().map(Cow::Owned))
    }

    /// The one encoding of a fact: JSON, fields in declaration order, maps and sets sorted.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Not `expect`: it would bring the printing of JSON errors into every component.
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("facts hold nothing that JSON cannot say"))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    pub fn id(&self) -> FactId {
        Self::id_of(&self.to_bytes())
    }

    /// The id of a fact whose bytes are at hand.
    pub fn id_of(bytes: &[u8]) -> FactId {
        FactId(crate::hex::encode(&Sha256::digest(bytes)[..16]))
    }
}

// ── Orders ──────────────────────────────────────────────────────────────────

/// What one report says of an order. Topics differ in what they know, so everything but the id may be missing, and
/// what is missing says nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct OrderReport {
    /// The platform's id, as text: ids exceed 2^53.
    pub id: String,
    /// The number that the buyer sees, without `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// When each stage was reached, as far as this report knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<OrderStage, Time>,
    /// Order total in the shop's currency, for scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// Order total as the buyer saw it, for messages; absent when it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_total: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
    /// By refund id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunds: BTreeMap<String, Refund>,
    /// State of each return, by return id: `requested`, `approved`, `closed`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returns: BTreeMap<String, String>,
    /// The day by which delivery was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<NaiveDate>,
    /// The platform's own status page for the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_url: Option<String>,
    /// A test order: remembered, but nobody is written to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    #[serde(default)]
    pub contact: Contact,
}

/// How far an order has come. `Returned` is reached when the platform closes a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStage {
    Placed,
    Paid,
    PartlyFulfilled,
    Fulfilled,
    Returned,
    /// Refunded in full.
    Refunded,
    Cancelled,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub product_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// What is left of the line after removals; 0 when all was removed.
    pub quantity: u32,
    /// Price of one, in the shop's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Gift cards, downloads, services: nothing is delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digital: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refund {
    pub at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Lines sent back or refunded, by `line_id`, with quantity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lines: BTreeMap<String, u32>,
}

/// How to reach and address a person, and what they agreed to, as one report has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Contact {
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub email: Field<String>,
    /// In international form, or as the buyer typed it.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub phone: Field<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// BCP 47: `de`, `en-CA`, `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2 of the delivery address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// State or province code of the delivery address: decides the time zone in wide countries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Marketing consent by channel. A channel that is not named has said nothing: neither yes nor no.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marketing: BTreeMap<Channel, bool>,
    /// When that was agreed to, where it is not the time of the report: an order that is updated in May still carries
    /// the box that was ticked in March, and must not undo an opt-out of April.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
    Slack,
    Webhook,
}

impl Channel {
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Whatsapp, Self::Slack, Self::Webhook];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }
}

// ── Shipments ───────────────────────────────────────────────────────────────

/// What one report says of one parcel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct ShipmentReport {
    /// The platform's fulfilment id, or `tracking:<number>` where the sender knows no other.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// When each state was reached, as far as this report knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<ShipmentState, Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tracking_numbers: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_phone: Option<String>,
    /// The carrier's present estimate of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_at: Option<Time>,
    /// What the carrier wrote about the newest event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default)]
    pub contact: Contact,
}

/// Where a parcel is. Senders keep inventing words, so what we do not know is kept under its own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShipmentState {
    /// Label made, parcel packed.
    Packed,
    /// Handed to the carrier.
    Shipped,
    InTransit,
    OutForDelivery,
    ReadyForPickup,
    AttemptFailed,
    Delayed,
    /// Damaged, lost, refused, stopped at customs.
    Exception,
    Returning,
    Delivered,
    Cancelled,
    /// A sender's word that we have no state for, in its own spelling.
    Other(String),
}

impl ShipmentState {
    const NAMED: [(Self, &'static str); 11] = [
        (Self::Packed, "packed"),
        (Self::Shipped, "shipped"),
        (Self::InTransit, "in_transit"),
        (Self::OutForDelivery, "out_for_delivery"),
        (Self::ReadyForPickup, "ready_for_pickup"),
        (Self::AttemptFailed, "attempt_failed"),
        (Self::Delayed, "delayed"),
        (Self::Exception, "exception"),
        (Self::Returning, "returning"),
        (Self::Delivered, "delivered"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Our name of the state, or the sender's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(word) => word,
            named => Self::NAMED.iter().find(|(state, _)| state == named).map_or("", |(_, name)| name),
        }
    }
}

impl From<&str> for ShipmentState {
    fn from(name: &str) -> Self {
        let known = Self::NAMED.iter().find(|(_, known)| *known == name).map(|(state, _)| state.clone());
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl Serialize for ShipmentState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ShipmentState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

// ── Feedback ────────────────────────────────────────────────────────────────

/// One answer to one survey question. Its scale and direction travel with it, so that scores of different scales can
/// never be mixed by accident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Answer {
    /// Stable over changes by the same respondent.
    pub id: String,
    pub kind: SurveyKind,
    pub score: u8,
    pub scale: Scale,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(default)]
    pub contact: Contact,
    /// Which change of its day this is, where changes are counted: those on our own pages, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub change: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurveyKind {
    Nps,
    Csat,
    Ces,
}

/// A rating scale of whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scale {
    pub min: u8,
    pub max: u8,
    pub good: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    High,
    Low,
}

impl Scale {
    pub const NPS: Self = Self { min: 0, max: 10, good: Direction::High };
    /// Satisfaction, from very unhappy to very happy.
    pub const CSAT: Self = Self { min: 1, max: 5, good: Direction::High };
    /// `The company made it easy`, agreed from 1 to 7 (CES 2.0).
    pub const CES: Self = Self { min: 1, max: 7, good: Direction::High };
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.min, self.max)
    }
}

/// A public product or shop review.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Review {
    pub id: String,
    /// On 1 to 5, in hundredths: 450 is four and a half stars.
    pub rating_hundredths: u16,
    /// Rating and scale as the sender gave them: `9 of 1-10`.
    pub rated: String,
    /// Where it was posted: `own-shop`, `google`, `trustpilot`, ...
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How many photos and videos.
    #[serde(default)]
    pub media: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The sender's claim; ours follows from our own orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Withdrawn, rejected or hidden since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    #[serde(default)]
    pub contact: Contact,
}

// ── Support ─────────────────────────────────────────────────────────────────

/// What one report says of a support ticket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct TicketReport {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// `new`, `open`, `pending`, `solved`, `closed`, or the desk's own word in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `email`, `chat`, `phone`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// First public reply by a person of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reply_at: Option<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub solved_at: BTreeSet<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reopened_at: BTreeSet<Time>,
    /// How often it was reopened, where the desk counts instead of telling when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<u32>,
    /// Time that people worked on it, not time that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle_seconds: Option<u32>,
    #[serde(default)]
    pub contact: Contact,
    /// What was asked for on the order's page; only there, and a support desk knows nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Help>,
}

/// What a shopper asked for on the page of their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Help {
    pub topic: HelpTopic,
    /// In their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is to come back, by title.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReturnReason>,
    /// Which of the frequent questions has the answer that helped, by [`Faq::id`](crate::settings::Faq::id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faq: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HelpTopic {
    /// Where is my order?
    Where,
    /// I want to send something back.
    Return,
    /// I want to change or cancel it.
    Change,
    Other,
}

impl HelpTopic {
    pub const ALL: [Self; 4] = [Self::Where, Self::Return, Self::Change, Self::Other];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Where => "where",
            Self::Return => "return",
            Self::Change => "change",
            Self::Other => "other",
        }
    }
}

/// Why something comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReason {
    Damaged,
    Wrong,
    Unlike,
    Fit,
    Mind,
    Other,
}

impl ReturnReason {
    pub const ALL: [Self; 6] = [Self::Damaged, Self::Wrong, Self::Unlike, Self::Fit, Self::Mind, Self::Other];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Wrong => "wrong",
            Self::Unlike => "unlike",
            Self::Fit => "fit",
            Self::Mind => "mind",
            Self::Other => "other",
        }
    }
}

// ── Consent and privacy ─────────────────────────────────────────────────────

/// A change of what a person agreed to, or of how they wish to be addressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct ConsentReport {
    #[serde(default)]
    pub contact: Contact,
    /// Month and day matter; the year may be a placeholder.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub birthday: Field<NaiveDate>,
    /// What they want messages about. A topic that is not named has said nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<Topic, bool>,
    /// The language they chose, whatever their orders say.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub language: Field<String>,
    /// Until then they want nothing but what an order under way needs. A time that is over ends a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Time>,
    /// Which change of its day this is, where changes are counted: those on our own pages, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub change: u8,
}

/// What messages are about that are not about an order under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What somebody bought: tips, surveys, review requests.
    Purchases,
    /// What they could buy: offers, points, birthday wishes.
    Offers,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrivacyRequest {
    /// The platform's id of the request.
    pub id: String,
    pub kind: PrivacyKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyKind {
    /// Hand over what is held of the person.
    Export,
    /// Forget the person.
    Erase,
    /// Forget the whole shop.
    EraseShop,
    /// The app was removed: stop sending.
    Uninstalled,
}

/// What became known of an address or number: whether anything may go there. A provider tells it, or the person does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reach {
    pub channel: Channel,
    /// An address in lower case, or a number in international form.
    pub address: String,
    pub report: ReachReport,
}

impl Reach {
    /// `None` for what is no address and no number.
    pub fn new(channel: Channel, address: &str, report: ReachReport) -> Option<Self> {
        let key = Self::key(channel, address)?;
        Some(Self { channel, address: key.id().to_owned(), report })
    }

    /// The key of whoever is reached there.
    pub fn key(channel: Channel, address: &str) -> Option<Key> {
        match channel {
            Channel::Email => Key::email(address),
            Channel::Sms | Channel::Whatsapp => Key::phone(address),
            Channel::Slack | Channel::Webhook => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReachReport {
    /// Nothing arrives there, for good: no such mailbox, not a mobile number.
    Bounced,
    /// A message was reported as spam.
    Complained,
    /// They answered STOP, or the provider says so.
    Stopped,
    /// They answered START: what was before counts no more.
    Resumed,
}

// ── Thin reports ────────────────────────────────────────────────────────────

/// A sender only said that an order changed: what it says now has to be fetched from the platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fetch {
    /// `bigcommerce`, ...
    pub platform: String,
    pub order_id: String,
}

/// What became of fetching an order. The order itself is a fact of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FetchReport {
    pub platform: String,
    pub order_id: String,
    /// The time of the newest [`Fetch`] that this answers; it answers all before that one as well.
    pub asked: Time,
    pub step: FetchStep,
}

/// How far fetching an order has come. What is further down here is further, whichever was heard of first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchStep {
    /// Not yet: the platform said so, or was not reached.
    Retry {
        attempt: u32,
        until: Time,
        why: String,
    },
    /// Given up.
    Failed {
        why: String,
    },
    /// The platform knows no such order any more.
    Gone,
    Got,
}

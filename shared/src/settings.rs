//! What a merchant can set: one document, read as a whole. The defaults do the core journeys.

mod check;
mod history;
mod hours;
mod product;
mod span;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{Datelike, TimeDelta};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::brand::Brand;
use crate::channel::event::Kind;
use crate::fact::Channel;
use crate::link::Links;
use crate::playbook::Name;
use crate::time::Time;
use crate::zone::Zone;

pub use check::Wrong;
pub use history::{History, Version};
pub use hours::{Clock, Hours};
pub use product::{Matcher, Product, Step, find as find_product};
pub use span::Span;

/// The JSON Schema of the document, as it is served at `/schemas/settings.json`.
pub const SCHEMA: &str = include_str!("../schemas/settings.json");

/// Everything that decides what is said, when, to whom and by whom.
///
/// What a document leaves out keeps its default; what it names and we do not know is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub brand: Brand,
    /// Where alerts for the team go; empty for nowhere.
    pub team_email: String,
    /// How alerts reach the team: the first of these that has a provider and an address. `slack`, `email`, `webhook`.
    pub alerts: Vec<Channel>,
    /// What the signed webhook is told of, beside messages: `order.updated`, `alert.raised`, ... Nothing by default.
    pub events: Vec<Kind>,
    /// Language for people whose own is not known, and for the team: `en`, `de`, `fr`, `es`, `pt-BR`, `pl`.
    pub default_locale: String,
    /// The shop's time zone: an IANA name.
    #[cfg_attr(test, schemars(with = "String"))]
    pub time_zone: Zone,
    /// When people may be written to, on their own clocks. Service mail (about an order under way) goes at any time.
    pub sending_hours: Hours,
    /// When the team answers, on the shop's clock.
    pub business_hours: BusinessHours,
    /// How many messages a person gets at most, over all channels and playbooks. Service messages do not count.
    pub cap: Cap,
    /// A person is asked one survey within this time.
    pub survey_quarantine: Span,
    /// A parcel that left and of which no carrier said anything more is taken for delivered after this time.
    pub assumed_delivery: Span,
    /// Days until the body of a message is forgotten; its subject stays.
    pub body_days: u16,
    /// Days until reports of an order and steps of a message are kept as a summary only; 30 at least.
    pub retention_days: u16,
    /// Percent of people who get nothing from a playbook that is not service, so that its effect can be measured.
    pub holdout: u8,
    pub returns: Returns,
    pub goodwill: Goodwill,
    pub survey: Survey,
    pub reviews: Reviews,
    pub referral: Referral,
    pub loyalty: Loyalty,
    /// What is known of products. The best match counts: sku, then type, then tag, then vendor, then one for all.
    pub products: Vec<Product>,
    /// What people often ask. An order's page shows first what helped most people lately, and else keeps this order.
    pub faq: Vec<Faq>,
    /// Bought one thing and not the other: where people may be stuck.
    pub struggles: Vec<Struggle>,
    /// Messages in the merchant's own words, by message and language.
    pub templates: BTreeMap<String, BTreeMap<String, Wording>>,
    /// Changes to single playbooks, by name.
    pub playbooks: BTreeMap<Name, Override>,
    /// Where this runs, from the application's variables. Not part of the document.
    #[serde(skip)]
    pub links: Links,
    /// Channels that have a provider. Not part of the document either.
    #[serde(skip)]
    pub connected: Vec<Channel>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brand: Brand::default(),
            team_email: "team@example.com".to_owned(),
            alerts: vec![Channel::Slack, Channel::Email, Channel::Webhook],
            events: Vec::new(),
            default_locale: "en".to_owned(),
            time_zone: Zone::utc(),
            sending_hours: Hours { from: Clock::new(9, 0), to: Clock::new(20, 0) },
            business_hours: BusinessHours::default(),
            cap: Cap::default(),
            survey_quarantine: Span::days(30),
            assumed_delivery: Span::days(14),
            body_days: 30,
            retention_days: 1095,
            holdout: 0,
            returns: Returns::default(),
            goodwill: Goodwill::default(),
            survey: Survey::default(),
            reviews: Reviews::default(),
            referral: Referral::default(),
            loyalty: Loyalty::default(),
            products: Vec::new(),
            faq: Vec::new(),
            struggles: Vec::new(),
            templates: BTreeMap::new(),
            playbooks: BTreeMap::new(),
            links: Links::default(),
            connected: vec![Channel::Email],
        }
    }
}

/// When the team answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BusinessHours {
    pub from: Clock,
    pub to: Clock,
    /// Saturdays and Sundays too.
    pub weekends: bool,
}

impl Default for BusinessHours {
    fn default() -> Self {
        Self { from: Clock::new(9, 0), to: Clock::new(17, 0), weekends: false }
    }
}

impl BusinessHours {
    /// When somebody of the team is there: `at` itself, or when they come next.
    pub fn next(self, at: Time, zone: &Zone) -> Time {
        let hours = Hours { from: self.from, to: self.to };
        let mut next = hours.next(at, std::slice::from_ref(zone));
        while !self.weekends && zone.date(next).weekday().number_from_monday() > 5 {
            next = zone.at(zone.date(next) + TimeDelta::days(1), self.from.minute_of_day());
        }
        next
    }
}

/// At most so many messages within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Cap {
    /// At least 1.
    pub messages: u8,
    pub within: Span,
}

impl Default for Cap {
    fn default() -> Self {
        Self { messages: 2, within: Span::days(7) }
    }
}

/// The shop's return policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Returns {
    /// Days after delivery until which things come back; 0 where nothing does.
    pub days: u16,
    /// Where a return is announced. Empty: by answering the mail.
    pub url: String,
}

impl Default for Returns {
    fn default() -> Self {
        Self { days: 30, url: String::new() }
    }
}

/// What goes with the apology for a late parcel. Never depends on what somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Goodwill {
    /// A code that the shop accepts from anybody who has it. Empty for none.
    pub code: String,
    /// Instead of one code for all: so many percent off, with a code of its own for each order, good once, made in Shopify
    /// when it is needed. 0 for none. Needs `shopify_token` and `link_keys`.
    pub percent: u8,
    /// Or codes that the shop made beforehand, each of which is given to one order and never to another.
    pub codes: Vec<String>,
    /// How long a code that is made in Shopify is good.
    pub lasts: Span,
    /// What it gives, in the shop's words: `10 % off your next order`.
    pub gives: String,
}

impl Default for Goodwill {
    fn default() -> Self {
        Self {
            code: String::new(),
            percent: 0,
            codes: Vec::new(),
            lasts: Span::days(90),
            gives: String::new(),
        }
    }
}

/// Asking how it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Survey {
    /// A survey tool's page, with `{order}` where the order's id belongs, and `{kind}` where it has to be told which
    /// question it is: `nps`, `csat` or `ces`. Empty for our own page.
    pub url: String,
    /// What answering gives, whatever the answer: `50 points`. Empty for nothing.
    pub thanks: String,
    /// What is asked after a solved ticket.
    pub after_ticket: AfterTicket,
}

/// The question after a solved ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AfterTicket {
    /// How satisfied they are.
    Csat,
    /// How easy it was.
    Ces,
    /// One of the two, by lot: half of the tickets each.
    #[default]
    Either,
}

/// Asking for public reviews. Everybody is asked alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Reviews {
    /// Where a review is written, with `{order}` where the order's id belongs. Without it nobody is asked.
    pub url: String,
    /// What a review gives, whatever it says: `100 points`. Refused with a link to Google, which forbids it.
    pub reward: String,
}

/// Inviting friends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Referral {
    /// The page for friends, with `{code}` where the customer's own code belongs. Without it nobody is invited.
    pub url: String,
    /// What it gives to both: `10 € for you and for your friend`.
    pub gives: String,
}

/// Points for what people do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Loyalty {
    /// For each whole unit of currency spent and paid; 0 for no points at all.
    pub per_unit: u16,
    pub per_review: u32,
    /// For each photo or film in a review, up to five.
    pub per_photo: u32,
    pub per_answer: u32,
    /// Points are good for this many days; 0 for ever.
    pub expire_days: u16,
    /// From the lowest to the highest.
    pub tiers: Vec<Tier>,
    /// Orders that are celebrated: `[3, 10]`.
    pub orders: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub name: String,
    /// Reached with this many points.
    pub points: u32,
    /// A line each: `early access to new blends`.
    #[serde(default)]
    pub perks: Vec<String>,
}

/// A question that people often ask, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Faq {
    pub question: Translated,
    pub answer: Translated,
}

/// A text by language: `{ "en": "...", "de": "..." }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Translated(BTreeMap<String, String>);

impl Faq {
    /// What the question is called wherever a use of its answer is counted: the same as long as the shop's own words for
    /// it are, wherever it stands.
    pub fn id(&self, default_locale: &str) -> String {
        let question = self.question.in_language(default_locale, default_locale).unwrap_or_default();
        crate::hex::encode(&Sha256::digest(question)[..6])
    }
}

impl Translated {
    /// In this language, else in the shop's, else in any.
    pub fn in_language(&self, locale: &str, default_locale: &str) -> Option<&str> {
        let language =
            |locale: &str| locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let find = |wanted: &str| {
            let exact = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
            exact.or_else(|| self.0.iter().find(|(known, _)| language(known) == language(wanted)))
        };
        find(locale)
            .or_else(|| find(default_locale))
            .or_else(|| self.0.iter().next())
            .map(|(_, text)| text.as_str())
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

/// Bought `bought`, and nothing that is `without` within `after`: help is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Struggle {
    /// Names it in message ids: letters, digits and `-`. Not to be changed later.
    pub name: String,
    pub bought: Matcher,
    pub without: Matcher,
    pub after: Span,
    /// `How to dial in your grind`.
    pub title: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub url: String,
}

/// What one message says in one language, inside the frame that has the brand, the contact and the way to unsubscribe.
/// What is left out stays as it is by default. Templates print values (`{{ first_name }}`), choose (`{% if %}`) and
/// repeat (`{% for %}`), and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wording {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Paragraphs with a blank line between them. `# ` begins a heading, `## ` a smaller one, `> ` a note, `- ` an entry
    /// of a list; `[label](link)` alone on a line is a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where the HTML part is to say it otherwise than the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// How one playbook differs from its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// From what happened to what is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// How long after that it is still of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
    /// In order of preference: `email`, `sms`, `whatsapp`. The first that has a provider, an address or number, and
    /// where it is needed consent. Text messages there are of `shipment-status` and `delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Channel>>,
    /// Percent, instead of the common one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<u8>,
}

impl Settings {
    /// How `name` differs from its default, if it does.
    pub fn of(&self, name: Name) -> Option<&Override> {
        self.playbooks.get(&name)
    }

    /// Where alerts for the team go: the first of the channels for them that has a provider and an address.
    pub fn team(&self) -> Option<(Channel, String)> {
        let connected = self.alerts.iter().filter(|channel| self.connected.contains(channel));
        let mut reaches = connected.filter_map(|channel| match channel {
            Channel::Email => Some((Channel::Email, self.team_email.clone())),
            Channel::Slack | Channel::Webhook => Some((*channel, "team".to_owned())),
            Channel::Sms | Channel::Whatsapp => None,
        });
        reaches.find(|(_, to)| !to.is_empty())
    }

    pub fn is_enabled(&self, name: Name) -> bool {
        self.of(name).and_then(|own| own.enabled).unwrap_or(true)
    }
}

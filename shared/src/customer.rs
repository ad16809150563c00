//! A customer's record: everything known of one person, as a join of facts.

mod id;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::fact::{
    Answer, Channel, ConsentReport, Contact, Event, Fact, Help, Item, OrderReport, OrderStage,
    PrivacyRequest, Reach, ReachReport, Refund, Review, ShipmentReport, ShipmentState, TicketReport, Topic,
};

pub use id::CustomerId;

use crate::fetch::Fetching;
use crate::gather::gather;
use crate::join::{First, Join, Latest, join_fields};
use crate::key::Key;
use crate::message::{Message, MessageId};
use crate::money::Money;
use crate::time::Time;
use crate::zone::Zone;

/// Everything known of one person: a connected set of keys and all facts that named one of them.
///
/// A fact is a small record itself, and a record is the join of its facts' records; so two records that turn out to be
/// one person's join like two facts do, and nothing is lost or counted twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    pub keys: BTreeSet<Key>,
    #[serde(default, skip_serializing_if = "Profile::is_empty")]
    pub profile: Profile,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<String, Order>,
    /// By the sender's id. One parcel that two senders report stands here twice; a shared tracking number tells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shipments: BTreeMap<String, Shipment>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Latest<Answer>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reviews: BTreeMap<String, Latest<Review>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tickets: BTreeMap<String, Ticket>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Latest<PrivacyRequest>>,
    /// Orders that had to be fetched, by platform and id: `bigcommerce/250`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fetches: BTreeMap<String, Fetching>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<MessageId, Message>,
    /// What was reported of addresses and numbers, by channel and address: `email:ann@example.com`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reach: BTreeMap<String, BTreeSet<(Time, ReachReport)>>,
}

join_fields!(Customer {
    keys,
    profile,
    orders,
    shipments,
    answers,
    reviews,
    tickets,
    requests,
    fetches,
    messages,
    reach
});

/// How to reach and address a person. `None` inside a field says that a report cleared it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub email: Latest<Option<String>>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub phone: Latest<Option<String>>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub first_name: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub last_name: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub locale: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub country: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub region: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub birthday: Latest<Option<NaiveDate>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marketing: BTreeMap<Channel, Latest<bool>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<Topic, Latest<bool>>,
    /// The language they chose, which counts for more than any that was reported.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub language: Latest<Option<String>>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub paused_until: Latest<Time>,
    /// How many changes they made by themselves on the day of the last one.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub changes: Latest<u8>,
}

join_fields!(Profile {
    email,
    phone,
    first_name,
    last_name,
    locale,
    country,
    region,
    birthday,
    marketing,
    topics,
    language,
    paused_until,
    changes
});

impl Profile {
    /// Zones that their address may be in; none where nothing is known of it.
    pub(crate) fn zones(&self) -> impl Iterator<Item = Zone> {
        let region = self.region.get().map(String::as_str);
        self.country.get().into_iter().flat_map(move |country| Zone::of_place(country, region))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn from_contact(at: Time, contact: Contact) -> Self {
        let Contact { email, phone, first_name, last_name, locale, country, region, marketing, marketing_at } =
            contact;
        let agreed_at = marketing_at.unwrap_or(at);
        Self {
            email: Latest::maybe(at, email.said()),
            phone: Latest::maybe(at, phone.said()),
            first_name: Latest::maybe(at, first_name),
            last_name: Latest::maybe(at, last_name),
            locale: Latest::maybe(at, locale),
            country: Latest::maybe(at, country),
            region: Latest::maybe(at, region),
            marketing: gather(
                marketing.into_iter().map(|(channel, yes)| (channel, Latest::at(agreed_at, yes))),
            ),
            ..Self::default()
        }
    }

    fn from_consent(at: Time, report: ConsentReport) -> (Self, Contact) {
        let ConsentReport { contact, birthday, topics, language, paused_until, change } = report;
        let chosen = Self {
            birthday: Latest::maybe(at, birthday.said()),
            topics: gather(topics.into_iter().map(|(topic, yes)| (topic, Latest::at(at, yes)))),
            language: Latest::maybe(at, language.said()),
            paused_until: Latest::maybe(at, paused_until),
            changes: Latest::maybe(at, Some(change).filter(|change| *change > 0)),
            ..Self::default()
        };
        (chosen, contact)
    }
}

/// What is known of one order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub number: Latest<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<OrderStage, First>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub total: Latest<Money>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub shown_total: Latest<Money>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub items: Latest<Vec<Item>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunds: BTreeMap<String, Latest<Refund>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returns: BTreeMap<String, Latest<String>>,
    /// The promise does not move: the first one heard of (by event time) counts, or lateness could be edited away.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub promises: BTreeSet<(Time, NaiveDate)>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub status_url: Latest<String>,
    /// A test order: nobody is written to, nothing is counted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub test: BTreeSet<bool>,
    /// The address this order gave, which may differ from the person's other orders.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub email: Latest<Option<String>>,
    /// The language this order was placed in.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub locale: Latest<String>,
}

join_fields!(Order {
    number,
    stages,
    total,
    shown_total,
    items,
    refunds,
    returns,
    promises,
    status_url,
    test,
    email,
    locale
});

impl Order {
    fn from_report(at: Time, report: OrderReport) -> (String, Self, Contact) {
        let order = Self {
            number: Latest::maybe(at, report.number),
            stages: gather(report.stages.into_iter().map(|(stage, at)| (stage, First(at)))),
            total: Latest::maybe(at, report.total),
            shown_total: Latest::maybe(at, report.shown_total),
            items: Latest::maybe(at, report.items),
            refunds: gather(report.refunds.into_iter().map(|(id, refund)| (id, Latest::at(at, refund)))),
            returns: gather(report.returns.into_iter().map(|(id, state)| (id, Latest::at(at, state)))),
            promises: gather(report.promised_by.map(|day| (at, day))),
            status_url: Latest::maybe(at, report.status_url),
            test: if report.test { BTreeSet::from([true]) } else { BTreeSet::new() },
            email: Latest::maybe(at, report.contact.email.clone().said()),
            locale: Latest::maybe(at, report.contact.locale.clone()),
        };
        (report.id, order, report.contact)
    }

    /// When the order first reached a stage. Refunds that came to all that was paid are a full one, whoever says so.
    pub fn reached(&self, stage: OrderStage) -> Option<Time> {
        let told = self.stages.get(&stage).map(|first| first.0);
        told.or_else(|| self.last_refund().filter(|_| stage == OrderStage::Refunded && self.is_all_back()))
    }

    /// What is left of the total after refunds in its currency.
    pub(crate) fn kept(&self) -> Option<Money> {
        let total = self.total.get()?;
        let refunds = self.refunds.values().filter_map(|refund| refund.get()?.amount.as_ref());
        let back: i64 = refunds
            .filter(|back| back.currency == total.currency)
            .fold(0, |sum, back| sum.saturating_add(back.minor));
        Some(Money { minor: total.minor.saturating_sub(back).max(0), currency: total.currency.clone() })
    }

    fn is_all_back(&self) -> bool {
        self.total.get().is_some_and(|total| total.minor > 0)
            && self.kept().is_some_and(|kept| kept.minor == 0)
    }

    fn last_refund(&self) -> Option<Time> {
        self.refunds.values().filter_map(|refund| Some(refund.get()?.at)).max()
    }

    pub fn is_test(&self) -> bool {
        !self.test.is_empty()
    }

    /// The day by which delivery was promised first.
    pub fn promised_by(&self) -> Option<NaiveDate> {
        self.promises.first().map(|(_, day)| *day)
    }
}

/// What one sender knows of one parcel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shipment {
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub order_id: Latest<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<ShipmentState, First>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tracking_numbers: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub tracking_url: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub carrier: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub carrier_phone: Latest<String>,
    /// Every estimate with the time it was made; the first one is a promise where the order made none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub estimates: BTreeSet<(Time, Time)>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub note: Latest<String>,
}

join_fields!(Shipment {
    order_id,
    states,
    tracking_numbers,
    tracking_url,
    carrier,
    carrier_phone,
    estimates,
    note
});

impl Shipment {
    fn from_report(at: Time, report: ShipmentReport) -> (String, Self, Contact) {
        let shipment = Self {
            order_id: Latest::maybe(at, report.order_id),
            states: gather(report.states.into_iter().map(|(state, at)| (state, First(at)))),
            tracking_numbers: report.tracking_numbers,
            tracking_url: Latest::maybe(at, report.tracking_url),
            carrier: Latest::maybe(at, report.carrier),
            carrier_phone: Latest::maybe(at, report.carrier_phone),
            estimates: gather(report.estimated_at.map(|estimate| (at, estimate))),
            note: Latest::maybe(at, report.note),
        };
        (report.id, shipment, report.contact)
    }
}

/// What is known of one support ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ticket {
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub order_id: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub status: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub channel: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub agent: Latest<String>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub subject: Latest<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub created_at: BTreeSet<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replied_at: BTreeSet<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub solved_at: BTreeSet<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reopened_at: BTreeSet<Time>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub reopened: Latest<u32>,
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub handle_seconds: Latest<u32>,
    /// What was asked for on the order's page.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    pub help: Latest<Help>,
}

join_fields!(Ticket {
    order_id,
    status,
    channel,
    agent,
    subject,
    created_at,
    replied_at,
    solved_at,
    reopened_at,
    reopened,
    handle_seconds,
    help
});

impl Ticket {
    /// Somebody asked on the page of their order, and the page was answer enough: nobody of the team was asked.
    pub fn needed_nobody(&self) -> bool {
        self.help.get().is_some() && self.status.get().is_some_and(|status| status == "answered")
    }

    fn from_report(at: Time, report: TicketReport) -> (String, Self, Contact) {
        let ticket = Self {
            order_id: Latest::maybe(at, report.order_id),
            status: Latest::maybe(at, report.status),
            channel: Latest::maybe(at, report.channel),
            agent: Latest::maybe(at, report.agent),
            subject: Latest::maybe(at, report.subject),
            created_at: gather(report.created_at),
            replied_at: gather(report.first_reply_at),
            solved_at: report.solved_at,
            reopened_at: report.reopened_at,
            reopened: Latest::maybe(at, report.reopened),
            handle_seconds: Latest::maybe(at, report.handle_seconds),
            help: Latest::maybe(at, report.help),
        };
        (report.id, ticket, report.contact)
    }
}

impl From<Fact> for Customer {
    /// What this one fact says, as a record.
    fn from(fact: Fact) -> Self {
        let Fact { at, source: _, keys, event } = fact;
        let mut customer = Self { keys, ..Self::default() };
        customer.keys.extend(event.own_key());
        let contact = match event {
            Event::Order(report) => {
                let (id, order, contact) = Order::from_report(at, report);
                customer.orders.insert(id, order);
                contact
            }
            Event::Shipment(report) => {
                let (id, shipment, contact) = Shipment::from_report(at, report);
                customer.shipments.insert(id, shipment);
                contact
            }
            Event::Answer(mut answer) => {
                let contact = std::mem::take(&mut answer.contact);
                customer.answers.insert(answer.id.clone(), Latest::at(at, answer));
                contact
            }
            Event::Review(mut review) => {
                let contact = std::mem::take(&mut review.contact);
                customer.reviews.insert(review.id.clone(), Latest::at(at, review));
                contact
            }
            Event::Ticket(report) => {
                let (id, ticket, contact) = Ticket::from_report(at, report);
                customer.tickets.insert(id, ticket);
                contact
            }
            Event::Consent(report) => {
                let (chosen, contact) = Profile::from_consent(at, report);
                customer.profile = chosen;
                contact
            }
            Event::Privacy(request) => {
                customer.requests.insert(request.id.clone(), Latest::at(at, request));
                Contact::default()
            }
            Event::Fetch(fetch) => {
                let name = Fetching::name(&fetch.platform, &fetch.order_id);
                customer.fetches.insert(name, Fetching::asked(at));
                Contact::default()
            }
            Event::Fetched(report) => {
                let name = Fetching::name(&report.platform, &report.order_id);
                customer.fetches.insert(name, Fetching::answered(report.asked, report.step));
                Contact::default()
            }
            Event::Reach(reach) => {
                customer.note_reach(at, reach);
                Contact::default()
            }
            Event::Message(mut step) => {
                if let Some(reach) = step.reach.take() {
                    customer.note_reach(at, reach);
                }
                let (id, message) = Message::from_step(at, step);
                customer.messages.insert(id, message);
                Contact::default()
            }
            Event::Past(past) => {
                customer.join(past.record());
                Contact::default()
            }
        };
        customer.profile.join(Profile::from_contact(at, contact));
        customer
    }
}

/// What is known against writing to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Against {
    pub bounced: bool,
    pub complained: bool,
    pub stopped: bool,
}

impl Customer {
    fn note_reach(&mut self, at: Time, reach: Reach) {
        let name = [reach.channel.as_str(), ":", &reach.address].concat();
        self.reach.entry(name).or_default().insert((at, reach.report));
    }

    /// What speaks against writing to `address` on `channel`. What was reported before they asked for messages again
    /// counts no more.
    pub fn against(&self, channel: Channel, address: &str) -> Against {
        let mut against = Against::default();
        let Some(key) = Reach::key(channel, address).filter(|_| !self.reach.is_empty()) else {
            return against;
        };
        let reports = self.reach.get(&[channel.as_str(), ":", key.id()].concat());
        for (_, report) in reports.into_iter().flatten() {
            match report {
                ReachReport::Bounced => against.bounced = true,
                ReachReport::Complained => against.complained = true,
                ReachReport::Stopped => against.stopped = true,
                ReachReport::Resumed => against = Against::default(),
            }
        }
        against
    }

    /// The key under which the record is stored; every other key points to it. The least of those that name the person, or
    /// else of all: the same whichever was heard of first, and seldom another one when something new happens to them.
    pub fn root(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.names_person()).or(self.keys.first())
    }

    /// Where e-mail goes: the address the newest report gave, unless a report cleared it.
    pub fn email(&self) -> Option<&str> {
        self.profile.email.get()?.as_deref()
    }

    /// The number that messages to their phone go to, unless a report cleared it.
    pub fn phone(&self) -> Option<&str> {
        self.profile.phone.get()?.as_deref()
    }

    /// First and last name, as far as they are known.
    pub fn full_name(&self) -> Option<String> {
        let names = [self.profile.first_name.get(), self.profile.last_name.get()];
        let names: Vec<&str> = names.into_iter().flatten().map(|name| name.trim()).collect();
        let name = names.join(" ").trim().to_owned();
        (!name.is_empty()).then_some(name)
    }

    /// An order's own address, else the person's.
    pub fn email_for<'a>(&'a self, order: &'a Order) -> Option<&'a str> {
        match order.email.get() {
            Some(said) => said.as_deref(),
            None => self.email(),
        }
    }
}

#[cfg(test)]
mod tests;

//! One customer's story, in the order in which it happened.

use std::collections::BTreeMap;

use serde::Serialize;

use super::messages::Listed;
use crate::customer::{Customer, CustomerId, Order, Shipment, Ticket};
use crate::fact::{Answer, Channel, Item, OrderStage, PrivacyKind, Review, ShipmentState};
use crate::join::Latest;
use crate::key::Key;
use crate::money::Money;
use crate::playbook::{self, Intent};
use crate::settings::Settings;
use crate::time::{Time, as_text};

/// What `GET /customers/<id>` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    pub id: CustomerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What they said to marketing, by channel. A channel that is not named was never answered for.
    pub marketing: BTreeMap<Channel, bool>,
    /// Loyalty points that are good now.
    pub points: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Every name under which they are found.
    pub known_as: Vec<Key>,
    /// Oldest first, by the time it happened and not by the time we heard of it.
    pub timeline: Vec<Entry>,
    /// What they will get if nothing else happens, soonest first.
    pub planned: Vec<Upcoming>,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Order,
    Shipment,
    Ticket,
    /// An answer to a survey.
    Answer,
    Review,
    Consent,
    Privacy,
    Points,
    Message,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    pub kind: Kind,
    /// What happened: `placed`, `out_for_delivery`, `nps`, `solved`, or a message's state.
    pub event: String,
    /// As a person reads it.
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `order:1001`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Points that were earned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
    /// With every step and its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Listed>,
}

/// A score with its scale, so that nobody has to guess whether 5 is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    pub given: String,
    pub scale: String,
}

/// A message that a playbook has in mind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upcoming {
    pub id: String,
    pub playbook: &'static str,
    pub cause: String,
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    /// `planned`, `deferred`, or the state in which it will end: `skipped`, `merged`, `expired`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// All that happened to the customer, and what they will get next. `None` for a record without a key.
pub fn timeline(customer: &Customer, settings: &Settings, now: Time) -> Option<Timeline> {
    let profile = &customer.profile;
    let points = playbook::points(customer, settings, now);
    let mut entries = Entries::default();
    customer.orders.iter().for_each(|(id, order)| entries.order(id, order));
    customer.shipments.iter().for_each(|(id, shipment)| entries.shipment(id, shipment));
    customer.tickets.iter().for_each(|(id, ticket)| entries.ticket(id, ticket));
    known(&customer.answers).for_each(|(at, answer)| entries.answer(at, answer));
    known(&customer.reviews).for_each(|(at, review)| entries.review(at, review));
    for (channel, said) in &profile.marketing {
        entries.consent(*channel, said);
    }
    for (at, request) in known(&customer.requests) {
        let (event, title) = match request.kind {
            PrivacyKind::Export => ("export", "Asked for their data"),
            PrivacyKind::Erase => ("erase", "Asked to be forgotten"),
            PrivacyKind::EraseShop => ("erase_shop", "The shop asked to be forgotten"),
            PrivacyKind::Uninstalled => ("uninstalled", "The shop removed the app"),
        };
        entries.add(at, Kind::Privacy, event, title.to_owned());
    }
    for earned in points.earned.iter().filter(|earned| earned.at <= now) {
        let title = ["Earned ", &earned.points.to_string(), " points"].concat();
        let entry = entries.add(earned.at, Kind::Points, "earned", title);
        entry.about = Some(earned.cause.clone());
        entry.points = Some(earned.points);
    }
    for (id, message) in &customer.messages {
        let Some(listed) = Listed::new(customer, id, message) else { continue };
        // Where it began; what became of it stands with it.
        let at = listed.steps.first().map_or(listed.at, |first| first.at);
        let title = ["Message ", &listed.playbook, ": ", listed.state].concat();
        let entry = entries.add(at, Kind::Message, listed.state, title);
        entry.detail.clone_from(&listed.reason);
        entry.about = Some(listed.cause.clone());
        entry.message = Some(listed);
    }
    Some(Timeline {
        id: customer.id()?,
        name: customer.full_name(),
        email: customer.email().map(str::to_owned),
        phone: customer.phone().map(str::to_owned),
        locale: profile.locale.get().cloned(),
        country: profile.country.get().cloned(),
        marketing: profile
            .marketing
            .iter()
            .filter_map(|(channel, said)| Some((*channel, *said.get()?)))
            .collect(),
        tier: settings
            .loyalty
            .tiers
            .iter()
            .rfind(|tier| tier.points <= points.balance)
            .map(|tier| tier.name.clone()),
        points: points.balance,
        known_as: customer.keys.iter().cloned().collect(),
        timeline: entries.in_order(),
        planned: planned(customer, settings, now),
    })
}

fn planned(customer: &Customer, settings: &Settings, now: Time) -> Vec<Upcoming> {
    let plans = playbook::plan(customer, settings, now).into_iter();
    let mut planned: Vec<Upcoming> = plans
        .map(|plan| {
            let (at, state, reason) = match &plan.intent {
                Intent::Send(_) | Intent::Wait => (plan.due, "planned", None),
                Intent::Defer { until, why } => (*until, "deferred", Some(why.clone())),
                Intent::End(step) => (plan.due, step.name(), step.reason()),
            };
            let (id, playbook) = (plan.id.as_str().to_owned(), plan.playbook.as_str());
            Upcoming { id, playbook, cause: plan.cause, at, state, reason }
        })
        .collect();
    planned.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.id.cmp(&other.id)));
    planned
}

/// What is known of each, with the time of its newest report.
fn known<T>(reports: &BTreeMap<String, Latest<T>>) -> impl Iterator<Item = (Time, &T)> {
    reports.values().filter_map(|latest| Some((latest.reported_at()?, latest.get()?)))
}

#[derive(Default)]
struct Entries(Vec<Entry>);

impl Entries {
    fn add(&mut self, at: Time, kind: Kind, event: impl Into<String>, title: String) -> &mut Entry {
        let event = event.into();
        self.0.push(Entry {
            at,
            kind,
            event,
            title,
            detail: None,
            about: None,
            score: None,
            points: None,
            message: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// By the time it happened; what happened at one moment, in the order in which things follow from each other.
    fn in_order(mut self) -> Vec<Entry> {
        self.0.sort_by_key(|entry| (entry.at, entry.kind));
        self.0
    }

    fn order(&mut self, id: &str, order: &Order) {
        let about = ["order:", id].concat();
        let called = ["Order ", order.number.get().map_or(id, String::as_str)].concat();
        let test = if order.is_test() { " (a test)" } else { "" };
        for (stage, first) in &order.stages {
            let (event, words) = match stage {
                OrderStage::Placed => ("placed", "placed"),
                OrderStage::Paid => ("paid", "paid"),
                OrderStage::PartlyFulfilled => ("partly_fulfilled", "partly sent"),
                OrderStage::Fulfilled => ("fulfilled", "sent"),
                OrderStage::Returned => ("returned", "returned"),
                OrderStage::Refunded => ("refunded", "refunded in full"),
                OrderStage::Cancelled => ("cancelled", "cancelled"),
            };
            let entry = self.add(first.0, Kind::Order, event, [&called, " ", words, test].concat());
            entry.about = Some(about.clone());
            if *stage == OrderStage::Placed {
                let shown = order.shown_total.get().or(order.total.get());
                entry.detail = parts([order.items.get().and_then(|items| bought(items)), shown.map(amount)]);
            }
        }
        for (at, day) in order.promises.iter().take(1) {
            let title = [&called, ": delivery promised by ", &day.to_string()].concat();
            self.add(*at, Kind::Order, "promised", title).about = Some(about.clone());
        }
        for refund in order.refunds.values().filter_map(Latest::get) {
            let entry = self.add(refund.at, Kind::Order, "refund", [&called, ": money back"].concat());
            entry.detail = parts([refund.amount.as_ref().map(amount), refund.reason.clone()]);
            entry.about = Some(about.clone());
        }
        for (at, state) in known(&order.returns) {
            let title = [&called, ": return ", &state.replace('_', " ")].concat();
            self.add(at, Kind::Order, ["return_", state].concat(), title).about = Some(about.clone());
        }
    }

    fn shipment(&mut self, id: &str, shipment: &Shipment) {
        let about = ["shipment:", id].concat();
        let numbers: Vec<&str> = shipment.tracking_numbers.iter().map(String::as_str).collect();
        let numbers = Some(numbers.join(", ")).filter(|numbers| !numbers.is_empty());
        let way = parts([shipment.carrier.get().cloned(), numbers]);
        for (state, first) in &shipment.states {
            let title = match state {
                ShipmentState::AttemptFailed => "Parcel could not be handed over".to_owned(),
                ShipmentState::Exception => "Parcel is in trouble".to_owned(),
                state => ["Parcel ", &state.as_str().replace('_', " ")].concat(),
            };
            let entry = self.add(first.0, Kind::Shipment, state.as_str(), title);
            entry.detail.clone_from(&way);
            entry.about = Some(about.clone());
        }
        for (at, estimate) in &shipment.estimates {
            let title = ["Carrier expects delivery on ", &estimate.date().to_string()].concat();
            let entry = self.add(*at, Kind::Shipment, "estimated", title);
            entry.detail.clone_from(&way);
            entry.about = Some(about.clone());
        }
        if let (Some(at), Some(note)) = (shipment.note.reported_at(), shipment.note.get()) {
            let entry = self.add(at, Kind::Shipment, "note", "The carrier wrote".to_owned());
            entry.detail = Some(note.clone());
            entry.about = Some(about.clone());
        }
    }

    fn ticket(&mut self, id: &str, ticket: &Ticket) {
        let about = ["ticket:", id].concat();
        let detail = parts([
            ticket.subject.get().cloned(),
            ticket.channel.get().map(|channel| ["by ", channel].concat()),
            ticket.agent.get().map(|agent| ["with ", agent].concat()),
        ]);
        // The first of what several senders say; solved and reopened may happen more than once.
        let once = [
            ("created", "opened", ticket.created_at.first()),
            ("replied", "answered", ticket.replied_at.first()),
        ];
        let solved = ticket.solved_at.iter().map(|at| ("solved", "solved", Some(at)));
        let reopened = ticket.reopened_at.iter().map(|at| ("reopened", "opened again", Some(at)));
        for (event, words, at) in once.into_iter().chain(solved).chain(reopened) {
            let Some(at) = at else { continue };
            let entry = self.add(*at, Kind::Ticket, event, ["Ticket ", id, " ", words].concat());
            entry.detail.clone_from(&detail);
            entry.about = Some(about.clone());
        }
        let is_told = |at: Time| ticket.created_at.union(&ticket.solved_at).any(|told| *told == at);
        if let (Some(at), Some(status)) = (ticket.status.reported_at(), ticket.status.get())
            && !is_told(at)
        {
            let title = ["Ticket ", id, " is ", status].concat();
            let entry = self.add(at, Kind::Ticket, status.clone(), title);
            entry.detail = detail;
            entry.about = Some(about);
        }
    }

    fn answer(&mut self, at: Time, answer: &Answer) {
        use crate::fact::SurveyKind;
        let (event, asked) = match answer.kind {
            SurveyKind::Nps => ("nps", "Would they recommend us"),
            SurveyKind::Csat => ("csat", "Are they satisfied"),
            SurveyKind::Ces => ("ces", "How hard was it"),
        };
        let (given, scale) = (answer.score.to_string(), answer.scale.to_string());
        let title = [asked, ": ", &given, " on ", &scale].concat();
        let entry = self.add(at, Kind::Answer, event, title);
        let tags: Vec<&str> = answer.tags.iter().map(String::as_str).collect();
        let tags = Some(tags.join(", ")).filter(|tags| !tags.is_empty());
        entry.detail = parts([answer.comment.clone(), tags]);
        let about = [("order:", &answer.order_id), ("ticket:", &answer.ticket_id)].into_iter();
        let mut about = about.filter_map(|(kind, id)| Some([kind, id.as_deref()?].concat()));
        entry.about = about.next().or_else(|| Some(["answer:", &answer.id].concat()));
        entry.score = Some(Score { given, scale });
    }

    fn review(&mut self, at: Time, review: &Review) {
        let (event, words) =
            if review.withdrawn { ("withdrawn", "Review withdrawn") } else { ("posted", "Review") };
        let title = [words, ": ", &review.rated, " at ", &review.source].concat();
        let entry = self.add(at, Kind::Review, event, title);
        entry.detail = parts([review.title.clone(), review.body.clone()]);
        let about = review.product_id.as_ref().map(|id| ["product:", id].concat());
        entry.about = about.or_else(|| Some(["review:", &review.id].concat()));
        let (given, scale) = review.rated.split_once(" of ").unwrap_or((&review.rated, ""));
        entry.score = Some(Score { given: given.to_owned(), scale: scale.to_owned() });
    }

    fn consent(&mut self, channel: Channel, said: &Latest<bool>) {
        let (Some(at), Some(yes)) = (said.reported_at(), said.get()) else { return };
        let (event, words) = if *yes { ("agreed", "Agreed to") } else { ("refused", "Refused") };
        let title = [words, " marketing by ", channel.as_str()].concat();
        self.add(at, Kind::Consent, event, title);
    }
}

/// What is there, in one line.
fn parts<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn bought(items: &[Item]) -> Option<String> {
    let lines: Vec<String> =
        items.iter().map(|item| [&item.quantity.to_string(), " × ", &item.title].concat()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn amount(money: &Money) -> String {
    [&money.amount(), " ", &money.currency].concat()
}

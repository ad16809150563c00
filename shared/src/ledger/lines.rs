//! The lines that a customer's record contributes: a pure function of the record alone.
//!
//! Nothing here depends on settings or on the time of asking; what does (business hours, points, whether something is
//! overdue) is worked out when scores are read.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta, Weekday};

use super::bin::{AFTERMATH_DAYS, Bin, Dims, Invitation, Mood, Outcome, Squares, WITHIN, What, rounded};
use super::reason::Reason;
use super::{Line, LineId};
use crate::customer::{Customer, Order, Ticket};
use crate::fact::{Answer, Help, OrderStage, ShipmentState};
use crate::message::{Message, MessageId, Step};
use crate::playbook::{Name, Parcel, Purpose, goodness, is_unhappy};
use crate::time::Time;
use crate::zone::Zone;

/// An answer within this time is an answer to the invitation before it.
const ANSWER_TIME: TimeDelta = TimeDelta::days(30);

/// Something new from the same person within this time: one contact was not enough.
const SAME_MATTER: TimeDelta = TimeDelta::days(7);

/// Photos and films of one review that count.
const MOST_MEDIA: u16 = 5;

/// Tags are what people make of them; what is longer is no tag.
const LONGEST_TAG: usize = 40;

/// Squares beyond this say nothing about a shop: 316,000.00 for one order.
const LARGEST_SQUARE: i128 = 1_000_000_000_000_000;

/// The lines that a customer's record contributes.
pub fn lines(customer: &Customer) -> BTreeMap<LineId, Line> {
    let mut lines =
        Lines { customer, country: customer.profile.country.get().cloned(), all: BTreeMap::new() };
    lines.answers();
    lines.reviews();
    lines.parcels();
    lines.tickets();
    lines.questions();
    lines.messages();
    lines.purchases();
    lines.aftermath();
    lines.all
}

struct Lines<'a> {
    customer: &'a Customer,
    country: Option<String>,
    all: BTreeMap<LineId, Line>,
}

impl<'a> Lines<'a> {
    /// A line of `kind` about `name`, which is unique within the kind.
    fn add(&mut self, kind: &str, name: &str, at: Time, weight: i64, what: What, by: Dims) {
        let by = Dims { country: self.country.clone(), ..by };
        self.all.insert(LineId::new(kind, name), Line { at, weight, bin: Bin { what, by } });
    }

    fn count(&mut self, kind: &str, name: &str, at: Time, what: What) {
        self.add(kind, name, at, 0, what, Dims::default());
    }

    /// The product that something is about: its own, or the only one of its order.
    fn product(&self, own: Option<&String>, order_id: Option<&String>) -> Option<String> {
        let only = || {
            let mut products =
                self.customer.orders.get(order_id?)?.items.get()?.iter().map(|item| item.product_id.as_ref());
            let first = products.next()??;
            products.all(|other| other == Some(first)).then_some(first)
        };
        own.or_else(only).cloned()
    }

    fn answers(&mut self) {
        for (id, answer) in &self.customer.answers {
            let (Some(at), Some(answer)) = (answer.reported_at(), answer.get()) else { continue };
            let product = self.product(answer.product_id.as_ref(), answer.order_id.as_ref());
            let what = What::Answer { kind: answer.kind, score: answer.score, scale: answer.scale };
            let by = Dims { product: product.clone(), ..Dims::default() };
            self.add("answer", id, at, 0, what, by.clone());
            if is_unhappy(answer) {
                for tag in answer.tags.iter().filter(|tag| tag.len() <= LONGEST_TAG) {
                    let what = What::Complaint { tag: tag.to_lowercase() };
                    self.add("tag", &[id, "\n", tag].concat(), at, 0, what, by.clone());
                }
            }
        }
    }

    fn reviews(&mut self) {
        for (id, review) in &self.customer.reviews {
            let (Some(at), Some(review)) = (review.reported_at(), review.get()) else { continue };
            if review.withdrawn {
                continue;
            }
            let product = self.product(review.product_id.as_ref(), review.order_id.as_ref());
            let by = Dims { product, source: Some(review.source.clone()), ..Dims::default() };
            let media = i64::from(review.media.min(MOST_MEDIA));
            self.add("review", id, at, media, What::Review { rating: review.rating_hundredths }, by);
        }
    }

    /// In time is until the end of the promised day, where the parcel goes. The promise that counts is the first one.
    fn parcels(&mut self) {
        let only_order = match self.customer.orders.keys().next() {
            Some(only) if self.customer.orders.len() == 1 => Some(only.as_str()),
            _ => None,
        };
        let parcels = Parcel::all(self.customer);
        let promises = self.customer.orders.values().any(|order| !order.promises.is_empty());
        if parcels.is_empty() && !promises {
            return;
        }
        let zone = self.customer.profile.zones().next().unwrap_or_else(Zone::utc);
        let mut with_parcels = Vec::new();
        for parcel in &parcels {
            let order_id = parcel.order_id.or(only_order);
            with_parcels.extend(order_id);
            let order = order_id.and_then(|id| self.customer.orders.get(id));
            if parcel.is_over() || order.is_some_and(is_off) {
                continue;
            }
            let promise = order.and_then(Order::promised_by);
            let promise = promise.or_else(|| parcel.first_estimate().map(|at| zone.date(at)));
            let Some(id) = parcel.ids.first() else { continue };
            match (parcel.reached(&ShipmentState::Delivered), promise) {
                (Some(at), promise) => {
                    let late = promise.map(|promise| {
                        let days = (zone.date(at) - promise).num_days().max(0);
                        u16::try_from(days).unwrap_or(u16::MAX)
                    });
                    self.count("parcel", id, at, What::Delivered { late });
                }
                (None, Some(promise)) => {
                    self.count("parcel", id, Time::start_of(promise), What::Awaited);
                }
                (None, None) => {}
            }
        }
        for (id, order) in &self.customer.orders {
            let Some(promise) = order.promised_by() else { continue };
            // What was sent without anybody reporting a parcel may have come.
            let left = order.reached(OrderStage::Fulfilled).is_some();
            if !left && !is_off(order) && !with_parcels.contains(&id.as_str()) {
                self.count("promise", id, Time::start_of(promise), What::Awaited);
            }
        }
    }

    /// Only what somebody of the team was asked.
    fn tickets(&mut self) {
        for (id, ticket) in self.customer.tickets.iter().filter(|(_, ticket)| !ticket.needed_nobody()) {
            let by = Dims { channel: ticket.channel.get().cloned(), ..Dims::default() };
            let solved = last_solved(ticket);
            if let Some(created) = ticket.created_at.first().copied() {
                let reply = ticket.replied_at.iter().find(|at| **at >= created);
                let minutes = reply.map(|at| rounded(whole(*at - created, TimeDelta::minutes(1))));
                let what = What::FirstReply {
                    quarter: quarter_of_day(created),
                    minutes,
                    over: minutes.is_none() && solved.is_some(),
                };
                self.add("reply", id, created, 0, what, by.clone());
                let first = ticket.solved_at.iter().find(|at| **at >= created);
                let solved_after = first.map(|at| days(*at - created));
                self.add("case", id, created, 0, What::Case { solved_after }, by.clone());
            }
            if let Some(solved) = solved {
                let first_contact = self.was_enough(id, ticket, solved);
                self.add("solved", id, solved, 0, What::Solved { first_contact }, by.clone());
            }
            let at = solved.or_else(|| ticket.created_at.first().copied());
            if let (Some(at), Some(seconds)) = (at, ticket.handle_seconds.get()) {
                let what = What::Handled { seconds: rounded(*seconds) };
                self.add("handled", id, at, i64::from(*seconds), what, by);
            }
        }
    }

    /// Solved once, never opened again, and nothing new from the same person shortly after.
    fn was_enough(&self, id: &str, ticket: &Ticket, solved: Time) -> bool {
        let again = |other: &Ticket| {
            other.created_at.first().is_some_and(|at| *at > solved && *at - solved <= SAME_MATTER)
        };
        ticket.solved_at.len() == 1
            && ticket.reopened_at.is_empty()
            && ticket.reopened.get().is_none_or(|times| *times == 0)
            && !self
                .customer
                .tickets
                .iter()
                .any(|(other, ticket)| other != id && !ticket.needed_nobody() && again(ticket))
    }

    /// What was asked on the pages of orders.
    fn questions(&mut self) {
        for (id, ticket) in &self.customer.tickets {
            let (Some(help), Some(at)) = (ticket.help.get(), ticket.created_at.first().copied()) else {
                continue;
            };
            let outcome =
                if ticket.needed_nobody() { self.answered(ticket, help, at) } else { Some(Outcome::Case) };
            let faq = help.faq.clone().filter(|_| ticket.needed_nobody());
            if let Some(outcome) = outcome {
                self.count(
                    "question",
                    id,
                    at,
                    What::Question { topic: help.topic, outcome, faq: faq.clone() },
                );
            }
            if let Some(faq) = faq {
                self.count("helped", id, Time::start_of(monday_of(at.date())), What::Helped { faq });
            }
        }
    }

    /// What came of a question that the page answered; `None` where it was put to the team on the page after all, which
    /// is the same question and counts there.
    fn answered(&self, ticket: &Ticket, help: &Help, at: Time) -> Option<Outcome> {
        let mut outcome = Outcome::Answered;
        for other in self.customer.tickets.values().filter(|other| !other.needed_nobody()) {
            let soon = |later: &Time| *later > at && *later - at <= SAME_MATTER;
            if !other.created_at.first().is_some_and(soon) {
                continue;
            }
            match other.help.get() {
                Some(asked) if asked.topic == help.topic && other.order_id.get() == ticket.order_id.get() => {
                    return None;
                }
                Some(_) => {}
                None => outcome = Outcome::CameBack,
            }
        }
        Some(outcome)
    }

    fn messages(&mut self) {
        let mut invitations: Vec<(Time, &MessageId, bool)> = Vec::new();
        for (id, message) in &self.customer.messages {
            let Some((at, step)) = message.state() else { continue };
            let what = What::Message {
                playbook: message.playbook.clone(),
                state: step.name().to_owned(),
                reason: Reason::of(step),
            };
            self.count("message", id.as_str(), *at, what);
            if message.playbook == Name::Survey.as_str()
                && let Some(sent) = sent_at(message)
            {
                invitations.push((sent, id, matches!(step, Step::Bounced { .. })));
            }
            if message.playbook == Name::Loyalty.as_str()
                && let Some((_, tier)) = message.cause.split_once(":tier:")
            {
                self.count("tier", id.as_str(), *at, What::Tier { name: tier.to_owned() });
            }
        }
        invitations.sort_unstable();
        let ends = invitations.iter().skip(1).map(|(at, ..)| Some(*at)).chain([None]);
        let ends: Vec<Option<Time>> = ends.collect();
        for ((sent, id, bounced), next) in invitations.into_iter().zip(ends) {
            let end = (sent + ANSWER_TIME).min(next.unwrap_or(sent + ANSWER_TIME));
            let mut answers = self.customer.answers.values().filter_map(crate::join::Latest::reported_at);
            let outcome = if answers.any(|at| at >= sent && at < end) {
                Invitation::Answered
            } else if bounced {
                Invitation::Bounced
            } else {
                Invitation::Silent
            };
            self.count("asked", id.as_str(), sent, What::Asked { outcome });
        }
    }

    fn purchases(&mut self) {
        let mut purchases: Vec<(Time, &'a str, &'a Order)> = Vec::new();
        for (id, order) in &self.customer.orders {
            if let Some(placed) = order.reached(OrderStage::Placed)
                && !is_off(order)
            {
                purchases.push((placed, id, order));
            }
        }
        purchases.sort_by_key(|(at, id, _)| (*at, *id));
        for (placed, id, order) in &purchases {
            let Some(kept) = order.kept() else { continue };
            let units = kept.minor / kept.minor_per_unit();
            let product = self.product(None, Some(&(*id).to_owned()));
            let what = What::Order { currency: kept.currency };
            self.add("order", id, *placed, kept.minor, what, Dims { product, ..Dims::default() });
            if let Some(paid) = order.reached(OrderStage::Paid) {
                self.add("paid", id, paid, units, What::Paid, Dims::default());
            }
        }
        self.trials(&purchases);
        let Some((first, first_id, first_order)) = purchases.first().copied() else { return };
        let again = purchases.get(1).map(|(at, ..)| *at - first);
        let again_within = again.and_then(within);
        self.count("customer", first_id, first, What::Customer { again_within });

        // Purchases of one day are one occasion, as in the models that these are for.
        let currency = first_order.total.get().map(|total| total.currency.clone());
        let mut occasions: Vec<(Time, i128)> = Vec::new();
        for (placed, _, order) in &purchases {
            let value = order.kept().filter(|kept| currency.as_deref() == Some(&kept.currency));
            let value = i128::from(value.map_or(0, |kept| kept.minor));
            match occasions.last_mut() {
                Some((at, sum)) if at.date() == placed.date() => *sum += value,
                _ => occasions.push((*placed, value)),
            }
        }
        let last = occasions.last().map_or(first, |(at, _)| *at);
        let mut longest_pause = None;
        for ((before, _), (at, _)) in occasions.iter().zip(occasions.iter().skip(1)) {
            let pause = rounded(u32::from(days(*at - *before)));
            longest_pause = longest_pause.max(Some(pause));
            self.count(
                "pause",
                &[first_id, &at.date().to_string()].join("\n"),
                *at,
                What::Pause { days: pause },
            );
        }
        self.count("last", first_id, last, What::LastOrder { longest_pause });
        if let Some(currency) = currency {
            let purchases = u16::try_from(occasions.len()).unwrap_or(u16::MAX);
            let sum: i128 = occasions.iter().map(|(_, value)| value).sum();
            let buyer = What::Buyer {
                currency: currency.clone(),
                repeats: purchases - 1,
                last_week: days(last - first) / 7,
            };
            self.add("buyer", first_id, first, clamped(sum), buyer, Dims::default());
            let each: i128 = occasions.iter().map(|(_, value)| square(*value)).sum();
            let of_sum = square(sum) / i128::from(purchases);
            for (kind, of, sum) in
                [("squares", Squares::Each, each), ("sum-squares", Squares::Sum { purchases }, of_sum)]
            {
                let what = What::Squares { currency: currency.clone(), of };
                self.add(kind, first_id, first, clamped(sum.min(LARGEST_SQUARE)), what, Dims::default());
            }
        }
    }

    /// The first time that each playbook would have written to them, and what they bought afterwards.
    fn trials(&mut self, purchases: &[(Time, &str, &Order)]) {
        let mut first: BTreeMap<&str, (Time, &MessageId, bool)> = BTreeMap::new();
        for (id, message) in &self.customer.messages {
            let has_holdout =
                Name::parse(&message.playbook).is_some_and(|name| name.purpose() != Purpose::Service);
            let (Some(at), Some(held_out)) = (message.steps.first().map(|(at, _)| *at), held_out(message))
            else {
                continue;
            };
            if has_holdout {
                let trial = (at, id, held_out);
                let known = first.entry(message.playbook.as_str()).or_insert(trial);
                *known = (*known).min(trial);
            }
        }
        for (playbook, (at, id, held_out)) in first {
            let bought = purchases.iter().map(|(placed, ..)| *placed).find(|placed| *placed > at);
            let bought_within = bought.and_then(|placed| within(placed - at));
            let what = What::Trial { playbook: playbook.to_owned(), held_out, bought_within };
            self.count("trial", id.as_str(), at, what);
        }
    }

    /// How the first answer was, and what followed.
    fn aftermath(&mut self) {
        let answers = self.customer.answers.iter();
        let mut answers: Vec<(Time, &String, &Answer)> =
            answers.filter_map(|(id, answer)| Some((answer.reported_at()?, id, answer.get()?))).collect();
        answers.sort_by_key(|(at, id, _)| (*at, *id));
        let Some((at, id, answer)) = answers.first().copied() else { return };
        let apology = MessageId::new(Name::Recovery.as_str(), &["answer:", id, ":apology"].concat());
        let apologised = self.customer.messages.get(&apology).and_then(Message::state);
        let of = match (is_unhappy(answer), apologised) {
            (false, _) => Mood::Content,
            (true, Some((_, step))) if step.is_sent() => Mood::Apologised,
            (true, _) => Mood::Unattended,
        };
        let window = at + TimeDelta::days(i64::from(AFTERMATH_DAYS));
        let mut orders = self.customer.orders.values().filter(|order| !is_off(order));
        let bought = orders.any(|order| {
            order.reached(OrderStage::Placed).is_some_and(|placed| placed > at && placed <= window)
        });
        let next = answers.iter().skip(1).find(|(_, _, next)| next.kind == answer.kind);
        let next = next.map(|(_, _, next)| i64::from(goodness(next)) - i64::from(goodness(answer)));
        let what = What::Aftermath { of, bought, next: next.map(|change| change.cmp(&0).into()) };
        self.add("aftermath", id, at, next.unwrap_or_default(), what, Dims::default());
    }
}

/// Test orders, and those that came to nothing.
fn is_off(order: &Order) -> bool {
    order.is_test()
        || [OrderStage::Cancelled, OrderStage::Refunded].iter().any(|stage| order.reached(*stage).is_some())
}

/// When a ticket was solved, unless it was opened again since.
fn last_solved(ticket: &Ticket) -> Option<Time> {
    let solved = ticket.solved_at.last().copied()?;
    let reopened = ticket.reopened_at.last().is_some_and(|reopened| *reopened > solved);
    (!reopened).then_some(solved)
}

/// When the provider took a message.
fn sent_at(message: &Message) -> Option<Time> {
    message.steps.iter().find(|(_, step)| step.is_sent()).map(|(at, _)| *at)
}

/// Whether somebody was held out of this message, or belongs to those who were not. `None` where that was never asked,
/// because the playbook itself had a reason to say nothing.
fn held_out(message: &Message) -> Option<bool> {
    let (_, step) = message.state()?;
    match (step, Reason::of(step)) {
        (Step::Skipped { .. }, Some(Reason::Holdout)) => Some(true),
        // These are looked at after the holdout: who was held out would have met them as well.
        (Step::Skipped { .. }, Some(Reason::Consent)) => Some(false),
        (Step::Skipped { .. } | Step::Merged { .. }, _) => None,
        (Step::Expired { .. }, _) => {
            message.steps.iter().any(|(_, step)| matches!(step, Step::Deferred { .. })).then_some(false)
        }
        _ => Some(false),
    }
}

/// The first day of its week.
pub fn monday_of(date: NaiveDate) -> NaiveDate {
    date.week(Weekday::Mon).first_day()
}

fn quarter_of_day(at: Time) -> u8 {
    let minutes = at.seconds().rem_euclid(86_400) / 60;
    u8::try_from(minutes / 15).unwrap_or_default()
}

fn whole(span: TimeDelta, unit: TimeDelta) -> u32 {
    u32::try_from(span.num_milliseconds() / unit.num_milliseconds().max(1)).unwrap_or_default()
}

fn days(span: TimeDelta) -> u16 {
    u16::try_from(span.num_days().max(0)).unwrap_or(u16::MAX)
}

/// The least of [`WITHIN`] that holds.
fn within(span: TimeDelta) -> Option<u16> {
    WITHIN.into_iter().find(|days| span <= TimeDelta::days(i64::from(*days)))
}

fn square(value: i128) -> i128 {
    value.saturating_mul(value)
}

fn clamped(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

//! Metrics worked out from records, without lines, bins or days: the plainest thing that could work.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use crate::customer::{Customer, Order, Ticket};
use crate::fact::{Answer, Direction, OrderStage, Scale, ShipmentState, SurveyKind};
use crate::join::Latest;
use crate::message::Step;
use crate::playbook::{Parcel, is_unhappy};
use crate::time::Time;
use crate::window::Window;
use crate::zone::Zone;

/// How many there are of what is counted, and the value.
type Number = (u64, Option<f64>);

/// By the metric's name.
pub(super) fn worked_out(
    customers: &[Customer],
    window: Window,
    now: Time,
) -> BTreeMap<&'static str, Number> {
    let plain = Plain { customers, window, now };
    BTreeMap::from([
        ("nps", plain.nps()),
        ("csat", plain.csat()),
        ("ces", plain.ces()),
        ("reviews", plain.reviews()),
        ("reasons", plain.reasons()),
        ("response_rate", plain.response_rate()),
        ("deflection", plain.deflection()),
        ("on_time", plain.on_time()),
        ("resolution_rate", plain.resolution_rate()),
        ("first_contact_resolution", plain.first_contact_resolution()),
        ("handle_time", plain.handle_time()),
        ("order_value", plain.order_value()),
        ("repeat_rate", plain.repeat_rate()),
        ("messages", plain.messages()),
    ])
}

struct Plain<'a> {
    customers: &'a [Customer],
    window: Window,
    now: Time,
}

fn mean(values: impl IntoIterator<Item = f64>) -> Number {
    let values: Vec<f64> = values.into_iter().collect();
    let n = values.len();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    (n as u64, (n > 0).then(|| values.iter().sum::<f64>() / n as f64))
}

fn share(hits: impl IntoIterator<Item = bool>) -> Number {
    mean(hits.into_iter().map(|hit| if hit { 100.0 } else { 0.0 }))
}

fn is_purchase(order: &Order) -> bool {
    let came_to_nothing = [OrderStage::Cancelled, OrderStage::Refunded];
    !order.is_test() && came_to_nothing.iter().all(|stage| order.reached(*stage).is_none())
}

/// When it was solved, and stayed so.
fn solved(ticket: &Ticket) -> Option<Time> {
    let solved = *ticket.solved_at.last()?;
    ticket.reopened_at.last().is_none_or(|reopened| *reopened <= solved).then_some(solved)
}

impl<'a> Plain<'a> {
    fn holds(&self, at: Time) -> bool {
        (self.window.from..=self.window.to).contains(&at.date())
    }

    fn answers(&self, kind: SurveyKind) -> impl Iterator<Item = &'a Answer> {
        let answers = self.customers.iter().flat_map(|customer| customer.answers.values());
        let in_window = answers.filter(|answer| answer.reported_at().is_some_and(|at| self.holds(at)));
        in_window.filter_map(Latest::get).filter(move |answer| answer.kind == kind)
    }

    /// Those that somebody of the team was asked.
    fn tickets(&self) -> impl Iterator<Item = (&'a Customer, &'a String, &'a Ticket)> {
        self.all_tickets().filter(|(_, _, ticket)| !ticket.needed_nobody())
    }

    fn all_tickets(&self) -> impl Iterator<Item = (&'a Customer, &'a String, &'a Ticket)> {
        self.customers
            .iter()
            .flat_map(|customer| customer.tickets.iter().map(move |(id, it)| (customer, id, it)))
    }

    fn nps(&self) -> Number {
        mean(self.answers(SurveyKind::Nps).map(|answer| match answer.score {
            9.. => 100.0,
            7 | 8 => 0.0,
            _ => -100.0,
        }))
    }

    fn csat(&self) -> Number {
        share(self.answers(SurveyKind::Csat).map(|Answer { score, scale, .. }| {
            let (score, min, max) = (f64::from(*score), f64::from(scale.min), f64::from(scale.max));
            let high = ((score - min) / (max - min)).clamp(0.0, 1.0);
            (if scale.good == Direction::High { high } else { 1.0 - high }) >= 0.75
        }))
    }

    fn ces(&self) -> Number {
        let known = Scale { min: 1, max: 7, good: Direction::High };
        let answers = self.answers(SurveyKind::Ces);
        let answers = answers.filter(|answer| answer.scale == known && (1..=7).contains(&answer.score));
        mean(answers.map(|answer| f64::from(answer.score)))
    }

    fn reviews(&self) -> Number {
        let reviews = self.customers.iter().flat_map(|customer| customer.reviews.values());
        let in_window = reviews.filter(|review| review.reported_at().is_some_and(|at| self.holds(at)));
        let shown = in_window.filter_map(Latest::get).filter(|review| !review.withdrawn);
        mean(shown.map(|review| f64::from(review.rating_hundredths) / 100.0))
    }

    /// How often what unhappy people complain of most is the reason.
    fn reasons(&self) -> Number {
        let kinds = [SurveyKind::Nps, SurveyKind::Csat, SurveyKind::Ces];
        let unhappy = kinds.iter().flat_map(|kind| self.answers(*kind)).filter(|answer| is_unhappy(answer));
        let tags: Vec<String> =
            unhappy.flat_map(|answer| &answer.tags).map(|tag| tag.to_lowercase()).collect();
        let count = |tag: &String| tags.iter().filter(|other| *other == tag).count();
        let most = tags.iter().max_by_key(|tag| count(tag));
        share(tags.iter().map(|tag| most.is_some_and(|most| most == tag)))
    }

    /// Each invitation has the time up to the next one, or thirty days.
    fn response_rate(&self) -> Number {
        let mut arrived = Vec::new();
        for customer in self.customers {
            let invitations = customer.messages.values().filter(|message| message.playbook == "survey");
            let mut invitations: Vec<(Time, bool)> = invitations
                .filter_map(|message| {
                    let (sent, _) = message.steps.iter().find(|(_, step)| step.is_sent())?;
                    let (_, state) = message.state()?;
                    Some((*sent, matches!(state, Step::Bounced { .. })))
                })
                .collect();
            invitations.sort_unstable();
            for (place, (sent, bounced)) in invitations.iter().enumerate() {
                let month = *sent + TimeDelta::days(30);
                let end = invitations.get(place + 1).map_or(month, |(next, _)| month.min(*next));
                let answered = customer
                    .answers
                    .values()
                    .filter_map(Latest::reported_at)
                    .any(|at| at >= *sent && at < end);
                if self.holds(*sent) && (answered || !bounced) {
                    arrived.push(answered);
                }
            }
        }
        share(arrived)
    }

    fn on_time(&self) -> Number {
        let mut promised = Vec::new();
        for customer in self.customers {
            let parcels = Parcel::all(customer);
            let only = customer.orders.keys().next().filter(|_| customer.orders.len() == 1);
            let order_of =
                |parcel: &Parcel<'_>| parcel.order_id.or(only.map(String::as_str)).map(str::to_owned);
            let zone = customer.profile.country.get().and_then(|country| {
                Zone::of_place(country, customer.profile.region.get().map(String::as_str)).next()
            });
            let zone = zone.unwrap_or_else(Zone::utc);
            let mut judge = |promise: NaiveDate, delivered: Option<Time>| {
                let counted = delivered.map_or(promise, Time::date);
                let known = delivered.is_some() || promise < self.now.date();
                if known && (self.window.from..=self.window.to).contains(&counted) {
                    promised.push(delivered.is_some_and(|at| zone.date(at) <= promise));
                }
            };
            for parcel in parcels.iter().filter(|parcel| !parcel.is_over()) {
                let order = order_of(parcel).and_then(|id| customer.orders.get(&id));
                if order.is_some_and(|order| !is_purchase(order)) {
                    continue;
                }
                let estimate = || parcel.first_estimate().map(|at| zone.date(at));
                if let Some(promise) = order.and_then(Order::promised_by).or_else(estimate) {
                    judge(promise, parcel.reached(&ShipmentState::Delivered));
                }
            }
            for (id, order) in customer.orders.iter().filter(|(_, order)| is_purchase(order)) {
                let has_left = order.reached(OrderStage::Fulfilled).is_some()
                    || parcels.iter().any(|parcel| order_of(parcel).as_ref() == Some(id));
                if let Some(promise) = order.promised_by().filter(|_| !has_left) {
                    judge(promise, None);
                }
            }
        }
        share(promised)
    }

    fn resolution_rate(&self) -> Number {
        let week = TimeDelta::days(7);
        share(self.tickets().filter_map(|(_, _, ticket)| {
            let created = *ticket.created_at.first()?;
            let ripe = (self.now.date() - created.date()).num_days() > 7;
            (ripe && self.holds(created))
                .then(|| ticket.solved_at.iter().any(|solved| *solved >= created && *solved - created < week))
        }))
    }

    fn first_contact_resolution(&self) -> Number {
        let week = TimeDelta::days(7);
        share(self.tickets().filter_map(|(customer, id, ticket)| {
            let solved = solved(ticket)?;
            let ripe = (self.now.date() - solved.date()).num_days() > 7;
            let soon = |other: &Ticket| {
                other.created_at.first().is_some_and(|at| *at > solved && *at - solved <= week)
            };
            let mut others = customer.tickets.iter().filter(|(_, other)| !other.needed_nobody());
            let followed = others.any(|(other, ticket)| other != id && soon(ticket));
            let once = ticket.solved_at.len() == 1
                && ticket.reopened_at.is_empty()
                && ticket.reopened.get().is_none_or(|times| *times == 0);
            (ripe && self.holds(solved)).then_some(once && !followed)
        }))
    }

    /// Questions that the page of an order answered, and that nobody came back with within a week.
    fn deflection(&self) -> Number {
        let week = TimeDelta::days(7);
        share(self.all_tickets().filter_map(|(customer, _, ticket)| {
            let (help, at) = (ticket.help.get()?, *ticket.created_at.first()?);
            let soon = |other: &Ticket| {
                other.created_at.first().is_some_and(|later| *later > at && *later - at <= week)
            };
            let later = || customer.tickets.values().filter(|other| !other.needed_nobody() && soon(other));
            let same = |other: &Ticket| {
                other.order_id.get() == ticket.order_id.get()
                    && other.help.get().is_some_and(|asked| asked.topic == help.topic)
            };
            let needed_nobody = ticket.needed_nobody();
            let asked_twice = needed_nobody && later().any(same);
            let helped = needed_nobody && later().all(|other| other.help.get().is_some());
            (!asked_twice && self.holds(at)).then_some(helped)
        }))
    }

    fn handle_time(&self) -> Number {
        mean(self.tickets().filter_map(|(_, _, ticket)| {
            let at = solved(ticket).or_else(|| ticket.created_at.first().copied())?;
            let seconds = *ticket.handle_seconds.get()?;
            self.holds(at).then_some(f64::from(seconds))
        }))
    }

    fn order_value(&self) -> Number {
        let mut currencies: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for order in self.customers.iter().flat_map(|customer| customer.orders.values()) {
            let placed = order.reached(OrderStage::Placed).filter(|at| self.holds(*at) && is_purchase(order));
            let (Some(_), Some(total)) = (placed, order.total.get()) else { continue };
            let refunds = order.refunds.values().filter_map(|refund| refund.get()?.amount.as_ref());
            let back: i64 = refunds.filter(|it| it.currency == total.currency).map(|it| it.minor).sum();
            #[expect(clippy::cast_precision_loss, reason = "small amounts")]
            let units = (total.minor - back).max(0) as f64 / total.minor_per_unit() as f64;
            currencies.entry(&total.currency).or_default().push(units);
        }
        mean(currencies.into_values().max_by_key(Vec::len).unwrap_or_default())
    }

    fn repeat_rate(&self) -> Number {
        let quarter = TimeDelta::days(90);
        share(self.customers.iter().filter_map(|customer| {
            let orders = customer.orders.values().filter(|order| is_purchase(order));
            let mut placed: Vec<Time> =
                orders.filter_map(|order| order.reached(OrderStage::Placed)).collect();
            placed.sort_unstable();
            let first = *placed.first()?;
            let ripe = (self.now.date() - first.date()).num_days() > 90;
            (ripe && self.holds(first))
                .then(|| placed.get(1).is_some_and(|second| *second - first <= quarter))
        }))
    }

    fn messages(&self) -> Number {
        let messages = self.customers.iter().flat_map(|customer| customer.messages.values());
        share(messages.filter_map(|message| {
            let (at, state) = message.state()?;
            let open = matches!(state.name(), "deferred" | "sending" | "retry");
            let reached = matches!(state.name(), "sent" | "delivered" | "complained");
            (!open && self.holds(*at)).then_some(reached)
        }))
    }
}

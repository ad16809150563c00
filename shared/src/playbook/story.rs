//! A customer's record as playbooks read it: orders with their parcels, and how they ended.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::help;
use super::name::Name;
use super::parcel::Parcel;
use crate::customer::{Customer, Order, Ticket};
use crate::fact::{Answer, Direction, HelpTopic, Item, OrderStage, Scale, ShipmentState, SurveyKind};
use crate::join::Latest;
use crate::message::{Message, Step};
use crate::settings::Settings;
use crate::time::Time;
use crate::zone::Zone;

/// What a playbook may know.
pub(crate) struct Story<'a> {
    pub(crate) customer: &'a Customer,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Time,
    /// By their ids.
    pub(crate) orders: Vec<Chapter<'a>>,
    pub(crate) parcels: Vec<Parcel<'a>>,
}

/// One order and what became of it.
pub(crate) struct Chapter<'a> {
    pub(crate) id: &'a str,
    pub(crate) order: &'a Order,
    pub(crate) placed: Option<Time>,
    /// When all of it was delivered, or was taken for delivered.
    pub(crate) delivered: Option<Time>,
    /// Parcels of it, by their place in the story's.
    pub(crate) parcels: Vec<usize>,
    /// They lately asked on the order's page to send something back, and nobody has settled it yet.
    pub(crate) wanted_back: bool,
}

/// What was over before this is not planned any more; what was due within it ends with a reason.
const LOOKS_BACK: TimeDelta = TimeDelta::days(7);

impl<'a> Story<'a> {
    pub(crate) fn new(customer: &'a Customer, settings: &'a Settings, now: Time) -> Self {
        let mut parcels = Parcel::all(customer);
        // A carrier's own report names no order. Where there is only one, it is that one.
        if let (1, Some(only)) = (customer.orders.len(), customer.orders.keys().next()) {
            for parcel in &mut parcels {
                parcel.order_id = parcel.order_id.or(Some(only));
            }
        }
        let mut of_order: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, parcel) in parcels.iter().enumerate() {
            if let Some(order) = parcel.order_id {
                of_order.entry(order).or_default().push(index);
            }
        }
        let orders = customer.orders.iter().map(|(id, order)| {
            let own = of_order.remove(id.as_str()).unwrap_or_default();
            let delivered = delivered(order, own.iter().map(|index| &parcels[*index]), settings);
            let wanted_back = customer.tickets.values().any(|ticket| wants_back(ticket, id, now));
            Chapter {
                id,
                order,
                placed: order.reached(OrderStage::Placed),
                delivered,
                parcels: own,
                wanted_back,
            }
        });
        let orders = orders.collect();
        Self { customer, settings, now, orders, parcels }
    }

    /// Is there still something to be said or accounted for about what is over at `expires`?
    pub(crate) fn is_recent(&self, expires: Time) -> bool {
        expires + LOOKS_BACK > self.now
    }

    /// Everything that happened at `at`, with the delay and expiry of `playbook`.
    pub(crate) fn concerns(&self, playbook: Name, at: Time) -> bool {
        let reach = playbook.delay(self.settings).delta() + playbook.expires(self.settings).delta();
        self.is_recent(at + reach)
    }

    pub(crate) fn chapter(&self, order_id: &str) -> Option<&Chapter<'a>> {
        // They stand in the order of their ids, as they do in the record.
        let index = self.orders.binary_search_by(|chapter| chapter.id.cmp(order_id)).ok()?;
        self.orders.get(index)
    }

    /// Messages of one playbook that were handed over or were about to be, with the time of their first attempt.
    pub(crate) fn attempts(&self, playbook: Name) -> impl Iterator<Item = (Time, &'a Message)> {
        let messages =
            self.customer.messages.values().filter(move |message| message.playbook == playbook.as_str());
        messages.filter_map(|message| Some((attempted(message)?, message)))
    }

    /// Zones the person may be in; the shop's where nothing is known.
    pub(crate) fn zones(&self) -> Vec<Zone> {
        let known: Vec<Zone> = self.customer.profile.zones().collect();
        if known.is_empty() { vec![self.settings.time_zone.clone()] } else { known }
    }

    /// One zone to count days in.
    pub(crate) fn zone(&self) -> Zone {
        self.customer.profile.zones().next().unwrap_or_else(|| self.settings.time_zone.clone())
    }

    /// Orders that count as purchases, in the order in which they were placed.
    pub(crate) fn purchases(&self) -> Vec<(Time, &Chapter<'a>)> {
        let counted = self.orders.iter().filter(|chapter| chapter.problem().is_none());
        let mut purchases: Vec<_> = counted.filter_map(|chapter| Some((chapter.placed?, chapter))).collect();
        purchases.sort_by_key(|(placed, chapter)| (*placed, chapter.id));
        purchases
    }

    /// A name of this person that tells nothing of them and does not change: that of their first order.
    pub(crate) fn first_order(&self) -> Option<&'a str> {
        let placed = self.orders.iter().filter_map(|chapter| Some((chapter.placed?, chapter.id)));
        placed.min().map(|(_, id)| id)
    }

    pub(crate) fn first_name(&self) -> Option<&'a str> {
        self.customer.profile.first_name.get().map(String::as_str)
    }

    /// How the buyer knows that order: its number, else its id.
    pub(crate) fn number_of(&self, order_id: Option<&'a str>) -> Option<&'a str> {
        let id = order_id?;
        self.chapter(id).and_then(Chapter::number).or(Some(id))
    }
}

impl<'a> Chapter<'a> {
    /// Why nothing friendly is to be said about it any more.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let reached = |stage| self.order.reached(stage).is_some();
        if self.order.is_test() {
            Some("test order")
        } else if reached(OrderStage::Cancelled) {
            Some("order cancelled")
        } else if reached(OrderStage::Refunded) {
            Some("order refunded")
        } else if reached(OrderStage::Returned) || self.order.returns.values().any(is_open_return) {
            Some("order returned")
        } else if self.wanted_back {
            Some("a return was asked for")
        } else {
            None
        }
    }

    /// What was bought and kept.
    pub(crate) fn items(&self) -> impl Iterator<Item = &'a Item> + use<'a> {
        let order = self.order;
        order.items.get().into_iter().flatten().filter(move |item| {
            let back = item.line_id.as_ref().map_or(0, |line| {
                let refunds = order.refunds.values().filter_map(Latest::get);
                refunds.filter_map(|refund| refund.lines.get(line)).sum::<u32>()
            });
            item.quantity > back
        })
    }

    /// The number that the buyer sees.
    pub(crate) fn number(&self) -> Option<&'a str> {
        self.order.number.get().map(String::as_str)
    }
}

/// After that the platform will have told of the return, or there is none.
const RETURNS_TAKE: TimeDelta = TimeDelta::days(45);

fn wants_back(ticket: &Ticket, order: &str, now: Time) -> bool {
    let asked =
        help::asked(ticket).filter(|(at, help)| help.topic == HelpTopic::Return && *at + RETURNS_TAKE > now);
    asked.is_some_and(|(_, help)| !help.items.is_empty())
        && ticket.solved_at.is_empty()
        && ticket.order_id.get().is_some_and(|id| id == order)
}

/// Somebody wants to send something back, and nobody has said no.
fn is_open_return(state: &Latest<String>) -> bool {
    state
        .get()
        .is_some_and(|state| !matches!(state.as_str(), "declined" | "canceled" | "cancelled" | "rejected"))
}

fn delivered<'a, 'p>(
    order: &Order,
    parcels: impl Iterator<Item = &'p Parcel<'a>>,
    settings: &Settings,
) -> Option<Time>
where
    'a: 'p,
{
    let mut last = None;
    let mut any = false;
    for parcel in parcels.filter(|parcel| !parcel.is_over()) {
        any = true;
        let assumed = || {
            // Nothing is taken for delivered that somebody said is in trouble.
            let left = parcel.reached(&ShipmentState::Shipped).filter(|_| parcel.trouble().is_none())?;
            Some(left + settings.assumed_delivery.delta())
        };
        let at = parcel.reached(&ShipmentState::Delivered).or_else(assumed)?;
        last = last.max(Some(at));
    }
    if any {
        return last;
    }
    let digital =
        order.items.get().is_some_and(|items| !items.is_empty() && items.iter().all(|item| item.digital));
    if digital {
        return order.reached(OrderStage::Placed);
    }
    order.reached(OrderStage::Fulfilled).map(|left| left + settings.assumed_delivery.delta())
}

/// When the first attempt at a message was made, if one was.
pub(crate) fn attempted(message: &Message) -> Option<Time> {
    let mut attempts =
        message.steps.iter().filter(|(_, step)| matches!(step, Step::Sending { .. }) || step.is_sent());
    attempts.next().map(|(at, _)| *at)
}

/// From 0, the worst, to 100, the best, whatever the scale and its direction.
pub(crate) fn goodness_of(score: u8, scale: Scale) -> u32 {
    let span = u32::from(scale.max.saturating_sub(scale.min)).max(1);
    let above = u32::from(score.saturating_sub(scale.min)).min(span);
    match scale.good {
        Direction::High => above * 100 / span,
        Direction::Low => (span - above) * 100 / span,
    }
}

pub(crate) fn goodness(answer: &Answer) -> u32 {
    goodness_of(answer.score, answer.scale)
}

/// Is this somebody whom we let down? NPS 0 to 6 (Reichheld, 2003); the lower two of five for satisfaction and ease.
pub(crate) fn is_unhappy(answer: &Answer) -> bool {
    match answer.kind {
        SurveyKind::Nps => answer.score <= 6,
        SurveyKind::Csat | SurveyKind::Ces => goodness(answer) <= 33,
    }
}

/// Items as templates show them.
pub(crate) fn item_list<'a>(items: impl Iterator<Item = &'a Item>) -> Value {
    items
        .map(|item| json!({ "title": item.title, "variant": item.variant, "quantity": item.quantity }))
        .collect()
}

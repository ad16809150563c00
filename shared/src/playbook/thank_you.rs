//! thank-you: thanks for an order, what happens next, how to reach us.

use chrono::TimeDelta;
use serde_json::json;

use super::{Intent, Planned};
use crate::customer::{Customer, Order};
use crate::draft::Draft;
use crate::fact::{Channel, OrderStage};
use crate::message::Step;
use crate::settings::Settings;
use crate::time::Time;

const NAME: &str = "thank-you";

/// Thanks that come later than this read like a mistake; old orders also arrive when a shop imports them.
const USEFUL_FOR: TimeDelta = TimeDelta::days(2);

pub(super) fn plan(customer: &Customer, settings: &Settings, now: Time) -> Vec<Planned> {
    let placed = customer.orders.iter().filter_map(|(id, order)| {
        let placed_at = order.reached(OrderStage::Placed)?;
        let (due, intent) = decide(customer, settings, order, placed_at, now);
        Some(Planned::new(NAME, format!("order:{id}"), due, intent))
    });
    placed.collect()
}

fn decide(
    customer: &Customer,
    settings: &Settings,
    order: &Order,
    placed_at: Time,
    now: Time,
) -> (Time, Intent) {
    let expires = placed_at + USEFUL_FOR;
    let skipped = |why: &str| (placed_at, Intent::End(Step::Skipped { why: why.to_owned() }));
    if order.is_test() {
        return skipped("test order");
    }
    if order.reached(OrderStage::Cancelled).is_some() {
        return skipped("order cancelled");
    }
    match customer.email_for(order) {
        _ if now >= expires => {
            let why = format!("placed at {placed_at}, heard of or sendable only after {expires}");
            (placed_at, Intent::End(Step::Expired { why }))
        }
        Some(email) => (placed_at, Intent::Send(Box::new(draft(customer, settings, order, email)))),
        // The address may come with a later report of the order.
        None => (expires, Intent::Wait),
    }
}

fn draft(customer: &Customer, settings: &Settings, order: &Order, email: &str) -> Draft {
    let placed_at = order.reached(OrderStage::Placed);
    let returning = customer.orders.values().any(|other| {
        other.reached(OrderStage::Placed) < placed_at
            && other.reached(OrderStage::Placed).is_some()
            && other.reached(OrderStage::Cancelled).is_none()
            && !other.is_test()
    });
    let total = order.shown_total.get().or_else(|| order.total.get());
    let items: Vec<_> = order.items.get().into_iter().flatten().filter(|item| item.quantity > 0).collect();
    let locale = order.locale.get().or_else(|| customer.profile.locale.get());
    Draft {
        template: NAME,
        locale: locale.unwrap_or(&settings.default_locale).clone(),
        channel: Channel::Email,
        to: email.to_owned(),
        context: json!({
            "first_name": customer.profile.first_name.get(),
            "number": order.number.get(),
            "items": items.iter().map(|item| json!({
                "title": item.title, "variant": item.variant, "quantity": item.quantity,
            })).collect::<Vec<_>>(),
            "total": total.map(crate::money::Money::amount),
            "currency": total.map(|total| &total.currency),
            "status_url": order.status_url.get(),
            "returning": returning,
        }),
    }
}

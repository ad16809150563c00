//! replenish: what somebody uses up, a little before it is used up. The cycle is the product's, or learnt from the
//! customer's own purchases. Buying it again starts anew.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::name::Name;
use super::story::{Chapter, Story};
use super::wish::{To, Verdict, Wish};
use crate::fact::Item;
use crate::settings::{Product, find_product};
use crate::time::Time;

/// So long before it is used up, people have time to order.
const LEAD: TimeDelta = TimeDelta::days(7);

/// A habit needs three purchases of the same thing.
const HABIT: usize = 3;

/// Things that run out within a week of each other are one reminder.
const ONE_REMINDER: TimeDelta = TimeDelta::days(7);

struct Bought<'a> {
    times: Vec<Time>,
    item: &'a Item,
    order: &'a str,
}

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let purchases = story.purchases();
    if purchases.is_empty() {
        return;
    }
    let mut by_product: BTreeMap<&'a str, Bought<'a>> = BTreeMap::new();
    for (placed, chapter) in &purchases {
        for item in chapter.items().filter(|item| !item.digital) {
            let Some(name) = name(item) else { continue };
            let bought =
                by_product.entry(name).or_insert(Bought { times: Vec::new(), item, order: chapter.id });
            if bought.times.last() != Some(placed) {
                bought.times.push(*placed);
            }
            (bought.item, bought.order) = (item, chapter.id);
        }
    }
    let mut due: Vec<(Time, &Bought<'a>, Option<&'a Product>)> = by_product
        .values()
        .filter_map(|bought| {
            let product = find_product(&story.settings.products, bought.item);
            Some((bought.times.last().copied()? + cycle(bought, product)? - LEAD, bought, product))
        })
        .filter(|(at, _, _)| story.concerns(Name::Replenish, *at))
        .collect();
    due.sort_by_key(|(at, bought, _)| (bought.order, *at));
    let mut groups: Vec<(Time, &str, Items<'a>)> = Vec::new();
    for (at, bought, product) in due {
        match groups.last_mut() {
            Some((first, order, items)) if *order == bought.order && at - *first < ONE_REMINDER => {
                items.push((bought.item, product));
            }
            _ => groups.push((at, bought.order, vec![(bought.item, product)])),
        }
    }
    for (at, order, items) in groups {
        let Some(chapter) = story.chapter(order) else { continue };
        let days = (at - chapter.placed.unwrap_or(at)).num_days().to_string();
        let cause = ["order:", order, ":", &days, "d"].concat();
        wishes.push(Wish::about(story, Name::Replenish, cause, at, remind(story, chapter, items)));
    }
}

/// What one reminder is about, with what the shop says of it.
type Items<'a> = Vec<(&'a Item, Option<&'a Product>)>;

/// What makes two purchases purchases of the same thing.
fn name(item: &Item) -> Option<&str> {
    item.sku.as_deref().or(item.product_id.as_deref())
}

fn cycle(bought: &Bought<'_>, product: Option<&Product>) -> Option<TimeDelta> {
    if let Some(lasts) = product.and_then(|product| product.lasts) {
        return Some(lasts.delta() * i32::try_from(bought.item.quantity.clamp(1, 50)).unwrap_or(1));
    }
    if bought.times.len() < HABIT {
        return None;
    }
    let mut gaps: Vec<TimeDelta> = bought.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    // Who buys twice a week is no forgetful customer.
    Some(gaps[gaps.len() / 2]).filter(|gap| *gap > LEAD * 2)
}

fn remind<'a>(
    story: &Story<'a>,
    chapter: &Chapter<'a>,
    items: Vec<(&'a Item, Option<&'a Product>)>,
) -> Verdict<'a> {
    let first_name = story.first_name();
    Verdict::say(To::Customer(Some(chapter.order)), "replenish", move || {
        let texts = |pick: fn(&Product) -> &String| {
            items.iter().filter_map(|(_, product)| product.map(pick)).find(|text| !text.is_empty())
        };
        let listed: Value =
            items.iter().map(|(item, _)| json!({ "title": item.title, "variant": item.variant })).collect();
        json!({
            "first_name": first_name,
            "products": listed,
            "buy_url": texts(|product| &product.buy_url),
            "goes_with": texts(|product| &product.goes_with),
        })
    })
}

//! loyalty: points for what people do, tiers, and orders worth celebrating.
//!
//! The account is not stored: every entry follows from a fact, so it is right at any time, whatever came twice or late,
//! and a refund takes back what it gave.

use chrono::TimeDelta;
use serde_json::json;

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};
use crate::fact::{OrderStage, Review};
use crate::settings::{Settings, Tier};
use crate::time::Time;

/// Photos of one review that earn something.
const MOST_PHOTOS: u16 = 5;

/// People are reminded so long before points are lost.
const EXPIRY_NOTICE: TimeDelta = TimeDelta::days(30);

/// One thing that was earned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    pub at: Time,
    pub points: u32,
    /// What for: `order:1001`, `review:r1`, `answer:a1`.
    pub cause: String,
}

/// What somebody has earned, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(super) earned: Vec<Earned>,
    expire: Option<TimeDelta>,
}

/// What a review earns: the same, whatever it says.
pub(super) fn for_review(settings: &Settings, review: &Review) -> u32 {
    let photos = u32::from(review.media.min(MOST_PHOTOS));
    settings.loyalty.per_review + settings.loyalty.per_photo * photos
}

impl Account {
    pub(crate) fn of(story: &Story<'_>) -> Self {
        let rules = &story.settings.loyalty;
        let mut earned = Vec::new();
        for chapter in &story.orders {
            let paid = chapter.order.reached(OrderStage::Paid).filter(|_| chapter.problem().is_none());
            let (Some(at), Some(kept)) = (paid, chapter.order.kept()) else { continue };
            let units = u32::try_from(kept.minor / kept.minor_per_unit()).unwrap_or(u32::MAX);
            let points = units.saturating_mul(u32::from(rules.per_unit));
            earned.push(Earned { at, points, cause: ["order:", chapter.id].concat() });
        }
        for (id, latest) in &story.customer.reviews {
            let (Some(at), Some(review)) = (latest.reported_at(), latest.get()) else { continue };
            if !review.withdrawn {
                let points = for_review(story.settings, review);
                earned.push(Earned { at, points, cause: ["review:", id].concat() });
            }
        }
        for (id, latest) in &story.customer.answers {
            let Some(at) = latest.reported_at() else { continue };
            earned.push(Earned { at, points: rules.per_answer, cause: ["answer:", id].concat() });
        }
        earned.retain(|entry| entry.points > 0);
        earned.sort_by_key(|entry| (entry.at, entry.points));
        let expire = (rules.expire_days > 0).then(|| TimeDelta::days(i64::from(rules.expire_days)));
        Self { earned, expire }
    }

    /// Points that are good at `at`.
    pub(crate) fn balance(&self, at: Time) -> u32 {
        let good =
            |entry: &&Earned| entry.at <= at && self.expire.is_none_or(|expire| entry.at + expire > at);
        self.earned.iter().filter(good).fold(0, |sum, entry| sum.saturating_add(entry.points))
    }

    /// When a balance of `points` was reached, if it is still there.
    fn reached(&self, points: u32, now: Time) -> Option<Time> {
        if self.balance(now) < points {
            return None;
        }
        self.earned
            .iter()
            .map(|entry| entry.at)
            .filter(|at| *at <= now)
            .find(|at| self.balance(*at) >= points)
    }
}

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let rules = &story.settings.loyalty;
    let Some(person) = story.first_order() else { return };
    if rules.tiers.is_empty() && rules.orders.is_empty() && rules.expire_days == 0 {
        return;
    }
    let account = Account::of(story);
    for tier in &rules.tiers {
        let Some(at) =
            account.reached(tier.points, story.now).filter(|at| story.concerns(Name::Loyalty, *at))
        else {
            continue;
        };
        // Whoever climbs two at once hears of the higher one.
        let higher = rules
            .tiers
            .iter()
            .any(|other| other.points > tier.points && account.reached(other.points, story.now) == Some(at));
        let verdict = if higher {
            Verdict::skip("a higher tier was reached with it")
        } else {
            welcome(story, &account, tier)
        };
        wishes.push(once(story, ["order:", person].concat(), [":tier:", &tier.name].concat(), at, verdict));
    }
    let paid: Vec<_> = story
        .purchases()
        .into_iter()
        .filter_map(|(_, chapter)| Some((chapter.order.reached(OrderStage::Paid)?, chapter)))
        .collect();
    for number in &rules.orders {
        let Some((at, chapter)) = usize::from(*number).checked_sub(1).and_then(|index| paid.get(index))
        else {
            continue;
        };
        if !story.concerns(Name::Loyalty, *at) {
            continue;
        }
        let first_name = story.first_name();
        let verdict = Verdict::say(To::Customer(Some(chapter.order)), "loyalty", move || {
            json!({
                "first_name": first_name, "kind": "orders", "count": number.to_string(),
                "tier": null, "perks": [], "balance": null, "until": null,
            })
        });
        wishes.push(once(
            story,
            ["order:", person].concat(),
            [":orders:", &number.to_string()].concat(),
            *at,
            verdict,
        ));
    }
    expiry(story, &account, person, wishes);
}

/// A reminder of points that are about to be lost: of the oldest ones, once for each month in which some are.
fn expiry<'a>(story: &Story<'a>, account: &Account, person: &str, wishes: &mut Vec<Wish<'a>>) {
    let Some(expire) = account.expire else { return };
    let ending =
        account.earned.iter().find(|entry| story.concerns(Name::Loyalty, entry.at + expire - EXPIRY_NOTICE));
    let Some(entry) = ending.filter(|entry| entry.at + expire > story.now) else { return };
    let ends = entry.at + expire;
    let day = story.settings.time_zone.date(ends);
    let balance = account.balance(story.now);
    let first_name = story.first_name();
    let verdict = Verdict::say(To::Customer(None), "loyalty", move || {
        json!({
            "first_name": first_name, "kind": "expiry", "count": null,
            "tier": null, "perks": [], "balance": balance, "until": day.to_string(),
        })
    });
    let month: String = day.to_string().chars().take(7).collect();
    wishes.push(once(
        story,
        ["order:", person].concat(),
        [":expiry:", &month].concat(),
        ends - EXPIRY_NOTICE,
        verdict,
    ));
}

fn welcome<'a>(story: &Story<'a>, account: &Account, tier: &'a Tier) -> Verdict<'a> {
    let (first_name, balance) = (story.first_name(), account.balance(story.now));
    Verdict::say(To::Customer(None), "loyalty", move || {
        json!({
            "first_name": first_name, "kind": "tier", "count": null,
            "tier": tier.name, "perks": tier.perks, "balance": balance, "until": null,
        })
    })
}

/// The first order, which names the person, may turn out to be another one; what happened to them happens once.
fn once<'a>(story: &Story<'a>, person: String, what: String, at: Time, verdict: Verdict<'a>) -> Wish<'a> {
    let cause = [person, what.clone()].concat();
    let said = story
        .attempts(Name::Loyalty)
        .any(|(_, message)| message.cause != cause && message.cause.ends_with(&what));
    let verdict = if said { Verdict::skip("they were told already") } else { verdict };
    Wish::about(story, Name::Loyalty, cause, at, verdict)
}

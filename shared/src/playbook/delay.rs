//! delay: the apology before anybody has to ask, and a case for the team.

use chrono::TimeDelta;
use serde_json::json;

use super::alert::{Details, alert};
use super::name::Name;
use super::parcel::Parcel;
use super::story::{Chapter, Story};
use super::wish::{To, Verdict, Wish};
use crate::fact::ShipmentState;
use crate::time::Time;
use crate::voucher::{Discount, Source, Voucher};

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for chapter in &story.orders {
        // One apology and one voucher an order, however many things go wrong with it.
        let Some((at, what)) = trouble(story, chapter) else { continue };
        if !story.concerns(Name::Delay, at) {
            continue;
        }
        let cause = ["order:", chapter.id].concat();
        let arrived = arrived(story, chapter);
        let over = chapter.problem().or(arrived.map(|_| "it has arrived meanwhile"));
        let sorry = match over {
            Some(why) => Verdict::skip(why),
            None => apology(story, chapter, what, &cause, at),
        };
        let told = match over {
            Some(why) => Verdict::skip(why),
            None => alert(story, at, case(story, chapter, what)),
        };
        wishes.push(Wish::about(story, Name::Delay, [&*cause, ":team"].concat(), at, told));
        wishes.push(Wish::about(story, Name::Delay, cause, at, sorry));
    }
}

/// When every parcel of it was there: known, not taken for granted.
pub(crate) fn arrived(story: &Story<'_>, chapter: &Chapter<'_>) -> Option<Time> {
    let parcels =
        chapter.parcels.iter().map(|index| &story.parcels[*index]).filter(|parcel| !parcel.is_over());
    let mut last = None;
    for parcel in parcels {
        last = last.max(Some(parcel.reached(&ShipmentState::Delivered)?));
    }
    last
}

/// What went wrong first, and when. A promise that nobody kept is broken at the end of its day, in the shop's zone.
pub(crate) fn trouble(story: &Story<'_>, chapter: &Chapter<'_>) -> Option<(Time, &'static str)> {
    let parcels = || chapter.parcels.iter().map(|index| &story.parcels[*index]);
    let reported = parcels().filter_map(Parcel::trouble).min();
    let zone = &story.settings.time_zone;
    let promised = chapter.order.promised_by().or_else(|| {
        let estimates = parcels().filter_map(Parcel::first_estimate);
        estimates.max().map(|estimate| zone.date(estimate))
    });
    let missed = promised.map(|day| (zone.at(day + TimeDelta::days(1), 0), "late"));
    // What arrived in time broke no promise, whatever else is heard of it.
    let kept = |(at, _): &(Time, &str)| arrived(story, chapter).is_some_and(|arrived| arrived < *at);
    [reported, missed].into_iter().flatten().filter(|trouble| !kept(trouble)).min()
}

/// How long the apology waits for its voucher, should the platform have a bad hour.
const VOUCHER_WAITS: TimeDelta = TimeDelta::hours(1);

fn apology<'a>(
    story: &Story<'a>,
    chapter: &Chapter<'a>,
    what: &'static str,
    cause: &str,
    at: Time,
) -> Verdict<'a> {
    let parcel = chapter.parcels.first().map(|index| &story.parcels[*index]);
    let carrier = parcel.and_then(Parcel::carrier);
    let carrier_phone = parcel.and_then(Parcel::carrier_phone);
    let tracking_url = parcel.and_then(Parcel::tracking_url);
    let (first_name, number) = (story.first_name(), chapter.number());
    let goodwill = &story.settings.goodwill;
    let due = at + Name::Delay.delay(story.settings).delta();
    let made = story.settings.links.code(cause).filter(|_| goodwill.percent > 0).map(|code| Discount {
        code: ["SORRY-", &code].concat(),
        percent: goodwill.percent,
        from: due,
        until: due + goodwill.lasts.delta(),
    });
    let code = made.as_ref().map_or_else(|| goodwill.code.clone(), |made| made.code.clone());
    let given = !code.is_empty() && !goodwill.gives.is_empty();
    let pool = (!goodwill.codes.is_empty()).then_some(Source::Pool);
    let source = made.map(Source::Made).or(pool);
    let voucher = source.map(|source| Voucher { source, wanted_by: due + VOUCHER_WAITS });
    let gives = given || matches!(voucher, Some(Voucher { source: Source::Pool, .. }));
    let context = move || {
        json!({
            "first_name": first_name,
            "number": number,
            "what": what,
            "carrier": carrier,
            "carrier_phone": carrier_phone,
            "tracking_url": tracking_url,
            "code": given.then_some(code),
            "gives": gives.then(|| goodwill.gives.clone()),
        })
    };
    Verdict::say(To::Customer(Some(chapter.order)), "delay", context).with(voucher)
}

fn case<'a>(story: &Story<'a>, chapter: &Chapter<'a>, what: &'static str) -> Details<'a> {
    let parcel = chapter.parcels.first().map(|index| &story.parcels[*index]);
    Details {
        what,
        order: Some(chapter.number().unwrap_or(chapter.id)),
        carrier: parcel.and_then(Parcel::carrier),
        tracking_number: parcel.and_then(Parcel::tracking_number),
        tracking_url: parcel.and_then(Parcel::tracking_url),
        ..Details::default()
    }
}

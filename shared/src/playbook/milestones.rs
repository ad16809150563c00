//! milestones: birthdays, and years since the first purchase. Once a year, on the day where they are.

use chrono::{Datelike, NaiveDate, TimeDelta};
use serde_json::json;

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};
use crate::zone::Zone;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let Some(person) = story.first_order() else { return };
    // A fact a year that says why nothing was said would be all that is ever known of most people.
    if !story.customer.profile.marketing.values().any(|agreed| agreed.get() == Some(&true)) {
        return;
    }
    let purchases = story.purchases();
    let (Some((first, _)), Some((last, _))) = (purchases.first(), purchases.last()) else { return };
    let birthday = story.customer.profile.birthday.get().copied().flatten();
    let zone = story.zone();
    // Who has not bought anything for that long is no customer any more.
    let until = zone.date(*last) + TimeDelta::days(i64::from(story.settings.retention_days));
    if let Some(birthday) = birthday {
        for day in around(story, &zone, birthday).filter(|day| *day <= until) {
            wish(story, &zone, person, "birthday", day, 0, wishes);
        }
    }
    let began = zone.date(*first);
    for day in around(story, &zone, began).filter(|day| *day <= until) {
        let years = day.year() - began.year();
        if years >= 1 {
            wish(story, &zone, person, "anniversary", day, years, wishes);
        }
    }
}

/// The day on which `date` is celebrated: the last one that may still be accounted for, and the next one.
fn around(story: &Story<'_>, zone: &Zone, date: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<> {
    let today = zone.date(story.now);
    let recent = today - TimeDelta::days(i64::from(Name::Milestones.expires(story.settings).in_days()) + 8);
    let days = [today.year() - 1, today.year(), today.year() + 1].map(|year| celebrated(date, year));
    let next = days.into_iter().flatten().find(|day| *day > today);
    days.into_iter().flatten().filter(move |day| (*day >= recent && *day <= today) || Some(*day) == next)
}

/// Who was born on 29 February celebrates on the 28th in other years: the day before March, never after the birthday.
fn celebrated(date: NaiveDate, year: i32) -> Option<NaiveDate> {
    date.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))
}

fn wish<'a>(
    story: &Story<'a>,
    zone: &Zone,
    person: &str,
    kind: &'static str,
    day: NaiveDate,
    years: i32,
    wishes: &mut Vec<Wish<'a>>,
) {
    let at = zone.at(day, story.settings.sending_hours.from.minute_of_day());
    let what = [":", kind, ":", &day.year().to_string()].concat();
    let cause = ["order:", person, &what].concat();
    // The first order may turn out to be another one; the year is the same.
    let congratulated = story
        .attempts(Name::Milestones)
        .any(|(_, message)| message.cause != cause && message.cause.ends_with(&what));
    let verdict = if congratulated {
        Verdict::skip("they were congratulated this year")
    } else {
        let first_name = story.first_name();
        Verdict::say(
            To::Customer(None),
            "milestone",
            move || json!({ "first_name": first_name, "kind": kind, "years": Some(years).filter(|years| *years > 0) }),
        )
    };
    wishes.push(Wish::about(story, Name::Milestones, cause, at, verdict));
}

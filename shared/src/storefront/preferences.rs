//! `/p/<token>`: what somebody gets from us, where and in which language; and their data.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, TimeDelta};
use minijinja::{Value, context};

use super::{Form, Guest, Look, Reply, Visit, fill, next_change, notice, with};
use crate::customer::{Customer, Profile};
use crate::fact::{Channel, ConsentReport, Contact, Event, PrivacyKind, PrivacyRequest, Topic};
use crate::field::Field;
use crate::join::Latest;
use crate::render;
use crate::settings::Settings;
use crate::time::Time;

/// Lengths of a pause, in days.
const PAUSES: [i64; 4] = [14, 30, 90, 180];

/// Stands for a year that nobody tells us; a leap year, for those who were born on 29 February.
const SOME_YEAR: i32 = 2000;

/// Channels that reach a person, in the order in which they are shown.
const CHANNELS: [Channel; 3] = [Channel::Email, Channel::Sms, Channel::Whatsapp];

pub(super) fn answer(settings: &Settings, guest: &Guest, customer: Customer, visit: &Visit<'_>) -> Reply {
    let look = Look::of(settings, &customer, None);
    let Some(form) = Form::posted(visit) else {
        return page(&look, &customer, visit, None);
    };
    if is_one_click(visit) {
        let report = consent([(Channel::Email, false)], []);
        return match change(guest, &customer, visit, report) {
            Ok((fact, _)) => unsubscribed(&look).storing(fact),
            Err(TooMany) => notice(&look, 429, "many"),
        };
    }
    let (done, report) = match form.get("do") {
        Some("save") => ("saved", chosen(settings, &customer.profile, &form, visit.now)),
        Some("unsubscribe") => {
            let topics = [(Topic::Purchases, false), (Topic::Offers, false)];
            ("unsubscribed", consent([(Channel::Email, false)], topics))
        }
        Some("export") => return request(&look, guest, customer, visit, PrivacyKind::Export),
        Some("erase") if form.has("sure", "yes") => {
            return request(&look, guest, customer, visit, PrivacyKind::Erase);
        }
        Some("erase") => return page(&look, &customer, visit, Some(("not_sure", 422))),
        _ => return page(&look, &customer, visit, Some(("unclear", 422))),
    };
    match change(guest, &customer, visit, report) {
        Ok((fact, customer)) => {
            // In the language that was just chosen.
            let look = Look::of(settings, &customer, None);
            page(&look, &customer, visit, Some((done, 200))).storing(fact)
        }
        Err(TooMany) => notice(&look, 429, "many"),
    }
}

/// RFC 8058: what a mail program posts for whoever presses its button. The answer is no redirect, and is the same however
/// often it is pressed.
pub(super) fn is_one_click(visit: &Visit<'_>) -> bool {
    Form::posted(visit).is_some_and(|form| form.has("List-Unsubscribe", "One-Click"))
}

pub(super) fn unsubscribed(look: &Look<'_>) -> Reply {
    notice(look, 200, "unsubscribed")
}

/// Too many changes on one day.
struct TooMany;

/// What there is to store, and what is known then. Nothing where nothing changes. Whoever wants less is always heard.
fn change(
    guest: &Guest,
    customer: &Customer,
    visit: &Visit<'_>,
    report: ConsentReport,
) -> Result<(Option<crate::fact::Fact>, Customer), TooMany> {
    let report = news(&customer.profile, report);
    if report == ConsentReport::default() {
        return Ok((None, customer.clone()));
    }
    let changes = &customer.profile.changes;
    let last = changes.reported_at().zip(changes.get().copied());
    let count =
        next_change(last, visit.now).or_else(|| wants_less(&report).then_some(u8::MAX)).ok_or(TooMany)?;
    let report = ConsentReport { change: count, ..report };
    let fact = guest.fact(visit, changes.reported_at(), None, Event::Consent(report));
    let customer = with(customer.clone(), &fact);
    Ok((Some(fact), customer))
}

fn consent<const C: usize, const T: usize>(
    channels: [(Channel, bool); C],
    topics: [(Topic, bool); T],
) -> ConsentReport {
    let contact = Contact { marketing: BTreeMap::from(channels), ..Contact::default() };
    ConsentReport { contact, topics: BTreeMap::from(topics), ..ConsentReport::default() }
}

/// What of a report is not known yet.
fn news(profile: &Profile, mut report: ConsentReport) -> ConsentReport {
    let known = |latest: Option<&Latest<bool>>| latest.and_then(Latest::get).copied();
    report.contact.marketing.retain(|channel, yes| known(profile.marketing.get(channel)) != Some(*yes));
    // An older no to offers has been overtaken by a yes to a channel, or would be by one that is given now.
    let overtaken = wants_offers(profile) || report.contact.marketing.values().any(|yes| *yes);
    report.topics.retain(|topic, yes| {
        let again = *topic == Topic::Offers && !*yes && overtaken;
        again || known(profile.topics.get(topic)) != Some(*yes)
    });
    report
}

fn wants_less(report: &ConsentReport) -> bool {
    let mut said = report.contact.marketing.values().chain(report.topics.values());
    report.birthday.is_absent() && report.language.is_absent() && said.all(|yes| !yes)
}

/// What somebody chose, as far as it differs from what was shown.
fn chosen(settings: &Settings, profile: &Profile, form: &Form, now: Time) -> ConsentReport {
    let mut report = ConsentReport::default();
    let shown = channels(settings, profile);
    let marketing = &mut report.contact.marketing;
    for channel in &shown {
        let yes = form.has("channel", channel.channel.as_str());
        if yes != channel.on {
            marketing.insert(channel.channel, yes);
        }
    }
    let purchases = form.has("topic", "purchases");
    if purchases != is_on(profile, Topic::Purchases) {
        report.topics.insert(Topic::Purchases, purchases);
    }
    let offers = form.has("topic", "offers");
    if offers && !wants_offers(profile) {
        // Consent is to a purpose and a channel: to those that are ticked, as they stand there.
        report.topics.insert(Topic::Offers, true);
        let ticked = shown.iter().filter(|channel| form.has("channel", channel.channel.as_str()));
        marketing.extend(ticked.map(|channel| (channel.channel, true)));
    } else if !offers && (wants_offers(profile) || marketing.values().any(|yes| *yes)) {
        report.topics.insert(Topic::Offers, false);
    }
    let known = profile.birthday.get().copied().flatten().and_then(|known| known.with_year(SOME_YEAR));
    let birthday = birthday(form);
    if !birthday.is_absent() && birthday.as_ref().value() != known.as_ref() {
        report.birthday = birthday;
    }
    let language = form.get("language").and_then(|wanted| locales().find(|known| *known == wanted));
    if form.get("language").is_some() && language != profile.language.get().and_then(Option::as_deref) {
        report.language = language.map_or(Field::None, |language| Field::Some(language.to_owned()));
    }
    let paused = profile.paused_until.get().is_some_and(|until| *until > now);
    report.paused_until = match form.get("pause") {
        Some("none") if paused => Some(now),
        Some(days) => {
            let days = days.parse().ok().filter(|days| PAUSES.contains(days));
            days.map(|days| now + TimeDelta::days(days))
        }
        None => None,
    };
    report
}

/// The birthday of a form; what makes no sense says nothing.
fn birthday(form: &Form) -> Field<NaiveDate> {
    match (form.get("day"), form.get("month")) {
        (Some(""), Some("")) => Field::None,
        (Some(day), Some(month)) => {
            let (day, month) = (day.parse().ok(), month.parse().ok());
            let date = month.zip(day).and_then(|(month, day)| NaiveDate::from_ymd_opt(SOME_YEAR, month, day));
            date.map_or(Field::Absent, Field::Some)
        }
        _ => Field::Absent,
    }
}

fn is_on(profile: &Profile, topic: Topic) -> bool {
    profile.topics.get(&topic).and_then(Latest::get) != Some(&false)
}

/// Is there a channel on which they agreed to offers, and did not say otherwise since?
fn wants_offers(profile: &Profile) -> bool {
    let offers = profile.topics.get(&Topic::Offers).filter(|offers| offers.get() == Some(&false));
    let declined = offers.and_then(Latest::reported_at);
    profile.marketing.values().any(|latest| latest.get() == Some(&true) && latest.reported_at() > declined)
}

struct ShownChannel {
    channel: Channel,
    /// Where it leads, not told in full: links are passed on with the mails they stand in.
    address: String,
    on: bool,
}

fn channels(settings: &Settings, profile: &Profile) -> Vec<ShownChannel> {
    let reach = |channel| match channel {
        Channel::Email => profile.email.get().cloned().flatten().map(|address| masked(&address)),
        _ => profile.phone.get().cloned().flatten().map(|number| ending(&number)),
    };
    let connected = CHANNELS.into_iter().filter(|channel| settings.connected.contains(channel));
    let shown = connected.filter_map(|channel| {
        let said = profile.marketing.get(&channel).and_then(Latest::get).copied();
        // Mail about what somebody bought needs no consent beforehand; anything on their phone does.
        let on = said.unwrap_or(channel == Channel::Email);
        Some(ShownChannel { channel, address: reach(channel)?, on })
    });
    shown.collect()
}

/// `a…@example.com`
fn masked(address: &str) -> String {
    let (name, domain) = address.split_once('@').unwrap_or((address, ""));
    [&name.chars().take(1).collect::<String>(), "…@", domain].concat()
}

/// `… 56`
fn ending(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    ["… ", &digits[digits.len().saturating_sub(2)..].iter().collect::<String>()].concat()
}

fn locales() -> impl Iterator<Item = &'static str> {
    render::LOCALES.iter().copied()
}

/// Somebody wants to have their data, or wants us to forget it. Once is enough.
fn request(
    look: &Look<'_>,
    guest: &Guest,
    customer: Customer,
    visit: &Visit<'_>,
    kind: PrivacyKind,
) -> Reply {
    let (what, day) = match kind {
        PrivacyKind::Erase => ("erased", String::new()),
        _ => ("exported", visit.now.date().to_string()),
    };
    let id = guest.name(&[what, &day]);
    let known = customer.requests.contains_key(&id);
    let fact = (!known).then(|| guest.fact(visit, None, None, Event::Privacy(PrivacyRequest { id, kind })));
    page(look, &customer, visit, Some((what, 200))).storing(fact)
}

fn page(look: &Look<'_>, customer: &Customer, visit: &Visit<'_>, done: Option<(&str, u16)>) -> Reply {
    let (profile, words) = (&customer.profile, look.words("preferences"));
    let channels = channels(look.settings, profile);
    let channels: Vec<Value> = channels
        .iter()
        .map(|shown| {
            let name = shown.channel.as_str();
            context! { name, label => words(name), address => shown.address.clone(), on => shown.on }
        })
        .collect();
    let paused = profile.paused_until.get().filter(|until| **until > visit.now);
    let birthday = profile.birthday.get().copied().flatten();
    let breaks: Vec<Value> = PAUSES
        .iter()
        .map(|days| {
            let days = days.to_string();
            context! { days => days.clone(), label => fill(&words("pause_days"), &[("{days}", &days)]) }
        })
        .collect();
    let until = paused.map(|until| look.day(look.settings.time_zone.date(*until)));
    let values = context! {
        done => done.map_or_else(String::new, |(done, _)| words(done).to_string()),
        failed => done.is_some_and(|(_, status)| status >= 400),
        channels,
        purchases => is_on(profile, Topic::Purchases),
        offers => wants_offers(profile),
        languages => locales().collect::<Vec<_>>(),
        language => profile.language.get().cloned().flatten().unwrap_or_default(),
        day => birthday.map_or(0, |day| day.day()),
        month => birthday.map_or(0, |day| day.month()),
        days => (1..=31).collect::<Vec<_>>(),
        breaks,
        paused => until.map(|until| fill(&words("paused"), &[("{day}", &until)])).unwrap_or_default(),
    };
    look.reply(done.map_or(200, |(_, status)| status), "preferences.html", values)
}

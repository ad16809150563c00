//! digest: once a week, what customers said and what is still open, to the team.
//!
//! It is about no customer in particular. Each week's message has a record of its own under the key `week:<Monday>`, and
//! lives there as all messages do. It names no customer and quotes none: whoever is forgotten stands in no digest, and
//! the dashboard has the rest.

use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use serde_json::{Value, json};

use super::{Intent, Name, Planned};
use crate::customer::Customer;
use crate::desk::{Attention, Grievance};
use crate::draft::Draft;
use crate::key::Key;
use crate::message::{MessageId, Step};
use crate::metrics::Metrics;
use crate::render::clean;
use crate::score::Estimate;
use crate::settings::Settings;
use crate::time::Time;
use crate::voucher::pool::{self, Given};
use crate::window::Window;

pub const TEMPLATE: &str = "digest";

/// A week that is told of, by the Monday after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week(NaiveDate);

impl Week {
    /// The last one whose digest is due by now.
    pub fn last(settings: &Settings, now: Time) -> Self {
        let today = settings.time_zone.date(now);
        let mut week = Self(today - Days::new(today.weekday().num_days_from_monday().into()));
        // A digest may be set to come days after its Monday.
        while week.due(settings) > now {
            week.0 = week.0 - Days::new(7);
        }
        week
    }

    /// The one that this key names, if it names a week.
    pub fn of(key: &Key) -> Option<Self> {
        if key.kind() == "week" { key.id().parse().ok().map(Self) } else { None }
    }

    /// The one that this record is about, if it is about a week and not about a customer.
    pub fn of_record(record: &Customer) -> Option<Self> {
        record.keys.iter().find_map(Self::of)
    }

    pub fn monday(self) -> NaiveDate {
        self.0
    }

    pub fn key(self) -> Option<Key> {
        Key::week(self.0)
    }

    /// So long after Monday began, on the shop's clock.
    fn due(self, settings: &Settings) -> Time {
        settings.time_zone.at(self.0, 0) + Name::Digest.delay(settings).delta()
    }

    /// The seven days before that Monday: days of the ledger, which are UTC's.
    pub fn days(self) -> Window {
        Window { from: self.0 - Days::new(7), to: self.0 - Days::new(1) }
    }
}

/// The week that the team should hear of by now and has not, where `told` is the last Monday that they heard of. Before
/// anything happened in a shop there is nothing to tell.
pub fn due(settings: &Settings, told: Option<NaiveDate>, now: Time) -> Option<Week> {
    let week = Week::last(settings, now);
    (is_wanted(settings) && told.is_some_and(|told| told < week.monday())).then_some(week)
}

/// The Monday to remember as told of, after a round in which `told` was the last. One that nobody wanted to hear of is
/// not told later.
pub fn settled(settings: &Settings, told: Option<NaiveDate>, now: Time) -> Option<NaiveDate> {
    if is_wanted(settings) && told.is_some() { told } else { Some(Week::last(settings, now).monday()) }
}

/// Is there anybody to tell, and do they want to hear it?
fn is_wanted(settings: &Settings) -> bool {
    settings.is_enabled(Name::Digest) && settings.team().is_some()
}

/// What is to become of a week's digest. Its words are still missing: see [`context`].
pub fn plan(week: Week, settings: &Settings, now: Time) -> Planned {
    let cause = ["week:", &week.0.to_string()].concat();
    let due = week.due(settings);
    let expires = due + Name::Digest.expires(settings).delta();
    let intent = match settings.team().filter(|_| settings.is_enabled(Name::Digest)) {
        None => Intent::End(Step::Skipped { why: "nobody wants it".to_owned() }),
        Some(_) if now >= expires => {
            let why = ["due at ", &due.to_string(), ", sendable only after ", &expires.to_string()];
            Intent::End(Step::Expired { why: why.concat() })
        }
        Some(_) if now < due => Intent::Wait,
        Some((channel, to)) => Intent::Send(Box::new(Draft {
            template: TEMPLATE,
            locale: settings.default_locale.clone(),
            channel,
            to,
            unsubscribe_url: None,
            order_url: None,
            context: Value::Null,
            voucher: None,
        })),
    };
    let id = MessageId::new(Name::Digest.as_str(), &cause);
    Planned { id, playbook: Name::Digest, cause, due, intent }
}

/// So many products are named; the dashboard has the others.
const NAMED: usize = 8;

/// What the digest says of these days: the numbers of `GET /metrics`, what is open, and with what people were unhappy.
/// `None` where there is nothing of all that.
pub fn context(
    settings: &Settings,
    days: Window,
    scores: &Metrics,
    attention: &Attention,
    given: &Given,
) -> Option<Value> {
    let nps = shown(&scores.nps.score.estimate, |value| format!("{value:.0}"));
    let csat = shown(&scores.csat.score.estimate, |value| format!("{value:.0} %"));
    let ces = shown(&scores.ces.score.estimate, |value| format!("{value:.1}"));
    let on_time = shown(&scores.on_time.score.estimate, |value| format!("{value:.0} %"));
    let first_response = shown(&scores.first_response.score.estimate, duration);
    let count = |kinds: &[&str]| {
        let count: usize = kinds.iter().filter_map(|kind| attention.kinds.get(*kind)).sum();
        (count > 0).then(|| count.to_string())
    };
    let cases = attention.open.first().map(|oldest| {
        json!({
            "answers": count(&["answer", "review"]),
            "parcels": count(&["shipment"]),
            "tickets": count(&["ticket"]),
            "since": settings.time_zone.date(oldest.since).to_string(),
        })
    });
    let reasons: Vec<String> = attention
        .grievances
        .iter()
        .take(NAMED)
        .map(|(product, grievance)| reason(product, grievance))
        .collect();
    let codes = &settings.goodwill.codes;
    let left = given.left(codes);
    let codes_left = (!codes.is_empty() && pool::is_low(left, codes.len())).then(|| json!(left.to_string()));
    let is_quiet =
        [&nps, &csat, &ces, &on_time, &first_response, &cases, &codes_left].into_iter().all(Option::is_none);
    (!is_quiet || !reasons.is_empty()).then(|| {
        json!({
            "from": days.from.to_string(),
            "to": days.to.to_string(),
            "nps": nps,
            "csat": csat,
            "ces": ces,
            "on_time": on_time,
            "first_response": first_response,
            "cases": cases,
            "reasons": reasons,
            "codes_left": codes_left,
            "dashboard_url": settings.links.page("/dashboard"),
        })
    })
}

fn shown(estimate: &Estimate, write: impl Fn(f64) -> String) -> Option<Value> {
    let value = estimate.value?;
    Some(json!({ "value": write(value), "n": estimate.n.to_string() }))
}

/// `Espresso machine: 3 (slow, loud)`. What people wrote themselves stays on the dashboard.
fn reason(product: &str, grievance: &Grievance) -> String {
    let mut named: Vec<(&String, &u64)> = grievance.reasons.iter().collect();
    named.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let named: Vec<&str> = named.into_iter().take(3).map(|(name, _)| name.as_str()).collect();
    let count = grievance.count.to_string();
    let why = if named.is_empty() { String::new() } else { [" (", &named.join(", "), ")"].concat() };
    clean::line(&[product, ": ", &count, &why].concat(), 200)
}

/// Minutes, or hours where these are more easily read.
fn duration(minutes: f64) -> String {
    if minutes < 120.0 { format!("{minutes:.0} min") } else { format!("{:.1} h", minutes / 60.0) }
}

/// How soon numbers that could not be read are asked for again.
pub const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::fact::Channel;

    fn at(text: &str) -> Time {
        Time::parse(text).expect("a time")
    }

    fn settings() -> Settings {
        Settings::default().with(&json!({ "time_zone": "Europe/Berlin" })).expect("settings")
    }

    #[track_caller]
    fn check(now: &str, monday: &str) {
        assert_eq!(Week::last(&settings(), at(now)).monday().to_string(), monday);
    }

    #[test]
    fn a_week_is_told_of_on_monday_at_nine_in_the_shop() {
        check("2026-11-23T07:59:59Z", "2026-11-16");
        check("2026-11-23T08:00:00Z", "2026-11-23");
        check("2026-11-29T23:59:59Z", "2026-11-23");
        check("2026-11-30T00:00:00Z", "2026-11-23");
        // In summer the shop's nine o'clock is seven by Greenwich.
        check("2026-07-06T06:59:59Z", "2026-06-29");
        check("2026-07-06T07:00:00Z", "2026-07-06");
    }

    #[test]
    fn it_is_about_the_seven_days_before() {
        let days = Week::last(&settings(), at("2026-11-24T12:00:00Z")).days();
        assert_eq!((days.from.to_string(), days.to.to_string()), ("2026-11-16".into(), "2026-11-22".into()));
    }

    #[test]
    fn it_is_sent_for_two_days_and_then_no_more() {
        let settings = settings();
        let week = Week::last(&settings, at("2026-11-23T09:00:00Z"));
        let intent = |now: &str| plan(week, &settings, at(now)).intent;
        assert!(matches!(intent("2026-11-23T07:00:00Z"), Intent::Wait));
        assert!(matches!(intent("2026-11-23T08:00:00Z"), Intent::Send(_)));
        assert!(matches!(intent("2026-11-25T07:59:59Z"), Intent::Send(_)));
        assert!(matches!(intent("2026-11-25T08:00:00Z"), Intent::End(Step::Expired { .. })));
        let nobody = Settings { team_email: String::new(), ..settings };
        let intent = plan(week, &nobody, at("2026-11-23T08:00:00Z")).intent;
        assert!(matches!(intent, Intent::End(Step::Skipped { .. })));
    }

    #[test]
    fn it_goes_where_alerts_go() {
        let settings = Settings { connected: vec![Channel::Email, Channel::Slack], ..settings() };
        let week = Week::last(&settings, at("2026-11-23T09:00:00Z"));
        let Intent::Send(draft) = plan(week, &settings, at("2026-11-23T08:00:00Z")).intent else {
            panic!("it is sent")
        };
        assert_eq!((draft.channel, draft.to.as_str()), (Channel::Slack, "team"));
    }

    #[test]
    fn a_week_is_told_of_once_and_not_before_the_shop_began_nor_for_nobody() {
        let (settings, now) = (settings(), at("2026-11-23T08:00:00Z"));
        let off =
            settings.with(&json!({ "playbooks": { "digest": { "enabled": false } } })).expect("settings");
        let monday = |text: &str| Some(text.parse().expect("a day"));
        let told = |settings: &Settings, told| due(settings, told, now).map(Week::monday);
        assert_eq!(told(&settings, None), None);
        assert_eq!(told(&settings, monday("2026-11-16")), monday("2026-11-23"));
        assert_eq!(told(&settings, monday("2026-11-02")), monday("2026-11-23"));
        assert_eq!(told(&settings, monday("2026-11-23")), None);
        assert_eq!(told(&off, monday("2026-11-16")), None);

        assert_eq!(settled(&settings, None, now), monday("2026-11-23"));
        assert_eq!(settled(&settings, monday("2026-11-16"), now), monday("2026-11-16"));
        assert_eq!(settled(&off, monday("2026-11-16"), now), monday("2026-11-23"));
    }

    #[test]
    fn products_are_named_with_what_is_said_of_them_most() {
        let reasons = [("slow", 1), ("loud", 3), ("heavy", 1), ("dear", 1)];
        let reasons = BTreeMap::from(reasons.map(|(name, count)| (name.to_owned(), count)));
        let grievance = Grievance { count: 6, reasons, ..Grievance::default() };
        assert_eq!(reason("Espresso machine", &grievance), "Espresso machine: 6 (loud, dear, heavy)");
        assert_eq!(reason("Beans", &Grievance { count: 1, ..Grievance::default() }), "Beans: 1");
    }

    #[test]
    fn durations_are_read_easily() {
        assert_eq!([duration(42.4), duration(119.0), duration(150.0)], ["42 min", "119 min", "2.5 h"]);
    }
}

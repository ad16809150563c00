//! The dashboard.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::chart::{self, Column, Dot};
use super::{local_when, month_name, page};
use crate::desk::{Attention, Comment, Open};
use crate::fact::Direction;
use crate::message::Step;
use crate::metrics::{Entry, Metrics};
use crate::score::{Change, Point, float};
use crate::settings::Settings;
use crate::zone::Zone;

/// What the dashboard shows.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard<'a> {
    pub settings: &'a Settings,
    /// Links to the last 7, 30, ... days count from here.
    pub today: NaiveDate,
    pub metrics: &'a Metrics,
    pub attention: &'a Attention,
}

/// `/dashboard`.
pub fn dashboard(dashboard: &Dashboard<'_>) -> String {
    let Dashboard { settings, today, metrics, attention } = *dashboard;
    let (from, to) = (metrics.nps.from, metrics.nps.to);
    let zone = &settings.time_zone;
    let entries = metrics.entries();
    let is_empty = attention.open.is_empty() && entries.iter().all(|entry| entry.estimate.n == 0);
    let cards: Vec<Card> = entries.iter().filter_map(|entry| card(entry, metrics)).collect();
    let complaints = metrics.reasons.score.reasons.iter();
    let complaints: Vec<_> = complaints.take(8).map(|one| (one.reason.clone(), one.count)).collect();
    let messages = &metrics.messages.score;
    let states: Vec<&str> = Step::NAMES
        .into_iter()
        .filter(|state| messages.states.get(*state).is_some_and(|count| *count > 0))
        .collect();
    let counts = |known: &BTreeMap<String, u64>| -> Vec<u64> {
        states.iter().map(|state| known.get(*state).copied().unwrap_or(0)).collect()
    };
    let playbooks = messages.playbooks.iter();
    let playbooks: Vec<_> = playbooks.map(|(name, known)| Playbook { name, counts: counts(known) }).collect();
    let reasons: Vec<_> =
        messages.reasons.iter().map(|(reason, count)| (reason.replace('_', " "), *count)).collect();
    let cohorts = &metrics.repeat_rate.score.cohorts;
    let within: Vec<u16> =
        cohorts.iter().flat_map(|one| one.within.iter().map(|within| within.days)).take(5).collect();
    let values = context! {
        brand_name => &settings.brand.name,
        here => "/dashboard",
        today => today.to_string(),
        from => from.to_string(),
        to => to.to_string(),
        from_shown => shown(from),
        to_shown => shown(to),
        days => (to - from).num_days() + 1,
        choices => Value::from(Serde(choices(today, from, to))),
        is_empty,
        open => Value::from(Serde(attention.open.iter().map(|case| ShownCase::new(case, zone)).collect::<Vec<_>>())),
        open_count => attention.count,
        cards => Value::from(Serde(cards)),
        distributions => Value::from(Serde(distributions(metrics))),
        states => states.clone(),
        playbooks => Value::from(Serde(playbooks)),
        totals => counts(&messages.states),
        reasons => Value::from(Serde(reasons)),
        questions => Value::from(Serde(questions(metrics))),
        helpful => Value::from(Serde(&metrics.deflection.score.faq)),
        complaints => Value::from(Serde(complaints)),
        grievances => Value::from(Serde(grievances(attention, zone))),
        part => attention.part.map(|(some, all)| vec![some, all]).unwrap_or_default(),
        within,
        cohorts => Value::from(Serde(cohorts.iter().map(Months::new).collect::<Vec<_>>())),
        recovery => &metrics.recovery_effect.score.says,
        lift => Value::from(Serde(lift(metrics))),
    };
    page("dashboard.html", values)
}

// ── Scores ──────────────────────────────────────────────────────────────────

/// In what a score is measured.
#[derive(Debug, Clone, PartialEq)]
enum Unit {
    Points,
    Percent,
    /// Percentage points.
    Difference,
    OutOf(u8),
    Minutes,
    Seconds,
    Money(String),
    Plain(&'static str),
}

/// A score, its trend and what is to be known of it.
#[derive(Serialize)]
struct Card {
    id: String,
    name: &'static str,
    /// Empty where nothing was counted.
    value: String,
    of: String,
    interval: String,
    n: String,
    better: &'static str,
    change: String,
    certain: bool,
    chart: String,
    /// From, value, interval and n of each period.
    rows: Vec<[String; 4]>,
    nothing: &'static str,
    formula: &'static str,
    denominator: &'static str,
    dated: &'static str,
    caveat: &'static str,
}

/// What people call it, in what it is measured, and what would make it known. `None` for what has a place of its own.
fn meaning(name: &str, metrics: &Metrics) -> Option<(&'static str, Unit, &'static str)> {
    let currency = |known: &Option<String>| Unit::Money(known.clone().unwrap_or_default());
    let survey = "No answers in these days. Surveys are sent by the survey playbook, or by your survey tool.";
    let desk = "No tickets in these days. Let your support desk send its webhooks.";
    let orders = "No purchases in these days that tell. Let your shop send its orders.";
    Some(match name {
        "nps" => ("Net Promoter Score", Unit::Points, survey),
        "csat" => ("Satisfaction", Unit::Percent, survey),
        "ces" => ("Ease", Unit::OutOf(7), survey),
        "reviews" => ("Reviews", Unit::OutOf(5), "No reviews in these days."),
        "response_rate" => ("Surveys answered", Unit::Percent, "No surveys were sent in these days."),
        "on_time" => {
            ("Delivered on time", Unit::Percent, "No parcels with a promised day came in these days.")
        }
        "first_response" => ("First answer", Unit::Minutes, desk),
        "resolution_rate" => ("Tickets solved", Unit::Percent, desk),
        "first_contact_resolution" => ("Solved at first contact", Unit::Percent, desk),
        "handle_time" => ("Work on a ticket", Unit::Seconds, desk),
        "deflection" => (
            "Answered by the order’s page",
            Unit::Percent,
            "Nobody asked anything on the page of their order in these days.",
        ),
        "order_value" => ("Order value", currency(&metrics.order_value.score.currency), orders),
        "repeat_rate" => (
            "Bought again within 90 days",
            Unit::Percent,
            "Nobody’s 90 days are over in these days. Choose more days.",
        ),
        "lifetime_value" => {
            ("Customer lifetime value", currency(&metrics.lifetime_value.score.currency), orders)
        }
        "lapse" => ("Customers gone silent", Unit::Percent, orders),
        "points" => (
            "Points given",
            Unit::Plain("points"),
            "No points in these days. They are set under loyalty in the settings.",
        ),
        "messages" => ("Messages that arrived", Unit::Percent, "No message reached its end in these days."),
        "recovery_effect" => {
            ("Recovery effect", Unit::Difference, "Too early: it is looked at 90 days after a first answer.")
        }
        "playbook_lift" => (
            "Playbook lift",
            Unit::Difference,
            "Nobody is held out of a playbook, so nothing can be compared.",
        ),
        _ => return None,
    })
}

fn card(entry: &Entry<'_>, metrics: &Metrics) -> Option<Card> {
    let (name, unit, nothing) = meaning(entry.name, metrics)?;
    let estimate = entry.estimate;
    let now = Point::new(entry.from, entry.to, estimate);
    let change =
        entry.previous.map(|before| Change::between(before, &now)).filter(|change| change.value.is_some());
    let scale = unit.scale(estimate.value.unwrap_or_default());
    let dots: Vec<Dot> = entry.periods.iter().map(|point| dot(point, scale)).collect();
    let drawn = dots.iter().filter(|dot| dot.value.is_some()).count() > 1;
    let id = entry.name.replace('_', "-");
    let title = format!("{name} from {} to {}, period by period", entry.from, entry.to);
    let row = |point: &Point| {
        let interval = point.interval.map(|interval| unit.range(interval)).unwrap_or_default();
        [
            point.from.to_string(),
            point.value.map(|value| unit.write(value)).unwrap_or_default(),
            interval,
            point.n.to_string(),
        ]
    };
    Some(Card {
        value: estimate.value.map(|value| unit.write(value)).unwrap_or_default(),
        of: unit.of(),
        interval: estimate.interval.map(|interval| unit.range(interval)).unwrap_or_default(),
        n: grouped(estimate.n),
        better: match estimate.about.direction {
            Direction::High => "Higher is better.",
            Direction::Low => "Lower is better.",
        },
        certain: change.as_ref().is_some_and(|change| change.certain),
        change: change.map(|change| change.says).unwrap_or_default(),
        chart: if drawn { chart::trend(&title, &[&id, "-chart"].concat(), &dots) } else { String::new() },
        rows: if drawn { entry.periods.iter().map(row).collect() } else { Vec::new() },
        name,
        nothing,
        formula: estimate.about.formula,
        denominator: estimate.about.denominator,
        dated: estimate.about.dated,
        caveat: estimate.about.caveat,
        id,
    })
}

/// A point of the trend, in the unit in which the number above it is written.
fn dot(point: &Point, scale: f64) -> Dot {
    let (day, month) = (point.from.day(), &month_name(point.from)[..3]);
    let days = (point.to - point.from).num_days();
    let label = if days > 20 { format!("{month} {}", point.from.year()) } else { format!("{day} {month}") };
    Dot {
        label,
        value: point.value.map(|value| value * scale),
        interval: point.interval.map(|interval| interval.map(|end| end * scale)),
    }
}

impl Unit {
    fn write(&self, value: f64) -> String {
        match self {
            Self::Points | Self::Difference => points(value, 1),
            Self::Percent => percent(value),
            Self::OutOf(_) | Self::Money(_) => digits(value, 2),
            Self::Minutes => duration(value * 60.0),
            Self::Seconds => duration(value),
            Self::Plain(_) => digits(value, 0),
        }
    }

    /// What makes values of the unit in which `value` is written.
    fn scale(&self, value: f64) -> f64 {
        match self {
            Self::Minutes => 60.0 / time_unit(value * 60.0).0,
            Self::Seconds => 1.0 / time_unit(value).0,
            _ => 1.0,
        }
    }

    fn range(&self, [low, high]: [f64; 2]) -> String {
        [&self.write(low), " and ", &self.write(high)].concat()
    }

    /// What stands behind the number.
    fn of(&self) -> String {
        match self {
            Self::Points => "from −100 to +100".to_owned(),
            Self::OutOf(most) => format!("of {most}"),
            Self::Difference => "percentage points".to_owned(),
            Self::Money(currency) => currency.clone(),
            Self::Plain(what) => (*what).to_owned(),
            Self::Percent | Self::Minutes | Self::Seconds => String::new(),
        }
    }
}

/// `45 s`, `12 min`, `3.5 h`, `2.1 days`.
fn duration(seconds: f64) -> String {
    let (unit, places, name) = time_unit(seconds);
    [&digits(seconds / unit, places), " ", name].concat()
}

/// The unit that suits a length of time: its seconds, how many places after the point, and its name.
fn time_unit(seconds: f64) -> (f64, usize, &'static str) {
    match seconds {
        ..90.0 => (1.0, 0, "s"),
        ..5_400.0 => (60.0, 0, "min"),
        ..172_800.0 => (3_600.0, 1, "h"),
        _ => (86_400.0, 1, "days"),
    }
}

/// `12,345`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

// ── Distributions ───────────────────────────────────────────────────────────

#[derive(Serialize)]
struct Distribution {
    id: &'static str,
    name: &'static str,
    what: &'static str,
    chart: String,
    /// What, how many, and their share.
    rows: Vec<[String; 3]>,
}

fn distributions(metrics: &Metrics) -> Vec<Distribution> {
    let nps = &metrics.nps.score;
    let on_time = &metrics.on_time.score;
    let numbered = |counts: &[u64]| -> Vec<(String, u64)> {
        counts.iter().enumerate().map(|(index, count)| ((index + 1).to_string(), *count)).collect()
    };
    let [one, two, three, week, more] = on_time.days_late;
    let all = [
        (
            "spread-nps",
            "Would they recommend us",
            "Group",
            vec![
                ("0–6".to_owned(), nps.detractors),
                ("7–8".to_owned(), nps.passives),
                ("9–10".to_owned(), nps.promoters),
            ],
        ),
        ("spread-csat", "Satisfaction", "Answer, on 1 to 5", numbered(&metrics.csat.score.distribution)),
        ("spread-ces", "Ease", "Answer, on 1 to 7", numbered(&metrics.ces.score.distribution)),
        ("spread-reviews", "Reviews", "Stars", numbered(&metrics.reviews.score.distribution)),
        (
            "spread-delivery",
            "When parcels came",
            "Days late",
            vec![
                ("in time".to_owned(), on_time.in_time),
                ("1".to_owned(), one),
                ("2".to_owned(), two),
                ("3".to_owned(), three),
                ("4–7".to_owned(), week),
                ("8+".to_owned(), more),
                ("overdue".to_owned(), on_time.overdue),
            ],
        ),
    ];
    let distribution =
        |(id, name, what, counts): (&'static str, &'static str, &'static str, Vec<(String, u64)>)| {
            let total: u64 = counts.iter().map(|(_, count)| count).sum();
            let share = |count: u64| percent(100.0 * float(count) / float(total));
            let columns: Vec<_> =
                counts.iter().map(|(label, count)| Column { label: label.clone(), count: *count }).collect();
            (total > 0).then(|| Distribution {
                id,
                name,
                what,
                chart: chart::columns(&[name, ": ", what].concat(), &[id, "-chart"].concat(), &columns),
                rows: counts
                    .iter()
                    .map(|(label, count)| [label.clone(), grouped(*count), share(*count)])
                    .collect(),
            })
        };
    all.into_iter().filter_map(distribution).collect()
}

// ── Everything else ─────────────────────────────────────────────────────────

#[derive(Serialize)]
struct ShownCase<'a> {
    #[serde(flatten)]
    case: &'a Open,
    when: String,
}

impl<'a> ShownCase<'a> {
    fn new(case: &'a Open, zone: &Zone) -> Self {
        Self { case, when: local_when(case.since, zone) }
    }
}

#[derive(Serialize)]
struct ShownComment<'a> {
    #[serde(flatten)]
    comment: &'a Comment,
    when: String,
}

#[derive(Serialize)]
struct ShownGrievance<'a> {
    product: &'a str,
    count: u64,
    /// Most frequent first.
    reasons: Vec<(&'a str, u64)>,
    comments: Vec<ShownComment<'a>>,
}

fn grievances<'a>(attention: &'a Attention, zone: &Zone) -> Vec<ShownGrievance<'a>> {
    let shown = |(product, grievance): &'a (String, crate::desk::Grievance)| {
        let mut reasons: Vec<_> =
            grievance.reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        reasons.sort_by(|(one_name, one), (other_name, other)| {
            other.cmp(one).then_with(|| one_name.cmp(other_name))
        });
        let comments = grievance.comments.iter();
        let comments = comments.map(|comment| ShownComment { comment, when: local_when(comment.at, zone) });
        ShownGrievance { product, count: grievance.count, reasons, comments: comments.collect() }
    };
    attention.grievances.iter().map(shown).collect()
}

/// What was asked on the pages of orders: about what, how often the page was answer enough, and how often it was asked.
fn questions(metrics: &Metrics) -> Vec<[String; 3]> {
    let named = |topic: &str| match topic {
        "where" => "Where is it?",
        "return" => "Sending something back",
        "change" => "Changing or cancelling",
        _ => "Something else",
    };
    let topics = metrics.deflection.score.topics.iter();
    topics.map(|(topic, of)| [named(topic).to_owned(), grouped(of.answered), grouped(of.n)]).collect()
}

#[derive(Serialize)]
struct Playbook<'a> {
    name: &'a str,
    counts: Vec<u64>,
}

#[derive(Serialize)]
struct Months {
    month: String,
    customers: u64,
    shares: Vec<String>,
}

impl Months {
    fn new(cohort: &crate::score::retention::Cohort) -> Self {
        let share = |within: &crate::score::retention::Within| {
            let mark = if within.ripe { "" } else { " ·" };
            within.share.map_or_else(|| "–".to_owned(), |share| percent(share) + mark)
        };
        Self {
            month: format!("{} {}", month_name(cohort.month), cohort.month.year()),
            customers: cohort.customers,
            shares: cohort.within.iter().map(share).collect(),
        }
    }
}

#[derive(Serialize)]
struct ShownLift<'a> {
    name: &'a str,
    written: String,
    written_share: String,
    held: String,
    held_share: String,
    says: &'a str,
}

fn lift(metrics: &Metrics) -> Vec<ShownLift<'_>> {
    let share = |group: &crate::score::trial::Group| group.share.map_or_else(|| "–".to_owned(), percent);
    let effects = metrics.playbook_lift.score.playbooks.iter();
    let shown = effects.map(|(name, effect)| ShownLift {
        name,
        written: grouped(effect.written_to.n),
        written_share: share(&effect.written_to),
        held: grouped(effect.held_out.n),
        held_share: share(&effect.held_out),
        says: &effect.lift.says,
    });
    shown.collect()
}

/// A link to a range of days.
#[derive(Serialize)]
struct Choice {
    name: &'static str,
    from: String,
    current: bool,
}

fn choices(today: NaiveDate, from: NaiveDate, to: NaiveDate) -> Vec<Choice> {
    let choices = [(7, "Last 7 days"), (30, "Last 30 days"), (90, "Last 90 days"), (365, "Last year")];
    let choices = choices.map(|(days, name)| {
        let first = today - Days::new(days - 1);
        Choice { name, from: first.to_string(), current: first == from && to == today }
    });
    choices.into_iter().collect()
}

/// `21 November 2026`.
fn shown(date: NaiveDate) -> String {
    format!("{} {} {}", date.day(), month_name(date), date.year())
}

/// A score with its sign: `+30`, `−4.5`, `0`.
fn points(value: f64, places: usize) -> String {
    let text = digits(value.abs(), places);
    let sign = match text.as_str() {
        "0" => "",
        _ if value < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{text}")
}

/// A share that does not round what exists to nothing: `<0.1 %`.
fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.1 { "<0.1 %".to_owned() } else { format!("{} %", digits(share, 1)) }
}

/// At most `places` digits after the point, and none that are zero.
pub(super) fn digits(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_points_and_percent() {
        assert_eq!(points(30.0, 1), "+30");
        assert_eq!(points(29.126, 1), "+29.1");
        assert_eq!(points(-4.54, 1), "−4.5");
        assert_eq!(points(-0.04, 1), "0");
        assert_eq!(points(-100.0, 0), "−100");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.02), "<0.1 %");
        assert_eq!(percent(16.486), "16.5 %");
        assert_eq!(percent(100.0), "100 %");
    }

    #[test]
    fn writes_how_long_and_how_many() {
        assert_eq!(duration(45.0), "45 s");
        assert_eq!(duration(12.0 * 60.0), "12 min");
        assert_eq!(duration(3.5 * 3_600.0), "3.5 h");
        assert_eq!(duration(2.1 * 86_400.0), "2.1 days");
        assert_eq!(
            (grouped(7), grouped(1_234), grouped(1_234_567)),
            ("7".into(), "1,234".into(), "1,234,567".into())
        );
    }
}

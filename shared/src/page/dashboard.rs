//! The dashboard.

use chrono::{Datelike, Days, NaiveDate};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::{month_name, page};
use crate::metrics::Report;
use crate::score::float;
use crate::score::nps::Nps;

/// What the dashboard shows.
#[derive(Debug, Clone)]
pub struct Dashboard<'a> {
    pub brand_name: &'a str,
    /// Links to the last 7, 30, ... days count from here.
    pub today: NaiveDate,
    pub nps: &'a Report<Nps>,
}

/// One group of answers: its row, and its part of the bar, which is 100 wide.
#[derive(Serialize)]
struct Group {
    name: &'static str,
    answers: &'static str,
    class: &'static str,
    count: u64,
    share: String,
    x: String,
    width: String,
}

/// `/dashboard`.
pub fn dashboard(dashboard: &Dashboard<'_>) -> String {
    let Dashboard { brand_name, today, nps: Report { score: nps, from, to, .. } } = *dashboard;
    let estimate = &nps.estimate;
    let [low, high] = estimate.interval.unwrap_or_default();
    let value = estimate.value.unwrap_or_default();
    let values = context! {
        brand_name,
        here => "/dashboard",
        today => today.to_string(),
        from => from.to_string(),
        to => to.to_string(),
        from_shown => shown(*from),
        to_shown => shown(*to),
        choices => Value::from(Serde(choices(today, *from, *to))),
        nps => Value::from(Serde(nps)),
        value => points(value, 1),
        low => points(low, 0),
        high => points(high, 0),
        side => if low > 0.0 { "above" } else if high < 0.0 { "below" } else { "unclear" },
        ruler => context! {
            low => position(low + 100.0),
            width => position(high - low),
            value => position(value + 100.0),
        },
        groups => Value::from(Serde(groups(nps))),
    };
    page("dashboard.html", values)
}

/// The bar from bad to good, as the ruler above it runs.
fn groups(nps: &Nps) -> Vec<Group> {
    let parts = [
        ("Detractors", "0 to 6", "bad", nps.detractors),
        ("Passives", "7 and 8", "mid", nps.passives),
        ("Promoters", "9 and 10", "good", nps.promoters),
    ];
    let n = float(nps.estimate.n.max(1));
    let mut before = 0;
    let groups = parts.map(|(name, answers, class, count)| {
        let share = 100.0 * float(count) / n;
        let x = 100.0 * float(before) / n;
        before += count;
        Group { name, answers, class, count, share: percent(share), x: position(x), width: position(share) }
    });
    groups.into_iter().collect()
}

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
fn digits(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A place in a drawing.
fn position(value: f64) -> String {
    format!("{value:.2}")
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
}

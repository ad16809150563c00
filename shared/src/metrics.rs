//! From the ledger's counts to scores: what `GET /metrics` says.

mod openapi;
pub mod question;
mod text;

use chrono::NaiveDate;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ledger::bin::Dimension;
use crate::ledger::{Counts, Detail};
use crate::score::change::{Change, Point};
use crate::score::{self, Estimate, Score, Slice};
use crate::settings::Settings;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::Time;
use crate::webhook::problem::Problem;
use crate::window::Window;

pub use openapi::OPENAPI;
pub use question::{Filter, Question};
pub use text::{csv, open_metrics};

/// A score over the days that were asked for, with its trend and what it was before, if these were asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report<T> {
    #[serde(flatten)]
    pub score: T,
    #[cfg_attr(test, schemars(with = "String"))]
    pub from: NaiveDate,
    #[cfg_attr(test, schemars(with = "String"))]
    pub to: NaiveDate,
    /// By day, week or month, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<Point>,
    /// As many days right before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Point>,
    /// From then to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What it was filtered by although it does not know that; so nothing is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_known_by: Vec<Dimension>,
}

impl<T: Score> Report<T> {
    /// A score without a trend.
    pub fn plain(score: T, from: NaiveDate, to: NaiveDate) -> Self {
        Self { score, from, to, periods: Vec::new(), previous: None, change: None, not_known_by: Vec::new() }
    }

    fn of(Slices { whole, parts, previous }: &Slices<'_>, question: &Question) -> Self {
        let point = |slice: &Slice<'_>| Point::new(slice.from, slice.to, T::of(slice).estimate());
        let Window { from, to } = question.window;
        let score = T::of(whole);
        let periods = parts.iter().map(point).collect();
        let previous = previous.as_ref().map(point);
        let now = Point::new(from, to, score.estimate());
        let change = previous.as_ref().map(|previous| Change::between(previous, &now));
        let not_known_by =
            question.filter.dimensions().filter(|dimension| !T::BY.contains(dimension)).collect();
        Self { score, from, to, periods, previous, change, not_known_by }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            name: T::NAME,
            estimate: self.score.estimate(),
            from: self.from,
            to: self.to,
            periods: &self.periods,
            previous: self.previous.as_ref(),
        }
    }
}

/// What the scores of a question are made of.
struct Slices<'a> {
    whole: Slice<'a>,
    /// For the trend.
    parts: Vec<Slice<'a>>,
    /// The days before, if they are asked for.
    previous: Option<Slice<'a>>,
}

/// What all metrics have in common.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub name: &'static str,
    pub estimate: &'a Estimate,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub periods: &'a [Point],
    pub previous: Option<&'a Point>,
}

macro_rules! metrics {
    ($($name:ident: $score:ty,)+) => {
        /// Every score of a window, one member a metric, under its public name.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub struct Metrics {
            $(pub $name: Report<$score>,)+
        }

        impl Metrics {
            /// The names of all metrics, and what each can be filtered by.
            pub const KNOWN: &[(&str, &[Dimension])] = &[$((<$score>::NAME, <$score>::BY)),+];

            fn of(slices: &Slices<'_>, question: &Question) -> Self {
                Self { $($name: Report::of(slices, question),)+ }
            }

            /// All of them, as far as they are alike.
            pub fn entries(&self) -> Vec<Entry<'_>> {
                vec![$(self.$name.entry()),+]
            }

            /// One of them as JSON.
            pub fn json(&self, name: &str) -> Option<Vec<u8>> {
                $(if name == <$score>::NAME {
                    return serde_json::to_vec(&self.$name).ok();
                })+
                None
            }
        }
    };
}

metrics! {
    nps: score::nps::Nps,
    csat: score::csat::Csat,
    ces: score::ces::Ces,
    reviews: score::reviews::Reviews,
    response_rate: score::surveys::ResponseRate,
    reasons: score::surveys::Reasons,
    on_time: score::delivery::OnTime,
    first_response: score::support::FirstResponse,
    resolution_rate: score::support::ResolutionRate,
    first_contact_resolution: score::support::FirstContactResolution,
    handle_time: score::support::HandleTime,
    deflection: score::deflection::Deflection,
    order_value: score::money::OrderValue,
    repeat_rate: score::retention::RepeatRate,
    lifetime_value: score::value::LifetimeValue,
    lapse: score::retention::Lapse,
    points: score::loyalty::Points,
    messages: score::messages::Messages,
    recovery_effect: score::trial::Recovery,
    playbook_lift: score::trial::Lift,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The question cannot be answered as it was asked.
    Question(Problem),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Exact as of now: facts that no sweep has seen yet are counted.
pub async fn metrics(
    store: &impl Store,
    settings: &Settings,
    question: &Question,
    now: Time,
) -> Result<Metrics, Refusal> {
    let detail = if question.filter.is_empty() { Detail::Totals } else { Detail::ByDimension };
    let read = View::counts(store, now, (question.first_day(), question.window.to), detail).await?;
    if read.without_products && question.filter.dimensions().any(|by| by == Dimension::Product) {
        let detail = "There were too many different products in these days to tell them apart. Ask for the last five weeks, or without `product`.";
        return Err(Refusal::Question(Problem::bad_parameter("product", detail)));
    }
    Ok(of_counts(&read.counts, settings, question, now))
}

/// The scores of counts that are at hand.
pub fn of_counts(whole: &Counts, settings: &Settings, question: &Question, now: Time) -> Metrics {
    let filtered = (!question.filter.is_empty()).then(|| whole.filtered(|bin| question.filter.takes(bin)));
    let counts = filtered.as_ref().unwrap_or(whole);
    let slice = |window, in_full| Slice::new((counts, whole), window, now.date(), settings, in_full);
    let slices = Slices {
        whole: slice(question.window, true),
        parts: question.parts().into_iter().map(|part| slice(part, false)).collect(),
        previous: question.compare.then(|| slice(question.window.previous(), false)),
    };
    Metrics::of(&slices, question)
}

/// What tells one answer from another, in quotes, as `ETag` has it.
pub fn entity_tag(body: &[u8]) -> String {
    ["\"", &crate::hex::encode(&Sha256::digest(body)[..16]), "\""].concat()
}

#[cfg(test)]
mod tests;

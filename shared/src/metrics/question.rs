//! What is asked of the metrics, read from a query string.

use chrono::NaiveDate;

use super::Metrics;
use crate::ledger::bin::{Bin, Dimension};
use crate::query;
use crate::time::Time;
use crate::webhook::problem::Problem;
use crate::window::{Period, Window};

/// More points than that nobody looks at.
const MOST_PARTS: usize = 400;

/// What is asked: which days, how they are divided, what they are compared with, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub window: Window,
    pub by: Option<Period>,
    /// With as many days right before.
    pub compare: bool,
    pub filter: Filter,
}

/// Of which product, channel, ...
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Vec<(Dimension, String)>);

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.0.iter().map(|(dimension, _)| *dimension)
    }

    /// Whether a line is of what is asked for.
    pub fn takes(&self, bin: &Bin) -> bool {
        self.0.iter().all(|(dimension, value)| {
            bin.of(*dimension).is_some_and(|known| known.eq_ignore_ascii_case(value))
        })
    }
}

impl Question {
    /// About a window, and nothing further.
    pub fn about(window: Window) -> Self {
        Self { window, by: None, compare: false, filter: Filter::default() }
    }

    /// The same with a trend in a few steps, and compared with the days before: what a page shows.
    #[must_use]
    pub fn for_dashboard(self) -> Self {
        let days = (self.window.to - self.window.from).num_days();
        let by = match days {
            ..=31 => Period::Day,
            32..=182 => Period::Week,
            _ => Period::Month,
        };
        Self { by: Some(by), compare: true, ..self }
    }

    /// Reads `from`, `to`, `by`, `compare` and the dimensions from a query string; unknown parameters are somebody else's.
    pub fn from_query(query: &str, now: Time) -> Result<Self, Problem> {
        let mut question = Self::about(Window::from_query(query, now)?);
        for (name, value) in query::pairs(query).filter(|(_, value)| !value.is_empty()) {
            if let Some(dimension) = Dimension::ALL.into_iter().find(|known| known.as_str() == name) {
                question.filter.0.retain(|(known, _)| *known != dimension);
                question.filter.0.push((dimension, value));
                continue;
            }
            match (name, value.as_str()) {
                ("by", "day") => question.by = Some(Period::Day),
                ("by", "week") => question.by = Some(Period::Week),
                ("by", "month") => question.by = Some(Period::Month),
                ("by", _) => return Err(Problem::bad_parameter(name, "It is one of: day, week, month.")),
                ("compare", "previous") => question.compare = true,
                ("compare", _) => return Err(Problem::bad_parameter(name, "It is: previous.")),
                _ => {}
            }
        }
        if question.parts().len() > MOST_PARTS {
            let detail = [
                "There would be more than ",
                &MOST_PARTS.to_string(),
                " groups. Ask by week or by month, or for fewer days.",
            ];
            return Err(Problem::bad_parameter("by", detail.concat()));
        }
        Ok(question)
    }

    /// The same of one metric, which has to exist and to know what it is filtered by.
    pub fn of_metric(self, name: &str) -> Result<Self, Problem> {
        let listed = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>().join(", ");
        let Some((_, known)) = Metrics::KNOWN.iter().find(|(metric, _)| *metric == name) else {
            let names = listed(&mut Metrics::KNOWN.iter().map(|(name, _)| *name));
            return Err(Problem::bad_parameter(
                "metric",
                ["There is no such metric. There are: ", &names, "."].concat(),
            ));
        };
        if let Some(unknown) = self.filter.dimensions().find(|dimension| !known.contains(dimension)) {
            let names = listed(&mut known.iter().map(|dimension| dimension.as_str()));
            let detail = ["This metric is known by: ", &names, "."].concat();
            return Err(Problem::bad_parameter(unknown.as_str(), detail));
        }
        Ok(self)
    }

    /// The parts of the window for which a trend is asked.
    pub fn parts(&self) -> Vec<Window> {
        self.by.map(|period| self.window.parts(period)).unwrap_or_default()
    }

    /// The first day that is needed.
    pub fn first_day(&self) -> NaiveDate {
        if self.compare { self.window.previous().from } else { self.window.from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::parse("2026-11-21T20:00:00Z").expect("a time")
    }

    #[track_caller]
    fn refuses(query: &str, field: &str, says: &str) {
        let problem = Question::from_query(query, now()).expect_err("refused");
        assert_eq!((problem.status(), problem.field()), (400, Some(field)));
        let document = String::from_utf8(problem.to_json()).expect("text");
        assert!(document.contains(says), "{document}");
    }

    #[test]
    fn a_question_is_read() {
        let question = Question::from_query("by=week&compare=previous&product=a%20b&country=de&x=1", now())
            .expect("a question");
        assert_eq!((question.by, question.compare, question.parts().len()), (Some(Period::Week), true, 53));
        let dimensions: Vec<_> = question.filter.dimensions().collect();
        assert_eq!(dimensions, [Dimension::Product, Dimension::Country]);
        assert_eq!(question.first_day().to_string(), "2024-11-22");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        refuses("by=hour", "by", "day, week, month");
        refuses("by=day&from=2025-01-01", "by", "by week or by month");
        refuses("compare=yesterday", "compare", "previous");
        refuses("from=2026-02-30", "from", "2026-11-21");
        refuses("from=2026-11-22", "from", "after");
    }

    #[test]
    fn a_metric_has_to_exist_and_to_know_the_dimension() {
        let of = |query: &str, name: &str| {
            let question = Question::from_query(query, now()).expect("a question");
            question.of_metric(name).map_err(|problem| String::from_utf8(problem.to_json()).expect("text"))
        };
        assert!(of("product=9", "nps").is_ok());
        assert!(of("", "npss").expect_err("unknown").contains("There are: nps, csat, ces,"));
        assert!(of("source=google", "nps").expect_err("unknown").contains("product, country"));
    }
}

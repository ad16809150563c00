//! What shoppers found out by themselves.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, Outcome, What};

/// Deflection: the share of questions put to the page of an order that the page answered, so that nobody of the team was
/// asked, in percent.
///
/// Answered is what the shopper says is: pressing *That answers my question*. It is taken back where the same person asks
/// the team after all: about the same thing on the page, which is then one question and a case, or within 7 days some
/// other way. A request to send something back is a case, since somebody has to act on it.
///
/// What it does not say: how many read an answer and went away without a word, content or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Deflection {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub answered: u64,
    /// Said to be answered, and the team was asked within 7 days after all.
    pub came_back: u64,
    /// The team was asked on the page.
    pub cases: u64,
    /// The same by what it was about: `where`, `return`, `change`, `other`.
    pub topics: BTreeMap<&'static str, Topic>,
    /// Frequent questions whose answers helped, most often first; as many as the settings have.
    pub faq: Vec<Helpful>,
}

/// Questions about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Topic {
    pub answered: u64,
    /// Answered or not.
    pub n: u64,
}

/// A frequent question, in the shop's language, and how often its answer helped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Helpful {
    pub question: String,
    pub helped: u64,
}

impl Deflection {
    pub const ABOUT: About = About {
        formula: "100 * answered / (answered + came_back + cases); 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "questions put to the page of an order: said to be answered, or turned into a case; requests to send something back are cases",
        dated: "the day the question was asked",
        source: "self-service questions that needed nobody, over all of them; taken back by a new contact within 7 days, as in first_contact_resolution",
        caveat: "Who reads an answer and leaves without a word is not counted, content or not: opening a page says nothing, and mail scanners open them too.",
    };
}

impl Score for Deflection {
    const NAME: &'static str = "deflection";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [mut answered, mut came_back, mut cases] = [0; 3];
        let mut topics: BTreeMap<&'static str, Topic> = BTreeMap::new();
        let mut helped: BTreeMap<&str, u64> = BTreeMap::new();
        for (what, count, _) in slice.whats() {
            let What::Question { topic, outcome, faq } = what else { continue };
            let topic = topics.entry(topic.as_str()).or_default();
            topic.n += count;
            match outcome {
                Outcome::Answered => {
                    answered += count;
                    topic.answered += count;
                }
                Outcome::CameBack => came_back += count,
                Outcome::Case => cases += count,
            }
            if let (Outcome::Answered, Some(faq)) = (outcome, faq) {
                *helped.entry(faq).or_default() += count;
            }
        }
        let settings = slice.settings;
        let known = settings.faq.iter().filter_map(|entry| {
            let helped = helped.get(&*entry.id(&settings.default_locale)).copied()?;
            let question = entry.question.in_language(&settings.default_locale, &settings.default_locale)?;
            Some(Helpful { question: question.to_owned(), helped })
        });
        let mut faq: Vec<Helpful> = known.collect();
        faq.sort_by_key(|entry| std::cmp::Reverse(entry.helped));
        let estimate = Estimate::share(answered, answered + came_back + cases, &Self::ABOUT);
        Self { estimate, answered, came_back, cases, topics, faq }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;
    use crate::customer::Customer;
    use crate::fact::Fact;
    use crate::join::Join;
    use crate::key::Key;
    use crate::ledger::bin::Tally;
    use crate::ledger::{Counts, lines};
    use crate::metrics::{Metrics, Question, of_counts};
    use crate::settings::Settings;
    use crate::time::Time;
    use crate::window::Window;

    const ANN: &str = "1";
    const BOB: &str = "2";

    /// A ticket of `person`, so many hours after noon.
    fn ticket(person: &str, hours: i64, more: Value) -> Fact {
        let at = Time::parse("2026-11-02T12:00:00Z").expect("a time") + TimeDelta::hours(hours);
        let mut report =
            json!({ "id": format!("{person}-{hours}"), "order_id": person, "created_at": at.millis() });
        let (report_members, more) = (report.as_object_mut().expect("members"), more);
        report_members.extend(more.as_object().expect("members").clone());
        let event = serde_json::from_value(json!({ "ticket": report })).expect("an event");
        Fact { at, source: "aftercare".to_owned(), keys: Key::customer(person).into_iter().collect(), event }
    }

    fn glad(person: &str, hours: i64, topic: &str) -> Fact {
        ticket(
            person,
            hours,
            json!({ "status": "answered", "channel": "self-service", "help": { "topic": topic } }),
        )
    }

    fn case(person: &str, hours: i64, topic: &str) -> Fact {
        ticket(
            person,
            hours,
            json!({ "status": "new", "channel": "self-service", "help": { "topic": topic, "text": "?" } }),
        )
    }

    fn mail(person: &str, hours: i64) -> Fact {
        ticket(person, hours, json!({ "status": "new", "channel": "email" }))
    }

    fn metrics(facts: &[Fact], settings: &Settings) -> Metrics {
        let mut people: BTreeMap<Key, Customer> = BTreeMap::new();
        for fact in facts {
            let key = fact.keys.first().expect("whose it is").clone();
            people.entry(key).or_default().join(Customer::from(fact.clone()));
        }
        let mut counts = Counts::default();
        for (_, line) in people.values().flat_map(lines) {
            counts.add(line.at.date(), &line.bin, Tally::one(line.weight));
        }
        let now = Time::parse("2026-11-21T20:00:00Z").expect("a time");
        let day = |text: &str| text.parse().expect("a day");
        let window = Window { from: day("2026-11-01"), to: day("2026-11-21") };
        of_counts(&counts, settings, &Question::about(window), now)
    }

    #[track_caller]
    fn check(facts: &[Fact], expected: [u64; 3]) {
        let deflection = metrics(facts, &Settings::default()).deflection.score;
        assert_eq!([deflection.answered, deflection.came_back, deflection.cases], expected);
        assert_eq!(deflection.estimate.n, expected.iter().sum::<u64>());
        assert_eq!(deflection.topics.values().map(|topic| topic.n).sum::<u64>(), deflection.estimate.n);
    }

    #[test]
    fn is_the_share_that_needed_nobody() {
        check(&[glad(ANN, 0, "where")], [1, 0, 0]);
        check(&[case(ANN, 0, "where")], [0, 0, 1]);
        check(&[glad(ANN, 0, "where"), glad(ANN, 1, "return"), case(BOB, 0, "other")], [2, 0, 1]);
        let three =
            [glad(ANN, 0, "where"), glad(BOB, 0, "where"), glad(BOB, 1, "other"), case(ANN, 1, "change")];
        let value = metrics(&three, &Settings::default()).deflection.score.estimate.value;
        assert_eq!(value, Some(75.0));
        assert_eq!(metrics(&[], &Settings::default()).deflection.score.estimate.value, None);
    }

    #[test]
    fn who_asks_the_team_after_all_was_not_helped() {
        check(&[glad(ANN, 0, "where"), case(ANN, 2, "where")], [0, 0, 1]);
        check(&[glad(ANN, 0, "where"), case(ANN, 2, "change")], [1, 0, 1]);
        check(&[glad(ANN, 0, "where"), mail(ANN, 7 * 24)], [0, 1, 0]);
        check(&[glad(ANN, 0, "where"), mail(ANN, 7 * 24 + 1)], [1, 0, 0]);
        check(&[glad(ANN, 3, "where"), mail(ANN, 0)], [1, 0, 0]);
        check(&[glad(ANN, 0, "where"), mail(BOB, 2)], [1, 0, 0]);
    }

    /// First response, resolution and the rest are about what people were asked.
    #[test]
    fn the_desk_answers_for_what_it_was_asked() {
        let settings = Settings::default();
        let solved = |hours: i64| {
            let at =
                (Time::parse("2026-11-02T13:00:00Z").expect("a time") + TimeDelta::hours(hours)).millis();
            json!({ "status": "solved", "first_reply_at": at, "solved_at": [at], "handle_seconds": 60 })
        };
        let desk = [ticket(ANN, 0, solved(0)), ticket(BOB, 0, json!({ "status": "open" }))];
        let alone = metrics(&desk, &settings);
        let page = [glad(ANN, 5, "where"), glad(BOB, 6, "other")];
        let both = metrics(&[&desk[..], &page[..]].concat(), &settings);
        assert_eq!(both.first_response, alone.first_response);
        assert_eq!(both.resolution_rate, alone.resolution_rate);
        assert_eq!(both.first_contact_resolution, alone.first_contact_resolution);
        assert_eq!(both.handle_time, alone.handle_time);
        assert_eq!(
            (alone.first_response.score.waiting, alone.first_contact_resolution.score.estimate.value),
            (1, Some(100.0))
        );
        // A case of the page is one like any other.
        let asked = metrics(&[&desk[..], &[case(ANN, 5, "where")]].concat(), &settings);
        assert_eq!(asked.first_response.score.waiting, 2);
    }

    #[test]
    fn answers_that_helped_are_named() {
        let entry = |question: &str| json!({ "question": { "en": question }, "answer": { "en": "Yes." } });
        let settings =
            json!({ "faq": [entry("Do you grind?"), entry("Do beans keep?"), entry("Is there tea?")] });
        let settings = Settings::default().with(&settings).expect("settings that make sense");
        let id = |index: usize| settings.faq[index].id(&settings.default_locale);
        let helped = |person: &str, hours: i64, faq: &str| {
            let help = json!({ "topic": "other", "faq": faq });
            ticket(person, hours, json!({ "status": "answered", "channel": "self-service", "help": help }))
        };
        let facts =
            [helped(ANN, 0, &id(1)), helped(BOB, 1, &id(1)), helped(ANN, 2, &id(0)), helped(BOB, 3, "gone")];
        let deflection = metrics(&facts, &settings).deflection.score;
        let named: Vec<_> = deflection.faq.iter().map(|one| (one.question.as_str(), one.helped)).collect();
        assert_eq!(named, [("Do beans keep?", 2), ("Do you grind?", 1)]);
        assert_eq!(deflection.answered, 4);
    }
}

//! How the support desk does.

use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use serde::Serialize;

use super::spread::Spread;
use super::{About, Estimate, Score, Slice, float};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What, middle};
use crate::settings::BusinessHours;
use crate::time::Time;
use crate::zone::Zone;

/// Tickets have this long to be solved, and solved ones to stay so.
const DAYS: u16 = 7;

/// First response time: minutes from a ticket's opening to the first public answer by a person; the median.
///
/// A ticket that still waits counts as longer than any that was answered: if half of them wait, there is no median yet.
/// Those that were closed without an answer are left out. Durations of over half an hour are counted to within 3.2 %.
///
/// What it does not say: whether the answer helped.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FirstResponse {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Nine of ten were answered within so many minutes.
    pub p90: Option<f64>,
    /// The same two in minutes of the team's business hours.
    pub business_median: Option<f64>,
    pub business_p90: Option<f64>,
    /// Tickets that nobody has answered yet.
    pub waiting: u64,
}

impl FirstResponse {
    pub const ABOUT: About = About {
        formula: "median of minutes from opening to the first public answer by a person, tickets that still wait counting as longer than all others; 95 % interval: by ranks",
        scale: "minutes by the clock; business_*: minutes within business hours, opening times rounded to a quarter of an hour",
        direction: Direction::Low,
        denominator: "tickets that were answered or wait; automatic answers are none, and those closed without one are left out",
        dated: "the day the ticket was opened",
        source: "https://support.zendesk.com/hc/en-us/articles/4408834848154",
        caveat: "Not whether the answer helped.",
    };
}

impl Score for FirstResponse {
    const NAME: &'static str = "first_response";
    const BY: &'static [Dimension] = &[Dimension::Channel, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let (hours, zone) = (slice.settings.business_hours, &slice.settings.time_zone);
        let mut waiting = 0;
        let (mut calendar, mut business) = (Vec::new(), Vec::new());
        let tickets = slice.by_day(|what| matches!(what, What::FirstReply { .. }).then_some(what));
        for (date, what, tally) in tickets {
            match *what {
                What::FirstReply { minutes: Some(minutes), quarter, .. } => {
                    let (minutes, count) = (middle(minutes), tally.count());
                    calendar.push((minutes, count));
                    business.push((business_minutes(opened(date, quarter), minutes, hours, zone), count));
                }
                What::FirstReply { minutes: None, over: false, .. } => waiting += tally.count(),
                _ => {}
            }
        }
        let all = |minutes: Vec<(f64, u64)>| -> Spread {
            minutes.into_iter().chain([(f64::INFINITY, waiting)]).collect()
        };
        let (calendar, business) = (all(calendar), all(business));
        let known = |minutes: Option<f64>| minutes.filter(|minutes| minutes.is_finite());
        let interval = calendar.interval_of_quantile(0.5);
        let estimate = Estimate {
            value: known(calendar.quantile(0.5)),
            n: calendar.n(),
            interval: interval.filter(|bounds| bounds.iter().all(|bound| bound.is_finite())),
            about: &Self::ABOUT,
        };
        Self {
            estimate,
            p90: known(calendar.quantile(0.9)),
            business_median: known(business.quantile(0.5)),
            business_p90: known(business.quantile(0.9)),
            waiting,
        }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// The middle of a quarter of an hour of a UTC day, in which a ticket was opened.
fn opened(date: NaiveDate, quarter: u8) -> Time {
    Time::start_of(date) + TimeDelta::minutes(i64::from(quarter) * 15) + TimeDelta::seconds(450)
}

/// How much of the time from `opened` on falls into business hours.
#[expect(clippy::cast_possible_truncation, reason = "minutes from whole numbers of 32 bits")]
fn business_minutes(opened: Time, minutes: f64, hours: BusinessHours, zone: &Zone) -> f64 {
    let answered = opened + TimeDelta::seconds((minutes * 60.0) as i64);
    let last = zone.date(answered);
    let mut sum = TimeDelta::zero();
    let mut date = zone.date(opened);
    while date <= last {
        if hours.weekends || date.weekday().number_from_monday() <= 5 {
            let opens = zone.at(date, hours.from.minute_of_day()).max(opened);
            let closes = zone.at(date, hours.to.minute_of_day()).min(answered);
            sum += (closes - opens).max(TimeDelta::zero());
        }
        date = date + Days::new(1);
    }
    float(sum.num_seconds().unsigned_abs()) / 60.0
}

/// Resolution rate: the share of tickets that were solved within a week of being opened, in percent.
///
/// Of tickets opened in the window and at least a week old; comparing what was solved with what was opened in one week
/// could give more than 100 %.
///
/// What it does not say: whether the customer thinks so too.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ResolutionRate {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub solved: u64,
    /// Opened less than a week ago: not in this score yet.
    pub young: u64,
}

impl ResolutionRate {
    pub const ABOUT: About = About {
        formula: "100 * (solved within 7 days of opening) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "tickets opened at least 7 days ago",
        dated: "the day the ticket was opened",
        source: "a cohort by opening with a fixed age",
        caveat: "Not whether the customer thinks so too; opened again is still solved once.",
    };
}

impl Score for ResolutionRate {
    const NAME: &'static str = "resolution_rate";
    const BY: &'static [Dimension] = &[Dimension::Channel, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [solved, n, young] = ripe_share(slice, |what| match what {
            What::Case { solved_after } => Some(solved_after.is_some_and(|days| days < DAYS)),
            _ => None,
        });
        Self { estimate: Estimate::share(solved, n, &Self::ABOUT), solved, young }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// How many of the tickets that `hit` knows are hits, of how many that are old enough to tell, and how many are too young.
fn ripe_share(slice: &Slice<'_>, hit: impl Fn(&What) -> Option<bool>) -> [u64; 3] {
    let [mut hits, mut n, mut young] = [0; 3];
    for (date, is_hit, tally) in slice.by_day(hit) {
        let count = tally.count();
        if slice.is_ripe(date, DAYS) {
            n += count;
            hits += if is_hit { count } else { 0 };
        } else {
            young += count;
        }
    }
    [hits, n, young]
}

/// First contact resolution: the share of solved tickets for which one contact was enough, in percent.
///
/// Solved once, not opened again, and nothing new from the same person within 7 days; only tickets whose 7 days are over.
///
/// What it does not say: anything about tickets that were never solved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FirstContactResolution {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Solved less than a week ago: not in this score yet.
    pub young: u64,
}

impl FirstContactResolution {
    pub const ABOUT: About = About {
        formula: "100 * (solved once, never opened again, no new ticket of the same person within 7 days) / n; 95 % interval: Wilson",
        scale: "0 to 100 %",
        direction: Direction::High,
        denominator: "tickets solved at least 7 days ago and not open again",
        dated: "the day the ticket was last solved",
        source: "no reopening and no new contact within N days, N = 7; desks differ, so compare with nobody else's",
        caveat: "Nothing about tickets that were never solved.",
    };
}

impl Score for FirstContactResolution {
    const NAME: &'static str = "first_contact_resolution";
    const BY: &'static [Dimension] = &[Dimension::Channel, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [enough, n, young] = ripe_share(slice, |what| match what {
            What::Solved { first_contact } => Some(*first_contact),
            _ => None,
        });
        Self { estimate: Estimate::share(enough, n, &Self::ABOUT), young }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// Average handle time: seconds that people worked on a ticket, as the desk measured them.
///
/// Not the time that passed until it was solved. Values are counted to within 3.2 %; the mean is exact.
///
/// What it does not say: whether more time would have been better spent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HandleTime {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub median: Option<f64>,
    pub p90: Option<f64>,
}

impl HandleTime {
    pub const ABOUT: About = About {
        formula: "mean of the seconds worked on each ticket; 95 % interval: Student's t",
        scale: "seconds",
        direction: Direction::Low,
        denominator: "tickets whose desk measures it",
        dated: "the day the ticket was last solved, else opened",
        source: "https://help.mypurecloud.com/glossary/average-handle-time-aht/",
        caveat: "Not the time to resolution, and less is not always better.",
    };
}

impl Score for HandleTime {
    const NAME: &'static str = "handle_time";
    const BY: &'static [Dimension] = &[Dimension::Channel, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut sum = 0;
        let seconds: Spread = slice
            .whats()
            .filter_map(|(what, count, weight)| {
                let What::Handled { seconds } = what else { return None };
                sum += weight;
                Some((middle(*seconds), count))
            })
            .collect();
        let n = seconds.n();
        let mean = (n > 0).then(|| super::signed(sum) / float(n));
        // The spread is that of the counted values, the middle of it the exact mean.
        let interval = seconds.interval_of_mean().zip(seconds.mean()).zip(mean);
        let estimate = Estimate {
            value: mean,
            n,
            interval: interval
                .map(|((bounds, rough), mean)| bounds.map(|bound| (bound - rough + mean).max(0.0))),
            about: &Self::ABOUT,
        };
        Self { estimate, median: seconds.quantile(0.5), p90: seconds.quantile(0.9) }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    #[track_caller]
    fn check(opened: &str, minutes: f64, expected: f64) {
        let berlin = Zone::find("Europe/Berlin").expect("a zone");
        let opened = Time::parse(opened).expect("a time");
        assert_near(business_minutes(opened, minutes, BusinessHours::default(), &berlin), expected, 1e-6);
    }

    #[test]
    fn nights_and_weekends_do_not_count() {
        // A Friday; the shop opens at 9 and closes at 17, an hour ahead of UTC.
        check("2026-11-20T10:00:00Z", 30.0, 30.0);
        check("2026-11-20T15:30:00Z", 60.0, 30.0);
        check("2026-11-20T15:30:00Z", 3.0 * 1440.0, 30.0 + 450.0);
        check("2026-11-20T20:00:00Z", 600.0, 0.0);
        // All of a working day.
        check("2026-11-24T23:00:00Z", 1440.0, 480.0);
    }
}

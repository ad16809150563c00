//! What our messages change: recovery of unhappy customers, and each playbook against those it leaves out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::difference;
use super::{About, Change, Estimate, Point, Score, Slice, float, signed, wilson};
use crate::fact::Direction;
use crate::ledger::bin::{self, AFTERMATH_DAYS, Dimension, Mood, What};

/// Those who were written to have this long to buy.
const DAYS: u16 = 90;

/// A group of customers, and how many of them bought again.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    pub n: u64,
    pub bought: u64,
    /// In percent.
    pub share: Option<f64>,
    pub interval: Option<[f64; 2]>,
}

impl Group {
    fn add(&mut self, n: u64, bought: bool) {
        self.n += n;
        self.bought += if bought { n } else { 0 };
    }

    fn finished(self) -> Self {
        let share = wilson::share(self.bought, self.n);
        Self {
            share: share.map(|(share, _)| 100.0 * share),
            interval: share.map(|(_, interval)| interval.map(|bound| 100.0 * bound)),
            ..self
        }
    }

    fn point(self, slice: &Slice<'_>) -> Point {
        Point { from: slice.from, to: slice.to, value: self.share, n: self.n, interval: self.interval }
    }

    /// How much more of these buy than of the others, in percentage points.
    fn more_than(self, other: Self, slice: &Slice<'_>) -> Change {
        Change::between(&other.point(slice), &self.point(slice))
    }
}

/// The value of an [`Estimate`] that is a difference of two groups.
fn lead(one: Group, other: Group, about: &'static About) -> Estimate {
    let value = one.share.zip(other.share).map(|(one, other)| one - other);
    let interval = one
        .share
        .zip(other.share)
        .and_then(|(share, others)| difference((others, other.interval), (share, one.interval)));
    Estimate { value, n: one.n + other.n, interval, about }
}

/// Recovery effect: how many more of the unhappy customers to whom we apologised bought again within 90 days than of those
/// who were content from the start, in percentage points; and how their next answers compare.
///
/// What it does not say: what the apology did. Those who got one were unhappy, and nobody was chosen by lot.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recovery {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub content: Group,
    pub apologised: Group,
    /// Unhappy, and nobody wrote to them.
    pub unattended: Group,
    /// The next answers of those to whom we apologised.
    pub next_answers: NextAnswers,
    pub says: String,
}

/// How the answers after an apology compare with those before.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NextAnswers {
    pub better: u64,
    pub same: u64,
    pub worse: u64,
    /// Mean difference, on 0 to 100.
    pub mean_change: Option<f64>,
}

impl Recovery {
    pub const ABOUT: About = About {
        formula: "share of apologised-to customers who bought within 90 days of their first answer - share of content ones; 95 % interval: Newcombe",
        scale: "percentage points, -100 to 100",
        direction: Direction::High,
        denominator: "customers who answered at least once, the first answer at least 90 days ago; unhappy is NPS 0-6 or the lower third of another scale",
        dated: "the day of the customer's first answer",
        source: "the service recovery paradox: McCollough and Bharadwaj, 1992",
        caveat: "A comparison, not an experiment: those who got an apology were unhappy.",
    };
}

impl Score for Recovery {
    const NAME: &'static str = "recovery_effect";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let [mut content, mut apologised, mut unattended] = [Group::default(); 3];
        let mut next_answers = NextAnswers::default();
        let mut sum = 0;
        let customers = slice.by_day(|what| match what {
            What::Aftermath { of, bought, next } => Some((*of, *bought, *next)),
            _ => None,
        });
        for (date, (of, bought, next), tally) in customers {
            if !slice.is_ripe(date, AFTERMATH_DAYS) {
                continue;
            }
            let count = tally.count();
            match of {
                Mood::Content => content.add(count, bought),
                Mood::Apologised => apologised.add(count, bought),
                Mood::Unattended => unattended.add(count, bought),
            }
            if of == Mood::Apologised && next.is_some() {
                sum += tally.sum;
            }
            match next.filter(|_| of == Mood::Apologised) {
                Some(bin::Change::Better) => next_answers.better += count,
                Some(bin::Change::Same) => next_answers.same += count,
                Some(bin::Change::Worse) => next_answers.worse += count,
                None => {}
            }
        }
        let answers = next_answers.better + next_answers.same + next_answers.worse;
        next_answers.mean_change = (answers > 0).then(|| signed(sum) / float(answers));
        let [content, apologised, unattended] = [content, apologised, unattended].map(Group::finished);
        let says = apologised.more_than(content, slice).says;
        let estimate = lead(apologised, content, &Self::ABOUT);
        Self { estimate, content, apologised, unattended, next_answers, says }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// Playbook lift: how many more of those whom a playbook may write to bought within 90 days than of those who were held out
/// by lot, in percentage points.
///
/// Everybody counts whom the playbook would have written to, whether the message reached them or not: the lot is drawn
/// before that is known. Each person counts once a playbook, from the first time.
///
/// What it does not say: what happens after 90 days; and nothing at all without a holdout.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lift {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub playbooks: BTreeMap<String, Effect>,
}

/// One playbook's effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Effect {
    pub written_to: Group,
    pub held_out: Group,
    pub lift: Change,
}

impl Lift {
    pub const ABOUT: About = About {
        formula: "share of those not held out who bought within 90 days - share of those held out; 95 % interval: Newcombe",
        scale: "percentage points, -100 to 100",
        direction: Direction::High,
        denominator: "people and playbooks, from the first time that a playbook would have written to them, at least 90 days ago",
        dated: "the day of that first time",
        source: "intention to treat, with a lot by stable hash",
        caveat: "All playbooks together, unless one is asked for: who is held out of one may get another.",
    };
}

impl Score for Lift {
    const NAME: &'static str = "playbook_lift";
    const BY: &'static [Dimension] = &[Dimension::Playbook, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut groups: BTreeMap<String, [Group; 2]> = BTreeMap::new();
        let mut all = [Group::default(); 2];
        let people = slice.by_day(|what| match what {
            What::Trial { playbook, held_out, bought_within } => Some((playbook, *held_out, *bought_within)),
            _ => None,
        });
        for (date, (playbook, held_out, bought_within), tally) in people {
            if !slice.is_ripe(date, DAYS) {
                continue;
            }
            let bought = bought_within.is_some_and(|days| days <= DAYS);
            let own = groups.entry(playbook.clone()).or_default();
            for sides in [own, &mut all] {
                sides[usize::from(held_out)].add(tally.count(), bought);
            }
        }
        let effect = |[written_to, held_out]: [Group; 2]| {
            let (written_to, held_out) = (written_to.finished(), held_out.finished());
            Effect { written_to, held_out, lift: written_to.more_than(held_out, slice) }
        };
        let [written_to, held_out] = all.map(Group::finished);
        let playbooks = groups.into_iter().map(|(playbook, sides)| (playbook, effect(sides))).collect();
        Self { estimate: lead(written_to, held_out, &Self::ABOUT), playbooks }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

//! Net Promoter Score.

use serde::Serialize;

use super::{About, Estimate, Score, Slice, Z_95, float};
use crate::fact::{Direction, SurveyKind};
use crate::ledger::bin::{Dimension, What};

/// Answers to "How likely are you to recommend us?", 0 to 10, by group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// 9 and 10.
    Promoter,
    /// 7 and 8.
    Passive,
    /// 0 to 6.
    Detractor,
}

impl Group {
    /// The group of an answer on 0 to 10 (Reichheld, *The One Number You Need to Grow*, Harvard Business Review, 2003).
    pub const fn of(score: u8) -> Self {
        match score {
            0..=6 => Self::Detractor,
            7 | 8 => Self::Passive,
            9.. => Self::Promoter,
        }
    }
}

/// Net Promoter Score: the share of promoters less the share of detractors, in points from -100 to 100.
///
/// Passives count in `n`. The value is computed from counts, never from rounded percentages.
///
/// What it does not say: why; nor anything about those who did not answer. Two groups of very different mood can have
/// the same score, so the groups are shown with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Nps {
    #[serde(flatten)]
    pub estimate: Estimate,
    pub promoters: u64,
    pub passives: u64,
    pub detractors: u64,
}

impl Nps {
    pub const ABOUT: About = About {
        formula: "100 * (promoters - detractors) / n; 95 % interval: adjusted Wald (n + 3, promoters + 3/4, detractors + 3/4)",
        scale: "answers 0-10 (promoters 9-10, passives 7-8, detractors 0-6), score -100 to 100",
        direction: Direction::High,
        denominator: "answers to the NPS question, passives included; the newest of each respondent and survey",
        dated: "the day of the answer",
        source: "Reichheld, The One Number You Need to Grow, Harvard Business Review, 2003; Rocks, The American Statistician 70(4), 2016",
        caveat: "Not why, and nothing about those who did not answer. Very different moods can have the same score, so look at the groups.",
    };

    pub fn from_counts(promoters: u64, passives: u64, detractors: u64) -> Self {
        let n = promoters + passives + detractors;
        let value = (n > 0).then(|| 100.0 * (float(promoters) - float(detractors)) / float(n));
        let estimate = Estimate {
            value,
            n,
            interval: (n > 0).then(|| interval(promoters, detractors, n)),
            about: &Self::ABOUT,
        };
        Self { estimate, promoters, passives, detractors }
    }
}

impl Score for Nps {
    const NAME: &'static str = "nps";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country];

    /// Only 0 to 10 is NPS; webhooks take no other scale for it.
    fn of(slice: &Slice<'_>) -> Self {
        let (mut promoters, mut passives, mut detractors) = (0, 0, 0);
        for (what, count, _) in slice.whats() {
            if let What::Answer { kind: SurveyKind::Nps, score, .. } = what {
                match Group::of(*score) {
                    Group::Promoter => promoters += count,
                    Group::Passive => passives += count,
                    Group::Detractor => detractors += count,
                }
            }
        }
        Self::from_counts(promoters, passives, detractors)
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// The adjusted Wald interval: three imagined answers, three quarters of one each to promoters and detractors, then the
/// usual formula. Best of those compared by Rocks (*Interval Estimation for the Net Promoter Score*, The American
/// Statistician 70(4), 2016): unlike the plain one it does not claim certainty when few people agree.
fn interval(promoters: u64, detractors: u64, n: u64) -> [f64; 2] {
    let n = float(n) + 3.0;
    let (promoters, detractors) = ((float(promoters) + 0.75) / n, (float(detractors) + 0.75) / n);
    let center = promoters - detractors;
    let variance = promoters + detractors - center * center;
    let margin = Z_95 * (variance / n).sqrt();
    [100.0 * (center - margin), 100.0 * (center + margin)].map(|bound| bound.clamp(-100.0, 100.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::assert_near;
    use super::*;

    /// Value, centre and margin of the interval; the latter two from statsmodels.
    #[track_caller]
    fn check(counts: (u64, u64, u64), value: f64, center: f64, margin: f64) {
        let nps = Nps::from_counts(counts.0, counts.1, counts.2);
        assert_near(nps.estimate.value.unwrap(), value, 1e-12);
        let [low, high] = nps.estimate.interval.unwrap();
        assert_near(f64::midpoint(low, high), center, 5e-4);
        assert_near((high - low) / 2.0, margin, 5e-4);
    }

    #[test]
    fn agrees_with_statsmodels() {
        check((50, 30, 20), 30.0, 29.126, 15.075);
        check((5, 3, 2), 30.0, 23.077, 42.128);
        check((1, 0, 0), 100.0, 25.0, 73.499);
        check((0, 10, 0), 0.0, 0.0, 18.465);
    }

    #[test]
    fn no_answers_are_no_score() {
        let nps = Nps::from_counts(0, 0, 0);
        assert_eq!((nps.estimate.value, nps.estimate.interval, nps.estimate.n), (None, None, 0));
    }

    #[test]
    fn answers_fall_into_groups() {
        let groups: Vec<Group> = (0..=10).map(Group::of).collect();
        assert_eq!(groups[6..10], [Group::Detractor, Group::Passive, Group::Passive, Group::Promoter]);
    }

    proptest! {
        #[test]
        fn stays_on_its_scale(promoters in 0_u64..5000, passives in 0_u64..5000, detractors in 0_u64..5000) {
            let nps = Nps::from_counts(promoters, passives, detractors);
            let mirrored = Nps::from_counts(detractors, passives, promoters);
            if let (Some(value), Some([low, high])) = (nps.estimate.value, nps.estimate.interval) {
                prop_assert!((-100.0..=100.0).contains(&value));
                prop_assert!(-100.0 <= low && low <= high && high <= 100.0);
                prop_assert_eq!(mirrored.estimate.value.map(|value| -value + 0.0), Some(value + 0.0));
            } else {
                prop_assert_eq!(nps.estimate.n, 0);
            }
        }
    }
}

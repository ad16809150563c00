//! Customer satisfaction.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice};
use crate::fact::{Direction, Scale, SurveyKind};
use crate::ledger::bin::{Dimension, What};
use crate::playbook::goodness_of;

/// Customer satisfaction: the share of satisfied answers, in percent.
///
/// On 1 to 5 these are 4 and 5 ("top two boxes"); on another scale those in its upper quarter, which is the same on 1 to
/// 5: 8 to 10 on 1 to 10, 6 and 7 on 1 to 7. Over all answers; it is not their mean, which hides how many people are
/// unhappy. Source: <https://help.delighted.com/article/240-how-is-csat-calculated>.
///
/// What it does not say: how unhappy the others are, and anything about those who did not answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Csat {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// How many answers were satisfied ones.
    pub satisfied: u64,
    /// How often each answer on 1 to 5 was given, 1 first.
    pub distribution: [u64; 5],
    /// How many answers there are on each scale.
    pub scales: BTreeMap<String, u64>,
}

impl Csat {
    pub const ABOUT: About = About {
        formula: "100 * satisfied / n, satisfied being 4 and 5 on 1-5, and the upper quarter of any other scale; 95 % interval: Wilson",
        scale: "answers mostly 1-5, score 0 to 100 %",
        direction: Direction::High,
        denominator: "answers to the satisfaction question",
        dated: "the day of the answer",
        source: "https://help.delighted.com/article/240-how-is-csat-calculated",
        caveat: "Not how unhappy the others are, and nothing about those who did not answer.",
    };

    /// From answers, the scale of each, and how often each was given.
    pub fn from_answers(answers: impl Iterator<Item = (u8, Scale, u64)>) -> Self {
        let (mut satisfied, mut n) = (0, 0);
        let mut distribution = [0; 5];
        let mut scales: BTreeMap<String, u64> = BTreeMap::new();
        for (score, scale, count) in answers.filter(|(_, _, count)| *count > 0) {
            n += count;
            *scales.entry(scale.to_string()).or_default() += count;
            if goodness_of(score, scale) >= 75 {
                satisfied += count;
            }
            let place = usize::from(score).checked_sub(1).and_then(|place| distribution.get_mut(place));
            if let (Some(place), Scale { min: 1, max: 5, good: Direction::High }) = (place, scale) {
                *place += count;
            }
        }
        Self { estimate: Estimate::share(satisfied, n, &Self::ABOUT), satisfied, distribution, scales }
    }
}

impl Score for Csat {
    const NAME: &'static str = "csat";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        Self::from_answers(slice.whats().filter_map(|(what, count, _)| match what {
            What::Answer { kind: SurveyKind::Csat, score, scale } => Some((*score, *scale, count)),
            _ => None,
        }))
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    fn scale(min: u8, max: u8, good: Direction) -> Scale {
        Scale { min, max, good }
    }

    fn of_five(distribution: [u64; 5]) -> Csat {
        let five = scale(1, 5, Direction::High);
        Csat::from_answers((1..).zip(distribution).map(|(score, count)| (score, five, count)))
    }

    #[test]
    fn is_the_share_of_the_top_two() {
        let csat = of_five([10, 8, 15, 40, 34]);
        assert_eq!((csat.satisfied, csat.estimate.n), (74, 107));
        assert_near(csat.estimate.value.unwrap(), 69.158_878_504_672_9, 1e-9);
        let [low, high] = csat.estimate.interval.unwrap();
        assert_near(low, 59.871_5, 1e-4);
        assert_near(high, 77.118_3, 1e-4);
    }

    #[test]
    fn other_scales_have_their_own_top() {
        let all = |of: Scale| Csat::from_answers((of.min..=of.max).map(|score| (score, of, 1)));
        assert_eq!(all(scale(1, 10, Direction::High)).satisfied, 3);
        assert_eq!(all(scale(1, 7, Direction::High)).satisfied, 2);
        assert_eq!(all(scale(1, 3, Direction::High)).satisfied, 1);
        assert_eq!(all(scale(0, 1, Direction::High)).satisfied, 1);
        // Where low is good, 1 and 2 of five are.
        let low = all(scale(1, 5, Direction::Low));
        assert_eq!((low.satisfied, low.distribution), (2, [0; 5]));
    }

    #[test]
    fn no_answers_are_no_score() {
        let csat = of_five([0; 5]);
        assert_eq!((csat.estimate.value, csat.estimate.interval), (None, None));
    }
}

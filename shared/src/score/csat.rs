//! Customer satisfaction.

use serde::Serialize;

use super::{Estimate, float, wilson};
use crate::fact::Direction;

/// Customer satisfaction: the share of 4 and 5 among answers on 1 to 5 ("top two boxes"), in percent.
///
/// Over all answers; it is not their mean, which hides how many people are unhappy. Source:
/// <https://help.delighted.com/article/240-how-is-csat-calculated>.
///
/// What it does not say: how unhappy the others are, and anything about those who did not answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Csat {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// How many answered 4 or 5.
    pub satisfied: u64,
    /// How often each answer was given, 1 first.
    pub distribution: [u64; 5],
}

impl Csat {
    pub const FORMULA: &str = "100 * (answers of 4 and 5) / n; 95 % interval: Wilson";
    pub const SCALE: &str = "answers 1-5, score 0 to 100 %";

    /// From how often each answer was given, 1 first.
    pub fn from_counts(distribution: [u64; 5]) -> Self {
        let n: u64 = distribution.iter().sum();
        let satisfied = distribution[3] + distribution[4];
        let estimate = Estimate {
            value: (n > 0).then(|| 100.0 * float(satisfied) / float(n)),
            n,
            interval: wilson::share(satisfied, n).map(|(_, interval)| interval.map(|bound| 100.0 * bound)),
            formula: Self::FORMULA,
            scale: Self::SCALE,
            direction: Direction::High,
        };
        Self { estimate, satisfied, distribution }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::Csat;

    #[test]
    fn is_the_share_of_the_top_two() {
        let csat = Csat::from_counts([10, 8, 15, 40, 34]);
        assert_eq!((csat.satisfied, csat.estimate.n), (74, 107));
        assert_near(csat.estimate.value.unwrap(), 69.158_878_504_672_9, 1e-9);
        let [low, high] = csat.estimate.interval.unwrap();
        assert_near(low, 59.871_5, 1e-4);
        assert_near(high, 77.118_3, 1e-4);
    }

    #[test]
    fn no_answers_are_no_score() {
        let csat = Csat::from_counts([0; 5]);
        assert_eq!((csat.estimate.value, csat.estimate.interval), (None, None));
    }
}

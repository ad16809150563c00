//! Customer effort.

use serde::Serialize;

use super::spread::Spread;
use super::{About, Estimate, Score, Slice, wilson};
use crate::fact::{Direction, Scale, SurveyKind};
use crate::ledger::bin::{Dimension, What};

/// Customer Effort Score 2.0: the mean agreement with "They made it easy for me to handle my issue", from 1 (strongly
/// disagree) to 7 (strongly agree). High is good.
///
/// The original score of 2010 asked "How much effort?" on 1 to 5, where low is good. The two are never mixed: each
/// answer carries its scale and direction, and only those on 1 to 7 with high as the good end belong here. Source:
/// <https://support.customergauge.com/support/solutions/articles/5000755869>.
///
/// What it does not say: whether the issue was solved. The mean treats the steps of the scale as equally wide, so the
/// share of those who agree is shown with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ces {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Share of 5 to 7, in percent.
    pub easy: Option<f64>,
    /// 95 % interval of that share (Wilson).
    pub easy_interval: Option<[f64; 2]>,
    /// How often each answer was given, 1 first.
    pub distribution: [u64; 7],
    /// Answers on other scales, which are not in this score.
    pub left_out: u64,
}

impl Ces {
    pub const ABOUT: About = About {
        formula: "mean of the answers; 95 % interval: Student's t; easy: 100 * (answers of 5, 6 and 7) / n",
        scale: "answers 1-7 (7: strongly agree that it was easy), score 1 to 7",
        direction: Direction::High,
        denominator: "answers on 1-7 with high as the good end; others are left out, and counted",
        dated: "the day of the answer",
        source: "https://support.customergauge.com/support/solutions/articles/5000755869",
        caveat: "Not whether the issue was solved. The mean takes the steps of the scale for equally wide.",
    };

    const SCALE: Scale = Scale { min: 1, max: 7, good: Direction::High };

    /// From how often each answer was given, 1 first.
    pub fn from_counts(distribution: [u64; 7], left_out: u64) -> Self {
        let spread: Spread = (1_u8..).map(f64::from).zip(distribution).collect();
        let easy = wilson::share(distribution[4..].iter().sum(), spread.n());
        let interval = spread.interval_of_mean();
        let estimate = Estimate {
            value: spread.mean(),
            n: spread.n(),
            interval: interval.map(|interval| interval.map(|bound| bound.clamp(1.0, 7.0))),
            about: &Self::ABOUT,
        };
        Self {
            estimate,
            easy: easy.map(|(share, _)| 100.0 * share),
            easy_interval: easy.map(|(_, interval)| interval.map(|bound| 100.0 * bound)),
            distribution,
            left_out,
        }
    }
}

impl Score for Ces {
    const NAME: &'static str = "ces";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let (mut distribution, mut left_out) = ([0; 7], 0);
        for (what, count, _) in slice.whats() {
            let What::Answer { kind: SurveyKind::Ces, score, scale } = what else { continue };
            let place = usize::from(*score).checked_sub(1).and_then(|place| distribution.get_mut(place));
            match place.filter(|_| *scale == Self::SCALE) {
                Some(place) => *place += count,
                None => left_out += count,
            }
        }
        Self::from_counts(distribution, left_out)
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    #[test]
    fn is_the_mean_and_the_share_who_agree() {
        // 7, 7, 6, 5, 3: mean 5.6, sample deviation 1.67332.
        let ces = Ces::from_counts([0, 0, 1, 0, 1, 1, 2], 0);
        assert_near(ces.estimate.value.unwrap(), 5.6, 1e-12);
        let [low, high] = ces.estimate.interval.unwrap();
        assert_near(low, 5.6 - 2.7764 * 1.673_320_053 / 5_f64.sqrt(), 1e-6);
        assert_near(high, 7.0, 0.0);
        assert_near(ces.easy.unwrap(), 80.0, 1e-12);
    }

    #[test]
    fn few_answers_say_little() {
        assert_eq!(Ces::from_counts([0; 7], 3).estimate.value, None);
        let one = Ces::from_counts([0, 0, 0, 0, 0, 0, 1], 0);
        assert_eq!((one.estimate.value, one.estimate.interval), (Some(7.0), None));
    }
}

//! Customer effort.

use serde::Serialize;

use super::{Estimate, float, wilson};
use crate::fact::Direction;

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
pub struct Ces {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Share of 5 to 7, in percent.
    pub easy: Option<f64>,
    /// 95 % interval of that share (Wilson).
    pub easy_interval: Option<[f64; 2]>,
    /// How often each answer was given, 1 first.
    pub distribution: [u64; 7],
}

impl Ces {
    pub const FORMULA: &str =
        "mean of the answers; 95 % interval: Student's t; easy: 100 * (answers of 5, 6 and 7) / n";
    pub const SCALE: &str = "answers 1-7, score 1 to 7";

    /// From how often each answer was given, 1 first.
    pub fn from_counts(distribution: [u64; 7]) -> Self {
        let n: u64 = distribution.iter().sum();
        let easy = wilson::share(distribution[4..].iter().sum(), n);
        let mean = (n > 0).then(|| {
            let sum: u64 = (1..).zip(distribution).map(|(answer, count)| answer * count).sum();
            float(sum) / float(n)
        });
        let estimate = Estimate {
            value: mean,
            n,
            interval: mean.and_then(|mean| interval(distribution, n, mean)),
            formula: Self::FORMULA,
            scale: Self::SCALE,
            direction: Direction::High,
        };
        Self {
            estimate,
            easy: easy.map(|(share, _)| 100.0 * share),
            easy_interval: easy.map(|(_, interval)| interval.map(|bound| 100.0 * bound)),
            distribution,
        }
    }
}

/// Student's interval of a mean. One answer has no spread, and so no interval.
fn interval(distribution: [u64; 7], n: u64, mean: f64) -> Option<[f64; 2]> {
    let freedom = n.checked_sub(1).filter(|freedom| *freedom > 0)?;
    let squares: f64 =
        (1..).zip(distribution).map(|(answer, count)| float(count) * (float(answer) - mean).powi(2)).sum();
    let margin = t_95(freedom) * (squares / float(freedom) / float(n)).sqrt();
    Some([mean - margin, mean + margin].map(|bound| bound.clamp(1.0, 7.0)))
}

/// The 97.5 % quantile of Student's t: from the table up to 30 degrees of freedom, from there by Fisher's expansion
/// around the normal quantile, which is good to five digits.
fn t_95(freedom: u64) -> f64 {
    const TABLE: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788,
        2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
        2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
    ];
    let in_table = usize::try_from(freedom).ok().and_then(|freedom| TABLE.get(freedom.checked_sub(1)?));
    in_table.copied().unwrap_or_else(|| {
        let (z, v) = (super::Z_95, float(freedom));
        let first = (z.powi(3) + z) / (4.0 * v);
        let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v);
        z + first + second
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    #[test]
    fn is_the_mean_and_the_share_who_agree() {
        // 7, 7, 6, 5, 3: mean 5.6, sample deviation 1.67332.
        let ces = Ces::from_counts([0, 0, 1, 0, 1, 1, 2]);
        assert_near(ces.estimate.value.unwrap(), 5.6, 1e-12);
        let [low, high] = ces.estimate.interval.unwrap();
        assert_near(low, 5.6 - 2.7764 * 1.673_320_053 / 5_f64.sqrt(), 1e-6);
        assert_near(high, 7.0, 0.0);
        assert_near(ces.easy.unwrap(), 80.0, 1e-12);
    }

    #[test]
    fn few_answers_say_little() {
        assert_eq!(Ces::from_counts([0; 7]).estimate.value, None);
        let one = Ces::from_counts([0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((one.estimate.value, one.estimate.interval), (Some(7.0), None));
    }

    #[test]
    fn the_t_quantile_has_no_step_where_the_table_ends() {
        assert_near(t_95(30), 2.0423, 1e-4);
        assert_near(t_95(31), 2.0395, 1e-4);
        assert_near(t_95(60), 2.0003, 1e-4);
        assert_near(t_95(1_000_000), 1.959_97, 1e-5);
    }
}

//! The Wilson score interval, for shares of yes-or-no answers.

use super::{Z_95, float};

/// The share of `hits` in `n`, 0 to 1, with its 95 % interval; `None` for `n` of zero.
///
/// Wilson (*Probable Inference, the Law of Succession, and Statistical Inference*, JASA 22, 1927). It holds for small
/// `n` and near 0 and 1, where the plain interval collapses. Only for yes or no, not for means of stars.
pub fn share(hits: u64, n: u64) -> Option<(f64, [f64; 2])> {
    if n == 0 {
        return None;
    }
    let (hits, n) = (float(hits.min(n)), float(n));
    let share = hits / n;
    let z2 = Z_95 * Z_95;
    let center = share + z2 / (2.0 * n);
    let margin = Z_95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some((share, [(center - margin) / scale, (center + margin) / scale].map(|bound| bound.clamp(0.0, 1.0))))
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::share;

    #[track_caller]
    fn check(hits: u64, n: u64, low: f64, high: f64) {
        let (_, interval) = share(hits, n).unwrap();
        assert_near(interval[0], low, 1e-6);
        assert_near(interval[1], high, 1e-6);
    }

    #[test]
    fn agrees_with_statsmodels() {
        check(0, 1, 0.0, 0.793_451);
        check(1, 1, 0.206_549, 1.0);
        check(8, 10, 0.490_162, 0.943_318);
        check(74, 107, 0.598_715, 0.771_183);
        check(45, 50, 0.786_398, 0.956_524);
        check(950, 1000, 0.934_686, 0.961_870);
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(share(0, 0), None);
    }
}

//! Means and quantiles of counted values, with their intervals.

use super::{Z_95, float};

/// How often each value was seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread(Vec<(f64, u64)>);

impl FromIterator<(f64, u64)> for Spread {
    fn from_iter<I: IntoIterator<Item = (f64, u64)>>(values: I) -> Self {
        let mut values: Vec<(f64, u64)> = values.into_iter().filter(|(_, count)| *count > 0).collect();
        values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Self(values)
    }
}

impl Spread {
    pub fn n(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    pub fn mean(&self) -> Option<f64> {
        let n = self.n();
        let sum: f64 = self.0.iter().map(|(value, count)| value * float(*count)).sum();
        (n > 0).then(|| sum / float(n))
    }

    /// Student's interval of the mean. One value has no spread, and so no interval.
    pub fn interval_of_mean(&self) -> Option<[f64; 2]> {
        let (mean, n) = (self.mean()?, self.n());
        let freedom = n.checked_sub(1).filter(|freedom| *freedom > 0)?;
        let squares: f64 =
            self.0.iter().map(|(value, count)| float(*count) * (value - mean) * (value - mean)).sum();
        let margin = t_95(freedom) * (squares / float(freedom) / float(n)).sqrt();
        Some([mean - margin, mean + margin])
    }

    /// The value that so large a part does not exceed: of `n` values the one of rank `part * n`, rounded up.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        self.at_rank((part * float(self.n())).ceil().max(1.0))
    }

    /// An interval of a quantile that assumes nothing about how values are spread: the values of two ranks, by the normal
    /// approximation to the binomial (Conover, *Practical Nonparametric Statistics*, 3.2). `None` where there are too few
    /// values to reach that far.
    pub fn interval_of_quantile(&self, part: f64) -> Option<[f64; 2]> {
        let n = float(self.n());
        let margin = Z_95 * (n * part * (1.0 - part)).sqrt();
        let (low, high) = ((n * part - margin).ceil(), (n * part + margin).ceil());
        (low >= 1.0 && high <= n).then_some(())?;
        Some([self.at_rank(low)?, self.at_rank(high)?])
    }

    fn at_rank(&self, rank: f64) -> Option<f64> {
        let mut seen = 0;
        self.0
            .iter()
            .find(|(_, count)| {
                seen += count;
                float(seen) >= rank
            })
            .or(self.0.last())
            .map(|(value, _)| *value)
    }
}

/// The 97.5 % quantile of Student's t: from the table up to 30 degrees of freedom, from there by Fisher's expansion
/// around the normal quantile, which is good to five digits.
pub(super) fn t_95(freedom: u64) -> f64 {
    const TABLE: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788,
        2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
        2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
    ];
    let in_table = usize::try_from(freedom).ok().and_then(|freedom| TABLE.get(freedom.checked_sub(1)?));
    in_table.copied().unwrap_or_else(|| {
        let (z, v) = (Z_95, float(freedom));
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
    fn the_t_quantile_has_no_step_where_the_table_ends() {
        assert_near(t_95(30), 2.0423, 1e-4);
        assert_near(t_95(31), 2.0395, 1e-4);
        assert_near(t_95(60), 2.0003, 1e-4);
        assert_near(t_95(1_000_000), 1.959_97, 1e-5);
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let spread: Spread = [(3.0, 1), (1.0, 2), (9.0, 1)].into_iter().collect();
        assert_eq!(spread.quantile(0.5), Some(1.0));
        assert_eq!(spread.quantile(0.75), Some(3.0));
        assert_eq!(spread.quantile(0.9), Some(9.0));
        assert_eq!(spread.mean(), Some(3.5));
        let two: Spread = [(1.0, 2)].into_iter().collect();
        assert_eq!(two.interval_of_quantile(0.5), None);
        assert_eq!(Spread::default().quantile(0.5), None);
        let hundred: Spread = (1..=100).map(|value| (f64::from(value), 1)).collect();
        assert_eq!(hundred.interval_of_quantile(0.5), Some([41.0, 60.0]));
    }
}

//! Public reviews.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spread::Spread;
use super::{About, Estimate, Score, Slice, float};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What};

/// The average of public reviews in stars, drawn towards the whole shop's as long as there are few of them.
///
/// `(C * m + sum of stars) / (C + n)`, where `m` is the shop's mean and `C` the usual number of reviews of a product. One
/// review of five stars says less than two hundred of 4.8; without a filter it is the plain mean.
///
/// What it does not say: what people think who wrote nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reviews {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The plain mean.
    pub mean: Option<f64>,
    /// How many reviews have one star, two, ... Halves count as the next whole star.
    pub distribution: [u64; 5],
    /// `C`: the median number of reviews of a product; 0 without a filter.
    pub prior_weight: u64,
    /// `m`: the mean of the whole shop.
    pub prior_mean: Option<f64>,
}

impl Reviews {
    pub const ABOUT: About = About {
        formula: "(C * m + sum of stars) / (C + n), m: mean of the whole shop, C: median number of reviews of a product, 0 where nothing is filtered; 95 % interval: Student's t, drawn in likewise",
        scale: "1 to 5 stars",
        direction: Direction::High,
        denominator: "reviews that were not withdrawn",
        dated: "the day of the review, or of its last change",
        source: "Bayesian average; see Evan Miller, How Not To Sort By Average Rating",
        caveat: "Not what people think who wrote nothing.",
    };

    /// From ratings in hundredths of a star, what is usual in the shop, and how much that counts.
    fn new(ratings: &Spread, distribution: [u64; 5], prior_mean: Option<f64>, prior_weight: u64) -> Self {
        let n = ratings.n();
        let drawn = |stars: f64| match prior_mean {
            Some(prior) if prior_weight > 0 => {
                (float(prior_weight) * prior + float(n) * stars) / float(prior_weight + n)
            }
            _ => stars,
        };
        let interval = ratings.interval_of_mean();
        let estimate = Estimate {
            value: ratings.mean().map(drawn),
            n,
            interval: interval.map(|bounds| bounds.map(|stars| drawn(stars.clamp(1.0, 5.0)))),
            about: &Self::ABOUT,
        };
        Self { estimate, mean: ratings.mean(), distribution, prior_weight, prior_mean }
    }
}

impl Score for Reviews {
    const NAME: &'static str = "reviews";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country, Dimension::Source];

    fn of(slice: &Slice<'_>) -> Self {
        let stars = |what: &What| match what {
            What::Review { rating } => Some(f64::from(*rating) / 100.0),
            _ => None,
        };
        let ratings: Spread =
            slice.whats().filter_map(|(what, count, _)| Some((stars(what)?, count))).collect();
        let mut distribution = [0; 5];
        for (what, count, _) in slice.whats() {
            if let What::Review { rating } = what {
                let star = usize::from(rating.saturating_add(50) / 100).clamp(1, 5);
                distribution[star - 1] += count;
            }
        }
        // Told apart by address: a filter makes counts of its own.
        if std::ptr::eq(slice.counts, slice.whole) {
            let mean = ratings.mean();
            return Self::new(&ratings, distribution, mean, 0);
        }
        let mut products: BTreeMap<&str, u64> = BTreeMap::new();
        let whole = slice.whole.within(slice.from, slice.to);
        let shop: Spread = whole
            .filter_map(|(bin, days)| {
                let stars = stars(&bin.what)?;
                let count = days.iter().map(|(_, tally)| tally.count()).sum();
                if let Some(product) = bin.of(Dimension::Product).filter(|_| count > 0) {
                    *products.entry(product).or_default() += count;
                }
                Some((stars, count))
            })
            .collect();
        let mut usual: Vec<u64> = products.into_values().collect();
        usual.sort_unstable();
        let weight = usual.get(usual.len() / 2).copied().unwrap_or_default();
        Self::new(&ratings, distribution, shop.mean(), weight)
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
    fn one_review_of_five_stars_is_not_better_than_many() {
        let one: Spread = [(5.0, 1)].into_iter().collect();
        let many: Spread = [(5.0, 160), (4.0, 40)].into_iter().collect();
        let one = Reviews::new(&one, [0, 0, 0, 0, 1], Some(4.2), 20);
        let many = Reviews::new(&many, [0, 0, 0, 40, 160], Some(4.2), 20);
        assert_near(one.estimate.value.unwrap(), (20.0 * 4.2 + 5.0) / 21.0, 1e-12);
        assert!(one.estimate.value < many.estimate.value);
        assert_eq!((one.mean, many.mean), (Some(5.0), Some(4.8)));
    }

    #[test]
    fn nothing_is_drawn_anywhere_without_a_prior() {
        let plain: Spread = [(4.0, 1), (5.0, 1)].into_iter().collect();
        assert_eq!(Reviews::new(&plain, [0, 0, 0, 1, 1], Some(4.5), 0).estimate.value, Some(4.5));
        assert_eq!(Reviews::new(&Spread::default(), [0; 5], Some(4.0), 3).estimate.value, None);
    }
}

//! Gamma-Gamma: what an order of a customer is worth, when few of them are known.
//!
//! Fader and Hardie, *The Gamma-Gamma Model of Monetary Value*, 2013, <http://www.brucehardie.com/notes/025/>. The values of
//! a customer's orders are gamma distributed with shape `p` and a scale that differs among customers as a gamma distribution
//! (`q`, `gamma`), whatever the number of orders. The parameters are found by moments, from sums that can be kept by day:
//! the mean, the variance within customers and that between them (one-way analysis of variance).

use serde::Serialize;

/// How order values are spread within and between customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GammaGamma {
    pub p: f64,
    pub q: f64,
    pub gamma: f64,
}

/// Sums over customers with at least one order.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    pub customers: f64,
    pub orders: f64,
    /// Of the squares of each customer's number of orders.
    pub orders_squared: f64,
    pub value: f64,
    /// Of the squares of all order values.
    pub squares: f64,
    /// Of the square of each customer's sum, divided by their number of orders.
    pub sum_squares: f64,
}

impl GammaGamma {
    /// `None` where there are too few orders, or no difference between customers to be seen.
    pub fn fit(sums: &Sums) -> Option<Self> {
        let Sums { customers, orders, orders_squared, value, squares, sum_squares } = *sums;
        (customers >= 20.0 && orders - customers >= 20.0).then_some(())?;
        let mean = value / orders;
        let within = (squares - sum_squares) / (orders - customers);
        let among = (sum_squares - value * mean) / (customers - 1.0);
        let usual = (orders - orders_squared / orders) / (customers - 1.0);
        let between = (among - within) / usual;
        (mean > 0.0 && within > 0.0 && between > 0.0).then_some(())?;
        // E[z] = p gamma / (q - 1); the variance of means is E[z]^2 / (q - 2), that within customers
        // p gamma^2 / ((q - 1) (q - 2)).
        let q = 2.0 + mean * mean / between;
        let p = mean * mean * (q - 1.0) / (within * (q - 2.0));
        Some(Self { p, q, gamma: mean * (q - 1.0) / p })
    }

    /// What an order of a customer is worth who brought `sum` with so many orders: between their own mean and everybody's,
    /// nearer to their own the more orders there are. Linear in `sum`, so that it may be that of several customers with
    /// `orders` each, of whom there are `customers`; the result is then theirs together.
    pub fn expected(&self, sum: f64, orders: f64, customers: f64) -> f64 {
        let Self { p, q, gamma } = *self;
        p * (gamma * customers + sum) / (p * orders + q - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    fn sums(customers: &[&[f64]]) -> Sums {
        let mut sums = Sums::default();
        for orders in customers {
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let n = orders.len() as f64;
            let sum: f64 = orders.iter().sum();
            sums.customers += 1.0;
            sums.orders += n;
            sums.orders_squared += n * n;
            sums.value += sum;
            sums.squares += orders.iter().map(|value| value * value).sum::<f64>();
            sums.sum_squares += sum * sum / n;
        }
        sums
    }

    #[test]
    fn moments_are_those_of_the_data() {
        let customers: Vec<[f64; 2]> = (0..30)
            .map(|n| {
                let level = 20.0 + f64::from(n % 5) * 10.0;
                [level - 4.0, level + 4.0]
            })
            .collect();
        let customers: Vec<&[f64]> = customers.iter().map(<[f64; 2]>::as_slice).collect();
        let found = GammaGamma::fit(&sums(&customers)).expect("a model");
        let GammaGamma { p, q, gamma } = found;
        assert_near(p * gamma / (q - 1.0), 40.0, 1e-9);
        // Two orders 4 to each side of their mean: 32 within.
        assert_near(p * gamma * gamma / ((q - 1.0) * (q - 2.0)), 32.0, 1e-9);
        // Someone of whom nothing is known is like everybody; with many orders like themselves.
        assert_near(found.expected(0.0, 0.0, 1.0), 40.0, 1e-9);
        assert_near(found.expected(100.0 * 1e6, 1e6, 1.0), 100.0, 1e-2);
        let one = found.expected(120.0, 2.0, 1.0);
        assert!(one > 55.0 && one < 60.0, "{one} is drawn from 60 towards 40, a little");
    }

    #[test]
    fn no_difference_between_customers_is_no_model() {
        let alike: Vec<&[f64]> = (0..30).map(|_| [10.0, 30.0].as_slice()).collect();
        assert_eq!(GammaGamma::fit(&sums(&alike)), None);
        assert_eq!(GammaGamma::fit(&Sums::default()), None);
    }
}

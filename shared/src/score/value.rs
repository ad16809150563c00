//! What a customer is worth.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bg_nbd::{BgNbd, Buyers};
use super::gamma_gamma::{GammaGamma, Sums};
use super::money::per_unit;
use super::spread::t_95;
use super::{About, Estimate, Score, Slice, float, signed};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, Squares, What};

/// How far ahead is looked, in weeks.
const AHEAD: f64 = 52.0;

/// A prediction takes months to be worth anything.
const LONG_ENOUGH: f64 = 13.0;

/// Customer lifetime value: what a customer has brought so far, on average, of those who first bought in the window; and
/// what the next year may bring by BG/NBD and Gamma-Gamma, where the data carries that.
///
/// What it does not say: what is left of it. Aftercare knows revenue, not margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LifetimeValue {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Of the value: that of most customers.
    pub currency: Option<String>,
    /// Customers of other currencies, who are left out.
    pub left_out: u64,
    pub next_year: Option<NextYear>,
    /// Why there is no prediction.
    pub no_prediction: Option<&'static str>,
}

/// What a customer of these may bring within 52 weeks, on average.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NextYear {
    /// In units of the currency.
    pub value: f64,
    /// Days with purchases.
    pub purchases: f64,
    /// The share of customers who still buy, in percent. Of those who bought once nothing else can be told than that they do.
    pub alive: f64,
    pub purchasing: BgNbd,
    pub spending: GammaGamma,
}

impl LifetimeValue {
    pub const ABOUT: About = About {
        formula: "sum of what each customer brought after refunds / n; 95 % interval: Student's t; next_year: BG/NBD (purchases, by maximum likelihood, in weeks) times Gamma-Gamma (value, by moments)",
        scale: "units of the currency",
        direction: Direction::High,
        denominator: "customers whose first purchase falls into the window, in the currency of most",
        dated: "the day of the first purchase; what they brought is counted up to today",
        source: "Fader, Hardie, Lee, Marketing Science 24(2), 2005; Fader, Hardie, The Gamma-Gamma Model, 2013",
        caveat: "Revenue, not margin. A prediction assumes that customers go on as they did.",
    };
}

impl Score for LifetimeValue {
    const NAME: &'static str = "lifetime_value";
    const BY: &'static [Dimension] = &[Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut customers: BTreeMap<&str, u64> = BTreeMap::new();
        for (what, count, _) in slice.whats() {
            if let What::Buyer { currency, .. } = what {
                *customers.entry(currency).or_default() += count;
            }
        }
        let all: u64 = customers.values().sum();
        let most = customers.into_iter().filter(|(_, n)| *n > 0).max_by_key(|(_, n)| *n);
        let Some((main, n)) = most else {
            return Self {
                estimate: Estimate::exact(None, 0, &Self::ABOUT),
                currency: None,
                left_out: 0,
                next_year: None,
                no_prediction: Some("nobody bought anything for the first time"),
            };
        };
        // Everything in units of the currency from here on.
        let unit = per_unit(main);
        let mut sums = Sums::default();
        let mut squares_of_customers = 0.0;
        // Customers who are alike, and what they brought.
        let mut groups: BTreeMap<(u16, u16, u16), (u64, i64)> = BTreeMap::new();
        let of_customers = |what| matches!(what, &What::Buyer { .. } | &What::Squares { .. }).then_some(what);
        for (date, what, tally) in slice.by_day(of_customers) {
            let (count, sum) = (float(tally.count()), signed(tally.sum));
            match what {
                What::Buyer { currency, repeats, last_week } if currency == main => {
                    let weeks = (slice.today - date).num_days().max(0) / 7;
                    let weeks = u16::try_from(weeks).unwrap_or(u16::MAX).max(*last_week);
                    let group = groups.entry((*repeats, *last_week, weeks)).or_default();
                    *group = (group.0 + tally.count(), group.1.saturating_add(tally.sum));
                    let orders = f64::from(*repeats) + 1.0;
                    sums.customers += count;
                    sums.orders += count * orders;
                    sums.orders_squared += count * orders * orders;
                    sums.value += sum / unit;
                }
                What::Squares { currency, of: Squares::Each } if currency == main => {
                    sums.squares += sum / unit / unit;
                }
                What::Squares { currency, of: Squares::Sum { purchases } } if currency == main => {
                    sums.sum_squares += sum / unit / unit;
                    squares_of_customers += sum / unit / unit * f64::from(*purchases);
                }
                _ => {}
            }
        }
        let mean = sums.value / float(n);
        let interval = (n > 1).then(|| {
            let variance = (squares_of_customers - float(n) * mean * mean).max(0.0) / float(n - 1);
            let margin = t_95(n - 1) * (variance / float(n)).sqrt();
            [(mean - margin).max(0.0), mean + margin]
        });
        let prediction =
            if slice.in_full { predict(&groups, &sums, unit) } else { Err("only the mean was asked for") };
        Self {
            estimate: Estimate { value: Some(mean), n, interval, about: &Self::ABOUT },
            currency: Some(main.to_owned()),
            left_out: all - n,
            no_prediction: prediction.as_ref().err().copied(),
            next_year: prediction.ok(),
        }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// `groups`: repeat purchases, week of the last, weeks since the first; how many customers, and what they brought.
fn predict(
    groups: &BTreeMap<(u16, u16, u16), (u64, i64)>,
    sums: &Sums,
    unit: f64,
) -> Result<NextYear, &'static str> {
    let buyers = groups.iter().map(|((repeats, last, age), (count, sum))| {
        // A week is counted from its first day; the middle of it is nearer to what happened.
        let last = if *repeats == 0 { 0.0 } else { f64::from(*last) + 0.5 };
        let who = Buyers { count: float(*count), repeats: *repeats, last, age: f64::from(*age) + 0.5 };
        (who, signed(*sum) / unit)
    });
    let buyers: Vec<(Buyers, f64)> = buyers.filter(|(who, _)| who.count > 0.0).collect();
    if !buyers.iter().any(|(who, _)| who.age >= LONG_ENOUGH) {
        return Err("the oldest of these customers is younger than a quarter of a year");
    }
    let described: Vec<Buyers> = buyers.iter().map(|(who, _)| *who).collect();
    let purchasing = BgNbd::fit(&described).ok_or("fewer than 20 of these customers bought again")?;
    let spending = GammaGamma::fit(sums)
        .ok_or("what customers spend tells them not apart: too few orders, or all alike")?;
    let (mut value, mut purchases, mut alive) = (0.0, 0.0, 0.0);
    for (who, sum) in &buyers {
        let expected = purchasing.expected(who, AHEAD);
        if !expected.is_finite() {
            return Err("the model finds no end");
        }
        purchases += who.count * expected;
        alive += who.count * purchasing.alive(who);
        value += expected * spending.expected(*sum, f64::from(who.repeats) + 1.0, who.count);
    }
    let per_customer = |sum: f64| sum / sums.customers;
    Ok(NextYear {
        value: per_customer(value),
        purchases: per_customer(purchases),
        alive: 100.0 * per_customer(alive),
        purchasing,
        spending,
    })
}

//! What orders bring.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{About, Estimate, Score, Slice, float, signed};
use crate::fact::Direction;
use crate::ledger::bin::{Dimension, What};
use crate::money::Money;

/// What an order brings after refunds, on average, in the currency that most orders are in.
///
/// What it does not say: what it cost to get the order, or what is left of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OrderValue {
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Of the value.
    pub currency: Option<String>,
    pub currencies: BTreeMap<String, Revenue>,
}

/// What orders in one currency brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Revenue {
    pub orders: u64,
    /// After refunds.
    pub revenue: f64,
}

impl OrderValue {
    pub const ABOUT: About = About {
        formula: "sum of (total - refunds) / n",
        scale: "units of the currency",
        direction: Direction::High,
        denominator: "orders in the currency that most orders are in; test orders, cancelled and fully refunded ones are left out",
        dated: "the day the order was placed",
        source: "average order value",
        caveat: "Revenue, not margin. A refund changes the day of its order.",
    };
}

impl Score for OrderValue {
    const NAME: &'static str = "order_value";
    const BY: &'static [Dimension] = &[Dimension::Product, Dimension::Country];

    fn of(slice: &Slice<'_>) -> Self {
        let mut currencies: BTreeMap<String, Revenue> = BTreeMap::new();
        for (what, count, sum) in slice.whats() {
            let What::Order { currency } = what else { continue };
            let entry = currencies.entry(currency.clone()).or_insert(Revenue { orders: 0, revenue: 0.0 });
            entry.orders += count;
            entry.revenue += units(sum, currency);
        }
        let most = currencies.iter().filter(|(_, revenue)| revenue.orders > 0);
        let most = most.max_by_key(|(_, revenue)| revenue.orders);
        let value = most.map(|(_, revenue)| revenue.revenue / float(revenue.orders));
        let n = most.map_or(0, |(_, revenue)| revenue.orders);
        let currency = most.map(|(currency, _)| currency.clone());
        Self { estimate: Estimate::exact(value, n, &Self::ABOUT), currency, currencies }
    }

    fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// Minor units as units of the currency.
pub(super) fn units(minor: i64, currency: &str) -> f64 {
    signed(minor) / per_unit(currency)
}

pub(super) fn per_unit(currency: &str) -> f64 {
    signed(Money { minor: 0, currency: currency.to_owned() }.minor_per_unit())
}

//! What is known of products, and which product is meant.

use serde::{Deserialize, Serialize};

use super::Span;
use crate::fact::Item;

/// Which products something is about. Empty means all of them; of several fields, the first in this order that is set
/// decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sku: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vendor: String,
}

impl Matcher {
    /// How closely this is about `item`, less is closer; `None` if it is not.
    pub fn rank(&self, item: &Item) -> Option<u8> {
        let same = |known: &Option<String>, wanted: &str| {
            known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(wanted))
        };
        let (rank, matches) = if !self.sku.is_empty() {
            (0, same(&item.sku, &self.sku))
        } else if !self.kind.is_empty() {
            (1, same(&item.product_type, &self.kind))
        } else if !self.tag.is_empty() {
            (2, item.tags.iter().any(|tag| tag.eq_ignore_ascii_case(&self.tag)))
        } else if !self.vendor.is_empty() {
            (3, same(&item.vendor, &self.vendor))
        } else {
            (4, true)
        };
        matches.then_some(rank)
    }

    pub fn matches(&self, item: &Item) -> bool {
        self.rank(item).is_some()
    }
}

/// What there is to say about a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Product {
    #[serde(rename = "match")]
    pub matches: Matcher,
    /// Tutorials and care tips, each at its time after delivery.
    pub steps: Vec<Step>,
    /// How long one of it lasts. Unset: learnt from the customer's own purchases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// Where more of it is bought.
    pub buy_url: String,
    /// What goes well with it: `Descaler, 500 ml`.
    pub goes_with: String,
    /// May not be sent back.
    pub final_sale: bool,
}

/// One thing to show or tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From delivery.
    pub after: Span,
    pub title: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub url: String,
}

/// The product that `item` is.
pub fn find<'a>(products: &'a [Product], item: &Item) -> Option<&'a Product> {
    let ranked = products.iter().filter_map(|product| Some((product.matches.rank(item)?, product)));
    // Of two that match alike the first in the document counts.
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, product)| product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(field: &str, value: &str) -> Product {
        let matches = serde_json::from_value(serde_json::json!({ field: value })).expect("a matcher");
        Product { matches, buy_url: format!("{field}={value}"), ..Product::default() }
    }

    #[test]
    fn the_closest_match_counts_whatever_the_order() {
        let item = Item {
            title: "Espresso machine".to_owned(),
            sku: Some("CAFE-1".to_owned()),
            product_type: Some("Machine".to_owned()),
            tags: std::collections::BTreeSet::from(["coffee".to_owned()]),
            vendor: Some("Acme".to_owned()),
            ..Item::default()
        };
        let closest_first = [
            product("sku", "cafe-1"),
            product("type", "machine"),
            product("tag", "coffee"),
            product("vendor", "acme"),
            Product { buy_url: "all".to_owned(), ..Product::default() },
        ];
        for from in 0..closest_first.len() {
            let mut products = closest_first[from..].to_vec();
            products.insert(0, product("sku", "other"));
            products.reverse();
            assert_eq!(find(&products, &item), Some(&closest_first[from]));
        }
        assert_eq!(find(&[product("sku", "other")], &item), None);
        assert_eq!(find(&[product("tag", "coffee")], &Item::default()), None);
    }
}

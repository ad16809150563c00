//! What each message may hold, with values as they might be: for previews, for checking wording, and for tests.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::catalog;
use crate::draft::Draft;
use crate::fact::Channel;

/// `templates/<message>/sample.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Sample {
    /// Whether it carries what subscription mail has to: it is not about an order or a request that is under way.
    #[serde(default)]
    pub(super) subscription: bool,
    /// A draft that has everything.
    pub(super) values: Map<String, Value>,
    /// What may be `null` (or, for a list, empty).
    pub(super) optional: Vec<String>,
    /// Other values that make the message read differently.
    pub(super) variants: Vec<Map<String, Value>>,
}

impl Sample {
    /// Of this message, if there is one of that name.
    pub fn of(message: &str) -> Option<Self> {
        let source = catalog::sample(message)?;
        // Tests read each of them.
        serde_json::from_slice(source.as_bytes()).ok()
    }

    /// The sample as a draft to `address`, which says `values`. `unsubscribe` is the link for messages that have one.
    pub fn draft(
        &self,
        message: &'static str,
        locale: &str,
        address: &str,
        unsubscribe: &str,
        values: Value,
    ) -> Draft {
        Draft {
            order_url: None,
            template: message,
            locale: locale.to_owned(),
            channel: Channel::Email,
            to: address.to_owned(),
            unsubscribe_url: self.subscription.then(|| unsubscribe.to_owned()),
            context: values,
            voucher: None,
        }
    }

    /// How many ways there are in which the message reads, the plain one included.
    pub fn variants(&self) -> usize {
        1 + self.variants.len()
    }

    /// Everything there is, in one of the variants, from 0.
    pub fn full(&self, variant: usize) -> Value {
        self.without(variant, |_| false)
    }

    /// What is always there.
    pub fn bare(&self, variant: usize) -> Value {
        self.without(variant, |_| true)
    }

    pub(super) fn without(&self, variant: usize, is_missing: impl Fn(usize) -> bool) -> Value {
        let mut values = self.values.clone();
        if let Some(other) = variant.checked_sub(1).and_then(|index| self.variants.get(index)) {
            values.extend(other.clone());
        }
        for (_, name) in self.optional.iter().enumerate().filter(|(index, _)| is_missing(*index)) {
            let nothing =
                if self.values.get(name).is_some_and(Value::is_array) { json!([]) } else { Value::Null };
            values.insert(name.clone(), nothing);
        }
        Value::Object(values)
    }

    /// In every variant: everything there, nothing more than there must be, and each value missing alone.
    pub(super) fn telling(&self) -> impl Iterator<Item = Value> {
        (0..self.variants()).flat_map(move |variant| {
            let each =
                (0..self.optional.len()).map(move |missing| self.without(variant, |index| index == missing));
            [self.full(variant), self.bare(variant)].into_iter().chain(each)
        })
    }
}

//! Joins: how knowledge adds up.
//!
//! Everything that is stored is a join of facts. A join is idempotent, commutative and associative, so neither the
//! order nor the number of deliveries can matter; the property tests of each record hold it to that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Adds what `other` knows. Joining twice, or the other way round, gives the same bytes.
pub trait Join {
    fn join(&mut self, other: Self);
}

/// A field that its sender may change: the newest report wins. Between two reports of one moment the greater value
/// wins, which means nothing but is the same in every order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latest<T>(Option<(Time, T)>);

impl<T> Latest<T> {
    pub fn at(at: Time, value: T) -> Self {
        Self(Some((at, value)))
    }

    /// Nothing reported: leaves what is known as it is.
    pub fn maybe(at: Time, value: Option<T>) -> Self {
        Self(value.map(|value| (at, value)))
    }

    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// When the value was reported.
    pub fn reported_at(&self) -> Option<Time> {
        self.0.as_ref().map(|(at, _)| *at)
    }

    pub fn is_unknown(&self) -> bool {
        self.0.is_none()
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Ord> Join for Latest<T> {
    fn join(&mut self, other: Self) {
        if other.0 > self.0 {
            *self = other;
        }
    }
}

/// The first time something was reached: earlier reports win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct First(pub Time);

impl Join for First {
    fn join(&mut self, other: Self) {
        self.0 = self.0.min(other.0);
    }
}

impl<T: Ord> Join for BTreeSet<T> {
    fn join(&mut self, other: Self) {
        self.extend(other);
    }
}

impl<K: Ord, V: Join> Join for BTreeMap<K, V> {
    fn join(&mut self, other: Self) {
        for (key, value) in other {
            match self.entry(key) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().join(value),
            }
        }
    }
}

/// Joins a struct field by field.
macro_rules! join_fields {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::join::Join for $type {
            fn join(&mut self, other: Self) {
                // Naming every field makes the compiler refuse a forgotten one.
                let Self { $($field),+ } = other;
                $($crate::join::Join::join(&mut self.$field, $field);)+
            }
        }
    };
}
pub(crate) use join_fields;

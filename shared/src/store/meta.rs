//! The directory of the caches: how many pages there are, what is folded into them, and when they are due.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, codec, names};
use crate::time::Time;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// How many pages the records are spread over. Grows by one at a time.
    pub pages: u32,
    /// Segments whose facts are in the pages and in the ledger. A stored segment that is not named here was left by a
    /// crash, and is folded by the next sweep.
    pub folded: BTreeSet<String>,
    /// When a page next holds something to do. Pages that are not named have nothing planned.
    pub due: BTreeMap<u32, Time>,
    /// Segments that could not be read, with the reason: left alone, shown by `/healthz`, tried again by every sweep
    /// that has something else to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
}

impl Default for Meta {
    fn default() -> Self {
        Self { pages: 1, folded: BTreeSet::new(), due: BTreeMap::new(), unreadable: BTreeMap::new() }
    }
}

impl Meta {
    pub async fn load(store: &impl Store) -> Result<Self, StoreError> {
        match store.get(names::META).await? {
            Some(bytes) => codec::decode(names::META, &bytes),
            None => Ok(Self::default()),
        }
    }

    pub async fn save(&self, store: &impl Store) -> Result<(), StoreError> {
        store.set(names::META, &codec::encode(self)).await
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due.values().min().copied()
    }
}

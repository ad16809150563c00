//! The directory of the caches: how many pages there are, what is folded into them, and when they are due.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, codec, names};
use crate::fetch::Unfetched;
use crate::time::Time;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The pages over which records are spread, by number. Grows by one at a time.
    pub pages: Vec<PageInfo>,
    /// Segments whose facts are in the pages and in the ledger. A stored segment that is not named here was left by a
    /// crash, and is folded by the next sweep.
    pub folded: BTreeSet<String>,
    /// Segments that could not be read, and pages and days for which facts wait, with the reason: left alone, shown by
    /// `/healthz`, tried again by every sweep that has something else to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
    /// Orders that platforms told of and that are not here.
    #[serde(default, skip_serializing_if = "Unfetched::is_empty")]
    pub unfetched: Unfetched,
    /// A rebuild has begun: pages and ledger are being deleted and hold nothing to rely on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clearing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageInfo {
    /// Size as stored.
    pub bytes: usize,
    /// When the page next holds something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            pages: vec![PageInfo::default()],
            folded: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            unfetched: Unfetched::default(),
            clearing: false,
        }
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

    /// How many pages there are; at least one.
    pub fn page_count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX).max(1)
    }

    /// Takes note of pages that were looked at or written.
    pub fn update(&mut self, pages: BTreeMap<u32, PageInfo>) {
        for (number, info) in pages {
            if let Some(slot) = self.pages.get_mut(number as usize) {
                *slot = info;
            }
        }
    }

    pub fn next_due(&self) -> Option<Time> {
        self.pages.iter().filter_map(|page| page.due).min()
    }

    /// Pages that hold something to do by `now`.
    pub fn due_pages(&self, now: Time) -> impl Iterator<Item = u32> {
        let due = self.pages.iter().zip(0..).filter(move |(page, _)| page.due.is_some_and(|due| due <= now));
        due.map(|(_, number)| number)
    }

    /// Segments among `stored` that are still to be folded.
    pub fn unfolded<'a>(&'a self, stored: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
        stored.difference(&self.folded)
    }
}

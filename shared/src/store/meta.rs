//! The directory of the caches: how many pages there are, what is folded into them, and when they are due.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::erasure::Named;
use super::segment::Stored;
use super::{Store, StoreError, codec, names};
use crate::fetch::Unfetched;
use crate::ledger::SHAPE;
use crate::time::Time;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The pages over which records are spread, by number. Grows by one at a time.
    pub pages: Vec<PageInfo>,
    /// Segments whose facts are in the pages and in the ledger. A stored segment that is not named here was left by a
    /// crash, and is folded by the next sweep.
    pub folded: BTreeSet<String>,
    /// Folded segments with words of messages in them, and when the oldest of those was frozen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, Time>,
    /// Folded segments with single reports of orders and single steps of messages, and when the newest of those was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detailed: BTreeMap<String, Time>,
    /// Segments that could not be read, and pages and days for which facts wait, with the reason: left alone, shown by
    /// `/healthz`, tried again by every sweep that has something else to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
    /// Orders that platforms told of and that are not here.
    #[serde(default, skip_serializing_if = "Unfetched::is_empty")]
    pub unfetched: Unfetched,
    /// Erasures that are carried out: nothing of theirs is in pages, ledger or folded segments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub erased: BTreeSet<String>,
    /// The erasure that is being carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<Purge>,
    /// A rebuild has begun: pages and ledger are being deleted and hold nothing to rely on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clearing: bool,
    /// The last Monday of which the team was told how the week was; see [`crate::playbook::digest`]. `None` before
    /// anything happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<NaiveDate>,
    /// Which [`SHAPE`] the ledger has.
    #[serde(default, skip_serializing_if = "is_first")]
    pub ledger: u8,
}

/// An erasure on its way through the segments. Until it is through nothing else is done, so that nobody who is being
/// forgotten is written to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Purge {
    pub named: Named,
    /// Segments that are still to be looked through; `None` before the document is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<BTreeSet<String>>,
    /// Segments with facts that the same people's records are to be made again from: what happened after the request.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageInfo {
    /// Size as stored.
    pub bytes: usize,
    /// When the page next holds something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
}

/// Of the time when shapes had no number yet.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(shape: &u8) -> bool {
    *shape == 0
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            pages: vec![PageInfo::default()],
            folded: BTreeSet::new(),
            words: BTreeMap::new(),
            detailed: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            unfetched: Unfetched::default(),
            erased: BTreeSet::new(),
            purge: None,
            clearing: false,
            digest: None,
            ledger: SHAPE,
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

    /// The ledger was written when other things were counted; it has to be made again.
    pub fn is_outdated(&self) -> bool {
        self.ledger < SHAPE
    }

    /// How many pages there are; at least one.
    pub fn page_count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX).max(1)
    }

    /// Takes note of a segment whose facts are in pages and ledger.
    pub fn fold(&mut self, stored: impl IntoIterator<Item = Stored>) {
        for Stored { key, holds } in stored {
            if let Some(since) = holds.words_since {
                self.words.insert(key.clone(), since);
            }
            if let Some(until) = holds.detailed_until {
                self.detailed.insert(key.clone(), until);
            }
            self.folded.insert(key);
        }
    }

    /// Takes note that a segment is there no more, or is to go.
    pub fn drop_segment(&mut self, key: &str) {
        self.folded.remove(key);
        self.words.remove(key);
        self.detailed.remove(key);
    }

    /// Keeps only segments that are stored. Merged ones are gone; their names must not stand for work in later merges.
    pub fn keep_segments(&mut self, stored: &BTreeSet<String>) {
        self.folded.retain(|key| stored.contains(key));
        let folded = &self.folded;
        self.words.retain(|key, _| folded.contains(key));
        self.detailed.retain(|key, _| folded.contains(key));
        self.unreadable.retain(|key, _| stored.contains(key));
    }

    /// A segment among `stored` with words that were frozen by then.
    pub fn words_from(&self, by: Time, stored: &BTreeSet<String>) -> Option<&String> {
        let mut old = self.words.iter().filter(|(key, since)| **since <= by && stored.contains(*key));
        old.next().map(|(key, _)| key)
    }

    /// Segments among `stored` of which all that could be summarised was over by then.
    pub fn past_by<'a>(&'a self, by: Time, stored: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
        let past = self.detailed.iter().filter(move |(key, until)| **until <= by && stored.contains(*key));
        past.map(|(key, _)| key)
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

//! Records: a working copy of the pages a sweep or a reader touches.
//!
//! Joins facts into records in memory. A sweep writes the changed pages when it is done; a reader simply drops them,
//! and so sees the same as if a sweep had just run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::value::to_raw_value;

use super::meta::PageInfo;
use super::page::{Page, Stored, page_of};
use super::{Store, StoreError, codec, names};
use crate::customer::Customer;
use crate::fact::Fact;
use crate::join::Join;
use crate::key::Key;
use crate::ledger::Ledger;
use crate::time::Time;

pub struct Records<'s, S> {
    store: &'s S,
    pages_total: u32,
    oldest_detailed: NaiveDate,
    pages: BTreeMap<u32, Loaded>,
    /// Decoded records, by root. Changed ones are encoded once, at the end.
    open: BTreeMap<Key, Open>,
    pub ledger: Ledger<'s, S>,
    /// An alias led nowhere: a crash came between two pages, or a sweep moves a record while we read.
    dangling: bool,
}

struct Loaded {
    page: Page,
    changed: bool,
    /// Records that moved to a root on another page in this sweep, as they stood: see `save`.
    departed: BTreeMap<Key, Stored>,
}

struct Open {
    customer: Customer,
    due: Option<Time>,
    changed: bool,
}

impl<'s, S: Store> Records<'s, S> {
    /// `pages_total` is [`super::meta::Meta::page_count`].
    /// Days before `oldest_detailed` may be rolled up.
    pub fn new(store: &'s S, pages_total: u32, oldest_detailed: NaiveDate) -> Self {
        Self {
            store,
            pages_total,
            oldest_detailed,
            pages: BTreeMap::new(),
            open: BTreeMap::new(),
            ledger: Ledger::new(store),
            dangling: false,
        }
    }

    /// Has an alias led nowhere so far? A reader then looks again.
    pub fn met_dangling_alias(&self) -> bool {
        self.dangling
    }

    async fn loaded(&mut self, number: u32) -> Result<&mut Loaded, StoreError> {
        use std::collections::btree_map::Entry as Slot;
        match self.pages.entry(number) {
            Slot::Occupied(slot) => Ok(slot.into_mut()),
            Slot::Vacant(slot) => {
                let page = Page::load(self.store, number).await?;
                Ok(slot.insert(Loaded { page, changed: false, departed: BTreeMap::new() }))
            }
        }
    }

    /// The page to which a key belongs.
    async fn home_of(&mut self, key: &Key) -> Result<&mut Loaded, StoreError> {
        self.loaded(page_of(key, self.pages_total)).await
    }

    /// The key under which the record of the customer with this key stands.
    pub async fn root_of(&mut self, key: &Key) -> Result<Option<Key>, StoreError> {
        let mut key = key.clone();
        // A chain is one alias long; a crash in the middle of a merge can make it a little longer, damage endless.
        for hop in 0..8 {
            if self.open.contains_key(&key) {
                return Ok(Some(key));
            }
            let page = &self.home_of(&key).await?.page;
            if page.records.contains_key(&key) {
                return Ok(Some(key));
            }
            let Some(next) = page.aliases.get(&key).cloned() else {
                self.dangling |= hop > 0;
                return Ok(None);
            };
            key = next;
        }
        self.dangling = true;
        Ok(None)
    }

    async fn open(&mut self, root: &Key) -> Result<&mut Open, StoreError> {
        if !self.open.contains_key(root) {
            let page = names::page(page_of(root, self.pages_total));
            let open = match self.home_of(root).await?.page.records.get(root) {
                Some(Stored { due, is }) => {
                    let customer = serde_json::from_str(is.get()).map_err(|error| {
                        StoreError::Unreadable { key: page, why: format!("a record: {error}") }
                    })?;
                    Open { customer, due: *due, changed: false }
                }
                None => Open { customer: Customer::default(), due: None, changed: false },
            };
            self.open.insert(root.clone(), open);
        }
        Ok(self.open.get_mut(root).expect("inserted above"))
    }

    /// The record of the customer who has this key.
    pub async fn customer(&mut self, key: &Key) -> Result<Option<&Customer>, StoreError> {
        match self.root_of(key).await? {
            Some(root) => Ok(Some(&self.open(&root).await?.customer)),
            None => Ok(None),
        }
    }

    /// Joins one fact, and with it all records that it shows to be one customer's. Returns the root.
    pub async fn join(&mut self, fact: Fact) -> Result<Option<Key>, StoreError> {
        let mut after = Customer::from(fact);
        let Some(first) = after.root().cloned() else { return Ok(None) };
        let named = after.keys.clone();
        let mut known = BTreeSet::new();
        for key in &named {
            known.extend(self.root_of(key).await?);
        }

        let mut before = Vec::with_capacity(known.len());
        for root in &known {
            before.push(self.open(root).await?.customer.clone());
        }
        for customer in &before {
            after.join(customer.clone());
        }
        let root = after.root().cloned().unwrap_or(first);
        // Everything that may fail comes first: a fact is joined whole or not at all.
        for key in &after.keys {
            self.home_of(key).await?;
        }
        self.ledger.replace(&before, &after, self.oldest_detailed).await?;
        // Also where the record says nothing new: a crash between two pages may have kept an alias from being stored.
        for key in after.keys.iter().filter(|key| **key != root) {
            let stays_on_page = page_of(key, self.pages_total) == page_of(&root, self.pages_total);
            self.open.remove(key);
            let loaded = self.home_of(key).await?;
            if loaded.page.aliases.get(key) == Some(&root) && !loaded.page.records.contains_key(key) {
                continue;
            }
            loaded.changed = true;
            loaded.page.aliases.insert(key.clone(), root.clone());
            if let Some(stored) = loaded.page.records.remove(key)
                && !stays_on_page
            {
                loaded.departed.insert(key.clone(), stored);
            }
        }
        if known.len() == 1 && known.contains(&root) && before[0] == after {
            return Ok(Some(root));
        }
        self.open.insert(root.clone(), Open { customer: after, due: None, changed: true });
        Ok(Some(root))
    }

    /// Sets when the planner next wants to see the customer under this root.
    pub async fn set_due(&mut self, root: &Key, due: Option<Time>) -> Result<(), StoreError> {
        let open = self.open(root).await?;
        if open.due != due || open.changed {
            open.due = due;
            open.changed = true;
        }
        Ok(())
    }

    /// Roots of the records on this page that are due.
    pub async fn due_on(&mut self, number: u32, now: Time) -> Result<Vec<Key>, StoreError> {
        let pages = self.pages_total;
        let records = &self.loaded(number).await?.page.records;
        let due = records.iter().filter(|(key, stored)| {
            stored.due.is_some_and(|due| due <= now) && page_of(key, pages) == number
        });
        Ok(due.map(|(key, _)| key.clone()).collect())
    }

    /// Writes every changed page and ledger day once. Returns what is to be known of each page that was written.
    ///
    /// A record that moved to another page is deleted only after its new place is stored, so a crash in between leaves
    /// it twice, never nowhere; a page that loses one to another page is therefore written a second time.
    ///
    /// `batch` names the segments whose facts were joined.
    pub async fn save(&mut self, batch: &[String]) -> Result<BTreeMap<u32, PageInfo>, StoreError> {
        self.ledger.save(batch).await?;
        let changed: Vec<Key> =
            self.open.iter().filter(|(_, open)| open.changed).map(|(root, _)| root.clone()).collect();
        for root in changed {
            let Some(open) = self.open.get_mut(&root) else { continue };
            open.changed = false;
            let is = to_raw_value(&open.customer).expect("records hold nothing that JSON cannot say");
            let stored = Stored { due: open.due, is };
            let loaded = self.home_of(&root).await?;
            loaded.page.aliases.remove(&root);
            loaded.page.records.insert(root, stored);
            loaded.changed = true;
        }
        let mut written = BTreeMap::new();
        for (number, loaded) in self.pages.iter_mut().filter(|(_, loaded)| loaded.changed) {
            loaded.page.drop_strays(*number, self.pages_total);
            let bytes = if loaded.departed.is_empty() {
                codec::encode(&loaded.page)
            } else {
                let mut both = loaded.page.clone();
                both.records.extend(loaded.departed.clone());
                codec::encode(&both)
            };
            self.store.set(&names::page(*number), &bytes).await?;
            written.insert(*number, PageInfo { bytes: bytes.len(), due: loaded.page.due() });
            loaded.changed = false;
        }
        for (number, loaded) in self.pages.iter_mut().filter(|(_, loaded)| !loaded.departed.is_empty()) {
            self.store.set(&names::page(*number), &codec::encode(&loaded.page)).await?;
            loaded.departed.clear();
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests;

//! Records: a working copy of the pages a sweep or a reader touches.
//!
//! Joins facts into records in memory. A sweep writes the changed pages when it is done; a reader simply drops them,
//! and so sees the same as if a sweep had just run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::value::to_raw_value;

use super::erasure::Erasures;
use super::meta::PageInfo;
use super::page::{Page, Stored, page_at, page_of};
use super::{Store, StoreError, codec, names};
use crate::customer::{Customer, CustomerId};
use crate::fact::Fact;
use crate::gather::gather;
use crate::join::Join;
use crate::key::Key;
use crate::ledger::{Care, Ledger};
use crate::time::Time;

pub struct Records<'s, S> {
    store: &'s S,
    pages_total: u32,
    oldest_detailed: NaiveDate,
    care: Care,
    erasures: Arc<Erasures>,
    pages: BTreeMap<u32, Loaded>,
    /// Decoded records, by root. Changed ones are encoded once, at the end.
    open: BTreeMap<Key, Open>,
    pub ledger: Ledger<'s, S>,
    /// An alias led nowhere, or to a record that does not know it: a crash came between two pages, or a sweep moves a
    /// record while we read.
    torn: bool,
}

struct Loaded {
    page: Page,
    /// Size as stored.
    bytes: usize,
    changed: bool,
    /// Records that moved to a root on another page in this sweep, as they stood: see `save`.
    departed: BTreeMap<Key, Stored>,
    /// Where keys led that lead to another root since: see `save`.
    redirected: BTreeMap<Key, Key>,
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
            care: Care::Changes,
            erasures: Arc::default(),
            pages: BTreeMap::new(),
            open: BTreeMap::new(),
            ledger: Ledger::new(store),
            torn: false,
        }
    }

    /// Nothing that belongs to somebody forgotten enters.
    #[must_use]
    pub fn without(self, erasures: Arc<Erasures>) -> Self {
        Self { erasures, ..self }
    }

    /// Puts back whatever the ledger lost of the records that are joined.
    #[must_use]
    pub fn healing(self) -> Self {
        Self { care: Care::Everything, ..self }
    }

    /// Did pages contradict each other so far? A reader then looks again.
    pub fn are_torn(&self) -> bool {
        self.torn
    }

    async fn loaded(&mut self, number: u32) -> Result<&mut Loaded, StoreError> {
        use std::collections::btree_map::Entry as Slot;
        match self.pages.entry(number) {
            Slot::Occupied(slot) => Ok(slot.into_mut()),
            Slot::Vacant(slot) => {
                let (page, bytes) = Page::load(self.store, number).await?;
                Ok(slot.insert(Loaded {
                    page,
                    bytes,
                    changed: false,
                    departed: BTreeMap::new(),
                    redirected: BTreeMap::new(),
                }))
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
                self.torn |= hop > 0;
                return Ok(None);
            };
            key = next;
        }
        self.torn = true;
        Ok(None)
    }

    async fn open(&mut self, root: &Key) -> Result<&mut Open, StoreError> {
        if !self.open.contains_key(root) {
            let page = names::page(page_of(root, self.pages_total));
            let open = match self.home_of(root).await?.page.records.get(root) {
                Some(Stored { due, is }) => {
                    // As bytes, like facts: a second kind of reader would double what reads them.
                    let customer = serde_json::from_slice(is.get().as_bytes()).map_err(|error| {
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
        let Some(root) = self.root_of(key).await? else { return Ok(None) };
        let known = self.open(&root).await?.customer.keys.contains(key);
        self.torn |= !known;
        Ok(Some(&self.open(&root).await?.customer))
    }

    /// The key that this id was made of, if some customer has it.
    pub async fn key_of(&mut self, id: CustomerId) -> Result<Option<Key>, StoreError> {
        let named = |key: &&Key| CustomerId::of(key) == id;
        if let Some(root) = self.open.keys().find(named) {
            return Ok(Some(root.clone()));
        }
        let page = &self.loaded(page_at(id.hash(), self.pages_total)).await?.page;
        Ok(page.records.keys().chain(page.aliases.keys()).find(named).cloned())
    }

    /// Looks at every customer whose record stands on this page. Pages that were not touched are not kept: all of them
    /// together may be more than fits.
    pub async fn look_at(&self, number: u32, mut visit: impl FnMut(&Customer)) -> Result<(), StoreError> {
        let is_here = |key: &Key| page_of(key, self.pages_total) == number;
        self.open.iter().filter(|(root, _)| is_here(root)).for_each(|(_, open)| visit(&open.customer));
        let fresh;
        let page = if let Some(loaded) = self.pages.get(&number) {
            &loaded.page
        } else {
            fresh = Page::load(self.store, number).await?.0;
            &fresh
        };
        for (_, stored) in
            page.records.iter().filter(|(root, _)| is_here(root) && !self.open.contains_key(*root))
        {
            let customer = serde_json::from_slice(stored.is.get().as_bytes());
            let broken = |error: serde_json::Error| StoreError::Unreadable {
                key: names::page(number),
                why: format!("a record: {error}"),
            };
            visit(&customer.map_err(broken)?);
        }
        Ok(())
    }

    /// A key of a customer of whom this is true. Looks through every page.
    pub async fn find(&mut self, wanted: impl Fn(&Customer) -> bool) -> Result<Option<Key>, StoreError> {
        if let Some((root, _)) = self.open.iter().find(|(_, open)| wanted(&open.customer)) {
            return Ok(Some(root.clone()));
        }
        for number in 0..self.pages_total {
            // Not kept: all of them together may be more than fits.
            let (page, _) = Page::load(self.store, number).await?;
            for (root, stored) in &page.records {
                let customer: Option<Customer> = serde_json::from_slice(stored.is.get().as_bytes()).ok();
                if customer.is_some_and(|customer| wanted(&customer)) {
                    return Ok(Some(root.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Drops the records of the people who have these keys, with all that leads there and their lines of the ledger.
    pub async fn forget(&mut self, keys: impl Iterator<Item = &Key>) -> Result<(), StoreError> {
        let keys: Vec<&Key> = keys.collect();
        let mut gone = Vec::new();
        for key in &keys {
            if self.home_of(key).await?.page.records.contains_key(*key) {
                gone.push(self.open(key).await?.customer.clone());
            }
        }
        self.ledger.replace(gone.iter(), &Customer::default(), self.oldest_detailed, self.care).await?;
        for key in keys {
            self.open.remove(key);
            let loaded = self.home_of(key).await?;
            let alias = loaded.page.aliases.remove(key).is_some();
            let record = loaded.page.records.remove(key).is_some();
            loaded.changed |= alias || record;
        }
        Ok(())
    }

    /// Joins one fact, and with it all records that it shows to be one customer's. Returns the root.
    pub async fn join(&mut self, fact: Fact) -> Result<Option<Key>, StoreError> {
        let Some(fact) = self.erasures.admit(fact) else { return Ok(None) };
        let mut after = Customer::from(fact);
        let Some(first) = after.root().cloned() else { return Ok(None) };
        // Until no more turn up: after a crash there may be a record to which only a key of another leads. Everything
        // that may fail comes first: a fact is joined whole or not at all.
        let mut before: BTreeMap<Key, Customer> = BTreeMap::new();
        let mut asked = BTreeSet::new();
        loop {
            let keys: Vec<Key> = after.keys.difference(&asked).cloned().collect();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                let Some(root) = self.root_of(&key).await? else {
                    asked.insert(key);
                    continue;
                };
                if !before.contains_key(&root) {
                    let customer = self.open(&root).await?.customer.clone();
                    after.join(customer.clone());
                    before.insert(root.clone(), customer);
                }
                self.torn |= !before[&root].keys.contains(&key);
                asked.insert(key);
            }
        }
        let root = after.root().cloned().unwrap_or(first);
        self.ledger.replace(before.values(), &after, self.oldest_detailed, self.care).await?;

        // Also where the record says nothing new: a crash between two pages may have kept an alias from being stored.
        for key in after.keys.iter().filter(|key| **key != root) {
            let stays_on_page = page_of(key, self.pages_total) == page_of(&root, self.pages_total);
            self.open.remove(key);
            let loaded = self.home_of(key).await?;
            if loaded.page.aliases.get(key) == Some(&root) && !loaded.page.records.contains_key(key) {
                continue;
            }
            loaded.changed = true;
            if let Some(old) = loaded.page.aliases.insert(key.clone(), root.clone())
                && old != root
            {
                loaded.redirected.entry(key.clone()).or_insert(old);
            }
            if let Some(stored) = loaded.page.records.remove(key)
                && !stays_on_page
            {
                loaded.departed.insert(key.clone(), stored);
            }
        }
        if before.len() != 1 || before.get(&root) != Some(&after) {
            self.open.insert(root.clone(), Open { customer: after, due: None, changed: true });
        }
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

    /// Writes every changed page and ledger day. Returns what is to be known of each page that was looked at.
    ///
    /// First the pages on which records changed, beside what they replace: old places of records that moved, and the ways
    /// there. Then the pages that lead elsewhere now. So whichever write is the last, every key still leads to what was
    /// known of its customer, and the facts of the same sweep, folded again, find all of it.
    ///
    /// `batch` names the segments whose facts were joined.
    pub async fn save(&mut self, batch: &[String]) -> Result<BTreeMap<u32, PageInfo>, StoreError> {
        self.ledger.save(batch).await?;
        let changed: Vec<Key> =
            self.open.iter().filter(|(_, open)| open.changed).map(|(root, _)| root.clone()).collect();
        let mut gained = BTreeSet::new();
        for root in changed {
            let Some(open) = self.open.get_mut(&root) else { continue };
            open.changed = false;
            let is = to_raw_value(&open.customer).expect("records hold nothing that JSON cannot say");
            let stored = Stored { due: open.due, is };
            gained.insert(page_of(&root, self.pages_total));
            let loaded = self.home_of(&root).await?;
            loaded.page.aliases.remove(&root);
            loaded.page.records.insert(root, stored);
            loaded.changed = true;
        }
        for (number, loaded) in self.pages.iter_mut().filter(|(number, _)| gained.contains(number)) {
            loaded.page.drop_strays(*number, self.pages_total);
            let leaves = !loaded.departed.is_empty() || !loaded.redirected.is_empty();
            let bytes = if leaves {
                let mut both = loaded.page.clone();
                both.records.extend(loaded.departed.clone());
                both.aliases.extend(loaded.redirected.clone());
                codec::encode(&both)
            } else {
                codec::encode(&loaded.page)
            };
            self.store.set(&names::page(*number), &bytes).await?;
            loaded.bytes = bytes.len();
            loaded.changed = leaves;
        }
        for (number, loaded) in self.pages.iter_mut().filter(|(_, loaded)| loaded.changed) {
            loaded.page.drop_strays(*number, self.pages_total);
            if loaded.page.is_empty() {
                self.store.delete(&names::page(*number)).await?;
                loaded.bytes = 0;
            } else {
                let bytes = codec::encode(&loaded.page);
                self.store.set(&names::page(*number), &bytes).await?;
                loaded.bytes = bytes.len();
            }
            loaded.changed = false;
            loaded.departed.clear();
            loaded.redirected.clear();
        }
        let pages = self.pages.iter();
        Ok(gather(pages.map(|(number, Loaded { page, bytes, .. })| {
            (*number, PageInfo { bytes: *bytes, due: page.due(*number, self.pages_total) })
        })))
    }
}

#[cfg(test)]
pub(crate) mod tests;

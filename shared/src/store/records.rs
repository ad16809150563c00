//! Records: a working copy of the pages a sweep or a reader touches.
//!
//! Joins facts into records in memory. A sweep writes the changed pages when it is done; a reader simply drops them,
//! and so sees the same as if a sweep had just run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::value::{RawValue, to_raw_value};

use super::erasure::Erasures;
use super::meta::PageInfo;
use super::page::{Page, Stored, page_at, page_of};
use super::shelf::Shelf;
use super::{Store, StoreError, codec, names};
use crate::customer::{Customer, CustomerId};
use crate::fact::Fact;
use crate::join::Join;
use crate::key::Key;
use crate::ledger::{Care, Ledger};
use crate::time::Time;

/// Decoded records are packed, or let go of, when they hold more than this, in bytes of JSON. Decoded they take several
/// times as much.
const DECODED: usize = 6 << 20;

/// What a decoded record takes beside its JSON.
const RECORD: usize = 2 << 10;

pub struct Records<'s, S> {
    store: &'s S,
    pages_total: u32,
    oldest_detailed: NaiveDate,
    care: Care,
    erasures: Arc<Erasures>,
    shelf: Shelf,
    /// Of every page that was looked at.
    seen: BTreeMap<u32, PageInfo>,
    /// Where keys lead, as far as somebody asked: as pages say, or as they are to say.
    ways: BTreeMap<Key, Way>,
    /// Records that are being worked on, by root. Pages get them in the end.
    open: BTreeMap<Key, Open>,
    /// What was decoded since records were last packed.
    decoded: usize,
    pub ledger: Ledger<'s, S>,
    /// An alias led nowhere, or to a record that does not know it: a crash came between two pages, or a sweep moves a
    /// record while we read.
    torn: bool,
}

struct Way {
    leads: Leads,
    /// Its page does not say so yet.
    is_new: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Leads {
    Nowhere,
    /// A record stands under this very key.
    Here,
    To(Key),
}

struct Open {
    is: Form,
    due: Option<Time>,
    changed: bool,
}

enum Form {
    Decoded(Box<Customer>),
    Packed(Box<RawValue>),
}

impl Form {
    fn pack(&self) -> Box<RawValue> {
        match self {
            Self::Packed(json) => json.clone(),
            Self::Decoded(customer) => {
                to_raw_value(customer).expect("records hold nothing that JSON cannot say")
            }
        }
    }
}

impl Open {
    fn customer(&self) -> &Customer {
        match &self.is {
            Form::Decoded(customer) => customer,
            Form::Packed(_) => unreachable!("`open` unpacks"),
        }
    }
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
            shelf: Shelf::default(),
            seen: BTreeMap::new(),
            ways: BTreeMap::new(),
            open: BTreeMap::new(),
            decoded: 0,
            ledger: Ledger::new(store),
            torn: false,
        }
    }

    /// Nothing that belongs to somebody forgotten enters.
    #[must_use]
    pub fn without(self, erasures: Arc<Erasures>) -> Self {
        Self { erasures, ..self }
    }

    /// See [`crate::sweep::Limits::inline_lines`].
    #[must_use]
    pub fn with_inline_lines(mut self, most: usize) -> Self {
        self.ledger.inline_lines = most;
        self
    }

    /// Puts back whatever pages and ledger lost of the records that are joined.
    #[must_use]
    pub fn healing(self) -> Self {
        Self { care: Care::Everything, ..self }
    }

    /// Did pages contradict each other so far? A reader then looks again.
    pub fn are_torn(&self) -> bool {
        self.torn
    }

    fn home_of(&self, key: &Key) -> u32 {
        page_of(key, self.pages_total)
    }

    /// As it is stored; what is new of it is in `ways` and `open`.
    async fn page(&mut self, number: u32) -> Result<&Page, StoreError> {
        if self.shelf.peek(number).is_none() {
            let (page, bytes) = Page::load(self.store, number).await?;
            let info = || PageInfo { bytes, due: page.due(number, self.pages_total) };
            self.seen.entry(number).or_insert_with(info);
            self.shelf.put(number, page);
        }
        Ok(self.shelf.get(number).expect("put there above"))
    }

    async fn way(&mut self, key: &Key) -> Result<Leads, StoreError> {
        if let Some(way) = self.ways.get(key) {
            return Ok(way.leads.clone());
        }
        let page = self.page(self.home_of(key)).await?;
        let leads = if page.records.contains_key(key) {
            Leads::Here
        } else {
            page.aliases.get(key).map_or(Leads::Nowhere, |root| Leads::To(root.clone()))
        };
        self.ways.insert(key.clone(), Way { leads: leads.clone(), is_new: false });
        Ok(leads)
    }

    fn lead(&mut self, key: &Key, leads: Leads) {
        self.ways.insert(key.clone(), Way { leads, is_new: true });
    }

    /// Asks where all these keys lead, page by page: asked one after the other, a page may be fetched again for each of
    /// them. What stands on a page that cannot be read stays open.
    async fn look_up<'k>(&mut self, keys: impl Iterator<Item = &'k Key>) -> Result<(), StoreError> {
        let mut wanted: BTreeMap<u32, Vec<&Key>> = BTreeMap::new();
        for key in keys.filter(|key| !self.ways.contains_key(*key)) {
            wanted.entry(self.home_of(key)).or_default().push(key);
        }
        for key in wanted.into_values().flatten() {
            match self.way(key).await {
                Ok(_) | Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Brings what is to be joined into an order in which each page is needed for a while and then no more.
    pub async fn arrange<T>(
        &mut self,
        items: &mut [T],
        fact: impl Fn(&T) -> &Fact,
    ) -> Result<(), StoreError> {
        self.look_up(items.iter().flat_map(|item| &fact(item).keys)).await?;
        if self.care == Care::Everything {
            let mut others = BTreeSet::new();
            for root in self.roots_of(items.iter().flat_map(|item| &fact(item).keys)).await? {
                match self.open(&root).await {
                    Ok(open) => others.extend(open.customer().keys.iter().cloned()),
                    Err(StoreError::Unreadable { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.look_up(others.iter()).await?;
        }
        items.sort_by_cached_key(|item| self.place(fact(item)));
        Ok(())
    }

    /// The page on which this fact's record stands, as far as is known.
    fn place(&self, fact: &Fact) -> Option<u32> {
        let known = fact.keys.iter().find_map(|key| match &self.ways.get(key)?.leads {
            Leads::Nowhere => None,
            Leads::Here => Some(key),
            Leads::To(root) => Some(root),
        });
        known.or(fact.keys.first()).map(|key| self.home_of(key))
    }

    /// The roots of these keys, each once, in the order of their pages, as far as those can be read.
    pub async fn roots_of<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Key> + Clone,
    ) -> Result<Vec<Key>, StoreError> {
        self.look_up(keys.clone()).await?;
        let mut roots = BTreeSet::new();
        for key in keys {
            match self.root_of(key).await {
                Ok(root) => roots.extend(root.map(|root| (self.home_of(&root), root))),
                Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(roots.into_iter().map(|(_, root)| root).collect())
    }

    /// The key under which the record of the customer with this key stands.
    pub async fn root_of(&mut self, key: &Key) -> Result<Option<Key>, StoreError> {
        let mut key = key.clone();
        // A chain is one alias long; a crash in the middle of a merge can make it a little longer, damage endless.
        for hop in 0..8 {
            match self.way(&key).await? {
                Leads::Here => return Ok(Some(key)),
                Leads::To(next) => key = next,
                Leads::Nowhere => {
                    self.torn |= hop > 0;
                    return Ok(None);
                }
            }
        }
        self.torn = true;
        Ok(None)
    }

    /// The record under this root, decoded.
    async fn open(&mut self, root: &Key) -> Result<&mut Open, StoreError> {
        let is_at_hand = matches!(self.open.get(root), Some(Open { is: Form::Decoded(_), .. }));
        if !is_at_hand {
            let number = self.home_of(root);
            let (json, due, changed) = match self.open.remove(root) {
                Some(Open { is, due, changed }) => (Some(is.pack()), due, changed),
                None => match self.page(number).await?.records.get(root) {
                    Some(Stored { due, is }) => (Some(is.clone()), *due, false),
                    None => (None, None, false),
                },
            };
            let bytes = json.as_ref().map_or(0, |json| json.get().len());
            let customer = match json {
                Some(json) => decode(number, &json)?,
                None => Customer::default(),
            };
            self.put(root, Open { is: Form::Decoded(Box::new(customer)), due, changed }, bytes);
        }
        Ok(self.open.get_mut(root).expect("put there above"))
    }

    /// Keeps a record open that is about so long.
    fn put(&mut self, root: &Key, open: Open, bytes: usize) {
        self.decoded += bytes + RECORD;
        if self.decoded > DECODED {
            // What has not changed stands on its page.
            self.open.retain(|_, open| open.changed);
            for open in self.open.values_mut().filter(|open| matches!(open.is, Form::Decoded(_))) {
                open.is = Form::Packed(open.is.pack());
            }
            self.decoded = bytes + RECORD;
        }
        self.open.insert(root.clone(), open);
    }

    /// The record of the customer who has this key.
    pub async fn customer(&mut self, key: &Key) -> Result<Option<&Customer>, StoreError> {
        let Some(root) = self.root_of(key).await? else { return Ok(None) };
        let known = self.open(&root).await?.customer().keys.contains(key);
        self.torn |= !known;
        Ok(Some(self.open(&root).await?.customer()))
    }

    /// The key that this id was made of, if some customer has it.
    pub async fn key_of(&mut self, id: CustomerId) -> Result<Option<Key>, StoreError> {
        let named = |key: &&Key| CustomerId::of(key) == id;
        let known = self.ways.iter().filter(|(_, way)| way.leads != Leads::Nowhere).map(|(key, _)| key);
        if let Some(key) = known.clone().find(named) {
            return Ok(Some(key.clone()));
        }
        let page = self.page(page_at(id.hash(), self.pages_total)).await?;
        Ok(page.records.keys().chain(page.aliases.keys()).find(named).cloned())
    }

    /// Looks at every customer whose record stands on this page. Pages that were not touched are not kept.
    pub async fn look_at(&self, number: u32, mut visit: impl FnMut(&Customer)) -> Result<(), StoreError> {
        let fresh;
        let page = if let Some(page) = self.shelf.peek(number) {
            page
        } else {
            fresh = Page::load(self.store, number).await?.0;
            &fresh
        };
        for (_, open) in self.open.iter().filter(|(root, _)| self.home_of(root) == number) {
            match &open.is {
                Form::Decoded(customer) => visit(customer),
                Form::Packed(json) => visit(&decode(number, json)?),
            }
        }
        let is_here = |root: &Key| {
            let gone = self.ways.get(root).is_some_and(|way| way.leads != Leads::Here);
            self.home_of(root) == number && !gone && !self.open.contains_key(root)
        };
        for (_, stored) in page.records.iter().filter(|(root, _)| is_here(root)) {
            visit(&decode(number, &stored.is)?);
        }
        Ok(())
    }

    /// A key of a customer of whom this is true. Looks through every page.
    pub async fn find(&mut self, wanted: impl Fn(&Customer) -> bool) -> Result<Option<Key>, StoreError> {
        for number in 0..self.pages_total {
            let mut found = None;
            let visit = |customer: &Customer| {
                if found.is_none() && wanted(customer) {
                    found = customer.root().cloned();
                }
            };
            self.look_at(number, visit).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Drops the records of the people who have these keys, with all that leads there and their lines of the ledger.
    pub async fn forget(&mut self, keys: impl Iterator<Item = &Key>) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        let mut led = Vec::new();
        for key in keys {
            match self.way(key).await? {
                Leads::Nowhere => continue,
                Leads::Here => gone.push(self.open(key).await?.customer().clone()),
                Leads::To(_) => {}
            }
            led.push(key);
        }
        self.ledger.replace(gone.iter(), &Customer::default(), self.oldest_detailed, self.care).await?;
        for key in led {
            self.open.remove(key);
            self.lead(key, Leads::Nowhere);
        }
        Ok(())
    }

    /// Joins one fact, and with it all records that it shows to be one customer's. Returns the root.
    pub async fn join(&mut self, fact: Fact) -> Result<Option<Key>, StoreError> {
        let Some(fact) = self.erasures.admit(fact) else { return Ok(None) };
        let mut after = Customer::from(fact);
        let Some(first) = after.root().cloned() else { return Ok(None) };
        let named = after.keys.clone();
        // Everything that may fail comes first: a fact is joined whole or not at all.
        let mut before: BTreeMap<Key, Customer> = BTreeMap::new();
        let mut asked = BTreeSet::new();
        loop {
            // After a crash there may be a record to which only a key of another leads.
            let wanted = if self.care == Care::Everything { &after.keys } else { &named };
            let keys: Vec<Key> = wanted.difference(&asked).cloned().collect();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                let Some(root) = self.root_of(&key).await? else {
                    asked.insert(key);
                    continue;
                };
                if !before.contains_key(&root) {
                    let customer = self.open(&root).await?.customer().clone();
                    after.join(customer.clone());
                    before.insert(root.clone(), customer);
                }
                self.torn |= !before[&root].keys.contains(&key);
                asked.insert(key);
            }
        }
        let root = after.root().cloned().unwrap_or(first);
        // A record that stays where it is has its other keys lead there, unless a crash kept them from being stored.
        let is_settled = before.len() == 1 && before.contains_key(&root) && self.care == Care::Changes;
        let mut leading = if is_settled { named } else { after.keys.clone() };
        leading.remove(&root);
        for key in &leading {
            self.way(key).await?;
        }
        self.ledger.replace(before.values(), &after, self.oldest_detailed, self.care).await?;

        let there = Leads::To(root.clone());
        for key in &leading {
            self.open.remove(key);
            if self.ways.get(key).is_none_or(|way| way.leads != there) {
                self.lead(key, there.clone());
            }
        }
        if before.len() != 1 || before.get(&root) != Some(&after) {
            self.lead(&root, Leads::Here);
            self.put(&root, Open { is: Form::Decoded(Box::new(after)), due: None, changed: true }, RECORD);
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
        let records = &self.page(number).await?.records;
        let due = records.iter().filter(|(key, stored)| {
            stored.due.is_some_and(|due| due <= now) && page_of(key, pages) == number
        });
        Ok(due.map(|(key, _)| key.clone()).collect())
    }

    /// Writes every changed page and ledger day. Returns what is to be known of each page that was looked at.
    ///
    /// First the pages on which records changed, beside what they replace: old places of records that moved to other
    /// pages, and the ways there. Then the pages that lead elsewhere now. So whichever write is the last, every key still
    /// leads to what was known of its customer, and the facts of the same sweep, folded again, find all of it.
    ///
    /// `batch` names the segments whose facts were joined.
    pub async fn save(&mut self, batch: &[String]) -> Result<BTreeMap<u32, PageInfo>, StoreError> {
        self.ledger.save(batch).await?;
        let mut changed: BTreeMap<u32, Vec<Key>> = BTreeMap::new();
        for (root, _) in self.open.iter().filter(|(_, open)| open.changed) {
            changed.entry(self.home_of(root)).or_default().push(root.clone());
        }
        let mut turned: BTreeMap<u32, Vec<Key>> = BTreeMap::new();
        for (key, _) in self.ways.iter().filter(|(_, way)| way.is_new && way.leads != Leads::Here) {
            turned.entry(self.home_of(key)).or_default().push(key.clone());
        }
        for (number, roots) in changed {
            let mut page = self.taken(number).await?;
            for root in roots {
                let Some(open) = self.open.get_mut(&root) else { continue };
                open.changed = false;
                page.aliases.remove(&root);
                page.records.insert(root, Stored { due: open.due, is: open.is.pack() });
            }
            let mut later = Vec::new();
            for key in turned.remove(&number).unwrap_or_default() {
                let leads = &self.ways[&key].leads;
                let leaves = matches!(leads, Leads::To(root) if self.home_of(root) != number);
                if leaves && (page.records.contains_key(&key) || page.aliases.contains_key(&key)) {
                    later.push(key);
                } else {
                    turn(&mut page, &key, leads);
                }
            }
            if !later.is_empty() {
                turned.insert(number, later);
            }
            self.write(number, page).await?;
        }
        for (number, keys) in turned {
            let mut page = self.taken(number).await?;
            for key in keys {
                turn(&mut page, &key, &self.ways[&key].leads);
            }
            self.write(number, page).await?;
        }
        self.ways.values_mut().for_each(|way| way.is_new = false);
        Ok(self.seen.clone())
    }

    async fn taken(&mut self, number: u32) -> Result<Page, StoreError> {
        self.page(number).await?;
        Ok(self.shelf.take(number).expect("it was looked at"))
    }

    async fn write(&mut self, number: u32, mut page: Page) -> Result<(), StoreError> {
        page.drop_strays(number, self.pages_total);
        let name = names::page(number);
        let bytes = if page.is_empty() {
            self.store.delete(&name).await?;
            0
        } else {
            let bytes = codec::encode(&page);
            self.store.set(&name, &bytes).await?;
            bytes.len()
        };
        self.seen.insert(number, PageInfo { bytes, due: page.due(number, self.pages_total) });
        self.shelf.put(number, page);
        Ok(())
    }
}

fn turn(page: &mut Page, key: &Key, leads: &Leads) {
    match leads {
        Leads::Here => {}
        Leads::Nowhere => {
            page.records.remove(key);
            page.aliases.remove(key);
        }
        Leads::To(root) => {
            page.records.remove(key);
            page.aliases.insert(key.clone(), root.clone());
        }
    }
}

/// As bytes, like facts: a second kind of reader would double what reads them.
fn decode(page: u32, json: &RawValue) -> Result<Customer, StoreError> {
    serde_json::from_slice(json.get().as_bytes())
        .map_err(|error| StoreError::Unreadable { key: names::page(page), why: format!("a record: {error}") })
}

#[cfg(test)]
pub(crate) mod tests;

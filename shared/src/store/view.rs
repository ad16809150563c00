//! A view: what a reader sees, with everything that was accepted, whether a sweep has been there or not.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use super::erasure::{Erasures, Receipt};
use super::listing::Listing;
use super::meta::Meta;
use super::page::{hash_of, page_at};
use super::records::Records;
use super::segment::Segment;
use super::{Store, StoreError};
use crate::customer::{Customer, CustomerId};
use crate::fact::Fact;
use crate::key::Key;
use crate::ledger::{Counts, Detail, Read, oldest_detailed};
use crate::time::Time;

/// How often a reader starts again because a sweep moved something under it. Then it gives up: what it saw may lack what
/// was on its way from one place to another.
const TRIES: usize = 8;

/// Records and ledger as a sweep would leave them now.
pub struct View<'s, S> {
    store: &'s S,
    records: Records<'s, S>,
    listing: Listing,
    meta: Meta,
    erasures: Arc<Erasures>,
}

impl<'s, S: Store> View<'s, S> {
    /// The counts of the days from `from` to `to`, both included.
    pub async fn counts(
        store: &'s S,
        now: Time,
        (from, to): (NaiveDate, NaiveDate),
        detail: Detail,
    ) -> Result<Read, StoreError> {
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let Self { records, listing, .. } = &mut view;
            let read = records.ledger.counts(&listing.days, &listing.months, (from, to), detail).await?;
            if view.still_holds(&[]).await? {
                return Ok(read);
            }
        }
        Err(moving())
    }

    /// The customer who has this key.
    pub async fn customer(store: &'s S, now: Time, key: &Key) -> Result<Option<Customer>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let customer = view.records.customer(key).await?.cloned();
            if view.still_holds(&[hash_of(key)]).await? {
                return Ok(customer);
            }
        }
        Err(moving())
    }

    /// The same, and what the ledger counted on these days, of one moment.
    pub async fn customer_and_counts(
        store: &'s S,
        now: Time,
        key: &Key,
        days: &BTreeSet<NaiveDate>,
    ) -> Result<(Option<Customer>, Counts), StoreError> {
        let (Some(first), Some(last)) = (days.first().copied(), days.last().copied()) else {
            return Ok((Self::customer(store, now, key).await?, Counts::default()));
        };
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let Self { records, listing, .. } = &mut view;
            let stored = days.intersection(&listing.days).copied().collect();
            let read =
                records.ledger.counts(&stored, &BTreeSet::new(), (first, last), Detail::Totals).await?;
            let customer = records.customer(key).await?.cloned();
            if view.still_holds(&[hash_of(key)]).await? {
                return Ok((customer, read.counts));
            }
        }
        Err(moving())
    }

    /// The customers who have any of these keys, each once and with those of the keys that are theirs.
    pub async fn customers(
        store: &'s S,
        now: Time,
        keys: &[Key],
    ) -> Result<Vec<(Customer, Vec<Key>)>, StoreError> {
        let hashes: Vec<u32> = keys.iter().map(hash_of).collect();
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let mut found: Vec<(Customer, Vec<Key>)> = Vec::new();
            for key in keys {
                let Some(customer) = view.records.customer(key).await? else { continue };
                match found.iter_mut().find(|(known, _)| known.root() == customer.root()) {
                    Some((_, by)) => by.push(key.clone()),
                    None => found.push((customer.clone(), vec![key.clone()])),
                }
            }
            if view.still_holds(&hashes).await? {
                return Ok(found);
            }
        }
        Err(moving())
    }

    /// The customer whom this id means.
    pub async fn identified(store: &'s S, now: Time, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let customer = match view.records.key_of(id).await? {
                Some(key) => view.records.customer(&key).await?.cloned(),
                None => None,
            };
            if view.still_holds(&[id.hash()]).await? {
                return Ok(customer);
            }
        }
        Err(moving())
    }

    /// Looks at every customer of these pages, and says how many pages there are. What `visit` gathers begins anew when
    /// a sweep moved something meanwhile. A customer who moves between two such looks is met twice or, where a sweep
    /// made two customers one, perhaps not at all.
    pub async fn scan<T: Default>(
        store: &'s S,
        now: Time,
        pages: Range<u32>,
        visit: impl Fn(&mut T, &Customer),
    ) -> Result<(T, u32), StoreError> {
        for _ in 0..TRIES {
            let Some(view) = Self::open(store, now).await? else { continue };
            let (mut gathered, total) = (T::default(), view.meta.page_count());
            for number in pages.start..pages.end.min(total) {
                view.records.look_at(number, |customer| visit(&mut gathered, customer)).await?;
            }
            if view.still_holds(&[]).await? {
                return Ok((gathered, total));
            }
        }
        Err(moving())
    }

    /// Everything that is held of the customer who has this key: the record, and each fact that names one of its keys.
    pub async fn all_of(
        store: &'s S,
        now: Time,
        key: &Key,
    ) -> Result<Option<(Customer, BTreeSet<Fact>)>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let Some(customer) = view.records.customer(key).await?.cloned() else {
                if view.still_holds(&[hash_of(key)]).await? {
                    return Ok(None);
                }
                continue;
            };
            let facts = view.facts_of(&customer).await?;
            if view.still_holds(&[hash_of(key)]).await? {
                return Ok(Some((customer, facts)));
            }
        }
        Err(moving())
    }

    async fn facts_of(&self, customer: &Customer) -> Result<BTreeSet<Fact>, StoreError> {
        let mut facts = BTreeSet::new();
        let theirs = |fact: &Fact| {
            self.erasures.covers(fact).is_none() && fact.all_keys().any(|key| customer.keys.contains(&*key))
        };
        for key in &self.listing.segments {
            match Segment::load(self.store, key).await {
                Ok(segment) => facts.extend(segment.into_iter().flatten().filter(theirs)),
                // Left aside by sweeps as well; `/healthz` says so.
                Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for key in &self.listing.inbox {
            let bytes = self.store.get(key).await?;
            facts.extend(bytes.and_then(|bytes| Fact::from_bytes(&bytes).ok()).filter(theirs));
        }
        Ok(facts)
    }

    /// A key of the customer on whose behalf a request with this id was made.
    pub async fn who_asked(store: &'s S, now: Time, request: &str) -> Result<Option<Key>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut view) = Self::open(store, now).await? else { continue };
            let found = view.records.find(|customer| customer.requests.contains_key(request)).await?;
            if found.is_some() || view.still_holds(&[]).await? {
                return Ok(found);
            }
        }
        Err(moving())
    }

    /// Requests to be forgotten that were carried out.
    pub async fn receipts(store: &'s S) -> Result<Vec<Receipt>, StoreError> {
        for _ in 0..TRIES {
            let listing = Listing::read(store).await?;
            if let Some(erasures) = Erasures::load(store, &listing.erased, &BTreeSet::new()).await? {
                return Ok(erasures.receipts());
            }
        }
        Err(moving())
    }

    /// Is all that was read of one moment?
    ///
    /// A sweep stores a segment before it touches anything else. One that was under way before is no harm: its facts were
    /// known here, and joined to whatever it had or had not written yet. A rebuild forgets what is folded before it
    /// deletes anything; and when a page is divided, what is no longer there is somewhere else. A day that is new may have
    /// been written before `meta` was read and after the keys were. `hashes` are of the keys that were looked up.
    async fn still_holds(&self, hashes: &[u32]) -> Result<bool, StoreError> {
        let listing = Listing::read(self.store).await?;
        let meta = Meta::load(self.store).await?;
        let (before, after) = (self.meta.page_count(), meta.page_count());
        let moved = hashes.iter().any(|hash| page_at(*hash, before) != page_at(*hash, after));
        Ok(!self.records.are_torn()
            && !moved
            && meta.folded == self.meta.folded
            && listing.segments.is_subset(&self.listing.segments)
            && listing.days.is_subset(&self.listing.days))
    }

    /// `None` when a sweep moved something meanwhile: it may have been missed in both places.
    async fn open(store: &'s S, now: Time) -> Result<Option<Self>, StoreError> {
        let listing = Listing::read(store).await?;
        let meta = Meta::load(store).await?;
        if meta.clearing || meta.is_outdated() {
            return Err(StoreError::Failed("the caches are being rebuilt; try again in a moment".to_owned()));
        }
        let erasures = Erasures::load(store, &listing.erased, &meta.erased).await?;
        let Some(erasures) = erasures.map(Arc::new) else { return Ok(None) };
        let mut records =
            Records::new(store, meta.page_count(), oldest_detailed(now)).without(erasures.clone());
        let mut pending = false;
        for key in meta.unfolded(&listing.segments) {
            match Segment::load(store, key).await {
                Ok(Some(facts)) => {
                    let mut facts: Vec<Fact> = facts.into_iter().collect();
                    records.arrange(&mut facts, |fact| fact).await?;
                    for fact in facts {
                        records.join(fact).await?;
                    }
                    records.ledger.settle_late(std::slice::from_ref(key)).await?;
                    pending = true;
                }
                Ok(None) => return Ok(None),
                // Left aside by sweeps as well; `/healthz` says so.
                Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut waiting = Vec::new();
        for key in &listing.inbox {
            let Some(bytes) = store.get(key).await? else { return Ok(None) };
            waiting.extend(Fact::from_bytes(&bytes).ok());
        }
        pending |= !waiting.is_empty();
        records.arrange(&mut waiting, |fact| fact).await?;
        for fact in waiting {
            records.join(fact).await?;
        }
        let moved = pending && Meta::load(store).await? != meta;
        Ok((!moved).then_some(Self { store, records, listing, meta, erasures }))
    }
}

fn moving() -> StoreError {
    StoreError::Failed("sweeps kept moving facts while they were read".to_owned())
}

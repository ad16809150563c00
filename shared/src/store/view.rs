//! A view: what a reader sees, with everything that was accepted, whether a sweep has been there or not.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::listing::Listing;
use super::meta::Meta;
use super::records::Records;
use super::segment::Segment;
use super::{Store, StoreError};
use crate::customer::Customer;
use crate::fact::Fact;
use crate::key::Key;
use crate::ledger::{Counts, oldest_detailed};
use crate::time::Time;

fn moving() -> StoreError {
    StoreError::Failed("sweeps kept moving facts while they were read".to_owned())
}

/// How often a reader starts again because a sweep moved facts under it. Each sweep moves a fact once.
const TRIES: usize = 8;

pub struct View<'s, S> {
    records: Records<'s, S>,
    listing: Listing,
    meta: Meta,
}

impl<'s, S: Store> View<'s, S> {
    /// Records and ledger as a sweep would leave them now. Writes nothing.
    pub async fn open(store: &'s S, now: Time) -> Result<Self, StoreError> {
        for tries_left in (0..TRIES).rev() {
            match Self::try_open(store, now).await? {
                Some(view) if tries_left == 0 || !view.records.are_torn() => return Ok(view),
                _ => {}
            }
        }
        Err(moving())
    }

    /// The customer who has this key, as a sweep would leave the record now.
    pub async fn customer(store: &'s S, now: Time, key: &Key) -> Result<Option<Customer>, StoreError> {
        for tries_left in (0..TRIES).rev() {
            let Some(mut view) = Self::try_open(store, now).await? else { continue };
            let customer = view.records.customer(key).await?.cloned();
            // A page may have been divided, or a record moved to another, between two reads.
            if tries_left == 0 || (!view.records.are_torn() && Meta::load(store).await? == view.meta) {
                return Ok(customer);
            }
        }
        Err(moving())
    }

    /// `None` when a sweep moved something meanwhile: it may have been missed in both places.
    async fn try_open(store: &'s S, now: Time) -> Result<Option<Self>, StoreError> {
        let mut listing = Listing::read(store).await?;
        let meta = Meta::load(store).await?;
        if !meta.folded.is_subset(&listing.segments) {
            // A sweep came in between: it may have begun a day that the list does not show.
            listing = Listing::read(store).await?;
        }
        if meta.clearing {
            return Err(StoreError::Failed("the caches are being rebuilt; try again in a moment".to_owned()));
        }
        let mut records = Records::new(store, meta.page_count(), oldest_detailed(now));
        let mut pending = false;
        for key in meta.unfolded(&listing.segments) {
            match Segment::load(store, key).await {
                Ok(Some(facts)) => {
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
        for key in &listing.inbox {
            let Some(bytes) = store.get(key).await? else { return Ok(None) };
            if let Ok(fact) = Fact::from_bytes(&bytes) {
                records.join(fact).await?;
                pending = true;
            }
        }
        let moved = pending && Meta::load(store).await? != meta;
        Ok((!moved).then_some(Self { records, listing, meta }))
    }

    /// The ledger's counts by day, `from` and `to` included.
    pub async fn counts(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<BTreeMap<NaiveDate, Counts>, StoreError> {
        let Self { records, listing, .. } = self;
        records.ledger.counts(&listing.days, &listing.months, from, to).await
    }
}

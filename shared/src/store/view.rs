//! A view: what a reader sees, with everything that was accepted, whether a sweep has been there or not.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::listing::Listing;
use super::meta::Meta;
use super::records::Records;
use super::segment::Segment;
use super::{Store, StoreError};
use crate::fact::Fact;
use crate::ledger::Line;

/// How often a reader starts again because a sweep moved facts under it. Each sweep moves a fact once.
const TRIES: usize = 8;

pub struct View<'s, S> {
    pub records: Records<'s, S>,
    days: BTreeSet<NaiveDate>,
}

impl<'s, S: Store> View<'s, S> {
    /// Records and ledger as a sweep would leave them now. Writes nothing.
    pub async fn open(store: &'s S) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            if let Some(view) = Self::try_open(store).await? {
                return Ok(view);
            }
        }
        Err(StoreError::Failed("sweeps kept moving facts while they were read".to_owned()))
    }

    /// `None` when a sweep took away what the key list promised: its facts may be anywhere by now.
    async fn try_open(store: &'s S) -> Result<Option<Self>, StoreError> {
        let listing = Listing::read(store).await?;
        let meta = Meta::load(store).await?;
        let mut pending = BTreeSet::new();
        for key in listing.segments.difference(&meta.folded) {
            match Segment::load(store, key).await {
                Ok(Some(facts)) => pending.extend(facts),
                Ok(None) => return Ok(None),
                // Left aside by sweeps as well; `/healthz` says so.
                Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for key in &listing.inbox {
            match store.get(key).await? {
                Some(bytes) => pending.extend(Fact::from_bytes(&bytes)),
                None => return Ok(None),
            }
        }
        let mut records = Records::new(store, meta.pages);
        for fact in pending {
            records.join(fact).await?;
        }
        Ok(Some(Self { records, days: listing.days }))
    }

    /// The ledger's lines of these days, both included.
    pub async fn lines(&mut self, from: NaiveDate, to: NaiveDate) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::new();
        for date in self.records.ledger.days(&self.days, from, to) {
            lines.extend(self.records.ledger.day(date).await?.values().cloned());
        }
        Ok(lines)
    }
}

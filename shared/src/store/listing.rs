//! The key list, sorted out: with few keys by design, one call tells what there is to do.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{Store, StoreError, names};

#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Keys of facts that wait, sorted: the host's order differs from host to host.
    pub inbox: Vec<String>,
    pub segments: BTreeSet<String>,
    /// Days of which the ledger has a document.
    pub days: BTreeSet<NaiveDate>,
    /// Whether there is a lease, free or not.
    pub lease: bool,
}

impl Listing {
    pub async fn read(store: &impl Store) -> Result<Self, StoreError> {
        let mut listing = Self::default();
        for key in store.keys().await? {
            if names::is_inbox(&key) {
                listing.inbox.push(key);
            } else if names::segment_level(&key).is_some() {
                listing.segments.insert(key);
            } else if let Some(date) = names::day_date(&key) {
                listing.days.insert(date);
            } else if key == names::LEASE {
                listing.lease = true;
            }
        }
        listing.inbox.sort_unstable();
        Ok(listing)
    }
}

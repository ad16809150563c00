//! The key list, sorted out: with few keys by design, one call tells what there is to do.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{Store, StoreError, names};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys of facts that wait, sorted: the host's order differs from host to host.
    pub inbox: Vec<String>,
    /// Keys of inbox values that could not be read.
    pub dead_letters: Vec<String>,
    pub segments: BTreeSet<String>,
    /// Documents that say who was forgotten.
    pub erased: BTreeSet<String>,
    /// What the signed webhook is still to be told, soonest first.
    pub events: BTreeSet<String>,
    /// Messages in the local outbox.
    pub outbox: Vec<String>,
    pub pages: BTreeSet<u32>,
    /// Days of which the ledger has a document.
    pub days: BTreeSet<NaiveDate>,
    /// Days whose lines have a document of their own, or had.
    pub lines: BTreeSet<NaiveDate>,
    /// First days of the months of which the ledger has a document.
    pub months: BTreeSet<NaiveDate>,
    /// Whether there is a lease, free or not.
    pub lease: bool,
}

impl Listing {
    pub async fn read(store: &impl Store) -> Result<Self, StoreError> {
        let mut listing = Self::default();
        for key in store.keys().await? {
            if names::is_inbox(&key) {
                listing.inbox.push(key);
            } else if names::is_dead_letter(&key) {
                listing.dead_letters.push(key);
            } else if names::segment_level(&key).is_some() {
                listing.segments.insert(key);
            } else if names::is_erased(&key) {
                listing.erased.insert(key);
            } else if key.starts_with(names::EVENT) {
                listing.events.insert(key);
            } else if names::outbox_message(&key).is_some() {
                listing.outbox.push(key);
            } else if let Some(number) = names::page_number(&key) {
                listing.pages.insert(number);
            } else if let Some(date) = names::day_date(&key) {
                listing.days.insert(date);
            } else if let Some(date) = names::lines_date(&key) {
                listing.lines.insert(date);
            } else if let Some(first) = names::month_start(&key) {
                listing.months.insert(first);
            } else if key == names::LEASE {
                listing.lease = true;
            }
        }
        listing.inbox.sort_unstable();
        listing.dead_letters.sort_unstable();
        Ok(listing)
    }
}

//! Rebuild: makes every cache again from segments and inbox alone.
//!
//! It only forgets. What `meta` no longer calls folded, sweeps fold again, in rounds that fit into a request; until the
//! last one is in, nothing is planned.

use super::erasure::Erasures;
use super::lease::{Clock, Lease, LeaseTiming};
use super::listing::Listing;
use super::meta::{Meta, PageInfo};
use super::{Store, StoreError, names};

/// Begins a rebuild, unless a sweep is under way: then it answers `false`, and changes nothing. `token` is random.
pub async fn request(
    store: &impl Store,
    clock: &impl Clock,
    timing: LeaseTiming,
    token: String,
) -> Result<bool, StoreError> {
    let Some(lease) = Lease::acquire(store, clock, timing, token, true).await? else { return Ok(false) };
    begin(store).await?;
    lease.release(store, clock).await?;
    Ok(true)
}

/// Begins a rebuild. Ask for it while holding the lease.
pub async fn begin(store: &impl Store) -> Result<(), StoreError> {
    // A `meta` that cannot be read is one more reason to rebuild.
    let known = Meta::load(store).await.unwrap_or_default();
    forget(&known).save(store).await
}

/// A `meta` that says of as many pages that nothing is to be relied on.
pub fn forget(known: &Meta) -> Meta {
    let pages = vec![PageInfo::default(); known.pages.len().max(1)];
    Meta { pages, clearing: true, digest: known.digest, ..Meta::default() }
}

/// Deletes every cache, then says so. A crash in between is gone on from.
///
/// With that every erasure is carried out: what is folded from here on is folded without those who were forgotten.
pub async fn clear(
    store: &impl Store,
    meta: &mut Meta,
    listing: &Listing,
    erasures: &Erasures,
) -> Result<(), StoreError> {
    for number in &listing.pages {
        store.delete(&names::page(*number)).await?;
    }
    for date in &listing.days {
        store.delete(&names::day(*date)).await?;
    }
    for date in &listing.lines {
        store.delete(&names::lines(*date)).await?;
    }
    for first in &listing.months {
        store.delete(&names::month(*first)).await?;
    }
    meta.clearing = false;
    meta.erased = erasures.names().cloned().collect();
    meta.save(store).await
}

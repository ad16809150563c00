//! The store of a host, as the domain's own readers want it.

use aftercare::store::lease::{Clock, Lease};
use aftercare::store::listing::Listing;
use aftercare::store::meta::Meta;
use aftercare::store::{Store, StoreError};
use aftercare::time::Time;
use chrono::TimeDelta;

/// A store that a host has open, or had: see [`aftercare_host::Host::store`] and [`aftercare_host::open_store`].
#[derive(Debug, Clone)]
pub struct HostStore(pub aftercare_host::Store);

fn failed(error: aftercare_host::StoreError) -> StoreError {
    StoreError::Failed(error.to_string())
}

impl Store for HostStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).await.map_err(failed)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.set(key, value).await.map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await.map_err(failed)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.0.keys().await.map_err(failed)
    }
}

impl HostStore {
    /// Is all work done: nothing waits, nothing is due, nobody sweeps, everything is folded?
    pub async fn is_at_rest(&self, now: Time) -> Result<bool, StoreError> {
        let listing = Listing::read(self).await?;
        let meta = Meta::load(self).await?;
        let rest = listing.inbox.is_empty()
            && !Lease::is_held(self, &At(now)).await
            && meta.unfolded(&listing.segments).next().is_none()
            && meta.next_due().is_none_or(|due| due > now);
        Ok(rest)
    }
}

/// A clock that stands still: for questions about one moment, and for work that waits for nothing.
pub struct At(pub Time);

impl Clock for At {
    fn now(&self) -> Time {
        self.0
    }

    async fn wait(&self, _: TimeDelta) {}
}

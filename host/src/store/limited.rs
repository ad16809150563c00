//! Refuses what a platform would refuse.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::{Answer, Backend, Call, Reply, StoreError, StoreResult};
use crate::clock::Clock;
use crate::profile::{Limits, Rate};

pub(super) struct Limited {
    inner: Arc<dyn Backend>,
    limits: Limits,
    rates: Arc<Rates>,
    /// Held while a key is counted and added, so that two cannot both be the last.
    adding: Mutex<()>,
}

/// Rates of all stores together.
pub(super) struct Rates {
    reads: Option<Rate>,
    writes: Option<Rate>,
}

impl Rates {
    pub(super) fn new(limits: &Limits, clock: &Clock) -> Self {
        let rate = |max: Option<usize>| max.map(|max| Rate::new(max, Duration::from_secs(1), clock.clone()));
        Self { reads: rate(limits.reads_a_second), writes: rate(limits.writes_a_second) }
    }
}

impl Limited {
    pub(super) fn new(inner: Arc<dyn Backend>, limits: Limits, rates: Arc<Rates>) -> Self {
        Self { inner, limits, rates, adding: Mutex::default() }
    }

    fn check(&self, call: &Call) -> StoreResult<()> {
        let (rate, verb) = match call {
            Call::Set(..) | Call::Delete(_) => (&self.rates.writes, "writes"),
            Call::Get(_) | Call::Exists(_) | Call::GetKeys => (&self.rates.reads, "reads"),
        };
        if rate.as_ref().is_some_and(|rate| !rate.allows()) {
            return refused(&format!("too many {verb} a second"));
        }
        if let Call::Set(key, value) = call {
            if let Some(max) = self.limits.max_key_bytes
                && key.len() > max
            {
                return refused(&format!("a key of {} bytes, at most {max} are allowed", key.len()));
            }
            if let Some(max) = self.limits.max_value_bytes
                && value.len() > max
            {
                return refused(&format!("a value of {} bytes, at most {max} are allowed", value.len()));
            }
        }
        Ok(())
    }

    /// Adds or replaces a value, unless that makes too many keys.
    async fn set(&self, label: &str, key: String, value: Vec<u8>, max: usize) -> StoreResult<Reply> {
        let _adding = self.adding.lock().await;
        let exists = self.inner.call(label, Call::Exists(key.clone())).await?;
        if matches!(exists, Reply::Found(false)) {
            let keys = self.inner.call(label, Call::GetKeys).await?;
            if matches!(keys, Reply::Keys(keys) if keys.len() >= max) {
                return refused(&format!("one key more than the {max} that are allowed"))
                    .map(|()| Reply::Done);
            }
        }
        self.inner.call(label, Call::Set(key, value)).await
    }
}

fn refused(why: &str) -> StoreResult<()> {
    Err(StoreError::Other(format!("quota exceeded: {why}")))
}

impl Backend for Limited {
    fn call(&self, label: &str, call: Call) -> Answer<'_> {
        if let Err(error) = self.check(&call) {
            return Box::pin(std::future::ready(Err(error)));
        }
        match (call, self.limits.max_keys) {
            (Call::Set(key, value), Some(max)) => {
                let label = label.to_owned();
                Box::pin(async move { self.set(&label, key, value, max).await })
            }
            (call, _) => self.inner.call(label, call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::memory::Memory;
    use super::*;
    use crate::clock::ManualClock;
    use crate::profile::Profile;

    fn store(profile: Profile, clock: &ManualClock) -> Store {
        let limits = profile.limits();
        let rates = Arc::new(Rates::new(&limits, &clock.clone().into()));
        Store::new(Arc::new(Limited::new(Arc::new(Memory::default()), limits, rates)), "default")
    }

    fn clock() -> ManualClock {
        ManualClock::starting_at_unix(1_000_000)
    }

    #[tokio::test]
    async fn fermyon_cloud_has_1024_keys() {
        let store = store(Profile::FermyonCloud, &clock());
        for n in 0..1024 {
            store.set(&n.to_string(), b"").await.unwrap();
        }
        let error = store.set("1024", b"").await.unwrap_err();
        assert_eq!(error.to_string(), "quota exceeded: one key more than the 1024 that are allowed");
        store.set("1023", b"replaced").await.unwrap();
        store.delete("0").await.unwrap();
        store.set("1024", b"").await.unwrap();
    }

    #[tokio::test]
    async fn keys_and_values_have_a_size() {
        for (profile, key) in [(Profile::FermyonCloud, 255), (Profile::Akamai, 8000)] {
            let store = store(profile, &clock());
            store.set(&"k".repeat(key), &vec![0; 1_000_000]).await.unwrap();
            assert!(store.set(&"k".repeat(key + 1), b"").await.is_err());
            assert!(store.set("k", &vec![0; 1_000_001]).await.is_err());
        }
    }

    #[tokio::test]
    async fn akamai_has_50_writes_and_1000_reads_a_second() {
        let clock = clock();
        let store = store(Profile::Akamai, &clock);
        for _ in 0..2 {
            for _ in 0..50 {
                store.set("key", b"").await.unwrap();
            }
            assert!(store.delete("key").await.is_err());
            for _ in 0..1000 {
                store.get("key").await.unwrap();
            }
            assert_eq!(
                store.keys().await.unwrap_err().to_string(),
                "quota exceeded: too many reads a second"
            );
            clock.advance(Duration::from_secs(1));
        }
    }
}

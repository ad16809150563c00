//! Key-value stores: the five verbs that Spin has, over a file, Redis or memory.

mod faults;
mod limited;
mod memory;
mod redis;
mod sqlite;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

pub use self::faults::{Fault, Faults};
use crate::clock::Clock;
use crate::counters::{Counters, count};
use crate::error::StartError;
use crate::profile::Limits;
use crate::runtime_config::Place;

/// No answer to a guest may be larger, in bytes. Spin has the same limit.
const MAX_RESULT: usize = 128 * 1024 * 1024;

/// What may be asked of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// The value of a key.
    Get(String),
    /// A value for a key.
    Set(String, Vec<u8>),
    /// A key to forget.
    Delete(String),
    /// Whether a key has a value.
    Exists(String),
    /// All keys.
    GetKeys,
}

/// What a store answers. Each call has one kind of answer.
#[derive(Debug)]
pub(crate) enum Reply {
    Value(Option<Vec<u8>>),
    Found(bool),
    Keys(Vec<String>),
    Done,
}

/// Why a store does not answer, as guests see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No store has this label.
    #[error("no such store")]
    NoSuchStore,
    /// The manifest does not let the component open this store.
    #[error("access denied")]
    AccessDenied,
    /// Something else went wrong.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    pub(crate) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

pub(crate) type StoreResult<T> = Result<T, StoreError>;
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = StoreResult<Reply>> + Send + 'a>>;

/// Where stores are kept. One verb, so that limits and faults wrap it in one place.
pub(crate) trait Backend: Send + Sync {
    /// Does a call on the store with the given label. A write is durable when the answer comes.
    fn call(&self, label: &str, call: Call) -> Answer<'_>;

    /// Finishes what was begun and lets go of files and connections.
    fn close(&self) {}
}

/// A key-value store, as guests and tests use it.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    label: Arc<str>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.label).finish()
    }
}

impl Store {
    pub(crate) fn new(backend: Arc<dyn Backend>, label: &str) -> Self {
        Self { backend, label: label.into() }
    }

    /// The value of a key, if it has one.
    pub async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        match self.backend.call(&self.label, Call::Get(key.to_owned())).await? {
            Reply::Value(Some(value)) => {
                within_limit(value.len())?;
                Ok(Some(value))
            }
            Reply::Value(None) => Ok(None),
            reply => Err(unexpected(&reply)),
        }
    }

    /// Gives a key a value. It is durable when this returns.
    pub async fn set(&self, key: &str, value: &[u8]) -> StoreResult<()> {
        self.done(Call::Set(key.to_owned(), value.to_owned())).await
    }

    /// Forgets a key, which need not have a value.
    pub async fn delete(&self, key: &str) -> StoreResult<()> {
        self.done(Call::Delete(key.to_owned())).await
    }

    /// Whether a key has a value.
    pub async fn exists(&self, key: &str) -> StoreResult<bool> {
        match self.backend.call(&self.label, Call::Exists(key.to_owned())).await? {
            Reply::Found(found) => Ok(found),
            reply => Err(unexpected(&reply)),
        }
    }

    /// All keys, in no particular order.
    pub async fn keys(&self) -> StoreResult<Vec<String>> {
        match self.backend.call(&self.label, Call::GetKeys).await? {
            Reply::Keys(keys) => {
                within_limit(keys.iter().map(|key| size_of::<String>() + key.len()).sum())?;
                Ok(keys)
            }
            reply => Err(unexpected(&reply)),
        }
    }

    pub(crate) async fn done(&self, call: Call) -> StoreResult<()> {
        match self.backend.call(&self.label, call).await? {
            Reply::Done => Ok(()),
            reply => Err(unexpected(&reply)),
        }
    }
}

fn within_limit(bytes: usize) -> StoreResult<()> {
    if bytes > MAX_RESULT {
        return Err(StoreError::Other(format!("query result exceeds limit of {MAX_RESULT} bytes")));
    }
    Ok(())
}

fn unexpected(reply: &Reply) -> StoreError {
    StoreError::Other(format!("the store answered something else: {reply:?}"))
}

/// All stores of a host.
pub(crate) struct Stores {
    /// For guests, by label.
    guests: BTreeMap<String, Arc<dyn Backend>>,
    /// For tests, by label.
    tests: BTreeMap<String, Arc<dyn Backend>>,
    places: Vec<Arc<dyn Backend>>,
}

/// What comes between components and their stores.
pub(crate) struct Between {
    pub(crate) group_commit: bool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) faults: Option<Faults>,
    pub(crate) limits: Option<Limits>,
    pub(crate) clock: Clock,
}

impl Stores {
    /// Opens the places where stores are kept, each once. Needs a tokio runtime, and blocks.
    pub(crate) fn open(labels: &BTreeMap<String, Place>, between: &Between) -> Result<Self, StartError> {
        let rates =
            between.limits.map(|limits| (limits, Arc::new(limited::Rates::new(&limits, &between.clock))));
        let mut places: BTreeMap<&Place, Arc<dyn Backend>> = BTreeMap::new();
        let (mut guests, mut tests) = (BTreeMap::new(), BTreeMap::new());
        for (label, place) in labels {
            if !places.contains_key(place) {
                let backend =
                    open(place, between).map_err(|what| StartError::Store { label: label.clone(), what })?;
                places.insert(place, backend);
            }
            let backend = places[place].clone();
            tests.insert(label.clone(), backend.clone());
            let mut guest = backend;
            if let Some((limits, rates)) = &rates {
                guest = Arc::new(limited::Limited::new(guest, *limits, rates.clone()));
            }
            if let Some(faults) = &between.faults {
                let (faults, clock) = (faults.clone(), between.clock.clone());
                guest = Arc::new(faults::Faulty { inner: guest, faults, clock });
            }
            let counters = between.counters.clone();
            guests.insert(label.clone(), Arc::new(Counted { inner: guest, counters }) as Arc<dyn Backend>);
        }
        Ok(Self { guests, tests, places: places.into_values().collect() })
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.guests.contains_key(label)
    }

    /// A store for a guest.
    pub(crate) fn for_guest(&self, label: &str) -> Option<Store> {
        Some(Store::new(self.guests.get(label)?.clone(), label))
    }

    /// The same store for a test, uncounted.
    pub(crate) fn for_test(&self, label: &str) -> Option<Store> {
        Some(Store::new(self.tests.get(label)?.clone(), label))
    }

    pub(crate) fn close(&self) {
        for place in &self.places {
            place.close();
        }
    }
}

fn open(place: &Place, between: &Between) -> Result<Arc<dyn Backend>, String> {
    match place {
        Place::Memory => Ok(Arc::new(memory::Memory::default())),
        Place::File(file) => {
            let sqlite = sqlite::Sqlite::open(file, between.group_commit, between.counters.clone())
                .map_err(|what| format!("cannot open {}: {what}", file.display()))?;
            Ok(Arc::new(sqlite))
        }
        Place::Redis(url) => {
            let redis = tokio::runtime::Handle::current().block_on(redis::Redis::connect(url))?;
            Ok(Arc::new(redis))
        }
    }
}

/// Counts guests' calls.
struct Counted {
    inner: Arc<dyn Backend>,
    counters: Arc<Counters>,
}

impl Backend for Counted {
    fn call(&self, label: &str, call: Call) -> Answer<'_> {
        count(match &call {
            Call::Get(_) => &self.counters.get,
            Call::Set(..) => &self.counters.set,
            Call::Delete(_) => &self.counters.delete,
            Call::Exists(_) => &self.counters.exists,
            Call::GetKeys => &self.counters.get_keys,
        });
        self.inner.call(label, call)
    }
}

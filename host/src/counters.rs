//! Exact counts of what guests ask of the host, for benchmarks and tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start or the last [`reset`](Counters::reset). Calls of guests count, those of tests do not.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) get: AtomicU64,
    pub(crate) set: AtomicU64,
    pub(crate) delete: AtomicU64,
    pub(crate) exists: AtomicU64,
    pub(crate) get_keys: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) outbound: AtomicU64,
    pub(crate) chained: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) traps: AtomicU64,
    pub(crate) peak_memory_bytes: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// `store.get` calls.
    pub get: u64,
    /// `store.set` calls.
    pub set: u64,
    /// `store.delete` calls.
    pub delete: u64,
    /// `store.exists` calls.
    pub exists: u64,
    /// `store.get-keys` calls.
    pub get_keys: u64,
    /// Durable commits of stores in files, of tests' writes too. Concurrent writes share one.
    pub commits: u64,
    /// Outgoing HTTP requests that left the host.
    pub outbound: u64,
    /// Requests from one component to another.
    pub chained: u64,
    /// Requests that components were asked to answer, chained ones included.
    pub requests: u64,
    /// Executions of components that ended in a trap.
    pub traps: u64,
    /// The largest linear memory that any execution had, in bytes.
    pub peak_memory_bytes: u64,
}

impl Counts {
    /// `get`, `exists` and `get-keys` calls.
    pub fn reads(&self) -> u64 {
        self.get + self.exists + self.get_keys
    }

    /// `set` and `delete` calls.
    pub fn writes(&self) -> u64 {
        self.set + self.delete
    }
}

impl Counters {
    /// The counts now.
    pub fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            get: read(&self.get),
            set: read(&self.set),
            delete: read(&self.delete),
            exists: read(&self.exists),
            get_keys: read(&self.get_keys),
            commits: read(&self.commits),
            outbound: read(&self.outbound),
            chained: read(&self.chained),
            requests: read(&self.requests),
            traps: read(&self.traps),
            peak_memory_bytes: read(&self.peak_memory_bytes),
        }
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        for counter in [
            &self.get,
            &self.set,
            &self.delete,
            &self.exists,
            &self.get_keys,
            &self.commits,
            &self.outbound,
            &self.chained,
            &self.requests,
            &self.traps,
            &self.peak_memory_bytes,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Counts one more and returns its number.
pub(crate) fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

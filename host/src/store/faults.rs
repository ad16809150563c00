//! Faults that a test injects between components and their stores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Answer, Backend, Call, StoreError};
use crate::clock::Clock;

/// What becomes of a store call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing out of the ordinary.
    #[default]
    None,
    /// It fails and changes nothing.
    Fail,
    /// It is done, but reported as failed: the answer got lost.
    LoseAnswer,
    /// It is done after a time on the host's clock.
    Delay(Duration),
}

type Plan = dyn FnMut(&Call) -> Fault + Send;

/// Faults for the store calls of components, shared by clones. Keep one, give a clone to
/// [`Options::faults`](crate::Options::faults).
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    calls: AtomicU64,
    /// Calls from this one on fail, counted from 0. `u64::MAX` is never reached.
    power_cut: Mutex<Option<u64>>,
    plan: Mutex<Option<Box<Plan>>>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Faults {
    /// Cuts the power after `calls` more store calls: every later one fails and changes nothing, and no request
    /// leaves the host or a component any more. What a component does then reaches nothing, as if it were gone.
    pub fn cut_power_after(&self, calls: u64) {
        *self.power_cut() = Some(self.calls() + calls);
    }

    /// Turns the power on again.
    pub fn restore_power(&self) {
        *self.power_cut() = None;
    }

    /// Asks `plan` about every call from now on.
    pub fn plan(&self, plan: impl FnMut(&Call) -> Fault + Send + 'static) {
        *self.0.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(plan));
    }

    /// How many store calls were made so far.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Whether the power is cut by now.
    pub fn power_is_cut(&self) -> bool {
        self.power_cut().is_some_and(|at| self.calls() >= at)
    }

    fn power_cut(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.0.power_cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and decides on it.
    fn decide(&self, call: &Call) -> Fault {
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.power_cut().is_some_and(|at| number >= at) {
            return Fault::Fail;
        }
        let mut plan = self.0.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.as_mut().map_or(Fault::None, |plan| plan(call))
    }
}

pub(super) struct Faulty {
    pub(super) inner: Arc<dyn Backend>,
    pub(super) faults: Faults,
    pub(super) clock: Clock,
}

impl Backend for Faulty {
    fn call(&self, label: &str, call: Call) -> Answer<'_> {
        let label = label.to_owned();
        match self.faults.decide(&call) {
            Fault::None => self.inner.call(&label, call),
            Fault::Fail => Box::pin(std::future::ready(Err(injected()))),
            Fault::LoseAnswer => Box::pin(async move {
                self.inner.call(&label, call).await?;
                Err(injected())
            }),
            Fault::Delay(delay) => Box::pin(async move {
                self.clock.pause(delay).await;
                // The power may have been cut meanwhile.
                if self.faults.power_is_cut() {
                    return Err(injected());
                }
                self.inner.call(&label, call).await
            }),
        }
    }
}

fn injected() -> StoreError {
    StoreError::Other("the store failed because a test wanted it to".into())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::memory::Memory;
    use super::*;
    use crate::clock::ManualClock;

    fn faulty() -> (Store, Store, Faults, ManualClock) {
        let (memory, faults) = (Arc::new(Memory::default()), Faults::default());
        let clock = ManualClock::starting_at_unix(0);
        let backend = Faulty { inner: memory.clone(), faults: faults.clone(), clock: clock.clone().into() };
        (Store::new(Arc::new(backend), "default"), Store::new(memory, "default"), faults, clock)
    }

    #[tokio::test]
    async fn a_power_cut_lasts() {
        let (store, behind, faults, _) = faulty();
        store.set("before", b"").await.unwrap();
        faults.cut_power_after(1);
        store.set("last", b"").await.unwrap();
        assert!(faults.power_is_cut());
        assert!(store.set("after", b"").await.is_err());
        assert!(store.get("before").await.is_err());
        assert_eq!(behind.keys().await.unwrap(), ["before", "last"]);
        assert_eq!(faults.calls(), 4);
        faults.restore_power();
        store.set("again", b"").await.unwrap();
    }

    #[tokio::test]
    async fn a_plan_decides_call_by_call() {
        let (store, behind, faults, clock) = faulty();
        faults.plan(|call| match call {
            Call::Set(key, _) if key == "fails" => Fault::Fail,
            Call::Set(key, _) if key == "lost" => Fault::LoseAnswer,
            Call::Set(key, _) if key == "late" => Fault::Delay(Duration::from_mins(1)),
            _ => Fault::None,
        });
        assert!(store.set("fails", b"").await.is_err());
        assert!(store.set("lost", b"").await.is_err());
        let _guest = clock.guest();
        store.set("late", b"").await.unwrap();
        assert_eq!(clock.now(), std::time::UNIX_EPOCH + Duration::from_mins(1));
        assert_eq!(behind.keys().await.unwrap(), ["late", "lost"]);
    }
}

//! The lease: one sweep at a time, by Fischer's timed mutual exclusion on a plain register.
//!
//! Read; if free or expired, write a token; wait longer than a write can take; read again; go on only if the token is
//! still ours. Whoever wrote last wins, and everybody who read before that write has finished writing when the wait is
//! over. (L. Lamport, A fast mutual exclusion algorithm, 1987, section 2, where Fischer's algorithm is given.)

use chrono::TimeDelta;

use super::{Store, StoreError, names};
use crate::time::Time;

/// The time as the outside knows it.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs to name the future")]
pub trait Clock {
    fn now(&self) -> Time;
    async fn wait(&self, duration: TimeDelta);
}

/// How patient a host must be.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTiming {
    /// Longer than it takes anybody from finding the lease free until their write of it can be read everywhere.
    pub settle: TimeDelta,
    /// How long a lease lasts without renewal; a dead holder's lease is free after that.
    pub lasts: TimeDelta,
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self { settle: TimeDelta::milliseconds(100), lasts: TimeDelta::seconds(40) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    /// Random, so that two actors never mistake one another's lease for their own.
    token: String,
    until: Time,
}

impl Held {
    /// `<until>:<token>`. Webhook components look at it too, and should not need a JSON reader for that.
    fn to_bytes(&self) -> Vec<u8> {
        format!("{}:{}", self.until.millis(), self.token).into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (until, token) = std::str::from_utf8(bytes).ok()?.split_once(':')?;
        Some(Self { token: token.to_owned(), until: Time::from_millis(until.parse().ok()?) })
    }
}

/// A lease that is ours, as far as anybody can know.
#[derive(Debug)]
pub struct Lease {
    held: Held,
    timing: LeaseTiming,
}

impl Lease {
    /// `None` when somebody else has it. `seen` tells whether the key list showed a lease at all, which saves a read.
    pub async fn acquire(
        store: &impl Store,
        clock: &impl Clock,
        timing: LeaseTiming,
        token: String,
        seen: bool,
    ) -> Result<Option<Self>, StoreError> {
        if seen && Self::read(store).await?.is_some_and(|held| held.until > clock.now()) {
            return Ok(None);
        }
        let held = Held { token, until: clock.now() + timing.lasts };
        store.set(names::LEASE, &held.to_bytes()).await?;
        clock.wait(timing.settle).await;
        let ours = Self::read(store).await?.as_ref() == Some(&held);
        Ok(ours.then_some(Self { held, timing }))
    }

    /// Is a sweep under way, as far as one read can tell?
    pub async fn is_held(store: &impl Store, clock: &impl Clock) -> bool {
        matches!(Self::read(store).await, Ok(Some(held)) if held.until > clock.now())
    }

    async fn read(store: &impl Store) -> Result<Option<Held>, StoreError> {
        let bytes = store.get(names::LEASE).await?;
        // A lease that cannot be read is as good as none: it is never truth.
        Ok(bytes.as_deref().and_then(Held::from_bytes))
    }

    /// Checks that the lease is still ours, and renews it when less than half of it is left.
    pub async fn check(&mut self, store: &impl Store, clock: &impl Clock) -> Result<(), StoreError> {
        let now = clock.now();
        if self.held.until <= now || Self::read(store).await?.as_ref() != Some(&self.held) {
            return Err(StoreError::LeaseLost);
        }
        if self.is_half_over(now) {
            self.held.until = now + self.timing.lasts;
            store.set(names::LEASE, &self.held.to_bytes()).await?;
        }
        Ok(())
    }

    /// Is it time to renew it?
    pub fn is_half_over(&self, now: Time) -> bool {
        self.held.until - now < self.timing.lasts / 2
    }

    /// Until when something may be begun that nobody else must do as well: long enough before the lease runs out for
    /// one call to end, and for clocks that differ.
    pub fn good_until(&self) -> Time {
        self.held.until - self.timing.lasts / 4
    }

    /// Lets go. Whoever took the lease over in the meantime keeps it, unless they took it this very moment; then the
    /// two sweep at once, which loses nothing.
    pub async fn release(self, store: &impl Store, clock: &impl Clock) -> Result<(), StoreError> {
        if self.held.until > clock.now() { store.delete(names::LEASE).await } else { Ok(()) }
    }
}

//! The time that guests see, and that tests control.
//!
//! With a [`ManualClock`] the WASI wall clock and monotonic clock stand still until a test moves them, or until every
//! guest waits for time to pass. This is a discrete-event simulation:
//!
//! * A guest that waits (`std::thread::sleep`, `subscribe-duration`) registers its deadline.
//! * Once all guests are blocked in `wasi:io/poll` and no call to the outside world is under way, nothing can happen
//!   before the earliest deadline. After a short pause in real time, in which a task that has been woken gets its
//!   turn, the clock jumps to that deadline. So a guest that sleeps for an hour waits about a millisecond, and two
//!   sleepers wake in the order of their deadlines.
//! * A limit on a guest's time is no reason to move the clock, it only stops it: a guest that sleeps for longer than it
//!   may execute is ended at its limit.
//! * While an outgoing HTTP call is under way, time does not jump: a guest's own timeout must not beat an answer that
//!   is on its way. The wait then lasts as long as it would in real time, so a peer that never answers hangs nothing.
//!   The timeouts that a guest sets on the call itself are always real time, the host's HTTP client keeps them.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

/// How long everything must be quiet before the clock jumps. Long enough for the runtime to poll a task that was
/// woken just before, short enough that a test can afford thousands of jumps.
const QUIET: Duration = Duration::from_millis(1);

/// Where guests and rate limits take the time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// A clock that a test controls.
    Manual(ManualClock),
}

impl Clock {
    /// The wall clock's time.
    pub fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Waits while a guest that executes waits for the host.
    pub(crate) async fn pause(&self, duration: Duration) {
        match self {
            Self::System => tokio::time::sleep(duration).await,
            Self::Manual(clock) => {
                let _blocked = clock.blocked();
                clock.reached(clock.monotonic() + duration).await;
            }
        }
    }

    /// Waits until a guest that executes has had its time.
    pub(crate) async fn elapse(&self, duration: Duration) {
        match self {
            Self::System => tokio::time::sleep(duration).await,
            Self::Manual(clock) => clock.passed(clock.monotonic() + duration).await,
        }
    }

    /// The manual clock, if this is one.
    pub(crate) fn manual(&self) -> Option<&ManualClock> {
        match self {
            Self::System => None,
            Self::Manual(clock) => Some(clock),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

/// A clock that moves when told to, and when every guest waits for it. Clones share the time; several hosts may too.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    wall: SystemTime,
    monotonic: Duration,
    /// Deadlines on the monotonic clock, each with a number that makes it unique.
    sleepers: BTreeSet<(Duration, u64)>,
    /// Limits that must not be jumped over, likewise.
    limits: BTreeSet<(Duration, u64)>,
    /// The number of the sleeper or limit that comes next.
    next: u64,
    /// Guests that are executing, that is, not blocked in `wasi:io/poll`.
    running: usize,
    /// Calls to the outside world whose answer is not complete.
    calls: usize,
    /// Counts every change, to notice one that came and went.
    version: u64,
}

impl State {
    fn first_sleeper(&self) -> Option<u64> {
        self.sleepers.first().map(|&(_, id)| id)
    }

    fn move_forward(&mut self, by: Duration) {
        self.monotonic += by;
        self.wall += by;
    }
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: SystemTime) -> Self {
        let state = State {
            wall: start,
            // Not zero: guests may subtract from an instant.
            monotonic: Duration::from_secs(1 << 20),
            sleepers: BTreeSet::new(),
            limits: BTreeSet::new(),
            next: 0,
            running: 0,
            calls: 0,
            version: 0,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// A clock that stands at `seconds` since 1970.
    pub fn starting_at_unix(seconds: u64) -> Self {
        Self::starting_at(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// The wall clock's time.
    pub fn now(&self) -> SystemTime {
        self.lock().wall
    }

    /// Moves both clocks forward. Guests whose deadline is reached wake up.
    pub fn advance(&self, by: Duration) {
        self.change(|state| state.move_forward(by));
    }

    /// Sets the wall clock. Forward, the monotonic clock moves with it; backward, it stands, as it must.
    pub fn set(&self, to: SystemTime) {
        self.change(|state| {
            let forward = to.duration_since(state.wall).unwrap_or_default();
            state.monotonic += forward;
            state.wall = to;
        });
    }

    /// The monotonic clock's time.
    pub(crate) fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }

    /// A guest that starts to execute, until dropped.
    pub(crate) fn guest(&self) -> Guest {
        self.change(|state| state.running += 1);
        Guest(self.clone())
    }

    /// A guest that executes waits, until dropped.
    fn blocked(&self) -> Blocked {
        self.change(|state| state.running -= 1);
        Blocked(self.clone())
    }

    /// A call to the outside world, until dropped.
    pub(crate) fn call(&self) -> Call {
        self.change(|state| state.calls += 1);
        Call(self.clone())
    }

    /// Waits until the monotonic clock has reached `deadline`, see the module's documentation.
    pub(crate) async fn reached(&self, deadline: Duration) {
        let remaining = deadline.saturating_sub(self.monotonic());
        if remaining.is_zero() {
            // A guest that polls in a busy loop must not starve the others.
            return tokio::task::yield_now().await;
        }
        let sleeper = Sleeper::new(self, deadline, |state| &mut state.sleepers);
        let mut real_time = pin!(tokio::time::sleep(remaining));
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let (quiet, version) = {
                let state = self.lock();
                if state.monotonic >= deadline {
                    return;
                }
                let quiet =
                    state.running == 0 && state.calls == 0 && state.first_sleeper() == Some(sleeper.id);
                (quiet, state.version)
            };
            tokio::select! {
                () = changed => {}
                () = &mut real_time => self.jump(deadline, None),
                () = tokio::time::sleep(QUIET), if quiet => self.jump(deadline, Some(version)),
            }
        }
    }

    /// Waits until the monotonic clock has passed a limit, or real time has.
    async fn passed(&self, limit: Duration) {
        let _limit = Sleeper::new(self, limit, |state| &mut state.limits);
        let mut real_time = pin!(tokio::time::sleep(limit.saturating_sub(self.monotonic())));
        while self.monotonic() < limit {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.monotonic() >= limit {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = &mut real_time => return,
            }
        }
    }

    /// Moves on to `deadline`, or to a limit before it, unless something has changed since `version`.
    fn jump(&self, deadline: Duration, version: Option<u64>) {
        self.change(|state| {
            if version.is_none_or(|version| version == state.version) {
                let limits = state.limits.range((state.monotonic, u64::MAX)..);
                let next = limits.map(|&(limit, _)| limit).next().unwrap_or(deadline).min(deadline);
                let by = next.saturating_sub(state.monotonic);
                state.move_forward(by);
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = {
            let mut state = self.lock();
            let result = change(&mut state);
            state.version += 1;
            result
        };
        self.0.changed.notify_waiters();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guest that is executing.
#[derive(Debug)]
pub(crate) struct Guest(ManualClock);

impl Guest {
    /// The clock that it lives by.
    pub(crate) fn clock(&self) -> &ManualClock {
        &self.0
    }

    /// The guest waits, until the value returned is dropped.
    pub(crate) fn blocked(&self) -> Blocked {
        self.0.blocked()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.change(|state| state.running -= 1);
    }
}

/// A guest that waits in `wasi:io/poll`.
#[derive(Debug)]
pub(crate) struct Blocked(ManualClock);

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.change(|state| state.running += 1);
    }
}

/// A call to the outside world that is under way.
#[derive(Debug)]
pub(crate) struct Call(ManualClock);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.change(|state| state.calls -= 1);
    }
}

type Deadlines = fn(&mut State) -> &mut BTreeSet<(Duration, u64)>;

/// A deadline that the clock knows of, until dropped.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    deadline: Duration,
    id: u64,
    among: Deadlines,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a ManualClock, deadline: Duration, among: Deadlines) -> Self {
        let id = clock.change(|state| {
            state.next += 1;
            let id = state.next;
            among(state).insert((deadline, id));
            id
        });
        Self { clock, deadline, id, among }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.change(|state| (self.among)(state).remove(&(self.deadline, self.id)));
    }
}

#[cfg(test)]
mod tests;

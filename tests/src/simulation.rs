//! Deterministic simulation of the storage engine (as `FoundationDB` and `TigerBeetle` do it).
//!
//! The production code of webhooks' storing, sweeps and readers runs unchanged against a simulated store, clock and
//! provider. One seed decides everything: what happens in the shop, who runs when, what a call takes, who dies or hangs
//! where, what the provider answers. Between any two store calls of an actor every other actor may act. Afterwards the
//! faults stop, sweeps run until they rest, and the laws of [`law::Law`] must hold.
//!
//! * [`world`]: time, store, provider, calls under way. [`port`]: an actor's way into it.
//! * [`weather`]: what goes wrong. [`shop`]: what happens. [`schedule`]: who runs when.
//! * [`truth`] and [`verdict`]: the laws, at every moment and at the end.
//! * [`sabotage`]: broken variants of the engine, which the laws must catch.

pub mod law;
mod port;
mod provider;
pub(crate) mod random;
pub mod sabotage;
mod schedule;
mod shop;
mod truth;
mod verdict;
mod weather;
mod world;

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use law::Violation;
use sabotage::Sabotage;

/// How much the world may do to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What Fischer's algorithm assumes holds: a store call around the lease takes less than `settle`, and the host ends
    /// a sweep before its lease is over. Everything must hold strictly, whatever dies.
    Timely,
    /// Any actor may hang anywhere for any length, so that several hold the lease at once and overwrite each other's
    /// pages. No fact may be lost and, after a rebuild, no score be wrong; an idempotent provider delivers once.
    Wild,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timely => "timely",
            Self::Wild => "wild",
        })
    }
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "timely" => Ok(Self::Timely),
            "wild" => Ok(Self::Wild),
            _ => Err("there are timely and wild"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub mode: Mode,
    pub sabotage: Option<Sabotage>,
    /// Keep a readable line of everything that happens.
    pub trace: bool,
}

impl Options {
    pub const fn new(mode: Mode) -> Self {
        Self { mode, sabotage: None, trace: false }
    }
}

/// What one or many worlds went through: a simulation in which nothing happens proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    pub worlds: u64,
    pub calls: u64,
    pub facts: u64,
    pub sweeps: u64,
    pub crashes: u64,
    /// Sweeps that the host ended.
    pub limits: u64,
    pub stalls: u64,
    pub store_failures: u64,
    /// Provider calls that were accepted, refused, and never answered.
    pub accepted: u64,
    pub refused: u64,
    pub unanswered: u64,
    /// Readers whose view was checked, and those that gave up.
    pub readers: u64,
    pub readers_gave_up: u64,
    /// Sweeps that found themselves at work together with another.
    pub overlaps: u64,
    pub rebuilds: u64,
    /// Facts of people who asked to be forgotten.
    pub forgotten: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        let Self {
            worlds,
            calls,
            facts,
            sweeps,
            crashes,
            limits,
            stalls,
            store_failures,
            accepted,
            refused,
            unanswered,
            readers,
            readers_gave_up,
            overlaps,
            rebuilds,
            forgotten,
        } = other;
        self.worlds += worlds;
        self.calls += calls;
        self.facts += facts;
        self.sweeps += sweeps;
        self.crashes += crashes;
        self.limits += limits;
        self.stalls += stalls;
        self.store_failures += store_failures;
        self.accepted += accepted;
        self.refused += refused;
        self.unanswered += unanswered;
        self.readers += readers;
        self.readers_gave_up += readers_gave_up;
        self.overlaps += overlaps;
        self.rebuilds += rebuilds;
        self.forgotten += forgotten;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} worlds: {} facts, {} store and provider calls, {} sweeps ({} at once with another), {} crashes, \
             {} ended by the host, {} stalls, {} store failures; provider: {} accepted, {} refused, {} unanswered; \
             {} readers ({} gave up), {} rebuilds, {} facts forgotten",
            self.worlds,
            self.facts,
            self.calls,
            self.sweeps,
            self.overlaps,
            self.crashes,
            self.limits,
            self.stalls,
            self.store_failures,
            self.accepted,
            self.refused,
            self.unanswered,
            self.readers,
            self.readers_gave_up,
            self.rebuilds,
            self.forgotten
        )
    }
}

/// A world in which a law was broken.
#[derive(Debug, Clone)]
pub struct Failure {
    pub seed: u64,
    pub mode: Mode,
    pub sabotage: Option<Sabotage>,
    pub violation: Violation,
    pub trace: Vec<String>,
}

/// How much of the trace a failure shows; `--trace` prints all.
const SHOWN: usize = 120;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} ({}) broke a law", self.seed, self.mode)?;
        let skipped = self.trace.len().saturating_sub(SHOWN);
        if skipped > 0 {
            writeln!(f, "  … {skipped} lines before")?;
        }
        for line in &self.trace[skipped..] {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "{}", self.violation)?;
        match self.sabotage {
            Some(sabotage) => write!(f, "(with {sabotage:?})"),
            None => write!(
                f,
                "again, with every line: cargo xtask simulate-store --mode {} --seed {} --trace",
                self.mode, self.seed
            ),
        }
    }
}

impl std::error::Error for Failure {}

/// Runs one world.
pub fn run(seed: u64, options: Options) -> Result<Stats, Box<Failure>> {
    let (result, mut trace) = schedule::run(seed, options);
    result.map_err(|violation| {
        if !options.trace {
            // The same seed is the same world: only one that fails is worth writing down.
            (_, trace) = schedule::run(seed, Options { trace: true, ..options });
        }
        let Options { mode, sabotage, .. } = options;
        Box::new(Failure { seed, mode, sabotage, violation, trace })
    })
}

/// The lines of one world, whether it fails or not.
pub fn trace(seed: u64, options: Options) -> Vec<String> {
    schedule::run(seed, Options { trace: true, ..options }).1
}

/// Runs `count` worlds from `from` on, on all cores; `progress` is told how many are done. The failure with the least
/// seed is returned.
pub fn run_many(
    from: u64,
    count: u64,
    options: Options,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Stats, Box<Failure>> {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let result: Mutex<(Stats, Option<Box<Failure>>)> = Mutex::default();
    let worker = || {
        let mut stats = Stats::default();
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            match run(from + number, options) {
                Ok(world) => stats += world,
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut result = result.lock().expect("no worker panics with the lock");
                    if result.1.as_ref().is_none_or(|known| failure.seed < known.seed) {
                        result.1 = Some(failure);
                    }
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        result.lock().expect("no worker panics with the lock").0 += stats;
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..cores).for_each(|_| {
            scope.spawn(worker);
        });
    });
    let (stats, failure) = result.into_inner().expect("no worker panics with the lock");
    failure.map_or(Ok(stats), Err)
}

//! What a platform allows, so that the application can be tried within its limits before it is deployed there.
//!
//! Figures are those that the platforms publish. How they word a refusal they do not publish; here it is an error
//! that names the limit. Where a figure may be read two ways (is a megabyte 10⁶ bytes or 2²⁰?) the stricter is taken.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// A platform whose limits a host can enforce. Rates are measured on the host's [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Fermyon Cloud: 1,024 keys of 255 bytes with values of 1 MB, 500 outgoing requests an hour, 30 s a request, no
    /// calls between components.
    FermyonCloud,
    /// Akamai Functions: 50 writes and 1,000 reads a second, keys of 8 KB, values of 1 MB, 128 MiB of memory and 30 s
    /// a request.
    Akamai,
}

/// Limits, each of which may be missing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) max_keys: Option<usize>,
    pub(crate) max_key_bytes: Option<usize>,
    pub(crate) max_value_bytes: Option<usize>,
    pub(crate) reads_a_second: Option<usize>,
    pub(crate) writes_a_second: Option<usize>,
    pub(crate) outgoing_an_hour: Option<usize>,
    pub(crate) max_memory_bytes: Option<usize>,
    pub(crate) max_time: Option<Duration>,
    pub(crate) no_chaining: bool,
}

impl Profile {
    pub(crate) fn limits(self) -> Limits {
        match self {
            Self::FermyonCloud => Limits {
                max_keys: Some(1024),
                max_key_bytes: Some(255),
                max_value_bytes: Some(1_000_000),
                outgoing_an_hour: Some(500),
                max_time: Some(Duration::from_secs(30)),
                no_chaining: true,
                ..Limits::default()
            },
            Self::Akamai => Limits {
                max_key_bytes: Some(8_000),
                max_value_bytes: Some(1_000_000),
                reads_a_second: Some(1000),
                writes_a_second: Some(50),
                max_memory_bytes: Some(128 * 1024 * 1024),
                max_time: Some(Duration::from_secs(30)),
                ..Limits::default()
            },
        }
    }
}

/// Lets a number of events happen within any period of a given length.
#[derive(Debug)]
pub(crate) struct Rate {
    max: usize,
    period: Duration,
    clock: Clock,
    recent: Mutex<VecDeque<SystemTime>>,
}

impl Rate {
    pub(crate) fn new(max: usize, period: Duration, clock: Clock) -> Self {
        Self { max, period, clock, recent: Mutex::default() }
    }

    /// Whether one more may happen now. If so it counts.
    pub(crate) fn allows(&self) -> bool {
        let now = self.clock.now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes events of the future: they stay until it has caught up.
        while recent
            .front()
            .is_some_and(|&first| now.duration_since(first).is_ok_and(|age| age >= self.period))
        {
            recent.pop_front();
        }
        let allowed = recent.len() < self.max;
        if allowed {
            recent.push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_rate_holds_over_any_period() {
        let clock = ManualClock::starting_at_unix(1_000_000);
        let rate = Rate::new(2, Duration::from_secs(1), clock.clone().into());
        let check = |advance_ms: u64, expected: bool| {
            clock.advance(Duration::from_millis(advance_ms));
            assert_eq!(rate.allows(), expected, "after {advance_ms} ms more");
        };
        check(0, true);
        check(900, true);
        check(99, false);
        check(1, true);
        check(899, false);
        check(1, true);
    }
}

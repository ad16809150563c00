//! What goes wrong in one world, and how often.

use super::Mode;
use super::random::Random;

/// Chances are per thousand; times are milliseconds.
///
/// Each world draws its own: with every fault at once, most worlds would never get far enough to be interesting.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    /// What a store call usually takes at most.
    pub(super) latency: u64,
    /// How often a call, or the actor after it, hangs, and how long at most.
    pub(super) stall: u64,
    pub(super) stall_at_most: u64,
    /// An actor dies with its call under way.
    pub(super) crash: u64,
    /// A store call fails; half of those take effect all the same.
    pub(super) store_failure: u64,
    /// Provider: answers 429 or 5xx, never gets the request, loses its answer.
    pub(super) refusal: u64,
    pub(super) lost_request: u64,
    pub(super) lost_answer: u64,
    /// How far the clocks of two machines are apart at most.
    pub(super) skew: u64,
    /// Whether a platform that got no answer gives up at once.
    pub(super) gives_up: u64,
}

impl Weather {
    /// Nothing goes wrong any more.
    pub(super) const CALM: Self = Self {
        latency: 1,
        stall: 0,
        stall_at_most: 0,
        crash: 0,
        store_failure: 0,
        refusal: 0,
        lost_request: 0,
        lost_answer: 0,
        skew: 0,
        gives_up: 0,
    };

    pub(super) fn draw(random: &mut Random, mode: Mode) -> Self {
        // Actors that assume nothing about time may hang for longer than any lease lasts, in every world.
        let (latency, stall, stall_at_most, skew) = match mode {
            Mode::Timely => ([0, 1, 3, 10], [0, 5, 30, 100], 120_000, 2_000),
            Mode::Wild => ([0, 3, 100, 1_000], [5, 30, 100, 200], 600_000, 120_000),
        };
        Self {
            latency: *random.pick(&latency),
            stall: *random.pick(&stall),
            stall_at_most: *random.pick(&[30, 2_000, 45_000, stall_at_most]),
            crash: *random.pick(&[0, 0, 2, 8, 30, 80]),
            store_failure: *random.pick(&[0, 0, 0, 5, 40]),
            refusal: *random.pick(&[0, 0, 100, 500]),
            lost_request: *random.pick(&[0, 0, 100, 300]),
            lost_answer: *random.pick(&[0, 0, 200, 600]),
            skew: *random.pick(&[0, 0, skew]),
            gives_up: *random.pick(&[0, 300]),
        }
    }

    /// No actor is ever cut short in such a world, so that what must happen without the help of a tick does.
    pub(super) fn spares_actors(&self) -> bool {
        self.crash == 0 && self.store_failure == 0
    }
}

//! Simulated worlds in the normal test run: `cargo xtask simulate-store` runs as many as one likes.

use aftercare_tests::simulation::{Mode, Options, Stats, run_many};

#[track_caller]
fn hold(mode: Mode, worlds: u64) -> Stats {
    match run_many(0, worlds, Options::new(mode), &|_| {}) {
        Ok(stats) => {
            println!("{stats}");
            stats
        }
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn every_law_holds_in_timely_worlds() {
    hold(Mode::Timely, 1_000);
}

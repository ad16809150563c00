//! Simulated worlds in the normal test run: `cargo xtask simulate-store` runs as many as one likes.

use aftercare_tests::simulation::sabotage::Sabotage;
use aftercare_tests::simulation::{Mode, Options, Stats, run, run_many, trace};

/// Worlds of each mode in a normal run, 10,000 together.
const TIMELY: u64 = 6_500;
const WILD: u64 = 3_500;

#[track_caller]
fn hold(mode: Mode, worlds: u64) -> Stats {
    match run_many(0, worlds, Options::new(mode), &|_| {}) {
        Ok(stats) => {
            println!("{mode}: {stats}");
            // A simulation in which nothing goes wrong proves nothing.
            let Stats { crashes, stalls, store_failures, refused, unanswered, .. } = stats;
            assert!(
                [crashes, stalls, store_failures, refused, unanswered]
                    .iter()
                    .all(|count| *count > worlds / 100)
            );
            assert!(
                stats.readers > worlds / 2 && stats.rebuilds > worlds / 100 && stats.accepted > worlds / 2
            );
            assert!(stats.forgotten > worlds / 2);
            stats
        }
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn every_law_holds_while_hosts_keep_their_promises_about_time() {
    let stats = hold(Mode::Timely, TIMELY);
    assert_eq!(stats.overlaps, 0, "the lease lets one sweep work at a time");
    assert!(stats.limits > 0, "the host ends some sweeps");
}

#[test]
fn nothing_is_lost_or_doubled_when_they_do_not() {
    let stats = hold(Mode::Wild, WILD);
    assert!(stats.overlaps > WILD / 20, "sweeps are at work at once");
}

#[test]
fn every_sabotage_is_caught() {
    for sabotage in Sabotage::ALL {
        let options = Options { sabotage: Some(sabotage), ..Options::new(Mode::Timely) };
        let caught = (0..TIMELY).find_map(|seed| Some((seed, run(seed, options).err()?)));
        let Some((seed, failure)) = caught else { panic!("{sabotage:?} was not caught in {TIMELY} worlds") };
        println!("{sabotage:?}: world {} broke {:?}", seed + 1, failure.violation.law);
    }
}

#[test]
fn a_seed_is_a_world() {
    for seed in 0..20 {
        for mode in [Mode::Timely, Mode::Wild] {
            let first = trace(seed, Options::new(mode));
            assert!(first.len() > 10);
            assert_eq!(first, trace(seed, Options::new(mode)));
        }
    }
}

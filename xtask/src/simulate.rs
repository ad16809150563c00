//! `cargo xtask simulate-store`: the storage engine in as many simulated worlds as one likes.

use std::time::Instant;

use aftercare_tests::simulation::{self, Mode, Options};
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many worlds, of each mode.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first seed; a random one if it is not given, so that every run breaks new ground.
    #[arg(long)]
    from: Option<u64>,
    /// `timely`: hosts keep their promises about time. `wild`: they do not. Both, if it is not given.
    #[arg(long)]
    mode: Option<Mode>,
    /// Only this one world.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print all that happens in it.
    #[arg(long, requires = "seed")]
    trace: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let modes = args.mode.map_or(vec![Mode::Timely, Mode::Wild], |mode| vec![mode]);
    for mode in modes {
        let options = Options::new(mode);
        match args.seed {
            Some(seed) => one(seed, options, args.trace)?,
            None => many(args.from.unwrap_or_else(random_seed), args.seeds, options)?,
        }
    }
    Ok(())
}

fn one(seed: u64, options: Options, trace: bool) -> Result<()> {
    if trace {
        for line in simulation::trace(seed, options) {
            println!("{line}");
        }
    }
    match simulation::run(seed, options) {
        Ok(stats) => println!("seed {seed}, {}: every law holds. {stats}", options.mode),
        Err(failure) if trace => bail!("seed {seed}, {}: {}", options.mode, failure.violation),
        Err(failure) => bail!("{failure}"),
    }
    Ok(())
}

fn many(from: u64, seeds: u64, options: Options) -> Result<()> {
    let bar = ProgressBar::new(seeds);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:>6} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_prefix(options.mode.to_string());
    let started = Instant::now();
    let result = simulation::run_many(from, seeds, options, &|done| bar.set_position(done));
    bar.finish_and_clear();
    match result {
        Ok(stats) => {
            #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
            let rate = stats.worlds as f64 / started.elapsed().as_secs_f64();
            println!(
                "{}, seeds {from} to {}: every law holds. {stats}. {rate:.0} worlds/s",
                options.mode,
                from + seeds - 1
            );
            Ok(())
        }
        Err(failure) => bail!("{failure}"),
    }
}

/// Short enough to be read out.
fn random_seed() -> u64 {
    getrandom::u32().map_or(1, u64::from)
}

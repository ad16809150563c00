//! The repository's automation, one file a command. `cargo xtask help` lists them.

mod bench;
mod components;
mod demo;
mod secrets;
mod settings;
mod sign;
mod simulate;
mod store;
mod test;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, runs and checks Aftercare")]
enum Command {
    /// Build the components for WebAssembly, where spin.toml expects them.
    Build,
    /// Build the components and serve spin.toml, without Spin. The flags are those of `spin up`.
    Up(up::Args),
    /// Check everything: format, lints, unit, property and end-to-end tests on the WebAssembly components.
    Test(test::Args),
    /// Measure what is promised in figures: sizes, ratios, counts.
    Bench(bench::Args),
    /// Post signed sample webhooks to a running instance, so that its pages have something to show.
    Demo(demo::Args),
    /// Run the storage engine in simulated worlds, until a law is broken or all have held.
    SimulateStore(simulate::Args),
    /// Show what an instance has stored, running or stopped: keys, pages, records, inbox.
    Store(store::Args),
    /// Check a settings document.
    #[command(subcommand)]
    Settings(settings::Action),
    /// Sign a payload as its sender would, and post it.
    Sign(sign::Args),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Build => components::build(root()),
        Command::Up(args) => up::run(root(), args),
        Command::Test(args) => test::run(root(), &args),
        Command::Bench(args) => bench::run(root(), &args),
        Command::Demo(args) => demo::run(root(), &args),
        Command::SimulateStore(args) => simulate::run(&args),
        Command::Store(args) => store::run(root(), args),
        Command::Settings(action) => settings::run(&action),
        Command::Sign(args) => sign::run(root(), &args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> &'static Path {
    static ROOT: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        // Cargo says where this package is now; what the compiler was told may be a checkout that has moved.
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        PathBuf::from(package).parent().map(Path::to_owned).unwrap_or_default()
    });
    &ROOT
}

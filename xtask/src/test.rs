//! Everything that must hold before a change lands, in the order that fails fastest.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::components;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this; format and lints are skipped.
    filter: Option<String>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if args.filter.is_none() {
        step(root, "format", &["fmt", "--all", "--check"])?;
        step(root, "lints", &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    }
    heading("components");
    components::build(root)?;
    let mut tests = vec!["test"];
    tests.extend(args.filter.as_deref());
    step(root, "tests", &tests)
}

fn heading(name: &str) {
    eprintln!("\n── {name} ──");
}

/// Runs one cargo command and says how long it took.
fn step(root: &Path, name: &str, arguments: &[&str]) -> Result<()> {
    heading(name);
    let started = Instant::now();
    let status =
        components::cargo().args(arguments).current_dir(root).status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("{name}: `cargo {}` failed", arguments.join(" "));
    }
    eprintln!("{name}: passed in {:.0} s", started.elapsed().as_secs_f32());
    Ok(())
}

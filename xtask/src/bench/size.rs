//! Sizes of the components as they are deployed.

use std::path::Path;

use anyhow::{Context, Result};

use crate::components;

pub(super) fn run(root: &Path) -> Result<()> {
    println!("\nsize: components as built (limit: 300 KiB a webhook, 4 MiB together)");
    let mut total = 0;
    for package in components::packages(root)? {
        let file = components::artifact(root, &package);
        let bytes = std::fs::metadata(&file).with_context(|| format!("no {}", file.display()))?.len();
        total += bytes;
        println!("  {package:<20} {:>6.1} KiB", kib(bytes));
    }
    println!("  {:<20} {:>6.1} KiB", "together", kib(total));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

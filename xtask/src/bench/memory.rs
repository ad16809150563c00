//! Memory of a sweep.

use std::path::Path;

use aftercare_tests::provider::Provider;
use anyhow::{Context, Result};

use super::{in_memory, seed, sweep_all};

/// Every page that there is, near its limit, is touched by one sweep.
pub(super) async fn run(root: &Path) -> Result<()> {
    println!("\nmemory: the largest memory of an execution in which 1,000 customers answer");
    for customers in [10_000, 30_000, 100_000] {
        let memory = seed::store_with(customers).await?;
        let host = in_memory(root, &Provider::start().await?, "tick").await?;
        let store = host.store("default").context("the store")?;
        memory.copy_to(&store).await?;
        for (key, fact) in seed::answers(0..1_000, &seed::days_ago(0))? {
            store.set(&key, &fact).await?;
        }
        host.counters().reset();
        sweep_all(&host).await?;
        let peak = host.counters().read().peak_memory_bytes >> 20;
        println!(
            "  {customers:>7} customers on {:>3} pages: {peak:>4} MiB (goal: less than 64)",
            memory.keys_of("page:")
        );
        host.shut_down().await;
    }
    Ok(())
}

//! How fast facts are swept that stand in Redis.

use std::path::Path;
use std::time::{Duration, Instant};

use aftercare_host::Host;
use aftercare_tests::provider::Provider;
use aftercare_tests::redis::RedisServer;
use anyhow::{Context, Result};

use super::{per, seed, sweep_all, with_provider};

const EVENTS: u32 = 10_000;

pub(super) async fn run(root: &Path) -> Result<()> {
    println!("\nredis: {EVENTS} facts swept in one partition, the server on the same machine");
    let Some(_) = RedisServer::start()? else { return Ok(()) };
    let now = seed::days_ago(0);
    swept(root, "answers", seed::answers(0..EVENTS, &now)?).await?;
    swept(root, "orders, none thanked for", seed::orders(0..EVENTS, &seed::days_ago(10))?).await?;
    swept(root, "orders, each thanked for", seed::orders(0..EVENTS, &now)?).await?;
    Ok(())
}

async fn swept(root: &Path, name: &str, facts: Vec<(String, Vec<u8>)>) -> Result<()> {
    let Some(server) = RedisServer::start()? else { return Ok(()) };
    let provider = Provider::start().await?;
    let mut options = with_provider(root, &provider, "tick");
    options.runtime_config = Some(server.runtime_config()?);
    let host = Host::start(options).await?;
    let store = host.store("default").context("the store")?;
    for (key, fact) in facts {
        store.set(&key, &fact).await?;
    }
    let trip = round_trip(&store).await?;
    host.counters().reset();
    let started = Instant::now();
    sweep_all(&host).await?;
    let elapsed = started.elapsed();
    let counts = host.counters().read();
    let calls = counts.reads() + counts.writes();
    let rate = f64::from(EVENTS) / elapsed.as_secs_f64();
    let waiting = trip.as_secs_f64() * per(calls, 1) / elapsed.as_secs_f64() * 100.0;
    println!(
        "  {name:<26} {rate:>6.0} /s (goal: at least 2,000), {:.2} store calls an event, about {waiting:.0} % of the time \
         in round trips of {trip:.0?}, {} MiB of memory at most",
        per(calls, EVENTS),
        counts.peak_memory_bytes >> 20
    );
    host.shut_down().await;
    Ok(())
}

/// What one command costs, from the host.
async fn round_trip(store: &aftercare_host::Store) -> Result<Duration> {
    const TRIPS: u32 = 2_000;
    let started = Instant::now();
    for _ in 0..TRIPS {
        store.get("nothing").await?;
    }
    Ok(started.elapsed() / TRIPS)
}

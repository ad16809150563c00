//! Store calls when much is stored.

use std::path::Path;

use aftercare_host::{Counts, Host};
use aftercare_tests::provider::Provider;
use anyhow::{Context, Result};
use http::Request;
use http_body_util::Full;

use super::{bodies, dispatch, in_memory, post, seed, signed, sweep_all};

const CUSTOMERS: u32 = 100_000;

pub(super) async fn run(root: &Path) -> Result<()> {
    println!("\nstored: store calls with {CUSTOMERS} customers stored");
    let memory = seed::store_with(CUSTOMERS).await?;
    println!(
        "  {} pages, {} segments, {} bytes",
        memory.keys_of("page:"),
        memory.keys_of("seg:"),
        memory.bytes()
    );
    let host = in_memory(root, &Provider::start().await?, "tick").await?;
    memory.copy_to(&host.store("default").context("the store")?).await?;
    sweep_all(&host).await?;

    host.counters().reset();
    dispatch(&host).await?;
    show("an idle tick", host.counters().read(), "goal: at most 3 reads and no write");

    let request = &signed(&bodies(CUSTOMERS, 1)?)?[0];
    one(&host, "an order of a new customer, thanked for", request).await?;
    let (_, answer) = seed::answers(7..8, &seed::days_ago(0))?.pop().context("an answer")?;
    swept(&host, "an answer of a customer known", answer).await?;
    host.shut_down().await;
    Ok(())
}

/// One event through its webhook.
async fn one(host: &Host, name: &str, request: &Request<Full<bytes::Bytes>>) -> Result<()> {
    host.counters().reset();
    post(host, request).await?;
    show(&format!("{name}, before the answer"), host.counters().read(), "goal: at most 6");
    host.counters().reset();
    dispatch(host).await?;
    show(&format!("{name}, after it"), host.counters().read(), "goal: at most 12");
    Ok(())
}

/// One event that a webhook has stored.
async fn swept(host: &Host, name: &str, fact: Vec<u8>) -> Result<()> {
    let id = aftercare::fact::Fact::id_of(&fact);
    host.store("default").context("the store")?.set(&aftercare::store::names::inbox(&id), &fact).await?;
    host.counters().reset();
    dispatch(host).await?;
    show(&format!("{name}, after the answer"), host.counters().read(), "goal: at most 12");
    Ok(())
}

fn show(name: &str, counts: Counts, goal: &str) {
    let (reads, writes) = (counts.reads(), counts.writes());
    println!("  {name:<56} {reads:>3} reads {writes:>3} writes ({goal})");
}

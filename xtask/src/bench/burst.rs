//! Durable writes of a burst.

use std::path::Path;

use aftercare_tests::provider::Provider;
use anyhow::Result;
use futures_util::{StreamExt, stream};

use super::{bodies, in_memory, per, post, signed, sweep_all};

const EVENTS: u32 = 1_000;

/// 1,000 orders of 1,000 customers, swept when all are there, and while they come.
pub(super) async fn run(root: &Path) -> Result<()> {
    println!(
        "\nburst: durable writes an event, {EVENTS} orders of as many customers, each of them thanked for"
    );
    let requests = signed(&bodies(0, EVENTS)?)?;

    let host = in_memory(root, &Provider::start().await?, "tick").await?;
    for request in &requests {
        post(&host, request).await?;
    }
    let before = host.counters().read().writes();
    sweep_all(&host).await?;
    let all = host.counters().read().writes();
    println!("  before the answer            {:.2} (goal: 1)", per(before, EVENTS));
    println!("  swept together               {:.2} (goal: at most 2.5)", per(all, EVENTS));
    host.shut_down().await;

    let host = in_memory(root, &Provider::start().await?, "after").await?;
    let mut answers = stream::iter(&requests).map(|request| post(&host, request)).buffer_unordered(64);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    drop(answers);
    host.settled().await;
    sweep_all(&host).await?;
    println!("  swept while they come        {:.2}", per(host.counters().read().writes(), EVENTS));
    host.shut_down().await;
    Ok(())
}

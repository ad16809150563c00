//! How long one order takes inside WebAssembly, from raw bytes to the bytes of its fact.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aftercare_tests::signing::Sender;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::{Args, SECRET, serve};

/// A large order: most have one to three lines and 8 KB.
const BYTES: usize = 25 * 1024;

/// Turns that are not counted, and turns that are.
const WARM_UP: usize = 50;
const TURNS: usize = 1_000;

/// Turns of `tests/receive-loop`, timed between two readings of the host's clock inside the guest: the request's way
/// through the host is not in it, the guest's own work is in it whole.
pub(super) async fn run(root: &Path, args: &Args) -> Result<()> {
    let body = order()?;
    println!(
        "\nreceive: verification and normalisation of a Shopify order of {} bytes, in WebAssembly",
        body.len()
    );
    let guest =
        serve(root.join("tests/receive-loop/spin.toml"), true, &[("shopify_secrets", SECRET)]).await?;
    let mut medians = Vec::new();
    for round in 0..args.rounds {
        let mut request = Request::post(format!("/?turns={}", WARM_UP + TURNS)).header("host", "bench");
        for (name, value) in Sender::Shopify.headers("orders/create", SECRET, &body, SystemTime::now())? {
            request = request.header(name, value);
        }
        let answer = guest.host.handle(request.body(Bytes::from(body.clone()))?).await;
        ensure!(answer.status() == 200, "{}: {}", answer.status(), String::from_utf8_lossy(answer.body()));
        let times: Vec<u64> = serde_json::from_slice(answer.body()).context("not a list of times")?;
        let mut times: Vec<Duration> = times.into_iter().skip(WARM_UP).map(Duration::from_nanos).collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        println!("  round {}: median {:>7.1?}   p99 {:>7.1?}", round + 1, at(50), at(99));
        medians.push(at(50));
    }
    guest.shut_down().await;
    let best = medians.into_iter().min().unwrap_or_default();
    println!("  median {best:.1?} (goal: under 1 ms)");
    Ok(())
}

/// The repository's Shopify order, with lines added until it is large.
fn order() -> Result<Vec<u8>> {
    let text = include_str!("../../../shared/fixtures/shopify/order.json");
    let mut order: Value = serde_json::from_str(text)?;
    let line = order["line_items"][0].clone();
    let lines = order["line_items"].as_array_mut().context("an order has lines")?;
    let mut size = text.len();
    for id in 1_u64.. {
        if size >= BYTES {
            break;
        }
        let mut line = line.clone();
        line["id"] = Value::from(9_007_199_254_740_993 + id);
        size += serde_json::to_vec_pretty(&line)?.len();
        lines.push(line);
    }
    Ok(serde_json::to_vec_pretty(&order)?)
}

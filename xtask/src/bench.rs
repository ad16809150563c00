//! Benchmarks, one file each. Machines are noisy, so what is promised is a ratio of two sides of one run, or a count.

mod burst;
mod encodings;
mod group_commit;
mod memory;
mod metrics;
mod pages;
mod plan;
mod receive;
mod redis;
mod rubbish;
mod seed;
mod sending;
mod size;
mod stored;
mod webhook;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aftercare_host::{Host, Options};
use aftercare_tests::load::Load;
use aftercare_tests::payload::ShopifyOrder;
use aftercare_tests::provider::Provider;
use aftercare_tests::signing::Sender;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};

use crate::components;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only benchmarks whose name contains this.
    filter: Option<String>,
    /// How often each side is measured, in turns; the best of each counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Requests a round and side.
    #[arg(long, default_value_t = 4_000)]
    requests: u32,
}

const SECRET: &str = "the secret of the benchmark";

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    components::build(root)?;
    components::build_packages(root, ["one-set", "plan-loop", "receive-loop"].map(str::to_owned))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    let wanted = |name: &str| args.filter.as_deref().is_none_or(|filter| name.contains(filter));
    if wanted("size") {
        size::run(root)?;
    }
    if wanted("webhook") {
        runtime.block_on(webhook::run(root, args))?;
    }
    if wanted("receive") {
        runtime.block_on(receive::run(root, args))?;
    }
    if wanted("plan") {
        runtime.block_on(plan::run(root, args))?;
    }
    if wanted("rubbish") {
        runtime.block_on(rubbish::run(root, args))?;
    }
    if wanted("group-commit") {
        runtime.block_on(group_commit::run(root, args))?;
    }
    if wanted("burst") {
        runtime.block_on(burst::run(root))?;
    }
    if wanted("sending") {
        runtime.block_on(sending::run(root))?;
    }
    if wanted("stored") {
        runtime.block_on(stored::run(root))?;
    }
    if wanted("redis") {
        runtime.block_on(redis::run(root))?;
    }
    if wanted("pages") {
        runtime.block_on(pages::run(root))?;
    }
    if wanted("memory") {
        runtime.block_on(memory::run(root))?;
    }
    if wanted("metrics") {
        runtime.block_on(metrics::run(root))?;
    }
    if wanted("encodings") {
        runtime.block_on(encodings::run(root))?;
    }
    Ok(())
}

/// Serves with a store of its own that is gone afterwards.
async fn serve(manifest: PathBuf, group_commit: bool, variables: &[(&str, &str)]) -> Result<Served> {
    let state = tempfile::tempdir().context("no temporary folder")?;
    let mut options = options(manifest, variables);
    options.state_dir = Some(state.path().to_owned());
    options.group_commit = group_commit;
    Ok(Served { host: Host::start(options).await?, _state: state })
}

fn options(manifest: PathBuf, variables: &[(&str, &str)]) -> Options {
    let mut options = Options::new(manifest);
    options.dot_env = None;
    options.quiet = true;
    options.variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    options
}

/// The shop in memory, for counts.
async fn in_memory(root: &Path, provider: &Provider, process: &str) -> Result<Host> {
    let mut options = with_provider(root, provider, process);
    options.in_memory = true;
    Ok(Host::start(options).await?)
}

/// The shop with a provider that takes everything: the outbox would count as writes of the shop.
fn with_provider(root: &Path, provider: &Provider, process: &str) -> Options {
    let url = format!("http://{}", provider.address);
    let mut variables = shop_variables(process).to_vec();
    variables.extend([("resend_api_key", "re_bench"), ("resend_url", &url)]);
    options(root.join("spin.toml"), &variables)
}

/// What a sweep answers.
async fn dispatch(host: &Host) -> Result<serde_json::Value> {
    let request = Request::post("/dispatch").header("authorization", format!("Bearer {DISPATCH_TOKEN}"));
    let answer = host.handle(request.body(Bytes::new())?).await;
    host.settled().await;
    ensure!(
        answer.status() == 200,
        "dispatch answered {}: {}",
        answer.status(),
        String::from_utf8_lossy(answer.body())
    );
    Ok(serde_json::from_slice(answer.body())?)
}

/// Sweeps until nothing is left.
async fn sweep_all(host: &Host) -> Result<()> {
    loop {
        let report = dispatch(host).await?;
        if ["facts", "planned", "left"].iter().all(|name| report[name] == 0) {
            return Ok(());
        }
    }
}

/// In process, without a connection of its own.
async fn post(host: &Host, request: &Request<Full<Bytes>>) -> Result<()> {
    let body = request.body().clone().collect().await?.to_bytes();
    let answer = host.handle(request.clone().map(|_| body)).await;
    ensure!(
        answer.status() == 202,
        "answered {}: {}",
        answer.status(),
        String::from_utf8_lossy(answer.body())
    );
    Ok(())
}

const DISPATCH_TOKEN: &str = "bench";

fn shop_variables(process: &str) -> [(&str, &str); 3] {
    [("shopify_secrets", SECRET), ("dispatch_token", DISPATCH_TOKEN), ("process", process)]
}

struct Served {
    host: Host,
    _state: tempfile::TempDir,
}

impl Served {
    fn address(&self) -> std::net::SocketAddr {
        self.host.address()
    }

    async fn shut_down(self) {
        self.host.shut_down().await;
    }
}

/// Orders that differ, as JSON.
fn bodies(first: u32, count: u32) -> Result<Vec<Bytes>> {
    let placed_at = chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).to_rfc3339();
    let order = |n: u32| {
        let email = format!("customer{n}@example.com");
        let order = ShopifyOrder {
            id: 9_007_199_254_740_993 + u64::from(n) * 10,
            number: n,
            email: &email,
            first_name: "Ann",
            locale: "en-GB",
            placed_at: &placed_at,
            title: "Espresso machine",
            price: "349.00",
        };
        Ok(Bytes::from(serde_json::to_vec(&order.to_json())?))
    };
    (first..first + count).map(order).collect()
}

fn signed(bodies: &[Bytes]) -> Result<Vec<Request<Full<Bytes>>>> {
    let sign = |body: &Bytes| {
        let mut request = Request::post("/webhooks/order-created").header("host", "bench");
        for (name, value) in Sender::Shopify.headers("orders/create", SECRET, body, SystemTime::now())? {
            request = request.header(name, value);
        }
        Ok(request.body(Full::new(body.clone()))?)
    };
    bodies.iter().map(sign).collect()
}

fn show(name: &str, load: &Load) {
    println!("  {name:<28} {:>7.0} /s   median {:>6.2?}   p99 {:>6.2?}", load.rate, load.median, load.p99);
}

fn best(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

/// So many an event.
#[expect(clippy::cast_precision_loss, reason = "a count of calls")]
fn per(count: u64, events: u32) -> f64 {
    count as f64 / f64::from(events)
}

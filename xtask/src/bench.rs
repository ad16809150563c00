//! Benchmarks. Machines are noisy, so what is promised is a ratio of two sides of one run, or a count.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aftercare_host::{Host, Options};
use aftercare_tests::load::{self, Load};
use aftercare_tests::payload::ShopifyOrder;
use aftercare_tests::signing::Sender;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

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
    components::build_packages(root, ["one-set".to_owned()])?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    let wanted = |name: &str| args.filter.as_deref().is_none_or(|filter| name.contains(filter));
    if wanted("size") {
        sizes(root)?;
    }
    if wanted("webhook") {
        runtime.block_on(webhook(root, args))?;
    }
    if wanted("group-commit") {
        runtime.block_on(group_commit(root, args))?;
    }
    Ok(())
}

/// Sizes of the components as they are deployed.
fn sizes(root: &Path) -> Result<()> {
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

/// `order-created` against a component that only does one `set`.
async fn webhook(root: &Path, args: &Args) -> Result<()> {
    const CONNECTIONS: usize = 16;
    println!("\nwebhook: order-created against an empty component with one set, {CONNECTIONS} connections");
    let (mut orders, mut empties) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let bodies = bodies(round * args.requests, args.requests)?;
        let empty = serve(root.join("tests/one-set/spin.toml"), true, &[]).await?;
        let requests = bodies.iter().enumerate().map(|(n, body)| {
            Request::post(format!("/{round}-{n}")).header("host", "bench").body(Full::new(body.clone()))
        });
        let load = load::run(empty.address(), CONNECTIONS, requests.collect::<Result<_, _>>()?, 202).await?;
        show(&format!("one set, round {}", round + 1), &load);
        empties.push(load.rate);
        empty.shut_down().await;

        let shop = serve(root.join("spin.toml"), true, &shop_variables("tick")).await?;
        let load = load::run(shop.address(), CONNECTIONS, signed(&bodies)?, 202).await?;
        show(&format!("order-created, round {}", round + 1), &load);
        orders.push(load.rate);
        shop.shut_down().await;
    }
    println!("  ratio {:.2} (goal: at least 0.9)", best(&orders) / best(&empties));

    let bodies = bodies(args.rounds * args.requests, args.requests)?;
    let shop = serve(root.join("spin.toml"), true, &shop_variables("after")).await?;
    let load = load::run(shop.address(), CONNECTIONS, signed(&bodies)?, 202).await?;
    show("with sweeps beside it", &load);
    shop.shut_down().await;
    Ok(())
}

/// The host with and without group commit.
async fn group_commit(root: &Path, args: &Args) -> Result<()> {
    const CONNECTIONS: usize = 64;
    println!(
        "\ngroup-commit: durable events with shared commits and with one commit a write, {CONNECTIONS} connections"
    );
    let (mut grouped, mut single) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        for (group, rates) in [(true, &mut grouped), (false, &mut single)] {
            let bodies = bodies(round * args.requests, args.requests)?;
            let shop = serve(root.join("spin.toml"), group, &shop_variables("tick")).await?;
            let load = load::run(shop.address(), CONNECTIONS, signed(&bodies)?, 202).await?;
            let name = if group { "shared commits" } else { "one commit a write" };
            show(&format!("{name}, round {}", round + 1), &load);
            rates.push(load.rate);
            shop.shut_down().await;
        }
    }
    println!("  ratio {:.2} (goal: at least 3)", best(&grouped) / best(&single));
    Ok(())
}

/// Serves with a store of its own that is gone afterwards.
async fn serve(manifest: PathBuf, group_commit: bool, variables: &[(&str, &str)]) -> Result<Served> {
    let state = tempfile::tempdir().context("no temporary folder")?;
    let mut options = Options::new(manifest);
    options.state_dir = Some(state.path().to_owned());
    options.dot_env = None;
    options.group_commit = group_commit;
    options.quiet = true;
    options.variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Ok(Served { host: Host::start(options).await?, _state: state })
}

fn shop_variables(process: &str) -> [(&str, &str); 3] {
    [("shopify_secrets", SECRET), ("dispatch_token", "bench"), ("process", process)]
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

//! How long a shopper waits for a page.

use std::path::Path;
use std::time::Instant;

use aftercare::link::{Links, Purpose};
use aftercare::time::Time;
use aftercare_host::Host;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use serde_json::{Value, json};

use super::{DISPATCH_TOKEN, options, seed, sweep_all};

const CUSTOMERS: u32 = 10_000;
const VISITS: u32 = 200;
const LINK_KEY: &str = "key of the benchmark";
const ADMIN_TOKEN: &str = "admin";

/// As many frequent questions as there may be, so that there is something to put in order.
fn document() -> Value {
    let entry = |number: usize| {
        let question = format!("Question {number}: do you grind the beans for me, and how fine?");
        json!({ "question": { "en": question }, "answer": { "en": "Yes. Tell us how fine, and for which machine." } })
    };
    json!({ "faq": (0..12).map(entry).collect::<Vec<_>>() })
}

/// Each page of one of many customers, in process: what the component needs, and the host around it.
pub(super) async fn run(root: &Path) -> Result<()> {
    println!(
        "\npages: a shopper's page, {CUSTOMERS} customers stored (goal: less than 10 ms, less than 30 KB)"
    );
    let memory = seed::store_with(CUSTOMERS).await?;
    let public_url = "https://care.example";
    let variables = [
        ("link_keys", LINK_KEY),
        ("public_url", public_url),
        ("process", "tick"),
        ("admin_token", ADMIN_TOKEN),
        ("dispatch_token", DISPATCH_TOKEN),
    ];
    let mut options = options(root.join("spin.toml"), &variables);
    options.in_memory = true;
    let host = Host::start(options).await?;
    memory.copy_to(&host.store("default").context("the store")?).await?;

    let settings = Request::put("/settings").header("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let answer = host.handle(settings.body(document().to_string().into())?).await;
    ensure!(answer.status() == 200, "the settings are refused: {}", String::from_utf8_lossy(answer.body()));
    sweep_all(&host).await?;

    let links = Links::new(public_url, vec![LINK_KEY.to_owned()]);
    let now = Time::from_seconds(DateTime::<Utc>::from(std::time::SystemTime::now()).timestamp());
    let pages = [("survey", Purpose::Nps), ("order", Purpose::Order), ("preferences", Purpose::Preferences)];
    for (name, purpose) in pages {
        let mut times = Vec::new();
        let mut bytes = 0;
        for visit in 0..VISITS {
            let order = format!("order:{}", 9_007_199_254_740_993 + u64::from(visit * 37 % CUSTOMERS) * 10);
            let link = links.make(purpose, &order, now, TimeDelta::days(30)).context("a link")?;
            let path = link.strip_prefix(public_url).context("our own")?;
            let request = Request::get(path).header("host", "bench").body(Bytes::new())?;
            let started = Instant::now();
            let answer = host.handle(request).await;
            times.push(started.elapsed());
            ensure!(answer.status() == 200, "{name} answered {}", answer.status());
            bytes = bytes.max(answer.body().len());
        }
        times.sort_unstable();
        let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("  {name:<12} median {median:>6.2?}   p99 {p99:>6.2?}   {bytes:>6} bytes");
    }
    host.shut_down().await;
    Ok(())
}

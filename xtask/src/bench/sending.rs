//! How fast due messages leave.

use std::path::Path;
use std::time::{Duration, Instant};

use aftercare_host::Host;
use aftercare_tests::scripted::Scripted;
use anyhow::Result;

use super::{bodies, dispatch, options, post, shop_variables, signed};

const MESSAGES: u32 = 1_000;
const LATENCY: Duration = Duration::from_millis(50);

/// 1,000 orders wait to be thanked for; one call of `/dispatch`.
pub(super) async fn run(root: &Path) -> Result<()> {
    println!(
        "\nsending: {MESSAGES} due messages, a provider that answers in {LATENCY:?}, one call of /dispatch"
    );
    let requests = signed(&bodies(0, MESSAGES)?)?;
    for (name, secret, address) in
        [("Resend", "resend_api_key", "resend_url"), ("Postmark", "postmark_server_token", "postmark_url")]
    {
        let provider = Scripted::with_latency(LATENCY).await?;
        let url = provider.url();
        let mut variables = shop_variables("tick").to_vec();
        variables.extend([(secret, "key"), (address, &url)]);
        let mut options = options(root.join("spin.toml"), &variables);
        options.in_memory = true;
        let host = Host::start(options).await?;
        for request in &requests {
            post(&host, request).await?;
        }
        host.counters().reset();
        let began = Instant::now();
        let report = dispatch(&host).await?;
        let took = began.elapsed();
        let peak = host.counters().read().peak_memory_bytes >> 20;
        println!(
            "  {name:<10} {} sent in {took:.2?} (goal: {MESSAGES} in less than 10 s), {} asked, {peak} MiB",
            report["sent"],
            provider.asked("/").len()
        );
        host.shut_down().await;
    }
    Ok(())
}

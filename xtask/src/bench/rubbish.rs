//! What good deliveries suffer while somebody posts rubbish beside them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aftercare_tests::load::{self, Load};
use anyhow::Result;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::{Args, bodies, serve, shop_variables, show, signed};

const CONNECTIONS: usize = 4;

/// 10 bodies of half a MiB a second are 5.2 MB/s.
const BODY_BYTES: usize = 512 * 1024;
const EVERY: Duration = Duration::from_millis(100);

/// Good deliveries on their own connections, alone and beside one connection with 5 MB/s of bodies that are offered as
/// Shopify's: each has to be read and hashed whole before it can be refused. In turns, on a fresh store each.
pub(super) async fn run(root: &Path, args: &Args) -> Result<()> {
    println!("\nrubbish: orders on {CONNECTIONS} connections, alone and beside 5 MB/s of rubbish on another");
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        for (with_rubbish, loads) in [(false, &mut alone), (true, &mut beside)] {
            let orders = signed(&bodies(round * args.requests, args.requests)?)?;
            let shop = serve(root.join("spin.toml"), true, &shop_variables("tick")).await?;
            let (sent, started) = (Arc::new(AtomicU64::new(0)), Instant::now());
            let flood = with_rubbish
                .then(|| tokio::spawn(load::flood(shop.address(), rubbish(), EVERY, Arc::clone(&sent))));
            let load = load::run(shop.address(), CONNECTIONS, orders, 202).await?;
            if let Some(flood) = flood {
                flood.abort();
                #[expect(clippy::cast_precision_loss, reason = "bytes of a benchmark")]
                let rate = sent.load(Ordering::Relaxed) as f64 / 1e6 / started.elapsed().as_secs_f64();
                show(&format!("beside {rate:.1} MB/s, round {}", round + 1), &load);
            } else {
                show(&format!("alone, round {}", round + 1), &load);
            }
            loads.push(load);
            shop.shut_down().await;
        }
    }
    let ratio = |of: fn(&Load) -> Duration| {
        let best = |loads: &[Load]| loads.iter().map(of).min().unwrap_or_default().as_secs_f64();
        best(&beside) / best(&alone)
    };
    println!(
        "  beside rubbish to alone: median {:.2}, p99 {:.2}",
        ratio(|load| load.median),
        ratio(|load| load.p99)
    );
    Ok(())
}

/// Nothing of anybody's, with a signature of the right form.
fn rubbish() -> Request<Full<Bytes>> {
    let noise: Vec<u8> =
        (0..BODY_BYTES as u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()[7]).collect();
    let mut request = Request::new(Full::new(Bytes::from(noise)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/webhooks/order-created");
    for (name, value) in [
        ("host", "bench"),
        ("content-type", "application/json"),
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-hmac-sha256", "OrO+jMD0pdHiNq1j8onsvGxfMOSw+Yx4ebTsEHNGuR8="),
    ] {
        request.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    request
}

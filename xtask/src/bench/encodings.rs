//! What stored values could be encoded in, measured in WebAssembly on the facts of a shop that has been running.

use std::collections::BTreeSet;
use std::path::Path;

use aftercare::fact::Fact;
use aftercare::store::{codec, names};
use anyhow::{Context, Result, ensure};
use http::Request;
use serde_json::Value;

use super::{bodies, post, serve, shop_variables, signed, sweep_all};
use crate::components;

/// Orders in the sample; each has a thank-you, its frozen mail and what became of it.
const ORDERS: u32 = 500;

pub(super) async fn run(root: &Path) -> Result<()> {
    components::build_packages(root, ["encodings".to_owned()])?;
    let facts = sample(root).await?;
    println!("\nencodings: {} facts of {ORDERS} orders and their mails, in WebAssembly", facts.len());
    let guest = serve(root.join("tests/encodings/spin.toml"), true, &[]).await?;
    let body = serde_json::to_vec(&facts)?;
    let answer = guest.host.handle(Request::post("/").body(body.into())?).await;
    ensure!(answer.status() == 200, "{}", String::from_utf8_lossy(answer.body()));
    let rows: Vec<Value> = serde_json::from_slice(answer.body())?;
    println!(
        "  {:<20} {:<10} {:>8} {:>16} {:>16}",
        "encoding", "of", "bytes", "encode, each", "decode, each"
    );
    for row in &rows {
        let number = |name: &str| row[name].as_f64().context("a number");
        let count = number("count")?;
        println!(
            "  {:<20} {:<10} {:>8.0} {:>13.1} µs {:>13.1} µs",
            row["encoding"].as_str().unwrap_or_default(),
            row["what"].as_str().unwrap_or_default(),
            number("bytes")? / count,
            number("encode_nanos")? / count / 1e3,
            number("decode_nanos")? / count / 1e3,
        );
    }
    guest.shut_down().await;
    Ok(())
}

/// The facts in the segments of a shop that took orders and thanked for them.
async fn sample(root: &Path) -> Result<BTreeSet<Fact>> {
    let shop = serve(root.join("spin.toml"), true, &shop_variables("tick")).await?;
    for request in signed(&bodies(0, ORDERS)?)? {
        post(&shop.host, &request).await?;
    }
    sweep_all(&shop.host).await?;
    let store = shop.host.store("default").context("no store")?;
    let mut facts = BTreeSet::new();
    for key in store.keys().await? {
        if names::segment_level(&key).is_some() {
            let bytes = store.get(&key).await?.context("a segment that is gone")?;
            facts.extend(codec::decode::<BTreeSet<Fact>>(&key, &bytes)?);
        }
    }
    shop.shut_down().await;
    Ok(facts)
}

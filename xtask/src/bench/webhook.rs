//! What the work of a webhook costs beside the host's own.

use std::path::Path;

use aftercare_tests::load;
use anyhow::Result;
use http::Request;
use http_body_util::Full;

use super::{Args, best, bodies, serve, shop_variables, show, signed};

/// `order-created` against a component that only does one `set`.
pub(super) async fn run(root: &Path, args: &Args) -> Result<()> {
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

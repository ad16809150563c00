//! What it is worth that concurrent writes share a commit.

use std::path::Path;

use aftercare_tests::load;
use anyhow::Result;

use super::{Args, best, bodies, serve, shop_variables, show, signed};

/// The host with and without group commit.
pub(super) async fn run(root: &Path, args: &Args) -> Result<()> {
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

//! Serves the application for tests that end its process: `serve <manifest> <place> [name=value]...`, where the place is
//! a state directory or a `runtime-config.toml`. Prints the address when it is ready, then serves until it is killed.

use std::path::PathBuf;

use aftercare_host::{Host, Options};
use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::new(arguments.next().context("no manifest given")?);
    let place = PathBuf::from(arguments.next().context("no state directory or runtime configuration given")?);
    if place.extension().is_some_and(|extension| extension == "toml") {
        options.runtime_config = Some(place);
    } else {
        options.state_dir = Some(place);
    }
    options.dot_env = None;
    options.quiet = true;
    for argument in arguments {
        let (name, value) = argument.split_once('=').context("variables are name=value")?;
        options.variables.push((name.to_owned(), value.to_owned()));
    }
    let host = Host::start(options).await?;
    println!("{}", host.address());
    std::future::pending().await
}

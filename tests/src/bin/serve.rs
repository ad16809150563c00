//! Serves the application for tests that end its process: `serve <manifest> <state-dir> [name=value]...`. Prints the
//! address when it is ready, then serves until it is killed.

use std::path::PathBuf;

use aftercare_host::{Host, Options};
use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::new(arguments.next().context("no manifest given")?);
    options.state_dir = Some(PathBuf::from(arguments.next().context("no state directory given")?));
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

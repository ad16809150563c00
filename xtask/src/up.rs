//! Serves `spin.toml` with the local host.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aftercare_host::{Host, Options, Profile, parse_variable};
use anyhow::{Context, Result};

use crate::{components, secrets};

/// The flags of `spin up`, as far as they make sense here.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address to listen on.
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Folder for the key-value store [default: .spin].
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Set an environment variable for every component.
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = parse_env)]
    env: Vec<(String, String)>,
    /// Set an application variable: NAME=VALUE, NAME=@FILE, @FILE.toml or @FILE.json.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    variable: Vec<Vec<(String, String)>>,
    /// Runtime configuration: where key-value stores are kept.
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Refuse what a platform would refuse.
    #[arg(long)]
    profile: Option<Platform>,
    /// Drop what components print.
    #[arg(long, short)]
    quiet: bool,
}

/// Platforms with limits.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Platform {
    FermyonCloud,
    Akamai,
}

impl From<Platform> for Profile {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::FermyonCloud => Self::FermyonCloud,
            Platform::Akamai => Self::Akamai,
        }
    }
}

fn parse_env(argument: &str) -> Result<(String, String), String> {
    let (key, value) = argument.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Pages that a person may want to open, if the application has them.
const PAGES: [(&str, &str); 4] =
    [("outbox", "/outbox"), ("dashboard", "/dashboard"), ("scores", "/metrics"), ("health", "/healthz")];

/// Builds and serves until interrupted.
pub(crate) fn run(root: &Path, args: Args) -> Result<()> {
    components::build(root)?;
    let added = secrets::ensure(root)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(serve(root, args, &added))
}

async fn serve(root: &Path, args: Args, added: &[&str]) -> Result<()> {
    // From now on an interrupt is ours to handle.
    let mut interrupts = Interrupts::new()?;
    let mut options = Options::new(root.join("spin.toml"));
    options.variables = args.variable.into_iter().flatten().collect();
    if !has_public_url(root, &options.variables) {
        // Links in messages must lead here, not to the default port.
        options.variables.push(("public_url".into(), format!("http://{}", args.listen)));
    }
    options.listen = args.listen;
    options.state_dir = args.state_dir;
    options.env = args.env;
    options.runtime_config = args.runtime_config_file;
    options.quiet = args.quiet;
    options.profile = args.profile.map(Into::into);
    let host = Host::start(options).await?;

    print_urls(&host);
    if !added.is_empty() {
        print_secrets(&host, added);
    }
    interrupts.next().await;
    eprintln!("Finishing what was begun; interrupt again to stop at once");
    tokio::select! {
        () = host.shut_down() => Ok(()),
        error = impatience() => Err(error),
    }
}

/// Waits for a second interrupt. One that comes at once is the same: some send it to the process and to its group.
async fn impatience() -> anyhow::Error {
    tokio::time::sleep(Duration::from_millis(500)).await;
    match Interrupts::new() {
        Ok(mut interrupts) => {
            interrupts.next().await;
            anyhow::anyhow!("stopped before everything was finished")
        }
        Err(error) => error,
    }
}

/// Whether anything says what the public URL is.
fn has_public_url(root: &Path, variables: &[(String, String)]) -> bool {
    const KEY: &str = "SPIN_VARIABLE_PUBLIC_URL";
    let in_file = || {
        let lines = dotenvy::from_path_iter(root.join(".env"));
        lines.is_ok_and(|lines| lines.flatten().any(|(key, _)| key == KEY))
    };
    variables.iter().any(|(name, _)| name == "public_url") || std::env::var_os(KEY).is_some() || in_file()
}

fn print_urls(host: &Host) {
    let url = format!("http://{}", host.address());
    println!("\nServing {url}, ctrl-c ends it");
    for (name, path) in PAGES {
        if host.has_route(path) {
            println!("  {name:<10} {url}{path}");
        }
    }
    for path in host.routes().filter(|path| path.starts_with("/webhooks/")) {
        println!("  {:<10} {url}{path}", "webhook");
    }
}

fn print_secrets(host: &Host, added: &[&str]) {
    let url = format!("http://{}", host.address());
    println!("\nWrote random secrets for this machine to .env. To use them, `. ./.env`, then:");
    for name in added {
        let value = format!("$SPIN_VARIABLE_{}", name.to_uppercase());
        match *name {
            "admin_token" => {
                println!("  curl -H \"Authorization: Bearer {value}\" {url}/metrics");
                println!("  open {url}/dashboard, with any user name and {value} as password");
            }
            "dispatch_token" => {
                println!("  curl -X POST -H \"Authorization: Bearer {value}\" {url}/dispatch");
            }
            "shopify_secrets" | "webhook_secrets" => println!("  {value} signs webhooks"),
            _ => println!("  {value} is {name}"),
        }
    }
}

/// Requests to end: ctrl-c, or a service manager's SIGTERM.
struct Interrupts {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Interrupts {
    #[cfg(unix)]
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
    fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Without a handler there is nothing to wait for: serve until killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

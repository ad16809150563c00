//! Shows what an instance has stored, running or stopped, to a person who looks for a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aftercare::health::Health;
use aftercare::key::Key;
use aftercare::settings::Settings;
use aftercare::store::listing::Listing;
use aftercare::store::meta::Meta;
use aftercare::store::page::Page;
use aftercare::store::view::View;
use aftercare::store::{Store, codec, names};
use aftercare::time::Time;
use aftercare_host::{Options, open_store};
use aftercare_tests::store::HostStore;
use anyhow::{Result, bail};
use serde_json::Value;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Folder of the key-value store [default: .spin].
    #[arg(long, global = true)]
    state_dir: Option<PathBuf>,
    /// Runtime configuration: where key-value stores are kept.
    #[arg(long, global = true, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,
}

/// Without one: a summary. What is shown holds personal data; it stays on this terminal.
#[derive(clap::Subcommand)]
enum What {
    /// Every key with its size, or those that begin with a prefix.
    Keys { prefix: Option<String> },
    /// One value, decoded.
    Show { key: String },
    /// The facts that wait for a sweep, and the dead letters.
    Inbox,
    /// Every page: size, records, aliases, when it is next due.
    Pages,
    /// The record of a customer, facts that no sweep has taken yet included. By a key (`order:1001`, `email:...`,
    /// `tracking:...`), or by an address, an order id, an order number or a tracking number alone.
    Record { of: String },
}

pub(crate) fn run(root: &Path, args: Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut options = Options::new(root.join("spin.toml"));
        options.state_dir = args.state_dir;
        options.runtime_config = args.runtime_config_file;
        let store = HostStore(open_store(&options, "default").await?);
        match args.what {
            None => summary(&store).await,
            Some(What::Keys { prefix }) => keys(&store, prefix.as_deref().unwrap_or_default()).await,
            Some(What::Show { key }) => show(&store, &key).await,
            Some(What::Inbox) => inbox(&store).await,
            Some(What::Pages) => pages(&store).await,
            Some(What::Record { of }) => record(&store, &of).await,
        }
    })
}

async fn summary(store: &HostStore) -> Result<()> {
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for key in store.keys().await? {
        let bytes = store.get(&key).await?.map_or(0, |value| value.len());
        let kind = key.split_once(':').map_or(key.as_str(), |(kind, _)| kind);
        let (count, sum) = kinds.entry(kind.to_owned()).or_default();
        *count += 1;
        *sum += bytes;
    }
    println!("{:<10} {:>7} {:>12}", "keys", "count", "bytes");
    for (kind, (count, bytes)) in &kinds {
        println!("{kind:<10} {count:>7} {bytes:>12}");
    }
    let health = Health::check(store, &Settings::default()).await;
    println!("\nhealth: {}", health.status);
    for reason in &health.reasons {
        println!("  {reason}");
    }
    println!("{} facts wait for a sweep, {} segments to be folded", health.inbox, health.unfolded);
    if let Some(lease) = store.get(names::LEASE).await? {
        println!("a sweep has the lease, <milliseconds>:<token> {}", String::from_utf8_lossy(&lease));
    }
    match Meta::load(store).await?.next_due() {
        Some(due) => println!("something is next due at {due}"),
        None => println!("nothing is due"),
    }
    Ok(())
}

async fn keys(store: &HostStore, prefix: &str) -> Result<()> {
    let mut keys = store.keys().await?;
    keys.retain(|key| key.starts_with(prefix));
    keys.sort_unstable();
    for key in &keys {
        println!("{:>9}  {key}", store.get(key).await?.map_or(0, |value| value.len()));
    }
    Ok(())
}

async fn show(store: &HostStore, key: &str) -> Result<()> {
    let Some(bytes) = store.get(key).await? else {
        bail!("there is no `{key}`; `cargo xtask store keys` lists what there is");
    };
    match readable(key, &bytes) {
        Some(value) => println!("{}", serde_json::to_string_pretty(&value)?),
        None => println!("{}", String::from_utf8_lossy(&bytes)),
    }
    Ok(())
}

/// What a value says: plain JSON, JSON in the encoding of records, or the parts of a day or month.
fn readable(key: &str, bytes: &[u8]) -> Option<Value> {
    let whole = serde_json::from_slice(bytes).or_else(|_| codec::decode(key, bytes)).ok();
    whole.or_else(|| {
        let parts: Vec<Value> = (0..).map_while(|index| codec::decode_part(key, bytes, index).ok()).collect();
        (!parts.is_empty()).then_some(Value::Array(parts))
    })
}

async fn inbox(store: &HostStore) -> Result<()> {
    let listing = Listing::read(store).await?;
    for key in listing.inbox.iter().chain(&listing.dead_letters) {
        // Gone: a sweep took it meanwhile.
        let Some(bytes) = store.get(key).await? else { continue };
        println!("{key}");
        match readable(key, &bytes) {
            Some(fact) => println!("  {fact}"),
            None => println!("  cannot be read: {}", String::from_utf8_lossy(&bytes)),
        }
    }
    println!("{} facts, {} dead letters", listing.inbox.len(), listing.dead_letters.len());
    Ok(())
}

async fn pages(store: &HostStore) -> Result<()> {
    let meta = Meta::load(store).await?;
    println!("{:>6} {:>9} {:>8} {:>8}  due", "page", "bytes", "records", "aliases");
    for (number, info) in (0..).zip(&meta.pages) {
        let due = info.due.map(|due| due.to_string()).unwrap_or_default();
        match Page::load(store, number).await {
            Ok((page, bytes)) => {
                println!("{number:>6} {bytes:>9} {:>8} {:>8}  {due}", page.records.len(), page.aliases.len());
            }
            Err(error) => println!("{number:>6} {error}"),
        }
    }
    Ok(())
}

async fn record(store: &HostStore, of: &str) -> Result<()> {
    let now = Time::from_millis(chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).timestamp_millis());
    let mut tried = Vec::new();
    for key in candidates(of) {
        if let Some(customer) = View::customer(store, now, &key).await? {
            println!("{}", serde_json::to_string_pretty(&customer)?);
            return Ok(());
        }
        tried.push(key.to_string());
    }
    bail!("nobody has the key {}", if tried.is_empty() { of.to_owned() } else { tried.join(" or ") })
}

/// The keys that a person may mean.
fn candidates(text: &str) -> Vec<Key> {
    // Any text is a key in stored form, whatever its kind.
    let stored = text.contains(':').then(|| serde_json::from_value(text.into()).ok()).flatten();
    let guesses = [Key::email, Key::phone, Key::order, Key::order_number, Key::tracking, Key::customer];
    stored.into_iter().chain(guesses.iter().filter_map(|guess| guess(text))).collect()
}

//! Runs a `spin.toml` as Spin does, for developers without Spin and for the tests.
//!
//! [`Host::start`] reads the manifest, loads its components and serves them. Wherever it is observable a host behaves
//! as Spin's own code does: routes and their precedence, request headers, variables, allowed hosts, `*.spin.internal`
//! calls, store errors. What it adds is for tests: it takes the time from a [`Clock`] that a test may control, counts
//! every store call, and opens its stores to the test.
//!
//! A host gives components WASI 0.2, `fermyon:spin/key-value@2.0.0` and `fermyon:spin/variables@2.0.0`, because that
//! is what every Spin host has. Each request is a fresh instance. It may go on after its answer; [`Host::settled`]
//! waits for it, [`Host::shut_down`] too.

mod allowed_hosts;
mod app;
mod clock;
mod counters;
mod engine;
mod error;
mod files;
mod guest;
mod log;
mod manifest;
mod outgoing;
mod profile;
mod routes;
mod runtime_config;
mod server;
mod store;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub use self::clock::{Clock, ManualClock};
pub use self::counters::{Counters, Counts};
pub use self::error::StartError;
pub use self::log::Log;
pub use self::profile::Profile;
pub use self::store::{Call, Fault, Faults, Store, StoreError};
pub use self::variables::parse_argument as parse_variable;

use self::allowed_hosts::AllowedHosts;
use self::app::{App, Component};
use self::manifest::{ComponentDefinition, Manifest};
use self::profile::Rate;
use self::routes::Router;
use self::runtime_config::{Place, RuntimeConfig};
use self::store::{Between, Stores};
use self::variables::{Sources, Values};

/// What to serve, and how. Start from [`Options::new`] and change what differs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `spin.toml` to serve.
    pub manifest: PathBuf,
    /// Where to listen. Port 0 takes any free one, see [`Host::address`].
    pub listen: SocketAddr,
    /// Where the default store is kept. Without one the runtime configuration says, or it is `.spin` beside the
    /// manifest.
    pub state_dir: Option<PathBuf>,
    /// Keep the default store in memory, gone with the host. Goes before all else that says where it is.
    pub in_memory: bool,
    /// Values of application variables, before any in the environment. Of two for one name the later counts.
    pub variables: Vec<(String, String)>,
    /// Environment variables for every component, before those in the manifest.
    pub env: Vec<(String, String)>,
    /// A file of `SPIN_VARIABLE_*=...` lines, which need not exist. [`Options::new`] takes `.env` beside the manifest.
    pub dot_env: Option<PathBuf>,
    /// A `runtime-config.toml`.
    pub runtime_config: Option<PathBuf>,
    /// Drop what components print.
    pub quiet: bool,
    /// Where log lines go.
    pub log: Log,
    /// The time that components see.
    pub clock: Clock,
    /// Let concurrent writes share a commit. Only a benchmark has a reason not to.
    pub group_commit: bool,
    /// The most memory that one execution may have, in bytes. Spin sets no limit.
    pub max_memory_bytes: Option<usize>,
    /// Refuse what a platform would refuse.
    pub profile: Option<Profile>,
    /// Faults between components and their stores.
    pub faults: Option<Faults>,
    /// Where compiled components are kept, so that the next start is fast. [`Options::new`] takes a folder in `target`
    /// beside the manifest: nobody else should be able to write there, what it holds is executed.
    pub cache: Option<PathBuf>,
}

impl Options {
    /// Serves a manifest on any free port of 127.0.0.1, with settings from the environment and `.env`.
    pub fn new(manifest: impl Into<PathBuf>) -> Self {
        let manifest = manifest.into();
        let cache = manifest.with_file_name("target").join("aftercare-host-cache");
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            state_dir: None,
            in_memory: false,
            variables: Vec::new(),
            env: Vec::new(),
            dot_env: Some(manifest.with_file_name(".env")),
            runtime_config: None,
            quiet: false,
            log: Log::stderr(),
            clock: Clock::System,
            group_commit: true,
            max_memory_bytes: None,
            profile: None,
            faults: None,
            cache: Some(cache),
            manifest,
        }
    }
}

/// An application that is being served. Dropping it stops it at once, [`Host::shut_down`] in good order.
#[derive(Debug)]
pub struct Host {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Starts to serve. Needs a tokio runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listener = listen(options.listen).await?;
        let address =
            listener.local_addr().map_err(|reason| StartError::Listen { address: options.listen, reason })?;
        // Reading files and compiling must not hold up whatever else the runtime does.
        let app = tokio::task::spawn_blocking(move || prepare(options, address))
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let app = Arc::new(app);
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(app.clone(), listener, stopped));
        Ok(Self { app, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// Answers a request as if it came over the network, without a network. A request without a `Host` header and
    /// host gets this host's address.
    pub async fn handle(&self, mut request: Request<Bytes>) -> Response<Bytes> {
        if !request.headers().contains_key(HOST) && request.uri().authority().is_none() {
            let host =
                HeaderValue::from_str(&self.app.address.to_string()).expect("an address is a valid header");
            request.headers_mut().insert(HOST, host);
        }
        let request = request.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync());
        let client = SocketAddr::from(([127, 0, 0, 1], 0));
        let (head, body) = self.app.answer(request, client).await.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(head, body.to_bytes()),
            // Over the network the connection would break.
            Err(error) => {
                self.app.log.line("host", &format!("an answer broke off: {error}"));
                app::status(http::StatusCode::BAD_GATEWAY).map(|_| Bytes::new())
            }
        }
    }

    /// Waits until no component executes, including work after an answer and what that calls.
    pub async fn settled(&self) {
        let mut executions = self.app.executions.subscribe();
        // The sender lives as long as the application, so this cannot fail.
        drop(executions.wait_for(|count| *count == 0).await);
    }

    /// The store with a label, as components see it, but uncounted and without faults or limits.
    pub fn store(&self, label: &str) -> Option<Store> {
        self.app.stores.for_test(label)
    }

    /// Exact counts of what components asked for.
    pub fn counters(&self) -> &Counters {
        &self.app.counters
    }

    /// The routes that requests from outside can take, as the manifest writes them.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.app.router.routes()
    }

    /// Whether a request for a path would reach a component.
    pub fn has_route(&self, path: &str) -> bool {
        self.app.router.find(path).is_some()
    }

    /// The interfaces that each component imports, by component id.
    pub fn imports(&self) -> BTreeMap<&str, &[String]> {
        self.app
            .components
            .values()
            .map(|component| (component.id.as_str(), component.imports.as_slice()))
            .collect()
    }

    /// Stops in good order: no new connections, every request that has begun is finished with all that it does after
    /// its answer, and the stores are closed.
    pub async fn shut_down(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.server).await {
            self.app.log.line("host", &format!("the server ended badly: {error}"));
        }
        self.settled().await;
        let app = self.app.clone();
        drop(tokio::task::spawn_blocking(move || app.stores.close()).await);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Opens a store of an application that need not be served, for a person who looks at it. A host that serves it at the
/// same time is not disturbed. Needs a tokio runtime.
pub async fn open_store(options: &Options, label: &str) -> Result<Store, StartError> {
    let (options, label) = (options.clone(), label.to_owned());
    let open = move || {
        let config = runtime_config(&options)?;
        let missing =
            || StartError::Store { label: label.clone(), what: "is not in the runtime configuration".into() };
        let place = config.stores.get(&label).ok_or_else(missing)?;
        let only = BTreeMap::from([(label.clone(), place.clone())]);
        let between = Between {
            group_commit: options.group_commit,
            counters: Arc::default(),
            faults: None,
            limits: None,
            clock: Clock::System,
        };
        Stores::open(&only, &between)?.for_test(&label).ok_or_else(missing)
    };
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Where the stores of an application are kept.
fn runtime_config(options: &Options) -> Result<RuntimeConfig, StartError> {
    let folder = manifest::folder(&options.manifest);
    let mut config =
        RuntimeConfig::read(options.runtime_config.as_deref(), options.state_dir.as_deref(), folder)?;
    if options.in_memory {
        config.stores.insert("default".into(), Place::Memory);
    }
    Ok(config)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|reason| match reason.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortInUse { address },
        _ => StartError::Listen { address, reason },
    })
}

/// Does all that a start does before it serves.
fn prepare(options: Options, address: SocketAddr) -> Result<App, StartError> {
    let manifest = Manifest::read(&options.manifest)?;
    let invalid = |what: String| StartError::Invalid { file: options.manifest.clone(), what };
    let folder = manifest.folder();
    let config = runtime_config(&options)?;
    let sources = Sources::new(&options.variables, options.dot_env.as_deref())?;
    let values = Values::resolve(&manifest.variables, &sources)?;
    let unknown = options.variables.iter().filter(|(name, _)| !manifest.variables.contains_key(name));
    let unknown = unknown
        .map(|(name, _)| format!("--variable {name} is left aside: the manifest has no such variable"));
    let paths = manifest.routes.iter().map(|(path, id)| (path.as_str(), id.as_str()));
    let (router, replaced) = Router::new(paths).map_err(invalid)?;
    let replaced = replaced.into_iter().map(|route| format!("two triggers have the same route: {route}"));
    for warning in manifest.warnings.iter().chain(&config.warnings).cloned().chain(unknown).chain(replaced) {
        options.log.line("host", &warning);
    }

    let counters = Arc::new(Counters::default());
    let limits = options.profile.map(Profile::limits);
    let between = Between {
        group_commit: options.group_commit,
        counters: counters.clone(),
        faults: options.faults.clone(),
        limits,
        clock: options.clock.clone(),
    };
    let stores = Stores::open(&config.stores, &between)?;
    let limits = limits.unwrap_or_default();
    let outgoing = limits
        .outgoing_an_hour
        .map(|max| Rate::new(max, std::time::Duration::from_hours(1), options.clock.clone()));
    let engine = engine::engine(options.cache.as_deref())?;
    let files: Vec<_> = manifest
        .components
        .iter()
        .map(|(id, component)| (id.clone(), folder.join(component.source().unwrap_or_default())))
        .collect();
    let loaded = engine::load(&engine, &options.clock, &files)?;
    let components = manifest
        .components
        .iter()
        .zip(loaded)
        .map(|((id, definition), loaded)| {
            let component = equip(id, definition, loaded, folder, &options.env, &values, &stores)
                .map_err(|what| invalid(format!("[component.{id}] {what}")))?;
            Ok((id.clone(), Arc::new(component)))
        })
        .collect::<Result<_, StartError>>()?;
    Ok(App {
        name: manifest.name,
        version: manifest.version,
        address,
        router,
        components,
        stores,
        clock: options.clock,
        counters,
        log: options.log,
        quiet: options.quiet,
        max_memory_bytes: options.max_memory_bytes.into_iter().chain(limits.max_memory_bytes).min(),
        limits,
        outgoing,
        faults: options.faults,
        executions: watch::Sender::new(0),
        admission: Arc::new(Semaphore::new(engine::MAX_ADMITTED)),
    })
}

/// Gives a component what its definition says it may use.
fn equip(
    id: &str,
    definition: &ComponentDefinition,
    loaded: engine::Loaded,
    folder: &Path,
    env: &[(String, String)],
    values: &Values,
    stores: &Stores,
) -> Result<Component, String> {
    for label in &definition.key_value_stores {
        if !stores.has(label) {
            return Err(format!(
                "key_value_stores: unknown label {label:?}: use \"default\", or add [key_value_store.{label}] to a \
                 runtime configuration"
            ));
        }
    }
    let render = |template: &String| values.render(template);
    let variables = definition
        .variables
        .iter()
        .map(|(name, template)| {
            Ok((name.clone(), render(template).map_err(|what| format!("variables: {name}: {what}"))?))
        })
        .collect::<Result<_, String>>()?;
    let hosts = definition.allowed_outbound_hosts.iter().map(render).collect::<Result<Vec<_>, _>>();
    let allowed_hosts = hosts
        .and_then(|hosts| AllowedHosts::parse(&hosts))
        .map_err(|what| format!("allowed_outbound_hosts: {what}"))?;
    let mut environment: BTreeMap<_, _> = definition.environment.clone();
    environment.extend(env.iter().cloned());
    Ok(Component {
        id: id.to_owned(),
        proxy: loaded.proxy,
        imports: loaded.imports,
        environment: environment.into_iter().collect(),
        files: files::collect(definition, folder)?,
        variables,
        stores: definition.key_value_stores.iter().cloned().collect(),
        allowed_hosts,
    })
}

#[cfg(test)]
mod tests;

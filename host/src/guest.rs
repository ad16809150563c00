//! What one execution of a component has: its WASI world, its stores, its variables, and how it sees time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use wasmtime::ResourceLimiter;
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use self::bindings::fermyon::spin::{key_value, variables as spin_variables};
use crate::app::{App, Component};
use crate::clock::{self, ManualClock};
use crate::counters::Counters;
use crate::outgoing::Outgoing;
use crate::store::{Call, Store, StoreError};
use crate::variables;

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "imports",
        imports: { default: async | trappable },
        with: { "fermyon:spin/key-value.store": crate::store::Store },
    });
}

/// The state of one execution.
pub(crate) struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    component: Arc<Component>,
    app: Arc<App>,
    pub(crate) memory: MemoryLimit,
    /// Its part in the manual clock's count of who executes, if there is such a clock.
    presence: Option<clock::Guest>,
}

impl Guest {
    pub(crate) fn new(app: &Arc<App>, component: &Arc<Component>) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&component.environment);
        if !app.quiet {
            wasi.stdout(app.log.guest(&component.id)).stderr(app.log.guest(&component.id));
        }
        if let Some(files) = &component.files {
            wasi.preopened_dir(files.path(), "/", wasmtime_wasi::FsPerms::ReadOnly)?;
        }
        if let Some(clock) = app.clock.manual() {
            wasi.wall_clock(ManualWallClock(clock.clone()))
                .monotonic_clock(ManualMonotonicClock(clock.clone()));
        }
        Ok(Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing::new(app.clone(), component.clone()),
            memory: MemoryLimit { max_bytes: app.max_memory_bytes, counters: app.counters.clone() },
            presence: app.clock.manual().map(ManualClock::guest),
            component: component.clone(),
            app: app.clone(),
        })
    }
}

/// Gives components what they may import.
pub(crate) fn link(linker: &mut Linker<Guest>, clock: &clock::Clock) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    key_value::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    spin_variables::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    if clock.manual().is_some() {
        linker.allow_shadowing(true);
        monotonic_clock::add_to_linker::<_, Timed>(linker, timed)?;
        poll::add_to_linker::<_, Timed>(linker, timed)?;
        linker.allow_shadowing(false);
    }
    Ok(())
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

impl From<StoreError> for key_value::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore => Self::NoSuchStore,
            StoreError::AccessDenied => Self::AccessDenied,
            StoreError::Other(what) => Self::Other(what),
        }
    }
}

type KeyValueResult<T> = wasmtime::Result<Result<T, key_value::Error>>;

impl key_value::Host for Guest {}

impl key_value::HostStore for Guest {
    async fn open(&mut self, label: String) -> KeyValueResult<Resource<Store>> {
        if !self.component.stores.contains(&label) {
            return Ok(Err(key_value::Error::AccessDenied));
        }
        match self.app.stores.for_guest(&label) {
            Some(store) => Ok(Ok(self.table.push(store)?)),
            None => Ok(Err(key_value::Error::NoSuchStore)),
        }
    }

    async fn get(&mut self, store: Resource<Store>, key: String) -> KeyValueResult<Option<Vec<u8>>> {
        Ok(self.table.get(&store)?.get(&key).await.map_err(Into::into))
    }

    async fn set(&mut self, store: Resource<Store>, key: String, value: Vec<u8>) -> KeyValueResult<()> {
        Ok(self.table.get(&store)?.done(Call::Set(key, value)).await.map_err(Into::into))
    }

    async fn delete(&mut self, store: Resource<Store>, key: String) -> KeyValueResult<()> {
        Ok(self.table.get(&store)?.done(Call::Delete(key)).await.map_err(Into::into))
    }

    async fn exists(&mut self, store: Resource<Store>, key: String) -> KeyValueResult<bool> {
        Ok(self.table.get(&store)?.exists(&key).await.map_err(Into::into))
    }

    async fn get_keys(&mut self, store: Resource<Store>) -> KeyValueResult<Vec<String>> {
        Ok(self.table.get(&store)?.keys().await.map_err(Into::into))
    }

    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl spin_variables::Host for Guest {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, spin_variables::Error>> {
        if let Err(what) = variables::check_name(&name) {
            return Ok(Err(spin_variables::Error::InvalidName(what)));
        }
        let value = self.component.variables.get(&name).cloned();
        Ok(value.ok_or_else(|| {
            spin_variables::Error::Undefined(format!("no variable for {:?}.{name:?}", self.component.id))
        }))
    }
}

/// Bounds an execution's memory and notes the most that any had.
pub(crate) struct MemoryLimit {
    max_bytes: Option<usize>,
    counters: Arc<Counters>,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = self.max_bytes.is_none_or(|max| desired <= max);
        if allowed {
            self.counters.peak_memory_bytes.fetch_max(desired as u64, Ordering::Relaxed);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

struct ManualWallClock(ManualClock);

impl HostWallClock for ManualWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

struct ManualMonotonicClock(ManualClock);

impl HostMonotonicClock for ManualMonotonicClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        nanoseconds(self.0.monotonic())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// `wasi:clocks` and `wasi:io/poll` on a manual clock: waits are the clock's, and it knows who waits.
struct Timed;

impl HasData for Timed {
    type Data<'a> = TimedView<'a>;
}

struct TimedView<'a> {
    table: &'a mut ResourceTable,
    presence: &'a clock::Guest,
}

fn timed(guest: &mut Guest) -> TimedView<'_> {
    let presence = guest.presence.as_ref().expect("only linked when there is a manual clock");
    TimedView { table: &mut guest.table, presence }
}

struct Deadline {
    clock: ManualClock,
    at: Duration,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Deadline {
    async fn ready(&mut self) {
        self.clock.reached(self.at).await;
    }
}

impl monotonic_clock::Host for TimedView<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        Ok(nanoseconds(self.presence.clock().monotonic()))
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Duration> {
        Ok(1)
    }

    fn subscribe_instant(
        &mut self,
        when: monotonic_clock::Instant,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let deadline = Deadline { clock: self.presence.clock().clone(), at: Duration::from_nanos(when) };
        let deadline = self.table.push(deadline)?;
        subscribe(self.table, deadline)
    }

    fn subscribe_duration(
        &mut self,
        after: monotonic_clock::Duration,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let now = nanoseconds(self.presence.clock().monotonic());
        self.subscribe_instant(now.saturating_add(after))
    }
}

impl poll::Host for TimedView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let _blocked = self.presence.blocked();
        poll::Host::poll(self.table, pollables).await
    }
}

impl poll::HostPollable for TimedView<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let _blocked = self.presence.blocked();
        poll::HostPollable::block(self.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}

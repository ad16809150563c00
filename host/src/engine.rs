//! Sets up wasmtime and loads components.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::clock::Clock;
use crate::error::StartError;
use crate::guest::{self, Guest};

/// How many executions may be under way at once. Their memory is only reserved, not used.
const MAX_EXECUTIONS: u32 = 1000;
/// How many requests from outside are executed at once; more wait. The rest is for what these call, and that calls.
pub(crate) const MAX_ADMITTED: usize = 250;
/// How often a guest that computes lets others have their turn.
const TURN: Duration = Duration::from_millis(10);
/// Memory that stays with a slot between executions instead of being given back, in bytes: all that a webhook uses,
/// stack included. The kernel tells which pages were written, and only these are made clean.
const KEEP_RESIDENT: usize = 2 * 1024 * 1024;
/// The same where the kernel does not tell, and all of it is written over.
const KEEP_RESIDENT_BLINDLY: usize = 256 * 1024;

/// What a component may import besides `wasi:*@0.2`.
const SPIN_IMPORTS: [&str; 2] = ["fermyon:spin/key-value@2.0.0", "fermyon:spin/variables@2.0.0"];

/// Makes an engine that keeps compiled components in a folder.
pub(crate) fn engine(cache: Option<&Path>) -> Result<Engine, StartError> {
    let failed = |error: wasmtime::Error| StartError::Engine(format!("{error:#}"));
    let mut config = Config::new();
    config.epoch_interruption(true);
    if let Some(folder) = cache {
        // wasmtime wants an absolute path.
        let folder = std::path::absolute(folder).map_err(|error| StartError::Engine(error.to_string()))?;
        let mut settings = CacheConfig::new();
        settings.with_directory(folder);
        // What is used often would be packed again, as tightly as can be: seconds of a core beside the first requests.
        settings.with_optimized_compression_usage_counter_threshold(u64::MAX);
        config.cache(Some(Cache::new(settings).map_err(failed)?));
    }
    let mut with = |allocation| {
        config.allocation_strategy(allocation);
        Engine::new(&config)
    };
    // Older kernels do not tell which pages were written. Where address space is scarce (some containers) slots cannot be
    // reserved; then allocate as needed.
    let engine = with(pool(Enabled::Yes, KEEP_RESIDENT))
        .or_else(|_| with(pool(Enabled::No, KEEP_RESIDENT_BLINDLY)))
        .or_else(|_| with(InstanceAllocationStrategy::OnDemand))
        .map_err(failed)?;
    take_turns(&engine);
    Ok(engine)
}

/// Slots for executions; when one ends, up to `keep_resident` bytes are made clean in place.
fn pool(pagemap_scan: Enabled, keep_resident: usize) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_EXECUTIONS)
        .total_core_instances(8 * MAX_EXECUTIONS)
        .total_memories(MAX_EXECUTIONS)
        .total_tables(4 * MAX_EXECUTIONS)
        .total_stacks(MAX_EXECUTIONS)
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(keep_resident)
        .pagemap_scan(pagemap_scan)
        .max_unused_warm_slots(64);
    InstanceAllocationStrategy::Pooling(pool)
}

/// Interrupts guests regularly, as long as the engine lives. A thread, because guests may occupy all of the runtime's.
fn take_turns(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TURN);
        }
    });
}

/// A component that is ready to be executed.
pub(crate) struct Loaded {
    pub(crate) proxy: ProxyPre<Guest>,
    /// The interfaces that it imports.
    pub(crate) imports: Vec<String>,
}

/// Compiles components, all at once, or takes them from the cache.
pub(crate) fn load(
    engine: &Engine,
    clock: &Clock,
    components: &[(String, std::path::PathBuf)],
) -> Result<Vec<Loaded>, StartError> {
    let mut linker = Linker::new(engine);
    guest::link(&mut linker, clock).map_err(|error| StartError::Engine(format!("{error:#}")))?;
    let linker = Arc::new(linker);
    std::thread::scope(|scope| {
        let threads: Vec<_> = components
            .iter()
            .map(|(id, file)| {
                let linker = &linker;
                scope.spawn(move || load_one(engine, linker, id, file))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn load_one(engine: &Engine, linker: &Linker<Guest>, id: &str, file: &Path) -> Result<Loaded, StartError> {
    let failed = |what: String| StartError::Component { component: id.to_owned(), what };
    if !file.exists() {
        return Err(StartError::NotBuilt { component: id.to_owned(), file: file.to_owned() });
    }
    let component = Component::from_file(engine, file)
        .map_err(|error| failed(format!("cannot be loaded from {}: {error:#}", file.display())))?;
    let imports: Vec<String> =
        component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
    for import in &imports {
        if !offered(import) {
            return Err(failed(format!(
                "imports {import}, which this host does not offer (only wasi:*@0.2, {}): leave out what needs it",
                SPIN_IMPORTS.join(" and ")
            )));
        }
    }
    let proxy = linker.instantiate_pre(&component).and_then(ProxyPre::new).map_err(|error| {
        failed(format!(
            "cannot be linked, it must export wasi:http/incoming-handler@0.2 (spin-sdk 5): {error:#}"
        ))
    })?;
    Ok(Loaded { proxy, imports })
}

fn offered(import: &str) -> bool {
    SPIN_IMPORTS.contains(&import)
        || import
            .strip_prefix("wasi:")
            .and_then(|import| import.split_once('@'))
            .is_some_and(|(_, version)| version.starts_with("0.2.") && !version.contains('-'))
}

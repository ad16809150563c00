//! Builds the components for WebAssembly.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const TARGET: &str = "wasm32-wasip2";
/// Where Debian's `wasi-libc` puts its libraries.
const DEBIAN_LIBC: &str = "/usr/lib/wasm32-wasi";
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];

/// Builds every component of `spin.toml` into `<root>/target`, where the manifest expects it, wherever
/// `CARGO_TARGET_DIR` points.
pub(crate) fn build(root: &Path) -> Result<()> {
    build_packages(root, packages(root)?)
}

/// Where a package's component is built to.
pub(crate) fn artifact(root: &Path, package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    root.join("target").join(TARGET).join("release").join(file)
}

/// Builds these packages as components.
pub(crate) fn build_packages(root: &Path, packages: impl IntoIterator<Item = String>) -> Result<()> {
    let mut cargo = match toolchain(root)? {
        Toolchain::Own => cargo(),
        Toolchain::Debian { linkers } => debian_cargo(&linkers)?,
    };
    cargo.current_dir(root).args(["build", "--release", "--target", TARGET, "--target-dir"]);
    cargo.arg(root.join("target"));
    for package in packages {
        cargo.args(["--package", &package]);
    }
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the components do not build, cargo says why above");
    }
    Ok(())
}

/// The packages to build: every component's id is its package's name.
pub(crate) fn packages(root: &Path) -> Result<Vec<String>> {
    let file = root.join("spin.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let manifest: toml::Table =
        toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    let components = manifest.get("component").and_then(toml::Value::as_table);
    Ok(components.map(|components| components.keys().cloned().collect()).unwrap_or_default())
}

/// Cargo as our caller would call it. It told us of our own package, which build scripts of some dependencies look at: these
/// would be built again, and all that depends on them.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// What compiles for WebAssembly.
enum Toolchain {
    /// The repository's own toolchain.
    Own,
    /// Debian's compiler and sources, with linkers from elsewhere.
    Debian { linkers: Vec<PathBuf> },
}

/// Finds what compiles for WebAssembly, adding the target if need be.
fn toolchain(root: &Path) -> Result<Toolchain> {
    if has_target(root) {
        return Ok(Toolchain::Own);
    }
    eprintln!("The target {TARGET} is missing, adding it with rustup");
    let rustup = Command::new("rustup").current_dir(root).args(["target", "add", TARGET]).status();
    if rustup.as_ref().is_ok_and(std::process::ExitStatus::success) && has_target(root) {
        return Ok(Toolchain::Own);
    }
    let rustup = match rustup {
        Ok(_) => "rustup could not add it (no network?)",
        Err(_) => "rustup is not installed",
    };
    let mut missing: Vec<&str> =
        [("/usr/bin/rustc", "rustc-web"), ("/usr/bin/cargo", "cargo-web"), (DEBIAN_LIBC, "wasi-libc")]
            .into_iter()
            .filter_map(|(file, package)| (!Path::new(file).exists()).then_some(package))
            .collect();
    if !missing.contains(&"rustc-web") && !has_sources() {
        missing.push("rust-web-src");
    }
    if !missing.is_empty() {
        bail!(
            "the Rust target {TARGET} is missing and {rustup}.\n\
             Either run `rustup target add {TARGET}` where there is a network,\n\
             or on Debian install its compiler for WebAssembly: apt-get install {}",
            missing.join(" ")
        );
    }
    let linkers = linkers(root).with_context(|| {
        format!(
            "the Rust target {TARGET} is missing and {rustup}; Debian's compiler is there but it needs {}:\n\
             put those of any rustup toolchain (lib/rustlib/<host>/bin) on PATH, or run \
             `cargo install wasm-component-ld` and `apt-get install lld`",
            LINKERS.join(" and ")
        )
    })?;
    eprintln!("{rustup}; building with Debian's compiler");
    Ok(Toolchain::Debian { linkers })
}

/// Whether the repository's toolchain has the target's standard library.
fn has_target(root: &Path) -> bool {
    rustc(root, &["--print", "target-libdir", "--target", TARGET]).is_some_and(|libraries| libraries.exists())
}

/// A path that the repository's compiler prints.
fn rustc(root: &Path, args: &[&str]) -> Option<PathBuf> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    path_printed(Command::new(program).current_dir(root).args(args))
}

fn path_printed(command: &mut Command) -> Option<PathBuf> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end()))
}

/// Whether the sources of the standard library are beside Debian's compiler.
fn has_sources() -> bool {
    path_printed(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]))
        .is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std").exists())
}

/// Folders with the linkers, if they are not on PATH: a rustup toolchain has them even without the target.
fn linkers(root: &Path) -> Option<Vec<PathBuf>> {
    let on_path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let toolchain = rustc(root, &["--print", "sysroot"]).and_then(|sysroot| {
        std::fs::read_dir(sysroot.join("lib/rustlib")).ok().map(|entries| {
            entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect::<Vec<_>>()
        })
    });
    let folders: Vec<PathBuf> = on_path.into_iter().chain(toolchain.unwrap_or_default()).collect();
    LINKERS
        .iter()
        .map(|linker| folders.iter().find(|folder| folder.join(linker).is_file()).cloned())
        .collect()
}

/// Debian's cargo, building the standard library too: Debian ships its sources, not its build for this target.
fn debian_cargo(linkers: &[PathBuf]) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = linkers.iter().cloned().chain(std::env::split_paths(&path));
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .env("PATH", std::env::join_paths(path)?)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", joined(std::env::var_os("RUSTFLAGS"), &format!("-L native={DEBIAN_LIBC}")))
        // Options come before the subcommand.
        .args(["-Z", "build-std=std,panic_abort"]);
    Ok(cargo)
}

fn joined(given: Option<OsString>, more: &str) -> OsString {
    match given {
        Some(mut given) if !given.is_empty() => {
            given.push(" ");
            given.push(more);
            given
        }
        _ => OsStr::new(more).to_owned(),
    }
}

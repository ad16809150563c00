//! A Redis server of one's own.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gone when it is dropped, with all that it holds.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl RedisServer {
    /// `None`, said aloud, where there is no `redis-server`; where the environment has `CI` that is an error.
    pub fn start() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        // Any free port; that another process takes it before the server does is unlikely.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Command::new("redis-server")
            .current_dir(folder.path())
            .args(["--port", &port.to_string(), "--save", "", "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn();
        let process = match started {
            Err(error) if error.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
                eprintln!("skipped: redis-server is not installed (Debian: apt-get install redis-server)");
                return Ok(None);
            }
            started => {
                started.context("redis-server does not start; Debian: apt-get install redis-server")?
            }
        };
        let server = Self { process, folder, url: format!("redis://127.0.0.1:{port}/0") };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::yield_now();
        }
        Ok(Some(server))
    }

    /// A `runtime-config.toml` that keeps the default store here.
    pub fn runtime_config(&self) -> Result<PathBuf> {
        let file = self.folder.path().join("runtime-config.toml");
        let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", self.url);
        std::fs::write(&file, text)?;
        Ok(file)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

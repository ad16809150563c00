use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::super::Store;
use super::*;

/// A server of its own for a test, gone with it.
struct Server {
    process: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Server {
    /// `None`, said aloud, where there is no `redis-server`. CI must have one.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // Any free port; that another process takes it before the server does is unlikely.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("redis-server")
            .current_dir(folder.path())
            .args(["--port", &port.to_string(), "--save", "", "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn();
        let process = match process {
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && std::env::var_os("CI").is_none() =>
            {
                eprintln!("skipped: redis-server is not installed (Debian: apt-get install redis-server)");
                return None;
            }
            process => process.expect("redis-server starts; Debian: apt-get install redis-server"),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { process, _folder: folder, url: format!("redis://127.0.0.1:{port}") })
    }

    async fn store(&self) -> Store {
        Store::new(std::sync::Arc::new(Redis::connect(&self.url).await.unwrap()), "default")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn the_five_verbs() {
    let Some(server) = Server::start() else { return };
    let store = server.store().await;
    assert_eq!(store.get("key").await, Ok(None));
    assert_eq!(store.exists("key").await, Ok(false));
    store.set("key", b"\0value\xff").await.unwrap();
    store.set("empty", b"").await.unwrap();
    assert_eq!(store.get("key").await.unwrap().unwrap(), b"\0value\xff");
    assert_eq!(store.get("empty").await.unwrap().unwrap(), b"");
    assert_eq!(store.exists("key").await, Ok(true));
    let mut keys = store.keys().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["empty", "key"]);
    store.delete("key").await.unwrap();
    store.delete("key").await.unwrap();
    assert_eq!(store.keys().await.unwrap(), ["empty"]);
    // Another host on the same server sees the same, under Spin's keys.
    assert_eq!(server.store().await.keys().await.unwrap(), ["empty"]);
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error_and_no_hang() {
    let Some(mut server) = Server::start() else { return };
    let store = server.store().await;
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(15), store.set("key", b"value")).await;
    assert!(answer.unwrap().is_err());
    let url = server.url.replace("redis://", "redis://user:secret@");
    let error = Redis::connect(&url).await.err().unwrap();
    assert!(error.starts_with("cannot reach Redis at 127.0.0.1:") && !error.contains("secret"), "{error}");
}

//! Whole hosts, with components small enough to be written by hand. What needs a real component is tested with the
//! application's own, in the workspace's integration tests.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A component whose handler runs the given WebAssembly instructions and gives no answer.
fn component(instructions: &str) -> String {
    format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (core module $module
                (memory 1)
                (func (export "handle") (param i32 i32) {instructions}))
            (core instance $instance (instantiate $module))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $instance "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    )
}

/// A component whose handler sleeps for a number of seconds and gives no answer.
fn sleeper(seconds: u64) -> String {
    let nanoseconds = seconds * 1_000_000_000;
    format!(
        r#"(component
            (import "wasi:io/poll@0.2.0" (instance $poll
                (export "pollable" (type $pollable (sub resource)))
                (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
            (alias export $poll "pollable" (type $pollable))
            (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
                (alias outer 1 $pollable (type $outer))
                (export "pollable" (type $pollable (eq $outer)))
                (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (core func $subscribe (canon lower (func $clock "subscribe-duration")))
            (core func $block (canon lower (func $poll "[method]pollable.block")))
            (core module $module
                (import "" "subscribe" (func $subscribe (param i64) (result i32)))
                (import "" "block" (func $block (param i32)))
                (func (export "handle") (param i32 i32)
                    (call $block (call $subscribe (i64.const {nanoseconds})))))
            (core instance $instance (instantiate $module (with "" (instance
                (export "subscribe" (func $subscribe))
                (export "block" (func $block))))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $instance "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    )
}

struct Fixture {
    folder: tempfile::TempDir,
    log: Log,
}

impl Fixture {
    /// An application of one component at `/...`.
    fn new(component: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "spin_manifest_version = 2\napplication = {{ name = 'app', version = '1' }}\n\
             [[trigger.http]]\nroute = '/...'\ncomponent = 'one'\n[component.one]\nsource = 'one.wasm'\n{more}"
        );
        std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
        if !component.is_empty() {
            std::fs::write(folder.path().join("one.wasm"), component).unwrap();
        }
        Self { folder, log: Log::captured() }
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.folder.path().join("spin.toml"));
        options.in_memory = true;
        options.log = self.log.clone();
        options.cache = None;
        options
    }

    async fn start(&self) -> Host {
        Host::start(self.options()).await.unwrap()
    }

    async fn error(&self) -> String {
        Host::start(self.options()).await.unwrap_err().to_string()
    }
}

async fn get(host: &Host, path: &str) -> StatusCode {
    host.handle(Request::get(path).body(Bytes::new()).unwrap()).await.status()
}

#[tokio::test]
async fn a_trap_answers_500_and_is_logged_once() {
    let fixture = Fixture::new(&component("unreachable"), "");
    let host = fixture.start().await;
    assert_eq!(get(&host, "/secret-path").await, 500);
    assert_eq!(get(&host, "/").await, 500);
    assert_eq!(host.counters().read().traps, 2);
    host.shut_down().await;
    let log = fixture.log.text();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.starts_with("one: request 1 failed: wasm trap"), "{log}");
    assert!(!log.contains("secret-path"), "{log}");
}

#[tokio::test]
async fn a_component_that_gives_no_answer_gives_500() {
    let fixture = Fixture::new(&component(""), "");
    assert_eq!(get(&fixture.start().await, "/").await, 500);
    assert_eq!(fixture.log.text(), "one: an execution ended without an answer\n");
}

#[tokio::test]
async fn memory_is_limited_and_measured() {
    // Traps unless 100 more pages of 64 KiB are to be had.
    let fixture = Fixture::new(
        &component("(if (i32.lt_s (memory.grow (i32.const 100)) (i32.const 0)) (then unreachable))"),
        "",
    );
    for (limit, traps, peak) in [(None, 0, 101), (Some(101), 0, 101), (Some(100), 1, 1)] {
        let mut options = fixture.options();
        options.max_memory_bytes = limit.map(|pages: usize| pages * 65_536);
        let host = Host::start(options).await.unwrap();
        get(&host, "/").await;
        host.settled().await;
        let counts = host.counters().read();
        assert_eq!((counts.traps, counts.peak_memory_bytes), (traps, peak * 65_536));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_component_that_computes_does_not_hold_up_others() {
    let fixture = Fixture::new(&component("(loop (br 0))"), "");
    let host = Arc::new(fixture.start().await);
    for _ in 0..2 {
        let host = host.clone();
        tokio::spawn(async move { get(&host, "/").await });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answered = tokio::time::timeout(Duration::from_secs(5), get(&host, "/.well-known/spin/health")).await;
    assert_eq!(answered.unwrap(), 200);
}

#[tokio::test]
async fn the_host_answers_some_paths_itself() {
    let fixture = Fixture::new(&component(""), "");
    let manifest = fixture.folder.path().join("spin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("'/...'", "'/only'");
    std::fs::write(manifest, text).unwrap();
    let host = fixture.start().await;
    assert_eq!(get(&host, "/other").await, 404);
    assert_eq!(get(&host, "/.well-known/spin/health").await, 200);
    assert_eq!(get(&host, "/.well-known/spin/info").await, 200);
    assert_eq!(get(&host, "/.well-known/spin/other").await, 404);
    assert_eq!(host.counters().read().requests, 0);
}

#[tokio::test]
async fn a_start_that_fails_says_what_to_do() {
    let check = async |component: &str, more: &str, expected: &str| {
        let error = Fixture::new(component, more).error().await;
        assert!(error.contains(expected), "{error}");
    };
    let good = component("");
    check("", "", "component one is not built").await;
    check("", "", "run `cargo xtask build`").await;
    check("(component)", "", "it must export wasi:http/incoming-handler@0.2").await;
    let needs_more = "(component (import \"fermyon:spin/llm@2.0.0\" (instance)))";
    check(needs_more, "", "component one imports fermyon:spin/llm@2.0.0, which this host does not offer")
        .await;
    let preview = "(component (import \"wasi:http/types@0.2.0-rc-2023-11-10\" (instance)))";
    check(preview, "", "imports wasi:http/types@0.2.0-rc-2023-11-10").await;
    check(&good, "key_value_stores = ['other']", "[component.one] key_value_stores: unknown label \"other\"")
        .await;
    check(&good, "allowed_outbound_hosts = ['x']", "[component.one] allowed_outbound_hosts: \"x\"").await;
    check(&good, "variables = { a = '{{ b }}' }", "[component.one] variables: a: unknown variable \"b\"")
        .await;
    check(&good, "[variables]\nc = { required = true }", "no value for required variable c").await;
    check(&good, "files = ['*.txt']", "[component.one] files: \"*.txt\" matches nothing").await;
    check(&good, "files = ['../*']", "leaves the application's folder").await;
}

#[tokio::test]
async fn a_store_can_be_looked_at_while_it_is_served_and_after() {
    let fixture = Fixture::new(&component(""), "key_value_stores = ['default']");
    let mut options = fixture.options();
    options.in_memory = false;
    let host = Host::start(options.clone()).await.unwrap();
    host.store("default").unwrap().set("key", b"value").await.unwrap();
    let check = async || {
        let store = open_store(&options, "default").await.unwrap();
        assert_eq!(store.get("key").await.unwrap().unwrap(), b"value");
    };
    check().await;
    host.shut_down().await;
    check().await;
    let error = open_store(&options, "other").await.unwrap_err();
    assert_eq!(error.to_string(), "key-value store other: is not in the runtime configuration");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let fixture = Fixture::new(&component(""), "");
    let first = fixture.start().await;
    let mut options = fixture.options();
    options.listen = first.address();
    let error = Host::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse { address } if address == first.address()));
}

#[tokio::test]
async fn connections_are_kept_open_and_closed_at_the_end() {
    let fixture = Fixture::new(&component(""), "");
    let host = fixture.start().await;
    let mut stream = tokio::net::TcpStream::connect(host.address()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let bytes = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nOK"), "{answer}");
    }
    let address = host.address();
    tokio::time::timeout(Duration::from_secs(5), host.shut_down()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_component_that_sleeps_moves_the_manual_clock() {
    let fixture = Fixture::new(&sleeper(3600), "");
    let clock = ManualClock::starting_at_unix(1_000_000);
    let mut options = fixture.options();
    options.clock = clock.clone().into();
    let host = Host::start(options).await.unwrap();
    let answered = tokio::time::timeout(Duration::from_secs(5), get(&host, "/")).await;
    assert_eq!(answered.unwrap(), 500);
    assert_eq!(clock.now(), std::time::UNIX_EPOCH + Duration::from_secs(1_003_600));
    assert_eq!(fixture.log.text(), "one: an execution ended without an answer\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_ends_what_takes_too_long() {
    for component in [sleeper(3600), component("(loop (br 0))")] {
        let fixture = Fixture::new(&component, "");
        let clock = ManualClock::starting_at_unix(1_000_000);
        let mut options = fixture.options();
        options.clock = clock.clone().into();
        options.profile = Some(Profile::Akamai);
        let host = Host::start(options).await.unwrap();
        let mut answer = std::pin::pin!(get(&host, "/"));
        let status = loop {
            tokio::select! {
                status = &mut answer => break status,
                () = tokio::time::sleep(Duration::from_millis(1)) => clock.advance(Duration::from_secs(1)),
            }
        };
        assert_eq!(status, 500);
        assert_eq!(fixture.log.text(), "one: request 1 failed: it took longer than 30 s\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_waits_for_room() {
    // More at once than there are slots, all sleeping on the same clock.
    let fixture = Fixture::new(&sleeper(1), "");
    let mut options = fixture.options();
    options.clock = ManualClock::starting_at_unix(1_000_000).into();
    let host = Arc::new(Host::start(options).await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1500 {
        let host = host.clone();
        tasks.spawn(async move { get(&host, "/").await });
    }
    assert_eq!(tasks.join_all().await.len(), 1500);
    assert_eq!(host.counters().read().traps, 0);
}

//! Crashes for real: the host is killed in the middle of its work, again and again. Every event that was answered 202
//! counts once, and every message reaches the provider once.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::provider::Provider;
use aftercare_tests::signing::Sender;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::shop::{ADMIN_TOKEN, DISPATCH_TOKEN, GENERIC_SECRET, SHOPIFY_SECRET, default_variables, manifest};

/// How often the host is killed: 5 in a normal run; `AFTERCARE_CRASHES=50` for a long one.
fn crashes() -> usize {
    std::env::var("AFTERCARE_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// The application in a process of its own.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(state: &Path, provider: &Provider) -> Self {
        let mut variables = default_variables();
        // A dead holder's lease must run out while a test can wait for it.
        variables.push(("lease_seconds".into(), "1".into()));
        variables.push(("resend_api_key".into(), "re_test".into()));
        variables.push(("resend_url".into(), format!("http://{}", provider.address)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .arg(manifest())
            .arg(state)
            .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the host starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        Self { child, address: line.trim().parse().expect("its address") }
    }

    /// SIGKILL: nothing is flushed, nothing is finished.
    fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request over a connection of its own; `None` when the host died over it.
async fn call(address: SocketAddr, request: Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.into_body().collect().await.ok()?.to_bytes()))
}

fn request(method: Method, path: &str, token: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "shop");
    let request = request.header("authorization", format!("Bearer {token}"));
    request.body(Full::default()).expect("a request")
}

/// Event `n`: an order of customer `n`, or that customer's answer.
fn event(n: usize, placed_at: &str) -> Request<Full<Bytes>> {
    let customer = n / 2;
    let email = format!("customer{customer}@example.com");
    let (sender, secret, path, body) = if n.is_multiple_of(2) {
        let order = ShopifyOrder {
            id: 9_007_199_254_740_993 + customer as u64 * 10,
            number: u32::try_from(customer).expect("few customers"),
            email: &email,
            first_name: "Ann",
            locale: "en",
            placed_at,
            title: "Espresso machine",
            price: "349.00",
        };
        (Sender::Shopify, SHOPIFY_SECRET, "/webhooks/order-created", order.to_json())
    } else {
        // Promoters, so that the only messages are those of orders.
        let answer = nps_answer(&format!("a{customer}"), 9, &email, placed_at);
        (Sender::Generic, GENERIC_SECRET, "/webhooks/survey-submitted", answer)
    };
    let body = serde_json::to_vec(&body).expect("JSON");
    let mut request = Request::post(path).header("host", "shop");
    for (name, value) in sender.headers("orders/create", secret, &body, SystemTime::now()).expect("headers") {
        request = request.header(name, value);
    }
    request.body(Full::new(body.into())).expect("a request")
}

/// Like a platform: what was not answered is sent again, whether it was stored or not.
async fn resend(address: SocketAddr, accepted: &mut BTreeSet<usize>, sent: usize, placed_at: &str) {
    for n in 0..sent {
        if !accepted.contains(&n) {
            let answer = call(address, event(n, placed_at)).await.expect("an answer");
            assert_eq!(answer.0, 202, "{}", String::from_utf8_lossy(&answer.1));
            accepted.insert(n);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_loses_nothing_and_doubles_nothing() {
    const SENDERS: usize = 6;
    let state = tempfile::tempdir().expect("a folder");
    let provider = Provider::start().await.expect("a provider");
    let placed_at = chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).to_rfc3339();
    let next = AtomicUsize::new(0);
    let mut accepted: BTreeSet<usize> = BTreeSet::new();
    for crash in 0..crashes() {
        let mut process = Process::start(state.path(), &provider);
        let address = process.address;
        resend(address, &mut accepted, next.load(Ordering::Relaxed), &placed_at).await;
        // Each life is another number of answers long, so that the end comes at another point of the work.
        let lives_for = 7 + crash * 13 % 41;
        let taken = AtomicUsize::new(0);
        let senders = (0..SENDERS).map(|_| async {
            let mut accepted = Vec::new();
            while taken.load(Ordering::Relaxed) < lives_for {
                let n = next.fetch_add(1, Ordering::Relaxed);
                match call(address, event(n, &placed_at)).await {
                    Some((202, _)) => {
                        accepted.push(n);
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    Some((status, body)) => panic!("answered {status}: {}", String::from_utf8_lossy(&body)),
                    None => break,
                }
            }
            accepted
        });
        for more in futures_util::future::join_all(senders).await {
            accepted.extend(more);
        }
        process.kill();
    }

    let process = Process::start(state.path(), &provider);
    let sent = next.load(Ordering::Relaxed);
    resend(process.address, &mut accepted, sent, &placed_at).await;
    assert_eq!(accepted.len(), sent);
    let give_up = Instant::now() + Duration::from_mins(1);
    loop {
        let (status, body) = call(process.address, request(Method::POST, "/dispatch", DISPATCH_TOKEN))
            .await
            .expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let report: Value = serde_json::from_slice(&body).expect("JSON");
        // A dead holder's lease is free after it has run out; a living one finishes by itself.
        let quiet =
            ["facts", "planned", "sent", "deferred", "failed", "left"].iter().all(|name| report[name] == 0);
        if quiet {
            break;
        }
        assert!(Instant::now() < give_up, "never quiet: {report}");
    }
    let (_, metrics) =
        call(process.address, request(Method::GET, "/metrics", ADMIN_TOKEN)).await.expect("an answer");
    let metrics: Value = serde_json::from_slice(&metrics).expect("JSON");
    let (answers, orders) = (sent / 2, sent.div_ceil(2));
    assert_eq!(metrics["nps"]["n"], serde_json::json!(answers), "an accepted answer counts once");

    let deliveries = provider.deliveries();
    assert_eq!(deliveries.len(), orders, "an accepted order is thanked for once");
    assert!(deliveries.values().all(|delivery| delivery.changed == 0), "a retry sends the same bytes");
}

//! A closed-loop load: so many connections, each sends its next request when the last one was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How a load went.
#[derive(Debug, Clone)]
pub struct Load {
    /// Answers a second, over all connections.
    pub rate: f64,
    pub median: Duration,
    pub p99: Duration,
}

/// Sends one request over and over on one connection, one each `every`, whatever it is answered. Counts the bytes of the
/// bodies in `sent`. Goes on until it is dropped or the connection ends.
pub async fn flood(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    every: Duration,
    sent: Arc<AtomicU64>,
) -> Result<()> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let bytes = request.body().size_hint().lower();
    let mut beat = tokio::time::interval(every);
    loop {
        beat.tick().await;
        sender.ready().await?;
        sender.send_request(request.clone()).await?.into_body().collect().await?;
        sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Sends every request once, over `connections` keep-alive connections. Fails on an answer other than `expected`.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Request<Full<Bytes>>>,
    expected: u16,
) -> Result<Load> {
    let total = requests.len();
    let requests: Arc<Vec<_>> = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        senders.push(sender);
    }
    let started = Instant::now();
    let mut tasks = Vec::new();
    for mut sender in senders {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                let answer = sender.send_request(request.clone()).await?;
                let status = answer.status().as_u16();
                let body = answer.into_body().collect().await?.to_bytes();
                ensure!(status == expected, "answered {status}: {}", String::from_utf8_lossy(&body));
                times.push(sent.elapsed());
            }
            Ok(times)
        }));
    }
    let mut times = Vec::with_capacity(total);
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = started.elapsed();
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    Ok(Load { rate, median: at(50), p99: at(99) })
}

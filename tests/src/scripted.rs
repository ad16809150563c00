//! Providers that do as they are told: answer with an error, be slow, break off after they have read a request. Whatever
//! is not scripted is taken as each provider's own documentation has it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What becomes of one request.
#[derive(Debug, Clone)]
pub enum Play {
    /// This status, with these headers and this body.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Read to its end, and then cut off.
    Reset,
    /// Read to its end, and never answered.
    Hang,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Every provider there is, at one address.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Every answer takes this long.
    latency: Duration,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<(&'static str, Play)>,
    asked: Vec<Asked>,
}

impl Scripted {
    /// Listens on a free port until the runtime ends.
    pub async fn start() -> Result<Self> {
        Self::with_latency(Duration::ZERO).await
    }

    /// Answers after a while.
    pub async fn with_latency(latency: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let provider = Self { address: listener.local_addr()?, state: Arc::default(), latency };
        let served = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = served.clone();
                let service = service_fn(move |request| {
                    let provider = provider.clone();
                    async move { provider.take(request).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(provider)
    }

    /// `http://127.0.0.1:...`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of the next request whose path contains this.
    pub fn next(&self, path: &'static str, play: Play) {
        self.lock().script.push_back((path, play));
    }

    /// Requests whose path contains this, in the order in which they came.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.lock().asked.iter().filter(|asked| asked.path.contains(path)).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let path = parts.uri.path().to_owned();
        let play = {
            let mut state = self.lock();
            state.asked.push(Asked { path: path.clone(), headers: parts.headers, body });
            let next = state.script.iter().position(|(part, _)| path.contains(part));
            next.and_then(|next| state.script.remove(next)).map(|(_, play)| play)
        };
        tokio::time::sleep(self.latency).await;
        match play {
            Some(Play::Reset) => Err(io::Error::other("cut off")),
            Some(Play::Hang) => {
                let never: Result<Infallible, _> = std::future::pending().await;
                Err(never.err().unwrap_or_else(|| io::Error::other("never")))
            }
            Some(Play::Answer(status, headers, body)) => Ok(answer(status, headers, body)),
            None => Ok(taken(&path)),
        }
    }
}

/// How each provider says "taken".
fn taken(path: &str) -> Response<Full<Bytes>> {
    match path {
        "/email" => answer(200, &[], r#"{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a"}"#),
        "/v3/mail/send" => answer(202, &[("x-message-id", "14c5d75ce93")], ""),
        path if path.ends_with("/Messages.json") => answer(201, &[], r#"{"sid":"SM1","status":"queued"}"#),
        "/emails" => answer(200, &[], r#"{"id":"49a3999c"}"#),
        _ => answer(200, &[], "ok"),
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(*name), http::HeaderValue::try_from(*value))
        {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

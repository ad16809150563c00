//! A scripted platform: an API that answers for orders, and has bad days.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// One answer: status, headers, body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

impl Answer {
    pub fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: "[]".to_owned() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Answers each path with what its script says; the last answer of a script is repeated, and other paths are 404.
#[derive(Debug, Clone)]
pub struct Platform {
    pub address: SocketAddr,
    scripts: Arc<Mutex<BTreeMap<String, VecDeque<Answer>>>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl Platform {
    /// Listens on a free port until the runtime ends.
    pub async fn start(scripts: impl IntoIterator<Item = (String, Vec<Answer>)>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let scripts = scripts.into_iter().map(|(path, answers)| (path, answers.into())).collect();
        let platform = Self {
            address: listener.local_addr()?,
            scripts: Arc::new(Mutex::new(scripts)),
            asked: Arc::default(),
        };
        let served = platform.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let platform = served.clone();
                let service = service_fn(move |request| {
                    let answer = platform.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(platform)
    }

    /// What it was asked for so far: paths and headers.
    pub fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = scripts
            .get_mut(&path)
            .and_then(|script| if script.len() > 1 { script.pop_front() } else { script.front().cloned() });
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((path, request.headers().clone()));
        let answer = answer.unwrap_or_else(|| Answer::status(404));
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or_default();
        for (name, value) in answer.headers {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
        response
    }
}

//! A scripted e-mail provider that speaks Resend and knows idempotency keys.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What became of one idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The body it first came with; another one is refused.
    pub body: Bytes,
    /// How often it was asked for. However often that was, it is one delivery.
    pub asked: u32,
    /// How often it came with another body.
    pub changed: u32,
}

impl Delivery {
    /// The playbook whose message it is.
    pub fn playbook(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let tag = body["tags"].as_array()?.iter().find(|tag| tag["name"] == "playbook")?;
        Some(tag["value"].as_str()?.to_owned())
    }
}

/// A provider that takes everything, once.
#[derive(Debug, Clone)]
pub struct Provider {
    pub address: SocketAddr,
    deliveries: Arc<Mutex<BTreeMap<String, Delivery>>>,
}

impl Provider {
    /// Listens on a free port until the runtime ends.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let provider = Self { address: listener.local_addr()?, deliveries: Arc::default() };
        let served = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = served.clone();
                let service = service_fn(move |request| {
                    let provider = provider.clone();
                    async move { Ok::<_, Infallible>(provider.take(request).await) }
                });
                // A caller that was killed in the middle is what this provider is for.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(provider)
    }

    /// Deliveries by idempotency key.
    pub fn deliveries(&self) -> BTreeMap<String, Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let key =
            request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
        let key = key.to_owned();
        let Ok(body) = request.into_body().collect().await else { return answer(400, "{}") };
        let body = body.to_bytes();
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery = deliveries.entry(key.clone()).or_insert_with(|| Delivery {
            body: body.clone(),
            asked: 0,
            changed: 0,
        });
        delivery.asked += 1;
        if delivery.body != body {
            delivery.changed += 1;
            return answer(
                409,
                r#"{"statusCode":409,"name":"invalid_idempotent_request","message":"changed"}"#,
            );
        }
        answer(200, &format!(r#"{{"id":"{key}"}}"#))
    }
}

fn answer(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    answer
}

//! The domain's ports, on what a Spin host offers.

use std::future::poll_fn;
use std::task::Poll;

use aftercare::channel::{CallError, Outbound};
use aftercare::store::lease::Clock;
use aftercare::store::{Store, StoreError};
use aftercare::time::Time;
use chrono::{TimeDelta, Utc};
use futures_util::{SinkExt, TryStreamExt};
use http::{Request, Response};
use spin_executor::CancelOnDropToken;
use spin_sdk::http::IncomingResponse;
use spin_sdk::http::conversions::TryIntoOutgoingRequest;
use spin_sdk::key_value;
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler::{self, RequestOptions};
use spin_sdk::wit::wasi::http0_2_0::types::{ErrorCode, FutureIncomingResponse};

/// A variable of this component; empty when it is not set.
pub fn variable(name: &str) -> String {
    spin_sdk::variables::get(name).unwrap_or_default()
}

/// A comma-separated variable; without the empty parts.
pub fn list(name: &str) -> Vec<String> {
    let text = variable(name);
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// 128 random bits from the host.
pub fn seed() -> u128 {
    // The standard library seeds its hash maps from the host's secure source; no further import is needed.
    use std::hash::{BuildHasher, Hasher, RandomState};
    let half = || u128::from(RandomState::new().build_hasher().finish());
    half() << 64 | half()
}

/// The default key-value store.
pub struct KeyValue(key_value::Store);

impl KeyValue {
    pub fn open() -> Result<Self, StoreError> {
        key_value::Store::open_default().map(Self).map_err(failed)
    }
}

fn failed(error: key_value::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

impl Store for KeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).map_err(failed)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.set(key, value).map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).map_err(failed)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.0.get_keys().map_err(failed)
    }
}

/// The host's clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Time {
        Time::from_millis(Utc::now().timestamp_millis())
    }

    async fn wait(&self, duration: TimeDelta) {
        std::thread::sleep(duration.to_std().unwrap_or_default());
    }
}

/// Calls to the outside, with our own time limits: the platform's are ten minutes.
pub struct Http;

const CONNECT_NANOS: u64 = 2_000_000_000;
const ANSWER_NANOS: u64 = 10_000_000_000;

/// Providers answer in a few hundred bytes; what is longer is not read to its end.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

impl Outbound for Http {
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        let converted = request.try_into_outgoing_request();
        let (outgoing, body) = converted.map_err(|error| CallError::NotSent(error.to_string()))?;
        let options = RequestOptions::new();
        // A host that knows no such limit keeps its own; nothing else can be done about it here.
        let _ = options.set_connect_timeout(Some(CONNECT_NANOS));
        let _ = options.set_first_byte_timeout(Some(ANSWER_NANOS));
        let _ = options.set_between_bytes_timeout(Some(ANSWER_NANOS));

        let mut sink = outgoing.take_body();
        let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(|error| classify(&error))?;
        sink.send(body.unwrap_or_default()).await.map_err(|error| CallError::Lost(error.to_string()))?;
        drop(sink);
        let response = answer_of(pending).await.map_err(|error| classify(&error))?;
        read(response).await
    }
}

/// Waits for an answer without keeping other calls from theirs.
async fn answer_of(pending: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    let mut registration = None;
    poll_fn(|context| match pending.get() {
        Some(answer) => Poll::Ready(answer.unwrap_or(Err(ErrorCode::InternalError(None)))),
        None => {
            let token = spin_executor::push_waker_and_get_token(pending.subscribe(), context.waker().clone());
            registration = Some(CancelOnDropToken::from(token));
            Poll::Pending
        }
    })
    .await
}

async fn read(response: IncomingResponse) -> Result<Response<Vec<u8>>, CallError> {
    let mut answer = Response::builder().status(response.status());
    for (name, value) in response.headers().entries() {
        answer = answer.header(name, value);
    }
    let mut body = Vec::new();
    {
        let mut chunks = std::pin::pin!(response.take_body_stream());
        while let Some(chunk) = chunks.try_next().await.map_err(|error| CallError::Lost(error.to_string()))? {
            body.extend(chunk);
            if body.len() > MAX_ANSWER_BYTES {
                break;
            }
        }
    }
    answer.body(body).map_err(|error| CallError::Lost(error.to_string()))
}

/// Did the request reach the other side? Only what surely did not may be sent again to anybody.
fn classify(error: &ErrorCode) -> CallError {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestUriInvalid => CallError::NotSent(error.to_string()),
        _ => CallError::Lost(error.to_string()),
    }
}

//! Calls to the outside, with our own time limits: the platform's are ten minutes.

use std::future::poll_fn;
use std::task::Poll;

use aftercare::channel::{CallError, Outbound};
use http::{Request, Response};
use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::poll::Pollable;
use wasi::io::streams::{OutputStream, StreamError};

const CONNECT_NANOS: u64 = 2_000_000_000;
const ANSWER_NANOS: u64 = 10_000_000_000;

/// Providers answer in a few hundred bytes, platforms with orders of up to 250 lines; what is longer is not read to its end.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
const READ_BYTES: u64 = 16 * 1024;

/// The way out. Calls that wait do not keep others from theirs.
pub struct Http;

impl Outbound for Http {
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        let (parts, body) = request.into_parts();
        let url = Url {
            scheme: if parts.uri.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https },
            authority: parts.uri.authority().map_or("", |authority| authority.as_str()),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        };
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let (outgoing, pending) =
            start(&method(&parts.method), &url, headers, body.len()).map_err(|error| classify(&error))?;
        // Where a call breaks off, the answer tells why; and who answers before the end of a body has still answered.
        let _ = write(outgoing, &body).await;
        let answer = loop {
            match pending.get() {
                Some(answer) => break answer.unwrap_or(Err(ErrorCode::InternalError(None))),
                None => ready(pending.subscribe()).await,
            }
        };
        read(answer.map_err(|error| classify(&error))?).await
    }
}

/// Posts nothing to a URL and waits for the status of the answer; nothing more of it is read. For components that
/// cannot afford the code of [`Http`].
pub(crate) fn post(url: &str, authorization: &str) -> Result<u16, ErrorCode> {
    let url = Url::parse(url).ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let headers = vec![("authorization".to_owned(), authorization.as_bytes().to_vec())];
    let (outgoing, pending) = start(&Method::Post, &url, headers, 0)?;
    OutgoingBody::finish(outgoing, None)?;
    pending.subscribe().block();
    let answer = pending.get().and_then(Result::ok).unwrap_or(Err(ErrorCode::InternalError(None)));
    Ok(answer?.status())
}

struct Url<'a> {
    scheme: Scheme,
    authority: &'a str,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = match url.strip_prefix("http://") {
            Some(rest) => (Scheme::Http, rest),
            None => (Scheme::Https, url.strip_prefix("https://")?),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self { scheme, authority, path: if path.is_empty() { "/" } else { path } })
    }
}

/// Starts a call whose body, of this length, is still to be written.
fn start(
    method: &Method,
    url: &Url<'_>,
    mut headers: Vec<(String, Vec<u8>)>,
    length: usize,
) -> Result<(OutgoingBody, FutureIncomingResponse), ErrorCode> {
    headers.push(("content-length".to_owned(), length.to_string().into_bytes()));
    let headers = Fields::from_list(&headers).map_err(|_| ErrorCode::InternalError(None))?;
    let outgoing = OutgoingRequest::new(headers);
    let refused = |()| ErrorCode::HttpRequestUriInvalid;
    outgoing.set_method(method).map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    outgoing.set_scheme(Some(&url.scheme)).map_err(refused)?;
    outgoing.set_authority(Some(url.authority)).map_err(refused)?;
    outgoing.set_path_with_query(Some(url.path)).map_err(refused)?;
    let body = outgoing.body().map_err(|()| ErrorCode::InternalError(None))?;
    let options = RequestOptions::new();
    // A host that knows no such limit keeps its own; nothing else can be done about it here.
    let _ = options.set_connect_timeout(Some(CONNECT_NANOS));
    let _ = options.set_first_byte_timeout(Some(ANSWER_NANOS));
    let _ = options.set_between_bytes_timeout(Some(ANSWER_NANOS));
    Ok((body, outgoing_handler::handle(outgoing, Some(options))?))
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

async fn write(outgoing: OutgoingBody, body: &[u8]) -> Result<(), StreamError> {
    let stream = outgoing.write().map_err(|()| StreamError::Closed)?;
    write_all(&stream, body).await?;
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|_| StreamError::Closed)
}

async fn write_all(stream: &OutputStream, mut body: &[u8]) -> Result<(), StreamError> {
    loop {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            ready(stream.subscribe()).await;
        } else if body.is_empty() {
            return stream.flush();
        } else {
            let (chunk, rest) = body.split_at(room.min(body.len()));
            stream.write(chunk)?;
            body = rest;
        }
    }
}

async fn read(response: IncomingResponse) -> Result<Response<Vec<u8>>, CallError> {
    let lost = |why: &str| CallError::Lost(why.to_owned());
    let mut answer = Response::builder().status(response.status());
    for (name, value) in response.headers().entries() {
        answer = answer.header(name, value);
    }
    let incoming = response.consume().map_err(|()| lost("the answer has no body"))?;
    let body = read_body(&incoming).await.map_err(|_| lost("the answer broke off"))?;
    answer.body(body).map_err(|_| lost("the answer's headers cannot be read"))
}

async fn read_body(incoming: &IncomingBody) -> Result<Vec<u8>, StreamError> {
    let stream = incoming.stream().map_err(|()| StreamError::Closed)?;
    let mut body = Vec::new();
    while body.len() <= MAX_ANSWER_BYTES {
        match stream.read(READ_BYTES) {
            Ok(chunk) if chunk.is_empty() => ready(stream.subscribe()).await,
            Ok(chunk) => body.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(body)
}

/// Waits until there may be something to do. It is for the caller to look whether there is.
pub(crate) async fn ready(pollable: Pollable) {
    let mut pollable = Some(pollable);
    let mut registration = None;
    poll_fn(|context| match pollable.take() {
        None => Poll::Ready(()),
        Some(pollable) => {
            let token = push_waker_and_get_token(pollable, context.waker().clone());
            registration = Some(CancelOnDropToken::from(token));
            Poll::Pending
        }
    })
    .await;
    drop(registration);
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
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid => CallError::NotSent(error.to_string()),
        _ => CallError::Lost(error.to_string()),
    }
}

//! Requests in, answers out, as plain values.
//!
//! A component's instance serves one request, so reading it and sending its answer may block: that takes fewer calls of
//! the host, and less code, than waiting for several things at once.

use aftercare::webhook::problem::Problem;
use wasi::http::types::{Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

use crate::host::log;

/// An answer with its whole body.
#[derive(Debug, Default)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

// ── Reading ─────────────────────────────────────────────────────────────────

const READ_BYTES: u64 = 64 * 1024;

/// Reads a request, and not more than `limit` bytes of its body.
pub fn read(request: IncomingRequest, limit: usize) -> Result<Inbound, Problem> {
    Ok(Inbound {
        method: request.method(),
        target: request.path_with_query().unwrap_or_default(),
        headers: request.headers().entries(),
        body: read_body(&request, limit)?,
    })
}

/// A request with its whole body, as the host hands it over.
#[derive(Debug)]
pub struct Inbound {
    method: Method,
    /// Path and query.
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Inbound {
    /// In upper case.
    pub fn method(&self) -> &str {
        match &self.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Other(name) => name,
        }
    }

    /// Path and query, as they stand in the URL.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The part of the URL after `?`, or nothing.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The first header of this name, if it is text. Header names have no case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// Does a browser ask, or somebody else who would rather have a page than JSON?
    pub fn wants_page(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("text/html"))
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

fn read_body(request: &IncomingRequest, limit: usize) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::NotJson("The body broke off.".into());
    let incoming = request.consume().map_err(|()| broken())?;
    let stream = incoming.stream().map_err(|()| broken())?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(chunk) if body.len() + chunk.len() > limit => return Err(Problem::TooLarge(limit)),
            Ok(chunk) => body.extend(chunk),
            Err(StreamError::Closed) => return Ok(body),
            Err(StreamError::LastOperationFailed(_)) => return Err(broken()),
        }
    }
}

/// Serves one request: reads it and sends what `answer` says, be it a problem.
pub async fn respond(
    request: IncomingRequest,
    out: ResponseOutparam,
    limit: usize,
    answer: impl AsyncFnOnce(&Inbound) -> Result<Answer, Problem>,
) {
    let answer = match read(request, limit) {
        // Boxed: some of these are large, and all are awaited once.
        Ok(request) => Box::pin(answer(&request)).await,
        Err(problem) => Err(problem),
    };
    send(out, answer.unwrap_or_else(|known| problem(&known)));
}

// ── Sending ─────────────────────────────────────────────────────────────────

/// What a host takes at once.
const WRITE_BYTES: usize = 4096;

/// Sends an answer. The caller may go on working afterwards.
pub fn send(out: ResponseOutparam, answer: Answer) {
    let fields = answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
    let mut fields: Vec<_> = fields.collect();
    // Without it the host answers in chunks, which stalls on keep-alive connections.
    fields.push(("content-length".to_owned(), answer.body.len().to_string().into_bytes()));
    let Ok(fields) = Fields::from_list(&fields) else {
        log("an answer's headers were refused by the host");
        return;
    };
    let response = OutgoingResponse::new(fields);
    // Every status used here is a plain one; the host refuses none of them.
    let _ = response.set_status_code(answer.status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    // A caller that hung up needs no answer.
    let _ = body.map(|body| write(body, &answer.body));
}

fn write(outgoing: OutgoingBody, body: &[u8]) -> Result<(), StreamError> {
    let stream = outgoing.write().map_err(|()| StreamError::Closed)?;
    write_all(&stream, body)?;
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|_| StreamError::Closed)
}

pub(crate) fn write_all(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes.chunks(WRITE_BYTES).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

/// Builds an answer; `headers` are literals of this program.
pub fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Answer { status, headers, body: body.into() }
}

pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    answer(status, &[("content-type", "application/json"), ("cache-control", "no-store")], body)
}

/// An answer that holds `value` as JSON.
pub fn json_of(status: u16, value: &impl serde::Serialize) -> Answer {
    json(status, to_json(value))
}

pub fn problem(problem: &Problem) -> Answer {
    let answer = answer(problem.status(), &[("content-type", "application/problem+json")], problem.to_json());
    match problem {
        Problem::MethodNotAllowed(allowed) => answer.with("allow", *allowed),
        Problem::Unavailable => answer.with("retry-after", "30"),
        _ => answer,
    }
}

/// The 401 of a page or an API that a person opens: the browser asks for the token.
pub fn unauthorized(realm: &'static str) -> Answer {
    problem(&Problem::Unauthorized).with("www-authenticate", realm)
}

/// JSON of plain data.
pub fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    // Stored and answered values are plain structs of text and numbers; they cannot fail to serialise.
    serde_json::to_vec(value).unwrap_or_default()
}

pub fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// A page, with the headers that keep anything foreign out of it.
pub fn page(html: String, security_policy: &str) -> Answer {
    page_with_status(200, html, security_policy)
}

/// A page that says that something went wrong, or went well.
pub fn page_with_status(status: u16, html: String, security_policy: &str) -> Answer {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", security_policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ];
    answer(status, &headers, html)
}

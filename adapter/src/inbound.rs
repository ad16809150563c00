//! Requests in, answers out, as plain values.

use aftercare::webhook::problem::Problem;
use futures_util::{SinkExt, TryStreamExt};
use http::{Method, Request, Response, StatusCode, header};
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};

/// A request with its whole body.
pub type Inbound = Request<Vec<u8>>;
/// An answer with its whole body.
pub type Answer = Response<Vec<u8>>;

/// Reads a request, and not more than `limit` bytes of its body.
pub async fn read(request: IncomingRequest, limit: usize) -> Result<Inbound, Problem> {
    let mut inbound = Request::builder()
        .method(Method::from_bytes(request.method().to_string().as_bytes()).unwrap_or_default())
        .uri(request.path_with_query().unwrap_or_default());
    for (name, value) in request.headers().entries() {
        inbound = inbound.header(name, value);
    }
    let mut body = Vec::new();
    {
        let mut chunks = std::pin::pin!(request.into_body_stream());
        while let Some(chunk) =
            chunks.try_next().await.map_err(|_| Problem::NotJson("The body broke off.".into()))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Problem::TooLarge(limit));
            }
            body.extend(chunk);
        }
    }
    inbound.body(body).map_err(|_| Problem::NotJson("The request line or a header cannot be read.".into()))
}

/// Sends an answer. The caller may go on working afterwards.
pub async fn send(out: ResponseOutparam, answer: Answer) {
    let (parts, body) = answer.into_parts();
    let mut headers: Vec<(String, Vec<u8>)> =
        parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    // Without it the host answers in chunks, which stalls on keep-alive connections.
    headers.push((header::CONTENT_LENGTH.to_string(), body.len().to_string().into_bytes()));
    let Ok(fields) = Fields::from_list(&headers) else {
        eprintln!("an answer's headers were refused by the host");
        return;
    };
    let response = OutgoingResponse::new(fields);
    // Every status used here is a plain one; the host refuses none of them.
    let _ = response.set_status_code(parts.status.as_u16());
    let mut sink = response.take_body();
    out.set(response);
    // A caller that hung up needs no answer.
    let _ = sink.send(body).await;
}

/// Builds an answer; `headers` are literals of this program.
pub fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            answer.headers_mut().insert(*name, value);
        }
    }
    answer
}

pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    answer(status, &[("content-type", "application/json"), ("cache-control", "no-store")], body)
}

/// An answer that holds `value` as JSON.
pub fn json_of(status: u16, value: &impl serde::Serialize) -> Answer {
    json(status, to_json(value))
}

pub fn problem(problem: &Problem) -> Answer {
    let mut answer =
        answer(problem.status(), &[("content-type", "application/problem+json")], problem.to_json());
    let extra = match problem {
        Problem::MethodNotAllowed(allowed) => Some((header::ALLOW, *allowed)),
        Problem::Unavailable => Some((header::RETRY_AFTER, "30")),
        _ => None,
    };
    if let Some((name, value)) = extra {
        answer.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    answer
}

/// The 401 of a page or an API that a person opens: the browser asks for the token.
pub fn unauthorized(realm: &'static str) -> Answer {
    let mut answer = problem(&Problem::Unauthorized);
    let challenge = header::HeaderValue::from_static(realm);
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    answer
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
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", security_policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ];
    answer(200, &headers, html)
}

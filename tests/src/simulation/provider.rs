//! A mail provider like Resend: idempotency keys, bad days, lost answers.

use std::collections::BTreeMap;

use aftercare::channel::CallError;
use aftercare::time::Time;
use chrono::TimeDelta;
use http::{Request, Response};

use super::random::Random;
use super::weather::Weather;

/// How long a key is remembered, as Resend documents it.
const REMEMBERED_FOR: TimeDelta = TimeDelta::hours(24);

/// A caller hangs up after this.
pub(super) const HANGS_UP_AFTER: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Default)]
pub(super) struct Provider {
    remembered: BTreeMap<String, Remembered>,
    /// When each message was delivered.
    pub(super) deliveries: BTreeMap<String, Vec<Time>>,
}

#[derive(Debug)]
struct Remembered {
    at: Time,
    body: Vec<u8>,
    id: String,
}

pub(super) type Reply = Result<Response<Vec<u8>>, CallError>;

/// The header that names a message; a sabotaged sender may vary it behind a `~`.
pub(super) fn key_of(request: &Request<Vec<u8>>) -> &str {
    request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default()
}

/// The message that a key stands for.
pub(super) fn message_of(key: &str) -> &str {
    key.split('~').next().unwrap_or_default()
}

impl Provider {
    /// What becomes of one request, and whether the caller waits in vain for the answer.
    pub(super) fn take(
        &mut self,
        request: &Request<Vec<u8>>,
        weather: &Weather,
        random: &mut Random,
        now: Time,
    ) -> Reply {
        if random.chance(weather.lost_request) {
            let error = if random.chance(500) { CallError::NotSent } else { CallError::Lost };
            return Err(error("simulated".to_owned()));
        }
        if random.chance(weather.refusal) {
            let (status, body) = *random.pick(&[
                (429, r#"{"name":"rate_limit_exceeded"}"#),
                (500, r#"{"name":"internal_server_error"}"#),
                (503, "<html>"),
            ]);
            let mut response = respond(status, body);
            if random.chance(500) {
                response.headers_mut().insert("retry-after", http::HeaderValue::from_static("30"));
            }
            return Ok(response);
        }
        let reply = self.deliver(request, now);
        if random.chance(weather.lost_answer) {
            return Err(CallError::Lost("simulated".to_owned()));
        }
        Ok(reply)
    }

    fn deliver(&mut self, request: &Request<Vec<u8>>, now: Time) -> Response<Vec<u8>> {
        let key = key_of(request);
        let known = self.remembered.get(key).filter(|known| now - known.at < REMEMBERED_FOR);
        if let Some(known) = known {
            return if known.body == *request.body() {
                accepted(&known.id)
            } else {
                respond(409, r#"{"name":"invalid_idempotent_request"}"#)
            };
        }
        let deliveries = self.deliveries.entry(message_of(key).to_owned()).or_default();
        deliveries.push(now);
        let id = format!("mail-{}", self.remembered.len() + 1);
        let answer = accepted(&id);
        let body = request.body().clone();
        self.remembered.insert(key.to_owned(), Remembered { at: now, body, id });
        answer
    }
}

fn accepted(id: &str) -> Response<Vec<u8>> {
    respond(200, &format!(r#"{{"id":"{id}"}}"#))
}

fn respond(status: u16, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

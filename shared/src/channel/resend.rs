//! E-mail through Resend, and through our own outbox, which speaks the same language.
//!
//! Resend remembers an `Idempotency-Key` for 24 hours: the same key with the same body is answered like the first
//! time, without a second mail. So a lost answer is simply asked for again.

use chrono::TimeDelta;
use http::{Request, Response, header};
use serde::{Deserialize, Serialize};

use super::{CallError, Outcome, Outgoing, retry_after};

/// How long Resend knows an idempotency key; a little less, for clocks that differ.
pub const IDEMPOTENT_FOR: TimeDelta = TimeDelta::hours(23);

/// Where and as whom to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Without a trailing slash.
    pub url: String,
    /// Empty for the outbox, which needs none.
    pub api_key: String,
}

/// The part of the request body that Resend documents for `POST /emails`.
#[derive(Debug, Serialize)]
struct Email<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    html: &'a str,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    headers: &'a std::collections::BTreeMap<String, String>,
    tags: [Tag<'a>; 3],
}

#[derive(Debug, Serialize)]
struct Tag<'a> {
    name: &'static str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    name: String,
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let email = Email {
        from: &body.from,
        to: [&body.to],
        subject: &body.subject,
        text: &body.text,
        html: &body.html,
        headers: &body.headers,
        tags: [
            Tag { name: "playbook", value: message.playbook },
            Tag { name: "channel", value: body.channel.as_str() },
            Tag { name: "locale", value: &body.locale },
        ],
    };
    let mut request = Request::post(format!("{}/emails", config.url))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", message.id.as_str());
    if !config.api_key.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", config.api_key));
    }
    request.body(serde_json::to_vec(&email).ok()?).ok()
}

/// What Resend's answer means.
pub fn classify(answer: &Result<Response<Vec<u8>>, CallError>) -> Outcome {
    let response = match answer {
        Err(error @ CallError::NotSent(_)) => return Outcome::Later { after: None, why: error.to_string() },
        Err(error @ CallError::Lost(_)) => return Outcome::Lost { why: error.to_string() },
        Ok(response) => response,
    };
    let status = response.status().as_u16();
    if response.status().is_success() {
        let accepted = serde_json::from_slice::<Accepted>(response.body()).ok();
        return Outcome::Sent { provider_id: accepted.map(|accepted| accepted.id) };
    }

    let name = serde_json::from_slice::<Refusal>(response.body()).unwrap_or_default().name;
    let why =
        if name.is_empty() { format!("answered {status}") } else { format!("answered {status} {name}") };
    match (status, name.as_str()) {
        (429, "monthly_quota_exceeded") => Outcome::Refused { why },
        (429, "daily_quota_exceeded") => Outcome::Later { after: Some(TimeDelta::days(1)), why },
        (409, "concurrent_idempotent_requests" | "resource_locked") | (408 | 429 | 500..=599, _) => {
            Outcome::Later { after: retry_after(response), why }
        }
        _ => Outcome::Refused { why },
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::{CallError, Outcome, classify};

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let outcome = classify(&Ok(response.body(body.as_bytes().to_vec()).expect("a response")));
        let text = match outcome {
            Outcome::Sent { provider_id } => format!("sent {}", provider_id.unwrap_or_default()),
            Outcome::Later { after, .. } => format!("later {}", after.map_or(0, |after| after.num_seconds())),
            Outcome::Refused { .. } => "refused".to_owned(),
            Outcome::Lost { .. } => "lost".to_owned(),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn answers_are_classified_as_documented() {
        check(200, &[], r#"{"id":"49a3999c"}"#, "sent 49a3999c");
        check(200, &[], "", "sent ");
        check(400, &[], r#"{"name":"validation_error"}"#, "refused");
        check(401, &[], r#"{"name":"missing_api_key"}"#, "refused");
        check(403, &[], r#"{"name":"invalid_api_key"}"#, "refused");
        check(404, &[], "", "refused");
        check(302, &[("location", "https://elsewhere.example")], "", "refused");
        check(409, &[], r#"{"name":"invalid_idempotent_request"}"#, "refused");
        check(409, &[], r#"{"name":"concurrent_idempotent_requests"}"#, "later 0");
        check(409, &[], r#"{"name":"resource_locked"}"#, "later 0");
        check(422, &[], r#"{"name":"missing_required_field"}"#, "refused");
        check(429, &[("retry-after", "2")], r#"{"name":"rate_limit_exceeded"}"#, "later 2");
        check(429, &[], r#"{"name":"rate_limit_exceeded"}"#, "later 0");
        check(429, &[], r#"{"name":"daily_quota_exceeded"}"#, "later 86400");
        check(429, &[], r#"{"name":"monthly_quota_exceeded"}"#, "refused");
        check(500, &[], r#"{"name":"internal_server_error"}"#, "later 0");
        check(503, &[("retry-after", "30")], "<html>", "later 30");
    }

    #[test]
    fn a_call_that_failed_is_told_from_one_that_was_lost() {
        let outcome = |error| classify(&Err(error));
        assert!(matches!(outcome(CallError::NotSent("refused".to_owned())), Outcome::Later { .. }));
        assert!(matches!(outcome(CallError::Lost("timed out".to_owned())), Outcome::Lost { .. }));
    }
}

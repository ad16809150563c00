//! E-mail through Resend, and through our own outbox, which speaks the same language.
//!
//! Resend remembers an `Idempotency-Key` for 24 hours: the same key with the same body is answered like the first
//! time, without a second mail. So a lost answer is simply asked for again.

use chrono::TimeDelta;
use http::{Request, Response, header};
use serde::{Deserialize, Serialize};

use super::{Outcome, Outgoing, answered, retry_after};

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
    tags: Vec<Tag<'a>>,
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
    let mut tags = vec![
        Tag { name: "playbook", value: message.playbook },
        Tag { name: "channel", value: body.channel.as_str() },
        Tag { name: "locale", value: &body.locale },
    ];
    // Not in bodies that were frozen before there were callbacks: those must stay the same bytes.
    if !body.reference.is_empty() {
        tags.push(Tag { name: "message", value: message.id.as_str() });
        tags.push(Tag { name: "reference", value: &body.reference });
    }
    let email = Email {
        from: &body.from,
        to: [&body.to],
        subject: &body.subject,
        text: &body.text,
        html: &body.html,
        headers: &body.headers,
        tags,
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
pub fn classify(response: &Response<Vec<u8>>) -> Outcome {
    let status = response.status().as_u16();
    if response.status().is_success() {
        let accepted = serde_json::from_slice::<Accepted>(response.body()).ok();
        return Outcome::Sent { provider_id: accepted.map(|accepted| accepted.id) };
    }

    let name = serde_json::from_slice::<Refusal>(response.body()).unwrap_or_default().name;
    let why = answered(response, &name);
    match (status, name.as_str()) {
        (429, "monthly_quota_exceeded") => Outcome::Refused { why },
        (429, "daily_quota_exceeded") => Outcome::Later { after: Some(TimeDelta::days(1)), why },
        (429, _) => Outcome::Busy { after: retry_after(response), why },
        (409, "concurrent_idempotent_requests" | "resource_locked") | (408 | 500..=599, _) => {
            Outcome::Later { after: retry_after(response), why }
        }
        _ => Outcome::Refused { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::samples::{answer, id, mail, outgoing, short};

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(short(classify(&answer(status, headers, body))), expected);
    }

    fn config() -> Config {
        Config { url: "https://api.resend.com".to_owned(), api_key: "re_1".to_owned() }
    }

    #[test]
    fn a_message_is_asked_for_as_documented() {
        let (id, body) = (id(), mail());
        let request = request(&outgoing(&id, &body), &config()).expect("a request");
        assert_eq!(request.uri(), "https://api.resend.com/emails");
        assert_eq!(request.headers()["authorization"], "Bearer re_1");
        assert_eq!(request.headers()["idempotency-key"], id.as_str());
        let sent: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        assert_eq!(sent["to"], serde_json::json!(["ann@example.com"]));
        assert_eq!(sent["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
        let tags: Vec<_> =
            sent["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].as_str()).collect();
        assert_eq!(
            tags.into_iter().flatten().collect::<Vec<_>>(),
            ["playbook", "channel", "locale", "message", "reference"]
        );
    }

    /// What was frozen by an earlier version must reach the provider as it first did.
    #[test]
    fn an_older_body_is_still_the_same_bytes() {
        let older = r#"{"channel":"email","to":"ann@example.com","locale":"en","from":"shop@example.com","subject":"Hi","text":"Hello"}"#;
        let body: crate::message::Body = serde_json::from_str(older).expect("a body");
        assert_eq!(body.provider, crate::channel::Provider::Resend);
        let id = id();
        let request = request(&outgoing(&id, &body), &config()).expect("a request");
        assert_eq!(
            String::from_utf8_lossy(request.body()),
            r#"{"from":"shop@example.com","to":["ann@example.com"],"subject":"Hi","text":"Hello","tags":[{"name":"playbook","value":"thank-you"},{"name":"channel","value":"email"},{"name":"locale","value":"en"}]}"#
        );
        assert_eq!(serde_json::to_string(&body).expect("JSON"), older);
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
        check(429, &[("retry-after", "2")], r#"{"name":"rate_limit_exceeded"}"#, "busy 2");
        check(429, &[], r#"{"name":"rate_limit_exceeded"}"#, "busy 0");
        check(429, &[], r#"{"name":"daily_quota_exceeded"}"#, "later 86400");
        check(429, &[], r#"{"name":"monthly_quota_exceeded"}"#, "refused");
        check(500, &[], r#"{"name":"internal_server_error"}"#, "later 0");
        check(503, &[("retry-after", "30")], "<html>", "later 30");
    }
}

//! E-mail through Postmark.
//!
//! Postmark knows no idempotency keys: whose answer was lost is not asked again. What is not about an order under way
//! goes through a stream of its own, as Postmark demands.

use http::{Request, Response, header};
use serde::{Deserialize, Serialize};

use super::{Outcome, Outgoing, answered, refused, retry_after};
use crate::fact::ReachReport;

/// Where and as whom to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Without a trailing slash.
    pub url: String,
    pub server_token: String,
    /// For messages about an order under way.
    pub stream: String,
    /// For everything that people can unsubscribe from.
    pub broadcast_stream: String,
}

/// The part of the request body of `POST /email` that is used here.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Email<'a> {
    from: &'a str,
    to: &'a str,
    subject: &'a str,
    text_body: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    html_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
    message_stream: &'a str,
    tag: &'a str,
    metadata: Metadata<'a>,
    headers: Vec<Header<'a>>,
    track_opens: bool,
    track_links: &'static str,
}

/// Comes back with callbacks. Values end at 80 characters for the name `message` and the like, and at 1,024 in all.
#[derive(Serialize)]
struct Metadata<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    error_code: i64,
    message: String,
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let subscription = body.headers.contains_key("List-Unsubscribe");
    let headers = body.headers.iter().filter(|(name, _)| *name != "Reply-To");
    let email = Email {
        from: &body.from,
        to: &body.to,
        subject: &body.subject,
        text_body: &body.text,
        html_body: &body.html,
        reply_to: body.headers.get("Reply-To").map(String::as_str),
        message_stream: if subscription { &config.broadcast_stream } else { &config.stream },
        tag: message.playbook,
        metadata: Metadata { message: message.id.as_str(), reference: &body.reference },
        headers: headers.map(|(name, value)| Header { name, value }).collect(),
        track_opens: false,
        track_links: "None",
    };
    Request::post(format!("{}/email", config.url))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header("x-postmark-server-token", &config.server_token)
        .body(serde_json::to_vec(&email).ok()?)
        .ok()
}

/// What Postmark's answer means. Its error codes look like HTTP statuses and are none.
pub fn classify(response: &Response<Vec<u8>>) -> Outcome {
    let said: Option<Answer> = serde_json::from_slice(response.body()).ok();
    let said = said.unwrap_or_default();
    let why = answered(response, &why(&said));
    match (response.status().as_u16(), said.error_code) {
        (200..=299, 0) => Outcome::Sent { provider_id: said.message_id },
        // Inactive recipient: bounced before, complained, or blocked by hand.
        (_, 406) => Outcome::Blocked { why, report: ReachReport::Bounced },
        // Maintenance.
        (_, 100) => Outcome::Later { after: retry_after(response), why },
        (200..=299, _) => Outcome::Refused { why },
        _ => refused(response, why),
    }
}

/// Code and words. An address may stand in them, which is nobody's business.
fn why(said: &Answer) -> String {
    if said.error_code == 0 {
        return String::new();
    }
    let words = said.message.split_whitespace().filter(|word| !word.contains('@'));
    format!("{} {}", said.error_code, words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::channel::samples::{answer, id, mail, outgoing, short};

    fn sent(body: &crate::message::Body) -> Value {
        let id = id();
        let config = Config {
            url: "https://api.postmarkapp.com".to_owned(),
            server_token: "token".to_owned(),
            stream: "outbound".to_owned(),
            broadcast_stream: "broadcast".to_owned(),
        };
        let request = request(&outgoing(&id, body), &config).expect("a request");
        assert_eq!(request.uri(), "https://api.postmarkapp.com/email");
        assert_eq!(request.headers()["x-postmark-server-token"], "token");
        assert_eq!(request.headers()["accept"], "application/json");
        serde_json::from_slice(request.body()).expect("JSON")
    }

    #[test]
    fn a_message_is_asked_for_as_documented() {
        let expected = json!({
            "From": "\"Bean, Gone\" <shop@example.com>", "To": "ann@example.com", "Subject": "Hello",
            "TextBody": "Hello Ann", "HtmlBody": "<p>Hello Ann</p>", "ReplyTo": "help@example.com",
            "MessageStream": "broadcast", "Tag": "thank-you",
            "Metadata": { "message": id().as_str(), "reference": "b3JkZXI6MQpvcmRlcjox" },
            "Headers": [
                { "Name": "List-Unsubscribe", "Value": "<https://care.example/p/x>" },
                { "Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click" },
            ],
            "TrackOpens": false, "TrackLinks": "None",
        });
        assert_eq!(sent(&mail()), expected);
        let mut service = mail();
        service.headers.remove("List-Unsubscribe");
        assert_eq!(sent(&service)["MessageStream"], "outbound");
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(short(classify(&answer(status, headers, body))), expected);
    }

    #[test]
    fn answers_are_classified_as_documented() {
        check(200, &[], r#"{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a"}"#, "sent b7bc2f4a");
        check(200, &[], "", "sent ");
        check(200, &[], r#"{"ErrorCode":300,"Message":"Invalid"}"#, "refused");
        check(401, &[], r#"{"ErrorCode":10,"Message":"Bad token"}"#, "refused");
        for code in [300, 400, 401, 402, 403, 405, 411, 412, 413, 1235, 1236] {
            check(422, &[], &format!(r#"{{"ErrorCode":{code},"Message":"no"}}"#), "refused");
        }
        check(422, &[], r#"{"ErrorCode":406,"Message":"Inactive"}"#, "blocked bounced");
        check(422, &[], r#"{"ErrorCode":100,"Message":"Maintenance"}"#, "later 0");
        check(413, &[], "", "refused");
        check(415, &[], r#"{"ErrorCode":409}"#, "refused");
        check(429, &[("retry-after", "7")], "", "busy 7");
        check(429, &[], "", "busy 0");
        check(500, &[], "", "later 0");
        check(503, &[("retry-after", "30")], r#"{"ErrorCode":100}"#, "later 30");
        check(502, &[], "<html>", "lost");
        check(504, &[], "<html>", "lost");
        check(302, &[("location", "https://elsewhere.example")], "", "refused");
    }

    #[test]
    fn a_reason_names_nobody() {
        let body = r#"{"ErrorCode":406,"Message":"Found inactive addresses: ann@example.com."}"#;
        let Outcome::Blocked { why, .. } = classify(&answer(422, &[], body)) else { panic!("blocked") };
        assert_eq!(why, "answered 422 406 Found inactive addresses:");
    }
}

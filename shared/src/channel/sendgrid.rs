//! E-mail through `SendGrid`.
//!
//! `SendGrid` knows no idempotency keys: whose answer was lost is not asked again. It says "accepted" with an empty body
//! and the message's id in a header.

use chrono::TimeDelta;
use http::{Request, Response, header};
use serde::{Deserialize, Serialize};

use super::{Outcome, Outgoing, answered, mailbox, refused};
use crate::gather::gather;
use crate::time::Time;

/// Where and as whom to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Without a trailing slash.
    pub url: String,
    pub api_key: String,
}

/// The part of the request body of `POST /v3/mail/send` that is used here.
#[derive(Serialize)]
struct Email<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    subject: &'a str,
    /// Text first: `SendGrid` refuses another order.
    content: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    headers: std::collections::BTreeMap<&'a str, &'a str>,
    categories: [&'a str; 1],
    tracking_settings: Tracking,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    /// Comes back with every event.
    custom_args: Arguments<'a>,
}

#[derive(Serialize)]
struct Arguments<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reference: &'a str,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
}

/// Nothing of a mail is changed on its way, and nobody is watched while they read it.
#[derive(Serialize)]
struct Tracking {
    #[serde(rename = "click_tracking")]
    clicks: Off,
    #[serde(rename = "open_tracking")]
    opens: Off,
    #[serde(rename = "subscription_tracking")]
    subscriptions: Off,
}

#[derive(Serialize)]
struct Off {
    enable: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    errors: Vec<Flaw>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Flaw {
    field: Option<String>,
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let (from, name) = mailbox(&body.from);
    let content = [("text/plain", &body.text), ("text/html", &body.html)];
    let headers = body.headers.iter().filter(|(name, _)| *name != "Reply-To");
    let off = || Off { enable: false };
    let email = Email {
        personalizations: [Personalization {
            to: [Address { email: &body.to, name: "" }],
            custom_args: Arguments { message: message.id.as_str(), reference: &body.reference },
        }],
        from: Address { email: from, name },
        reply_to: body.headers.get("Reply-To").map(|email| Address { email, name: "" }),
        subject: &body.subject,
        content: gather_content(&content),
        headers: gather(headers.map(|(name, value)| (name.as_str(), value.as_str()))),
        categories: [message.playbook],
        tracking_settings: Tracking { clicks: off(), opens: off(), subscriptions: off() },
    };
    Request::post(format!("{}/v3/mail/send", config.url))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", config.api_key))
        .body(serde_json::to_vec(&email).ok()?)
        .ok()
}

fn gather_content<'a>(parts: &[(&'static str, &'a String)]) -> Vec<Content<'a>> {
    let parts = parts.iter().filter(|(_, value)| !value.is_empty());
    parts.map(|(kind, value)| Content { kind, value }).collect()
}

/// What `SendGrid`'s answer means. 200 is what its sandbox answers.
pub fn classify(response: &Response<Vec<u8>>, now: Time) -> Outcome {
    if response.status().is_success() {
        let id = response.headers().get("x-message-id").and_then(|id| id.to_str().ok());
        return Outcome::Sent { provider_id: id.map(str::to_owned) };
    }
    // The field that is wrong, and not the message about it, which may quote an address.
    let refusal: Option<Refusal> = serde_json::from_slice(response.body()).ok();
    let field = refusal.and_then(|refusal| refusal.errors.into_iter().find_map(|flaw| flaw.field));
    match refused(response, answered(response, &field.unwrap_or_default())) {
        Outcome::Busy { after, why } => {
            Outcome::Busy { after: after.or_else(|| until_reset(response, now)), why }
        }
        outcome => outcome,
    }
}

/// There is no `Retry-After`, but the second at which the next one is taken.
fn until_reset(response: &Response<Vec<u8>>, now: Time) -> Option<TimeDelta> {
    let at: i64 = response.headers().get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
    Some((Time::from_seconds(at) - now).max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::channel::samples::{answer, id, mail, outgoing, short};

    #[test]
    fn a_message_is_asked_for_as_documented() {
        let (id, body) = (id(), mail());
        let config = Config { url: "https://api.sendgrid.com".to_owned(), api_key: "SG.1".to_owned() };
        let request = request(&outgoing(&id, &body), &config).expect("a request");
        assert_eq!(request.uri(), "https://api.sendgrid.com/v3/mail/send");
        assert_eq!(request.headers()["authorization"], "Bearer SG.1");
        let sent: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        let off = json!({ "enable": false });
        let expected = json!({
            "personalizations": [{
                "to": [{ "email": "ann@example.com" }],
                "custom_args": { "message": id.as_str(), "reference": "b3JkZXI6MQpvcmRlcjox" },
            }],
            "from": { "email": "shop@example.com", "name": "Bean, Gone" },
            "reply_to": { "email": "help@example.com" },
            "subject": "Hello",
            "content": [
                { "type": "text/plain", "value": "Hello Ann" },
                { "type": "text/html", "value": "<p>Hello Ann</p>" },
            ],
            "headers": {
                "List-Unsubscribe": "<https://care.example/p/x>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            "categories": ["thank-you"],
            "tracking_settings": { "click_tracking": off, "open_tracking": off, "subscription_tracking": off },
        });
        assert_eq!(sent, expected);
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        let now = Time::from_seconds(1_800_000_000);
        assert_eq!(short(classify(&answer(status, headers, body), now)), expected);
    }

    #[test]
    fn answers_are_classified_as_documented() {
        check(202, &[("x-message-id", "14c5d75ce93")], "", "sent 14c5d75ce93");
        check(202, &[], "", "sent ");
        check(200, &[], "", "sent ");
        for status in [400, 401, 403, 404, 405, 413] {
            check(status, &[], r#"{"errors":[{"message":"no","field":"from.email"}]}"#, "refused");
        }
        check(429, &[("x-ratelimit-reset", "1800000012")], "", "busy 12");
        check(429, &[("x-ratelimit-reset", "1799999999")], "", "busy 0");
        check(429, &[("retry-after", "3"), ("x-ratelimit-reset", "1800000012")], "", "busy 3");
        check(429, &[], "", "busy 0");
        check(500, &[], "", "later 0");
        check(503, &[("retry-after", "30")], "<html>", "later 30");
        check(502, &[], "<html>", "lost");
        check(504, &[], "<html>", "lost");
        check(307, &[("location", "https://elsewhere.example")], "", "refused");
    }
}

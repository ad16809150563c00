//! The outbox: where messages go while no provider is configured, so that a developer can read them.
//!
//! It takes what Resend takes (`POST /emails`) and answers as Resend answers, so the way to it and the way to a real
//! provider are one.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use crate::fact::Channel;
use crate::time::Time;

/// Most recipients of one message, and longest idempotency key, as Resend documents them.
const MOST_RECIPIENTS: usize = 50;
const LONGEST_KEY: usize = 256;

/// A message as the outbox keeps and shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// The idempotency key it came with, which is the message's id.
    pub id: String,
    pub to: String,
    pub from: String,
    pub channel: Channel,
    /// Empty for mail that did not come from a playbook.
    pub playbook: String,
    pub locale: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub headers: BTreeMap<String, String>,
    /// When it arrived; RFC 3339 in JSON.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub at: Time,
}

impl OutboxEntry {
    /// Reads the body of `POST /emails`. What Resend knows and the outbox cannot show (attachments, copies, schedules)
    /// is ignored. `key` is the `Idempotency-Key` header; without one, the same mail is the same entry.
    pub fn from_resend(key: Option<&str>, body: &[u8], at: Time) -> Result<Self, Refusal> {
        let email: Email = serde_json::from_slice(body).map_err(|error| {
            let message = error.to_string();
            let (status, name) = match error.classify() {
                Category::Data if message.starts_with("missing field") => (422, "missing_required_field"),
                Category::Data => (422, "validation_error"),
                _ => (400, "validation_error"),
            };
            Refusal::new(status, name, message)
        })?;
        let id = match key {
            Some(key) => checked(key)?.to_owned(),
            None => format!("mail-{}", crate::hex::encode(&Sha256::digest(body)[..12])),
        };
        let to = match email.to {
            OneOrMany::One(to) => vec![to],
            OneOrMany::Many(to) => to,
        };
        if to.is_empty() || to.len() > MOST_RECIPIENTS {
            let message = format!("`to` must have 1 to {MOST_RECIPIENTS} addresses.");
            return Err(Refusal::new(422, "validation_error", message));
        }
        let tag = |name: &str| email.tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.clone());
        Ok(Self {
            id,
            to: to.join(", "),
            from: email.from,
            channel: tag("channel").and_then(|name| channel(&name)).unwrap_or(Channel::Email),
            playbook: tag("playbook").unwrap_or_default(),
            locale: tag("locale").unwrap_or_default(),
            subject: email.subject,
            text: email.text.unwrap_or_default(),
            html: email.html.unwrap_or_default(),
            headers: email.headers.unwrap_or_default(),
            at,
        })
    }

    /// May this be answered as the same message as `earlier`, which came with the same key? Resend refuses a key that
    /// comes back with another body; so does the outbox, or a test would not see what a provider will.
    pub fn repeats(&self, earlier: &Self) -> Result<(), Refusal> {
        let now = Self { at: earlier.at, ..self.clone() };
        if now == *earlier {
            return Ok(());
        }
        let message = "This idempotency key was used with another body.";
        Err(Refusal::new(409, "invalid_idempotent_request", message.to_owned()))
    }
}

/// Ids stand in addresses of pages, so they hold what needs no escaping there.
fn checked(key: &str) -> Result<&str, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte);
    // `.` and `..` would lead elsewhere.
    let leads_here = key.starts_with(|c: char| c.is_ascii_alphanumeric());
    if leads_here && key.len() <= LONGEST_KEY && key.bytes().all(plain) {
        return Ok(key);
    }
    let message =
        format!("The key must have 1 to {LONGEST_KEY} letters, digits or `-_.:~`, a letter or digit first.");
    Err(Refusal::new(400, "invalid_idempotency_key", message))
}

fn channel(name: &str) -> Option<Channel> {
    serde_json::from_value(name.into()).ok()
}

/// Why a message was not taken, in the shape of Resend's errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    #[serde(rename = "statusCode")]
    pub status: u16,
    pub name: &'static str,
    pub message: String,
}

impl Refusal {
    fn new(status: u16, name: &'static str, message: String) -> Self {
        Self { status, name, message }
    }
}

#[derive(Deserialize)]
struct Email {
    from: String,
    to: OneOrMany,
    subject: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    html: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn write_time<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    Time::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time in RFC 3339"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn noon() -> Time {
        Time::parse("2026-11-21T12:00:00Z").unwrap()
    }

    fn email() -> Value {
        json!({
            "from": "Shop <shop@example.com>",
            "to": ["ann@example.com"],
            "subject": "Thank you",
            "text": "Hello",
            "html": "<p>Hello</p>",
            "headers": { "Reply-To": "help@example.com" },
            "tags": [
                { "name": "playbook", "value": "thank-you" },
                { "name": "locale", "value": "en" },
                { "name": "channel", "value": "sms" },
            ],
        })
    }

    fn read(email: &Value) -> Result<OutboxEntry, Refusal> {
        OutboxEntry::from_resend(Some("thank-you-1f"), email.to_string().as_bytes(), noon())
    }

    #[test]
    fn reads_what_resend_reads_and_writes_the_public_shape() {
        let entry = read(&email()).unwrap();
        let expected = json!({
            "id": "thank-you-1f", "to": "ann@example.com", "from": "Shop <shop@example.com>", "channel": "sms",
            "playbook": "thank-you", "locale": "en", "subject": "Thank you", "text": "Hello", "html": "<p>Hello</p>",
            "headers": { "Reply-To": "help@example.com" }, "at": "2026-11-21T12:00:00Z",
        });
        assert_eq!(serde_json::to_value(&entry).unwrap(), expected);
        assert_eq!(serde_json::from_value::<OutboxEntry>(expected).unwrap(), entry);
    }

    #[test]
    fn takes_the_least_that_resend_takes() {
        let least = json!({ "from": "a@example.com", "to": "b@example.com", "subject": "Hi" });
        let entry = OutboxEntry::from_resend(None, least.to_string().as_bytes(), noon()).unwrap();
        assert_eq!(
            (entry.to.as_str(), entry.channel, entry.playbook.as_str()),
            ("b@example.com", Channel::Email, "")
        );
        let again = OutboxEntry::from_resend(None, least.to_string().as_bytes(), noon()).unwrap();
        assert_eq!(entry.id, again.id);
    }

    #[track_caller]
    fn check(name: &str, value: Value, status: u16, error: &str) {
        let mut email = email();
        if value.is_null() {
            email.as_object_mut().unwrap().remove(name);
        } else {
            email[name] = value;
        }
        let refusal = read(&email).unwrap_err();
        assert_eq!((refusal.status, refusal.name), (status, error), "{}", refusal.message);
    }

    #[test]
    fn refuses_as_resend_refuses() {
        check("from", Value::Null, 422, "missing_required_field");
        check("to", Value::Null, 422, "missing_required_field");
        check("subject", Value::Null, 422, "missing_required_field");
        check("subject", json!(5), 422, "validation_error");
        check("to", json!([]), 422, "validation_error");
        check("to", json!({}), 422, "validation_error");
        check("to", json!(vec!["a@example.com"; 51]), 422, "validation_error");
        let not_json = OutboxEntry::from_resend(None, b"{", noon()).unwrap_err();
        assert_eq!((not_json.status, not_json.name), (400, "validation_error"));
    }

    #[test]
    fn keys_can_stand_in_an_address() {
        let key =
            |key: &str| OutboxEntry::from_resend(Some(key), email().to_string().as_bytes(), noon()).err();
        for bad in ["", "a/b", "a b", "<b>", "../x", "..", "ä", &"x".repeat(257)] {
            assert_eq!(
                key(bad).map(|refusal| (refusal.status, refusal.name)),
                Some((400, "invalid_idempotency_key"))
            );
        }
        assert_eq!(key(&"x".repeat(256)), None);
    }

    #[test]
    fn a_key_stands_for_one_body() {
        let first = read(&email()).unwrap();
        let later = OutboxEntry { at: Time::from_seconds(0), ..first.clone() };
        assert_eq!(later.repeats(&first), Ok(()));
        let other = OutboxEntry { text: "Changed".to_owned(), ..first.clone() };
        assert_eq!(
            other.repeats(&first).map_err(|refusal| (refusal.status, refusal.name)),
            Err((409, "invalid_idempotent_request"))
        );
    }

    #[test]
    fn refusals_look_like_resends() {
        let refusal = Refusal::new(422, "validation_error", "why".to_owned());
        let expected = json!({ "statusCode": 422, "name": "validation_error", "message": "why" });
        assert_eq!(serde_json::to_value(refusal).unwrap(), expected);
    }
}

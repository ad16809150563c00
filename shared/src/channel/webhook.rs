//! A webhook of our own, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it, for everything that
//! there is no provider for.
//!
//! `webhook-id` is the same on every attempt, which is how receivers tell a repetition; the time is the attempt's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::TimeDelta;
use http::{Request, Response, header};
use serde_json::json;

use super::{Outcome, Outgoing, answered, retry_after};
use crate::time::Time;
use crate::webhook::verify::{as_whsec, hmac_sha256};

/// As long as anybody tries: a receiver that knows the standard takes one message once.
pub const IDEMPOTENT_FOR: TimeDelta = TimeDelta::days(2);

/// Where to send, and how to sign.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub url: String,
    /// `whsec_...`; the first signs, and so does every other: receivers can change over one by one.
    pub signing_secrets: Vec<String>,
}

impl Config {
    /// Without a secret nothing leaves.
    pub fn can_sign(&self) -> bool {
        self.signing_secrets.iter().any(|secret| !as_whsec(secret).is_empty())
    }
}

/// Secrets are secret, and so may be the address.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Config({} secrets)", self.signing_secrets.len())
    }
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config, now: Time) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let payload = json!({
        "type": "message",
        "timestamp": now.to_string(),
        "data": {
            "id": message.id.as_str(), "playbook": message.playbook, "locale": body.locale,
            "subject": body.subject, "text": body.text,
        },
    });
    signed(message.id.as_str(), &serde_json::to_vec(&payload).ok()?, config, now)
}

/// The signed call that delivers `payload` under `id`.
pub fn signed(id: &str, payload: &[u8], config: &Config, now: Time) -> Option<Request<Vec<u8>>> {
    let time = now.seconds().to_string();
    let pieces: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", payload];
    let keys = config.signing_secrets.iter().map(|secret| as_whsec(secret)).filter(|key| !key.is_empty());
    let signatures: Vec<String> =
        keys.map(|key| ["v1,", &BASE64.encode(hmac_sha256(&key, &pieces))].concat()).collect();
    if signatures.is_empty() || id.contains('.') {
        return None;
    }
    Request::post(&config.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header("webhook-signature", signatures.join(" "))
        .body(payload.to_vec())
        .ok()
}

/// What the receiver's answer means. Redirects are not followed; 410 says that it wants nothing more.
pub fn classify(response: &Response<Vec<u8>>) -> Outcome {
    let why = answered(response, "");
    match response.status().as_u16() {
        200..=299 => Outcome::Sent { provider_id: None },
        300..=399 | 410 => Outcome::Refused { why },
        429 | 502 | 504 => Outcome::Busy { after: retry_after(response), why },
        _ => Outcome::Later { after: retry_after(response), why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::samples::{answer, id, mail, outgoing, short};

    fn config(secrets: &[&str]) -> Config {
        Config {
            url: "https://hooks.example/aftercare".to_owned(),
            signing_secrets: secrets.iter().map(|&secret| secret.to_owned()).collect(),
        }
    }

    /// The vector of the standard's own libraries.
    #[test]
    fn signs_as_the_standard_has_it() {
        let config = config(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let now = Time::from_seconds(1_614_265_330);
        let request = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#, &config, now);
        let request = request.expect("a request");
        assert_eq!(request.headers()["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(request.headers()["webhook-timestamp"], "1614265330");
    }

    #[test]
    fn an_attempt_has_its_own_time_and_the_same_id() {
        let (id, body) = (id(), mail());
        let config =
            config(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"]);
        let at = |seconds| {
            request(&outgoing(&id, &body), &config, Time::from_seconds(seconds)).expect("a request")
        };
        let (first, second) = (at(0), at(60));
        assert_eq!(first.headers()["webhook-id"], second.headers()["webhook-id"]);
        assert_ne!(first.headers()["webhook-signature"], second.headers()["webhook-signature"]);
        let signatures = first.headers()["webhook-signature"].to_str().expect("text");
        assert_eq!(signatures.split(' ').count(), 2, "one for each secret");
    }

    #[test]
    fn without_a_secret_nothing_leaves() {
        let (id, body) = (id(), mail());
        for secrets in [&[][..], &[""], &["whsec_"], &["not base64!"]] {
            assert!(request(&outgoing(&id, &body), &config(secrets), Time::from_seconds(0)).is_none());
        }
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], expected: &str) {
        assert_eq!(short(classify(&answer(status, headers, ""))), expected);
    }

    #[test]
    fn answers_are_classified_as_the_standard_has_it() {
        check(200, &[], "sent ");
        check(204, &[], "sent ");
        check(302, &[("location", "https://elsewhere.example")], "refused");
        check(410, &[], "refused");
        check(400, &[], "later 0");
        check(404, &[], "later 0");
        check(429, &[("retry-after", "9")], "busy 9");
        check(502, &[], "busy 0");
        check(503, &[("retry-after", "9")], "later 9");
    }
}

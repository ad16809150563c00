//! Signs payloads as their senders would.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Whose scheme to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Shopify,
    /// Standard Webhooks: the generic contract.
    Generic,
}

impl Sender {
    pub const ALL: [Self; 2] = [Self::Shopify, Self::Generic];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Generic => "generic",
        }
    }

    /// The variable that holds its secrets.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Shopify => "shopify_secrets",
            Self::Generic => "webhook_secrets",
        }
    }

    /// The headers that come with `body`. `secret` may be a list, of which the first one signs; `topic` matters to
    /// senders that have topics.
    pub fn headers(
        self,
        topic: &str,
        secret: &str,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Vec<(&'static str, String)>> {
        let mut secrets = secret.split(',').map(str::trim);
        let secret = secrets.find(|secret| !secret.is_empty()).context("the secret is empty")?;
        // The same for the same body, as it is over a sender's retries.
        let delivery = aftercare::hex::encode(&Sha256::digest(body)[..8]);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match self {
            Self::Shopify => headers.extend([
                ("x-shopify-topic", topic.to_owned()),
                ("x-shopify-shop-domain", "demo.myshopify.com".to_owned()),
                ("x-shopify-api-version", "2026-10".to_owned()),
                ("x-shopify-webhook-id", delivery),
                ("x-shopify-hmac-sha256", STANDARD.encode(hmac(secret.as_bytes(), &[body])?)),
            ]),
            Self::Generic => {
                let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret));
                let key = key.context("the secret is not `whsec_` and base64")?;
                let seconds = now.duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
                let (id, timestamp) = (format!("msg_{delivery}"), seconds.to_string());
                let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                let signature = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)?));
                headers.extend([
                    ("webhook-id", id),
                    ("webhook-timestamp", timestamp),
                    ("webhook-signature", signature),
                ]);
            }
        }
        Ok(headers)
    }
}

fn hmac(key: &[u8], message: &[&[u8]]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).context("the secret cannot be a key")?;
    for part in message {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

//! Signs payloads as their senders would: for tests, benchmarks and `cargo xtask sign`.
//!
//! It shares no code with what verifies: a test that signed with the code it tests would prove nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// Whose scheme to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    Shopify,
    WooCommerce,
    BigCommerce,
    AfterShip,
    EasyPost,
    Shippo,
    Typeform,
    Delighted,
    JudgeMe,
    Stamped,
    Zendesk,
    Gorgias,
    Chatwoot,
    /// Standard Webhooks: the generic contract.
    Generic,
}

/// The headers of a delivery, names in lower case.
pub type Headers = Vec<(&'static str, String)>;

impl Sender {
    pub const ALL: [Self; 14] = [
        Self::Shopify,
        Self::WooCommerce,
        Self::BigCommerce,
        Self::AfterShip,
        Self::EasyPost,
        Self::Shippo,
        Self::Typeform,
        Self::Delighted,
        Self::JudgeMe,
        Self::Stamped,
        Self::Zendesk,
        Self::Gorgias,
        Self::Chatwoot,
        Self::Generic,
    ];

    /// The name that people give it. Facts have it as their source.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            other => other.prefix(),
        }
    }

    /// What stands before `_secrets` in its variable, and names it in the tables of who reports what.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::WooCommerce => "woocommerce",
            Self::BigCommerce => "bigcommerce",
            Self::AfterShip => "aftership",
            Self::EasyPost => "easypost",
            Self::Shippo => "shippo",
            Self::Typeform => "typeform",
            Self::Delighted => "delighted",
            Self::JudgeMe => "judgeme",
            Self::Stamped => "stamped",
            Self::Zendesk => "zendesk",
            Self::Gorgias => "gorgias",
            Self::Chatwoot => "chatwoot",
            Self::Generic => "webhook",
        }
    }

    /// The variable that holds its secrets.
    pub fn variable(self) -> String {
        format!("{}_secrets", self.prefix())
    }

    /// The sender with this name or prefix.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sender| sender.name() == name || sender.prefix() == name)
    }

    /// The header that proves who it is.
    pub const fn proof(self) -> &'static str {
        match self {
            Self::Shopify => "x-shopify-hmac-sha256",
            Self::WooCommerce => "x-wc-webhook-signature",
            Self::BigCommerce | Self::Generic => "webhook-signature",
            Self::AfterShip => "aftership-hmac-sha256",
            Self::EasyPost => "x-hmac-signature",
            Self::Shippo => "shippo-auth-signature",
            Self::Typeform => "typeform-signature",
            Self::Delighted => "x-delighted-webhook-signature",
            Self::JudgeMe => "judgeme-hmac-sha256",
            Self::Stamped => "x-stamped-webhook-secret",
            Self::Zendesk => "x-zendesk-webhook-signature",
            Self::Gorgias => "x-gorgias-secret",
            Self::Chatwoot => "x-chatwoot-signature",
        }
    }

    /// Whether the proof is the secret itself, which says nothing of the body.
    pub const fn shows_its_secret(self) -> bool {
        matches!(self, Self::Stamped | Self::Gorgias)
    }

    /// Whether it signs the time, so that a proof grows old.
    pub const fn signs_the_time(self) -> bool {
        matches!(self, Self::BigCommerce | Self::Generic | Self::Shippo | Self::Zendesk | Self::Chatwoot)
    }

    /// The topic that it most often sends to an event's URL; nothing where it has no topics.
    pub fn topic(self, event: &str) -> &'static str {
        match (self, event) {
            (Self::Shopify, "shipment-updated") => "fulfillments/create",
            (Self::Shopify, "privacy-request") => "customers/redact",
            (Self::Shopify, _) => "orders/create",
            (Self::WooCommerce, "review-posted") => "product_review.created",
            (Self::WooCommerce, _) => "order.created",
            _ => "",
        }
    }

    /// The headers that come with `body`. `secret` may be a list, of which the first one signs; `topic` matters to
    /// senders that have topics.
    pub fn headers(self, topic: &str, secret: &str, body: &[u8], now: SystemTime) -> Result<Headers> {
        let mut secrets = secret.split(',').map(str::trim);
        let secret = secrets.find(|secret| !secret.is_empty()).context("the secret is empty")?;
        let key = secret.as_bytes();
        let digest = || hmac_sha256(key, &[body]);
        let seconds = now.duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
        let unix = seconds.to_string();
        let iso = DateTime::from_timestamp(seconds.try_into()?, 0).context("the clock is far off")?;
        let iso = iso.to_rfc3339_opts(SecondsFormat::Secs, true);
        // The same for the same body, as it is over a sender's retries.
        let delivery = hex(&Sha256::digest(body)[..8]);

        let mut headers = vec![("content-type", "application/json".to_owned())];
        match self {
            Self::Shopify => headers.extend([
                ("x-shopify-topic", topic.to_owned()),
                ("x-shopify-shop-domain", "demo.myshopify.com".to_owned()),
                ("x-shopify-api-version", "2026-04".to_owned()),
                ("x-shopify-webhook-id", delivery),
                ("x-shopify-triggered-at", iso),
                (self.proof(), BASE64.encode(digest())),
            ]),
            Self::WooCommerce => headers.extend([
                ("x-wc-webhook-source", "https://shop.example/".to_owned()),
                ("x-wc-webhook-topic", topic.to_owned()),
                ("x-wc-webhook-delivery-id", delivery),
                (self.proof(), BASE64.encode(digest())),
            ]),
            // Keyed with the secret as it is, which no library of Standard Webhooks does.
            Self::BigCommerce => headers.extend(standard(key, &format!("msg_{delivery}"), seconds, body)),
            Self::Generic => {
                let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret));
                let key = key.context("the secret is not `whsec_` and base64")?;
                headers.extend(standard(&key, &format!("msg_{delivery}"), seconds, body));
            }
            Self::AfterShip => headers.push((self.proof(), BASE64.encode(digest()))),
            Self::EasyPost => {
                let key: String = secret.nfkd().collect();
                let digest = hmac_sha256(key.as_bytes(), &[body]);
                headers.push((self.proof(), format!("hmac-sha256-hex={}", hex(&digest))));
            }
            Self::Shippo => {
                let digest = hmac_sha256(key, &[unix.as_bytes(), b".", body]);
                headers.push((self.proof(), format!("t={unix},v1={}", hex(&digest))));
            }
            Self::Typeform => {
                headers.push((self.proof(), format!("sha256={}", BASE64.encode(digest()))));
            }
            Self::Delighted => {
                headers.push((self.proof(), format!("sha256={}", hex(&digest()))));
            }
            Self::JudgeMe => headers.push((self.proof(), hex(&digest()))),
            Self::Stamped | Self::Gorgias => headers.push((self.proof(), secret.to_owned())),
            Self::Zendesk => {
                let digest = hmac_sha256(key, &[iso.as_bytes(), body]);
                headers.extend([
                    (self.proof(), BASE64.encode(digest)),
                    ("x-zendesk-webhook-signature-timestamp", iso),
                ]);
            }
            Self::Chatwoot => {
                let digest = hmac_sha256(key, &[unix.as_bytes(), b".", body]);
                headers.extend([
                    ("x-chatwoot-timestamp", unix),
                    (self.proof(), format!("sha256={}", hex(&digest))),
                ]);
            }
        }
        Ok(headers)
    }
}

/// The three headers of Standard Webhooks, with this key, id and time (seconds since 1970).
pub fn standard(key: &[u8], id: &str, seconds: u64, body: &[u8]) -> [(&'static str, String); 3] {
    let timestamp = seconds.to_string();
    let digest = hmac_sha256(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", format!("v1,{}", BASE64.encode(digest))),
    ]
}

/// HMAC-SHA256 over the pieces of a message.
pub fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for piece in message {
        mac.update(piece);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

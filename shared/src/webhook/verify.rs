//! Proofs: how a sender shows that a delivery is its own.
//!
//! Nearly everyone signs with an HMAC and differs in a few details, so there is one verifier with a knob for each
//! detail. Knobs that pull in code (hash, key) are functions, so that a component links only what its senders use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

mod nfkd;

use super::Delivery;
use crate::hex;
use crate::time::Time;

/// One way for a sender to prove itself.
#[derive(Debug)]
pub enum Proof {
    Signature(Signature),
    /// The secret itself, in clear, in this header. Such headers must never be logged.
    SecretHeader(&'static str),
    /// The secret itself, in clear, in the URL: `?token=<secret>`, for senders that cannot sign.
    Token,
    /// Not a proof but an exception: a greeting that a platform sends unsigned and wants answered with 200 before it
    /// works with us. Nothing of it is read, and it is a stranger's while no secret is configured.
    Hello(fn(&Delivery<'_>) -> bool),
}

/// What was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// The body is the sender's.
    Authentic,
    /// Someone said hello.
    Hello,
}

/// How a sender signs. [`Signature::over_body`] is the commonest way; senders name what they do otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The header that holds the signature.
    pub header: &'static str,
    /// What separates several entries in that header; each entry is tried, and unknown ones are passed over.
    pub separator: Option<char>,
    /// What stands before the digest in an entry: `sha256=`, `v1,`.
    pub prefix: &'static str,
    pub encoding: Encoding,
    /// The signed bytes, piece by piece.
    pub message: &'static [Piece],
    pub mac: Mac,
    pub key: Key,
    /// The signed time and its window, where there is one.
    pub time: Option<SignedTime>,
}

impl Signature {
    /// Base64 of HMAC-SHA256 over the body, keyed with the secret as it is.
    pub const fn over_body(header: &'static str) -> Self {
        Self {
            header,
            separator: None,
            prefix: "",
            encoding: Encoding::Base64,
            message: &[Piece::Body],
            mac: hmac_sha256,
            key: as_text,
            time: None,
        }
    }

    /// [Standard Webhooks](https://www.standardwebhooks.com): the id, the time and the body are signed, and the header
    /// may hold several signatures. Only `v1` is read; `v1a` (Ed25519) needs no secret of ours and is not supported.
    pub const STANDARD: Self = Self {
        separator: Some(' '),
        prefix: "v1,",
        message: &[Piece::Header("webhook-id"), Piece::Text("."), Piece::Time, Piece::Text("."), Piece::Body],
        key: as_whsec,
        time: Some(SignedTime::unix(TimeIn::Header("webhook-timestamp"))),
        ..Self::over_body("webhook-signature")
    };

    /// The same under the header names of Svix, which came before the standard.
    pub const SVIX: Self = Self {
        message: &[Piece::Header("svix-id"), Piece::Text("."), Piece::Time, Piece::Text("."), Piece::Body],
        time: Some(SignedTime::unix(TimeIn::Header("svix-timestamp"))),
        header: "svix-signature",
        ..Self::STANDARD
    };
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
}

/// A piece of the signed bytes.
#[derive(Debug, Clone, Copy)]
pub enum Piece {
    Body,
    /// The signed time, as it was written.
    Time,
    /// Another header's value. One with a full stop is refused: it could shift where the pieces meet.
    Header(&'static str),
    Text(&'static str),
}

/// A signed time: how to find and read it. Outside its window a delivery is a replay.
#[derive(Debug, Clone, Copy)]
pub struct SignedTime {
    pub stands_in: TimeIn,
    pub read: fn(&str) -> Option<Time>,
}

/// Five minutes both ways, as Standard Webhooks has it: more than clocks differ, less than an attacker needs.
const TOLERANCE_MILLIS: u64 = 300 * 1000;

impl SignedTime {
    /// RFC 3339.
    pub const fn rfc3339(stands_in: TimeIn) -> Self {
        Self { stands_in, read: Time::parse }
    }

    /// Whole seconds since 1970.
    pub const fn unix(stands_in: TimeIn) -> Self {
        Self { stands_in, read: unix_seconds }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum TimeIn {
    Header(&'static str),
    /// An entry of the signature's own header, behind this prefix: `t=`.
    Entry(&'static str),
}

/// A keyed digest of pieces of a message.
pub type Mac = fn(key: &[u8], message: &[&[u8]]) -> Vec<u8>;

/// Makes the key out of the secret that was configured. A key of no bytes opens nothing: it says that the secret
/// cannot be read.
pub type Key = fn(secret: &str) -> Vec<u8>;

// ── Checking ────────────────────────────────────────────────────────────────

/// More signatures than any rotation needs; a header full of them would only buy comparisons.
const MAX_ENTRIES: usize = 16;

impl Proof {
    /// Whether the delivery has what this proof is made of, right or wrong.
    pub(super) fn is_offered(&self, delivery: &Delivery<'_>) -> bool {
        match self {
            Self::Signature(signature) => delivery.has_header(signature.header),
            Self::SecretHeader(header) => delivery.has_header(header),
            Self::Token => token(delivery.query).is_some(),
            Self::Hello(is_hello) => is_hello(delivery),
        }
    }

    /// What is proven by any of the secrets, if anything.
    pub(super) fn check(&self, delivery: &Delivery<'_>, secrets: &[String]) -> Option<Proven> {
        let authentic = match self {
            Self::Signature(signature) => signature.holds(delivery, secrets),
            Self::SecretHeader(header) => {
                delivery.header(header).is_some_and(|given| is_one_of(given, secrets))
            }
            Self::Token => token(delivery.query).is_some_and(|given| is_one_of(given, secrets)),
            Self::Hello(is_hello) => return is_hello(delivery).then_some(Proven::Hello),
        };
        authentic.then_some(Proven::Authentic)
    }
}

impl Signature {
    fn holds(&self, delivery: &Delivery<'_>, secrets: &[String]) -> bool {
        self.try_holds(delivery, secrets).unwrap_or(false)
    }

    /// `None` when a header that takes part is missing or malformed.
    fn try_holds(&self, delivery: &Delivery<'_>, secrets: &[String]) -> Option<bool> {
        let header = delivery.header(self.header)?;
        let entries = || {
            let separator = self.separator;
            header.split(move |c| Some(c) == separator).map(str::trim).take(MAX_ENTRIES)
        };
        let time = match &self.time {
            None => "",
            Some(signed) => {
                let text = match signed.stands_in {
                    TimeIn::Header(name) => delivery.header(name)?,
                    TimeIn::Entry(prefix) => entries().find_map(|entry| entry.strip_prefix(prefix))?,
                };
                let time = (signed.read)(text)?;
                if time.millis().abs_diff(delivery.now.millis()) > TOLERANCE_MILLIS {
                    return Some(false);
                }
                text
            }
        };
        let mut message = Vec::with_capacity(self.message.len());
        for piece in self.message {
            message.push(match piece {
                Piece::Body => delivery.body,
                Piece::Time => time.as_bytes(),
                Piece::Header(name) => delivery.header(name).filter(|value| !value.contains('.'))?.as_bytes(),
                Piece::Text(text) => text.as_bytes(),
            });
        }
        let given: Vec<Vec<u8>> = entries()
            .filter_map(|entry| entry.strip_prefix(self.prefix))
            .filter_map(|digest| match self.encoding {
                Encoding::Hex => hex::decode(digest),
                Encoding::Base64 => BASE64.decode(digest).ok(),
            })
            .collect();
        // No early exit: which secret matched, and how far, takes the same time.
        let mut matched = Choice::from(0);
        for key in secrets.iter().map(|secret| (self.key)(secret)).filter(|key| !key.is_empty()) {
            let digest = (self.mac)(&key, &message);
            for given in &given {
                matched |= digest.ct_eq(given);
            }
        }
        Some(matched.into())
    }
}

/// Compares digests, so that neither content nor length of a secret shows in the time it takes.
fn is_one_of(given: &str, secrets: &[String]) -> bool {
    let given = Sha256::digest(given);
    let matched = secrets.iter().fold(Choice::from(0), |matched, secret| {
        matched | Sha256::digest(secret).as_slice().ct_eq(given.as_slice())
    });
    matched.into()
}

/// The `token` parameter as it stands in the URL. It is not percent-decoded: tokens are letters and digits.
fn token(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

// ── Digests ─────────────────────────────────────────────────────────────────

pub fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for piece in message {
        mac.update(piece);
    }
    mac.finalize().into_bytes().to_vec()
}

/// For senders that never left SHA-1. As an HMAC it still holds.
pub fn hmac_sha1(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    for piece in message {
        mac.update(piece);
    }
    mac.finalize().into_bytes().to_vec()
}

// ── Keys ────────────────────────────────────────────────────────────────────

/// The secret as it is, in UTF-8. A key made of two secrets (`client_id&client_secret`) is configured joined.
pub fn as_text(secret: &str) -> Vec<u8> {
    secret.as_bytes().to_vec()
}

/// Base64 behind `whsec_`, as Standard Webhooks writes secrets.
pub fn as_whsec(secret: &str) -> Vec<u8> {
    BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).unwrap_or_default()
}

/// The secret after compatibility decomposition (NFKD), for which `é` is an `e` and an accent.
pub fn as_nfkd(secret: &str) -> Vec<u8> {
    nfkd::decompose(secret).unwrap_or_default().into_bytes()
}

// ── Times ───────────────────────────────────────────────────────────────────

/// Whole seconds since 1970, digits only.
pub fn unix_seconds(text: &str) -> Option<Time> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok().map(Time::from_seconds) } else { None }
}

//! Deliveries as each sender makes them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Request;
use crate::hex;
use crate::time::Time;
use crate::webhook::verify::hmac_sha256;
use crate::webhook::{
    ORDER_CREATED, PRIVACY_REQUEST, REVIEW_POSTED, Route, SHIPMENT_UPDATED, SURVEY_SUBMITTED, TICKET_UPDATED,
};

/// Trackers, survey tools, review tools and desks, each with a fixture that becomes a fact and the event it is for.
pub(super) const SENDERS: &[(&str, &[Route], &str)] = &[
    ("aftership", SHIPMENT_UPDATED, include_str!("../../../fixtures/aftership/tracking-update.json")),
    ("easypost", SHIPMENT_UPDATED, include_str!("../../../fixtures/easypost/tracker-updated.json")),
    ("shippo", SHIPMENT_UPDATED, include_str!("../../../fixtures/shippo/track-updated.json")),
    ("typeform", SURVEY_SUBMITTED, include_str!("../../../fixtures/typeform/nps.json")),
    ("delighted", SURVEY_SUBMITTED, include_str!("../../../fixtures/delighted/updated.json")),
    ("judgeme", REVIEW_POSTED, include_str!("../../../fixtures/judgeme/review-created.json")),
    ("stamped", REVIEW_POSTED, include_str!("../../../fixtures/stamped/review.json")),
    ("zendesk", TICKET_UPDATED, include_str!("../../../fixtures/zendesk/comment-added.json")),
    ("gorgias", TICKET_UPDATED, include_str!("../../../fixtures/gorgias/ticket-status-updated.json")),
    ("chatwoot", TICKET_UPDATED, include_str!("../../../fixtures/chatwoot/status-changed.json")),
];

/// Every event, for senders that report several.
pub(super) const EVENTS: &[&[Route]] =
    &[ORDER_CREATED, SHIPMENT_UPDATED, SURVEY_SUBMITTED, REVIEW_POSTED, TICKET_UPDATED, PRIVACY_REQUEST];

/// The secret that a sender's deliveries are signed with.
pub(super) fn secret(sender: &str) -> &'static str {
    match sender {
        // Its é is one character; EasyPost signs with an e and an accent.
        "easypost" => "s\u{e9}cret",
        "webhook" => "whsec_YSBzZWNyZXQgb2YgdGhlIHNob3AsIGxvbmcgZW5vdWdo",
        _ => "a-secret-of-the-shop",
    }
}

/// A signed delivery.
pub(super) fn signed(sender: &str, body: impl AsRef<[u8]>, now: Time) -> Request {
    let body = body.as_ref();
    let hmac = |pieces: &[&[u8]]| hmac_sha256(secret(sender).as_bytes(), pieces);
    let base64 = |digest: Vec<u8>| BASE64.encode(digest);
    let seconds = now.seconds().to_string();
    let request = Request { now, ..Request::json(body) };
    match sender {
        "shopify" => request.with("x-shopify-hmac-sha256", &base64(hmac(&[body]))),
        "woocommerce" => request.with("x-wc-webhook-signature", &base64(hmac(&[body]))),
        "bigcommerce" | "webhook" => {
            let signed: &[&[u8]] = &[b"msg_1.", seconds.as_bytes(), b".", body];
            let digest = match sender {
                "webhook" => hmac_sha256(b"a secret of the shop, long enough", signed),
                _ => hmac(signed),
            };
            request
                .with("webhook-id", "msg_1")
                .with("webhook-timestamp", &seconds)
                .with("webhook-signature", &["v1,", &base64(digest)].concat())
        }
        "aftership" => request.with("aftership-hmac-sha256", &base64(hmac(&[body]))),
        "easypost" => {
            let digest = hmac_sha256("se\u{301}cret".as_bytes(), &[body]);
            request.with("x-hmac-signature", &["hmac-sha256-hex=", &hex::encode(&digest)].concat())
        }
        "shippo" => {
            let digest = hex::encode(&hmac(&[seconds.as_bytes(), b".", body]));
            request.with("shippo-auth-signature", &format!("t={seconds},v1={digest}"))
        }
        "typeform" => request.with("typeform-signature", &["sha256=", &base64(hmac(&[body]))].concat()),
        "delighted" => {
            request.with("x-delighted-webhook-signature", &["sha256=", &hex::encode(&hmac(&[body]))].concat())
        }
        "judgeme" => request.with("judgeme-hmac-sha256", &hex::encode(&hmac(&[body]))),
        "stamped" => request.with("x-stamped-webhook-secret", secret(sender)),
        "gorgias" => request.with("x-gorgias-secret", secret(sender)),
        "zendesk" => {
            let time = now.to_string();
            request
                .with("x-zendesk-webhook-signature", &base64(hmac(&[time.as_bytes(), body])))
                .with("x-zendesk-webhook-signature-timestamp", &time)
        }
        "chatwoot" => {
            let digest = hex::encode(&hmac(&[seconds.as_bytes(), b".", body]));
            request
                .with("x-chatwoot-timestamp", &seconds)
                .with("x-chatwoot-signature", &["sha256=", &digest].concat())
        }
        other => panic!("nobody knows how {other} signs"),
    }
}

/// The JSON files of a sender: ours, and captured ones where they lie beside a checkout.
pub(super) fn files(sender: &str) -> Vec<(String, String)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let captured = here.join("../../shared/fixtures").join(sender);
    if !captured.is_dir() {
        println!("skipped: no captured payloads in {}", captured.display());
    }
    let mut files = Vec::new();
    let mut folders = vec![here.join("fixtures").join(sender), captured];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.push((path.display().to_string(), text));
            }
        }
    }
    files.sort();
    files
}

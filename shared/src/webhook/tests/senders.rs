//! Deliveries as each sender makes them.

use std::path::Path;

use aftercare_signing::Sender as Platform;

use super::{Request, delivery};
use crate::time::Time;
use crate::webhook::{REVIEW_POSTED, Route, SHIPMENT_UPDATED, SURVEY_SUBMITTED, TICKET_UPDATED};

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
    let platform = Platform::named(sender).unwrap_or_else(|| panic!("nobody knows how {sender} signs"));
    let request = delivery(platform, "", secret(sender), body.as_ref(), now);
    // Without a topic a body is what its URL is for.
    request.without("x-shopify-topic").without("x-wc-webhook-topic").without("x-shopify-triggered-at")
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

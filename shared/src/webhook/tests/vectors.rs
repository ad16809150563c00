//! Signatures that were made elsewhere.

use super::Request;
use crate::webhook::problem::Problem;
use crate::webhook::{EVENTS, Route};

type Headers = &'static [(&'static str, &'static str)];

/// Made with Python's `hmac` over [`BODY`] at 2026-11-21T20:00:00Z: sender, secret, headers.
const VECTORS: &[(&str, &str, Headers)] = &[
    (
        "aftership",
        "a-secret-of-the-shop",
        &[("aftership-hmac-sha256", "OrO+jMD0pdHiNq1j8onsvGxfMOSw+Yx4ebTsEHNGuR8=")],
    ),
    (
        "aftership",
        "a-secret-of-the-shop",
        &[("as-signature-hmac-sha256", "OrO+jMD0pdHiNq1j8onsvGxfMOSw+Yx4ebTsEHNGuR8=")],
    ),
    (
        "aftership",
        "a-secret-of-the-shop",
        &[("am-webhook-signature", "hmac-sha256=OrO+jMD0pdHiNq1j8onsvGxfMOSw+Yx4ebTsEHNGuR8=")],
    ),
    (
        "easypost",
        "s\u{e9}cret \u{bd}",
        &[(
            "x-hmac-signature",
            "hmac-sha256-hex=15fa625912dc70de3e2c03a556e1748600d2605b7559eb5b28c9b95af965ed71",
        )],
    ),
    (
        "shippo",
        "a-secret-of-the-shop",
        &[(
            "shippo-auth-signature",
            "t=1795291200,v1=ca8e9b094404d961bc65af54253cd9e111ca367a6c6c914641bd12f8b3eb96bb",
        )],
    ),
    (
        "typeform",
        "a-secret-of-the-shop",
        &[("typeform-signature", "sha256=OrO+jMD0pdHiNq1j8onsvGxfMOSw+Yx4ebTsEHNGuR8=")],
    ),
    (
        "delighted",
        "a-secret-of-the-shop",
        &[(
            "x-delighted-webhook-signature",
            "sha256=3ab3be8cc0f4a5d1e236ad63f289ecbc6c5f30e4b0f98c7879b4ec107346b91f",
        )],
    ),
    (
        "judgeme",
        "a-secret-of-the-shop",
        &[("judgeme-hmac-sha256", "3ab3be8cc0f4a5d1e236ad63f289ecbc6c5f30e4b0f98c7879b4ec107346b91f")],
    ),
    (
        "zendesk",
        "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
        &[
            ("x-zendesk-webhook-signature", "GuDvN/aCKsCG7mci+7NkUOWtKLZ0t0PVM9TlwyZdYbE="),
            ("x-zendesk-webhook-signature-timestamp", "2026-11-21T20:00:00Z"),
        ],
    ),
    (
        "chatwoot",
        "a-secret-of-the-shop",
        &[
            (
                "x-chatwoot-signature",
                "sha256=ca8e9b094404d961bc65af54253cd9e111ca367a6c6c914641bd12f8b3eb96bb",
            ),
            ("x-chatwoot-timestamp", "1795291200"),
        ],
    ),
];

/// No event of anybody, so that what is authentic is told from what is not by the answer: a 422, or a 401.
const BODY: &str = "{\"weight\": 17.0, \"name\": \"Zoë\"}";

fn is_authentic(sender: &str, secret: &str, headers: &[(&str, &str)], body: &str) -> bool {
    let reports = |routes: &[Route]| routes.iter().any(|route| route.sender.name == sender);
    let (_, routes) = EVENTS.into_iter().find(|(_, routes)| reports(routes)).unwrap();
    let request =
        headers.iter().fold(Request::json(body.as_ref()), |request, (name, value)| request.with(name, value));
    request.send(routes, &[(sender, secret)]) != Err(Problem::Unauthorized)
}

#[test]
fn signatures_of_others_hold_and_hold_for_nothing_else() {
    for (sender, secret, headers) in VECTORS {
        assert!(is_authentic(sender, secret, headers, BODY), "{sender} {headers:?}");
        assert!(!is_authentic(sender, secret, headers, &BODY.replace("17.0", "17")), "{sender} {headers:?}");
        assert!(!is_authentic(sender, "another", headers, BODY), "{sender} {headers:?}");
    }
}

/// Published with a client of Typeform's.
#[test]
fn the_published_vector_of_typeform_holds() {
    let body = r#"{"event_id":"01H","event_type":"form_response","form_response":{"form_id":"abc","token":"tok","submitted_at":"2023-11-14T22:13:20Z","answers":[]}}"#;
    let headers = [("Typeform-Signature", "sha256=tpceH674tX4nhoHSDRkfV4/WGakns3OkNWpJ7GGZMko=")];
    assert!(is_authentic("typeform", "typeform_secret", &headers, body));
}

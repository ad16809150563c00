//! The verifier against signatures that others made.

use super::super::verify::{
    Encoding, Piece, Proof, Signature, SignedTime, TimeIn, as_nfkd, hmac_sha1, hmac_sha256,
};
use super::*;

const BODY: &[u8] = br#"{"id":1}"#;

/// Sends to a route of one sender called `x` with this proof.
fn send(proofs: &'static [Proof], request: &Request, secrets: &[&str]) -> bool {
    // A static would need one sender a test; leaking a few bytes in a test is simpler.
    let sender: &'static Sender = Box::leak(Box::new(Sender { name: "x", proofs, strict: false }));
    let routes = [Route { sender, read: |_, _| Ok(Accepted::ignored("read")) }];
    let secrets: Vec<(&str, &str)> = secrets.iter().map(|secret| ("x", *secret)).collect();
    match request.send(&routes, &secrets) {
        Ok(_) => true,
        Err(Problem::Unauthorized) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(proofs: &'static [Proof], request: &Request, secret: &str) {
    assert!(send(proofs, request, &["another", secret]));
    assert!(!send(proofs, request, &["another"]));
    let mut changed = request.clone();
    changed.body.push(b' ');
    assert!(!send(proofs, &changed, &[secret]));
}

#[test]
fn digests_are_those_of_the_standards() {
    // RFC 4231 and RFC 2202, test case 2; the message in two pieces.
    let message: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
    assert_eq!(
        crate::hex::encode(&hmac_sha256(b"Jefe", message)),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(crate::hex::encode(&hmac_sha1(b"Jefe", message)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

#[test]
fn base64_over_the_body() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature::over_body("x-shopify-hmac-sha256"))];
    let request =
        Request::json(BODY).with("X-Shopify-Hmac-SHA256", "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=");
    check(PROOFS, &request, "hush");
}

#[test]
fn base64_behind_a_prefix() {
    const PROOFS: &[Proof] =
        &[Proof::Signature(Signature { prefix: "sha256=", ..Signature::over_body("typeform-signature") })];
    let body = br#"{"event_id":"01H","event_type":"form_response","form_response":{"form_id":"abc","token":"tok","submitted_at":"2023-11-14T22:13:20Z","answers":[]}}"#;
    let request =
        Request::json(body).with("Typeform-Signature", "sha256=tpceH674tX4nhoHSDRkfV4/WGakns3OkNWpJ7GGZMko=");
    check(PROOFS, &request, "typeform_secret");
    let bare = Request::json(body).with("Typeform-Signature", "tpceH674tX4nhoHSDRkfV4/WGakns3OkNWpJ7GGZMko=");
    assert!(!send(PROOFS, &bare, &["typeform_secret"]));
}

/// For senders that never left SHA-1. The vector was made with Python's `hmac`.
#[test]
fn trap_17_sha_1_with_a_key_of_two_secrets_joined() {
    const PROOFS: &[Proof] =
        &[Proof::Signature(Signature { mac: hmac_sha1, ..Signature::over_body("sm-signature") })];
    let request = Request::json(BODY).with("Sm-Signature", "hDG14AeE6aqpxO8cQvuMds/PNA4=");
    check(PROOFS, &request, "client-id&client-secret");
    assert!(!send(PROOFS, &request, &["client-id", "client-secret"]));
    // A greeting with HEAD is no delivery: nothing of it may be stored.
    let head = Request { method: Method::HEAD, ..request };
    assert_eq!(head.send(SURVEY_SUBMITTED, SECRETS), Err(Problem::MethodNotAllowed("POST")));
}

#[test]
fn hex_over_the_body() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature {
        encoding: Encoding::Hex,
        ..Signature::over_body("sendcloud-signature")
    })];
    let digest = "1eed4b3d41f4653ac64fd56f1bf1cbfd349e4482cbc11dff7134bd93e5da4b0a";
    check(PROOFS, &Request::json(br#"{"key": "value"}"#).with("Sendcloud-Signature", digest), "secretkey");
}

#[test]
fn a_key_after_compatibility_decomposition() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature {
        encoding: Encoding::Hex,
        prefix: "hmac-sha256-hex=",
        key: as_nfkd,
        ..Signature::over_body("x-hmac-signature")
    })];
    let digest = "hmac-sha256-hex=7e7a272f85c440a1ca72203bf1bdd39d823f85c727c040cfb99d1dd42b6706c4";
    check(PROOFS, &Request::json(BODY).with("X-Hmac-Signature", digest), "s\u{e9}cret");
}

#[test]
fn sha1_with_a_joined_key() {
    const PROOFS: &[Proof] =
        &[Proof::Signature(Signature { mac: hmac_sha1, ..Signature::over_body("sm-signature") })];
    check(PROOFS, &Request::json(BODY).with("Sm-Signature", "IlVriCus+m9ELTGoDdMp7CTWHpg="), "id&secret");
}

#[test]
fn an_iso_time_and_the_body_without_anything_between() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature {
        message: &[Piece::Time, Piece::Body],
        time: Some(SignedTime::rfc3339(TimeIn::Header("x-zendesk-webhook-signature-timestamp"))),
        ..Signature::over_body("x-zendesk-webhook-signature")
    })];
    let request = Request::json(BODY)
        .with("X-Zendesk-Webhook-Signature", "Lvv6Ljs7rwldcoLEIBI0jfFZXVpILjZ83djMcOYzXWc=")
        .with("X-Zendesk-Webhook-Signature-Timestamp", "2026-11-21T20:00:00Z");
    check(PROOFS, &request, "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==");
    // The same moment in other letters was not signed.
    let other = request.with("X-Zendesk-Webhook-Signature-Timestamp", "2026-11-21T20:00:00+00:00");
    assert!(!send(PROOFS, &other, &["dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="]));
}

#[test]
fn a_unix_time_a_full_stop_and_the_body() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature {
        encoding: Encoding::Hex,
        prefix: "sha256=",
        message: &[Piece::Time, Piece::Text("."), Piece::Body],
        time: Some(SignedTime::unix(TimeIn::Header("x-chatwoot-timestamp"))),
        ..Signature::over_body("x-chatwoot-signature")
    })];
    let digest = "sha256=a3f2e0be4589b3dcf416d8c4246c00f0e92fc06c0ae319a059488c3e026ac9a9";
    let request =
        Request::json(BODY).with("X-Chatwoot-Signature", digest).with("X-Chatwoot-Timestamp", "1795291200");
    check(PROOFS, &request, "hush");
    assert!(!send(PROOFS, &request.without("x-chatwoot-timestamp"), &["hush"]));
}

#[test]
fn a_time_inside_the_signature_header() {
    const PROOFS: &[Proof] = &[Proof::Signature(Signature {
        encoding: Encoding::Hex,
        separator: Some(','),
        prefix: "v1=",
        message: &[Piece::Time, Piece::Text("."), Piece::Body],
        time: Some(SignedTime::unix(TimeIn::Entry("t="))),
        ..Signature::over_body("shippo-auth-signature")
    })];
    let digest = "a3f2e0be4589b3dcf416d8c4246c00f0e92fc06c0ae319a059488c3e026ac9a9";
    let header = format!("t=1795291200,v1={digest}");
    check(PROOFS, &Request::json(BODY).with("Shippo-Auth-Signature", &header), "hush");
    for malformed in [format!("v1={digest}"), format!("t=,v1={digest}"), "t=1795291200".to_owned()] {
        assert!(!send(PROOFS, &Request::json(BODY).with("Shippo-Auth-Signature", &malformed), &["hush"]));
    }
}

#[test]
fn a_secret_in_clear_in_a_header() {
    const PROOFS: &[Proof] = &[Proof::SecretHeader("x-stamped-webhook-secret")];
    let request = |secret: &str| Request::json(BODY).with("X-Stamped-Webhook-Secret", secret);
    assert!(send(PROOFS, &request("hush"), &["another", "hush"]));
    for wrong in ["", "hus", "hush!", "HUSH"] {
        assert!(!send(PROOFS, &request(wrong), &["another", "hush"]));
    }
    assert!(!send(PROOFS, &Request::json(BODY), &["hush"]));
}

#[test]
fn a_secret_in_clear_in_the_address() {
    const PROOFS: &[Proof] = &[Proof::Token];
    let request = |query: &str| Request { query: query.to_owned(), ..Request::json(BODY) };
    assert!(send(PROOFS, &request("token=hush"), &["another", "hush"]));
    assert!(send(PROOFS, &request("shop=1&token=hush&x"), &["hush"]));
    for wrong in ["", "token", "token=", "token=hus", "mytoken=hush", "hush", "Token=hush"] {
        assert!(!send(PROOFS, &request(wrong), &["hush"]), "{wrong}");
    }
}

/// Vectors of the language libraries of Standard Webhooks.
const STANDARD: &[Proof] = &[Proof::Signature(Signature::STANDARD), Proof::Signature(Signature::SVIX)];

fn library_vector() -> Request {
    let request = Request::json(br#"{"test": 2432232314}"#)
        .with("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .with("webhook-timestamp", "1614265330")
        .with("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    Request { now: Time::from_seconds(1_614_265_330), ..request }
}

#[test]
fn standard_webhooks() {
    check(STANDARD, &library_vector(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    // The prefix is decoration.
    check(STANDARD, &library_vector(), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let other = Request::json(br#"{"email":"test@example.com","username":"test_user"}"#)
        .with("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk")
        .with("webhook-timestamp", "1649367553")
        .with("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    let other = Request { now: Time::from_seconds(1_649_367_553), ..other };
    check(STANDARD, &other, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
}

#[test]
fn standard_webhooks_under_the_names_of_svix() {
    let request = library_vector();
    let value = |name| request.headers[name].to_str().unwrap();
    let svix = Request { now: request.now, ..Request::json(&request.body) }
        .with("svix-id", value("webhook-id"))
        .with("svix-timestamp", value("webhook-timestamp"))
        .with("svix-signature", value("webhook-signature"));
    check(STANDARD, &svix, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

#[test]
fn standard_webhooks_with_a_raw_key() {
    const PROOFS: &[Proof] =
        &[Proof::Signature(Signature { key: super::super::verify::as_text, ..Signature::STANDARD })];
    let request = Request::json(BODY)
        .with("webhook-id", "msg_1")
        .with("webhook-timestamp", "1795291200")
        .with("webhook-signature", "v1,gkKFv5Rkmx/nW1OFewsMd8l+6Qa5qaUzXkBARJIOkU8=");
    check(PROOFS, &request, "raw client secret");
}

#[test]
fn pieces_cannot_be_shifted_into_each_other() {
    // The same signed bytes, cut in another place.
    let key = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signed = format!("a.1.{}.{{}}", NOW.seconds());
    let request = Request::json(b"{}")
        .with("webhook-id", "a.1")
        .with("webhook-timestamp", &NOW.seconds().to_string())
        .with("webhook-signature", &format!("v1,{}", base64_hmac(&key, signed.as_bytes())));
    assert!(!send(STANDARD, &request, &[WEBHOOK_SECRET]));
}

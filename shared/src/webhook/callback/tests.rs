//! Reports as providers document them, genuine and forged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::verify::{hmac_sha1, hmac_sha256};
use super::*;
use crate::customer::Customer;

const NOW: &str = "2026-11-21T10:00:30Z";
const WHSEC: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const TOKEN: &str = "12345";
const TWILIO_URL: &str = "https://care.example/webhooks/callbacks/twilio";

fn now() -> Time {
    Time::parse(NOW).expect("a time")
}

fn verify_p256(key: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    let (key, signature) = (VerifyingKey::from_sec1_bytes(key), Signature::from_slice(signature));
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
}

/// What is read of a signature is what the library reads, and what it refuses is refused.
fn agrees(der: &[u8]) {
    let ours = sendgrid::numbers(der).and_then(|both| Signature::from_slice(&both).ok());
    assert_eq!(ours, Signature::from_der(der).ok(), "{der:02x?}");
}

proptest! {
    #[test]
    fn a_signature_is_read_as_the_library_reads_it(
        message in any::<u64>(), place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0..80_usize,
    ) {
        let signature: Signature = key().sign(&message.to_le_bytes());
        let der = signature.to_der().as_bytes().to_vec();
        agrees(&der);
        agrees(&der[..cut.min(der.len())]);
        let mut changed = der.clone();
        changed[place.index(der.len())] = byte;
        agrees(&changed);
        agrees(&[der.as_slice(), &[byte]].concat());
    }
}

#[test]
fn short_and_long_numbers_of_signatures_are_read() {
    for der in [
        &[0x30, 6, 2, 1, 1, 2, 1, 1][..],
        &[0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xff],
        &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],
        &[0x30, 6, 2, 1, 0, 2, 1, 1],
        &[0x30, 6, 2, 1, 0x80, 2, 1, 1],
        &[0x30, 4, 2, 0, 2, 0],
        &[0x30],
        &[],
    ] {
        agrees(der);
    }
}

fn checks(url: &str, secrets: Vec<String>) -> Checks<'_> {
    Checks { url, secrets, verify_p256 }
}

fn callback(name: &str) -> &'static Callback {
    CALLBACKS.iter().find(|callback| callback.name == name).expect("a provider")
}

fn id() -> MessageId {
    MessageId::new("thank-you", "order:1")
}

fn reference() -> String {
    reference::encode(&Key::order("1").expect("a key"), "order:1")
}

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).expect("a key")
}

fn public_key() -> String {
    let point = key().verifying_key().to_sec1_point(false);
    let prefix = BASE64.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").expect("the usual beginning");
    // The point begins with the last byte of that beginning.
    BASE64.encode([&prefix[..26], point.as_bytes()].concat())
}

type Headers = Vec<(String, Vec<u8>)>;

fn header(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// What a provider would send, signed; and what is configured to check it.
fn signed(name: &str, query: &str, body: &[u8]) -> (Headers, String) {
    let json = header("content-type", "application/json");
    match name {
        "resend" => {
            let time = now().seconds().to_string();
            let secret = BASE64.decode(WHSEC.trim_start_matches("whsec_")).expect("Base64");
            let mac = hmac_sha256(&secret, &[b"msg_1.", time.as_bytes(), b".", body]);
            let signature = ["v1,", &BASE64.encode(mac)].concat();
            let headers = [("svix-id", "msg_1"), ("svix-timestamp", &time), ("svix-signature", &signature)];
            let mut headers: Headers = headers.iter().map(|(name, value)| header(name, value)).collect();
            headers.push(json);
            (headers, WHSEC.to_owned())
        }
        "postmark" => {
            let credentials = BASE64.encode("aftercare:sesame");
            (vec![json, header("authorization", &["Basic ", &credentials].concat())], "sesame".to_owned())
        }
        "sendgrid" => {
            let signature: Signature = key().sign(&[b"1800000000", body].concat());
            let signature = BASE64.encode(signature.to_der());
            let headers = vec![
                json,
                header("x-twilio-email-event-webhook-signature", &signature),
                header("x-twilio-email-event-webhook-timestamp", "1800000000"),
            ];
            (headers, public_key())
        }
        _ => {
            let url =
                if query.is_empty() { TWILIO_URL.to_owned() } else { [TWILIO_URL, "?", query].concat() };
            let mut fields: Vec<_> = form_urlencoded::parse(body).collect();
            fields.sort();
            let mut pieces = vec![url.as_bytes()];
            pieces.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
            let signature = BASE64.encode(hmac_sha1(TOKEN.as_bytes(), &pieces));
            let form = header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
            (vec![form, header("x-twilio-signature", &signature)], TOKEN.to_owned())
        }
    }
}

fn url(query: &str) -> String {
    if query.is_empty() { TWILIO_URL.to_owned() } else { [TWILIO_URL, "?", query].concat() }
}

fn received(name: &str, query: &str, body: &[u8]) -> Result<Vec<Fact>, Problem> {
    let (headers, secret) = signed(name, query, body);
    let delivery = Delivery { method: "POST", headers: &headers, query, body, now: now() };
    receive(callback(name), &delivery, checks(&url(query), vec![String::new(), secret]))
}

/// Facts as short text: key, time, what happened, what it says of the address.
fn told(facts: &[Fact]) -> Vec<String> {
    let reach =
        |reach: &Reach| format!("{:?} {} {:?}", reach.channel, reach.address, reach.report).to_lowercase();
    let line = |fact: &Fact| {
        let key = fact.keys.first().expect("a key");
        let what = match &fact.event {
            Event::Message(step) => {
                assert_eq!(
                    (&step.id, step.playbook.as_str(), step.cause.as_str()),
                    (&id(), "thank-you", "order:1")
                );
                let said = step.reach.as_ref().map(reach);
                [Some(step.step.name().to_owned()), said].into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            Event::Reach(report) => reach(report),
            Event::Consent(report) => format!("consent {:?}", report.contact.marketing).to_lowercase(),
            other => format!("{other:?}"),
        };
        format!("{} {key}: {what}", fact.source)
    };
    facts.iter().map(line).collect()
}

#[track_caller]
fn check(name: &str, body: &Value, expected: &[&str]) {
    let facts = received(name, "", body.to_string().as_bytes()).expect("a report");
    assert_eq!(told(&facts), expected);
    for fact in facts {
        let again = Fact::from_bytes(&fact.to_bytes()).expect("a fact");
        assert_eq!(again, fact);
    }
}

fn resend(kind: &str, more: Value) -> Value {
    let mut data = json!({
        "email_id": "56761188-7520-42d8-8898-ff6fc54ce618", "created_at": "2026-11-21T09:59:00.000Z",
        "to": ["Ann@Example.com"], "from": "shop@example.com", "subject": "Hi",
        "tags": { "playbook": "thank-you", "message": id().as_str(), "reference": reference() },
    });
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    json!({ "type": kind, "created_at": "2026-11-21T10:00:01.000Z", "data": data })
}

#[test]
fn resend_tells_what_became_of_a_message() {
    check("resend", &resend("email.delivered", json!({})), &["resend order:1: delivered"]);
    check(
        "resend",
        &resend(
            "email.bounced",
            json!({ "bounce": { "type": "Permanent", "subType": "General", "message": "no such user" } }),
        ),
        &["resend order:1: bounced, email ann@example.com bounced"],
    );
    check(
        "resend",
        &resend("email.bounced", json!({ "bounce": { "type": "Transient", "message": "full" } })),
        &["resend order:1: bounced"],
    );
    check(
        "resend",
        &resend("email.complained", json!({})),
        &["resend order:1: complained, email ann@example.com complained"],
    );
    check(
        "resend",
        &resend("email.failed", json!({ "failed": { "reason": "x" } })),
        &["resend order:1: bounced"],
    );
    for kind in ["email.sent", "email.opened", "email.clicked", "email.delivery_delayed", "contact.created"] {
        check("resend", &resend(kind, json!({})), &[]);
    }
    let list =
        json!([{ "name": "message", "value": id().as_str() }, { "name": "reference", "value": reference() }]);
    check("resend", &resend("email.delivered", json!({ "tags": list })), &["resend order:1: delivered"]);
}

/// Mail that is not ours, or was sent before there were references, still tells something of its address.
#[test]
fn without_a_reference_only_the_address_is_told_of() {
    let foreign = json!({ "tags": {} });
    check("resend", &resend("email.delivered", foreign.clone()), &[]);
    let told = ["resend email:ann@example.com: email ann@example.com complained"];
    check("resend", &resend("email.complained", foreign), &told);
    // An id and a reference that do not belong together are nobody's.
    let mixed = json!({ "tags": { "message": MessageId::new("thank-you", "order:2").as_str(), "reference": reference() } });
    check("resend", &resend("email.complained", mixed), &told);
    check("resend", &resend("email.complained", json!({ "tags": {}, "to": ["nobody"] })), &[]);
}

fn postmark(kind: &str, more: Value) -> Value {
    let mut body = json!({
        "RecordType": kind, "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": { "message": id().as_str(), "reference": reference() },
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

#[test]
fn postmark_tells_what_became_of_a_message() {
    let at = "2026-11-21T10:00:01.2735393-04:00";
    let bounce = |kind: &str, inactive: bool| {
        let more = json!({ "Type": kind, "Inactive": inactive, "Email": "ann@example.com", "BouncedAt": at, "Description": "x" });
        postmark("Bounce", more)
    };
    let delivered = json!({ "DeliveredAt": at, "Recipient": "ann@example.com" });
    check("postmark", &postmark("Delivery", delivered), &["postmark order:1: delivered"]);
    let lasting = ["postmark order:1: bounced, email ann@example.com bounced"];
    check("postmark", &bounce("HardBounce", true), &lasting);
    check("postmark", &bounce("BadEmailAddress", false), &lasting);
    check("postmark", &bounce("SoftBounce", false), &["postmark order:1: bounced"]);
    check("postmark", &bounce("AutoResponder", false), &[]);
    let complaint = json!({ "Email": "ann@example.com", "BouncedAt": at });
    let complained = ["postmark order:1: complained, email ann@example.com complained"];
    check("postmark", &postmark("SpamComplaint", complaint), &complained);
    let change = |suppress: bool, reason: &str| {
        let more = json!({ "SuppressSending": suppress, "SuppressionReason": reason, "Recipient": "ann@example.com", "ChangedAt": at });
        postmark("SubscriptionChange", more)
    };
    let unsubscribed = ["postmark email:ann@example.com: consent {email: false}"];
    check("postmark", &change(true, "ManualSuppression"), &unsubscribed);
    check("postmark", &change(true, "SpamComplaint"), &complained);
    check("postmark", &change(false, ""), &[]);
    check("postmark", &postmark("Open", json!({})), &[]);
}

#[test]
fn sendgrid_tells_many_things_at_once() {
    let event = |name: &str, more: Value| {
        let mut event = json!({
            "email": "ann@example.com", "event": name, "timestamp": 1_600_112_492, "sg_event_id": "x",
            "message": id().as_str(), "reference": reference(),
        });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    };
    let none = || json!({});
    let all = json!([
        event("processed", none()),
        event("delivered", none()),
        event("bounce", json!({ "type": "bounce", "reason": "550 no such user <ann@example.com>" })),
        event("bounce", json!({ "type": "blocked", "reason": "full" })),
        event("dropped", json!({ "reason": "Bounced Address" })),
        event("dropped", json!({ "reason": "Spam Reporting Address" })),
        event("spamreport", none()),
        event("unsubscribe", none()),
        event("open", none()),
    ]);
    let bounced = "sendgrid order:1: bounced, email ann@example.com bounced";
    let complained = "sendgrid order:1: complained, email ann@example.com complained";
    check(
        "sendgrid",
        &all,
        &[
            "sendgrid order:1: delivered",
            bounced,
            "sendgrid order:1: bounced",
            bounced,
            complained,
            complained,
            "sendgrid email:ann@example.com: consent {email: false}",
        ],
    );
    check("sendgrid", &json!([]), &[]);
}

/// The vector of the provider's own libraries.
#[test]
fn sendgrids_own_signature_holds() {
    let body = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    let signature =
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    let headers = [
        header("content-type", "application/json"),
        header("x-twilio-email-event-webhook-signature", signature),
        header("x-twilio-email-event-webhook-timestamp", "1600112502"),
    ];
    let delivery =
        Delivery { method: "POST", headers: &headers, query: "", body: body.as_bytes(), now: now() };
    let facts = receive(callback("sendgrid"), &delivery, checks("", vec![key.to_owned()])).expect("its own");
    assert_eq!(told(&facts), ["sendgrid email:hello@world.com: email hello@world.com bounced"]);
}

#[track_caller]
fn check_twilio(query: &str, fields: &[(&str, &str)], expected: &[&str]) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    assert_eq!(told(&received("twilio", query, body.as_bytes()).expect("a report")), expected);
}

#[test]
fn twilio_tells_what_became_of_a_message_and_who_wants_no_more() {
    let query = format!("message={}&reference={}", id(), reference());
    let (sid, to) = (("MessageSid", "SM1"), ("To", "+4930123456"));
    check_twilio(&query, &[sid, to, ("MessageStatus", "delivered")], &["twilio order:1: delivered"]);
    check_twilio(&query, &[sid, to, ("MessageStatus", "sent")], &[]);
    let failed = |code| [sid, to, ("MessageStatus", "undelivered"), ("ErrorCode", code)];
    check_twilio(&query, &failed("30008"), &["twilio order:1: bounced"]);
    check_twilio(&query, &failed("30006"), &["twilio order:1: bounced, sms +4930123456 bounced"]);
    check_twilio(&query, &failed("21610"), &["twilio order:1: bounced, sms +4930123456 stopped"]);
    let read = [sid, ("To", "whatsapp:+4930123456"), ("MessageStatus", "read")];
    check_twilio(&query, &read, &["twilio order:1: delivered"]);

    let from = ("From", "+4930123456");
    for words in ["STOP", " stop. ", "Unsubscribe", "opt out", "Arrêt", "STOPP"] {
        let stopped = ["twilio phone:+4930123456: sms +4930123456 stopped"];
        check_twilio("", &[sid, from, ("Body", words), ("SmsStatus", "received")], &stopped);
    }
    check_twilio("", &[sid, from, ("Body", "stop it, I love you")], &[]);
    check_twilio("", &[sid, from, ("Body", "Danke")], &[]);
    let told = [sid, from, ("Body", "no more"), ("OptOutType", "STOP")];
    check_twilio("", &told, &["twilio phone:+4930123456: sms +4930123456 stopped"]);
    check_twilio("", &[sid, from, ("Body", "Start")], &["twilio phone:+4930123456: sms +4930123456 resumed"]);
    let whatsapp = [sid, ("From", "whatsapp:+4930123456"), ("Body", "stop")];
    check_twilio("", &whatsapp, &["twilio phone:+4930123456: whatsapp +4930123456 stopped"]);
}

/// The vectors of Twilio's own libraries.
#[test]
fn twilios_own_signatures_hold() {
    let holds = |url: &str, body: &[u8], signature: &str| {
        let headers = [header("x-twilio-signature", signature)];
        let delivery = Delivery { method: "POST", headers: &headers, query: "", body, now: now() };
        (callback("twilio").prove)(&delivery, &checks(url, vec![TOKEN.to_owned()]))
    };
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let call =
        b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    assert!(holds(url, call, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    assert!(holds(
        url,
        b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
        "IK+Dwps556ElfBT0I3Rgjkr1wJU="
    ));
    assert!(!holds("https://mycompany.com/myapp.php?foo=1", call, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    assert!(!holds(url, &call[1..], "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
}

#[test]
fn what_is_not_the_providers_is_refused_alike() {
    let body = br#"{"type":"email.delivered"}"#;
    for callback in CALLBACKS {
        let (headers, secret) = signed(callback.name, "", body);
        let given = |headers: &[(String, Vec<u8>)], body: &[u8], secrets: &[&str]| {
            let delivery = Delivery { method: "POST", headers, query: "", body, now: now() };
            let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
            receive(callback, &delivery, checks(TWILIO_URL, secrets)).map(drop)
        };
        assert_ne!(given(&headers, body, &[&secret]), Err(Problem::Unauthorized), "{}", callback.name);
        assert_ne!(
            given(&headers, body, &["older", &secret]),
            Err(Problem::Unauthorized),
            "{}",
            callback.name
        );
        for (headers, body, secrets) in [
            (&headers[..], &body[..], &[][..]),
            (&headers, body, &[""]),
            (&headers, body, &["another"]),
            (&headers[..1], body, &[secret.as_str()]),
            (&[], body, &[secret.as_str()]),
        ] {
            assert_eq!(given(headers, body, secrets), Err(Problem::Unauthorized), "{}", callback.name);
        }
        if callback.name != "postmark" {
            let changed = br#"{"type":"email.bounced"}"#;
            assert_eq!(given(&headers, changed, &[&secret]), Err(Problem::Unauthorized), "{}", callback.name);
        }
    }
}

#[test]
fn refusals_are_those_of_every_webhook() {
    for callback in CALLBACKS {
        let status = |method: &str, body: &[u8], kind: Option<&str>| {
            let (mut headers, secret) = signed(callback.name, "", body);
            if let Some(kind) = kind {
                headers.retain(|(name, _)| name != "content-type");
                headers.push(header("content-type", kind));
            }
            let delivery = Delivery { method, headers: &headers, query: "", body, now: now() };
            receive(callback, &delivery, checks(TWILIO_URL, vec![secret]))
                .err()
                .map(|problem| problem.status())
        };
        let name = callback.name;
        assert_eq!(status("GET", b"{}", None), Some(405), "{name}");
        assert_eq!(status("POST", &vec![b' '; MAX_BODY_BYTES + 1], None), Some(413), "{name}");
        assert_eq!(status("POST", b"{}", Some("text/plain")), Some(415), "{name}");
        if name != "twilio" {
            for body in [&b"hello"[..], b"", b"7", b"[7]", b"\xff"] {
                assert_eq!(status("POST", body, None), Some(400), "{name}");
            }
        }
    }
    let without_time = json!({ "type": "email.delivered", "data": { "to": ["ann@example.com"] } });
    let refused = received("resend", "", without_time.to_string().as_bytes());
    assert_eq!(
        refused.map_err(|problem| problem.field().map(str::to_owned)),
        Err(Some("created_at".to_owned()))
    );
    let refused = received("twilio", "", b"Hello=1");
    assert_eq!(refused.map_err(|problem| problem.status()), Err(422));
}

/// A report of a bounce moves the message and is remembered for the address, in the record that the message is in.
#[test]
fn a_bounce_is_known_to_the_whole_record() {
    let body = resend("email.bounced", json!({ "bounce": { "type": "Permanent" } }));
    let facts = received("resend", "", body.to_string().as_bytes()).expect("a report");
    let customer = Customer::from(facts[0].clone());
    assert_eq!(customer.messages[&id()].state().map(|(_, step)| step.name()), Some("bounced"));
    assert!(customer.against(Channel::Email, "ANN@example.com").bounced);
    assert!(!customer.against(Channel::Email, "bob@example.com").bounced);
}

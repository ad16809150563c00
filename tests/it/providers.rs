//! Providers end to end: what leaves, what happens on their bad days, and what they report back.

use std::time::Duration;

use aftercare::webhook::verify::hmac_sha1;
use aftercare_tests::scripted::{Asked, Play, Scripted};
use aftercare_tests::signing::Sender;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};

use crate::shop::{ADMIN_TOKEN, Answer, GENERIC_SECRET, Shop, text};

const RESEND: &str = "/emails";
const POSTMARK: &str = "/email";
const SENDGRID: &str = "/v3/mail/send";
const TWILIO: &str = "/Messages.json";
const PUBLIC_URL: &str = "https://care.example";

/// A shop with the provider behind this path, and a script for it.
async fn open(path: &str) -> (Shop, Scripted) {
    let provider = Scripted::start().await.expect("a provider");
    let url = provider.url();
    let mail: [(&str, &str); 3] = match path {
        POSTMARK => [("postmark_server_token", "pm"), ("postmark_url", &url), ("postmark_secrets", "sesame")],
        SENDGRID => {
            [("sendgrid_api_key", "SG.1"), ("sendgrid_url", &url), ("sendgrid_secrets", SENDGRID_KEY)]
        }
        _ => [("resend_api_key", "re_1"), ("resend_url", &url), ("resend_secrets", GENERIC_SECRET)],
    };
    let mut variables = mail.to_vec();
    if path == TWILIO {
        variables.extend([
            ("twilio_account_sid", "AC0123456789abcdef0123456789abcdef"),
            ("twilio_auth_token", "token"),
            ("twilio_url", &url),
            ("twilio_from", "+15005550006"),
            ("public_url", PUBLIC_URL),
        ]);
    }
    (Shop::with(&variables).await, provider)
}

/// The only message of a playbook.
async fn message(shop: &Shop, playbook: &str) -> Value {
    let all = shop.get_json("/messages").await;
    let all = all["messages"].as_array().expect("a list");
    let mut of_it = all.iter().filter(|message| message["playbook"] == playbook);
    let message = of_it.next().unwrap_or_else(|| panic!("no {playbook}: {all:?}")).clone();
    assert!(of_it.next().is_none(), "more than one {playbook}");
    message
}

async fn state(shop: &Shop, playbook: &str) -> String {
    message(shop, playbook).await["state"].as_str().expect("a state").to_owned()
}

async fn settings(shop: &Shop, document: &Value) {
    let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
    let body = document.to_string().into_bytes();
    let answer = shop.request(Method::PUT, "/settings", &[authorization], body).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
}

async fn parcel(shop: &Shop, status: &str) {
    let body = json!({
        "type": "shipment.updated", "timestamp": shop.now(),
        "data": {
            "order": { "id": "9007199254740993" },
            "shipment": { "id": "s1", "status": status, "at": shop.now(), "tracking_url": "https://carrier.example/t/1" },
        },
    });
    let answer = shop.webhook(Sender::Generic, "shipment-updated", "", body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

// ── Mail ────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread")]
async fn every_mail_provider_takes_a_message_once() {
    for path in [RESEND, POSTMARK, SENDGRID] {
        let (shop, provider) = open(path).await;
        shop.order(&shop.anns_order()).await;
        shop.order(&shop.anns_order()).await;
        shop.dispatch().await;
        let asked = provider.asked("/");
        assert_eq!(asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), [path]);
        assert!(asked[0].json().to_string().contains("ann@example.com"));
        assert_eq!(state(&shop, "thank-you").await, "sent");
        assert_eq!(shop.get("/outbox").await.status(), 404, "the outbox is shut");
        assert!(!shop.log.text().contains("ann@example.com"), "{}", shop.log.text());
    }
}

/// State after the first attempt; calls and state an hour later.
async fn check(path: &'static str, play: Play, after: &str, calls: usize, end: &str) {
    let what = format!("{path}: {play:?}");
    let (shop, provider) = open(path).await;
    provider.next(path, play);
    shop.order(&shop.anns_order()).await;
    assert_eq!(state(&shop, "thank-you").await, after, "{what}");
    shop.advance(Duration::from_hours(1));
    shop.dispatch().await;
    let asked = provider.asked(path);
    assert_eq!((asked.len(), state(&shop, "thank-you").await.as_str()), (calls, end), "{what}");
    let same = |asked: &Asked| asked.body == provider.asked(path)[0].body;
    assert!(asked.iter().all(same), "{what}: a retry sends the same bytes");
    let key = |asked: &Asked| asked.headers.get("idempotency-key").cloned();
    assert!(asked.iter().all(|other| key(other) == key(&asked[0])), "{what}");
    assert_eq!(shop.host.counters().read().traps, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_days_of_mail_providers_end_in_named_states() {
    for path in [RESEND, POSTMARK, SENDGRID] {
        check(path, Play::Answer(429, &[("retry-after", "2")], ""), "retry", 2, "sent").await;
        check(path, Play::Answer(429, &[], ""), "retry", 2, "sent").await;
        check(path, Play::Answer(500, &[], "{}"), "retry", 2, "sent").await;
        check(path, Play::Answer(503, &[("retry-after", "30")], "<html>"), "retry", 2, "sent").await;
        check(path, Play::Answer(401, &[], "{}"), "failed", 1, "failed").await;
        let elsewhere = &[("location", "https://elsewhere.example/")];
        check(path, Play::Answer(302, elsewhere, ""), "failed", 1, "failed").await;
    }
    // Read to its end and cut off: whoever knows keys is asked again, the others never.
    check(RESEND, Play::Reset, "retry", 2, "sent").await;
    check(POSTMARK, Play::Reset, "unknown", 1, "unknown").await;
    check(SENDGRID, Play::Reset, "unknown", 1, "unknown").await;
    let changed = r#"{"statusCode":409,"name":"invalid_idempotent_request","message":"changed"}"#;
    check(RESEND, Play::Answer(409, &[], changed), "failed", 1, "failed").await;
    let running = r#"{"statusCode":409,"name":"concurrent_idempotent_requests","message":"wait"}"#;
    check(RESEND, Play::Answer(409, &[], running), "retry", 2, "sent").await;
    let inactive = r#"{"ErrorCode":406,"Message":"Inactive recipient"}"#;
    check(POSTMARK, Play::Answer(422, &[], inactive), "failed", 1, "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_retry_after_is_waited_for() {
    let (shop, provider) = open(POSTMARK).await;
    provider.next(POSTMARK, Play::Answer(429, &[("retry-after", "7200")], ""));
    shop.order(&shop.anns_order()).await;
    for calls in [1, 1, 2] {
        assert_eq!(provider.asked(POSTMARK).len(), calls);
        shop.advance(Duration::from_mins(70));
        shop.dispatch().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_reaches_no_provider() {
    let addresses = [
        "ann@example.com\r\nBcc: all@example.com",
        "ann@example.com, all@example.com",
        "ann",
        "<ann@example.com>",
    ];
    for address in addresses {
        let (shop, provider) = open(RESEND).await;
        let written = serde_json::to_string(address).expect("JSON");
        let order = shop.anns_order().to_string().replace("\"ann@example.com\"", &written);
        shop.order(&serde_json::from_str(&order).expect("JSON")).await;
        shop.advance(Duration::from_hours(50));
        shop.dispatch().await;
        assert_eq!(provider.asked("/").len(), 0, "{address:?}");
        // An address may come with a later report; after two days nobody needs the thanks any more.
        assert_eq!(state(&shop, "thank-you").await, "expired", "{address:?}");
    }
}

// ── Text messages ───────────────────────────────────────────────────────────

async fn texting() -> (Shop, Scripted) {
    let (shop, provider) = open(TWILIO).await;
    settings(&shop, &json!({ "playbooks": { "shipment-status": { "channels": ["sms", "email"] } } })).await;
    let mut order = shop.anns_order();
    order["phone"] = json!("+49 30 123456");
    shop.order(&order).await;
    shop.advance(Duration::from_hours(2));
    (shop, provider)
}

fn form(asked: &Asked) -> Vec<(String, String)> {
    form_urlencoded::parse(&asked.body).into_owned().collect()
}

fn field(asked: &Asked, name: &str) -> String {
    form(asked).into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

/// Twilio calls us.
async fn twilio(shop: &Shop, target: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let url = [PUBLIC_URL, target].concat();
    let mut pieces = vec![url.as_bytes()];
    pieces.extend(sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("x-twilio-signature", BASE64.encode(hmac_sha1(b"token", &pieces))),
    ];
    shop.request(Method::POST, target, &headers, body.into_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_is_short_and_its_outcome_comes_back() {
    let (shop, provider) = texting().await;
    parcel(&shop, "shipped").await;
    let asked = provider.asked(TWILIO);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(field(&asked[0], "To"), "+4930123456");
    let words = "Bean & Gone: Your order 1001 is on its way. https://carrier.example/t/1";
    assert_eq!(field(&asked[0], "Body"), words);
    assert_eq!(state(&shop, "shipment-status").await, "sent");

    let target = field(&asked[0], "StatusCallback").replace(PUBLIC_URL, "");
    let report = [("To", "+4930123456"), ("MessageSid", "SM1"), ("MessageStatus", "delivered")];
    let answer = twilio(&shop, &target, &report).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    assert_eq!(state(&shop, "shipment-status").await, "delivered");
    let forged = shop.request(Method::POST, &target, &[], b"MessageStatus=failed".to_vec()).await;
    assert_eq!(forged.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_stop_nothing_goes_to_the_number_and_service_goes_by_mail() {
    let (shop, provider) = texting().await;
    let stop = [("From", "+4930123456"), ("Body", "Stop!"), ("MessageSid", "SM9"), ("SmsStatus", "received")];
    let answer = twilio(&shop, "/webhooks/callbacks/twilio", &stop).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    parcel(&shop, "shipped").await;
    assert_eq!(provider.asked(TWILIO).len(), 0);
    assert_eq!(provider.asked(RESEND).len(), 2, "thanks, and the parcel");

    let start = [("From", "+4930123456"), ("Body", "START"), ("MessageSid", "SM10")];
    shop.advance(Duration::from_mins(1));
    assert_eq!(twilio(&shop, "/webhooks/callbacks/twilio", &start).await.status(), 202);
    shop.advance(Duration::from_mins(1));
    parcel(&shop, "delivered").await;
    assert_eq!(provider.asked(TWILIO).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_says_of_a_number_is_remembered() {
    let (shop, provider) = texting().await;
    provider.next(TWILIO, Play::Answer(400, &[], r#"{"code":21610,"message":"unsubscribed"}"#));
    parcel(&shop, "shipped").await;
    let stopped = message(&shop, "shipment-status").await;
    assert_eq!(stopped["state"], "skipped", "{stopped}");
    shop.advance(Duration::from_hours(1));
    parcel(&shop, "delivered").await;
    assert_eq!(provider.asked(TWILIO).len(), 1);
    assert_eq!(provider.asked(RESEND).len(), 2, "thanks, and that it was delivered");
}

/// State after the first attempt; calls and state an hour later.
async fn check_text(play: Play, after: &str, calls: usize, end: &str) {
    let what = format!("{play:?}");
    let (shop, provider) = texting().await;
    provider.next(TWILIO, play);
    parcel(&shop, "shipped").await;
    assert_eq!(state(&shop, "shipment-status").await, after, "{what}");
    shop.advance(Duration::from_hours(1));
    shop.dispatch().await;
    let state = state(&shop, "shipment-status").await;
    assert_eq!((provider.asked(TWILIO).len(), state.as_str()), (calls, end), "{what}");
    assert_eq!(shop.host.counters().read().traps, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_days_of_twilio_end_in_named_states() {
    check_text(Play::Answer(429, &[("retry-after", "2")], "{}"), "retry", 2, "sent").await;
    check_text(Play::Answer(429, &[], "{}"), "retry", 2, "sent").await;
    // Twilio does not say whether it sent what it answers 500 to.
    check_text(Play::Answer(500, &[], "{}"), "unknown", 1, "unknown").await;
    check_text(Play::Answer(503, &[("retry-after", "30")], ""), "retry", 2, "sent").await;
    check_text(Play::Answer(401, &[], "{}"), "failed", 1, "failed").await;
    check_text(Play::Reset, "unknown", 1, "unknown").await;
}

/// The one that hangs takes its ten seconds; mails have left and are written down as sent whatever becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_delays_no_other_channel() {
    let (shop, provider) = texting().await;
    provider.next(TWILIO, Play::Hang);
    parcel(&shop, "shipped").await;
    let hung = message(&shop, "shipment-status").await;
    assert_eq!(hung["state"], "unknown", "{hung}");
    assert_eq!(state(&shop, "thank-you").await, "sent");
    shop.advance(Duration::from_hours(1));
    shop.dispatch().await;
    assert_eq!(provider.asked(TWILIO).len(), 1, "it is not asked again");
}

// ── The team ────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread")]
async fn alerts_reach_the_team_in_slack_or_by_a_signed_webhook() {
    let provider = Scripted::start().await.expect("a provider");
    let (slack, hook) = (format!("{}/services/T/B/x", provider.url()), format!("{}/hook", provider.url()));
    let url = provider.url();
    let shop = Shop::with(&[
        ("slack_webhook_url", &slack),
        ("slack_host", &url),
        ("webhook_url", &hook),
        ("webhook_host", &url),
        ("webhook_signing_secrets", GENERIC_SECRET),
    ])
    .await;
    shop.answer(&shop.anns_answer(2)).await;
    let asked = provider.asked("/services/");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].json()["text"].as_str().is_some_and(|text| text.starts_with("*Unhappy customer")));
    assert_eq!(shop.outbox().await.len(), 0, "it went to Slack instead");

    settings(&shop, &json!({ "alerts": ["webhook"] })).await;
    let mut again = shop.anns_answer(1);
    again["data"]["survey"]["answer_id"] = json!("a2");
    shop.answer(&again).await;
    let asked = provider.asked("/hook");
    assert_eq!(asked.len(), 1);
    let header = |name: &str| asked[0].headers[name].to_str().expect("text").to_owned();
    assert!(header("webhook-signature").starts_with("v1,") && header("webhook-id").starts_with("recovery-"));
    assert_eq!(asked[0].json()["data"]["playbook"], "recovery");
}

/// The state after the first attempt; calls and state two hours later.
async fn check_team(host: &str, path: &'static str, play: Play, after: &str, calls: usize, end: &str) {
    let what = format!("{path}: {play:?}");
    let provider = Scripted::start().await.expect("a provider");
    let (url, whole) = (provider.url(), format!("{}{path}", provider.url()));
    let address = if host == "slack_host" { "slack_webhook_url" } else { "webhook_url" };
    let shop =
        Shop::with(&[(address, &whole), (host, &url), ("webhook_signing_secrets", GENERIC_SECRET)]).await;
    settings(&shop, &json!({ "alerts": ["slack", "webhook"] })).await;
    provider.next(path, play);
    shop.answer(&shop.anns_answer(2)).await;
    let alert = async || {
        let all = shop.get_json("/messages?playbook=recovery").await;
        let all = all["messages"].as_array().expect("a list").clone();
        let alert = all.into_iter().find(|message| message["cause"] == "answer:a1").expect("an alert");
        alert["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(alert().await, after, "{what}");
    shop.advance(Duration::from_hours(2));
    shop.dispatch().await;
    assert_eq!((provider.asked(path).len(), alert().await.as_str()), (calls, end), "{what}");
    assert_eq!(shop.host.counters().read().traps, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_days_of_slack_and_of_a_webhook_end_in_named_states() {
    let later = || {
        [
            Play::Answer(429, &[("retry-after", "2")], ""),
            Play::Answer(429, &[], ""),
            Play::Answer(500, &[], ""),
            Play::Answer(503, &[("retry-after", "30")], ""),
        ]
    };
    for play in later() {
        check_team("slack_host", "/services/T/B/x", play.clone(), "retry", 2, "sent").await;
        check_team("webhook_host", "/hook", play, "retry", 2, "sent").await;
    }
    for (slack, hook) in [(Play::Reset, Play::Reset), (Play::Hang, Play::Hang)] {
        // Slack knows no keys; a receiver of signed webhooks knows the id.
        check_team("slack_host", "/services/T/B/x", slack, "unknown", 1, "unknown").await;
        check_team("webhook_host", "/hook", hook, "retry", 2, "sent").await;
    }
    check_team(
        "slack_host",
        "/services/T/B/x",
        Play::Answer(403, &[], "action_prohibited"),
        "failed",
        1,
        "failed",
    )
    .await;
    check_team("webhook_host", "/hook", Play::Answer(409, &[], ""), "retry", 2, "sent").await;
    check_team("webhook_host", "/hook", Play::Answer(410, &[], ""), "failed", 1, "failed").await;
}

// ── Reports ─────────────────────────────────────────────────────────────────

/// Of `SendGrid`'s own libraries: key, signature, time and body of a report that was sent.
const SENDGRID_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const SENDGRID_SIGNATURE: &str =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
const SENDGRID_BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

/// Resend calls us; its scheme is that of Standard Webhooks.
async fn resend(shop: &Shop, body: &Value) -> Answer {
    let body = body.to_string().into_bytes();
    let headers = Sender::Generic.headers("", GENERIC_SECRET, &body, shop.clock.now()).expect("headers");
    shop.request(Method::POST, "/webhooks/callbacks/resend", &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_moves_the_message_and_closes_the_address() {
    let (shop, provider) = open(RESEND).await;
    shop.order(&shop.anns_order()).await;
    let tags = provider.asked(RESEND)[0].json()["tags"].clone();
    shop.advance(Duration::from_mins(1));
    let report = json!({
        "type": "email.bounced", "created_at": shop.now(),
        "data": {
            "email_id": "49a3999c", "to": ["ann@example.com"], "tags": tags,
            "bounce": { "type": "Permanent", "subType": "General", "message": "550 no such user" },
        },
    });
    let first = resend(&shop, &report).await;
    assert_eq!(first.status(), 202, "{}", text(&first));
    let again = resend(&shop, &report).await;
    assert_eq!((again.status(), again.body()), (first.status(), first.body()));
    let bounced = message(&shop, "thank-you").await;
    assert_eq!((&bounced["state"], &bounced["reason"]), (&json!("bounced"), &json!("550 no such user")));

    parcel(&shop, "shipped").await;
    assert_eq!(provider.asked(RESEND).len(), 1, "nothing more goes there");
    let skipped = message(&shop, "shipment-status").await;
    assert_eq!(skipped["state"], "skipped", "{skipped}");
    assert!(skipped["reason"].as_str().is_some_and(|reason| reason.contains("bounced")), "{skipped}");
}

/// What is reported of somebody who was forgotten brings nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_somebody_forgotten_changes_nothing() {
    let (shop, provider) = open(RESEND).await;
    shop.order(&shop.anns_order()).await;
    let tags = provider.asked(RESEND)[0].json()["tags"].clone();
    shop.advance(Duration::from_mins(1));
    let erase = json!({
        "type": "privacy.requested", "timestamp": shop.now(),
        "data": { "request": { "id": "p1", "kind": "erase" }, "customer": { "email": "ann@example.com" } },
    });
    let answer = shop.webhook(Sender::Generic, "privacy-request", "", erase.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    shop.dispatch().await;
    shop.advance(Duration::from_mins(1));
    let report = json!({
        "type": "email.complained", "created_at": shop.now(),
        "data": { "to": ["ann@example.com"], "tags": tags },
    });
    assert_eq!(resend(&shop, &report).await.status(), 202);
    shop.dispatch().await;
    assert_eq!(shop.get_json("/messages").await["messages"], json!([]));
    assert_eq!(shop.get("/customers/export?email=ann@example.com").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn postmark_and_sendgrid_are_believed_by_their_own_schemes() {
    let (shop, _) = open(POSTMARK).await;
    let report = json!({
        "RecordType": "SpamComplaint", "MessageID": "x", "Email": "ann@example.com", "BouncedAt": shop.now(),
    });
    let send = |authorization: &str| {
        let headers =
            [("content-type", "application/json".to_owned()), ("authorization", authorization.to_owned())];
        let body = report.to_string().into_bytes();
        let shop = &shop;
        async move { shop.request(Method::POST, "/webhooks/callbacks/postmark", &headers, body).await }
    };
    let basic = |pair: &str| ["Basic ", &BASE64.encode(pair)].concat();
    assert_eq!(send(&basic("aftercare:another")).await.status(), 401);
    let answer = send(&basic("aftercare:sesame")).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));

    let (shop, provider) = open(SENDGRID).await;
    let send = |time: &str| {
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("x-twilio-email-event-webhook-signature", SENDGRID_SIGNATURE.to_owned()),
            ("x-twilio-email-event-webhook-timestamp", time.to_owned()),
        ];
        let shop = &shop;
        let body = SENDGRID_BODY.as_bytes().to_vec();
        async move { shop.request(Method::POST, "/webhooks/callbacks/sendgrid", &headers, body).await }
    };
    assert_eq!(send("1600112503").await.status(), 401);
    let answer = send("1600112502").await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
    let mut order = shop.anns_order();
    order["email"] = json!("hello@world.com");
    shop.order(&order).await;
    assert_eq!(provider.asked(SENDGRID).len(), 0, "it bounced before");
    assert_eq!(state(&shop, "thank-you").await, "skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nobodys_report_is_refused_and_stores_nothing() {
    let shop = Shop::with(&[("process", "tick")]).await;
    let json = [("content-type", "application/json".to_owned())];
    for (path, status) in
        [("resend", 401), ("postmark", 401), ("sendgrid", 401), ("twilio", 401), ("ses", 404), ("", 404)]
    {
        let path = format!("/webhooks/callbacks/{path}");
        let answer = shop.request(Method::POST, &path, &json, b"{}".to_vec()).await;
        assert_eq!(answer.status(), status, "{path}: {}", text(&answer));
    }
    let answer = shop.request(Method::GET, "/webhooks/callbacks/resend", &[], Vec::new()).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(shop.stored().await.len(), 0);
}

/// What stands in a provider's log says what a message is about, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_names_the_order() {
    let (shop, provider) = open(RESEND).await;
    shop.order(&shop.anns_order()).await;
    let tags = provider.asked(RESEND)[0].json()["tags"].clone();
    let reference = tags.as_array().and_then(|tags| tags.iter().find(|tag| tag["name"] == "reference"));
    let reference = reference.and_then(|tag| tag["value"].as_str()).expect("a reference");
    let said = URL_SAFE_NO_PAD.decode(reference).expect("Base64");
    assert_eq!(String::from_utf8_lossy(&said), "order:9007199254740993\norder:9007199254740993");
}

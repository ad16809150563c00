//! Deliveries as senders make them, and what becomes of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use aftercare_signing::{Sender as Platform, hmac_sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::*;
use crate::key::Key;

mod bad_input;
mod bigcommerce;
mod defects;
mod desks;
mod fuzz;
mod generic;
mod hostile;
mod reviews;
mod senders;
mod shopify;
mod surveys;
mod text;
mod trackers;
mod traps;
mod vectors;
mod verify;
mod walk;
mod woocommerce;

/// 2026-11-21T20:00:00Z.
const NOW: Time = Time::from_seconds(1_795_291_200);

// ── Requests ────────────────────────────────────────────────────────────────

/// A request that a test makes and may spoil.
#[derive(Debug, Clone)]
struct Request {
    method: Method,
    headers: HeaderMap,
    query: String,
    body: Vec<u8>,
    now: Time,
}

impl Request {
    fn new(body: &[u8]) -> Self {
        Self {
            method: Method::POST,
            headers: HeaderMap::new(),
            query: String::new(),
            body: body.to_vec(),
            now: NOW,
        }
    }

    fn json(body: &[u8]) -> Self {
        Self::new(body).with("content-type", "application/json")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn send(&self, routes: &[Route], secrets: &[(&str, &str)]) -> Result<Accepted, Problem> {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let delivery = Delivery {
            method: self.method.as_str(),
            headers: &headers,
            query: &self.query,
            body: &self.body,
            now: self.now,
        };
        let secrets = |sender: &str| {
            secrets
                .iter()
                .filter(|(name, _)| *name == sender)
                .map(|(_, secret)| (*secret).to_owned())
                .collect()
        };
        receive(routes, &delivery, &secrets)
    }
}

// ── Senders ─────────────────────────────────────────────────────────────────
const SHOPIFY_SECRET: &str = "shpss_a secret";
const WOOCOMMERCE_SECRET: &str = "a&b <secret>";
const BIGCOMMERCE_SECRET: &str = "a client secret";
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Every sender's secrets, an older one first.
const SECRETS: &[(&str, &str)] = &[
    ("shopify", "shpss_an older secret"),
    ("shopify", SHOPIFY_SECRET),
    ("woocommerce", "another secret"),
    ("woocommerce", "a&amp;b &lt;secret&#62;"),
    ("bigcommerce", BIGCOMMERCE_SECRET),
    ("webhook", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("webhook", WEBHOOK_SECRET),
];

fn base64_hmac(key: &[u8], message: &[u8]) -> String {
    BASE64.encode(hmac_sha256(key, &[message]))
}

/// A delivery as this platform signs it now.
fn delivery(platform: Platform, topic: &str, secret: &str, body: &[u8], now: Time) -> Request {
    let clock = UNIX_EPOCH + Duration::from_millis(now.millis().try_into().unwrap());
    let headers = platform.headers(topic, secret, body, clock).unwrap();
    let request = Request { now, ..Request::new(body) };
    headers.iter().fold(request, |request, (name, value)| request.with(name, value))
}

/// A delivery as Shopify makes it.
fn shopify(topic: &str, body: &[u8]) -> Request {
    delivery(Platform::Shopify, topic, SHOPIFY_SECRET, body, NOW)
        .with("X-Shopify-Shop-Domain", "beans.myshopify.com")
        .with("X-Shopify-API-Version", "2026-04")
        .with("X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
        .with("X-Shopify-Event-Id", "98880550-7158-44d4-b7cd-2c97c8a091b5")
        .with("X-Shopify-Triggered-At", "2026-11-21T19:59:58.123456789Z")
}

/// A delivery as WooCommerce makes it.
fn woocommerce(topic: &str, body: &[u8]) -> Request {
    let (resource, event) = topic.split_once('.').unwrap();
    delivery(Platform::WooCommerce, topic, WOOCOMMERCE_SECRET, body, NOW)
        .with("X-WC-Webhook-Resource", resource)
        .with("X-WC-Webhook-Event", event)
        .with("X-WC-Webhook-ID", "3")
        .with("X-WC-Webhook-Delivery-ID", "0f1e2d3c4b5a")
}

/// Standard Webhooks with this key, at this time.
fn standard(key: &[u8], at: Time, body: &[u8]) -> Request {
    let seconds = at.seconds().try_into().unwrap();
    let headers = aftercare_signing::standard(key, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", seconds, body);
    headers.iter().fold(Request::json(body), |request, (name, value)| request.with(name, value))
}

/// A delivery as BigCommerce makes it.
fn bigcommerce(body: &[u8]) -> Request {
    standard(BIGCOMMERCE_SECRET.as_bytes(), NOW, body)
}

/// A delivery of the generic contract.
fn generic(body: &[u8]) -> Request {
    let key = BASE64.decode(WEBHOOK_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    standard(&key, NOW, body)
}

/// One kind of delivery: a sender, an event, and a body that gives a fact.
struct Peer {
    name: &'static str,
    routes: &'static [Route],
    sign: fn(&[u8]) -> Request,
    body: &'static str,
    /// Fields that the event cannot do without.
    needs: &'static [&'static str],
}

const PEERS: &[Peer] = &[
    Peer {
        name: "shopify order",
        routes: ORDER_CREATED,
        sign: |body| shopify("orders/create", body),
        body: include_str!("../../fixtures/shopify/order.json"),
        needs: &["id"],
    },
    Peer {
        name: "shopify refund",
        routes: ORDER_CREATED,
        sign: |body| shopify("refunds/create", body),
        body: include_str!("../../fixtures/shopify/refund.json"),
        needs: &["id", "order_id"],
    },
    Peer {
        name: "shopify return",
        routes: ORDER_CREATED,
        sign: |body| shopify("returns/request", body),
        body: include_str!("../../fixtures/shopify/return.json"),
        needs: &["id", "order", "order.id", "status"],
    },
    Peer {
        name: "shopify edit",
        routes: ORDER_CREATED,
        sign: |body| shopify("orders/edited", body),
        body: include_str!("../../fixtures/shopify/order-edited.json"),
        needs: &["order_edit", "order_edit.order_id"],
    },
    Peer {
        name: "shopify fulfilment",
        routes: SHIPMENT_UPDATED,
        sign: |body| shopify("fulfillments/create", body),
        body: include_str!("../../fixtures/shopify/fulfillment.json"),
        needs: &["id", "order_id"],
    },
    Peer {
        name: "shopify carrier event",
        routes: SHIPMENT_UPDATED,
        sign: |body| shopify("fulfillment_events/create", body),
        body: include_str!("../../fixtures/shopify/fulfillment-event.json"),
        needs: &["fulfillment_id", "status"],
    },
    Peer {
        name: "shopify redact",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("customers/redact", body),
        body: include_str!("../../fixtures/shopify/customers-redact.json"),
        needs: &[],
    },
    Peer {
        name: "shopify data request",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("customers/data_request", body),
        body: include_str!("../../fixtures/shopify/customers-data_request.json"),
        needs: &[],
    },
    Peer {
        name: "shopify shop redact",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("shop/redact", body),
        body: include_str!("../../fixtures/shopify/shop-redact.json"),
        needs: &["shop_id"],
    },
    Peer {
        name: "shopify uninstalled",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("app/uninstalled", body),
        body: include_str!("../../fixtures/shopify/app-uninstalled.json"),
        needs: &["id"],
    },
    Peer {
        name: "shopify e-mail consent",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("customers_email_marketing_consent/update", body),
        body: include_str!("../../fixtures/shopify/email-consent.json"),
        needs: &["email_marketing_consent"],
    },
    Peer {
        name: "shopify sms consent",
        routes: PRIVACY_REQUEST,
        sign: |body| shopify("customers_marketing_consent/update", body),
        body: include_str!("../../fixtures/shopify/sms-consent.json"),
        needs: &["sms_marketing_consent"],
    },
    Peer {
        name: "woocommerce order",
        routes: ORDER_CREATED,
        sign: |body| woocommerce("order.created", body),
        body: include_str!("../../fixtures/woocommerce/order.json"),
        needs: &["id", "status"],
    },
    Peer {
        name: "woocommerce review",
        routes: REVIEW_POSTED,
        sign: |body| woocommerce("product_review.created", body),
        body: include_str!("../../fixtures/woocommerce/review.json"),
        needs: &["id", "rating", "date_created_gmt"],
    },
    Peer {
        name: "bigcommerce order",
        routes: ORDER_CREATED,
        sign: bigcommerce,
        body: include_str!("../../fixtures/bigcommerce/order-created.json"),
        needs: &["scope", "data", "data.id", "created_at"],
    },
    Peer {
        name: "bigcommerce shipment",
        routes: SHIPMENT_UPDATED,
        sign: bigcommerce,
        body: include_str!("../../fixtures/bigcommerce/shipment-created.json"),
        needs: &["scope", "data", "data.orderId", "created_at"],
    },
    Peer {
        name: "generic order",
        routes: ORDER_CREATED,
        sign: generic,
        body: r#"{"type":"order.created","timestamp":"2026-11-20T09:30:00Z","data":{"order":{"id":"1001","customer":{"email":"ann@example.com"}}}}"#,
        needs: &["type", "timestamp", "data", "data.order", "data.order.id"],
    },
    Peer {
        name: "generic shipment",
        routes: SHIPMENT_UPDATED,
        sign: generic,
        body: r#"{"type":"shipment.updated","timestamp":"2026-11-20T09:30:00Z","data":{"shipment":{"id":"s1","status":"delivered"}}}"#,
        needs: &["type", "timestamp", "data", "data.shipment", "data.shipment.id", "data.shipment.status"],
    },
    Peer {
        name: "generic answer",
        routes: SURVEY_SUBMITTED,
        sign: generic,
        body: r#"{"type":"survey.submitted","timestamp":"2026-11-20T09:30:00Z","data":{"survey":{"kind":"nps","answer_id":"a1","score":9},"customer":{"id":77}}}"#,
        needs: &[
            "type",
            "timestamp",
            "data",
            "data.survey",
            "data.survey.kind",
            "data.survey.answer_id",
            "data.survey.score",
            "data.customer",
        ],
    },
    Peer {
        name: "generic review",
        routes: REVIEW_POSTED,
        sign: generic,
        body: r#"{"type":"review.posted","timestamp":"2026-11-20T09:30:00Z","data":{"review":{"id":"r1","rating":5},"order":{"id":"1001"}}}"#,
        needs: &["type", "timestamp", "data", "data.review", "data.review.id", "data.review.rating"],
    },
    Peer {
        name: "generic ticket",
        routes: TICKET_UPDATED,
        sign: generic,
        body: r#"{"type":"ticket.updated","timestamp":"2026-11-20T09:30:00Z","data":{"ticket":{"id":"t1","status":"new"}}}"#,
        needs: &["type", "timestamp", "data", "data.ticket", "data.ticket.id"],
    },
    Peer {
        name: "generic request",
        routes: PRIVACY_REQUEST,
        sign: generic,
        body: r#"{"type":"privacy.requested","timestamp":"2026-11-20T09:30:00Z","data":{"request":{"id":"p1","kind":"erase"},"customer":{"email":"ann@example.com"}}}"#,
        needs: &[
            "type",
            "timestamp",
            "data",
            "data.request",
            "data.request.id",
            "data.request.kind",
            "data.customer",
        ],
    },
];

// ── What became of them ─────────────────────────────────────────────────────

/// The fact of an accepted delivery.
#[track_caller]
fn fact(result: Result<Accepted, Problem>) -> Fact {
    match result {
        Ok(Accepted::Fact(fact)) => {
            assert!(!fact.keys.is_empty(), "a fact about nobody: {fact:?}");
            assert_eq!(
                Fact::from_bytes(&fact.to_bytes()).unwrap(),
                *fact,
                "a fact must survive its encoding"
            );
            *fact
        }
        other => panic!("expected a fact, got {other:?}"),
    }
}

#[track_caller]
fn is_ignored(result: &Result<Accepted, Problem>) {
    assert!(matches!(result, Ok(Accepted::Ignored(why)) if !why.is_empty()), "{result:?}");
}

/// The field that a 422 names.
#[track_caller]
fn wrong_field(result: Result<Accepted, Problem>) -> String {
    match result {
        Err(Problem::Unprocessable { field, .. }) => field,
        other => panic!("expected a 422, got {other:?}"),
    }
}

fn keys(fact: &Fact) -> Vec<&str> {
    fact.keys.iter().map(Key::as_str).collect()
}

/// A fact as it is stored, in lines.
fn written(fact: &Fact) -> String {
    serde_json::to_string_pretty(fact).unwrap()
}

fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// A body with changes: each is a dotted path and its new value, or none to remove it.
fn changed(body: &str, changes: &[(&str, Option<Value>)]) -> Vec<u8> {
    let mut value: Value = serde_json::from_str(body).unwrap();
    for (path, change) in changes {
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut parent = &mut value;
        for part in parents.split('.').filter(|part| !part.is_empty()) {
            parent = match part.parse::<usize>() {
                Ok(index) => &mut parent[index],
                Err(_) => &mut parent[part],
            };
        }
        let members = parent.as_object_mut().unwrap();
        match change {
            Some(new) => _ = members.insert(name.to_owned(), new.clone()),
            None => _ = members.remove(name),
        }
    }
    value.to_string().into_bytes()
}

/// Payloads that lie beside a checkout, where there are any: name and content.
fn captured(sender: &str) -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(sender);
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                files.push((name, serde_json::from_str(&text).unwrap()));
            }
        }
    }
    if files.is_empty() {
        println!("skipped: no captured payloads of {sender}");
    }
    files.sort_by(|(name, _), (other, _)| name.cmp(other));
    files
}

/// The webhook bodies in a captured file, which may be a list, or wrapped as REST answers and documentation are.
fn unwrapped(captured: Value, wrappers: &[&str]) -> Vec<Value> {
    match captured {
        Value::Array(items) => items,
        Value::Object(mut object) => match wrappers.iter().find_map(|wrapper| object.remove(*wrapper)) {
            Some(inner) => unwrapped(inner, &[]),
            None => vec![Value::Object(object)],
        },
        other => vec![other],
    }
}

/// A captured payload must give a fact, a reason to ignore it, or the name of a field.
#[track_caller]
fn settles(name: &str, result: Result<Accepted, Problem>) {
    match result {
        Ok(Accepted::Fact(accepted)) => _ = fact(Ok(Accepted::Fact(accepted))),
        Ok(Accepted::Ignored(why)) => assert!(!why.is_empty(), "{name}"),
        Err(Problem::Unprocessable { field, .. }) => assert!(!field.is_empty(), "{name}"),
        Err(other) => panic!("{name}: {other:?}"),
    }
}

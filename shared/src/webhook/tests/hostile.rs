//! Whatever arrives, signed or not: an answer, and no panic.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;

const HEADERS: &[&str] = &[
    "content-type",
    "x-shopify-topic",
    "x-shopify-hmac-sha256",
    "x-shopify-triggered-at",
    "shopify-hmac-sha256",
    "shopify-topic",
    "shopify-action",
    "x-wc-webhook-signature",
    "x-wc-webhook-topic",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "svix-id",
    "svix-timestamp",
    "svix-signature",
];

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>().prop_filter("allowed in a header", |byte| *byte >= 32 && *byte != 127), 0..40),
        select(
            &[
                "application/json",
                "v1,AAAA",
                "1795291200",
                "orders/create",
                "order.created",
                "customers/redact"
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

/// Any JSON, with the words that senders use.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(
            &[
                "",
                "paid",
                "refunded",
                "closed",
                "EUR",
                "1",
                "-0.5",
                "2026-11-21T20:00:00Z",
                "9999-12-31T23:59:59Z",
                "0000-01-01T00:00:00Z",
                "a@b.c",
                "+49301234567",
                "99999999999999999999.99",
                "💥",
                "0-10",
                "\u{0}"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(&["id", "status", "amount", "shop_money", "email", "x"][..]), inner), 0..4).prop_map(
                |members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            ),
        ]
    })
}

// `PROPTEST_CASES=1000000 cargo test -p aftercare --release hostile` looks longer.
proptest! {
    #[test]
    fn any_bytes_with_any_headers_get_an_answer(
        peer in 0..PEERS.len(),
        headers in vec((select(HEADERS), header_value()), 0..8),
        query in any::<String>(),
        body in vec(any::<u8>(), 0..200),
        now in any::<i64>(),
    ) {
        let mut request = Request { query, now: Time::from_millis(now), ..Request::new(&body) };
        for (name, value) in headers {
            request.headers.insert(name, HeaderValue::from_bytes(&value).unwrap());
        }
        let _ = request.send(PEERS[peer].routes, SECRETS);
    }

    #[test]
    fn any_signed_bytes_are_refused_or_read(peer in 0..PEERS.len(), body in vec(any::<u8>(), 0..200)) {
        let peer = &PEERS[peer];
        let result = (peer.sign)(&body).send(peer.routes, SECRETS);
        prop_assert!(matches!(result, Err(Problem::NotJson(_) | Problem::Unprocessable { .. })), "{result:?}");
    }

    #[test]
    fn any_signed_json_is_a_fact_ignored_or_named(
        peer in 0..PEERS.len(),
        place in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let peer = &PEERS[peer];
        let mut body: Value = serde_json::from_str(peer.body).unwrap();
        let paths = paths(&body);
        let path = &paths[place.index(paths.len())];
        *body.pointer_mut(path).unwrap() = value;
        let body = body.to_string();
        match (peer.sign)(body.as_bytes()).send(peer.routes, SECRETS) {
            Ok(Accepted::Fact(fact)) => {
                prop_assert!(!fact.keys.is_empty());
                let bytes = fact.to_bytes();
                prop_assert_eq!(&Fact::from_bytes(&bytes).unwrap(), &*fact);
                // A fact is far smaller than the largest value that a store takes.
                prop_assert!(bytes.len() < 100_000);
            }
            Ok(Accepted::Ignored(why)) => prop_assert!(!why.is_empty()),
            Err(Problem::Unprocessable { field, .. }) => prop_assert!(!field.is_empty()),
            Err(Problem::NotJson(_)) => prop_assert!(path.is_empty(), "the body itself was replaced"),
            Err(other) => prop_assert!(false, "{other:?} for {body}"),
        }
    }
}

/// The JSON pointers of all values, the body's own included.
fn paths(value: &Value) -> Vec<String> {
    fn collect(value: &Value, path: String, paths: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| collect(value, format!("{path}/{name}"), paths));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| collect(item, format!("{path}/{n}"), paths));
            }
            _ => {}
        }
        paths.insert(path);
    }
    let mut paths = BTreeSet::new();
    collect(value, String::new(), &mut paths);
    paths.into_iter().collect()
}

#[test]
fn a_body_full_of_lines_is_read_in_bounds() {
    let mut body = br#"{"id":1,"updated_at":"2026-11-20T00:00:00Z","currency":"EUR","line_items":["#.to_vec();
    body.extend(b"{},".repeat(340_000));
    body.extend(b"{}]}");
    let fact = fact(shopify("orders/create", &body).send(ORDER_CREATED, SECRETS));
    assert!(fact.to_bytes().len() < 100_000);
}

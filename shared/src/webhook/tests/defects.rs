//! What every sender's bad deliveries get: (sender, defect) -> (status, problem).

use http::Method;
use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(peer: &Peer, defect: &str, request: &Request, status: u16, problem: &str) {
    let result = request.send(peer.routes, SECRETS);
    let got = result.as_ref().map_err(|problem| (problem.status(), problem.name()));
    assert_eq!(got, Err((status, problem)), "{}: {defect}: {result:?}", peer.name);
}

#[test]
fn every_peer_is_accepted_as_it_is() {
    for peer in PEERS {
        fact((peer.sign)(peer.body.as_bytes()).send(peer.routes, SECRETS));
    }
}

#[test]
fn defects_of_the_request() {
    for peer in PEERS {
        let body = peer.body.as_bytes();
        let good = (peer.sign)(body);
        let signed = |body: &[u8]| (peer.sign)(body);
        for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
            let request = Request { method, ..good.clone() };
            check(peer, "another method", &request, 405, "method-not-allowed");
        }
        let padded = |length: usize| {
            let mut body = body.to_vec();
            body.resize(length, b' ');
            signed(&body)
        };
        check(peer, "a byte too long", &padded(MAX_BODY_BYTES + 1), 413, "too-large");
        fact(padded(MAX_BODY_BYTES).send(peer.routes, SECRETS));

        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "json"] {
            let request = good.clone().with("content-type", kind);
            check(peer, "another content type", &request, 415, "unsupported-media-type");
        }
        check(peer, "no content type", &good.clone().without("content-type"), 415, "unsupported-media-type");
        for kind in
            ["application/json; charset=utf-8", "Application/JSON", "application/cloudevents+json;v=1"]
        {
            fact(good.clone().with("content-type", kind).send(peer.routes, SECRETS));
        }
    }
}

#[test]
fn defects_of_the_signature() {
    const HEADERS: &[&str] = &["x-shopify-hmac-sha256", "x-wc-webhook-signature", "webhook-signature"];
    for peer in PEERS {
        let body = peer.body.as_bytes();
        let good = (peer.sign)(body);
        let header = *HEADERS.iter().find(|name| good.headers.contains_key(**name)).unwrap();
        let value = good.headers[header].to_str().unwrap().to_owned();
        let unauthorized = |defect, request: Request| check(peer, defect, &request, 401, "unauthorized");

        unauthorized("no signature", good.clone().without(header));
        unauthorized("an empty signature", good.clone().with(header, ""));
        unauthorized("not a signature", good.clone().with(header, "example string"));
        unauthorized("a signature cut short", good.clone().with(header, &value[..value.len() - 4]));
        unauthorized("a signature and more", good.clone().with(header, &format!("{value}AAAA")));
        unauthorized("a digest in hex", good.clone().with(header, &hex_of(&value)));
        unauthorized("the signature of another body", good.clone().with(header, &other(peer, header)));
        unauthorized("no headers of any sender", Request::json(body));
        let mut longer = good.clone();
        longer.body.push(b'\n');
        unauthorized("a line break more", longer);
        let mut printed = good.clone();
        printed.body = serde_json::from_str::<Value>(peer.body).unwrap().to_string().into_bytes();
        if printed.body != body {
            unauthorized("the same JSON in other bytes", printed);
        }
        let mut empty = good.clone();
        empty.body.clear();
        unauthorized("no body", empty);
        let unsigned = Request { method: Method::GET, ..good.clone() }.without(header);
        check(peer, "a wrong method is told first", &unsigned, 405, "method-not-allowed");

        for secrets in
            [&[][..], &[("shopify", ""), ("woocommerce", ""), ("bigcommerce", ""), ("webhook", "")]]
        {
            assert_eq!(good.send(peer.routes, secrets), Err(Problem::Unauthorized), "{}: closed", peer.name);
        }
        let others =
            [("shopify", "x"), ("woocommerce", "x"), ("bigcommerce", "x"), ("webhook", "whsec_eHg=")];
        assert_eq!(
            good.send(peer.routes, &others),
            Err(Problem::Unauthorized),
            "{}: other secrets",
            peer.name
        );
        // Signed with nothing at all, while nothing is configured.
        let keyless = [("shopify", ""), ("woocommerce", ""), ("bigcommerce", ""), ("webhook", "whsec_")];
        let forged = match header {
            "webhook-signature" => standard(b"", NOW, body),
            header => good.clone().with(header, &base64_hmac(b"", body)),
        };
        assert_eq!(
            forged.send(peer.routes, &keyless),
            Err(Problem::Unauthorized),
            "{}: empty key",
            peer.name
        );
    }
}

fn hex_of(signature: &str) -> String {
    let (prefix, digest) = signature.split_once(',').map_or(("", signature), |(_, digest)| ("v1,", digest));
    [prefix, &crate::hex::encode(&BASE64.decode(digest).unwrap())].concat()
}

fn other(peer: &Peer, header: &str) -> String {
    (peer.sign)(b"{}").headers[header].to_str().unwrap().to_owned()
}

#[test]
fn defects_of_the_json() {
    let deep = [r#"{"a":"#, &"[".repeat(100_000), &"]".repeat(100_000), "}"].concat();
    let mut latin = br#"{"name":"Z"#.to_vec();
    latin.extend([0xFC, b'"', b'}']);
    for peer in PEERS {
        let broken = peer.body.trim_end().strip_suffix('}').unwrap();
        let listed = format!("[{}]", peer.body);
        for (defect, body) in [
            ("no body", &b""[..]),
            ("blanks", b"  \n"),
            ("not JSON", b"id=1&name=x"),
            ("cut short", broken.as_bytes()),
            ("two documents", b"{}{}"),
            ("a comma too many", br#"{"id":1,}"#),
            ("a list", listed.as_bytes()),
            ("a string", br#""order""#),
            ("a number", b"1001"),
            ("null", b"null"),
            ("deep nesting", deep.as_bytes()),
            ("not UTF-8", &latin),
            ("a byte order mark", b"\xEF\xBB\xBF{}"),
            ("a zero byte", b"{\"id\":1}\0"),
        ] {
            check(peer, defect, &(peer.sign)(body), 400, "not-json");
        }
    }
}

#[test]
fn what_an_event_needs_is_named_when_it_is_missing_or_wrong() {
    for peer in PEERS {
        for field in peer.needs {
            let wrong = [
                None,
                Some(Value::Null),
                Some(json!({"an": "object"})),
                Some(json!([])),
                Some(json!(true)),
                Some(json!(-1)),
                Some(json!("")),
                Some(json!(1.5)),
            ];
            for value in wrong {
                // An object where one is needed, a rating of one and a half: not wrong there.
                let is_object_field = matches!(
                    *field,
                    "data"
                        | "order"
                        | "order_edit"
                        | "data.order"
                        | "data.shipment"
                        | "data.survey"
                        | "data.review"
                        | "data.ticket"
                        | "data.request"
                        | "data.customer"
                        | "email_marketing_consent"
                        | "sms_marketing_consent"
                );
                if is_object_field && value.as_ref().is_some_and(Value::is_object)
                    || field.ends_with("rating") && value == Some(json!(1.5))
                {
                    continue;
                }
                let body = changed(peer.body, &[(field, value.clone())]);
                let result = (peer.sign)(&body).send(peer.routes, SECRETS);
                let named = wrong_field(result);
                assert!(
                    named == *field || named.starts_with(&format!("{field}.")),
                    "{}: {field} = {value:?} was blamed on {named}",
                    peer.name
                );
            }
        }
    }
}

#[test]
fn problems_tell_nothing_of_secrets_and_are_told_as_documents() {
    let request = shopify("orders/create", b"{}");
    let problem = request.send(ORDER_CREATED, SECRETS).unwrap_err();
    let document: Value = serde_json::from_slice(&problem.to_json()).unwrap();
    assert_eq!(document["status"], 422);
    assert_eq!(document["field"], "id");
    assert_eq!(document["type"], "urn:aftercare:problem:unprocessable");
    let refused = request.without("x-shopify-hmac-sha256").send(ORDER_CREATED, SECRETS).unwrap_err();
    assert!(!String::from_utf8(refused.to_json()).unwrap().contains("shpss"));
}

//! What is refused, and how: (sender, defect) to (status, problem, field).

use super::senders::{SENDERS, secret, signed};
use super::{NOW, Request, fact};
use crate::time::Time;
use crate::webhook::problem::Problem;
use crate::webhook::{Accepted, MAX_BODY_BYTES, Route};
use http::Method;
use serde_json::Value;

/// The headers that prove a delivery.
const PROOFS: &[(&str, &[&str])] = &[
    ("aftership", &["aftership-hmac-sha256"]),
    ("easypost", &["x-hmac-signature"]),
    ("shippo", &["shippo-auth-signature"]),
    ("typeform", &["typeform-signature"]),
    ("delighted", &["x-delighted-webhook-signature"]),
    ("judgeme", &["judgeme-hmac-sha256"]),
    ("stamped", &["x-stamped-webhook-secret"]),
    ("zendesk", &["x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"]),
    ("gorgias", &["x-gorgias-secret"]),
    ("chatwoot", &["x-chatwoot-signature", "x-chatwoot-timestamp"]),
];

/// Fields without which there is no event: gone, `null` or an object, each is named. Where another field can stand in for
/// one, both are taken away.
const REQUIRED: &[(&str, &[(&str, &str)])] = &[
    (
        "aftership",
        &[
            ("event", "event"),
            ("msg", "msg"),
            ("msg.tracking_number", "msg.tracking_number"),
            ("msg.tag", "msg.tag"),
            ("msg.updated_at ts", "msg.updated_at"),
        ],
    ),
    (
        "easypost",
        &[
            ("description", "description"),
            ("result", "result"),
            ("result.tracking_code", "result.tracking_code"),
            ("result.status", "result.status"),
            ("result.updated_at created_at", "result.updated_at"),
        ],
    ),
    (
        "shippo",
        &[
            ("event", "event"),
            ("data", "data"),
            ("data.tracking_number", "data.tracking_number"),
            ("data.tracking_status.status", "data.tracking_status.status"),
            (
                "data.tracking_status.status_date data.tracking_status.object_created",
                "data.tracking_status.status_date",
            ),
        ],
    ),
    (
        "typeform",
        &[
            ("event_type", "event_type"),
            ("form_response", "form_response"),
            ("form_response.token", "form_response.token"),
            ("form_response.submitted_at", "form_response.submitted_at"),
            ("form_response.answers.0.number", "form_response.answers[0].number"),
        ],
    ),
    (
        "delighted",
        &[
            ("event_type", "event_type"),
            ("event_data", "event_data"),
            ("event_data.id", "event_data.id"),
            ("event_data.score", "event_data.score"),
            ("event_data.person", "event_data.person"),
            ("event_data.updated_at event_data.created_at", "event_data.updated_at"),
        ],
    ),
    (
        "judgeme",
        &[
            ("review", "review"),
            ("review.id", "review.id"),
            ("review.rating", "review.rating"),
            ("review.updated_at review.created_at", "review.updated_at"),
        ],
    ),
    ("stamped", &[("id", "id"), ("reviewRating", "reviewRating"), ("dateCreated", "dateCreated")]),
    (
        "zendesk",
        &[
            ("type", "type"),
            ("time", "time"),
            ("detail", "detail"),
            ("detail.id", "detail.id"),
            ("event", "event"),
            ("event.comment", "event.comment"),
            ("event.comment.is_public", "event.comment.is_public"),
            ("event.comment.author", "event.comment.author"),
        ],
    ),
    (
        "gorgias",
        &[
            ("ticket", "ticket"),
            ("ticket.id", "ticket.id"),
            ("ticket.status", "ticket.status"),
            ("ticket.updated_datetime ticket.created_datetime", "ticket.updated_datetime"),
        ],
    ),
    ("chatwoot", &[("event", "event"), ("id", "id"), ("status", "status")]),
];

struct Case {
    sender: &'static str,
    routes: &'static [Route],
    body: &'static str,
    checked: usize,
}

impl Case {
    fn signed(&self, body: impl AsRef<[u8]>) -> Request {
        signed(self.sender, body, NOW)
    }

    fn send(&self, request: &Request) -> Result<Accepted, Problem> {
        request.send(self.routes, &[(self.sender, secret(self.sender))])
    }

    #[track_caller]
    fn refuses(&mut self, defect: &str, request: &Request, status: u16, name: &str, field: Option<&str>) {
        let sender = self.sender;
        let problem = self.send(request).expect_err(&format!("{sender}: {defect}"));
        assert_eq!(
            (problem.status(), problem.name(), problem.field()),
            (status, name, field),
            "{sender}: {defect}"
        );
        self.checked += 1;
    }
}

fn cases() -> impl Iterator<Item = Case> {
    SENDERS.iter().map(|&(sender, routes, body)| Case { sender, routes, body, checked: 0 })
}

#[test]
fn what_is_sound_is_accepted_and_a_repetition_changes_nothing() {
    for case in cases() {
        let first = fact(case.send(&case.signed(case.body)));
        assert_eq!(first.source, case.sender);
        // A minute later, signed again: the fact does not depend on when it came.
        let later = Time::from_seconds(NOW.seconds() + 60);
        assert_eq!(fact(case.send(&signed(case.sender, case.body, later))), first, "{}", case.sender);
        // Names of headers have no case, and content types have parameters.
        let typed = case.signed(case.body).with("Content-Type", "Application/JSON; charset=utf-8");
        assert_eq!(fact(case.send(&typed)), first, "{}", case.sender);
    }
}

#[test]
fn every_sender_refuses_every_defect_by_name() {
    for mut case in cases() {
        let good = case.signed(case.body);
        let proofs = PROOFS.iter().find(|(name, _)| *name == case.sender).unwrap().1;
        let (unauthorized, not_json) = ("unauthorized", "not-json");

        for method in [Method::GET, Method::PUT, Method::HEAD] {
            case.refuses(
                "another method",
                &Request { method, ..good.clone() },
                405,
                "method-not-allowed",
                None,
            );
        }
        for proof in proofs {
            case.refuses("a proof is missing", &good.clone().without(proof), 401, unauthorized, None);
            case.refuses("a proof is empty", &good.clone().with(proof, ""), 401, unauthorized, None);
        }
        let proof = good.headers[proofs[0]].to_str().unwrap().to_owned();
        let mut spoilt = vec![
            ("cut short", proof[..proof.len() - 1].to_owned()),
            ("too long", [&proof, "0"].concat()),
            ("in upper case", proof.to_uppercase()),
            ("of something else", proof.chars().rev().collect()),
        ];
        if let Some((_, bare)) = proof.split_once("sha256=").or_else(|| proof.split_once("v1=")) {
            spoilt.push(("without its prefix", bare.to_owned()));
        }
        for (how, value) in spoilt {
            let request = good.clone().with(proofs[0], &value);
            // Hexadecimal digits have no case, but prefixes do.
            if case.sender == "judgeme" && how == "in upper case" {
                continue;
            }
            case.refuses(&format!("a proof {how}"), &request, 401, unauthorized, None);
        }
        if !matches!(case.sender, "stamped" | "gorgias") {
            let mut longer = case.body.as_bytes().to_vec();
            longer.push(b'\n');
            case.refuses(
                "a byte was added",
                &Request { body: longer, ..good.clone() },
                401,
                unauthorized,
                None,
            );
            let printed = serde_json::from_str::<Value>(case.body).unwrap().to_string();
            let again = Request { body: printed.into_bytes(), ..good.clone() };
            case.refuses("the body was printed again", &again, 401, unauthorized, None);
        }
        if matches!(case.sender, "shippo" | "zendesk" | "chatwoot") {
            for seconds in [-301, 301, 86_400 * 365] {
                let now = Time::from_seconds(NOW.seconds() + seconds);
                case.refuses(
                    "the signed time is far away",
                    &Request { now, ..good.clone() },
                    401,
                    unauthorized,
                    None,
                );
            }
        }
        for content_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""] {
            let request = good.clone().with("content-type", content_type);
            case.refuses("another type", &request, 415, "unsupported-media-type", None);
        }
        case.refuses("no type", &good.clone().without("content-type"), 415, "unsupported-media-type", None);
        case.refuses("too large", &case.signed(vec![b' '; MAX_BODY_BYTES + 1]), 413, "too-large", None);
        let deep = ["{\"a\":".repeat(65), "1".to_owned(), "}".repeat(65)].concat();
        let not_jsons: [&[u8]; 9] =
            [b"", b" ", b"{", b"[]", b"null", b"\"{}\"", b"{} {}", b"{\"event\": \"\xff\"}", deep.as_bytes()];
        for body in not_jsons {
            let defect = String::from_utf8_lossy(body).into_owned();
            case.refuses(&defect, &case.signed(body), 400, not_json, None);
        }
        refuses_without_required_fields(&mut case);
        assert!(case.checked >= 12, "{}: {}", case.sender, case.checked);
    }
}

/// Takes away each required field, and puts nonsense in its place.
fn refuses_without_required_fields(case: &mut Case) {
    let required = REQUIRED.iter().find(|(name, _)| *name == case.sender).unwrap().1;
    for (paths, field) in required {
        for spoil in
            [None, Some(Value::Null), Some(serde_json::json!({"not": "this"})), Some(Value::from(""))]
        {
            // An object in place of an object is one, without the fields it needs.
            let is_object = matches!(spoil, Some(Value::Object(_)));
            let mut body: Value = serde_json::from_str(case.body).unwrap();
            let mut replaces_object = false;
            for path in paths.split(' ') {
                let (parent, name) =
                    path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
                let pointer = parent
                    .split('.')
                    .filter(|step| !step.is_empty())
                    .fold(String::new(), |pointer, step| pointer + "/" + step);
                let parent = body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
                replaces_object |= parent[name].is_object();
                match &spoil {
                    None => _ = parent.remove(name),
                    Some(value) => _ = parent.insert(name.to_owned(), value.clone()),
                }
            }
            if is_object && replaces_object {
                continue;
            }
            let request = case.signed(body.to_string());
            case.refuses(&format!("{paths} is {spoil:?}"), &request, 422, "unprocessable", Some(field));
        }
    }
}

#[test]
fn without_a_secret_the_endpoint_is_shut() {
    for case in cases() {
        let request = case.signed(case.body);
        assert_eq!(request.send(case.routes, &[]), Err(Problem::Unauthorized), "{}", case.sender);
        assert_eq!(
            request.send(case.routes, &[(case.sender, "")]),
            Err(Problem::Unauthorized),
            "{}",
            case.sender
        );
        let other = [(case.sender, "another secret"), ("webhook", secret(case.sender))];
        assert_eq!(request.send(case.routes, &other), Err(Problem::Unauthorized), "{}", case.sender);
        let empty = Request { query: "token=".to_owned(), ..Request::json(case.body.as_bytes()) };
        assert_eq!(
            empty.send(case.routes, &[(case.sender, "")]),
            Err(Problem::Unauthorized),
            "{}",
            case.sender
        );
    }
}

#[test]
fn several_secrets_are_valid_at_once() {
    for case in cases() {
        let secrets = [(case.sender, "older"), (case.sender, secret(case.sender)), (case.sender, "newer")];
        fact(case.signed(case.body).send(case.routes, &secrets));
    }
}

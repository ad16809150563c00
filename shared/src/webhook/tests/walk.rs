//! Every payload there is of every sender: a fact, ignored, or refused by the name of a field.

use serde_json::Value;

use super::senders::{SENDERS, files, secret, signed};
use super::{NOW, fact};
use crate::webhook::Accepted;
use crate::webhook::problem::Problem;

/// The webhook bodies that a file may be: itself, and what a webhook would wrap the answers of an API in.
fn bodies(sender: &str, text: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let wrapped = |inner: &Value| match sender {
        "aftership" => {
            serde_json::json!({"event": "tracking_update", "event_id": "e", "msg": inner, "ts": 1_795_253_500})
        }
        "easypost" => serde_json::json!({"description": "tracker.updated", "id": "evt_1", "result": inner}),
        "shippo" => serde_json::json!({"event": "track_updated", "test": false, "data": inner}),
        "judgeme" => serde_json::json!({"review": inner}),
        _ => inner.clone(),
    };
    let mut bodies = vec![text.to_owned(), wrapped(&value).to_string()];
    for pointer in ["/data", "/data/tracking", "/data/trackings", "/trackers", "/result"] {
        match value.pointer(pointer) {
            Some(Value::Array(items)) => bodies.extend(items.iter().map(|item| wrapped(item).to_string())),
            Some(inner) => bodies.push(wrapped(inner).to_string()),
            None => {}
        }
    }
    bodies
}

#[test]
fn every_payload_ends_in_a_fact_or_a_reason() {
    for &(sender, routes, _) in SENDERS {
        let mut facts = 0;
        for (path, text) in files(sender) {
            for body in bodies(sender, &text) {
                match signed(sender, &body, NOW).send(routes, &[(sender, secret(sender))]) {
                    Ok(Accepted::Ignored(why)) => assert!(!why.is_empty(), "{path}"),
                    Err(Problem::Unprocessable { field, .. }) => println!("{path}: 422 {field}"),
                    accepted => {
                        assert!(accepted.is_ok(), "{path}: {accepted:?}");
                        fact(accepted);
                        facts += 1;
                    }
                }
            }
        }
        assert!(facts > 0, "{sender} has no payload that becomes a fact");
    }
}

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::{Request, fact};
use crate::webhook::problem::Problem;
use crate::webhook::verify::hmac_sha256;
use crate::webhook::{Accepted, ORDER_CREATED};

const SECRET: &str = "shpss_a secret";
const SECRETS: &[(&str, &str)] = &[("shopify", "shpss_an older secret"), ("shopify", SECRET)];

/// A delivery as Shopify makes it.
fn request(topic: &str, body: &str) -> Request {
    let signature = BASE64.encode(hmac_sha256(SECRET.as_bytes(), &[body.as_bytes()]));
    Request::json(body)
        .with("X-Shopify-Topic", topic)
        .with("X-Shopify-Hmac-Sha256", &signature)
        .with("X-Shopify-Shop-Domain", "example.myshopify.com")
        .with("X-Shopify-API-Version", "2026-04")
        .with("X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
        .with("X-Shopify-Triggered-At", "2026-11-21T19:59:58.123456789Z")
}

fn receive(topic: &str, body: &str) -> Result<Accepted, Problem> {
    request(topic, body).send(ORDER_CREATED, SECRETS)
}

/// Payloads that lie beside a checkout, where there are any.
fn captured(sender: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(sender);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.push((path, text));
            }
        }
    }
    if files.is_empty() {
        println!("skipped: no captured payloads in {}", root.display());
    }
    files.sort();
    files
}

/// The webhook bodies in a file: captured payloads are wrapped as REST answers, documentation or lists.
fn bodies(text: &str) -> Vec<Value> {
    match serde_json::from_str(text).unwrap() {
        Value::Array(items) => items,
        Value::Object(mut object) => {
            for wrapper in ["order", "orders", "response"] {
                match object.remove(wrapper) {
                    Some(Value::Array(items)) => return items,
                    Some(inner) => return vec![inner],
                    None => {}
                }
            }
            vec![Value::Object(object)]
        }
        other => vec![other],
    }
}

#[test]
fn captured_orders_become_facts_or_name_the_field() {
    for (path, text) in captured("shopify") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("orders-")
            || name.starts_with("orders-delete")
            || name.starts_with("orders-edited")
        {
            continue;
        }
        for body in bodies(&text) {
            match receive("orders/create", &body.to_string()) {
                Ok(accepted) => {
                    let fact = fact(Ok(accepted));
                    println!("{name}: {}", String::from_utf8(fact.to_bytes()).unwrap());
                }
                Err(Problem::Unprocessable { field, .. }) => println!("{name}: 422 {field}"),
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
    }
}

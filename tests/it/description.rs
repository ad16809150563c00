//! Answers of `/metrics` against the description (`OpenAPI`) that is served beside them: every path with values of every
//! parameter that the document allows, and with some that it does not.

use std::collections::BTreeMap;

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::pages::month;
use crate::shop::{ADMIN_TOKEN, Answer, Shop, text};

/// Answers that take a token, and what the document says of them.
struct Described {
    document: Value,
    validators: BTreeMap<String, Validator>,
}

impl Described {
    fn new(document: Value) -> Self {
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let validator = |name: &String| {
            let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
            jsonschema::validator_for(&schema).expect("a schema")
        };
        let validators = schemas.keys().map(|name| (format!("#/components/schemas/{name}"), validator(name)));
        Self { validators: validators.collect(), document }
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["paths"].as_object().expect("paths").iter().map(|(path, item)| (path, &item["get"]))
    }

    /// Whether status, media type and body are those of the operation.
    fn check(&self, operation: &Value, asked: &str, answer: &Answer) {
        let response = &operation["responses"][answer.status().as_str()];
        assert!(response.is_object(), "{asked}: {} is not described: {}", answer.status(), text(answer));
        let Some(content) = response["content"].as_object() else {
            assert!(answer.body().is_empty(), "{asked}");
            return;
        };
        let kind =
            answer.headers()["content-type"].to_str().expect("text").split(';').next().unwrap_or_default();
        let media = content.get(kind).unwrap_or_else(|| panic!("{asked}: {kind} is not described"));
        if let Some(schema) = media["schema"]["$ref"].as_str() {
            let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
            let wrong: Vec<_> =
                self.validators[schema].iter_errors(&body).map(|wrong| wrong.to_string()).collect();
            assert!(wrong.is_empty(), "{asked}: {wrong:?} in {body}");
        }
    }
}

/// Values that a parameter's schema allows, and some that it does not.
fn values(parameter: &Value) -> (Vec<String>, Vec<String>) {
    let schema = &parameter["schema"];
    if let Some(allowed) = schema["enum"].as_array() {
        let allowed = allowed.iter().filter_map(|value| Some(value.as_str()?.to_owned()));
        return (allowed.collect(), ["none%20of%20them", "%00", "day%2Cweek"].map(str::to_owned).into());
    }
    if schema["format"] == "date" {
        // Within the last year, so that any two days and any part of them make a window.
        let refused = ["2026-02-30", "yesterday", "2026-1-1", "20261120", "9999999-01-01", "%F0%9F%98%80"];
        return (["2026-12-20", "2027-01-15"].map(str::to_owned).into(), refused.map(str::to_owned).into());
    }
    let mut allowed: Vec<String> =
        ["p1", "EUR", "%20", "%3Cscript%3E", "%C3%A9%E2%82%AC", "a%26by%3Dday"].map(str::to_owned).into();
    allowed.push("x".repeat(200));
    (allowed, Vec::new())
}

async fn ask(shop: &Shop, asked: &str, accept: &str) -> Answer {
    let headers = [("authorization", format!("Bearer {ADMIN_TOKEN}")), ("accept", accept.to_owned())];
    shop.request(Method::GET, asked, &headers, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_it_is_described() {
    let shop = month().await;
    let described = Described::new(shop.get_json("/metrics/openapi.json").await);
    assert!(described.paths().count() > 15);
    for (path, operation) in described.paths() {
        let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
        let name = |parameter: &Value| parameter["name"].as_str().expect("a name").to_owned();
        for accept in ["application/json", "text/csv", "*/*", "application/openmetrics-text"] {
            let answer = ask(&shop, path, accept).await;
            assert_eq!(answer.status(), 200, "{path}");
            described.check(operation, path, &answer);
        }
        for (index, parameter) in parameters.iter().enumerate() {
            let (allowed, refused) = values(parameter);
            for value in &allowed {
                let one = format!("{path}?{}={value}", name(parameter));
                let answer = ask(&shop, &one, "application/json").await;
                assert_eq!(answer.status(), 200, "{one}: {}", text(&answer));
                described.check(operation, &one, &answer);
                // And together with one value of each parameter after it.
                for other in &parameters[index + 1..] {
                    let two = format!("{one}&{}={}", name(other), values(other).0[0]);
                    let answer = ask(&shop, &two, "application/json").await;
                    assert!(matches!(answer.status().as_u16(), 200 | 400), "{two}: {}", answer.status());
                    described.check(operation, &two, &answer);
                }
            }
            for value in refused {
                let asked = format!("{path}?{}={value}", name(parameter));
                let answer = ask(&shop, &asked, "application/json").await;
                assert_eq!(answer.status(), 400, "{asked}: {}", text(&answer));
                described.check(operation, &asked, &answer);
            }
        }
        let unknown = format!("{path}?colour=red");
        described.check(operation, &unknown, &ask(&shop, &unknown, "application/json").await);
        let anybody = shop.request(Method::GET, path, &[], Vec::new()).await;
        assert_eq!(anybody.status(), 401, "{path}");
        assert!(anybody.headers().contains_key("www-authenticate"), "{path}");
        described.check(operation, path, &anybody);
    }
}

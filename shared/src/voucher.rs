//! Vouchers: a code of its own for one cause, made at the shop's platform before the message that carries it is sent, or
//! taken from a [`pool`].
//!
//! A code that is made follows from the cause and a secret alone. So it may be asked for again after any crash: the platform then
//! says that it has it, which is all that was wanted. Pure: the request and the meaning of its answer; the call is the
//! sweep's.

pub mod pool;

use chrono::TimeDelta;
use http::{Request, Response, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::channel::CallError;
use crate::fetch::Access;
use crate::time::Time;

/// The platform that makes vouchers.
pub const PLATFORM: &str = "shopify";

/// What a message is to carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Voucher {
    pub source: Source,
    /// A message that is late already goes without its voucher from then on.
    pub wanted_by: Time,
}

/// Where its code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Source {
    /// The platform makes it.
    Made(Discount),
    /// One of those that the shop made beforehand.
    Pool,
}

/// A code for one purchase of whoever has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discount {
    pub code: String,
    /// What it takes off the price: 1 to 100.
    pub percent: u8,
    pub from: Time,
    pub until: Time,
}

/// Why there is no voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not now. `after` is the platform's own wish, where it stated one.
    Later { after: Option<TimeDelta>, why: String },
    /// Asking again in the same way is no use.
    Never { why: String },
}

const PATH: &str = "/admin/api/2026-10/graphql.json";

const MUTATION: &str = "mutation($discount: DiscountCodeBasicInput!) { \
    discountCodeBasicCreate(basicCodeDiscount: $discount) { userErrors { code message } } }";

/// `discountCodeBasicCreate` of Shopify's Admin API, which needs the scope `write_discounts`. `None` if the URL or the
/// token cannot stand in a request.
pub fn request(discount: &Discount, access: &Access) -> Option<Request<Vec<u8>>> {
    let title = ["Aftercare ", &discount.code].concat();
    let input = json!({
        "title": title,
        "code": discount.code,
        "startsAt": discount.from.to_string(),
        "endsAt": discount.until.to_string(),
        "context": { "all": "ALL" },
        "customerGets": { "value": { "percentage": f64::from(discount.percent) / 100.0 }, "items": { "all": true } },
        "usageLimit": 1,
    });
    let body = json!({ "query": MUTATION, "variables": { "discount": input } });
    Request::post([&access.url, PATH].concat())
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-shopify-access-token", &access.token)
        .body(body.to_string().into_bytes())
        .ok()
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    errors: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "discountCodeBasicCreate")]
    created: Option<Created>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "userErrors", default)]
    errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: String,
}

/// What an answer means. Shopify answers 200 to almost everything and says in the body how it went.
pub fn classify(answer: Result<Response<Vec<u8>>, CallError>) -> Result<(), Refusal> {
    let later = |why: String| Refusal::Later { after: None, why };
    let response = answer.map_err(|error| later(error.to_string()))?;
    let status = response.status().as_u16();
    match status {
        200 => {}
        401 | 403 => {
            let why = format!("answered {status}: check the token, and that it may write discounts");
            return Err(Refusal::Never { why });
        }
        402 | 404 | 423 => {
            return Err(Refusal::Never { why: format!("answered {status}: there is no such shop") });
        }
        _ => {
            let after = crate::fetch::asked_to_wait(&response);
            return Err(Refusal::Later { after, why: format!("answered {status}") });
        }
    }
    let answer: Answer = serde_json::from_slice(response.body())
        .map_err(|_| later("answered with something that is not GraphQL".to_owned()))?;
    if let Some(errors) = answer.errors {
        let errors = errors.to_string();
        return Err(if errors.contains("THROTTLED") {
            later("asked us to slow down".to_owned())
        } else if errors.contains("ACCESS_DENIED") {
            Refusal::Never { why: "the token may not write discounts".to_owned() }
        } else {
            later("could not carry out the request".to_owned())
        });
    }
    let created = answer.data.and_then(|data| data.created).ok_or_else(|| later("did not say".to_owned()))?;
    match created.errors.into_iter().find(|error| error.code.as_deref() != Some("TAKEN")) {
        // No error, or only that the code is there: an earlier attempt was ours.
        None => Ok(()),
        Some(error) => Err(Refusal::Never { why: format!("refused the code: {}", error.message) }),
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use serde_json::{Value, json};

    use super::*;

    fn discount() -> Discount {
        let from = Time::parse("2026-11-21T10:00:00Z").expect("a time");
        let until = from + TimeDelta::days(90);
        Discount { code: "SORRY-7K2M9QX4TB".to_owned(), percent: 15, from, until }
    }

    #[test]
    fn the_request_asks_for_one_use_of_a_percentage() {
        let access = Access { url: "https://shop.example".to_owned(), token: "t0ken".to_owned() };
        let request = request(&discount(), &access).expect("a request");
        assert_eq!(request.uri(), "https://shop.example/admin/api/2026-10/graphql.json");
        assert_eq!(request.headers()["x-shopify-access-token"], "t0ken");
        let body: Value = serde_json::from_slice(request.body()).expect("JSON");
        let discount = &body["variables"]["discount"];
        assert_eq!(discount["customerGets"]["value"]["percentage"], json!(0.15), "a fraction, not percent");
        assert_eq!(discount["usageLimit"], json!(1));
        assert_eq!(discount["code"], json!("SORRY-7K2M9QX4TB"));
        assert_eq!(discount["startsAt"], json!("2026-11-21T10:00:00Z"));
        assert_eq!(discount["endsAt"], json!("2027-02-19T10:00:00Z"));
    }

    #[derive(Debug, PartialEq)]
    enum Meaning {
        Made,
        Later,
        Never,
    }

    #[track_caller]
    fn check(status: u16, body: &Value, expected: Meaning) {
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        let meaning = match classify(Ok(response)) {
            Ok(()) => Meaning::Made,
            Err(Refusal::Later { .. }) => Meaning::Later,
            Err(Refusal::Never { .. }) => Meaning::Never,
        };
        assert_eq!(meaning, expected, "{status} {body}");
    }

    #[test]
    fn answers_mean_what_they_say_inside() {
        let user = |errors: Value| json!({ "data": { "discountCodeBasicCreate": { "userErrors": errors } } });
        check(200, &user(json!([])), Meaning::Made);
        check(200, &user(json!([{ "code": "TAKEN", "message": "Code must be unique." }])), Meaning::Made);
        check(200, &user(json!([{ "code": "VALUE_OUTSIDE_RANGE", "message": "no" }])), Meaning::Never);
        check(200, &user(json!([{ "code": null, "message": "no" }])), Meaning::Never);
        let errors = |code: &str| json!({ "errors": [{ "message": "x", "extensions": { "code": code } }] });
        check(200, &errors("THROTTLED"), Meaning::Later);
        check(200, &errors("ACCESS_DENIED"), Meaning::Never);
        check(200, &errors("INTERNAL_SERVER_ERROR"), Meaning::Later);
        check(200, &json!({ "data": null }), Meaning::Later);
        check(200, &json!([]), Meaning::Later);
        check(401, &json!({ "errors": "Invalid API key" }), Meaning::Never);
        check(404, &json!({}), Meaning::Never);
        check(429, &json!({}), Meaning::Later);
        check(502, &json!("<html>"), Meaning::Later);
        assert!(matches!(classify(Err(CallError::Lost(String::new()))), Err(Refusal::Later { .. })));
    }

    #[test]
    fn a_wish_to_wait_is_passed_on() {
        let response = Response::builder().status(429).header("retry-after", "2.0").body(Vec::new());
        let refusal = classify(Ok(response.expect("a response"))).expect_err("later");
        assert_eq!(
            refusal,
            Refusal::Later { after: Some(TimeDelta::seconds(3)), why: "answered 429".to_owned() }
        );
    }
}

//! What is sent is what providers' own documents describe. The documents are not part of this repository: where they lie
//! beside the checkout, in `../shared/openapi`, requests are held against them; where not, the tests say so and end.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::samples::{id, mail, outgoing, text};
use super::{resend, sendgrid, twilio};
use crate::fact::Channel;

fn document(name: &str) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/openapi");
    let text = std::fs::read_to_string(folder.join(name)).ok();
    if text.is_none() {
        println!("skipped: there is no {name} in {}", folder.display());
    }
    text
}

/// `body` against the schema at `pointer`. A name that the schema does not know is a mistake of ours, which JSON Schema
/// alone would let pass.
#[track_caller]
fn check(document: &Value, pointer: &str, body: &Value) {
    let schema = document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    let resolve = |schema: &Value| match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => schema.clone(),
    };
    let known = resolve(schema);
    for name in body.as_object().expect("an object").keys() {
        assert!(known["properties"].get(name).is_some(), "{pointer} has no {name}");
    }
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&whole).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(body).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{pointer}: {wrong:?}\n{body}");
}

fn json_of(request: Option<http::Request<Vec<u8>>>) -> Value {
    serde_json::from_slice(request.expect("a request").body()).expect("JSON")
}

#[test]
fn resend() {
    let Some(text) = document("resend.yaml") else { return };
    let document: Value = serde_saphyr::from_str(&text).expect("YAML");
    let (id, body) = (id(), mail());
    let config = resend::Config { url: "https://api.resend.com".to_owned(), api_key: "re_1".to_owned() };
    let sent = json_of(resend::request(&outgoing(&id, &body), &config));
    check(&document, "/paths/~1emails/post/requestBody/content/application~1json/schema", &sent);
}

#[test]
fn sendgrid() {
    let Some(text) = document("sendgrid_mail_v3.json") else { return };
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let (id, body) = (id(), mail());
    let config = sendgrid::Config { url: "https://api.sendgrid.com".to_owned(), api_key: "SG.1".to_owned() };
    let sent = json_of(sendgrid::request(&outgoing(&id, &body), &config));
    check(&document, "/components/requestBodies/PostMailSend/content/application~1json/schema", &sent);
}

#[test]
fn twilio() {
    let Some(text_of) = document("twilio_api_v2010.json") else { return };
    let document: Value = serde_json::from_str(&text_of).expect("JSON");
    let config = twilio::Config {
        url: "https://api.twilio.com".to_owned(),
        account_sid: "AC0123456789abcdef0123456789abcdef".to_owned(),
        auth_token: "token".to_owned(),
        from: "+15005550006".to_owned(),
        whatsapp_from: "+15005550007".to_owned(),
        whatsapp_template: "HX0123456789abcdef0123456789abcdef".to_owned(),
        callback_url: "https://care.example/webhooks/callbacks/twilio".to_owned(),
    };
    for channel in [Channel::Sms, Channel::Whatsapp] {
        let (id, body) = (id(), text(channel, "+4930123456"));
        let request = twilio::request(&outgoing(&id, &body), &config).expect("a request");
        let fields = form_urlencoded::parse(request.body());
        let form: Map<String, Value> =
            fields.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
        let path = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post/requestBody/content";
        let schema = [path, "/application~1x-www-form-urlencoded/schema"].concat();
        check(&document, &schema, &Value::Object(form));
    }
}

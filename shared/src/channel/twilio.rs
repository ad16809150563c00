//! SMS and WhatsApp through Twilio.
//!
//! Twilio knows no idempotency keys: whose answer was lost is not asked again. An answer of 201 says that a message is
//! queued; what became of it comes by callback.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, Response, header};
use serde::Deserialize;

use super::{Outcome, Outgoing, answered, refused};
use crate::fact::{Channel, ReachReport};

/// Where and as whom to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Without a trailing slash.
    pub url: String,
    pub account_sid: String,
    pub auth_token: String,
    /// A number, a short code or a sender's name; a messaging service where it begins with `MG`. Empty for no SMS.
    pub from: String,
    /// A WhatsApp number; empty for no WhatsApp.
    pub whatsapp_from: String,
    /// An approved WhatsApp template (`HX...`) with one variable, which is the text. Without it only those can be
    /// reached who wrote within the last 24 hours.
    pub whatsapp_template: String,
    /// Where Twilio reports what became of a message; empty for nowhere. Without a query.
    pub callback_url: String,
}

/// Longest text, as Twilio documents it.
const LONGEST: usize = 1_600;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    sid: Option<String>,
    code: i64,
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let text: String = body.text.trim_end().chars().take(LONGEST).collect();
    let mut form = form_urlencoded::Serializer::new(String::new());
    if body.channel == Channel::Whatsapp {
        form.append_pair("To", &["whatsapp:", &body.to].concat());
        form.append_pair("From", &["whatsapp:", &config.whatsapp_from].concat());
    } else {
        form.append_pair("To", &body.to);
        let sender = if config.from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        form.append_pair(sender, &config.from);
    }
    if body.channel == Channel::Whatsapp && !config.whatsapp_template.is_empty() {
        // A variable of a template is one line.
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        form.append_pair("ContentSid", &config.whatsapp_template);
        form.append_pair("ContentVariables", &serde_json::json!({ "1": line }).to_string());
    } else {
        form.append_pair("Body", &text);
    }
    if !config.callback_url.is_empty() && !body.reference.is_empty() {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("message", message.id.as_str())
            .append_pair("reference", &body.reference)
            .finish();
        form.append_pair("StatusCallback", &[&config.callback_url, "?", &query].concat());
    }
    let credentials = BASE64.encode([&config.account_sid, ":", &config.auth_token].concat());
    Request::post(format!("{}/2010-04-01/Accounts/{}/Messages.json", config.url, config.account_sid))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, format!("Basic {credentials}"))
        .body(form.finish().into_bytes())
        .ok()
}

/// What Twilio's answer means.
pub fn classify(response: &Response<Vec<u8>>) -> Outcome {
    let said: Option<Answer> = serde_json::from_slice(response.body()).ok();
    let Answer { sid, code } = said.unwrap_or_default();
    if response.status().is_success() {
        return Outcome::Sent { provider_id: sid };
    }
    let why = answered(response, &if code == 0 { String::new() } else { code.to_string() });
    match (code, response.status().as_u16()) {
        (20429, _) => refused(response, why),
        (_, 500) => Outcome::Lost { why },
        (code, _) => match against(code) {
            Some(report) => Outcome::Blocked { why, report },
            None => refused(response, why),
        },
    }
}

/// What an error code says of the number, in an answer or in a callback.
pub fn against(code: i64) -> Option<ReachReport> {
    match code {
        // They answered STOP.
        21610 => Some(ReachReport::Stopped),
        // No number; one that takes no SMS; unknown or gone; a landline; a number that is not on WhatsApp.
        21211 | 21614 | 30005 | 30006 | 63024 => Some(ReachReport::Bounced),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::samples::{answer, id, outgoing, short, text};

    fn config() -> Config {
        Config {
            url: "https://api.twilio.com".to_owned(),
            account_sid: "AC0123456789abcdef0123456789abcdef".to_owned(),
            auth_token: "token".to_owned(),
            from: "+15005550006".to_owned(),
            whatsapp_from: "+15005550007".to_owned(),
            whatsapp_template: String::new(),
            callback_url: "https://care.example/webhooks/callbacks/twilio".to_owned(),
        }
    }

    #[track_caller]
    fn check_form(channel: Channel, config: &Config, expected: &[(&str, &str)]) {
        let (id, body) = (id(), text(channel, "+4930123456"));
        let request = request(&outgoing(&id, &body), config).expect("a request");
        let uri =
            "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";
        assert_eq!(request.uri(), uri);
        assert_eq!(
            request.headers()["authorization"],
            "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg=="
        );
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        let form: Vec<_> = form_urlencoded::parse(request.body()).collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(form, expected);
    }

    #[test]
    fn a_message_is_asked_for_as_documented() {
        let callback = format!(
            "https://care.example/webhooks/callbacks/twilio?message={}&reference=b3JkZXI6MQpvcmRlcjox",
            id()
        );
        let words = "Bean & Gone: your order arrives today.";
        let (to, from) = (("To", "+4930123456"), ("From", "+15005550006"));
        let status = ("StatusCallback", callback.as_str());
        check_form(Channel::Sms, &config(), &[to, from, ("Body", words), status]);
        let service = Config { from: "MG01".to_owned(), callback_url: String::new(), ..config() };
        check_form(Channel::Sms, &service, &[to, ("MessagingServiceSid", "MG01"), ("Body", words)]);
        let (to, from) = (("To", "whatsapp:+4930123456"), ("From", "whatsapp:+15005550007"));
        check_form(Channel::Whatsapp, &config(), &[to, from, ("Body", words), status]);
        let template = Config { whatsapp_template: "HX01".to_owned(), ..config() };
        let variables = ("ContentVariables", r#"{"1":"Bean & Gone: your order arrives today."}"#);
        check_form(Channel::Whatsapp, &template, &[to, from, ("ContentSid", "HX01"), variables, status]);
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(short(classify(&answer(status, headers, body))), expected);
    }

    #[test]
    fn answers_are_classified_as_documented() {
        check(201, &[], r#"{"sid":"SM1","status":"queued"}"#, "sent SM1");
        check(201, &[], "", "sent ");
        check(400, &[], r#"{"code":21610,"message":"unsubscribed"}"#, "blocked stopped");
        check(400, &[], r#"{"code":21211,"message":"not a number"}"#, "blocked bounced");
        check(400, &[], r#"{"code":21614,"message":"not mobile"}"#, "blocked bounced");
        check(400, &[], r#"{"code":21408,"message":"no permission"}"#, "refused");
        check(400, &[], r#"{"code":21606,"message":"bad From"}"#, "refused");
        check(401, &[], r#"{"code":20003}"#, "refused");
        check(415, &[], "", "refused");
        check(429, &[], r#"{"code":20429}"#, "busy 0");
        check(429, &[("retry-after", "5")], "", "busy 5");
        check(503, &[("retry-after", "30")], "", "later 30");
        check(500, &[], "", "lost");
        check(502, &[], "", "lost");
        check(307, &[("location", "https://elsewhere.example")], "", "refused");
    }
}

//! Alerts for the team in a Slack channel, by an incoming webhook. Its address is the secret.
//!
//! Slack gives no id and takes no key: whose answer was lost is not asked again.

use http::{Request, Response, header};
use serde::Serialize;

use super::{Outcome, Outgoing, answered, refused};

/// Where to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub webhook_url: String,
}

/// The address is a secret.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config")
    }
}

/// Longest text; Slack cuts at 40,000 characters.
const LONGEST: usize = 8_000;

#[derive(Serialize)]
struct Post {
    text: String,
}

/// The call that sends `message`. `None` if its parts cannot stand in an HTTP request.
pub fn request(message: &Outgoing<'_>, config: &Config) -> Option<Request<Vec<u8>>> {
    let body = message.body;
    let words: String = body.text.trim().chars().take(LONGEST).collect();
    let title = escape(&body.subject).replace('*', " ");
    let title = if title.is_empty() { title } else { ["*", &title, "*\n"].concat() };
    let post = Post { text: [title, escape(&words)].concat() };
    Request::post(&config.webhook_url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(&post).ok()?)
        .ok()
}

/// Without this a comment could call `<!channel>` or hide where a link leads.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What Slack's answer means. Errors are plain words: `invalid_payload`, `channel_is_archived`.
pub fn classify(response: &Response<Vec<u8>>) -> Outcome {
    if response.status().is_success() {
        return Outcome::Sent { provider_id: None };
    }
    let word = std::str::from_utf8(response.body()).unwrap_or_default();
    let is_word = word.len() <= 60 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    refused(response, answered(response, if is_word { word } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::samples::{answer, id, mail, outgoing, short};
    use crate::fact::Channel;
    use crate::message::Body;

    #[test]
    fn nobody_can_shout_or_hide_a_link() {
        let body = Body {
            channel: Channel::Slack,
            subject: "Late: *1001*".to_owned(),
            text: "Ann says: <!channel> <https://evil.example|here> & more\n".to_owned(),
            ..mail()
        };
        let id = id();
        let config = Config { webhook_url: "https://hooks.slack.com/services/T/B/x".to_owned() };
        let request = request(&outgoing(&id, &body), &config).expect("a request");
        let sent: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        assert_eq!(
            sent["text"],
            "*Late:  1001 *\nAnn says: &lt;!channel&gt; &lt;https://evil.example|here&gt; &amp; more"
        );
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        assert_eq!(short(classify(&answer(status, headers, body))), expected);
    }

    #[test]
    fn answers_are_classified_as_documented() {
        check(200, &[], "ok", "sent ");
        check(400, &[], "invalid_payload", "refused");
        check(403, &[], "action_prohibited", "refused");
        check(404, &[], "channel_not_found", "refused");
        check(410, &[], "channel_is_archived", "refused");
        check(429, &[("retry-after", "1")], "", "busy 1");
        check(500, &[], "rollup_error", "later 0");
        check(504, &[], "", "lost");
        check(302, &[], "", "refused");
    }
}

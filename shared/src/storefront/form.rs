//! Forms as browsers and mail programs post them.

use super::Visit;
use crate::query;

/// More fields than any form of ours has.
const MOST_FIELDS: usize = 100;

/// The fields of a form, or of a query string.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The form that was posted; empty where it is none.
    pub(super) fn posted(visit: &Visit<'_>) -> Option<Self> {
        let posted = visit.form?;
        let (kind, parameters) = posted.content_type.split_once(';').unwrap_or((posted.content_type, ""));
        let body = String::from_utf8_lossy(posted.body);
        Some(match kind.trim().to_ascii_lowercase().as_str() {
            "multipart/form-data" => Self::multipart(parameters, &body),
            "application/x-www-form-urlencoded" => Self::encoded(&body),
            _ => Self::default(),
        })
    }

    pub(super) fn encoded(text: &str) -> Self {
        Self(query::pairs(text).take(MOST_FIELDS).map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// RFC 7578, as far as mail programs need it to unsubscribe (RFC 8058, 3.1): short fields without files.
    fn multipart(parameters: &str, body: &str) -> Self {
        let boundary = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="));
        let Some(boundary) = boundary.map(|text| text.trim_matches('"')).filter(|text| !text.is_empty())
        else {
            return Self::default();
        };
        let delimiter = ["--", boundary].concat();
        let parts = body.split(&*delimiter).skip(1).take(MOST_FIELDS);
        let fields = parts.filter_map(|part| {
            let (head, value) =
                part.trim_start().split_once("\r\n\r\n").or_else(|| part.split_once("\n\n"))?;
            let name = head.split(';').find_map(|piece| piece.trim().strip_prefix("name="))?;
            let name = name.lines().next()?.trim_matches('"');
            Some((name.to_owned(), value.trim_end_matches(['\r', '\n']).to_owned()))
        });
        Self(fields.collect())
    }

    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(known, given)| known == name && given == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storefront::Posted;
    use crate::time::Time;

    #[track_caller]
    fn check(content_type: &str, body: &str, name: &str, expected: Option<&str>) {
        let form = Some(Posted { content_type, body: body.as_bytes() });
        let visit = Visit { path: "/p/x", query: "", form, languages: "", now: Time::default() };
        assert_eq!(Form::posted(&visit).expect("a form").get(name), expected);
    }

    #[test]
    fn reads_what_browsers_post() {
        let kind = "application/x-www-form-urlencoded";
        check(kind, "score=9&comment=a+%26+b%0D%0Ac", "comment", Some("a & b\r\nc"));
        check(kind, "score=9&score=1", "score", Some("9"));
        check(kind, "score", "score", None);
        check(kind, "a=%F0%28%8C", "a", Some("\u{fffd}(\u{fffd}"));
        check("Application/X-WWW-Form-Urlencoded; charset=UTF-8", "a=b", "a", Some("b"));
        check("application/json", "a=b", "a", None);
        check("", "a=b", "a", None);
    }

    #[test]
    fn reads_what_mail_programs_post() {
        let body = "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x1--\r\n";
        check("multipart/form-data; boundary=x1", body, "List-Unsubscribe", Some("One-Click"));
        check("multipart/form-data; boundary=\"x1\"", body, "List-Unsubscribe", Some("One-Click"));
        check("multipart/form-data; boundary=other", body, "List-Unsubscribe", None);
        check("multipart/form-data", body, "List-Unsubscribe", None);
        let bare = "--x1\nContent-Disposition: form-data; name=List-Unsubscribe\n\nOne-Click\n--x1--\n";
        check("multipart/form-data; boundary=x1", bare, "List-Unsubscribe", Some("One-Click"));
    }
}

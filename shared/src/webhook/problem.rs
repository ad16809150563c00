//! What a caller is told when a request is refused: `application/problem+json` (RFC 9457).

use serde::Serialize;

/// Why a request was refused. Each variant is one line of the HTTP contract; none tells what a secret or a stored
/// value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// 400: the body is not JSON, or not the kind of JSON this endpoint reads.
    NotJson(String),
    /// 400: a query parameter that cannot be read or makes no sense.
    BadParameter { name: String, detail: String },
    /// 401: signature missing, malformed or wrong, or its time outside the window. All look the same on purpose.
    Unauthorized,
    /// 404: no such thing here.
    NotFound(String),
    /// 405: only these methods are answered.
    MethodNotAllowed(&'static str),
    /// 413: the body is longer than this many bytes.
    TooLarge(usize),
    /// 415: the content type is not one of ours.
    UnsupportedMediaType,
    /// 422: authentic JSON without what the event needs.
    Unprocessable { field: String, detail: String },
    /// 503: the store failed; the caller must try again.
    Unavailable,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn unprocessable(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Unprocessable { field: field.into(), detail: detail.into() }
    }

    pub fn bad_parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::BadParameter { name: name.into(), detail: detail.into() }
    }

    /// The field or parameter that is wrong, where one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Unprocessable { field: name, .. } | Self::BadParameter { name, .. } => Some(name),
            _ => None,
        }
    }

    pub const fn status(&self) -> u16 {
        match self {
            Self::NotJson(_) | Self::BadParameter { .. } => 400,
            Self::Unauthorized => 401,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::TooLarge(_) => 413,
            Self::UnsupportedMediaType => 415,
            Self::Unprocessable { .. } => 422,
            Self::Unavailable => 503,
        }
    }

    /// The stable name at the end of the problem's `type` URI.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "not-json",
            Self::BadParameter { .. } => "bad-parameter",
            Self::Unauthorized => "unauthorized",
            Self::NotFound(_) => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::TooLarge(_) => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Unprocessable { .. } => "unprocessable",
            Self::Unavailable => "unavailable",
        }
    }

    const fn title(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "The body is not the JSON this endpoint reads",
            Self::BadParameter { .. } => "A parameter cannot be used",
            Self::Unauthorized => "The request is not authentic",
            Self::NotFound(_) => "Not found",
            Self::MethodNotAllowed(_) => "Method not allowed",
            Self::TooLarge(_) => "The body is too large",
            Self::UnsupportedMediaType => "The content type is not supported",
            Self::Unprocessable { .. } => "Something that this event needs is missing or wrong",
            Self::Unavailable => "Temporarily unavailable",
        }
    }

    /// The problem document.
    pub fn to_json(&self) -> Vec<u8> {
        let detail = match self {
            Self::NotJson(detail)
            | Self::NotFound(detail)
            | Self::Unprocessable { detail, .. }
            | Self::BadParameter { detail, .. } => detail.clone(),
            Self::Unauthorized => {
                "Missing, malformed or wrong signature or token, or a signed time outside its window. \
                 Check the secret that is configured for this sender."
                    .to_owned()
            }
            Self::MethodNotAllowed(allowed) => format!("Use {allowed}."),
            Self::TooLarge(limit) => format!("At most {limit} bytes are read."),
            Self::UnsupportedMediaType => "Send `content-type: application/json`.".to_owned(),
            Self::Unavailable => "The event could not be stored. Send it again.".to_owned(),
        };
        let document = Document {
            kind: format!("urn:aftercare:problem:{}", self.name()),
            title: self.title(),
            status: self.status(),
            detail: &detail,
            field: self.field(),
        };
        // Plain text and a number: there is nothing to fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// A text as a JSON string, quotes included.
pub fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

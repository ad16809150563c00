//! The brand profile: one name, voice and contact block that no template can bypass.

use serde::{Deserialize, Serialize};

/// Who the merchant is, in every message and page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Brand {
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// A picture for pages, as `data:image/png;base64,...`. Empty: the name alone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub logo: String,
    /// Sender address of mails; the brand's name is put before it.
    pub from: String,
    pub support_email: String,
    /// Empty fields are left out of messages, without a gap.
    pub support_url: String,
    pub phone: String,
    /// Postal address; marketing mails need one.
    pub address: String,
    /// The last words of a mail; empty for the language's own: `Your <name> team`.
    pub sign_off: String,
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            name: "Our shop".to_owned(),
            color: "#1f6f5c".to_owned(),
            logo: String::new(),
            from: "shop@example.com".to_owned(),
            support_email: "help@example.com".to_owned(),
            support_url: String::new(),
            phone: String::new(),
            address: String::new(),
            sign_off: String::new(),
        }
    }
}

//! Drafts: what a playbook wants to say, before it is put into words.

use serde::Serialize;
use serde_json::Value;

use crate::fact::Channel;
use crate::voucher::Voucher;

/// A message that a playbook decided to send; [`crate::render`] puts it into words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// Folder below `templates/`: `thank-you`, `detractor-alert`.
    pub template: &'static str,
    /// BCP 47 as the customer has it; the renderer falls back: `de-AT`, `de`, the shop's, `en`.
    pub locale: String,
    pub channel: Channel,
    pub to: String,
    /// The link that ends messages of this kind, for everything that is not about an order under way.
    pub unsubscribe_url: Option<String>,
    /// The page of the order that it is about, where there is one.
    pub order_url: Option<String>,
    /// What the template may name. Every value is the customer's or the platform's text and is escaped in HTML.
    pub context: Value,
    /// To be had before the message is put into words, which name its code as `code`.
    pub voucher: Option<Voucher>,
}

impl Draft {
    /// The message with the code of the voucher that it was to carry.
    pub fn set_code(&mut self, code: String) {
        if let Some(context) = self.context.as_object_mut() {
            context.insert("code".to_owned(), Value::String(code));
        }
    }

    /// The message without the voucher that it was to carry.
    pub fn go_without_voucher(&mut self) {
        if self.voucher.take().is_some()
            && let Some(context) = self.context.as_object_mut()
        {
            context.insert("code".to_owned(), Value::Null);
        }
    }
}

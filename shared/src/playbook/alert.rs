//! The alert that tells the team of a case, whichever playbook opens it.

use serde_json::json;

use super::story::Story;
use super::wish::{To, Verdict};
use crate::time::Time;

/// What is known of a case, beside whose it is.
#[derive(Default)]
pub(super) struct Details<'a> {
    /// Chooses the words: `review`, `late`, `return`, ...
    pub(super) what: &'static str,
    pub(super) score: Option<String>,
    pub(super) scale: Option<String>,
    /// What they said themselves.
    pub(super) comment: Option<String>,
    /// As the buyer sees it, where that is known.
    pub(super) order: Option<&'a str>,
    pub(super) carrier: Option<&'a str>,
    pub(super) tracking_number: Option<&'a str>,
    pub(super) tracking_url: Option<&'a str>,
}

pub(super) fn alert<'a>(story: &Story<'a>, at: Time, details: Details<'a>) -> Verdict<'a> {
    let (customer, email) = (story.customer.full_name(), story.customer.email());
    Verdict::say(To::Team, "case-alert", move || {
        json!({
            "what": details.what,
            "score": details.score,
            "scale": details.scale,
            "comment": details.comment.filter(|comment| !comment.is_empty()),
            "customer": customer,
            "email": email,
            "order": details.order,
            "carrier": details.carrier,
            "tracking_number": details.tracking_number,
            "tracking_url": details.tracking_url,
            "at": at.to_string(),
        })
    })
}

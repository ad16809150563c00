//! Reads a settings document and says everything that is wrong with it, not only the first thing.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::Settings;
use crate::fact::Channel;
use crate::render;

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Wrong {
    /// Where: `playbooks.survey.delay`, `products[2].steps[0].after`.
    pub path: String,
    pub reason: String,
}

/// More than anybody reads at once.
const MOST_ERRORS: usize = 100;

/// Questions on an order's page.
const FAQ_MAX: usize = 12;

/// Codes in a pool: every sweep reads them.
const CODES_MAX: usize = 1_000;

/// What is younger is not summarised: it may still be contradicted, or belong to somebody who is about to be forgotten.
const LEAST_RETENTION: u16 = 30;

/// Longest logo, in bytes.
const LOGO_MAX: usize = 8 * 1024;

/// Longest text of the brand and the like, in characters.
const TEXT_MAX: usize = 500;

impl Settings {
    /// These settings, changed by a document. What the document does not name stays as it is.
    pub fn with(&self, document: &Value) -> Result<Self, Vec<Wrong>> {
        let wrong = |reason: &str| vec![Wrong { path: String::new(), reason: reason.to_owned() }];
        if !document.is_object() {
            return Err(wrong("settings are an object"));
        }
        let Ok(mut whole) = serde_json::to_value(self) else {
            return Err(wrong("the defaults cannot be written"));
        };
        merge(&mut whole, document);
        let mut errors = Vec::new();
        // What cannot be read is noted and taken out, until the rest can be read.
        let settings = loop {
            match serde_path_to_error::deserialize::<_, Self>(&whole) {
                Ok(settings) => break settings,
                Err(error) => {
                    let reason = error.inner().to_string();
                    let path = error.path();
                    errors.push(Wrong { path: path.to_string(), reason });
                    // Without one of its entries the rest of a list would be counted wrongly.
                    let in_map = remove(&mut whole, path);
                    if errors.len() == MOST_ERRORS || !in_map {
                        return Err(errors);
                    }
                }
            }
        };
        settings.senseless(&mut errors);
        if errors.is_empty() {
            Ok(Self { links: self.links.clone(), connected: self.connected.clone(), ..settings })
        } else {
            Err(errors)
        }
    }

    /// What can be read and makes no sense.
    #[expect(clippy::too_many_lines, reason = "a list of what may be wrong, one after the other")]
    fn senseless(&self, errors: &mut Vec<Wrong>) {
        let mut wrong = |path: &str, reason: &str| {
            errors.push(Wrong { path: path.to_owned(), reason: reason.to_owned() });
        };
        let brand = &self.brand;
        let texts = [
            ("brand.name", &brand.name),
            ("brand.address", &brand.address),
            ("brand.sign_off", &brand.sign_off),
            ("brand.phone", &brand.phone),
            ("goodwill.code", &self.goodwill.code),
            ("goodwill.gives", &self.goodwill.gives),
            ("survey.thanks", &self.survey.thanks),
            ("reviews.reward", &self.reviews.reward),
            ("referral.gives", &self.referral.gives),
        ];
        for (path, text) in texts {
            if text.chars().count() > TEXT_MAX {
                wrong(path, "at most 500 characters");
            }
        }
        if brand.name.trim().is_empty() {
            wrong("brand.name", "messages need a name to come from");
        }
        if !is_color(&brand.color) {
            wrong("brand.color", "a colour is written `#rrggbb`");
        }
        if !brand.logo.is_empty() && (!is_picture(&brand.logo) || brand.logo.len() > LOGO_MAX) {
            wrong(
                "brand.logo",
                "a picture of at most 8 KB, as `data:image/png;base64,...` (or webp, svg+xml): pages load nothing from elsewhere",
            );
        }
        for (path, address, needed) in [
            ("brand.from", &brand.from, true),
            ("brand.support_email", &brand.support_email, true),
            ("team_email", &self.team_email, false),
        ] {
            if (needed || !address.is_empty()) && !render::is_address(address) {
                wrong(path, "this is not one plain e-mail address");
            }
        }
        for (path, url) in [
            ("brand.support_url", &brand.support_url),
            ("returns.url", &self.returns.url),
            ("survey.url", &self.survey.url),
            ("reviews.url", &self.reviews.url),
            ("referral.url", &self.referral.url),
        ] {
            if !url.is_empty() && !is_link(url) {
                wrong(path, "a link starts with https:// or http:// and has no blanks or quotes");
            }
        }
        let reaches_customers = |channel: &Channel| !matches!(channel, Channel::Slack | Channel::Webhook);
        if self.alerts.iter().any(|channel| matches!(channel, Channel::Sms | Channel::Whatsapp)) {
            wrong("alerts", "the team is reached by slack, email or webhook");
        }
        if !render::speaks(&self.default_locale) {
            wrong("default_locale", "there are no messages in this language");
        }
        if self.sending_hours.from >= self.sending_hours.to {
            wrong("sending_hours", "`from` comes before `to`, on the same day");
        }
        if self.business_hours.from >= self.business_hours.to {
            wrong("business_hours", "`from` comes before `to`, on the same day");
        }
        if self.cap.messages == 0 || self.cap.within.is_zero() {
            wrong("cap", "at least one message, within a length of time");
        }
        if self.body_days == 0 {
            wrong("body_days", "days are counted from 1");
        }
        if self.retention_days < LEAST_RETENTION {
            wrong("retention_days", "30 days at least: events and requests to be forgotten may come late");
        }
        if self.goodwill.percent > 100 {
            wrong("goodwill.percent", "at most 100 percent");
        }
        let goodwill = &self.goodwill;
        let ways = [!goodwill.code.is_empty(), goodwill.percent > 0, !goodwill.codes.is_empty()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            wrong(
                "goodwill",
                "either one `code` for all, or `percent` with a code made for each order, or `codes` to choose from",
            );
        }
        if (goodwill.percent > 0 || !goodwill.codes.is_empty()) && goodwill.gives.is_empty() {
            wrong("goodwill.gives", "say what the voucher gives, as it is to stand in the message");
        }
        if goodwill.codes.len() > CODES_MAX {
            wrong("goodwill.codes", "at most 1000 codes; add more when these are used up");
        }
        let mut known = BTreeSet::new();
        for (index, code) in goodwill.codes.iter().enumerate() {
            let path = format!("goodwill.codes[{index}]");
            if code.is_empty() || code.len() > 64 || !code.chars().all(|c| c.is_ascii_graphic()) {
                wrong(&path, "a code has 1 to 64 letters, digits and signs, and no blanks");
            }
            if !known.insert(code) {
                wrong(&path, "this code is in the list already, and each is given once");
            }
        }
        if self.goodwill.lasts.is_zero() {
            wrong("goodwill.lasts", "a code is good for some time");
        }
        if self.holdout > 50 {
            wrong("holdout", "at most 50 percent");
        }
        if !self.reviews.reward.is_empty() && is_google(&self.reviews.url) {
            wrong(
                "reviews.reward",
                "Google forbids rewards for its reviews: leave it empty, or ask elsewhere",
            );
        }
        if (self.loyalty.per_review > 0 || self.loyalty.per_photo > 0) && is_google(&self.reviews.url) {
            wrong(
                "loyalty.per_review",
                "Google forbids rewards for its reviews, points included: give none, or ask elsewhere",
            );
        }
        if !self.referral.url.is_empty() && !self.referral.url.contains("{code}") {
            wrong("referral.url", "`{code}` is missing: without it nobody knows who sent the friend");
        }
        if !self.loyalty.tiers.is_sorted_by(|lower, higher| lower.points < higher.points) {
            wrong("loyalty.tiers", "tiers are listed from the lowest to the highest");
        }
        for (index, struggle) in self.struggles.iter().enumerate() {
            let named = |field: &str| format!("struggles[{index}].{field}");
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if struggle.name.is_empty() || !struggle.name.chars().all(plain) {
                wrong(&named("name"), "letters, digits and `-`");
            }
            if self.struggles[..index].iter().any(|other| other.name == struggle.name) {
                wrong(&named("name"), "this name is taken");
            }
            if struggle.title.trim().is_empty() {
                wrong(&named("title"), "it is the subject of the message");
            }
            if !struggle.url.is_empty() && !is_link(&struggle.url) {
                wrong(&named("url"), "a link starts with https:// or http://");
            }
        }
        for (index, product) in self.products.iter().enumerate() {
            if !product.buy_url.is_empty() && !is_link(&product.buy_url) {
                wrong(&format!("products[{index}].buy_url"), "a link starts with https:// or http://");
            }
            if product.lasts.is_some_and(super::Span::is_zero) {
                wrong(&format!("products[{index}].lasts"), "it lasts at least a minute");
            }
            for (number, step) in product.steps.iter().enumerate() {
                if step.title.trim().is_empty() {
                    wrong(&format!("products[{index}].steps[{number}].title"), "it is the heading");
                }
                if !step.url.is_empty() && !is_link(&step.url) {
                    let path = format!("products[{index}].steps[{number}].url");
                    wrong(&path, "a link starts with https:// or http://");
                }
            }
        }
        if self.faq.len() > FAQ_MAX {
            wrong("faq", "at most 12 questions: the page they stand on has to stay small");
        }
        for (index, entry) in self.faq.iter().enumerate() {
            for (name, text, most) in [("question", &entry.question, 150), ("answer", &entry.answer, 600)] {
                let path = format!("faq[{index}].{name}");
                if !text.texts().any(|text| !text.trim().is_empty()) {
                    wrong(&path, "it says nothing; a text by language is `{\"en\": \"...\"}`");
                }
                if text.texts().any(|text| text.chars().count() > most) {
                    wrong(&path, "at most 150 characters for a question, 600 for an answer");
                }
            }
        }
        for (name, own) in &self.playbooks {
            let named = |field: &str| format!("playbooks.{}.{field}", name.as_str());
            if own.channels.as_ref().is_some_and(Vec::is_empty) {
                wrong(&named("channels"), "at least one; `enabled = false` turns a playbook off");
            }
            if !own.channels.iter().flatten().all(reaches_customers) {
                wrong(&named("channels"), "customers are reached by email, sms or whatsapp");
            }
            if own.holdout.is_some_and(|percent| percent > 50) {
                wrong(&named("holdout"), "at most 50 percent");
            }
            if own.expires.is_some_and(super::Span::is_zero) {
                wrong(&named("expires"), "it would never be sent");
            }
        }
    }
}

/// Members of objects one by one; anything else, lists included, as a whole.
fn merge(whole: &mut Value, document: &Value) {
    match (whole, document) {
        (Value::Object(whole), Value::Object(document)) => {
            for (name, value) in document {
                match whole.get_mut(name) {
                    Some(member) => merge(member, value),
                    None => {
                        whole.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (whole, document) => *whole = document.clone(),
    }
}

/// Takes the member at `path` out of its object. `false` if it stands in no object.
fn remove(whole: &mut Value, path: &Path) -> bool {
    let segments: Vec<&Segment> = path.iter().collect();
    let Some((Segment::Map { key }, parents)) = segments.split_last() else { return false };
    let parent = parents.iter().try_fold(whole, |value, segment| match segment {
        Segment::Map { key } => value.get_mut(key),
        Segment::Seq { index } => value.get_mut(index),
        _ => None,
    });
    parent.and_then(Value::as_object_mut).is_some_and(|members| members.remove(key).is_some())
}

/// A picture that stands in the page itself.
fn is_picture(text: &str) -> bool {
    ["png", "webp", "svg+xml"].iter().any(|kind| {
        let data = text
            .strip_prefix("data:image/")
            .and_then(|rest| rest.strip_prefix(kind)?.strip_prefix(";base64,"));
        data.is_some_and(|data| {
            data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })
    })
}

fn is_color(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit())
}

/// A link, once the places for an order's id, a survey's kind and a code are filled.
fn is_link(text: &str) -> bool {
    render::is_url(&text.replace("{order}", "1").replace("{kind}", "nps").replace("{code}", "a"))
}

/// Does this lead to a review on Google?
pub(crate) fn is_google(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default().to_ascii_lowercase();
    host == "g.page"
        || host == "goo.gl"
        || host.ends_with(".goo.gl")
        || host.split('.').any(|label| label == "google")
}

//! The outbox's pages.

use chrono::{Datelike, Timelike};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::{month_name, page};
use crate::outbox::OutboxEntry;
use crate::render::clean;
use crate::time::Time;

/// An entry with what only people need.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    entry: &'a OutboxEntry,
    when: String,
    /// The beginning of the text.
    preview: String,
    tags: Vec<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a OutboxEntry) -> Self {
        let tags = [entry.playbook.as_str(), entry.channel.as_str(), entry.locale.as_str()];
        Self {
            entry,
            when: when(entry.at),
            preview: clean::line(&entry.text, 200),
            tags: tags.into_iter().filter(|tag| !tag.is_empty()).collect(),
        }
    }
}

/// `/outbox`: all messages, the newest first.
pub fn outbox_list(entries: &[OutboxEntry], brand_name: &str) -> String {
    let mut newest_first: Vec<_> = entries.iter().collect();
    newest_first.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.id.cmp(&other.id)));
    let entries: Vec<_> = newest_first.into_iter().map(Shown::new).collect();
    page("outbox.html", context! { brand_name, entries => Value::from(Serde(entries)) })
}

/// `/outbox/<message id>`: one message as it is shown, as text, and with its headers. Answer it with
/// [`super::MESSAGE_SECURITY_POLICY`].
pub fn outbox_message(entry: &OutboxEntry, brand_name: &str) -> String {
    // Links in the sandboxed frame cannot leave it; in a tab of their own they can.
    let html = entry.html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    page("message.html", context! { brand_name, entry => Value::from(Serde(Shown::new(entry))), html })
}

/// `21 Nov 2026, 19:05 UTC`.
fn when(time: Time) -> String {
    let (date, utc) = (time.date(), time.to_utc());
    let (day, month, year) = (date.day(), &month_name(date)[..3], date.year());
    format!("{day} {month} {year}, {:02}:{:02} UTC", utc.hour(), utc.minute())
}

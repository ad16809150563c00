//! What reports of long ago come to.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::customer::Customer;
use crate::message::MessageId;

/// Facts of long ago as one: the record that they make. Joined, it adds up to the same as they would, beside any of them
/// or without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Past {
    /// The message and its cause, where these were steps of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<(MessageId, String)>,
    /// A [`Customer`] without keys, as JSON: webhooks write facts, and should not carry all that writes records.
    #[serde(deserialize_with = "record")]
    record: String,
}

impl Past {
    /// The keys of the record are those of the fact.
    pub(crate) fn new(message: Option<(MessageId, String)>, mut record: Customer) -> Self {
        record.keys.clear();
        let record = serde_json::to_string(&record);
        Self { message, record: record.expect("records hold nothing that JSON cannot say") }
    }

    pub(crate) fn record(&self) -> Customer {
        read(&self.record).expect("it was read when it came in")
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        self.record.len()
    }
}

/// Refuses what is no record, so that a segment with one counts as damaged as a whole.
fn record<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let json = String::deserialize(deserializer)?;
    read(&json).map_err(D::Error::custom)?;
    Ok(json)
}

/// As bytes, like facts: a second kind of reader would double what reads them.
fn read(json: &str) -> Result<Customer, serde_json::Error> {
    serde_json::from_slice(json.as_bytes())
}

//! Storage on five plain key-value verbs.
//!
//! Truth is only ever written to fresh keys: facts under their own hash, segments under theirs. Everything else is a
//! cache that can be made again from them.

pub mod codec;
pub mod erasure;
pub mod lease;
pub mod listing;
#[cfg(test)]
pub(crate) mod memory;
pub mod meta;
pub mod page;
pub mod rebuild;
pub mod records;
pub mod room;
pub mod segment;
mod shelf;
pub mod summary;
pub mod upkeep;
pub mod view;

use std::fmt;

use crate::fact::FactId;
use crate::time::Time;

/// What every Spin host gives: no transaction, no prefix scan, no compare-and-swap.
///
/// Futures need not be `Send`: a component has one thread, and the simulation polls them in the order it likes.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs to name the future")]
pub trait Store {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Durable when it returns.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Deleting what is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// All keys, in no order.
    async fn keys(&self) -> Result<Vec<String>, StoreError>;
}

/// Why a store call or a stored value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The host refused or failed: out of quota, unreachable, denied. The host's own words.
    Failed(String),
    /// The value under this key cannot be read: an unknown version, or damage. It is left as it is.
    Unreadable { key: String, why: String },
    /// The lease was lost to another holder in the middle of a sweep.
    LeaseLost,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "the key-value store failed: {why}"),
            Self::Unreadable { key, why } => write!(f, "the value of `{key}` cannot be read: {why}"),
            Self::LeaseLost => f.write_str("another sweep took the lease"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What a key holds, by its name. The folder listing of the store.
pub mod names {
    use chrono::{Datelike, NaiveDate};

    use super::{FactId, Time};

    pub const META: &str = "meta";
    pub const LEASE: &str = "lease";
    pub const SETTINGS: &str = "settings";

    pub fn inbox(fact: &FactId) -> String {
        format!("in:{fact}")
    }

    pub fn is_inbox(key: &str) -> bool {
        key.starts_with("in:")
    }

    /// Where an inbox value goes that cannot be read: out of the way, not out of the world.
    pub fn dead_letter(inbox: &str) -> String {
        format!("dead:{inbox}")
    }

    pub fn is_dead_letter(key: &str) -> bool {
        key.starts_with("dead:")
    }

    pub fn segment(level: u8, id: &str) -> String {
        format!("seg:{level}:{id}")
    }

    /// The level, if this is a segment's key.
    pub fn segment_level(key: &str) -> Option<u8> {
        key.strip_prefix("seg:")?.split_once(':')?.0.parse().ok()
    }

    /// Who was forgotten: see [`super::erasure`].
    pub fn erased(id: &str) -> String {
        format!("erased:{id}")
    }

    pub fn is_erased(key: &str) -> bool {
        key.starts_with("erased:")
    }

    /// Which codes of a pool were given away: see [`crate::voucher::pool`].
    pub fn given(id: &str) -> String {
        format!("given:{id}")
    }

    pub fn is_given(key: &str) -> bool {
        key.starts_with("given:")
    }

    /// What the signed webhook is still to be told: see `sweep::publish`.
    pub const EVENT: &str = "event:";

    /// A message in the local outbox. The time comes first, so that names sort by age.
    pub fn outbox(at: Time, message: &str) -> String {
        format!("outbox:{:015}:{message}", at.millis())
    }

    /// When a message came and its id, if this is an outbox key.
    pub fn outbox_entry(key: &str) -> Option<(Time, &str)> {
        let (at, id) = key.strip_prefix("outbox:")?.split_once(':')?;
        Some((Time::from_millis(at.parse().ok()?), id))
    }

    /// The message's id, if this is an outbox key.
    pub fn outbox_message(key: &str) -> Option<&str> {
        Some(outbox_entry(key)?.1)
    }

    pub fn page(number: u32) -> String {
        format!("page:{number}")
    }

    pub fn page_number(key: &str) -> Option<u32> {
        key.strip_prefix("page:")?.parse().ok()
    }

    pub fn day(date: NaiveDate) -> String {
        format!("day:{date}")
    }

    /// `month:2026-11`, for any day of the month.
    pub fn month(date: NaiveDate) -> String {
        format!("month:{:04}-{:02}", date.year(), date.month())
    }

    /// The first day of the month, if this is a month's key.
    pub fn month_start(key: &str) -> Option<NaiveDate> {
        format!("{}-01", key.strip_prefix("month:")?).parse().ok()
    }

    /// A key that holds nothing and makes room for others: see [`super::room`].
    pub fn spare(number: u32) -> String {
        format!("spare:{number}")
    }

    pub fn spare_number(key: &str) -> Option<u32> {
        key.strip_prefix("spare:")?.parse().ok()
    }

    pub fn day_date(key: &str) -> Option<NaiveDate> {
        key.strip_prefix("day:")?.parse().ok()
    }

    /// The lines of a day that has many.
    pub fn lines(date: NaiveDate) -> String {
        format!("lines:{date}")
    }

    pub fn lines_date(key: &str) -> Option<NaiveDate> {
        key.strip_prefix("lines:")?.parse().ok()
    }
}

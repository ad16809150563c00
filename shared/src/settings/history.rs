//! Settings as they are stored: every version of the last while, so that a change can be undone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Settings, Wrong};
use crate::store::{Store, StoreError, codec, names};
use crate::time::Time;

/// Versions that are kept, and how long they are as JSON, all together: every sweep reads them.
const KEPT: usize = 20;
const KEPT_BYTES: usize = 512 * 1024;

/// One document as it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts from 1, and never goes back: an undo is a version too.
    pub number: u32,
    pub at: Time,
    pub document: Value,
}

/// The versions of the settings, oldest first. Nothing was ever put: empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    versions: Vec<Version>,
}

impl History {
    pub async fn load(store: &impl Store) -> Result<Self, StoreError> {
        match store.get(names::SETTINGS).await? {
            Some(bytes) => codec::decode(names::SETTINGS, &bytes),
            None => Ok(Self::default()),
        }
    }

    pub async fn save(&self, store: &impl Store) -> Result<(), StoreError> {
        store.set(names::SETTINGS, &codec::encode(self)).await
    }

    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The one in force; nothing if none was put.
    pub fn current(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// 0 if none was put.
    pub fn number(&self) -> u32 {
        self.current().map_or(0, |version| version.number)
    }

    pub fn find(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// `base` as the version in force changes it.
    pub fn settings(&self, base: &Settings) -> Result<Settings, Vec<Wrong>> {
        self.current().map_or_else(|| Ok(base.clone()), |version| base.with(&version.document))
    }

    /// Takes a document in force. The caller has checked it. Putting what is in force already changes nothing.
    pub fn put(&mut self, document: Value, at: Time) {
        if self.current().is_some_and(|version| version.document == document) {
            return;
        }
        self.versions.push(Version { number: self.number() + 1, at, document });
        // Newest first, as long as there is room; the one in force stays in any case, and the one that it replaced.
        let mut bytes = 0;
        let fits = self.versions.iter().rev().enumerate().take_while(|(index, version)| {
            bytes += serde_json::to_vec(&version.document).map_or(0, |json| json.len());
            *index < 2 || (*index < KEPT && bytes <= KEPT_BYTES)
        });
        let excess = self.versions.len() - fits.count();
        self.versions.drain(..excess);
    }

    /// The document before the one in force: what an undo puts. The first undo goes back to the defaults.
    pub fn previous(&self) -> Option<Value> {
        let (_, before) = self.versions.split_last()?;
        Some(
            before
                .last()
                .map_or_else(|| Value::Object(serde_json::Map::new()), |version| version.document.clone()),
        )
    }
}

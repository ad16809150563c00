//! Segments: immutable batches of facts under keys never used before.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Store, StoreError, codec, names};
use crate::fact::Fact;

/// A batch of facts, sorted. Its key is the hash of its bytes: a different batch can never overwrite it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub key: String,
    pub bytes: Vec<u8>,
}

impl Segment {
    pub fn new(level: u8, facts: &BTreeSet<Fact>) -> Self {
        let bytes = codec::encode(facts);
        let key = names::segment(level, &crate::hex::encode(&Sha256::digest(&bytes)[..16]));
        Self { key, bytes }
    }

    pub async fn save(&self, store: &impl Store) -> Result<(), StoreError> {
        store.set(&self.key, &self.bytes).await
    }

    /// `None` when a merge has replaced it meanwhile.
    pub async fn load(store: &impl Store, key: &str) -> Result<Option<BTreeSet<Fact>>, StoreError> {
        store.get(key).await?.map(|bytes| codec::decode(key, &bytes)).transpose()
    }
}

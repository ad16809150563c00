//! Segments: immutable batches of facts under keys never used before.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Store, StoreError, codec, names};
use crate::fact::Fact;
use crate::gather::gather;

/// As many segments of one level become one of the next, so a store has a few dozen, not thousands.
pub const MERGE_AT: usize = 8;

/// Segments that were divided because they would have been too large; they are merged no further.
pub const FULL_LEVEL: u8 = 9;

/// Below the 400 KB that the tightest of the stores takes for a value (DynamoDB, Cosmos DB).
const MAX_BYTES: usize = 256 * 1024;

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

/// Facts as one segment of `level`, or as several full ones if they are too many for one.
pub fn segments(level: u8, facts: &BTreeSet<Fact>) -> Vec<Segment> {
    let whole = Segment::new(level, facts);
    if whole.bytes.len() <= MAX_BYTES || facts.len() < 2 {
        return vec![whole];
    }
    // Half as full as they may be at most, so that uneven facts do not make one too large.
    let parts = (whole.bytes.len() * 2).div_ceil(MAX_BYTES);
    let size = facts.len().div_ceil(parts);
    let facts: Vec<&Fact> = facts.iter().collect();
    facts
        .chunks(size)
        .flat_map(|chunk| segments(FULL_LEVEL, &gather(chunk.iter().copied().cloned())))
        .collect()
}

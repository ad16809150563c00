//! Segments: immutable batches of facts under keys never used before.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Store, StoreError, codec, names, summary};
use crate::fact::{Event, Fact};
use crate::gather::gather;
use crate::message::MessageStep;
use crate::time::Time;

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
    pub holds: Holds,
}

impl Segment {
    pub fn new(level: u8, facts: &BTreeSet<Fact>) -> Self {
        let bytes = codec::encode(facts);
        let key = names::segment(level, &crate::hex::encode(&Sha256::digest(&bytes)[..16]));
        Self { key, bytes, holds: Holds::of(facts) }
    }

    pub async fn save(&self, store: &impl Store) -> Result<(), StoreError> {
        store.set(&self.key, &self.bytes).await
    }

    /// `None` when a merge has replaced it meanwhile.
    pub async fn load(store: &impl Store, key: &str) -> Result<Option<BTreeSet<Fact>>, StoreError> {
        store.get(key).await?.map(|bytes| codec::decode(key, &bytes)).transpose()
    }
}

/// A stored segment, as `meta` is to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub holds: Holds,
}

/// What of a segment's facts is not to stay for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// When the oldest message was frozen whose words are in it.
    pub words_since: Option<Time>,
    /// When the newest was of what can be summarised.
    pub detailed_until: Option<Time>,
}

impl Holds {
    pub fn of(facts: &BTreeSet<Fact>) -> Self {
        Self { words_since: words_since(facts), detailed_until: summary::detailed_until(facts) }
    }
}

/// When the oldest message among these facts was frozen, of those that have their words.
pub fn words_since(facts: &BTreeSet<Fact>) -> Option<Time> {
    let frozen = |fact: &Fact| match &fact.event {
        Event::Message(step) => step.body.as_ref().map(|_| fact.at),
        _ => None,
    };
    facts.iter().filter_map(frozen).min()
}

/// About how many bytes of memory these facts take: messages have their whole words with them, other facts are small.
pub fn weight(facts: &BTreeSet<Fact>) -> usize {
    let words = |fact: &Fact| match &fact.event {
        Event::Message(MessageStep { body: Some(body), .. }) => body.html.len() + body.text.len(),
        Event::Past(past) => past.weight(),
        _ => 0,
    };
    facts.iter().map(|fact| 1_024 + words(fact)).sum()
}

/// Stores facts as segments of `level`.
pub async fn store(store: &impl Store, level: u8, facts: &BTreeSet<Fact>) -> Result<Vec<Stored>, StoreError> {
    let mut stored = Vec::new();
    for segment in segments(level, facts) {
        segment.save(store).await?;
        stored.push(Stored { key: segment.key, holds: segment.holds });
    }
    Ok(stored)
}

/// Stores what is to be kept of a segment, under other keys and on the same level; one that was full and is so no more is
/// merged again. The segment itself may go as soon as `meta` knows these.
pub async fn replace(at: &impl Store, key: &str, kept: &BTreeSet<Fact>) -> Result<Vec<Stored>, StoreError> {
    let level = names::segment_level(key).unwrap_or_default();
    let has_shrunk = level == FULL_LEVEL && Segment::new(level, kept).bytes.len() < MAX_BYTES / 4;
    store(at, if has_shrunk { FULL_LEVEL - 1 } else { level }, kept).await
}

/// Facts as one segment of `level`, or as several full ones if they are too many for one.
pub fn segments(level: u8, facts: &BTreeSet<Fact>) -> Vec<Segment> {
    if facts.is_empty() {
        return Vec::new();
    }
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

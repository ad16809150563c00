//! Pages: caches of many records, found by hashing a key over the number of pages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Store, StoreError, codec, names};
use crate::key::Key;
use crate::time::Time;

/// The page of a key among `pages` pages, by linear hashing: with one page more, only the keys of one page move.
pub fn page_of(key: &Key, pages: u32) -> u32 {
    page_at(hash_of(key), pages)
}

/// The number by which a key finds its page.
pub fn hash_of(key: &Key) -> u32 {
    let digest = Sha256::digest(key.as_str());
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The page of whatever has this hash.
pub fn page_at(hash: u32, pages: u32) -> u32 {
    let half = 1 << pages.max(1).ilog2();
    let wide = hash & (half * 2 - 1);
    if wide < pages { wide } else { hash & (half - 1) }
}

/// The page whose keys are divided when the number of pages grows from `pages` to `pages + 1`.
pub fn split_source(pages: u32) -> u32 {
    pages - (1 << pages.max(1).ilog2())
}

/// A record in its encoded form: a page is decoded whole, a record only when it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// When a playbook next has something to do for this customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    pub is: Box<RawValue>,
}

/// Everything of one hash range. A key has a record, or an alias, or nothing. Should a crash have left both, the record
/// counts: it had not left yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Page {
    /// A customer's other keys, with the key under which the record stands.
    pub aliases: BTreeMap<Key, Key>,
    pub records: BTreeMap<Key, Stored>,
}

impl Page {
    /// The page, and its size as stored.
    pub async fn load(store: &impl Store, number: u32) -> Result<(Self, usize), StoreError> {
        let key = names::page(number);
        match store.get(&key).await? {
            Some(bytes) => Ok((codec::decode(&key, &bytes)?, bytes.len())),
            None => Ok((Self::default(), 0)),
        }
    }

    /// Drops what moved to another page when the number of pages grew: a split copies before it cleans up.
    pub fn drop_strays(&mut self, number: u32, pages: u32) {
        self.aliases.retain(|key, _| page_of(key, pages) == number);
        self.records.retain(|key, _| page_of(key, pages) == number);
    }

    /// About how many bytes of JSON it is.
    pub fn weight(&self) -> usize {
        let records = self.records.iter().map(|(key, stored)| key.as_str().len() + stored.is.get().len());
        let aliases = self.aliases.iter().map(|(key, root)| key.as_str().len() + root.as_str().len());
        records.chain(aliases).map(|bytes| bytes + 32).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.records.is_empty()
    }

    /// When the page next holds something to do, strays aside.
    pub fn due(&self, number: u32, pages: u32) -> Option<Time> {
        let mut first: Option<Time> = None;
        for (key, stored) in &self.records {
            // Most are not the first, and need not be hashed.
            if let Some(due) = stored.due
                && first.is_none_or(|first| due < first)
                && page_of(key, pages) == number
            {
                first = Some(due);
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::{page_of, split_source};
    use crate::key::Key;

    #[test]
    fn one_page_more_moves_keys_of_one_page_only() {
        let keys: Vec<Key> = (0..2_000).filter_map(|n| Key::order(&n.to_string())).collect();
        for pages in 1..70 {
            for key in &keys {
                let (before, after) = (page_of(key, pages), page_of(key, pages + 1));
                assert!(before < pages && after <= pages);
                assert!(before == after || (before == split_source(pages) && after == pages));
            }
        }
    }

    #[test]
    fn keys_spread() {
        let mut counts = [0; 8];
        for n in 0..8_000 {
            counts[page_of(&Key::order(&n.to_string()).expect("an id"), 8) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}

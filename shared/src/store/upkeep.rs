//! Upkeep: what keeps the number of keys small and the pages of a good size.

use std::collections::{BTreeMap, BTreeSet};

use super::meta::{Meta, PageInfo};
use super::page::{Page, page_of, split_source};
use super::segment::{self, FULL_LEVEL, MERGE_AT};
use super::{Store, StoreError, codec, names};
use crate::fact::Fact;
use crate::key::Key;
use crate::time::Time;

/// No merge takes more segments once it has facts of this [`segment::weight`].
pub const MERGED_AT_ONCE: usize = 4 << 20;

/// Sizes that a host or a merchant may want otherwise.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// What a page should not pass, in bytes as stored. Hosts refuse values over 1 MB.
    pub bytes: usize,
    /// How many pages one round may add.
    pub splits: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { bytes: 128 * 1024, splits: 8 }
    }
}

/// Adds pages, one at a time, while one is over the limit and more of them can help: linear hashing divides pages in
/// their order, not the one that is full, so the average tells when there are enough.
///
/// A split copies first, then tells, then cleans up. A crash leaves copies that nobody looks for.
pub async fn split_pages(store: &impl Store, meta: &mut Meta, limits: PageLimits) -> Result<(), StoreError> {
    for _ in 0..limits.splits {
        let sizes = meta.pages.iter().map(|page| page.bytes);
        let average = sizes.clone().sum::<usize>() / meta.pages.len().max(1);
        if sizes.max().unwrap_or_default() <= limits.bytes || average <= limits.bytes / 2 {
            break;
        }
        let count = meta.page_count();
        let source = split_source(count);
        let (mut old, _) = Page::load(store, source).await?;
        let mut new = old.clone();
        new.drop_strays(count, count + 1);
        old.drop_strays(source, count + 1);
        let (new_bytes, old_bytes) = (codec::encode(&new), codec::encode(&old));
        store.set(&names::page(count), &new_bytes).await?;
        meta.pages[source as usize] = PageInfo { bytes: old_bytes.len(), due: old.due(source, count + 1) };
        meta.pages.push(PageInfo { bytes: new_bytes.len(), due: new.due(count, count + 1) });
        meta.save(store).await?;
        store.set(&names::page(source), &old_bytes).await?;
    }
    Ok(())
}

/// Cleans the pages on which these keys stood before pages were added to theirs, should a crash have kept a split from
/// cleaning up: nobody looks for them there, but there they are.
pub async fn drop_strays(
    store: &impl Store,
    meta: &mut Meta,
    keys: &BTreeMap<Key, Time>,
) -> Result<(), StoreError> {
    let count = meta.page_count();
    let mut before: BTreeMap<u32, Vec<&Key>> = BTreeMap::new();
    for key in keys.keys() {
        let mut number = page_of(key, count);
        while number > 0 {
            number = page_of(key, number);
            before.entry(number).or_default().push(key);
        }
    }
    for (number, keys) in before {
        let (mut page, _) = Page::load(store, number).await?;
        let strays = |key: &&Key| {
            page_of(key, count) != number
                && (page.records.contains_key(*key) || page.aliases.contains_key(*key))
        };
        if keys.iter().any(strays) {
            page.drop_strays(number, count);
            let bytes = codec::encode(&page);
            store.set(&names::page(number), &bytes).await?;
            meta.pages[number as usize].bytes = bytes.len();
        }
    }
    Ok(())
}

/// A batch of segments of one level that is ready to become one of the next, if there is one.
pub fn merge_candidates(meta: &Meta) -> Option<(u8, Vec<String>)> {
    (0..FULL_LEVEL).find_map(|level| {
        let of_level = meta.folded.iter().filter(|key| names::segment_level(key) == Some(level));
        let batch: Vec<String> = of_level.take(MERGE_AT).cloned().collect();
        (batch.len() == MERGE_AT).then_some((level, batch))
    })
}

/// Writes the facts of `inputs` as segments of the next level, and deletes the inputs when those are stored and known.
/// Inputs that vanished or cannot be read are left out and left alone.
pub async fn merge_segments(
    store: &impl Store,
    meta: &mut Meta,
    level: u8,
    inputs: &[String],
    facts: &BTreeSet<Fact>,
) -> Result<(), StoreError> {
    meta.fold(segment::store(store, level + 1, facts).await?);
    meta.save(store).await?;
    for key in inputs {
        store.delete(key).await?;
    }
    Ok(())
}

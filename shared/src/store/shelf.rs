//! The shelf: pages that were looked at lately, decoded.
//!
//! All that one sweep looks at may be more than fits into memory, so only so much of it stays at hand.

use std::collections::BTreeMap;

use super::page::Page;

/// What the pages on the shelf hold together, in bytes of JSON, except that the page that was put there last may stand
/// there alone and be larger. Decoded they take about half as much again.
const ROOM: usize = 12 << 20;

#[derive(Default)]
pub(super) struct Shelf {
    pages: BTreeMap<u32, Shelved>,
    /// Bytes of JSON.
    filled: usize,
    clock: u64,
}

struct Shelved {
    page: Page,
    weight: usize,
    used: u64,
}

impl Shelf {
    pub(super) fn get(&mut self, number: u32) -> Option<&Page> {
        self.clock += 1;
        let shelved = self.pages.get_mut(&number)?;
        shelved.used = self.clock;
        Some(&shelved.page)
    }

    /// Like `get`, but the page is as old as it was before.
    pub(super) fn peek(&self, number: u32) -> Option<&Page> {
        self.pages.get(&number).map(|shelved| &shelved.page)
    }

    pub(super) fn take(&mut self, number: u32) -> Option<Page> {
        let shelved = self.pages.remove(&number)?;
        self.filled -= shelved.weight;
        Some(shelved.page)
    }

    /// Puts a page there, in place of those that were not used for the longest time.
    pub(super) fn put(&mut self, number: u32, page: Page) {
        self.take(number);
        let weight = page.weight();
        while self.filled + weight > ROOM
            && let Some(oldest) = self.pages.iter().min_by_key(|(_, shelved)| shelved.used).map(|(at, _)| *at)
        {
            self.take(oldest);
        }
        self.clock += 1;
        self.filled += weight;
        self.pages.insert(number, Shelved { page, weight, used: self.clock });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::{ROOM, Shelf};
    use crate::key::Key;
    use crate::store::page::{Page, Stored};

    fn page(bytes: usize) -> Page {
        let is = to_raw_value(&"x".repeat(bytes)).expect("a string");
        let key = Key::order("1").expect("an id");
        Page { records: [(key, Stored { due: None, is })].into(), ..Page::default() }
    }

    #[test]
    fn what_was_used_last_stays() {
        let mut shelf = Shelf::default();
        shelf.put(1, page(ROOM / 2));
        shelf.put(2, page(ROOM / 4));
        assert!(shelf.get(1).is_some());
        shelf.put(3, page(ROOM / 3));
        let stand = [1, 2, 3].map(|number| shelf.peek(number).is_some());
        assert_eq!(stand, [true, false, true]);
        // One that is larger than the shelf is there alone.
        shelf.put(4, page(2 * ROOM));
        let stand = [1, 3, 4].map(|number| shelf.peek(number).is_some());
        assert_eq!(stand, [false, false, true]);
        shelf.put(4, page(10));
        shelf.put(1, page(10));
        assert!(shelf.peek(4).is_some() && shelf.peek(1).is_some(), "a page that shrank makes room");
    }
}

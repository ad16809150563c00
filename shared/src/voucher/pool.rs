//! A pool of codes that the shop made beforehand. Each is given to one message and never to another.
//!
//! Who has which code stands in documents, `given:<hash>`: truth like all others, content-addressed, never overwritten
//! and only replaced by a union of several. They hold hashes.
//!
//! There is no swap of which only one of two sweeps could be the winner, and the lease does not promise that there is one
//! sweep. So a code is taken by **writing first and looking afterwards**: a message may carry a code only if, in a list
//! of keys that was read after its claim was stored, nobody else claims that code. Of two sweeps that claim the same code
//! for two messages, the one whose list is read later sees the other's claim; so at most one of them uses the code,
//! however long either stalls in between. If both see both, nobody ever uses it. What the store must do for that is to
//! show every reader what was written before; where it does not, two sweeps at once could still give one code twice.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError, codec, names};

/// By hash of the code: hashes of the causes that claim it.
type Claims = BTreeMap<String, BTreeSet<String>>;

/// As many documents become one.
const MERGE_AT: usize = 8;

/// How often a reader starts again because documents became one under it.
const TRIES: usize = 8;

/// Which codes were given away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    claims: Claims,
    documents: BTreeSet<String>,
}

/// What became of a wish for a code.
#[derive(Clone, PartialEq, Eq)]
pub enum Gift {
    Code(String),
    /// Another sweep wanted the same code at this moment; the next try takes another one.
    Contested,
    /// There is none left.
    Empty,
}

impl Given {
    pub async fn load(store: &impl Store) -> Result<Self, StoreError> {
        'again: for _ in 0..TRIES {
            let mut given = Self::default();
            let keys = store.keys().await?;
            for key in keys.into_iter().filter(|key| names::is_given(key)) {
                // Gone: it became part of another since the keys were listed.
                let Some(bytes) = store.get(&key).await? else { continue 'again };
                for (code, causes) in codec::decode::<Claims>(&key, &bytes)? {
                    given.claims.entry(code).or_default().extend(causes);
                }
                given.documents.insert(key);
            }
            return Ok(given);
        }
        Err(StoreError::Failed("other sweeps kept giving codes away".to_owned()))
    }

    /// How many of these codes nobody has claimed.
    pub fn left(&self, codes: &[String]) -> usize {
        codes.iter().filter(|code| self.is_free(code)).count()
    }

    /// Gives each cause a code of `codes`, the one that it has already if there is one.
    pub async fn give(
        store: &impl Store,
        codes: &[String],
        causes: &[&str],
    ) -> Result<Vec<Gift>, StoreError> {
        let mut given = Self::load(store).await?;
        let mut fresh = Claims::new();
        let mut free = codes.iter().filter(|code| given.is_free(code));
        for cause in causes {
            if given.code_of(codes, cause).is_none()
                && let Some(code) = free.next()
            {
                fresh.entry(hash(&[code])).or_default().insert(hash(&[code, cause]));
            }
        }
        if !fresh.is_empty() {
            given.claim(store, fresh).await?;
            given = Self::load(store).await?;
        }
        let gift = |cause: &&str| match given.code_of(codes, cause) {
            Some(code) => Gift::Code(code.clone()),
            None if given.left(codes) > 0 => Gift::Contested,
            None => Gift::Empty,
        };
        Ok(causes.iter().map(gift).collect())
    }

    /// Stores claims; when there are many documents, with all others as one.
    async fn claim(&self, store: &impl Store, mut claims: Claims) -> Result<(), StoreError> {
        let merges = self.documents.len() + 1 >= MERGE_AT;
        if merges {
            for (code, causes) in &self.claims {
                claims.entry(code.clone()).or_default().extend(causes.iter().cloned());
            }
        }
        let bytes = codec::encode(&claims);
        let key = names::given(&crate::hex::encode(&Sha256::digest(&bytes)[..16]));
        store.set(&key, &bytes).await?;
        for old in self.documents.iter().filter(|old| merges && **old != key) {
            store.delete(old).await?;
        }
        Ok(())
    }

    fn is_free(&self, code: &str) -> bool {
        !self.claims.contains_key(&hash(&[code]))
    }

    /// The code that this cause claims and nobody else.
    fn code_of<'c>(&self, codes: &'c [String], cause: &str) -> Option<&'c String> {
        codes.iter().find(|code| {
            let claims = self.claims.get(&hash(&[code]));
            claims.is_some_and(|causes| causes.len() == 1 && causes.contains(&hash(&[code, cause])))
        })
    }
}

/// Is it time for somebody to add codes?
pub fn is_low(left: usize, all: usize) -> bool {
    left <= (all / 10).max(5)
}

/// Of a code, or of a code and its cause. Codes keep causes from being guessed by whoever sees a document alone.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(["aftercare code", &parts.join("\n")].join("\n"));
    crate::hex::encode(&digest[..12])
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use futures_util::FutureExt;

    use super::*;
    use crate::store::memory::MemoryStore;

    fn codes(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("CODE-{number}")).collect()
    }

    fn give(store: &MemoryStore, codes: &[String], causes: &[&str]) -> Vec<Gift> {
        Given::give(store, codes, causes).now_or_never().expect("nobody waits").expect("a store")
    }

    fn code(gift: &Gift) -> Option<&str> {
        if let Gift::Code(code) = gift { Some(code) } else { None }
    }

    #[test]
    fn a_cause_has_one_code_however_often_it_asks() {
        let (store, codes) = (MemoryStore::default(), codes(3));
        let first = give(&store, &codes, &["order:1", "order:2"]);
        assert_eq!(first.iter().map(code).collect::<Vec<_>>(), [Some("CODE-0"), Some("CODE-1")]);
        let keys = store.0.borrow().len();
        assert_eq!(code(&give(&store, &codes, &["order:2"])[0]), Some("CODE-1"));
        assert_eq!(store.0.borrow().len(), keys, "nothing more is written");
    }

    #[test]
    fn when_all_are_given_there_is_none_and_more_can_be_added() {
        let store = MemoryStore::default();
        let gifts = give(&store, &codes(1), &["order:1", "order:2"]);
        assert!(gifts[0] == Gift::Code("CODE-0".to_owned()) && gifts[1] == Gift::Empty);
        // Whoever has one keeps it; and a code that comes back in a new list is not given again.
        let gifts = give(&store, &codes(2), &["order:2", "order:1"]);
        assert_eq!(gifts.iter().map(code).collect::<Vec<_>>(), [Some("CODE-1"), Some("CODE-0")]);
        let given = Given::load(&store).now_or_never().expect("nobody waits").expect("a store");
        assert_eq!((given.left(&codes(2)), given.left(&codes(5))), (0, 3));
    }

    #[test]
    fn documents_stay_few_and_say_neither_codes_nor_causes() {
        let (store, codes) = (MemoryStore::default(), codes(100));
        let mut all = BTreeSet::new();
        for order in 0..100 {
            let gift = give(&store, &codes, &[&format!("order:{order}")]).remove(0);
            assert!(all.insert(code(&gift).expect("a code").to_owned()), "given twice");
        }
        let values = store.0.borrow();
        assert!(values.len() < MERGE_AT && values.keys().all(|key| names::is_given(key)));
        for (key, value) in &*values {
            let text = format!("{:?}", codec::decode::<Claims>(key, value).expect("a document"));
            assert!(!text.contains("CODE") && !text.contains("order"), "{text}");
        }
    }

    /// A store that lets others go first at every call, and a power cut after so many calls.
    struct Slow<'s> {
        store: &'s MemoryStore,
        left: RefCell<usize>,
    }

    impl Slow<'_> {
        async fn turn(&self) -> Result<(), StoreError> {
            let mut waited = false;
            poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
                .await;
            let left = self.left.replace_with(|left| left.saturating_sub(1));
            if left == 0 { Err(StoreError::Failed("the power is out".to_owned())) } else { Ok(()) }
        }
    }

    impl Store for Slow<'_> {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            self.turn().await?;
            self.store.get(key).await
        }

        async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
            self.turn().await?;
            self.store.set(key, value).await
        }

        async fn delete(&self, key: &str) -> Result<(), StoreError> {
            self.turn().await?;
            self.store.delete(key).await
        }

        async fn keys(&self) -> Result<Vec<String>, StoreError> {
            self.turn().await?;
            self.store.keys().await
        }
    }

    /// Two sweeps give codes to two causes each, one call at a time in the order of `schedule`'s bits, and each may die
    /// after some calls. Then a third goes on for all of them.
    fn run(schedule: u32, deaths: [usize; 2], documents: usize) -> Vec<(String, String)> {
        let (store, codes) = (MemoryStore::default(), codes(16));
        for order in 0..documents {
            give(&store, &codes, &[&format!("order:old-{order}")]);
        }
        let causes = [["order:1", "order:2"], ["order:3", "order:1"]];
        let slow = deaths.map(|left| Slow { store: &store, left: RefCell::new(left) });
        let mut uses = Vec::new();
        {
            let mut one = pin!(Given::give(&slow[0], &codes, &causes[0]));
            let mut two = pin!(Given::give(&slow[1], &codes, &causes[1]));
            let mut done = [false; 2];
            let mut context = Context::from_waker(Waker::noop());
            for step in 0..200_u32 {
                let turn = usize::from(step < 32 && schedule >> step & 1 == 1 || done[0]);
                if done[turn] {
                    continue;
                }
                let polled =
                    if turn == 0 { one.as_mut().poll(&mut context) } else { two.as_mut().poll(&mut context) };
                if let Poll::Ready(gifts) = polled {
                    done[turn] = true;
                    let gifts = gifts.unwrap_or_default();
                    uses.extend(
                        causes[turn]
                            .iter()
                            .zip(&gifts)
                            .filter_map(|(cause, gift)| Some(((*cause).to_owned(), code(gift)?.to_owned()))),
                    );
                }
                if done == [true; 2] {
                    break;
                }
            }
        }
        for cause in ["order:1", "order:2", "order:3"] {
            for _ in 0..3 {
                if let Some(code) = code(&give(&store, &codes, &[cause])[0]) {
                    uses.push((cause.to_owned(), code.to_owned()));
                }
            }
        }
        uses
    }

    #[test]
    fn two_sweeps_at_once_never_give_one_code_to_two_causes() {
        let (forever, mut contested) = (usize::MAX, 0);
        // Without documents each makes five calls, so these are all the orders that there are; with documents that become
        // one there are more of both, and these are some.
        let all = (0..1 << 10).map(|schedule: u32| (schedule, 0));
        let some = (1..400_u32).map(|seed| (seed.wrapping_mul(2_654_435_761), MERGE_AT - 2));
        for (schedule, documents) in all.chain(some) {
            let dies = schedule as usize % 11;
            for deaths in [[forever, forever], [dies, forever], [forever, dies]] {
                let uses = run(schedule, deaths, documents);
                let mut whose: BTreeMap<&str, &str> = BTreeMap::new();
                for (cause, code) in &uses {
                    let owner = whose.entry(code).or_insert(cause);
                    assert_eq!(owner, cause, "schedule {schedule:b}, {deaths:?}: {uses:?}");
                }
                for cause in ["order:1", "order:2", "order:3"] {
                    assert!(uses.iter().any(|(whose, _)| whose == cause), "{cause} has none: {uses:?}");
                }
                contested += usize::from(whose.contains_key("CODE-4"));
            }
        }
        assert!(contested > 0, "no schedule made the sweeps meet");
    }
}

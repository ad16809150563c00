//! Room in a full store.
//!
//! A host may allow only so many keys. Webhooks fill a store up to the last one while nobody sweeps; a sweep then needs a
//! few new keys, for the lease and for the segment, before it can delete any. So a few keys are kept that hold nothing,
//! and are given up when there is no room for something else.

use std::cell::Cell;

use super::{Store, StoreError, names};

/// How many keys are kept. Each attempt to store something in a full store may lose one to a webhook that is faster.
const SPARES: u32 = 4;

/// A store whose spare keys make room. They are not listed.
pub struct WithRoom<S> {
    store: S,
    /// Which spare keys there are, one bit each, as far as is known.
    spares: Cell<u32>,
    /// Was anything written? Whoever only looks leaves everything as it is.
    wrote: Cell<bool>,
}

impl<S: Store> WithRoom<S> {
    pub fn new(store: S) -> Self {
        Self { store, spares: Cell::new(0), wrote: Cell::new(false) }
    }

    /// Puts spare keys back that are missing. That there is no room for them now is no failure.
    pub async fn restore(&self) {
        for number in (0..SPARES).filter(|number| self.spares.get() & 1 << number == 0) {
            if !self.wrote.get() || self.store.set(&names::spare(number), &[]).await.is_err() {
                return;
            }
            self.spares.set(self.spares.get() | 1 << number);
        }
    }
}

impl<S: Store> Store for WithRoom<S> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut result = self.store.set(key, value).await;
        while let (Err(StoreError::Failed(_)), spares @ 1..) = (&result, self.spares.get()) {
            let number = spares.trailing_zeros();
            self.spares.set(spares & !(1 << number));
            if self.store.delete(&names::spare(number)).await.is_err() {
                break;
            }
            result = self.store.set(key, value).await;
        }
        self.wrote.set(true);
        result
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.wrote.set(true);
        self.store.delete(key).await
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        let mut keys = self.store.keys().await?;
        let mut spares = 0;
        keys.retain(|key| match names::spare_number(key) {
            Some(number) if number < SPARES => {
                spares |= 1 << number;
                false
            }
            _ => true,
        });
        self.spares.set(spares);
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use futures_util::FutureExt;

    use super::{SPARES, Store, StoreError, WithRoom};

    /// Has room for so many keys.
    struct Small(usize, RefCell<BTreeSet<String>>);

    impl Store for &Small {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.1.borrow().contains(key).then(Vec::new))
        }

        async fn set(&self, key: &str, _: &[u8]) -> Result<(), StoreError> {
            let mut keys = self.1.borrow_mut();
            if keys.len() == self.0 && !keys.contains(key) {
                return Err(StoreError::Failed("full".to_owned()));
            }
            keys.insert(key.to_owned());
            Ok(())
        }

        async fn delete(&self, key: &str) -> Result<(), StoreError> {
            self.1.borrow_mut().remove(key);
            Ok(())
        }

        async fn keys(&self) -> Result<Vec<String>, StoreError> {
            Ok(self.1.borrow().iter().cloned().collect())
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nobody makes anybody wait")
    }

    #[test]
    fn spare_keys_make_room_and_come_back() {
        let small = Small(10, RefCell::default());
        let open = || WithRoom::new(&small);

        let store = open();
        assert_eq!(now(store.keys()), Ok(vec![]));
        now(store.restore());
        assert_eq!(small.1.borrow().len(), 0, "who writes nothing leaves nothing");
        now(store.set("first", b"")).expect("there is room");
        now(store.restore());
        assert_eq!(small.1.borrow().len(), 1 + SPARES as usize);

        for n in 0..5 {
            now((&small).set(&format!("in:{n}"), b"")).expect("there is room");
        }
        assert!(now((&small).set("in:5", b"")).is_err(), "it is full");
        let store = open();
        assert_eq!(now(store.keys()).expect("keys").len(), 6, "spare keys are not listed");
        for key in ["a", "b", "c", "d"] {
            now(store.set(key, b"")).expect("a spare key makes room");
        }
        assert!(now(store.set("e", b"")).is_err(), "there is none left");
        for n in 0..3 {
            now(store.delete(&format!("in:{n}"))).expect("deleted");
        }
        now(store.restore());
        assert_eq!(small.1.borrow().len(), 10, "as many as there is room for");
    }
}

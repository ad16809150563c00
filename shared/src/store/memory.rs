//! A store for tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{Store, StoreError};

/// Keeps values in memory and never makes anybody wait.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore(pub(crate) RefCell<BTreeMap<String, Vec<u8>>>);

impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.borrow().keys().cloned().collect())
    }
}

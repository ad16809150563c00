//! Stores in memory, gone when the host is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Answer, Backend, Call, Reply};

#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl Backend for Memory {
    fn call(&self, label: &str, call: Call) -> Answer<'_> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |key| (label.to_owned(), key);
        let reply = match call {
            Call::Get(key) => Reply::Value(values.get(&at(key)).cloned()),
            Call::Exists(key) => Reply::Found(values.contains_key(&at(key))),
            Call::Set(key, value) => {
                values.insert(at(key), value);
                Reply::Done
            }
            Call::Delete(key) => {
                values.remove(&at(key));
                Reply::Done
            }
            Call::GetKeys => {
                Reply::Keys(values.keys().filter(|(of, _)| of == label).map(|(_, key)| key.clone()).collect())
            }
        };
        Box::pin(std::future::ready(Ok(reply)))
    }
}

//! How values are written: one version byte, then LZ4-compressed JSON.
//!
//! JSON, because a record must stay readable for years while its fields change; LZ4, because repeated field names are
//! most of it and a component has little time. ARCHITECTURE.md has the measurements.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// Bumped when an old reader could misread a new value. Old versions stay readable.
const VERSION: u8 = 1;

/// A stored value never decompresses to more: a damaged length must not exhaust a component's memory.
const MAX_BYTES: usize = 32 << 20;

pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let Ok(json) = serde_json::to_vec(value) else {
        unreachable!("stored types hold nothing that JSON cannot say")
    };
    let mut bytes = vec![VERSION];
    bytes.extend(lz4_flex::block::compress_prepend_size(&json));
    bytes
}

/// `key` is named in the error.
pub fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { key: key.to_owned(), why };
    match bytes {
        [] => Err(unreadable("it is empty".to_owned())),
        [VERSION, compressed @ ..] => {
            let (size, _) = lz4_flex::block::uncompressed_size(compressed)
                .map_err(|error| unreadable(error.to_string()))?;
            if size > MAX_BYTES {
                return Err(unreadable(format!("it claims to hold {size} bytes")));
            }
            let json = lz4_flex::block::decompress_size_prepended(compressed)
                .map_err(|error| unreadable(error.to_string()))?;
            serde_json::from_slice(&json).map_err(|error| unreadable(error.to_string()))
        }
        [version, ..] => {
            Err(unreadable(format!("version {version} was written by a newer Aftercare; run that one")))
        }
    }
}

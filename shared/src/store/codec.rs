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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::{VERSION, decode, encode};
    use crate::fact::Fact;
    use crate::ledger::{Day, Month};
    use crate::store::meta::Meta;
    use crate::store::page::Page;

    fn golden() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
    }

    /// A value as it was once stored, and beside it as JSON what it says.
    #[track_caller]
    fn check<T: Serialize + DeserializeOwned>(folder: &Path, kind: &str) {
        let stored = std::fs::read(folder.join(kind)).expect("a stored value");
        let said = std::fs::read(folder.join(format!("{kind}.json"))).expect("what it says");
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        let read: T = decode(kind, &stored).expect("readable");
        assert_eq!(serde_json::to_value(&read).expect("JSON"), said, "{kind}");
        // What is written today says the same.
        let again: T = decode(kind, &encode(&read)).expect("readable");
        assert_eq!(serde_json::to_value(&again).expect("JSON"), said, "{kind}");
    }

    /// One folder a version: what was stored by any release must be read by every later one.
    #[test]
    fn every_version_stays_readable() {
        let mut versions = 0;
        for folder in std::fs::read_dir(golden()).expect("golden files") {
            let folder = folder.expect("a folder").path();
            versions += 1;
            check::<BTreeSet<Fact>>(&folder, "segment");
            check::<Page>(&folder, "page");
            check::<Meta>(&folder, "meta");
            check::<Day>(&folder, "day");
            check::<Month>(&folder, "month");
        }
        assert_eq!(versions, VERSION, "a new version needs a folder of golden files");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let damaged: [&[u8]; 5] = [
            &[],
            &[VERSION + 1, 1, 2],
            &[VERSION],
            &[VERSION, 255, 255, 255, 255, 0],
            &[VERSION, 2, 0, 0, 0, 0x20, b'{', b'x'],
        ];
        for bytes in damaged {
            let error = decode::<Value>("page:0", bytes).expect_err("damaged").to_string();
            assert!(error.contains("page:0"), "{error} names the key");
        }
    }
}

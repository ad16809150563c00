//! How values are written: one version byte, then LZ4-compressed JSON.
//!
//! JSON, because a record must stay readable for years while its fields change; LZ4, because repeated field names are
//! most of it and a component has little time. ARCHITECTURE.md has the measurements.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// Bumped when an old reader could misread a new value. Old versions stay readable.
const VERSION: u8 = 1;

/// Values in parts, each like a value of its own, so that a reader decodes only what it needs.
const PARTS: u8 = 2;

/// A stored value never decompresses to more: a damaged length must not exhaust a component's memory.
const MAX_BYTES: usize = 32 << 20;

pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(part(value));
    bytes
}

/// `key` is named in the error.
pub fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    match bytes {
        [] => Err(unreadable(key, "it is empty")),
        [VERSION, compressed @ ..] => unpack(key, compressed),
        [version, ..] => Err(of_version(key, *version)),
    }
}

/// One part of a value in parts.
pub fn part<T: Serialize>(value: &T) -> Vec<u8> {
    let Ok(json) = serde_json::to_vec(value) else {
        unreachable!("stored types hold nothing that JSON cannot say")
    };
    lz4_flex::block::compress_prepend_size(&json)
}

/// A value in parts: each with its length before it.
pub fn join_parts(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![PARTS];
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

/// Decodes one part, the first being 0, and no other.
pub fn decode_part<T: DeserializeOwned>(key: &str, bytes: &[u8], index: usize) -> Result<T, StoreError> {
    unpack(key, part_of(key, bytes, index)?)
}

/// One part as [`part`] made it.
pub fn part_of<'a>(key: &str, bytes: &'a [u8], index: usize) -> Result<&'a [u8], StoreError> {
    let mut rest = match bytes {
        [] => return Err(unreadable(key, "it is empty")),
        [PARTS, rest @ ..] => rest,
        [version, ..] => return Err(of_version(key, *version)),
    };
    let mut skip = index;
    loop {
        let cut = rest.split_first_chunk().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
        });
        let Some((part, after)) = cut else { return Err(unreadable(key, "it is cut short")) };
        if skip == 0 {
            return Ok(part);
        }
        skip -= 1;
        rest = after;
    }
}

/// Decodes what [`part`] made.
pub fn unpack<T: DeserializeOwned>(key: &str, compressed: &[u8]) -> Result<T, StoreError> {
    let (size, _) =
        lz4_flex::block::uncompressed_size(compressed).map_err(|error| unreadable(key, &error))?;
    if size > MAX_BYTES {
        return Err(unreadable(key, &format!("it claims to hold {size} bytes")));
    }
    let json =
        lz4_flex::block::decompress_size_prepended(compressed).map_err(|error| unreadable(key, &error))?;
    serde_json::from_slice(&json).map_err(|error| unreadable(key, &error))
}

pub(crate) fn unreadable(key: &str, why: &(impl Display + ?Sized)) -> StoreError {
    StoreError::Unreadable { key: key.to_owned(), why: why.to_string() }
}

fn of_version(key: &str, version: u8) -> StoreError {
    let why = if version > PARTS {
        format!("version {version} was written by a newer Aftercare; run that one")
    } else {
        format!("version {version} is not how this is written")
    };
    unreadable(key, &why)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::{PARTS, VERSION, decode, decode_part, encode, join_parts, part};
    use crate::fact::Fact;
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
        let folder = golden().join(VERSION.to_string());
        check::<BTreeSet<Fact>>(&folder, "segment");
        check::<Page>(&folder, "page");
        check::<Meta>(&folder, "meta");
    }

    #[test]
    fn parts_are_read_alone() {
        let parts = join_parts(&[part(&1), part(&"two"), part(&[3])]);
        assert_eq!(decode_part::<u8>("day", &parts, 0), Ok(1));
        assert_eq!(decode_part::<String>("day", &parts, 1).as_deref(), Ok("two"));
        assert_eq!(decode_part::<[u8; 1]>("day", &parts, 2), Ok([3]));
        for damaged in [&parts[..parts.len() - 1], &parts[..3], &[VERSION, 0], &[]] {
            assert!(decode_part::<[u8; 1]>("day", damaged, 2).is_err());
        }
        assert!(decode::<u8>("day", &parts).is_err(), "it is no value in one piece");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let damaged: [&[u8]; 5] = [
            &[],
            &[PARTS + 1, 1, 2],
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

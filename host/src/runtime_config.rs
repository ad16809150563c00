//! Reads `runtime-config.toml`: where key-value stores are kept, by the same keys as Spin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::StartError;

/// The file name of the default store, as Spin has it, in the state directory.
const DEFAULT_FILE: &str = "sqlite_key_value.db";
const DEFAULT_STATE_DIR: &str = ".spin";

/// Where a store is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A database file, shared by all labels that name it.
    File(PathBuf),
    /// A Redis or Valkey server.
    Redis(String),
    /// Memory, for tests: gone when the host is.
    Memory,
}

/// What this host needs of the runtime configuration.
#[derive(Debug)]
pub(crate) struct RuntimeConfig {
    /// Where each store is kept, by label.
    pub(crate) stores: BTreeMap<String, Place>,
    /// What is left aside, for the log.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Document {
    state_dir: Option<PathBuf>,
    #[serde(default)]
    key_value_store: BTreeMap<String, Store>,
    #[serde(flatten)]
    other: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Store {
    Spin { path: Option<PathBuf> },
    Redis { url: String },
}

impl RuntimeConfig {
    /// Reads the file, if there is one, and adds the default store unless the file places it elsewhere.
    /// `state_dir` goes before the file's, which goes before `.spin` in the application's folder.
    pub(crate) fn read(
        file: Option<&Path>,
        state_dir: Option<&Path>,
        application: &Path,
    ) -> Result<Self, StartError> {
        let document = match file {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|reason| StartError::Unreadable { file: file.to_owned(), reason })?;
                toml::from_str(&text)
                    .map_err(|error| StartError::Invalid { file: file.to_owned(), what: error.to_string() })?
            }
            None => Document::default(),
        };
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let state_dir = match (state_dir, document.state_dir) {
            (Some(given), _) => given.to_owned(),
            (None, Some(configured)) => configured,
            (None, None) => application.join(DEFAULT_STATE_DIR),
        };
        let mut stores = BTreeMap::from([("default".to_owned(), Place::File(state_dir.join(DEFAULT_FILE)))]);
        for (label, store) in document.key_value_store {
            let place = match store {
                Store::Spin { path: Some(path) } => Place::File(folder.join(path)),
                Store::Spin { path: None } => Place::Memory,
                Store::Redis { url } => Place::Redis(url),
            };
            stores.insert(label, place);
        }
        let warnings = document
            .other
            .keys()
            .map(|key| {
                format!("{key} in the runtime configuration is left aside: this host has no use for it")
            })
            .collect();
        Ok(Self { stores, warnings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: Option<&str>, state_dir: Option<&str>, expected: Result<&[(&str, Place)], &str>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runtime-config.toml");
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let read =
            RuntimeConfig::read(text.map(|_| file.as_path()), state_dir.map(Path::new), Path::new("app"));
        match (read, expected) {
            (Ok(read), Ok(expected)) => {
                let inside = |place: &Place| match place {
                    Place::File(file) => {
                        Place::File(file.strip_prefix(folder.path()).unwrap_or(file).to_owned())
                    }
                    other => other.clone(),
                };
                let read: Vec<_> =
                    read.stores.iter().map(|(label, place)| (label.as_str(), inside(place))).collect();
                assert_eq!(read, expected);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (read, _) => panic!("{read:?}"),
        }
    }

    fn file(path: &str) -> Place {
        Place::File(path.into())
    }

    #[test]
    fn stores_are_where_spin_would_have_them() {
        check(None, None, Ok(&[("default", file("app/.spin/sqlite_key_value.db"))]));
        check(None, Some("state"), Ok(&[("default", file("state/sqlite_key_value.db"))]));
        check(Some("state_dir = '/s'"), None, Ok(&[("default", file("/s/sqlite_key_value.db"))]));
        check(Some("state_dir = '/s'"), Some("/t"), Ok(&[("default", file("/t/sqlite_key_value.db"))]));
        check(
            Some(
                "[key_value_store.default]\ntype = 'spin'\npath = 'a.db'\n[key_value_store.b]\ntype = 'redis'\nurl = 'redis://x'",
            ),
            None,
            Ok(&[("b", Place::Redis("redis://x".into())), ("default", file("a.db"))]),
        );
        check(Some("[key_value_store.default]\ntype = 'spin'"), None, Ok(&[("default", Place::Memory)]));
        check(
            Some("[key_value_store.default]\ntype = 'azure_cosmos'"),
            None,
            Err("unknown variant `azure_cosmos`"),
        );
        check(Some("[key_value_store.default]\ntype = 'redis'"), None, Err("missing field `url`"));
    }
}

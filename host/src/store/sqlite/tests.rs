use super::*;
use crate::store::Store;

struct Fixture {
    folder: tempfile::TempDir,
    counters: Arc<Counters>,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), counters: Arc::default() }
    }

    fn open(&self, group_commit: bool) -> Arc<Sqlite> {
        let file = self.folder.path().join("state/store.db");
        Arc::new(Sqlite::open(&file, group_commit, self.counters.clone()).unwrap())
    }
}

/// Writes `writes` values at once and returns the number of commits they took.
async fn commits_of(group_commit: bool, writes: usize) -> u64 {
    let fixture = Fixture::new();
    let store = Store::new(fixture.open(group_commit), "default");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..writes {
        let store = store.clone();
        tasks.spawn(async move { store.set(&format!("key {n}"), &n.to_le_bytes()).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    let mut keys = store.keys().await.unwrap();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), writes);
    fixture.counters.read().commits
}

#[tokio::test]
async fn concurrent_writes_share_commits() {
    let commits = commits_of(true, 500).await;
    assert!(commits < 250, "{commits} commits");
    assert_eq!(commits_of(false, 100).await, 100);
}

#[tokio::test]
async fn a_reader_sees_a_write_as_soon_as_it_is_acknowledged() {
    let fixture = Fixture::new();
    let store = Store::new(fixture.open(true), "default");
    for n in 0_u32..200 {
        store.set("counter", &n.to_le_bytes()).await.unwrap();
        assert_eq!(store.get("counter").await.unwrap().unwrap(), n.to_le_bytes());
    }
    store.delete("counter").await.unwrap();
    assert!(!store.exists("counter").await.unwrap());
    store.delete("counter").await.unwrap();
}

#[tokio::test]
async fn stores_in_one_file_are_apart_and_survive() {
    let fixture = Fixture::new();
    let backend = fixture.open(true);
    for label in ["one", "two"] {
        Store::new(backend.clone(), label).set("key", label.as_bytes()).await.unwrap();
    }
    backend.close();
    let write_after = Store::new(backend.clone(), "one").set("key", b"late").await;
    assert_eq!(write_after, Err(StoreError::Other("the store is closed".into())));
    drop(backend);

    let backend = fixture.open(true);
    for label in ["one", "two"] {
        let store = Store::new(backend.clone(), label);
        assert_eq!(store.get("key").await.unwrap().as_deref(), Some(label.as_bytes()));
        assert_eq!(store.keys().await.unwrap(), ["key"]);
    }
}

#[tokio::test]
async fn spin_reads_what_was_written() {
    let fixture = Fixture::new();
    let backend = fixture.open(true);
    Store::new(backend.clone(), "default").set("key", b"value").await.unwrap();
    // As Spin does, in its own process and with its own settings.
    let connection = Connection::open(fixture.folder.path().join("state/store.db")).unwrap();
    let value: Vec<u8> = connection
        .query_row("SELECT value FROM spin_key_value WHERE store=$1 AND key=$2", ["default", "key"], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(value, b"value");
    connection
        .execute(
            "INSERT INTO spin_key_value (store, key, value) VALUES ($1, $2, $3)",
            rusqlite::params!["default", "other", b"spin"],
        )
        .unwrap();
    assert_eq!(Store::new(backend, "default").get("other").await.unwrap().unwrap(), b"spin");
}

//! Stores in an `SQLite` file, with Spin's schema, so that `spin up` and this host read each other's.
//!
//! One thread writes. It takes all writes that wait, applies them in one transaction, and answers them when the
//! transaction is on the disk. While it waits for the disk the next group gathers, so that a busy host needs far fewer
//! commits than writes, and a write that comes alone waits for nothing. Readers have connections of their own: in
//! write-ahead mode they see every committed write and wait for none.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{Answer, Backend, Call, Reply, StoreError, StoreResult};
use crate::counters::{Counters, count};

/// How many connections read at once. More only helps where more cores are.
const READERS: usize = 4;
/// Bounds of a group: the transaction's size and how long its first write waits for its last.
const MAX_GROUP: usize = 1024;
const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;
/// How long to wait for another process, such as `spin up`, that writes to the file.
const BUSY: Duration = Duration::from_secs(5);

pub(super) struct Sqlite {
    readers: Arc<[Mutex<Connection>]>,
    /// Gone once closed.
    writes: Mutex<Option<mpsc::Sender<Write>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// A write that waits for its commit.
struct Write {
    label: String,
    key: String,
    /// Nothing to delete the key.
    value: Option<Vec<u8>>,
    done: oneshot::Sender<StoreResult<()>>,
}

impl Sqlite {
    pub(super) fn open(file: &Path, group_commit: bool, counters: Arc<Counters>) -> Result<Self, String> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        let connection = connect(file).and_then(prepare_writer).map_err(|error| error.to_string())?;
        let readers = (0..READERS)
            .map(|_| connect(file).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let (sender, receiver) = mpsc::channel();
        let max_group = if group_commit { MAX_GROUP } else { 1 };
        let writer = std::thread::Builder::new()
            .name("key-value writer".into())
            .spawn(move || write_groups(connection, &receiver, max_group, &counters))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            readers: readers.into(),
            writes: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
        })
    }

    fn write(&self, label: &str, key: String, value: Option<Vec<u8>>) -> Answer<'static> {
        let (done, answer) = oneshot::channel();
        let write = Write { label: label.to_owned(), key, value, done };
        let sent = lock(&self.writes).as_ref().is_some_and(|writes| writes.send(write).is_ok());
        Box::pin(async move {
            if !sent {
                return Err(closed());
            }
            answer.await.map_err(|_| closed())?.map(|()| Reply::Done)
        })
    }
}

impl Backend for Sqlite {
    fn call(&self, label: &str, call: Call) -> Answer<'_> {
        match call {
            Call::Set(key, value) => self.write(label, key, Some(value)),
            Call::Delete(key) => self.write(label, key, None),
            // A look-up takes microseconds, less than handing it to another thread.
            Call::Get(key) => {
                let value =
                    get(&reader(&self.readers), label, &key).map(Reply::Value).map_err(StoreError::other);
                Box::pin(std::future::ready(value))
            }
            Call::Exists(key) => {
                let found =
                    exists(&reader(&self.readers), label, &key).map(Reply::Found).map_err(StoreError::other);
                Box::pin(std::future::ready(found))
            }
            Call::GetKeys => {
                let (readers, label) = (self.readers.clone(), label.to_owned());
                Box::pin(async move {
                    let list =
                        move || keys(&reader(&readers), &label).map(Reply::Keys).map_err(StoreError::other);
                    tokio::task::spawn_blocking(list).await.map_err(StoreError::other)?
                })
            }
        }
    }

    fn close(&self) {
        drop(lock(&self.writes).take());
        if let Some(writer) = lock(&self.writer).take() {
            // A writer that panicked has nothing left to write.
            drop(writer.join());
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> StoreError {
    StoreError::Other("the store is closed".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that nobody reads with, or the first to come free of one of them.
fn reader(readers: &[Mutex<Connection>]) -> MutexGuard<'_, Connection> {
    readers.iter().find_map(|reader| reader.try_lock().ok()).unwrap_or_else(|| lock(&readers[0]))
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn prepare_writer(connection: Connection) -> rusqlite::Result<Connection> {
    // Where a file system cannot share memory between processes SQLite keeps its other mode; it is as durable.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS spin_key_value (
             store TEXT NOT NULL,
             key   TEXT NOT NULL,
             value BLOB NOT NULL,

             PRIMARY KEY (store, key)
         );",
    )?;
    Ok(connection)
}

fn get(connection: &Connection, label: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .query_row([label, key], |row| row.get(0))
        .optional()
}

fn exists(connection: &Connection, label: &str, key: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .exists([label, key])
}

fn keys(connection: &Connection, label: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
        .query_map([label], |row| row.get(0))?
        .collect()
}

/// Commits writes until nobody can send any more.
fn write_groups(
    mut connection: Connection,
    writes: &mpsc::Receiver<Write>,
    max_group: usize,
    counters: &Counters,
) {
    while let Ok(first) = writes.recv() {
        let mut bytes = first.value.as_ref().map_or(0, Vec::len);
        let mut group = vec![first];
        while group.len() < max_group
            && bytes < MAX_GROUP_BYTES
            && let Ok(next) = writes.try_recv()
        {
            bytes += next.value.as_ref().map_or(0, Vec::len);
            group.push(next);
        }
        let results = commit(&mut connection, &group).unwrap_or_else(|error| {
            let error = StoreError::other(error);
            group.iter().map(|_| Err(error.clone())).collect()
        });
        count(&counters.commits);
        for (write, result) in group.into_iter().zip(results) {
            // Whoever asked may be gone; the write is made all the same.
            drop(write.done.send(result));
        }
    }
}

/// Applies a group in one transaction. A write that fails does not take the others with it.
fn commit(connection: &mut Connection, group: &[Write]) -> rusqlite::Result<Vec<StoreResult<()>>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let results = group.iter().map(|write| apply(&transaction, write).map_err(StoreError::other)).collect();
    transaction.commit()?;
    Ok(results)
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    match &write.value {
        Some(value) => transaction
            .prepare_cached(
                "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (store, key) DO UPDATE SET value = ?3",
            )?
            .execute(rusqlite::params![write.label, write.key, value])?,
        None => transaction
            .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
            .execute([&write.label, &write.key])?,
    };
    Ok(())
}

#[cfg(test)]
mod tests;

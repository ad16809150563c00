//! The domain's ports, on what a Spin host offers.

use aftercare::store::lease::Clock;
use aftercare::store::{Store, StoreError};
use aftercare::time::Time;
use chrono::TimeDelta;
use spin_sdk::key_value;
use wasi::cli::stderr::get_stderr;
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::random::random::get_random_u64;

use crate::inbound::write_all;
use crate::outbound::ready;

/// A variable of this component; empty when it is not set.
pub fn variable(name: &str) -> String {
    spin_sdk::variables::get(name).unwrap_or_default()
}

/// A comma-separated variable; without the empty parts.
pub fn list(name: &str) -> Vec<String> {
    let text = variable(name);
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// 128 random bits from the host.
pub fn seed() -> u128 {
    u128::from(get_random_u64()) << 64 | u128::from(get_random_u64())
}

/// Writes a line to the component's log, as `eprintln!` does, which is 7 KB because it may panic.
pub(crate) fn log(line: &str) {
    let _ = write_all(&get_stderr(), [line, "\n"].concat().as_bytes());
}

/// The default key-value store.
pub struct KeyValue(key_value::Store);

impl KeyValue {
    pub fn open() -> Result<Self, StoreError> {
        key_value::Store::open_default().map(Self).map_err(failed)
    }
}

fn failed(error: key_value::Error) -> StoreError {
    StoreError::Failed(match error {
        key_value::Error::StoreTableFull => "too many stores are open".to_owned(),
        key_value::Error::NoSuchStore => "the host has no store `default`".to_owned(),
        key_value::Error::AccessDenied => "the manifest does not give this component the store".to_owned(),
        key_value::Error::Other(why) => why,
    })
}

impl Store for KeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).map_err(failed)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.set(key, value).map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).map_err(failed)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.0.get_keys().map_err(failed)
    }
}

/// The host's clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Time {
        let now = wall_clock::now();
        Time::from_seconds(now.seconds.cast_signed()) + TimeDelta::nanoseconds(now.nanoseconds.into())
    }

    async fn wait(&self, duration: TimeDelta) {
        let nanos = duration.num_nanoseconds().unwrap_or(i64::MAX).max(0);
        ready(monotonic_clock::subscribe_duration(nanos.cast_unsigned())).await;
    }
}

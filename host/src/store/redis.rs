//! Stores in a Redis or Valkey server, laid out as Spin does: keys as they are, whatever the store's label. A write is
//! as durable as the server makes it (`appendfsync`).

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisError};

use super::{Answer, Backend, Call, Reply, StoreError};

/// How long to wait for a connection, and for an answer before the call fails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Redis {
    /// One connection that all calls share; it reconnects by itself.
    connection: ConnectionManager,
}

impl Redis {
    /// Connects, so that a server that cannot be reached is noticed at the start.
    pub(super) async fn connect(url: &str) -> Result<Self, String> {
        let client = Client::open(url).map_err(|error| format!("its url is not valid: {}", what(&error)))?;
        // The address without user and password.
        let address = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_with_config(client, config)
            .await
            .map_err(|error| format!("cannot reach Redis at {address}: {}", what(&error)))?;
        Ok(Self { connection })
    }
}

impl Backend for Redis {
    fn call(&self, _: &str, call: Call) -> Answer<'_> {
        let mut redis = self.connection.clone();
        Box::pin(async move {
            let reply = match call {
                Call::Get(key) => redis.get(key).await.map(Reply::Value),
                Call::Set(key, value) => redis.set(key, value).await.map(|()| Reply::Done),
                Call::Delete(key) => redis.del(key).await.map(|()| Reply::Done),
                Call::Exists(key) => redis.exists(key).await.map(Reply::Found),
                Call::GetKeys => redis.keys("*").await.map(Reply::Keys),
            };
            reply.map_err(|error| StoreError::Other(what(&error)))
        })
    }
}

fn what(error: &RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.category()),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;

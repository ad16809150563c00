//! Deliberately broken variants of the engine, made by standing between it and the world.
//!
//! Production code has no switch for any of this: calls are held back, redirected or answered wrongly on their way.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use aftercare::channel::{CallError, Outbound};
use aftercare::fact::{Event, Fact};
use aftercare::message::Step;
use aftercare::store::lease::{Clock, LeaseTiming};
use aftercare::store::meta::Meta;
use aftercare::store::{Store, StoreError, codec, names};
use aftercare::time::Time;
use chrono::TimeDelta;
use http::{HeaderValue, Response};

use super::port::Port;
use super::world::Request;

/// One way to get it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Facts leave the inbox before the segment that holds them is stored.
    DeleteBeforeSegment,
    /// Segments are numbered by each sweep for itself, so that one overwrites another.
    ReuseSegmentKey,
    /// Messages are handed over first and recorded afterwards.
    SendBeforeRecord,
    /// Pages are taken as truth: segments that a crash left unfolded are never folded.
    TrustPages,
    /// Every sweep believes that it has the lease.
    NoLease,
    /// The lease is taken without waiting for others who saw it free.
    NoSettling,
    /// Each attempt has an idempotency key of its own.
    NewKeyPerAttempt,
    /// Each attempt puts the message into words again.
    NewWordsPerAttempt,
    /// A webhook is answered before its fact is stored.
    AcknowledgeFirst,
    /// A merge deletes what it replaces before the merged segment is stored.
    DeleteBeforeMerge,
    /// Sweeps do not know who was forgotten.
    ForgetErasures,
    /// An erasure looks through no segment.
    SkipSegments,
    /// A reader looks once and takes what is no longer there for what never was.
    NeverLookAgain,
}

/// Whose calls are tampered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Webhook,
    Sweep,
    Reader,
}

impl Sabotage {
    pub const ALL: [Self; 13] = [
        Self::DeleteBeforeSegment,
        Self::ReuseSegmentKey,
        Self::SendBeforeRecord,
        Self::TrustPages,
        Self::NoLease,
        Self::NoSettling,
        Self::NewKeyPerAttempt,
        Self::NewWordsPerAttempt,
        Self::AcknowledgeFirst,
        Self::DeleteBeforeMerge,
        Self::ForgetErasures,
        Self::SkipSegments,
        Self::NeverLookAgain,
    ];

    fn concerns(self, role: Role) -> bool {
        match self {
            Self::AcknowledgeFirst => role == Role::Webhook,
            Self::NeverLookAgain => role == Role::Reader,
            _ => role == Role::Sweep,
        }
    }
}

/// What an actor works with: the world, or the world as a saboteur lets it see it.
pub(super) struct Access {
    port: Port,
    sabotage: Option<Sabotage>,
    /// Writes that are held back.
    held: RefCell<Vec<Held>>,
    lease: RefCell<Option<Vec<u8>>>,
    segments_seen: RefCell<BTreeSet<String>>,
    /// What a reader that never looks again saw at first.
    first_look: RefCell<FirstLook>,
    counter: Cell<usize>,
    has_sent: Cell<bool>,
}

#[derive(Default)]
struct FirstLook {
    keys: Option<Vec<String>>,
    /// Once it was read: there may have been none.
    meta: Option<Meta>,
}

enum Held {
    Set(String, Vec<u8>),
    Delete(String),
}

impl Access {
    pub(super) fn new(port: Port, sabotage: Option<Sabotage>, role: Role) -> Self {
        Self {
            port,
            sabotage: sabotage.filter(|sabotage| sabotage.concerns(role)),
            held: RefCell::default(),
            lease: RefCell::default(),
            segments_seen: RefCell::default(),
            first_look: RefCell::default(),
            counter: Cell::new(0),
            has_sent: Cell::new(false),
        }
    }

    fn is(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    fn count(&self) -> usize {
        self.counter.replace(self.counter.get() + 1)
    }

    async fn release_held(&self) -> Result<(), StoreError> {
        for held in self.held.take() {
            match held {
                Held::Set(key, value) => self.port.set(&key, &value).await?,
                Held::Delete(key) => self.port.delete(&key).await?,
            }
        }
        Ok(())
    }

    /// Before any other store call: is it time for what was held back?
    async fn before(&self, key: &str) -> Result<(), StoreError> {
        let due = match self.sabotage {
            Some(Sabotage::DeleteBeforeSegment) => true,
            Some(Sabotage::SendBeforeRecord) => self.has_sent.get() && key != names::LEASE,
            Some(Sabotage::DeleteBeforeMerge) => key != names::META,
            _ => false,
        };
        if due {
            self.has_sent.set(false);
            self.release_held().await?;
        }
        Ok(())
    }
}

fn records_sending(key: &str, value: &[u8]) -> bool {
    let facts: Vec<Fact> = codec::decode(key, value).unwrap_or_default();
    facts
        .iter()
        .any(|fact| matches!(&fact.event, Event::Message(step) if matches!(step.step, Step::Sending { .. })))
}

impl Store for Access {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if self.is(Sabotage::NoLease) && key == names::LEASE {
            return Ok(self.lease.borrow().clone());
        }
        self.before(key).await?;
        if self.is(Sabotage::NeverLookAgain) && key == names::META {
            let known = self.first_look.borrow().meta.clone();
            let meta = match known {
                Some(meta) => meta,
                None => Meta::load(&self.port).await?,
            };
            self.first_look.borrow_mut().meta = Some(meta.clone());
            return Ok(Some(codec::encode(&meta)));
        }
        let value = self.port.get(key).await?;
        if self.is(Sabotage::ForgetErasures)
            && names::is_erased(key)
            && let Some(bytes) = &value
        {
            let mut document: serde_json::Value = codec::decode(key, bytes)?;
            document["keys"] = serde_json::json!({});
            document["said"] = serde_json::json!([]);
            return Ok(Some(codec::encode(&document)));
        }
        if self.is(Sabotage::SkipSegments)
            && key == names::META
            && let Some(bytes) = &value
        {
            let mut meta: Meta = codec::decode(key, bytes)?;
            if let Some(purge) = &mut meta.purge {
                purge.left.get_or_insert_default().clear();
            }
            return Ok(Some(codec::encode(&meta)));
        }
        if self.is(Sabotage::TrustPages) && key == names::META {
            let mut meta: Meta = match &value {
                Some(bytes) => codec::decode(key, bytes)?,
                None => Meta::default(),
            };
            meta.folded.extend(self.segments_seen.borrow().iter().cloned());
            return Ok(Some(codec::encode(&meta)));
        }
        if self.is(Sabotage::NeverLookAgain) && value.is_none() {
            if names::is_inbox(key) {
                // Not a fact: the reader passes over it.
                return Ok(Some(Vec::new()));
            }
            if names::segment_level(key).is_some() {
                return Ok(Some(codec::encode(&BTreeSet::<Fact>::new())));
            }
        }
        Ok(value)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let is_segment = names::segment_level(key).is_some();
        match self.sabotage {
            Some(Sabotage::NoLease) if key == names::LEASE => {
                *self.lease.borrow_mut() = Some(value.to_vec());
                return Ok(());
            }
            Some(Sabotage::AcknowledgeFirst) if names::is_inbox(key) => {
                drop(self.port.call(Request::Set(key.to_owned(), value.to_vec())));
                return Ok(());
            }
            _ => {}
        }
        self.before(key).await?;
        let holds_back = match self.sabotage {
            Some(Sabotage::DeleteBeforeSegment) => is_segment,
            Some(Sabotage::SendBeforeRecord) => is_segment && records_sending(key, value),
            Some(Sabotage::DeleteBeforeMerge) => names::segment_level(key).is_some_and(|level| level > 0),
            _ => false,
        };
        if holds_back {
            self.held.borrow_mut().push(Held::Set(key.to_owned(), value.to_vec()));
            return Ok(());
        }
        if self.is(Sabotage::ReuseSegmentKey) && is_segment {
            let level = names::segment_level(key).unwrap_or_default();
            return self.port.set(&names::segment(level, &self.count().to_string()), value).await;
        }
        self.port.set(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.sabotage {
            Some(Sabotage::NoLease) if key == names::LEASE => {
                *self.lease.borrow_mut() = None;
                return Ok(());
            }
            Some(Sabotage::DeleteBeforeSegment) if names::is_inbox(key) => {}
            Some(Sabotage::DeleteBeforeMerge) if names::segment_level(key).is_some() => {}
            Some(Sabotage::SendBeforeRecord) if names::is_inbox(key) && !self.held.borrow().is_empty() => {
                self.held.borrow_mut().push(Held::Delete(key.to_owned()));
                return Ok(());
            }
            _ => self.before(key).await?,
        }
        self.port.delete(key).await
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.before("").await?;
        if self.is(Sabotage::NeverLookAgain) {
            if let Some(keys) = self.first_look.borrow().keys.clone() {
                return Ok(keys);
            }
            let keys = self.port.keys().await?;
            self.first_look.borrow_mut().keys = Some(keys.clone());
            return Ok(keys);
        }
        let mut keys = self.port.keys().await?;
        if self.is(Sabotage::NoLease) {
            keys.retain(|key| key != names::LEASE);
        }
        if self.is(Sabotage::TrustPages) {
            let segments = keys.iter().filter(|key| names::segment_level(key).is_some());
            *self.segments_seen.borrow_mut() = segments.cloned().collect();
        }
        Ok(keys)
    }
}

impl Clock for Access {
    fn now(&self) -> Time {
        self.port.now()
    }

    async fn wait(&self, duration: TimeDelta) {
        // Other waits (a provider asked for a pause) end in time only.
        if !self.is(Sabotage::NoSettling) || duration != LeaseTiming::default().settle {
            self.port.wait(duration).await;
        }
    }
}

impl Outbound for Access {
    async fn call(&self, mut request: http::Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        let attempt = self.port.world.borrow_mut().random.below(250);
        if self.is(Sabotage::NewKeyPerAttempt)
            && let Some(key) = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok())
            && let Ok(key) = HeaderValue::from_str(&format!("{key}~{attempt:x}"))
        {
            request.headers_mut().insert("idempotency-key", key);
        }
        if self.is(Sabotage::NewWordsPerAttempt) {
            // White space at the end of JSON: other bytes, the same message.
            request.body_mut().extend((0..=attempt).map(|_| b' '));
        }
        let reply = Outbound::call(&self.port, request).await;
        self.has_sent.set(true);
        reply
    }
}

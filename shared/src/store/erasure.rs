//! Erasures: who was forgotten, and up to when.
//!
//! A request to erase ends as a document that holds keyed hashes of the names under which the person was known, and
//! nothing that tells who it was. What names one of them and happened up to the time of the request is no longer
//! accepted anywhere: not from the inbox, not from a segment, not from a racing merge, however late it comes. What
//! happened afterwards is news of somebody unknown.
//!
//! Documents are truth: content-addressed, written once, replaced only by a union that holds them.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Store, StoreError, codec, names};
use crate::fact::{Event, Fact, FactId, Past, PrivacyKind, PrivacyRequest};
use crate::key::Key;
use crate::message::{MessageId, MessageStep};
use crate::time::Time;

/// A document of this size is left alone; the next erasure begins another one.
const FULL_BYTES: usize = 128 * 1024;

/// A carried-out request, as it may be shown to anybody who asks whether it was: nothing in it tells who it was about.
///
/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receipt {
    /// The platform's id of the request.
    pub request: String,
    pub kind: PrivacyKind,
    pub requested_at: Time,
    pub carried_out_at: Time,
    /// What there was to forget, as far as it was known by then.
    pub customers: usize,
    pub orders: usize,
    pub answers: usize,
    pub messages: usize,
}

/// What is to be forgotten, by name: kept in `meta` until it is done, and then only as hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Named {
    /// Every name of every person concerned, and the time up to which it stands for somebody forgotten.
    pub keys: BTreeMap<Key, Time>,
    /// Messages, and what messages are about: see [`Erasures::bars`].
    pub said: BTreeSet<String>,
    /// By the id of the fact that asked.
    pub requests: BTreeMap<FactId, Receipt>,
    /// The whole shop is forgotten up to then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everything: Option<Time>,
}

impl Named {
    /// Adds a name that stands for somebody forgotten up to `until`.
    pub fn add(&mut self, key: Key, until: Time) {
        let known = self.keys.entry(key).or_insert(until);
        *known = until.max(*known);
    }

    /// Nothing more will be said in this message.
    pub fn add_message(&mut self, id: &MessageId) {
        self.said.insert(message(id));
    }

    /// Nothing more will be said about this order, shipment, answer, review or ticket.
    pub fn add_subject(&mut self, subject: &str) {
        self.said.insert(about(subject));
    }
}

fn message(id: &MessageId) -> String {
    ["id:", id.as_str()].concat()
}

fn about(subject: &str) -> String {
    ["about:", subject].concat()
}

/// What a message's cause may be about: `shipment:7/delivered` is about `shipment:7`. The longest comes first.
pub fn subjects(cause: &str) -> impl Iterator<Item = &str> {
    let kind = cause.find(':').map_or(cause.len(), |colon| colon + 1);
    let cuts = cause[kind..].rmatch_indices(['/', ':', '#']).map(move |(at, _)| &cause[..kind + at]);
    std::iter::once(cause).chain(cuts)
}

/// One document, `erased:<hash>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Document {
    /// Keys the hashes, so that they mean nothing to anybody who has not the whole store.
    salt: String,
    /// Hashes of names.
    keys: BTreeMap<String, Time>,
    /// Hashes of messages and of what messages are about.
    said: BTreeSet<String>,
    /// By hash of the fact that asked.
    requests: BTreeMap<String, Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everything: Option<Time>,
}

impl Document {
    fn join(&mut self, other: &Self) {
        for (hash, until) in &other.keys {
            let known = self.keys.entry(hash.clone()).or_insert(*until);
            *known = (*until).max(*known);
        }
        self.said.extend(other.said.iter().cloned());
        for (hash, receipt) in &other.requests {
            self.requests.entry(hash.clone()).or_insert_with(|| receipt.clone());
        }
        self.everything = self.everything.max(other.everything);
    }

    fn add(&mut self, named: &Named) {
        let hasher = Hasher::new(&self.salt);
        for (key, until) in &named.keys {
            let known = self.keys.entry(hasher.hash(key.as_str())).or_insert(*until);
            *known = (*until).max(*known);
        }
        self.said.extend(named.said.iter().map(|said| hasher.hash(said)));
        for (fact, receipt) in &named.requests {
            self.requests.entry(hasher.hash(fact.as_str())).or_insert_with(|| receipt.clone());
        }
        self.everything = self.everything.max(named.everything);
    }
}

#[derive(Debug, Clone)]
struct Hasher(Hmac<Sha256>);

impl Hasher {
    fn new(salt: &str) -> Self {
        let Ok(mac) = Hmac::new_from_slice(salt.as_bytes()) else {
            unreachable!("HMAC takes keys of any length")
        };
        Self(mac)
    }

    /// 96 bits: among a hundred million names no two are expected to share it.
    fn hash(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        crate::hex::encode(&mac.finalize().into_bytes()[..12])
    }
}

#[derive(Debug, Clone)]
struct Loaded {
    hasher: Hasher,
    document: Document,
    /// Size as stored.
    bytes: usize,
}

/// Every erasure that the store knows of.
#[derive(Debug, Clone, Default)]
pub struct Erasures {
    documents: BTreeMap<String, Loaded>,
    /// Nobody is forgotten beyond this: what is newer need not be looked up.
    latest: Option<Time>,
}

impl Erasures {
    /// Those that the key list shows, and those that `meta` knows beyond them because it was read later. `None` when one
    /// that the list shows was replaced by a union meanwhile: the caller looks at the keys again. One that `meta` alone
    /// names may be gone; what replaced it is not in `meta`, which makes the next sweep carry it out anew.
    pub async fn load(
        store: &impl Store,
        listed: &BTreeSet<String>,
        known: &BTreeSet<String>,
    ) -> Result<Option<Self>, StoreError> {
        let mut erasures = Self::default();
        for name in listed.union(known) {
            match store.get(name).await? {
                Some(bytes) => erasures.insert(name.clone(), codec::decode(name, &bytes)?, bytes.len()),
                None if listed.contains(name) => return Ok(None),
                None => {}
            }
        }
        Ok(Some(erasures))
    }

    fn insert(&mut self, name: String, document: Document, bytes: usize) {
        self.latest = self.latest.max(document.everything).max(document.keys.values().max().copied());
        let hasher = Hasher::new(&document.salt);
        self.documents.insert(name, Loaded { hasher, document, bytes });
    }

    /// The names of the documents.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.documents.keys()
    }

    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Requests that were carried out, in the order in which they were made.
    pub fn receipts(&self) -> Vec<Receipt> {
        let all = self.documents.values().flat_map(|loaded| loaded.document.requests.values());
        let mut receipts = BTreeMap::new();
        for receipt in all {
            receipts.insert((receipt.requested_at, &receipt.request, receipt.kind), receipt.clone());
        }
        receipts.into_values().collect()
    }

    /// The time up to which this name stands for somebody forgotten.
    pub fn until(&self, key: &Key) -> Option<Time> {
        let found = self.documents.values().filter_map(|Loaded { hasher, document, .. }| {
            document.keys.get(&hasher.hash(key.as_str())).copied()
        });
        found.max()
    }

    /// The time up to which the whole shop is forgotten.
    pub fn everything(&self) -> Option<Time> {
        self.documents.values().filter_map(|loaded| loaded.document.everything).max()
    }

    fn has_said(&self, text: &str) -> bool {
        self.documents
            .values()
            .any(|Loaded { hasher, document, .. }| document.said.contains(&hasher.hash(text)))
    }

    /// Was this message the forgotten person's, or is it about something of theirs? Then it is not sent any more and what
    /// became of it is not remembered. This does not depend on times: a message is either forgotten whole or kept whole,
    /// or it could be sent again.
    pub fn bars(&self, id: &MessageId, cause: &str) -> bool {
        !self.is_empty()
            && (self.has_said(&message(id)) || subjects(cause).any(|subject| self.has_said(&about(subject))))
    }

    /// Is this message in the local outbox one of theirs?
    pub fn bars_mail(&self, id: &str, to: &str, at: Time) -> bool {
        !self.is_empty()
            && (self.everything() >= Some(at)
                || self.has_said(&["id:", id].concat())
                || to.split(", ").filter_map(Key::email).any(|key| self.until(&key) >= Some(at)))
    }

    /// Does this fact belong to somebody who was forgotten? The time up to which they were, if so.
    pub fn covers(&self, fact: &Fact) -> Option<Time> {
        let everything = self.everything().filter(|until| *until >= fact.at);
        match &fact.event {
            Event::Message(MessageStep { id, cause, .. })
            | Event::Past(Past { message: Some((id, cause)), .. }) => {
                everything.or_else(|| self.bars(id, cause).then_some(fact.at))
            }
            _ => self.covers_keys(fact.at, fact.all_keys()),
        }
    }

    /// As [`Self::covers`], where only time and names of a fact can be read.
    pub fn covers_keys<'k>(
        &self,
        at: Time,
        keys: impl IntoIterator<Item = std::borrow::Cow<'k, Key>>,
    ) -> Option<Time> {
        if self.latest < Some(at) {
            return None;
        }
        let until = keys.into_iter().filter_map(|key| self.until(&key)).max();
        until.max(self.everything()).filter(|until| *until >= at)
    }

    /// Was this request carried out?
    pub fn has_carried_out(&self, request: &FactId) -> bool {
        self.documents.values().any(|Loaded { hasher, document, .. }| {
            document.requests.contains_key(&hasher.hash(request.as_str()))
        })
    }

    /// The fact, as far as it may enter a record.
    pub fn admit(&self, mut fact: Fact) -> Option<Fact> {
        if is_erasure(&fact) {
            return None;
        }
        if self.is_empty() {
            return Some(fact);
        }
        if self.covers(&fact).is_some() {
            return None;
        }
        // A later report may still carry the box that was ticked long ago. Whoever is forgotten has agreed to nothing.
        let agreed_at = fact.event.contact().and_then(|contact| contact.marketing_at);
        if agreed_at.is_some_and(|at| self.covers_keys(at, fact.all_keys()).is_some())
            && let Some(contact) = fact.event.contact_mut()
        {
            contact.marketing.retain(|_, agreed| !*agreed);
        }
        Some(fact)
    }

    /// Is all of this known already?
    pub fn include(&self, named: &Named) -> bool {
        named.keys.iter().all(|(key, until)| self.until(key) >= Some(*until))
            && named.said.iter().all(|said| self.has_said(said))
            && named.requests.keys().all(|request| self.has_carried_out(request))
            && self.everything() >= named.everything
    }

    /// Stores a document that holds what is named beside what the documents before it held, and then drops those. `seed`
    /// is random; the first document makes the salt of the store from it.
    pub async fn store(&mut self, store: &impl Store, named: &Named, seed: u128) -> Result<(), StoreError> {
        let salt = match self.documents.values().next() {
            Some(loaded) => loaded.document.salt.clone(),
            None => crate::hex::encode(&Sha256::digest(format!("erasures {seed:032x}"))[..16]),
        };
        let mut union = Document { salt, ..Document::default() };
        let mut replaced = Vec::new();
        for (name, loaded) in &self.documents {
            if loaded.document.salt == union.salt && loaded.bytes < FULL_BYTES {
                union.join(&loaded.document);
                replaced.push(name.clone());
            }
        }
        union.add(named);
        let bytes = codec::encode(&union);
        let name = names::erased(&crate::hex::encode(&Sha256::digest(&bytes)[..16]));
        store.set(&name, &bytes).await?;
        replaced.retain(|old| *old != name);
        for old in &replaced {
            store.delete(old).await?;
            self.documents.remove(old);
        }
        self.insert(name, union, bytes.len());
        Ok(())
    }
}

/// A request that ends as a document, and never stands in a record.
pub fn is_erasure(fact: &Fact) -> bool {
    matches!(
        fact.event,
        Event::Privacy(PrivacyRequest { kind: PrivacyKind::Erase | PrivacyKind::EraseShop, .. })
    )
}

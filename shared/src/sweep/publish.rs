//! Events and alerts for the signed webhook: told after everything else, and at least once.
//!
//! What is to be told is **written down first**, under `event:<when>:<attempts>:<hash>`, before its facts leave the inbox;
//! a document goes when its events have been taken. The sweep that wrote it tells it as soon as it has let go of the lease,
//! so that a receiver that hangs holds up no sweep and no customer's mail. Should it die, the document is due a minute
//! later and the next tick tells it; what a receiver does not take is told again with the waits of messages. Whoever is
//! told twice knows it by the id.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest, Sha256};

use super::Sweep;
use crate::channel::event::{self, Kind};
use crate::channel::{Outbound, Outcome, Provider, retry_at, webhook};
use crate::fact::Fact;
use crate::gather::gather;
use crate::store::erasure::Erasures;
use crate::store::lease::Clock;
use crate::store::listing::Listing;
use crate::store::{Store, StoreError, codec, names};
use crate::time::Time;

/// A document whose writer died is told by somebody else after this.
const OWN_FOR: TimeDelta = TimeDelta::minutes(1);

/// A receiver that failed so often in a row gets nothing more in this sweep.
const ENOUGH_FAILURES: usize = 3;

/// As many documents that wait become one, with as many events at most: of a receiver that is away for long only the
/// newest are kept.
const MERGE_AT: usize = 8;
const MOST_WAITING: usize = 2_000;

/// Below what the tightest of the stores takes for a value.
const MAX_BYTES: usize = 256 * 1024;

/// Documents that this sweep has written and not told yet.
pub(super) type Queued = RefCell<BTreeSet<String>>;

/// The name of a document: when it is due, and after how many attempts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Waiting {
    pub(super) due: Time,
    pub(super) attempt: u32,
    hash: String,
}

impl Waiting {
    pub(super) fn parse(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(names::EVENT)?.splitn(3, ':');
        let due = Time::from_millis(parts.next()?.parse().ok()?);
        let attempt = parts.next()?.parse().ok()?;
        Some(Self { due, attempt, hash: parts.next()?.to_owned() })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:015}:{}:{}", names::EVENT, self.due.millis(), self.attempt, self.hash)
    }
}

/// Facts as documents of a size that every store takes.
fn documents(facts: &BTreeSet<Fact>) -> Vec<Vec<u8>> {
    if facts.is_empty() {
        return Vec::new();
    }
    let bytes = codec::encode(facts);
    if bytes.len() <= MAX_BYTES || facts.len() < 2 {
        return vec![bytes];
    }
    let half = facts.len() / 2;
    let mut whole = documents(&gather(facts.iter().take(half).cloned()));
    whole.extend(documents(&gather(facts.iter().skip(half).cloned())));
    whole
}

/// What became of the events of one document.
#[derive(Default)]
struct Told {
    /// To be told again, later than the others if the receiver says so.
    failed: BTreeSet<Fact>,
    after: Option<TimeDelta>,
    /// Not their turn yet.
    untried: BTreeSet<Fact>,
    /// The receiver wants nothing of these, now or ever.
    refused: usize,
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Is anybody to be told of this?
    pub(super) fn is_told(&self, kind: Option<Kind>) -> bool {
        self.providers.webhook.as_ref().is_some_and(webhook::Config::can_sign)
            && kind.is_some_and(|kind| self.settings.events.contains(&kind))
    }

    /// Writes down what is to be told.
    pub(super) async fn queue(&self, facts: &BTreeSet<Fact>, queued: &Queued) -> Result<(), StoreError> {
        let keys = self.keep(facts, self.clock.now() + OWN_FOR, 0).await?;
        queued.borrow_mut().extend(keys);
        Ok(())
    }

    async fn keep(&self, facts: &BTreeSet<Fact>, due: Time, attempt: u32) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        for bytes in documents(facts) {
            let hash = crate::hex::encode(&Sha256::digest(&bytes)[..16]);
            let key = Waiting { due, attempt, hash }.to_string();
            self.store.set(&key, &bytes).await?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Takes what is of somebody forgotten out of what waits.
    pub(super) async fn clean_events(
        &self,
        listing: &Listing,
        erasures: &Erasures,
    ) -> Result<(), StoreError> {
        for (key, at) in listing.events.iter().filter_map(|key| Some((key, Waiting::parse(key)?))) {
            let Some(bytes) = self.store.get(key).await? else { continue };
            let facts = codec::decode::<BTreeSet<Fact>>(key, &bytes).unwrap_or_default();
            let all = facts.len();
            let kept: BTreeSet<Fact> =
                gather(facts.into_iter().filter(|fact| erasures.covers(fact).is_none()));
            if kept.len() < all || all == 0 {
                self.keep(&kept, at.due, at.attempt).await?;
                self.store.delete(key).await?;
            }
        }
        Ok(())
    }

    /// Tells what this sweep has written down, and what is due. Nobody holds the lease: two that tell the same at once do
    /// no harm. Nothing is begun when the time of the sweep, which began at `started`, is up. Returns how many events were
    /// given up.
    pub(super) async fn publish(
        &self,
        listing: &Listing,
        queued: &Queued,
        started: Time,
    ) -> Result<usize, StoreError> {
        if listing.events.is_empty() {
            return Ok(0);
        }
        let Some(config) = &self.providers.webhook else { return Ok(0) };
        let Some(erasures) = Erasures::load(self.store, &listing.erased, &BTreeSet::new()).await? else {
            // Two became one since the keys were listed.
            return Ok(0);
        };
        let own = queued.take();
        let now = self.clock.now();
        let waiting = || listing.events.iter().filter_map(|key| Some((key, Waiting::parse(key)?)));
        let mut lost = 0;
        let later: Vec<_> = waiting().filter(|(key, at)| at.due > now && !own.contains(*key)).collect();
        if later.len() >= MERGE_AT {
            lost += self.merge(&later).await?;
        }
        let ends = (now + self.limits.sending).min(started + self.limits.time);
        let mut failures = 0;
        for (key, at) in waiting().filter(|(key, at)| at.due <= now || own.contains(*key)) {
            if failures >= ENOUGH_FAILURES || self.clock.now() >= ends {
                break;
            }
            let Some(bytes) = self.store.get(key).await? else { continue };
            let Ok(facts) = codec::decode::<BTreeSet<Fact>>(key, &bytes) else {
                // Nobody will ever be able to tell it.
                self.store.delete(key).await?;
                lost += 1;
                continue;
            };
            let mut key = key.clone();
            if !own.contains(&key) {
                let mine = Waiting { due: now + OWN_FOR, ..at.clone() }.to_string();
                self.store.set(&mine, &bytes).await?;
                self.store.delete(&key).await?;
                key = mine;
            }
            let facts = facts.into_iter().filter(|fact| erasures.covers(fact).is_none()).collect();
            let told = self.tell(facts, config, ends, &mut failures).await;
            lost += told.refused;
            let now = self.clock.now();
            let again = retry_at(at.attempt + 1, told.after, self.jitter(&key, at.attempt), now);
            match again {
                Some(until) => _ = self.keep(&told.failed, until, at.attempt + 1).await?,
                None => lost += told.failed.len(),
            }
            let until = if failures >= ENOUGH_FAILURES { again.unwrap_or(now) } else { now };
            self.keep(&told.untried, until, at.attempt).await?;
            self.store.delete(&key).await?;
        }
        Ok(lost)
    }

    /// Makes one document of many that wait. Returns how many of the oldest events there was no room for.
    async fn merge(&self, later: &[(&String, Waiting)]) -> Result<usize, StoreError> {
        let mut all = BTreeSet::new();
        for (key, _) in later {
            let bytes = self.store.get(key).await?;
            all.extend(
                bytes
                    .and_then(|bytes| codec::decode::<BTreeSet<Fact>>(key, &bytes).ok())
                    .into_iter()
                    .flatten(),
            );
        }
        let excess = all.len().saturating_sub(MOST_WAITING);
        // Facts are sorted by their time.
        let kept = gather(all.into_iter().skip(excess));
        let due = later.iter().map(|(_, at)| at.due).min().unwrap_or_else(|| self.clock.now());
        let attempt = later.iter().map(|(_, at)| at.attempt).min().unwrap_or_default();
        let keys = self.keep(&kept, due, attempt).await?;
        for (key, _) in later.iter().filter(|(key, _)| !keys.contains(*key)) {
            self.store.delete(key).await?;
        }
        Ok(excess)
    }

    async fn tell(
        &self,
        facts: BTreeSet<Fact>,
        config: &webhook::Config,
        ends: Time,
        failures: &mut usize,
    ) -> Told {
        let mut told = Told::default();
        let mut waiting = facts.into_iter();
        let mut calls = FuturesUnordered::new();
        loop {
            while calls.len() < self.limits.concurrent_sends
                && *failures < ENOUGH_FAILURES
                && self.clock.now() < ends
                && let Some(fact) = waiting.next()
            {
                calls.push(self.tell_one(fact, config));
            }
            let Some((fact, outcome)) = calls.next().await else { break };
            match outcome {
                Outcome::Sent { .. } => *failures = 0,
                Outcome::Refused { .. } | Outcome::Blocked { .. } => told.refused += 1,
                Outcome::Later { after, .. } | Outcome::Busy { after, .. } => {
                    *failures += 1;
                    told.failed.insert(fact);
                    told.after = told.after.max(after);
                }
                Outcome::Lost { .. } => {
                    *failures += 1;
                    told.failed.insert(fact);
                }
            }
        }
        told.untried = gather(waiting);
        told
    }

    async fn tell_one(&self, fact: Fact, config: &webhook::Config) -> (Fact, Outcome) {
        let now = self.clock.now();
        let request = event::document(&fact)
            .and_then(|document| webhook::signed(&event::id(&fact), &document, config, now));
        let outcome = match request {
            Some(request) => Provider::Webhook.classify(&self.outbound.call(request).await, self.clock.now()),
            None => Outcome::Refused { why: "it does not fit into a request".to_owned() },
        };
        (fact, outcome)
    }
}

#[cfg(test)]
mod tests;

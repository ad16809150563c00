//! Erasing: what a request asks for, and how it is carried out.
//!
//! 1. Whoever is meant is looked up, and what is to be forgotten is noted in `meta`, by name.
//! 2. The document with the hashes of those names is stored. From then on nothing of theirs is accepted any more.
//! 3. Segment by segment, what holds their facts is replaced by what does not.
//! 4. Their records, lines and mails in the local outbox are dropped; what happened after the request makes new records.
//! 5. `meta` says that it is done, and forgets the names.
//!
//! A crash at any point leaves `meta` as it was before or after a step, and each step may be done twice. Until the last
//! one is done, sweeps do nothing else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde::Deserialize;

use super::{Sweep, segment};
use crate::channel::Outbound;
use crate::customer::Customer;
use crate::fact::{Event, Fact, FactId, Past, PrivacyKind, PrivacyRequest};
use crate::gather::gather;
use crate::key::Key;
use crate::store::erasure::{Erasures, Named, Receipt, is_erasure, subjects};
use crate::store::lease::{Clock, Lease};
use crate::store::listing::Listing;
use crate::store::meta::{Meta, Purge};
use crate::store::segment::{Segment, Stored};
use crate::store::{Store, StoreError, names, rebuild, upkeep};
use crate::time::Time;

/// A request may be dated a little ahead of our clock. One that is far ahead must not forget what is still to come.
const AHEAD: TimeDelta = TimeDelta::hours(1);

/// Segments looked through between two writes of `meta`.
const SEGMENTS_AT_ONCE: usize = 16;

/// Something in the inbox that asks for more to be forgotten than is so far.
pub(super) struct Wish {
    keys: BTreeSet<Key>,
    until: Time,
    /// `None` where it is a late fact of somebody forgotten, which names more of them.
    request: Option<(FactId, PrivacyRequest)>,
}

impl Wish {
    /// Late facts have a say as well: or it would depend on the order of deliveries who is forgotten.
    pub(super) fn of(fact: &Fact, erasures: &Erasures) -> Option<Self> {
        let keys = gather(fact.all_keys().map(Cow::into_owned));
        match &fact.event {
            Event::Privacy(request) if is_erasure(fact) => {
                let id = fact.id();
                let request = (!erasures.has_carried_out(&id)).then(|| (id, request.clone()));
                request.map(|request| Self { keys, until: fact.at, request: Some(request) })
            }
            Event::Message(_) | Event::Past(Past { message: Some(_), .. }) => None,
            _ => {
                let until = erasures.covers_keys(fact.at, fact.all_keys())?;
                let new = |key: &Key| erasures.until(key).max(erasures.everything()) < Some(until);
                keys.iter().any(new).then_some(Self { keys, until, request: None })
            }
        }
    }
}

/// What can be read of an inbox value that this version cannot read.
#[derive(Deserialize)]
struct Unread {
    at: Time,
    keys: BTreeSet<Key>,
}

/// Does an inbox value that is no fact to us belong to somebody forgotten?
pub(super) fn covers_unread(erasures: &Erasures, bytes: &[u8]) -> bool {
    let unread: Option<Unread> = serde_json::from_slice(bytes).ok();
    unread
        .is_some_and(|Unread { at, keys }| erasures.covers_keys(at, keys.iter().map(Cow::Borrowed)).is_some())
}

/// As much of a mail in the local outbox as tells whose it is.
#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    to: String,
}

impl Purge {
    /// Segments that became known meanwhile.
    pub(super) fn add(&mut self, folded: &[Stored]) {
        if let Some(left) = &mut self.left {
            left.extend(folded.iter().map(|stored| stored.key.clone()));
        }
    }
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Notes what these wishes come to. Returns whether that is anything: one that meets a damaged page waits in the inbox
    /// until the page is made again.
    pub(super) async fn begin_erasure(
        &self,
        meta: &mut Meta,
        erasures: &Arc<Erasures>,
        wishes: Vec<Wish>,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut records = self.records(meta, erasures);
        let mut named = Named::default();
        'wishes: for Wish { keys, until, request } in wishes {
            let until = if request.is_some() { until.min(now + AHEAD) } else { until };
            let mut customers = BTreeMap::new();
            for key in &keys {
                match records.customer(key).await {
                    Ok(Some(customer)) => customers.insert(customer.root().cloned(), customer.clone()),
                    Ok(None) => None,
                    Err(StoreError::Unreadable { key, why }) => {
                        meta.unreadable.insert(key, why);
                        continue 'wishes;
                    }
                    Err(error) => return Err(error),
                };
            }
            let shop = matches!(request, Some((_, PrivacyRequest { kind: PrivacyKind::EraseShop, .. })));
            let receipt = request.as_ref().map(|(_, request)| Receipt {
                request: request.id.clone(),
                kind: request.kind,
                requested_at: until,
                carried_out_at: now,
                customers: customers.len(),
                orders: customers.values().map(|customer| customer.orders.len()).sum(),
                answers: customers.values().map(|customer| customer.answers.len()).sum(),
                messages: customers.values().map(|customer| customer.messages.len()).sum(),
            });
            if shop {
                // Our own steps from now on must not be taken for older ones.
                named.everything = named.everything.max(Some(until.min(now)));
            } else {
                for customer in customers.values() {
                    name_all(&mut named, customer, until);
                }
                for key in keys {
                    if key.names_subject() {
                        named.add_subject(key.as_str());
                    }
                    named.add(key, until);
                }
            }
            if let (Some((id, _)), Some(receipt)) = (request, receipt) {
                named.requests.insert(id, receipt);
            }
        }
        if named == Named::default() {
            return Ok(false);
        }
        meta.purge = Some(Purge { named, ..Purge::default() });
        meta.save(self.store).await?;
        Ok(true)
    }

    /// Goes on with the erasure that `meta` has noted.
    pub(super) async fn purge(
        &self,
        lease: &mut Lease,
        meta: &mut Meta,
        erasures: &mut Erasures,
        listing: &Listing,
    ) -> Result<(), StoreError> {
        let Some(mut purge) = meta.purge.take() else { return Ok(()) };
        if !erasures.include(&purge.named) {
            erasures.store(self.store, &purge.named, self.seed).await?;
        }
        if purge.named.everything.is_some() {
            // There is nothing to be picked out: whatever is left makes the caches again.
            *meta = rebuild::forget(meta);
            return meta.save(self.store).await;
        }
        let mut left = match purge.left.take() {
            Some(left) => left,
            None => meta.folded.clone(),
        };
        let started = self.clock.now();
        loop {
            let mut replaced = Vec::new();
            for _ in 0..SEGMENTS_AT_ONCE {
                let Some(key) = left.pop_first() else { break };
                if self.purge_segment(&key, meta, erasures, &mut purge).await? {
                    replaced.push(key);
                }
            }
            let done = left.is_empty();
            meta.purge = Some(Purge { left: Some(left.clone()), ..purge.clone() });
            meta.save(self.store).await?;
            for key in replaced {
                self.store.delete(&key).await?;
            }
            lease.check(self.store, self.clock).await?;
            if done {
                break;
            }
            if self.clock.now() - started > self.limits.time / 3 {
                return Ok(());
            }
        }
        match self.drop_records(meta, erasures, &purge).await {
            Err(StoreError::Unreadable { .. }) => {
                // A damaged page may hold them as well. It is made again, and so is everything else.
                *meta = rebuild::forget(meta);
                return meta.save(self.store).await;
            }
            dropped => dropped?,
        }
        self.clean_aside(listing, erasures).await?;
        meta.unfetched.forget(|order| erasures.until(order).is_some());
        meta.purge = None;
        meta.erased = erasures.names().cloned().collect();
        meta.save(self.store).await
    }

    /// Looks through one segment. Returns whether others replace it now.
    async fn purge_segment(
        &self,
        key: &str,
        meta: &mut Meta,
        erasures: &Erasures,
        purge: &mut Purge,
    ) -> Result<bool, StoreError> {
        // Once an unreadable one can be read it is folded again, and looked through then.
        let Some(facts) = self.folded_segment(meta, key).await? else { return Ok(false) };
        let all = facts.len();
        let kept: BTreeSet<Fact> = gather(facts.into_iter().filter(|fact| erasures.covers(fact).is_none()));
        let again = kept.iter().any(|fact| concerns(fact, &purge.named));
        let is_replaced = kept.len() < all;
        if is_replaced {
            let stored = segment::replace(self.store, key, &kept).await?;
            if again {
                purge.again.extend(stored.iter().map(|stored| stored.key.clone()));
            }
            meta.drop_segment(key);
            meta.fold(stored);
        } else if again {
            purge.again.insert(key.to_owned());
        }
        Ok(is_replaced)
    }

    /// Drops the records, and makes those again of what happened afterwards.
    async fn drop_records(
        &self,
        meta: &mut Meta,
        erasures: &Erasures,
        purge: &Purge,
    ) -> Result<(), StoreError> {
        upkeep::drop_strays(self.store, meta, &purge.named.keys).await?;
        let mut records = self.records(meta, &Arc::new(erasures.clone()));
        records.forget(purge.named.keys.keys()).await?;
        let mut touched = BTreeSet::new();
        for key in &purge.again {
            for fact in Segment::load(self.store, key).await?.into_iter().flatten() {
                if concerns(&fact, &purge.named) {
                    touched.extend(records.join(fact).await?);
                }
            }
        }
        self.set_due(&mut records, meta, erasures, &touched).await?;
        // A month must not be changed twice should we come here again.
        let name: Vec<String> = erasures.names().cloned().collect();
        meta.update(records.save(&name).await?);
        Ok(())
    }

    /// What is neither in segments nor in caches: mails in the local outbox, values that nobody could read, copies of
    /// pages that a split never came to use.
    pub(super) async fn clean_aside(&self, listing: &Listing, erasures: &Erasures) -> Result<(), StoreError> {
        if erasures.is_empty() {
            return Ok(());
        }
        for key in &listing.outbox {
            let (Some((at, id)), Some(bytes)) = (names::outbox_entry(key), self.store.get(key).await?) else {
                continue;
            };
            let to = serde_json::from_slice(&bytes).map_or_else(|_| String::new(), |Mail { to }| to);
            if erasures.bars_mail(id, &to, at) {
                self.store.delete(key).await?;
            }
        }
        for key in &listing.dead_letters {
            let bytes = self.store.get(key).await?;
            if bytes.is_some_and(|bytes| covers_unread(erasures, &bytes)) {
                self.store.delete(key).await?;
            }
        }
        self.clean_events(listing, erasures).await?;
        let pages = Meta::load(self.store).await?.page_count();
        for number in listing.pages.range(pages..) {
            self.store.delete(&names::page(*number)).await?;
        }
        Ok(())
    }
}

/// Does this fact name one of the people who are being forgotten?
fn concerns(fact: &Fact, named: &Named) -> bool {
    fact.all_keys().any(|key| named.keys.contains_key(&*key))
}

/// Names all of a customer: every key, what happened up to the time of the request, and what was said by then or about
/// that.
fn name_all(named: &mut Named, customer: &Customer, until: Time) {
    for key in &customer.keys {
        named.add(key.clone(), until);
    }
    let old = |at: Option<Time>| at.is_none_or(|at| at <= until);
    let orders = customer
        .orders
        .iter()
        .map(|(id, order)| (Key::order(id), old(order.stages.values().map(|first| first.0).min())));
    let shipments = customer
        .shipments
        .iter()
        .map(|(id, shipment)| (Key::shipment(id), old(shipment.states.values().map(|first| first.0).min())));
    let answers = customer.answers.iter().map(|(id, answer)| (Key::answer(id), old(answer.reported_at())));
    let reviews = customer.reviews.iter().map(|(id, review)| (Key::review(id), old(review.reported_at())));
    let tickets = customer
        .tickets
        .iter()
        .map(|(id, ticket)| (Key::ticket(id), old(ticket.created_at.first().copied())));
    let things = orders.chain(shipments).chain(answers).chain(reviews).chain(tickets);
    let mut gone = BTreeSet::new();
    for (key, old) in things {
        if let Some(key) = key
            && old
        {
            named.add_subject(key.as_str());
            gone.insert(key);
        }
    }
    for (id, message) in &customer.messages {
        let said = message.steps.iter().any(|(at, _)| *at <= until);
        if said || subjects(&message.cause).any(|about| gone.iter().any(|key| key.as_str() == about)) {
            named.add_message(id);
        }
    }
}

#[cfg(test)]
mod tests;

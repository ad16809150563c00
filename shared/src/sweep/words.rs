//! The words of messages leave when nobody can need them any more.
//!
//! A message's words stand in the fact that says it is about to be sent. When it has ended and its time is over, its
//! segment is replaced by one with a trace of them: the subject, and a hash. No record changes, because records drop words
//! with a message's last step; so it does not matter which of the two facts is seen, or whether both are.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{Sweep, segment, words_last};
use crate::channel::Outbound;
use crate::fact::{Event, Fact};
use crate::message::Message;
use crate::store::erasure::Erasures;
use crate::store::lease::Clock;
use crate::store::listing::Listing;
use crate::store::meta::Meta;
use crate::store::records::Records;
use crate::store::{Store, StoreError};

/// What will be due within this goes as well, so that a segment is not written anew for each of its messages.
const AT_ONCE: TimeDelta = TimeDelta::days(1);

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Replaces one segment whose words are too old.
    pub(super) async fn drop_old_words(
        &self,
        meta: &mut Meta,
        erasures: &Arc<Erasures>,
        listing: &Listing,
    ) -> Result<(), StoreError> {
        let (now, last) = (self.clock.now(), words_last(self.settings));
        let Some(key) = meta.words_from(now - last, &listing.segments).cloned() else {
            return Ok(());
        };
        let by = now - last + AT_ONCE.min(last / 2);
        let mut records = self.records(meta, erasures);
        let Some(facts) = self.folded_segment(meta, &key).await? else { return meta.save(self.store).await };
        let mut kept = BTreeSet::new();
        for fact in facts.iter().cloned() {
            kept.insert(if fact.at <= by { wordless(&mut records, fact).await? } else { fact });
        }
        if kept == facts {
            // It has not ended yet, or its page cannot be read: looked at again when the time has passed once more.
            meta.words.insert(key, now);
            return meta.save(self.store).await;
        }
        let stored = segment::replace(self.store, &key, &kept).await?;
        meta.drop_segment(&key);
        meta.fold(stored);
        meta.save(self.store).await?;
        self.store.delete(&key).await
    }
}

/// The fact without words, if it has any and its message has ended.
async fn wordless<S: Store>(records: &mut Records<'_, S>, fact: Fact) -> Result<Fact, StoreError> {
    let Fact { at, source, keys, event: Event::Message(step) } = fact else { return Ok(fact) };
    let mut ended = false;
    if let (Some(_), Some(key)) = (&step.body, keys.first()) {
        ended = match records.customer(key).await {
            Ok(customer) => {
                let message = customer.and_then(|customer| customer.messages.get(&step.id));
                // A record that knows nothing of it will not send it either.
                message.and_then(Message::state).is_none_or(|(_, step)| step.is_terminal())
            }
            Err(StoreError::Unreadable { .. }) => false,
            Err(error) => return Err(error),
        };
    }
    let step = if ended { step.without_words() } else { step };
    Ok(Fact { at, source, keys, event: Event::Message(step) })
}

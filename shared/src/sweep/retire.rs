//! Retention: what is older than `retention_days` is kept as a summary. See [`summary`].

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{Sweep, segment};
use crate::channel::Outbound;
use crate::fact::Fact;
use crate::settings::Settings;
use crate::store::erasure::Erasures;
use crate::store::lease::Clock;
use crate::store::listing::Listing;
use crate::store::meta::Meta;
use crate::store::segment::MERGE_AT;
use crate::store::{Store, StoreError, names, summary};
use crate::time::Time;

/// One alone waits for another, so that fewer segments come of it.
const FEWEST: usize = 2;

/// Is there something to be summarised?
pub(super) fn is_due(meta: &Meta, settings: &Settings, listing: &Listing, now: Time) -> bool {
    meta.past_by(by(settings, now), &listing.segments).nth(FEWEST - 1).is_some()
}

fn by(settings: &Settings, now: Time) -> Time {
    now - TimeDelta::days(settings.retention_days.into())
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Replaces a few segments whose time is over by a summary. No record changes.
    pub(super) async fn retire(
        &self,
        meta: &mut Meta,
        erasures: &Arc<Erasures>,
        listing: &Listing,
    ) -> Result<(), StoreError> {
        let past = meta.past_by(by(self.settings, self.clock.now()), &listing.segments);
        let past: Vec<String> = past.take(MERGE_AT).cloned().collect();
        if past.len() < FEWEST {
            return Ok(());
        }
        let (facts, mut replaced) = self.folded_segments(meta, past).await?;
        let facts: BTreeSet<Fact> = facts.into_iter().filter_map(|fact| erasures.admit(fact)).collect();
        let level = replaced.iter().filter_map(|key| names::segment_level(key)).max().unwrap_or_default();
        let stored = segment::store(self.store, level, &summary::summarise(facts)).await?;
        // What was made once more after a crash has the key that it had.
        replaced.retain(|key| stored.iter().all(|stored| stored.key != *key));
        for key in &replaced {
            meta.drop_segment(key);
        }
        meta.fold(stored);
        meta.save(self.store).await?;
        for key in &replaced {
            self.store.delete(key).await?;
        }
        Ok(())
    }
}

//! Fetches orders that platforms only named.
//!
//! What comes back goes into the inbox, like a webhook, and is taken up by the next round. Only then is it written down that
//! it was fetched: a crash in between fetches it once more, and the same order is the same fact.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::{Report, Sweep};
use crate::channel::Outbound;
use crate::fact::{Event, Fact, FetchReport, FetchStep};
use crate::fetch::{self, Attempt, Refusal};
use crate::key::Key;
use crate::store::lease::Clock;
use crate::store::records::Records;
use crate::store::{Store, StoreError, names};
use crate::webhook::api;

/// One order to be fetched.
struct Errand {
    platform: String,
    order_id: String,
    attempt: Attempt,
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Makes the attempts that are due for these customers, and returns what became of them as facts.
    pub(super) async fn fetch(
        &self,
        records: &mut Records<'_, S>,
        touched: &BTreeSet<Key>,
        report: &mut Report,
    ) -> Result<BTreeSet<Fact>, StoreError> {
        let errands = self.errands(records, touched).await?;
        let calls = errands.iter().map(|errand| async move { (errand, self.run_errand(errand).await) });
        let outcomes: Vec<_> =
            futures_util::stream::iter(calls).buffer_unordered(self.limits.concurrent_sends).collect().await;
        let mut steps = BTreeSet::new();
        for (errand, outcome) in outcomes {
            let Errand { platform, order_id, attempt } = errand;
            let outcome = match outcome {
                Ok(facts) => {
                    for fact in facts {
                        let bytes = fact.to_bytes();
                        self.store.set(&names::inbox(&Fact::id_of(&bytes)), &bytes).await?;
                    }
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            };
            let now = self.clock.now();
            let step = fetch::step(attempt.number, outcome, self.jitter(order_id, attempt.number), now);
            match step {
                FetchStep::Got | FetchStep::Gone => report.fetched += 1,
                FetchStep::Retry { .. } => report.deferred += 1,
                FetchStep::Failed { .. } => report.failed += 1,
            }
            let (platform, order_id) = (platform.clone(), order_id.clone());
            let fact = Fact {
                at: now,
                source: "aftercare".to_owned(),
                keys: Key::order(&order_id).into_iter().collect(),
                event: Event::Fetched(FetchReport { platform, order_id, asked: attempt.asked, step }),
            };
            records.join(fact.clone()).await?;
            steps.insert(fact);
        }
        Ok(steps)
    }

    /// What is due by now, as much of it as one round takes.
    async fn errands(
        &self,
        records: &mut Records<'_, S>,
        touched: &BTreeSet<Key>,
    ) -> Result<Vec<Errand>, StoreError> {
        let now = self.clock.now();
        let mut errands = BTreeMap::new();
        for root in records.roots_of(touched.iter()).await? {
            let Some(customer) = records.customer(&root).await? else { continue };
            for (platform, order_id, attempt) in fetch::wanted(customer) {
                if attempt.due <= now && self.platforms.has(platform) {
                    errands.insert((platform.to_owned(), order_id.to_owned()), attempt);
                }
            }
        }
        let errands = errands.into_iter().take(self.limits.fetches);
        Ok(errands.map(|((platform, order_id), attempt)| Errand { platform, order_id, attempt }).collect())
    }

    /// Asks for the order, then for its parts, all at once.
    async fn run_errand(&self, errand: &Errand) -> Result<Vec<Fact>, Refusal> {
        let later = |why: &str| Refusal::Later { after: None, why: why.to_owned() };
        let (api, access) = self.platforms.get(&errand.platform).ok_or_else(|| later("there is no token"))?;
        let id = &errand.order_id;
        if !api::is_plain(id) {
            return Err(Refusal::Gone { why: "this is no id of an order there".to_owned() });
        }
        let ask = async |path: String| {
            let request = fetch::request(api, access, &path);
            let request = request.ok_or_else(|| later("the URL or the token cannot stand in a request"))?;
            fetch::body(self.outbound.call(request).await)
        };
        let order = ask((api.order)(id)).await?;
        let parts = api::parts(api, id, &order).map_err(|_| later("the answer is not an order"))?;
        let parts = parts.into_iter().map(async |(name, path)| {
            let part = ask(path).await;
            Ok((name, part?))
        });
        let parts = try_join_all(parts).await?;
        fetch::read(api, &order, &parts)
    }
}

#[cfg(test)]
mod tests;

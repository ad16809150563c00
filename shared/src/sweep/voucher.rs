//! Gets the vouchers that messages are to carry, just before these are frozen: from the shop's pool, or made at its platform.
//!
//! A code that is made follows from its cause, so a crash makes it once more, and the platform has it already. One that is
//! taken from the pool is claimed before it is used, and so is the same after a crash. Where none can be had the message is
//! put off with the reason, and in the end goes without.

use chrono::TimeDelta;
use futures_util::StreamExt;

use super::{Decision, Next, Sweep};
use crate::channel::Outbound;
use crate::key::Key;
use crate::message::Step;
use crate::store::Store;
use crate::store::lease::Clock;
use crate::time::Time;
use crate::voucher::pool::{Gift, Given};
use crate::voucher::{self, Discount, PLATFORM, Refusal, Source, Voucher};

/// How soon a voucher that could not be had is asked for again, where nobody said.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Gets what is wanted, and puts off what cannot be had yet.
    pub(super) async fn get_vouchers(&self, decisions: &mut [(Key, Decision)], now: Time) {
        let mut wishes = Vec::new();
        for (_, decision) in decisions {
            let Next::Begin(draft) = &mut decision.next else { continue };
            let Some(wanted) = draft.voucher.clone() else { continue };
            if now >= wanted.wanted_by {
                draft.go_without_voucher();
            } else {
                wishes.push((decision, wanted));
            }
        }
        let (mut pool, made): (Vec<_>, Vec<_>) =
            wishes.into_iter().partition(|(_, wanted)| wanted.source == Source::Pool);
        self.take_from_pool(&mut pool, now).await;
        let calls = made.into_iter().filter_map(|(decision, wanted)| match &wanted.source {
            Source::Made(discount) => Some((decision, wanted.wanted_by, discount.clone())),
            Source::Pool => None,
        });
        let calls: Vec<_> = calls
            .map(|(decision, wanted_by, discount)| async move {
                if let Err(refusal) = self.make_voucher(&discount).await {
                    decision.next = put_off(refusal, wanted_by, now);
                }
            })
            .collect();
        futures_util::stream::iter(calls)
            .buffer_unordered(self.limits.concurrent_sends)
            .for_each(|()| async {})
            .await;
    }

    async fn take_from_pool(&self, wishes: &mut [(&mut Decision, Voucher)], now: Time) {
        if wishes.is_empty() {
            return;
        }
        let causes: Vec<String> = wishes.iter().map(|(decision, _)| decision.cause.clone()).collect();
        let causes: Vec<&str> = causes.iter().map(String::as_str).collect();
        let gifts = Given::give(self.store, &self.settings.goodwill.codes, &causes).await;
        for (index, (decision, wanted)) in wishes.iter_mut().enumerate() {
            let gift = gifts.as_ref().map(|gifts| gifts.get(index));
            let refusal = match (gift, &mut decision.next) {
                (Ok(Some(Gift::Code(code))), Next::Begin(draft)) => {
                    draft.set_code(code.clone());
                    continue;
                }
                (Ok(Some(Gift::Contested)), _) => Refusal::Later {
                    after: None,
                    why: "another sweep took the same code at the same moment".to_owned(),
                },
                (Ok(_), _) => Refusal::Never {
                    why: "every code of `goodwill.codes` is given away; add some".to_owned(),
                },
                (Err(error), _) => Refusal::Later { after: None, why: error.to_string() },
            };
            decision.next = put_off(refusal, wanted.wanted_by, now);
        }
    }

    async fn make_voucher(&self, discount: &Discount) -> Result<(), Refusal> {
        let never = |why: &str| Refusal::Never { why: [PLATFORM, " ", why].concat() };
        let (_, access) =
            self.platforms.get(PLATFORM).ok_or_else(|| never("is not connected: set `shopify_token`"))?;
        let request = voucher::request(discount, access);
        let request = request.ok_or_else(|| never("has a URL or a token that cannot stand in a request"))?;
        voucher::classify(self.outbound.call(request).await).map_err(|refusal| match refusal {
            Refusal::Later { after, why } => Refusal::Later { after, why: [PLATFORM, " ", &why].concat() },
            Refusal::Never { why } => never(&why),
        })
    }
}

/// Nobody waits for an apology because of a voucher for longer than it is wanted.
fn put_off(refusal: Refusal, wanted_by: Time, now: Time) -> Next {
    let (until, why) = match refusal {
        Refusal::Later { after, why } => (now + after.unwrap_or(ASKED_AGAIN_AFTER), why),
        Refusal::Never { why } => (wanted_by, why),
    };
    let why = ["no voucher yet: ", &why].concat();
    Next::Record(Step::Deferred { until: until.min(wanted_by), why })
}

#[cfg(test)]
mod tests;

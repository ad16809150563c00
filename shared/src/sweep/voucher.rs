//! Makes the vouchers that messages are to carry, just before these are frozen.
//!
//! Nothing is written down before: the code follows from its cause, so a crash makes it once more, and the platform has
//! it already. Where none can be had the message is put off with the reason, and in the end goes without.

use chrono::TimeDelta;
use futures_util::StreamExt;

use super::{Decision, Next, Sweep};
use crate::channel::Outbound;
use crate::key::Key;
use crate::message::Step;
use crate::store::Store;
use crate::store::lease::Clock;
use crate::time::Time;
use crate::voucher::{self, PLATFORM, Refusal, Voucher};

/// How soon a platform that could not make a voucher is asked again, where it did not say.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Makes what is wanted, and puts off what cannot be had yet.
    pub(super) async fn make_vouchers(&self, decisions: &mut [(Key, Decision)], now: Time) {
        let calls = decisions.iter_mut().filter_map(|(_, decision)| {
            let Next::Begin(draft) = &mut decision.next else { return None };
            let wanted = draft.voucher.clone()?;
            if now >= wanted.wanted_by {
                draft.go_without_voucher();
                return None;
            }
            Some(async move {
                if let Err(refusal) = self.make_voucher(&wanted).await {
                    decision.next = Next::Record(put_off(refusal, &wanted, now));
                }
            })
        });
        let calls: Vec<_> = calls.collect();
        futures_util::stream::iter(calls)
            .buffer_unordered(self.limits.concurrent_sends)
            .for_each(|()| async {})
            .await;
    }

    async fn make_voucher(&self, wanted: &Voucher) -> Result<(), Refusal> {
        let never = |why: &str| Refusal::Never { why: why.to_owned() };
        let (_, access) =
            self.platforms.get(PLATFORM).ok_or_else(|| never("is not connected: set `shopify_token`"))?;
        let request = voucher::request(wanted, access);
        let request = request.ok_or_else(|| never("has a URL or a token that cannot stand in a request"))?;
        voucher::classify(self.outbound.call(request).await)
    }
}

/// Nobody waits for an apology because of a voucher for longer than it is wanted.
fn put_off(refusal: Refusal, wanted: &Voucher, now: Time) -> Step {
    let (until, why) = match refusal {
        Refusal::Later { after, why } => (now + after.unwrap_or(ASKED_AGAIN_AFTER), why),
        Refusal::Never { why } => (wanted.wanted_by, why),
    };
    Step::Deferred { until: until.min(wanted.wanted_by), why: format!("no voucher yet: {PLATFORM} {why}") }
}

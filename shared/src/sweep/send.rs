//! Handing messages over: every provider by itself, several at a time, within a bounded time.

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest, Sha256};

use super::{Job, Report, Sweep, own_fact};
use crate::channel::{Outbound, Outcome, Outgoing, Provider, retry_at};
use crate::fact::{Fact, Reach, ReachReport};
use crate::message::{MessageStep, Step};
use crate::store::lease::{Clock, Lease};
use crate::store::records::Records;
use crate::store::segment::{self, Stored};
use crate::store::{Store, StoreError};
use crate::time::Time;

/// A provider that is asked for too much and does not say for how long to leave it alone.
const PAUSE: TimeDelta = TimeDelta::seconds(1);

/// What became of one message.
struct Handed<'j> {
    job: &'j Job,
    fate: Fate,
    at: Time,
}

enum Fate {
    Asked(Outcome),
    /// Not handed over; not before `until` either.
    Held {
        until: Time,
    },
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Hands messages over and writes down what became of them. Providers do not wait for each other: what one of them
    /// answered is stored as soon as it has answered all, so that one that hangs holds up nobody.
    ///
    /// A sweep that stalled until its lease ran out hands nothing over any more: whoever has the lease now takes these
    /// attempts for its own to make, perhaps so long ago that the provider has forgotten their keys.
    pub(super) async fn send(
        &self,
        lease: &mut Lease,
        jobs: &[Job],
        records: &mut Records<'_, S>,
        report: &mut Report,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut by_provider: BTreeMap<Provider, Vec<&Job>> = BTreeMap::new();
        for job in jobs {
            by_provider.entry(job.body.provider).or_default().push(job);
        }
        let good_until = &Cell::new(lease.good_until());
        let mut providers: FuturesUnordered<_> =
            by_provider.into_values().map(|jobs| self.send_through_one(jobs, good_until)).collect();
        let mut batch = Vec::new();
        while let Some(handed) = providers.next().await {
            let mut facts = std::collections::BTreeSet::new();
            for handed in handed {
                let fact = self.fact_of(handed, report);
                records.join(fact.clone()).await?;
                facts.insert(fact);
            }
            batch.extend(segment::store(self.store, 0, &facts).await?);
            if lease.is_half_over(self.clock.now()) && lease.check(self.store, self.clock).await.is_ok() {
                good_until.set(lease.good_until());
            }
        }
        lease.check(self.store, self.clock).await?;
        Ok(batch)
    }

    /// Hands over what goes through one provider. When it asks for a pause, the rest waits; what does not get its turn in
    /// time is held for the next sweep.
    async fn send_through_one<'j>(&self, jobs: Vec<&'j Job>, good_until: &Cell<Time>) -> Vec<Handed<'j>> {
        let ends = self.clock.now() + self.limits.sending;
        let mut waiting = jobs.into_iter();
        let mut calls = FuturesUnordered::new();
        let mut handed = Vec::new();
        let mut paused_until = None;
        loop {
            while calls.len() < self.limits.concurrent_sends {
                let now = self.clock.now();
                if now >= ends.min(good_until.get()) || paused_until.is_some_and(|until| until > now) {
                    break;
                }
                let Some(job) = waiting.next() else { break };
                calls.push(self.hand_over(job));
            }
            if let Some(done) = calls.next().await {
                if let Fate::Asked(Outcome::Busy { after, .. }) = &done.fate {
                    paused_until = paused_until.max(Some(done.at + after.unwrap_or(PAUSE)));
                }
                handed.push(done);
                continue;
            }
            let now = self.clock.now();
            match paused_until {
                Some(until) if until > now && until < ends && waiting.len() > 0 => {
                    self.clock.wait(until - now).await;
                }
                _ => break,
            }
        }
        // Whoever has the lease after us asks providers that know the message's key again; of others nobody would ever
        // know that they were not asked.
        let now = self.clock.now();
        let in_time = now < good_until.get();
        let held = waiting.filter(|job| in_time || job.body.provider.idempotent_for().is_none());
        let until = paused_until.map_or(now, |until| until.clamp(now, now + TimeDelta::days(1)));
        handed.extend(held.map(|job| Handed { job, fate: Fate::Held { until }, at: now }));
        handed
    }

    async fn hand_over<'j>(&self, job: &'j Job) -> Handed<'j> {
        let message = Outgoing { id: &job.id, playbook: &job.playbook, body: &job.body };
        let outcome = match self.providers.request(&message, self.clock.now()) {
            Ok(request) => {
                let answer = self.outbound.call(request).await;
                job.body.provider.classify(&answer, self.clock.now())
            }
            Err(outcome) => outcome,
        };
        Handed { job, fate: Fate::Asked(outcome), at: self.clock.now() }
    }

    fn fact_of(&self, handed: Handed<'_>, report: &mut Report) -> Fact {
        let Handed { job, fate, at } = handed;
        let reach = match &fate {
            Fate::Asked(Outcome::Blocked { report, .. }) => {
                Reach::new(job.body.channel, &job.body.to, *report)
            }
            _ => None,
        };
        let step = match fate {
            Fate::Asked(outcome) => self.after(job, outcome, at),
            Fate::Held { until } => Step::Retry {
                attempt: job.attempt,
                until,
                why: "not handed over yet: the provider is slow or asked for a pause".to_owned(),
                maybe_sent: job.maybe_sent,
                held: true,
            },
        };
        match step {
            Step::Sent { .. } => report.sent += 1,
            Step::Retry { .. } => report.deferred += 1,
            _ => report.failed += 1,
        }
        let step = MessageStep {
            id: job.id.clone(),
            playbook: job.playbook.clone(),
            cause: job.cause.clone(),
            step,
            body: None,
            trace: None,
            reach,
        };
        own_fact(&job.about, at, step)
    }

    /// The step that follows an attempt.
    fn after(&self, job: &Job, outcome: Outcome, now: Time) -> Step {
        let end = |why, maybe_sent| if maybe_sent { Step::Unknown { why } } else { Step::Failed { why } };
        let retry = |after, why: String, maybe_sent| match retry_at(
            job.tries,
            after,
            self.jitter(job.id.as_str(), job.attempt),
            now,
        ) {
            Some(until) => Step::Retry { attempt: job.attempt, until, why, maybe_sent, held: false },
            None => end(format!("given up after {} attempts: {why}", job.tries), maybe_sent),
        };
        match outcome {
            Outcome::Sent { provider_id } => Step::Sent { provider_id },
            Outcome::Blocked { why, report: ReachReport::Stopped } if !job.maybe_sent => {
                Step::Skipped { why: ["they want nothing on this channel: the provider ", &why].concat() }
            }
            Outcome::Refused { why } | Outcome::Blocked { why, .. } => end(why, job.maybe_sent),
            Outcome::Later { after, why } | Outcome::Busy { after, why } => retry(after, why, job.maybe_sent),
            Outcome::Lost { why } if job.body.provider.may_be_asked_again(job.first_attempt_at, now) => {
                retry(None, why, true)
            }
            Outcome::Lost { why } => Step::Unknown { why },
        }
    }

    /// 0 to 1, another for every message or order, and attempt.
    pub(super) fn jitter(&self, id: &str, attempt: u32) -> f64 {
        let digest = Sha256::digest(format!("{:x} {id} {attempt}", self.seed));
        f64::from(u16::from_le_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
    }
}

#[cfg(test)]
pub(super) mod tests;

//! Lives through a shop's trade: every webhook and every tick at its time, on a host with a manual clock.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aftercare_host::{Counts, Host, ManualClock};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};

use super::{DAY, Delivery, Trade};

/// When something is called, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// From one tick to the next.
    pub tick: u64,
    /// From one tick to the next while nothing arrives. The same as `tick` in real life; ticks that find nothing to do
    /// cost a test more than they show.
    pub idle_tick: u64,
}

/// Deliveries under way at once.
const AT_ONCE: usize = 16;

/// Waits of a platform before it sends again what was not taken: eight times over four hours, as Shopify has it.
const RETRIES: [u64; 8] = [60, 120, 300, 600, 1_200, 2_400, 4_200, 5_400];

/// A host that is lived on.
pub struct Life<'a> {
    pub host: &'a Host,
    pub clock: &'a ManualClock,
    /// By sender, as [`crate::signing::Sender::variable`] names them.
    pub secrets: &'a [(&'a str, &'a str)],
    pub dispatch_token: &'a str,
    pub schedule: Schedule,
}

/// What it took.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    pub delivered: u64,
    /// Deliveries that were refused with 503, and sent again later.
    pub refused: u64,
    pub ticks: u64,
    /// Ticks that were answered 503: the store refused a call of the sweep.
    pub stopped: u64,
    pub counts: Counts,
    /// The most outgoing calls within one hour of the clock.
    pub outgoing_an_hour: u64,
    /// The most keys at the end of a day.
    pub most_keys: usize,
    /// Stored in the end: number and bytes by kind of key.
    pub stored: BTreeMap<String, (usize, usize)>,
    pub largest_value: usize,
}

impl Life<'_> {
    /// Delivers everything, calls the ticks in between, and goes on for a day after the end.
    pub async fn live(&self, trade: &Trade, days: u32) -> Result<Usage> {
        let Schedule { tick, idle_tick } = self.schedule;
        let opening = self.clock.now();
        let mut usage = Usage::default();
        let mut queue: BTreeMap<(u64, usize), usize> = BTreeMap::new();
        for (index, delivery) in trade.deliveries.iter().enumerate() {
            queue.insert((delivery.after, index), 0);
        }
        self.host.counters().reset();
        let (mut hour, mut outgoing) = (0, 0);
        let (mut day, mut next_tick) = (0, tick);
        let ends_after = (u64::from(days) + 1) * DAY;
        while !queue.is_empty() || next_tick <= ends_after {
            let arrival = queue.first_key_value().map(|(&(after, _), _)| after);
            let now = arrival.map_or(next_tick, |arrival| arrival.min(next_tick));
            if let Ok(more) = (opening + Duration::from_secs(now)).duration_since(self.clock.now()) {
                self.clock.advance(more);
            }
            if now / 3_600 != hour {
                let total = self.host.counters().read().outbound;
                usage.outgoing_an_hour = usage.outgoing_an_hour.max(total - outgoing);
                (hour, outgoing) = (now / 3_600, total);
            }
            if now / DAY != day {
                day = now / DAY;
                let keys = self.store()?.keys().await?.len();
                usage.most_keys = usage.most_keys.max(keys);
            }
            if arrival == Some(now) {
                let later = queue.split_off(&(now + 1, 0));
                let arriving = std::mem::replace(&mut queue, later);
                let answers = stream::iter(arriving).map(|((_, index), attempt)| async move {
                    (index, attempt, self.deliver(&trade.deliveries[index]).await)
                });
                for (index, attempt, answer) in answers.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
                    let answer = answer?;
                    match answer.status().as_u16() {
                        202 => usage.delivered += 1,
                        503 => {
                            ensure!(answer.headers().contains_key("retry-after"), "503 without Retry-After");
                            usage.refused += 1;
                            let wait = RETRIES.get(attempt).context("the platform gives up on a delivery")?;
                            queue.insert((now + wait, index), attempt + 1);
                        }
                        status => bail!("answered {status}: {}", String::from_utf8_lossy(answer.body())),
                    }
                }
                self.host.settled().await;
                next_tick = next_tick.min((now / tick + 1) * tick);
            } else {
                usage.ticks += 1;
                match self.tick().await?.status().as_u16() {
                    200 => next_tick += idle_tick,
                    503 => {
                        usage.stopped += 1;
                        next_tick += tick;
                    }
                    status => bail!("the tick was answered {status}"),
                }
            }
        }
        usage.counts = self.host.counters().read();
        usage.measure(&self.store()?).await?;
        Ok(usage)
    }

    fn store(&self) -> Result<aftercare_host::Store> {
        self.host.store("default").context("the default store")
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Response<Bytes>> {
        let variable = delivery.sender.variable();
        let secret =
            self.secrets.iter().find(|(name, _)| *name == variable).context("the sender's secret")?.1;
        let mut request = Request::post(format!("/webhooks/{}", delivery.event));
        for (name, value) in
            delivery.sender.headers(delivery.topic, secret, &delivery.body, self.clock.now())?
        {
            request = request.header(name, value);
        }
        Ok(self.host.handle(request.body(delivery.body.clone())?).await)
    }

    async fn tick(&self) -> Result<Response<Bytes>> {
        let request = Request::builder().method(Method::POST).uri("/dispatch");
        let request = request.header("authorization", format!("Bearer {}", self.dispatch_token));
        let answer = self.host.handle(request.body(Bytes::new())?).await;
        self.host.settled().await;
        Ok(answer)
    }
}

impl Usage {
    async fn measure(&mut self, store: &aftercare_host::Store) -> Result<()> {
        let keys = store.keys().await?;
        self.most_keys = self.most_keys.max(keys.len());
        for key in keys {
            let bytes = store.get(&key).await?.unwrap_or_default().len();
            let kind = key.split_once(':').map_or(key.as_str(), |(kind, _)| kind).to_owned();
            let stored = self.stored.entry(kind).or_default();
            stored.0 += 1;
            stored.1 += bytes;
            self.largest_value = self.largest_value.max(bytes);
        }
        Ok(())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, refused, ticks, stopped, counts, .. } = self;
        let bytes: usize = self.stored.values().map(|(_, bytes)| bytes).sum();
        writeln!(
            f,
            "{delivered} deliveries taken, {refused} refused; {ticks} ticks, {stopped} stopped by the store"
        )?;
        writeln!(
            f,
            "{} keys at most, {bytes} bytes stored, largest value {}",
            self.most_keys, self.largest_value
        )?;
        for (kind, (keys, bytes)) in &self.stored {
            writeln!(f, "  {kind}: {keys} keys, {bytes} bytes")?;
        }
        writeln!(
            f,
            "{} writes, {} reads, {} outgoing calls, {} in the busiest hour, {} requests served",
            counts.writes(),
            counts.reads(),
            counts.outbound,
            self.outgoing_an_hour,
            counts.requests
        )?;
        write!(f, "{:.1} MiB of memory at most in one execution", mib(counts.peak_memory_bytes))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

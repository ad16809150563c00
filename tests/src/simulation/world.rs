//! The world: time, one key-value store, one provider, and every call that is under way.
//!
//! A call is issued, takes effect later, and is answered later still; in between, anything else may happen. The caller
//! may be dead by then, and the effect may come all the same.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::rc::Rc;
use std::task::Waker;

use aftercare::channel::CallError;
use aftercare::fact::Fact;
use aftercare::message::MessageId;
use aftercare::store::lease::LeaseTiming;
use aftercare::store::meta::{Meta, Purge};
use aftercare::store::{StoreError, codec, names};
use aftercare::time::Time;
use chrono::TimeDelta;

use super::law::{Law, Violation};
use super::provider::{self, Provider, Reply};
use super::random::Random;
use super::truth::{Truth, describe};
use super::weather::Weather;
use super::{Mode, Stats};

/// One thread, many actors.
pub(super) type Shared = Rc<RefCell<World>>;

pub(super) type ActorId = usize;
pub(super) type CallId = usize;

/// Between seeing a free lease and writing one's own there are at most five waits: for the answer that shows it, and for
/// effect and answer of two more calls. Fischer's algorithm asks that they end within `LeaseTiming::settle`.
const WAITS_IN_RACE: u64 = 5;

/// The longest that a store call of a sweep takes in timely mode: well within what is left of the lease when the host
/// ends the sweep.
const TIMELY_AT_MOST: u64 = 5_000;

pub(super) enum Request {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Keys,
    Wait(TimeDelta),
    Send(Box<http::Request<Vec<u8>>>),
}

pub(super) enum Answer {
    Value(Result<Option<Vec<u8>>, StoreError>),
    Keys(Result<Vec<String>, StoreError>),
    Done(Result<(), StoreError>),
    Reply(Reply),
}

pub(super) struct Call {
    actor: ActorId,
    request: Option<Request>,
    answer: Option<Answer>,
    waker: Option<Waker>,
    over: bool,
}

/// Whom the schedule lets appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Appearance {
    /// The platform delivers the fact with this number.
    Delivery(usize),
    Sweep,
    Rebuild,
    Reader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Appear(Appearance),
    Effect(CallId),
    Answer(CallId),
    /// The host ends what runs for too long.
    Limit(ActorId),
    /// From here on nothing goes wrong.
    Calm,
}

#[derive(Debug)]
pub(super) struct Actor {
    pub(super) kind: Appearance,
    pub(super) alive: bool,
    /// Milliseconds by which this actor's clock is ahead.
    skew: i64,
    /// Between seeing a lease, or none, and writing one.
    racing: bool,
    /// Between the first write under a lease and letting go of it.
    at_work: bool,
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) mode: Mode,
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) values: BTreeMap<String, Vec<u8>>,
    pub(super) truth: Truth,
    pub(super) provider: Provider,
    pub(super) actors: Vec<Actor>,
    pub(super) stats: Stats,
    pub(super) violation: Option<Violation>,
    /// Reads and writes of the store so far.
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) slowest_sweep: TimeDelta,
    /// Milliseconds that whoever takes the lease waits for others.
    settle: u64,
    began: Time,
    calls: Vec<Call>,
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    /// The first body that was handed over for each message.
    bodies: BTreeMap<String, Vec<u8>>,
    trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(mode: Mode, random: Random, weather: Weather, now: Time, trace: bool) -> Self {
        Self {
            now,
            mode,
            random,
            weather,
            values: BTreeMap::new(),
            truth: Truth::default(),
            provider: Provider::default(),
            actors: Vec::new(),
            stats: Stats::default(),
            violation: None,
            reads: 0,
            writes: 0,
            slowest_sweep: TimeDelta::zero(),
            settle: LeaseTiming::default().settle.num_milliseconds().unsigned_abs(),
            began: now,
            calls: Vec::new(),
            queue: BinaryHeap::new(),
            bodies: BTreeMap::new(),
            trace: trace.then(Vec::new),
        }
    }

    pub(super) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Writes a line into the trace, if there is one.
    pub(super) fn note(&mut self, actor: Option<ActorId>, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_none() {
            return;
        }
        let line = line(self);
        let at = self.stamp(self.now);
        let who = actor.map_or_else(String::new, |id| match self.actors[id].kind {
            Appearance::Delivery(_) => format!("webhook {id}"),
            Appearance::Sweep => format!("sweep {id}"),
            Appearance::Rebuild => format!("rebuild {id}"),
            Appearance::Reader => format!("reader {id}"),
        });
        let line = format!("{at:>11} {who:<11} {line}");
        self.trace.iter_mut().for_each(|trace| trace.push(line.clone()));
    }

    /// Seconds since the world began.
    fn stamp(&self, at: Time) -> String {
        let millis = (at - self.began).num_milliseconds();
        format!("{}.{:03}", millis / 1_000, millis.rem_euclid(1_000))
    }

    pub(super) fn broken(&mut self, violation: Violation) {
        self.note(None, |_| violation.to_string());
        self.violation.get_or_insert(violation);
    }

    // ── Events ──────────────────────────────────────────────────────────────

    pub(super) fn schedule(&mut self, at: Time, event: Event) {
        // Chance decides between events of the same moment.
        let tie = self.random.next();
        self.queue.push(Reverse((at, tie, event)));
    }

    pub(super) fn after(&mut self, millis: u64, event: Event) {
        let at = self.now + TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX));
        self.schedule(at, event);
    }

    /// The next event, and time moved on to it.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let Reverse((at, _, event)) = self.queue.pop()?;
        self.now = self.now.max(at);
        Some(event)
    }

    pub(super) fn enter(&mut self, kind: Appearance) -> ActorId {
        let skew = i64::try_from(self.random.below(2 * self.weather.skew + 1)).unwrap_or_default();
        let skew = skew - i64::try_from(self.weather.skew).unwrap_or_default();
        self.actors.push(Actor { kind, alive: true, skew, racing: false, at_work: false });
        self.actors.len() - 1
    }

    /// The actor is done.
    pub(super) fn leave(&mut self, actor: ActorId) {
        self.actors[actor].alive = false;
        self.actors[actor].at_work = false;
    }

    /// The actor is no more. What it had under way may still happen.
    pub(super) fn die(&mut self, actor: ActorId) {
        self.leave(actor);
        for id in 0..self.calls.len() {
            if self.calls[id].actor == actor && !self.calls[id].over {
                self.calls[id].waker = None;
                if self.random.chance(500) {
                    self.calls[id].request = None;
                    self.calls[id].over = true;
                }
            }
        }
    }

    pub(super) fn clock(&self, actor: ActorId) -> Time {
        self.now + TimeDelta::milliseconds(self.actors[actor].skew)
    }

    // ── Calls ───────────────────────────────────────────────────────────────

    fn delay(&mut self, actor: ActorId, racing: bool) -> u64 {
        let mut delay = self.random.below(self.weather.latency + 1);
        if self.random.chance(self.weather.stall) {
            self.stats.stalls += 1;
            delay += self.random.magnitude(self.weather.stall_at_most);
        }
        let holds_lease = matches!(self.actors[actor].kind, Appearance::Sweep | Appearance::Rebuild);
        let bounded = self.mode == Mode::Timely && holds_lease;
        match (bounded, racing) {
            (false, _) => delay,
            (true, true) => delay.min((self.settle - 1) / WAITS_IN_RACE),
            (true, false) => delay.min(TIMELY_AT_MOST),
        }
    }

    pub(super) fn issue(&mut self, actor: ActorId, request: Request) -> CallId {
        let racing = self.actors[actor].racing;
        let sees_lease = matches!(&request, Request::Keys) || is_get(&request, names::LEASE);
        // A look at the lease opens the window, or opens it again; whatever is no part of taking the lease closes it.
        let within = racing && !sees_lease;
        self.actors[actor].racing = match &request {
            Request::Get(key) if key == names::META => racing,
            Request::Set(key, _) if key == names::LEASE => racing,
            _ => sees_lease,
        };
        if let Request::Send(request) = &request {
            self.hand_over(request);
        }
        let delay = match &request {
            Request::Wait(duration) => {
                u64::try_from(duration.num_milliseconds()).unwrap_or_default() + self.delay(actor, false)
            }
            // Networks are slower than stores.
            Request::Send(_) => self.random.magnitude(3_000),
            _ => self.delay(actor, within),
        };
        self.calls.push(Call { actor, request: Some(request), answer: None, waker: None, over: false });
        let id = self.calls.len() - 1;
        self.after(delay, Event::Effect(id));
        id
    }

    /// The answer, once there is one.
    pub(super) fn poll(&mut self, id: CallId, waker: &Waker) -> Option<Answer> {
        let call = &mut self.calls[id];
        if call.answer.is_none() {
            call.waker = Some(waker.clone());
        }
        call.answer.take()
    }

    pub(super) fn caller(&self, id: CallId) -> ActorId {
        self.calls[id].actor
    }

    /// A call takes effect; its answer gets under way.
    pub(super) fn take_effect(&mut self, id: CallId) {
        let Some(request) = self.calls[id].request.take() else { return };
        let actor = self.calls[id].actor;
        let fails = !matches!(request, Request::Wait(_) | Request::Send(_))
            && self.weather.store_failure > 0
            && self.random.chance(self.weather.store_failure);
        let failure = || StoreError::Failed("simulated".to_owned());
        self.stats.calls += 1;
        let skip = fails && self.random.chance(500);
        let answer = match request {
            Request::Get(key) => {
                self.reads += 1;
                self.note(Some(actor), |world| world.describe_value("get", &key, world.values.get(&key)));
                Answer::Value(if fails { Err(failure()) } else { Ok(self.values.get(&key).cloned()) })
            }
            Request::Keys => {
                self.reads += 1;
                self.note(Some(actor), |world| format!("keys: {}", world.values.len()));
                Answer::Keys(if fails { Err(failure()) } else { Ok(self.values.keys().cloned().collect()) })
            }
            Request::Set(key, value) => {
                self.writes += 1;
                if !skip {
                    self.note(Some(actor), |world| world.describe_value("set", &key, Some(&value)));
                    self.works(actor, &key);
                    self.set(key, value);
                }
                Answer::Done(if fails { Err(failure()) } else { Ok(()) })
            }
            Request::Delete(key) => {
                self.writes += 1;
                if !skip {
                    self.note(Some(actor), |_| format!("delete {key}"));
                    if key == names::LEASE {
                        self.actors[actor].at_work = false;
                    }
                    self.delete(&key);
                }
                Answer::Done(if fails { Err(failure()) } else { Ok(()) })
            }
            Request::Wait(_) => Answer::Done(Ok(())),
            Request::Send(request) => {
                let reply = self.provider.take(&request, &self.weather, &mut self.random, self.now);
                self.count(&reply);
                self.note(Some(actor), |_| {
                    let what = match &reply {
                        Ok(response) => response.status().to_string(),
                        Err(error) => error.to_string(),
                    };
                    format!("provider: {} {what}", provider::key_of(&request))
                });
                Answer::Reply(reply)
            }
        };
        if fails {
            self.stats.store_failures += 1;
            self.note(Some(actor), |_| "… and the store said that it failed".to_owned());
        }
        let delay = match &answer {
            Answer::Reply(Err(CallError::Lost(_))) => {
                provider::HANGS_UP_AFTER.num_milliseconds().unsigned_abs()
            }
            Answer::Reply(_) => self.random.magnitude(1_000),
            _ => self.delay(actor, self.actors[actor].racing),
        };
        self.calls[id].answer = Some(answer);
        self.after(delay, Event::Answer(id));
    }

    /// The answer reaches its caller, if that still lives.
    pub(super) fn answer(&mut self, id: CallId) -> Option<ActorId> {
        let call = &mut self.calls[id];
        call.over = true;
        if let Some(waker) = call.waker.take() {
            waker.wake();
        }
        self.actors[call.actor].alive.then_some(call.actor)
    }

    pub(super) fn set(&mut self, key: String, value: Vec<u8>) {
        let kept = self.truth.set(&key, &value);
        self.values.insert(key, value);
        if let Err(violation) = kept {
            self.broken(violation);
        }
    }

    pub(super) fn delete(&mut self, key: &str) {
        self.values.remove(key);
        if let Err(violation) = self.truth.delete(key) {
            self.broken(violation);
        }
    }

    /// A sweep writes under its lease: is another one at it?
    fn works(&mut self, actor: ActorId, key: &str) {
        let is_sweep = self.actors[actor].kind == Appearance::Sweep;
        if !is_sweep || key == names::LEASE || self.actors[actor].at_work || !self.actors[actor].alive {
            return;
        }
        if self.actors.iter().any(|other| other.at_work) {
            self.stats.overlaps += 1;
            self.note(Some(actor), |_| "… while another sweep is at work".to_owned());
        }
        self.actors[actor].at_work = true;
    }

    fn count(&mut self, reply: &Reply) {
        match reply {
            Ok(response) if response.status().is_success() => self.stats.accepted += 1,
            Ok(_) => self.stats.refused += 1,
            Err(_) => self.stats.unanswered += 1,
        }
    }

    /// A message leaves for the provider.
    fn hand_over(&mut self, request: &http::Request<Vec<u8>>) {
        let message = provider::message_of(provider::key_of(request)).to_owned();
        let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let id: Option<MessageId> = serde_json::from_value(message.clone().into()).ok();
        let recorded = id.and_then(|id| self.truth.sending(&id)).is_some_and(|bodies| {
            bodies.iter().any(|body| sent["text"] == body.text.as_str() && sent["to"][0] == body.to.as_str())
        });
        if !recorded {
            let detail = format!("{message} was handed over before it was recorded as `sending`");
            self.broken(Violation { law: Law::RecordedBeforeSent, detail });
        }
        let first = self.bodies.entry(message.clone()).or_insert_with(|| request.body().clone());
        if *first != *request.body() && self.mode == Mode::Timely {
            let detail = format!("{message} was handed over again with other words");
            self.broken(Violation { law: Law::BodyIsFrozen, detail });
        }
    }

    fn describe_value(&self, verb: &str, key: &str, value: Option<&Vec<u8>>) -> String {
        let mut line = format!("{verb} {key}");
        let Some(value) = value else {
            line.push_str(": nothing");
            return line;
        };
        if names::is_inbox(key) {
            if let Ok(fact) = Fact::from_bytes(value) {
                let _ = write!(line, ": {}", describe(&fact));
            }
        } else if names::segment_level(key).is_some() {
            let facts: Vec<Fact> = codec::decode(key, value).unwrap_or_default();
            let facts: Vec<String> = facts.iter().map(describe).collect();
            let _ = write!(line, ": {}", facts.join(", "));
        } else if key == names::LEASE {
            let _ = write!(line, ": {}", String::from_utf8_lossy(value));
        } else if key == names::META {
            let Meta { pages, folded, unreadable, erased, purge, clearing, .. } =
                codec::decode(key, value).unwrap_or_default();
            let due: Vec<String> = pages
                .iter()
                .zip(0..)
                .filter_map(|(page, number): (_, u32)| {
                    Some(format!("{number} due {}", self.stamp(page.due?)))
                })
                .collect();
            let folded: Vec<&str> = folded.iter().map(|key| key.get(..10).unwrap_or(key)).collect();
            let _ =
                write!(line, ": {} pages [{}], folded [{}]", pages.len(), due.join(", "), folded.join(" "));
            let erased: Vec<&str> = erased.iter().map(|key| key.get(..12).unwrap_or(key)).collect();
            if !erased.is_empty() {
                let _ = write!(line, ", erased [{}]", erased.join(" "));
            }
            if let Some(Purge { named, left, .. }) = purge {
                let left = left.map(|left| left.len());
                let _ = write!(line, ", erasing {:?}, {left:?} segments left", named.keys);
            }
            if !unreadable.is_empty() || clearing {
                let _ = write!(line, ", {} unreadable, clearing: {clearing}", unreadable.len());
            }
        } else {
            let _ = write!(line, ": {} bytes", value.len());
        }
        line
    }
}

fn is_get(request: &Request, name: &str) -> bool {
    matches!(request, Request::Get(key) if key == name)
}

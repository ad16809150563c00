//! Who runs when: actors appear, run from call to call in the order that chance decides, hang, and die.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use aftercare::channel::{Providers, resend};
use aftercare::customer::Customer;
use aftercare::fact::{Event as FactEvent, Fact, FactId};
use aftercare::fetch::Platforms;
use aftercare::join::Join;
use aftercare::ledger::bin::What;
use aftercare::ledger::{Counts, Detail};
use aftercare::settings::Settings;
use aftercare::store::lease::{Clock, Lease, LeaseTiming};
use aftercare::store::meta::{Meta, PageInfo};
use aftercare::store::upkeep::PageLimits;
use aftercare::store::view::View;
use aftercare::store::{Store, StoreError, codec, names, rebuild};
use aftercare::sweep::{Limits, Sweep};
use aftercare::time::Time;
use chrono::{TimeDelta, Timelike};

use super::law::{Law, Violation};
use super::port::Port;
use super::random::Random;
use super::sabotage::{Access, Role, Sabotage};
use super::weather::Weather;
use super::world::{ActorId, Appearance, Event, Shared, World};
use super::{Mode, Options, Stats, shop, verdict};

/// The world begins on a Saturday evening, or just before midnight, when days end for some clocks sooner than for others.
const BEGINS: [&str; 2] = ["2026-11-21T20:00:00Z", "2026-11-21T23:59:58Z"];

/// Hosts end what runs for longer.
const HOST_LIMIT_MILLIS: u64 = 30_000;

/// Days for which everything is kept as it came: no world lasts for so long.
const FOR_GOOD: u16 = 3_650;

/// Sweeps until nothing is left to do take less than this many, or something goes round in circles.
const SWEEPS_TO_REST: usize = 200;

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// What stays the same in one world.
pub(super) struct Scene {
    pub(super) facts: Vec<Fact>,
    pub(super) settings: Settings,
    limits: Limits,
    providers: Providers,
    sabotage: Option<Sabotage>,
}

/// What webhooks have answered, by fact.
type Acknowledged = Rc<RefCell<BTreeSet<FactId>>>;

struct Schedule {
    world: Shared,
    scene: Rc<Scene>,
    acknowledged: Acknowledged,
    running: Vec<Option<Running>>,
}

/// Runs one world to its end.
pub(super) fn run(seed: u64, options: Options) -> (Result<Stats, Violation>, Vec<String>) {
    let mut random = Random::new(seed);
    let begins: &str = random.pick::<&str>(&BEGINS);
    let now = Time::parse(begins).unwrap_or_default();
    // All at once, over some minutes, or over days, so that retries and expiries come into play.
    let span = *random.pick(&[50, 2_000, 300_000, 300_000, 3 * 86_400_000]);
    let facts = shop::facts(&mut random, now, span);
    let weather = Weather::draw(&mut random, options.mode);
    let mut limits = Limits {
        facts: *random.pick(&[1, 2, 1_000]),
        recovered_facts: *random.pick(&[1, 3, 5_000]),
        rolled_up_days: *random.pick(&[1, 4]),
        inline_lines: *random.pick(&[0, 2, 1_024]),
        pages: PageLimits { bytes: *random.pick(&[300, 1_500, 128 * 1024]), splits: *random.pick(&[1, 8]) },
        due_pages: *random.pick(&[1, 16]),
        sends: *random.pick(&[1, 200]),
        concurrent_sends: *random.pick(&[1, 16]),
        ..Limits::default()
    };
    if limits.due_pages == 1 {
        limits.due = 1;
    }
    let team_email = if random.chance(900) { "team@example.com" } else { "" };
    // Before words leave, after that, and not in the time that a world lasts.
    let retention_days = *random.pick(&[10, 40, FOR_GOOD]);
    let scene = Scene {
        facts,
        settings: Settings { team_email: team_email.to_owned(), retention_days, ..Settings::default() },
        limits,
        providers: resend::Config { url: "http://mail.example".to_owned(), api_key: String::new() }.into(),
        sabotage: options.sabotage,
    };
    let pages: usize = *random.pick(&[1, 1, 2, 3, 7]);
    let spares_actors = weather.spares_actors();
    let mut world = World::new(options.mode, random, weather, now, options.trace);
    world.stats.worlds = 1;
    world.stats.facts = scene.facts.len() as u64;
    world.note(None, |world| format!("{:?}, {pages} pages, {limits:?}", world.weather));
    for fact in &scene.facts {
        world.note(None, |_| format!("fact {}: {}", fact.id(), super::truth::describe(fact)));
    }
    if pages > 1 {
        let meta = Meta { pages: vec![PageInfo::default(); pages], ..Meta::default() };
        world.set(names::META.to_owned(), codec::encode(&meta));
    }

    let mut schedule = Schedule {
        world: Rc::new(RefCell::new(world)),
        scene: Rc::new(scene),
        acknowledged: Acknowledged::default(),
        running: Vec::new(),
    };
    schedule.plan(span);
    schedule.go_on();
    if spares_actors && options.mode == Mode::Timely {
        schedule.pokes_suffice();
    }
    schedule.rest();
    if options.mode == Mode::Wild {
        schedule.rebuild();
        schedule.rest();
    }
    if schedule.forgets() {
        schedule.everything_again();
        schedule.rest();
    }
    schedule.idle();
    let Schedule { world, scene, running, .. } = schedule;
    drop(running);
    let mut world = world.borrow_mut();
    world.stats.forgotten = world.truth.must_go().len() as u64;
    if world.violation.is_none()
        && let Err(violation) = verdict::check(&world, &scene)
    {
        world.broken(violation);
    }
    let trace = world.take_trace();
    (world.violation.take().map_or(Ok(world.stats), Err), trace)
}

impl Schedule {
    /// Deliveries with copies, readers and ticks, all over the span.
    fn plan(&mut self, span: u64) {
        let mut world = self.world.borrow_mut();
        for number in 0..self.scene.facts.len() {
            let copies = if world.random.chance(300) { world.random.between(2, 3) } else { 1 };
            for _ in 0..copies {
                let at = world.random.below(span);
                world.after(at, Event::Appear(Appearance::Delivery(number)));
            }
        }
        // Not in every world: with ticks all the time, nobody would notice a poke that was lost.
        let ticks = *world.random.pick(&[0, 0, 3, 8]);
        let readers = *world.random.pick(&[0, 2, 6]);
        let rebuilds = *world.random.pick(&[0, 0, 0, 0, 0, 0, 0, 1]);
        let others =
            [(ticks, Appearance::Sweep), (readers, Appearance::Reader), (rebuilds, Appearance::Rebuild)];
        for (count, who) in others {
            for _ in 0..count {
                let at = world.random.below(span + span / 4 + 1);
                world.after(at, Event::Appear(who));
            }
        }
        world.after(span + span / 2, Event::Calm);
    }

    /// Lets everything happen that is under way, and all that follows from it.
    fn go_on(&mut self) {
        loop {
            let mut world = self.world.borrow_mut();
            if world.violation.is_some() {
                return;
            }
            let Some(event) = world.next_event() else { return };
            match event {
                Event::Calm => {
                    world.weather = Weather::CALM;
                    world.note(None, |_| "calm: nothing goes wrong from here on".to_owned());
                }
                Event::Appear(kind) => {
                    drop(world);
                    self.appear(kind);
                }
                Event::Effect(id) => {
                    let actor = world.caller(id);
                    if !Self::falls(&mut world, actor) {
                        world.take_effect(id);
                        continue;
                    }
                    // It was under way: it may come all the same.
                    world.take_effect(id);
                    drop(world);
                    self.bury(actor);
                }
                Event::Answer(id) => {
                    let actor = world.caller(id);
                    let dies = Self::falls(&mut world, actor);
                    let alive = world.answer(id);
                    drop(world);
                    if dies {
                        self.bury(actor);
                    } else if let Some(actor) = alive {
                        self.poll(actor);
                    }
                }
                Event::Limit(actor) => {
                    if world.actors[actor].alive {
                        world.stats.limits += 1;
                        world.note(Some(actor), |_| "ended by the host".to_owned());
                        world.die(actor);
                        drop(world);
                        self.bury(actor);
                    }
                }
            }
        }
    }

    /// Does this actor die now?
    fn falls(world: &mut World, actor: ActorId) -> bool {
        let crash = world.weather.crash;
        if !world.actors[actor].alive || crash == 0 || !world.random.chance(crash) {
            return false;
        }
        world.stats.crashes += 1;
        world.note(Some(actor), |_| "crashes".to_owned());
        world.die(actor);
        true
    }

    /// The platform notices that its delivery was not answered.
    fn bury(&mut self, actor: ActorId) {
        drop(self.running[actor].take());
        let mut world = self.world.borrow_mut();
        if let Appearance::Delivery(number) = world.actors[actor].kind {
            self.deliver_again(&mut world, number);
        }
    }

    fn deliver_again(&self, world: &mut World, number: usize) {
        let acknowledged = self.acknowledged.borrow().contains(&self.scene.facts[number].id());
        let gives_up = world.weather.gives_up;
        if !acknowledged && !world.random.chance(gives_up) {
            let after = world.random.magnitude(60_000);
            world.after(after, Event::Appear(Appearance::Delivery(number)));
        }
    }

    fn appear(&mut self, kind: Appearance) {
        let actor = self.world.borrow_mut().enter(kind);
        let port = Port { world: self.world.clone(), actor };
        let role = match kind {
            Appearance::Delivery(_) => Role::Webhook,
            Appearance::Sweep | Appearance::Rebuild => Role::Sweep,
            Appearance::Reader => Role::Reader,
        };
        let access = Access::new(port, self.scene.sabotage, role);
        let (world, scene) = (self.world.clone(), self.scene.clone());
        let acknowledged = self.acknowledged.clone();
        let running: Running = match kind {
            Appearance::Delivery(number) => Box::pin(webhook(world, scene, acknowledged, access, number)),
            Appearance::Sweep => {
                self.world.borrow_mut().stats.sweeps += 1;
                self.limit(actor);
                Box::pin(sweep(self.world.clone(), scene, access, actor))
            }
            Appearance::Rebuild => {
                self.limit(actor);
                Box::pin(rebuilder(self.world.clone(), access, actor))
            }
            Appearance::Reader => Box::pin(reader(world, scene, acknowledged, access, actor)),
        };
        self.running.push(Some(running));
        self.poll(actor);
    }

    fn limit(&self, actor: ActorId) {
        let mut world = self.world.borrow_mut();
        if world.mode == Mode::Timely {
            world.after(HOST_LIMIT_MILLIS, Event::Limit(actor));
        }
    }

    fn poll(&mut self, actor: ActorId) {
        let Some(running) = self.running[actor].as_mut() else { return };
        if running.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(()) {
            self.running[actor] = None;
            let mut world = self.world.borrow_mut();
            world.leave(actor);
            if let Appearance::Delivery(number) = world.actors[actor].kind {
                self.deliver_again(&mut world, number);
            }
        }
    }

    // ── Afterwards ──────────────────────────────────────────────────────────

    fn failed(&self) -> bool {
        self.world.borrow().violation.is_some()
    }

    /// Nobody died, so whatever is in the inbox now has been forgotten by the sweeps that were told.
    fn pokes_suffice(&self) {
        let mut world = self.world.borrow_mut();
        // A sweep that runs out of time leaves the rest to the next tick; so does one that was asked to rebuild.
        if world.stats.limits > 0 || world.stats.rebuilds > 0 || world.slowest_sweep >= self.scene.limits.time
        {
            return;
        }
        let waiting = world.values.keys().find(|key| names::is_inbox(key)).cloned();
        if let Some(key) = waiting {
            let detail = format!("`{key}` is still in the inbox although its sender poked");
            world.broken(Violation { law: Law::PokesSuffice, detail });
        }
    }

    /// The clock runs on and ticks come, until there is nothing left to do.
    fn rest(&mut self) {
        for _ in 0..SWEEPS_TO_REST {
            if self.failed() {
                return;
            }
            self.world.borrow_mut().schedule(Time::default(), Event::Appear(Appearance::Sweep));
            self.go_on();
            let mut world = self.world.borrow_mut();
            match next_work(&world, &self.scene.settings) {
                None => return,
                Some(at) => world.now = world.now.max(at) + TimeDelta::milliseconds(1),
            }
        }
        let detail = format!("there is work left after {SWEEPS_TO_REST} sweeps");
        self.world.borrow_mut().broken(Violation { law: Law::SweepsRest, detail });
    }

    /// Makes the caches again from segments and inbox alone.
    fn rebuild(&mut self) {
        if !self.failed() {
            self.world.borrow_mut().schedule(Time::default(), Event::Appear(Appearance::Rebuild));
            self.go_on();
        }
    }

    /// Was anybody to be forgotten?
    fn forgets(&self) -> bool {
        self.world.borrow().truth.requests().next().is_some()
    }

    /// Platforms deliver everything once more.
    fn everything_again(&mut self) {
        if !self.failed() {
            for number in 0..self.scene.facts.len() {
                self.world.borrow_mut().after(0, Event::Appear(Appearance::Delivery(number)));
            }
            self.go_on();
        }
    }

    fn sweep(&mut self) {
        if !self.failed() {
            self.world.borrow_mut().schedule(Time::default(), Event::Appear(Appearance::Sweep));
            self.go_on();
        }
    }

    /// A sweep that has nothing to do.
    fn idle(&mut self) {
        // Days that become old enough are rolled up; so let the next one begin, and be over with that.
        {
            let mut world = self.world.borrow_mut();
            world.now = world.now + TimeDelta::hours(36 - i64::from(world.now.to_utc().hour()));
        }
        self.sweep();
        if self.failed() {
            return;
        }
        let (reads, writes) = {
            let world = self.world.borrow();
            (world.reads, world.writes)
        };
        self.sweep();
        let mut world = self.world.borrow_mut();
        let (reads, writes) = (world.reads - reads, world.writes - writes);
        if reads > 3 || writes > 0 {
            let detail = format!("{reads} reads and {writes} writes");
            world.broken(Violation { law: Law::IdleIsFree, detail });
        }
    }
}

/// What `meta` says; nothing stored says nothing.
pub(super) fn stored_meta(world: &World) -> Meta {
    let bytes = world.values.get(names::META);
    bytes.and_then(|bytes| codec::decode(names::META, bytes).ok()).unwrap_or_default()
}

/// When there is something to do next, if ever.
fn next_work(world: &World, settings: &Settings) -> Option<Time> {
    let meta = stored_meta(world);
    let mut documents = world.values.keys().filter(|key| names::is_erased(key));
    let waiting = meta.clearing
        || meta.purge.is_some()
        || documents.any(|document| !meta.erased.contains(document))
        || world.values.keys().any(|key| {
            names::is_inbox(key) || (names::segment_level(key).is_some() && !meta.folded.contains(key))
        });
    let words =
        meta.words.iter().filter(|(key, _)| world.values.contains_key(*key)).map(|(_, since)| *since).min();
    let words = words.map(|since| since + TimeDelta::days(settings.body_days.into()));
    let retention = TimeDelta::days(settings.retention_days.into());
    let detailed = meta.detailed.iter().filter(|(key, _)| world.values.contains_key(*key));
    let mut detailed: Vec<Time> = detailed.map(|(_, until)| *until + retention).collect();
    detailed.sort_unstable();
    // One alone stays.
    let past = detailed.get(1).copied().filter(|_| settings.retention_days != FOR_GOOD);
    let at = if waiting { world.now } else { meta.next_due().into_iter().chain(words).chain(past).min()? };
    // A dead sweep's lease has to run out first.
    let lease = world.values.get(names::LEASE);
    let lease = lease.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let until = lease.and_then(|lease| lease.split_once(':')?.0.parse().ok()).map(Time::from_millis);
    Some(until.map_or(at, |until| at.max(until)))
}

// ── Actors ──────────────────────────────────────────────────────────────────

/// A webhook: stores its fact, answers, pokes.
async fn webhook(world: Shared, scene: Rc<Scene>, acknowledged: Acknowledged, access: Access, number: usize) {
    let fact = &scene.facts[number];
    let id = fact.id();
    if access.set(&names::inbox(&id), &fact.to_bytes()).await.is_err() {
        return;
    }
    {
        let mut world = world.borrow_mut();
        // Somebody forgotten may have been dropped before the answer came through.
        if !world.truth.holds(&id) && !world.truth.may_go(fact) {
            let detail = format!("fact {id} was acknowledged and is not stored");
            world.broken(Violation { law: Law::AcknowledgedIsStored, detail });
        }
        world.note(None, |_| format!("fact {id} is acknowledged"));
        acknowledged.borrow_mut().insert(id);
    }
    if !Lease::is_held(&access, &access).await {
        let mut world = world.borrow_mut();
        let delay = world.random.below(5);
        world.after(delay, Event::Appear(Appearance::Sweep));
    }
}

/// A poke or a tick.
async fn sweep(world: Shared, scene: Rc<Scene>, access: Access, actor: ActorId) {
    let seed = {
        let mut world = world.borrow_mut();
        u128::from(world.random.next()) << 64 | u128::from(world.random.next())
    };
    let Scene { settings, providers, limits, .. } = &*scene;
    let sweep = Sweep {
        store: &access,
        clock: &access,
        outbound: &access,
        settings,
        providers,
        platforms: &Platforms::default(),
        limits: *limits,
        seed,
    };
    let began = world.borrow().now;
    let result = sweep.run().await;
    let mut world = world.borrow_mut();
    world.slowest_sweep = world.slowest_sweep.max(world.now - began);
    world.note(Some(actor), |_| format!("done: {result:?}"));
}

/// Somebody asks for a rebuild, and asks again while a sweep is at work.
async fn rebuilder(world: Shared, access: Access, actor: ActorId) {
    let timing = LeaseTiming::default();
    for attempt in 0..20_u64 {
        let token = format!("rebuild {actor} {attempt}");
        let begun = match Lease::acquire(&access, &access, timing, token, true).await {
            Ok(Some(lease)) => {
                let begun = rebuild::begin(&access).await;
                let released = lease.release(&access, &access).await;
                begun.and(released).is_ok()
            }
            Ok(None) | Err(_) => false,
        };
        if begun {
            world.borrow_mut().stats.rebuilds += 1;
            world.borrow_mut().note(Some(actor), |_| "a rebuild has begun".to_owned());
            return;
        }
        access.wait(TimeDelta::seconds(3)).await;
    }
}

/// Somebody looks at the scores and at one customer.
async fn reader(world: Shared, scene: Rc<Scene>, acknowledged: Acknowledged, access: Access, actor: ActorId) {
    let known: Vec<&Fact> = {
        let acknowledged = acknowledged.borrow();
        scene.facts.iter().filter(|fact| acknowledged.contains(&fact.id())).collect()
    };
    let looked_up = {
        let mut world = world.borrow_mut();
        world.note(Some(actor), |_| format!("begins to read; {} facts are acknowledged", known.len()));
        known.get(world.random.index(known.len())).copied()
    };
    let seen = look(&scene, &access, &known, looked_up, &|fact| world.borrow().truth.may_go(fact)).await;
    let mut world = world.borrow_mut();
    // After an overlap of two sweeps the caches may be wrong until they are made again.
    let strict = world.mode == Mode::Timely;
    match seen {
        Ok(Ok(())) => world.stats.readers += 1,
        Ok(Err(violation)) if strict => world.broken(violation),
        Ok(Err(_)) => {}
        Err(_) => world.stats.readers_gave_up += 1,
    }
}

async fn look(
    scene: &Scene,
    store: &Access,
    known: &[&Fact],
    looked_up: Option<&Fact>,
    may_go: &dyn Fn(&Fact) -> bool,
) -> Result<Result<(), Violation>, StoreError> {
    let customer = match looked_up.and_then(|fact| fact.keys.first()) {
        Some(key) => View::customer(store, store.now(), key).await?,
        None => None,
    };
    let day = |fact: &Fact| fact.at.date();
    let from = scene.facts.iter().map(day).min().unwrap_or_default();
    let to = scene.facts.iter().map(day).max().unwrap_or_default();
    let counts = View::counts(store, store.now(), (from, to), Detail::Totals).await?.counts;

    let known: Vec<&Fact> = known.iter().copied().filter(|fact| !may_go(fact)).collect();
    if let Some(fact) = looked_up.filter(|fact| !may_go(fact)) {
        let mut with = customer.clone().unwrap_or_default();
        with.join(Customer::from(fact.clone()));
        if customer.as_ref() != Some(&with) {
            let detail = format!("the customer lacks fact {} ({})", fact.id(), super::truth::describe(fact));
            return Ok(Err(Violation { law: Law::ReadersSeeAll, detail }));
        }
    }
    Ok(tally(scene, &known, &counts))
}

/// Is each answer counted once, as of a report that is no older than what was acknowledged?
fn tally(scene: &Scene, known: &[&Fact], counts: &Counts) -> Result<(), Violation> {
    let mut seen: BTreeMap<&str, Time> = BTreeMap::new();
    for (date, bin, tally) in counts.iter() {
        let What::Answer { scale, .. } = bin.what else { continue };
        // Every report has a scale of its own in these worlds, so that a count tells which it is.
        let report = scene.facts.iter().find_map(|fact| match &fact.event {
            FactEvent::Answer(answer) if fact.at.date() == date && answer.scale == scale => {
                Some((answer, fact.at))
            }
            _ => None,
        });
        let twice = report.is_none_or(|(answer, at)| seen.insert(&answer.id, at).is_some()) || tally.n != 1;
        if twice {
            let id = report.map_or("that nobody gave", |(answer, _)| &answer.id);
            let detail = format!("answer {id} is counted twice: {counts:?}");
            return Err(Violation { law: Law::ReadersSeeOnce, detail });
        }
    }
    for fact in known {
        let FactEvent::Answer(answer) = &fact.event else { continue };
        if seen.get(answer.id.as_str()).is_none_or(|at| *at < fact.at) {
            let detail = format!("answer {} of {} is not counted: {counts:?}", answer.id, fact.at);
            return Err(Violation { law: Law::ReadersSeeAll, detail });
        }
    }
    Ok(())
}

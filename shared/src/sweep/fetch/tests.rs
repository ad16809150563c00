//! From "order 250 changed" to a mail, with an API that has bad days, and with the power cut at every store call.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use futures_util::FutureExt;
use http::{Request, Response};

use super::super::{Limits, Report, Sweep};
use crate::channel::{CallError, Outbound, resend};
use crate::fact::{Event, Fact, Fetch};
use crate::fetch::{Access, Platforms};
use crate::gather::gather;
use crate::health::Health;
use crate::key::Key;
use crate::settings::Settings;
use crate::store::lease::Clock;
use crate::store::view::View;
use crate::store::{Store, StoreError, names};
use crate::time::Time;

const ORDER: &str = include_str!("../../../fixtures/api/bigcommerce/order.json");
const PRODUCTS: &str = include_str!("../../../fixtures/api/bigcommerce/products.json");

/// When the order of the fixture was placed.
const PLACED: &str = "2026-11-21T16:53:20Z";

/// Store, clock, platform and mail provider in one.
struct World {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    reads: Cell<usize>,
    writes: Cell<usize>,
    /// Store calls left until the power goes.
    power: Cell<usize>,
    now: Cell<Time>,
    /// What the platform answers to the next calls for an order; `ORDER` when nothing is left.
    script: RefCell<VecDeque<(u16, Option<&'static str>)>>,
    /// Paths that the platform was asked for.
    asked: RefCell<Vec<String>>,
    /// Mails by idempotency key: what the provider delivered.
    mails: RefCell<BTreeMap<String, Vec<u8>>>,
    token: &'static str,
}

impl World {
    fn new() -> Self {
        Self {
            values: RefCell::default(),
            reads: Cell::new(0),
            writes: Cell::new(0),
            power: Cell::new(usize::MAX),
            now: Cell::new(Time::parse(PLACED).expect("a time") + TimeDelta::seconds(30)),
            script: RefCell::default(),
            asked: RefCell::default(),
            mails: RefCell::default(),
            token: "t0ken",
        }
    }

    fn answering(script: &[(u16, Option<&'static str>)]) -> Self {
        let world = Self::new();
        world.script.borrow_mut().extend(script);
        world
    }

    fn spend(&self) -> Result<(), StoreError> {
        let left = self.power.get().checked_sub(1);
        self.power.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| StoreError::Failed("the power is out".to_owned()))
    }

    /// A webhook says that the order changed at this second after it was placed.
    fn changed(&self, second: i64) {
        let fact = Fact {
            at: Time::parse(PLACED).expect("a time") + TimeDelta::seconds(second),
            source: "bigcommerce".to_owned(),
            keys: gather(Key::order("250")),
            event: Event::Fetch(Fetch { platform: "bigcommerce".to_owned(), order_id: "250".to_owned() }),
        };
        self.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
    }

    fn sweep(&self) -> Result<Report, StoreError> {
        let access = Access { url: "https://api.example".to_owned(), token: self.token.to_owned() };
        let sweep = Sweep {
            store: self,
            clock: self,
            outbound: self,
            settings: &Settings::default(),
            providers: &resend::Config { url: "https://mail.example".to_owned(), api_key: String::new() }
                .into(),
            platforms: &Platforms::new([("bigcommerce", access)]),
            limits: Limits::default(),
            seed: 1,
        };
        sweep.run().now_or_never().expect("nobody makes anybody wait")
    }

    fn wait(&self, delta: TimeDelta) {
        self.now.set(self.now.get() + delta);
    }

    /// Sweeps every minute until nothing is left to do, or three days have passed.
    fn sweep_for_days(&self) {
        for _ in 0..3 * 24 * 60 {
            self.sweep().expect("a sweep");
            self.wait(TimeDelta::minutes(1));
        }
    }

    fn knows_order(&self) -> bool {
        let key = Key::order("250").expect("a key");
        let customer = View::customer(self, self.now.get(), &key).now_or_never().expect("no waiting");
        customer.expect("a view").is_some_and(|customer| customer.email() == Some("ann@example.com"))
    }

    fn reasons(&self) -> Vec<String> {
        Health::check(self, &Settings::default()).now_or_never().expect("no waiting").reasons
    }

    fn asked(&self) -> usize {
        self.asked.borrow().iter().filter(|path| *path == "/v2/orders/250").count()
    }
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.spend()?;
        self.reads.set(self.reads.get() + 1);
        Ok(self.values.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.spend()?;
        self.writes.set(self.writes.get() + 1);
        self.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.spend()?;
        self.writes.set(self.writes.get() + 1);
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.spend()?;
        self.reads.set(self.reads.get() + 1);
        Ok(self.values.borrow().keys().cloned().collect())
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        self.now.get()
    }

    async fn wait(&self, duration: TimeDelta) {
        World::wait(self, duration);
    }
}

impl Outbound for World {
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        let answer = |status, headers: Option<&str>, body: &str| {
            let response = Response::builder().status(status);
            let response = match headers {
                Some(seconds) => response.header("retry-after", seconds),
                None => response,
            };
            Ok(response.body(body.as_bytes().to_vec()).expect("a response"))
        };
        let path = request.uri().path().to_owned();
        if request.uri().host() == Some("mail.example") {
            let key = request.headers()["idempotency-key"].to_str().expect("text").to_owned();
            let mut mails = self.mails.borrow_mut();
            let first = mails.entry(key).or_insert_with(|| request.body().clone());
            assert_eq!(first, request.body(), "one key, two mails");
            return answer(200, None, r#"{"id":"m1"}"#);
        }
        assert_eq!(request.headers()["x-auth-token"], "t0ken");
        self.asked.borrow_mut().push(path.clone());
        if path == "/v2/orders/250/products" {
            return answer(200, None, PRODUCTS);
        }
        match self.script.borrow_mut().pop_front() {
            Some((status, after)) => answer(status, after, "[]"),
            None => answer(200, None, ORDER),
        }
    }
}

#[test]
fn a_named_order_is_fetched_and_thanked_for() {
    let world = World::new();
    world.changed(0);
    let report = world.sweep().expect("a sweep");
    assert_eq!((report.facts, report.sent, report.left), (2, 1, 0), "{report:?}");
    assert!(world.knows_order());
    assert_eq!(*world.asked.borrow(), ["/v2/orders/250", "/v2/orders/250/products"]);
    assert!(world.reasons().is_empty(), "{:?}", world.reasons());
    let mails = world.mails.borrow();
    let mail = String::from_utf8_lossy(mails.values().next().expect("a mail"));
    assert!(mail.contains("ann@example.com") && mail.contains("Espresso machine"), "{mail}");
}

#[test]
fn an_idle_tick_after_it_reads_three_times_at_most_and_writes_nothing() {
    for world in [World::new(), World::answering(&[(500, None)]), World { token: "", ..World::new() }] {
        world.changed(0);
        world.sweep().expect("a sweep");
        world.reads.set(0);
        world.writes.set(0);
        assert_eq!(world.sweep().expect("a sweep"), Report::default());
        assert!(world.reads.get() <= 3 && world.writes.get() == 0);
    }
}

#[test]
fn bad_days_are_waited_for_as_long_as_the_platform_asks() {
    let world = World::answering(&[(429, Some("600")), (500, None)]);
    world.changed(0);
    let asked_after = |seconds| {
        world.wait(TimeDelta::seconds(seconds));
        world.sweep().expect("a sweep");
        world.asked()
    };
    assert_eq!(asked_after(0), 1);
    assert_eq!(asked_after(599), 1, "the platform asked for ten minutes");
    assert_eq!(asked_after(10), 2);
    assert_eq!(asked_after(100), 2, "five minutes, shortened by half at most");
    assert_eq!(asked_after(200), 3);
    assert!(world.knows_order());
    assert_eq!(world.mails.borrow().len(), 1);
    assert_eq!(asked_after(86_400), 3);
}

#[test]
fn what_changes_again_is_fetched_again_and_what_is_told_late_is_not() {
    let world = World::new();
    world.changed(5);
    world.sweep().expect("a sweep");
    for (second, asked) in [(5, 1), (3, 1), (6, 2), (6, 2), (4, 2)] {
        world.changed(second);
        world.sweep().expect("a sweep");
        assert_eq!(world.asked(), asked, "after {second}");
    }
    assert_eq!(world.mails.borrow().len(), 1);
}

#[test]
fn without_a_token_orders_wait_visibly_and_are_taken_up_with_it() {
    let mut world = World { token: "", ..World::new() };
    world.changed(0);
    world.sweep().expect("a sweep");
    world.wait(TimeDelta::hours(5));
    world.sweep().expect("a sweep");
    assert_eq!(world.asked(), 0);
    assert!(
        world.reasons().iter().any(|reason| reason.contains("bigcommerce_token")),
        "{:?}",
        world.reasons()
    );
    world.token = "t0ken";
    world.sweep().expect("a sweep");
    assert!(world.knows_order());
    assert_eq!(world.mails.borrow().len(), 1);
    assert!(world.reasons().is_empty(), "{:?}", world.reasons());
}

#[test]
fn an_order_that_stays_away_is_gone() {
    let world = World::answering(&[(404, None); 9]);
    world.changed(0);
    world.sweep_for_days();
    assert_eq!(world.asked(), 3);
    assert!(!world.knows_order());
    assert!(world.reasons().is_empty(), "{:?}", world.reasons());
}

#[test]
fn trouble_without_end_ends_where_it_is_seen_and_a_change_starts_anew() {
    let world = World::answering(&[(500, None); 8]);
    world.changed(0);
    world.sweep_for_days();
    assert_eq!(world.asked(), 8);
    assert!(world.reasons().iter().any(|reason| reason.contains("bigcommerce/250")), "{:?}", world.reasons());
    world.changed(1);
    world.sweep().expect("a sweep");
    assert!(world.knows_order());
    assert!(world.reasons().is_empty(), "{:?}", world.reasons());
}

#[test]
fn the_power_may_go_at_any_store_call() {
    for calls in 0.. {
        let world = World::answering(&[(503, None)]);
        world.changed(0);
        world.power.set(calls);
        let mut survived = world.sweep().is_ok();
        // A dead sweep's lease is waited for, and the second attempt falls due.
        world.wait(TimeDelta::minutes(2));
        survived &= world.sweep().is_ok();
        world.power.set(usize::MAX);
        world.wait(TimeDelta::minutes(10));
        world.sweep_until_quiet();
        assert!(world.knows_order(), "lost after {calls} store calls");
        assert_eq!(world.mails.borrow().len(), 1, "after {calls} store calls");
        assert!(world.reasons().is_empty(), "{:?}", world.reasons());
        if survived {
            assert!(calls > 30, "only {calls} calls");
            return;
        }
    }
}

impl World {
    fn sweep_until_quiet(&self) {
        for _ in 0..20 {
            self.sweep().expect("a sweep");
            self.wait(TimeDelta::minutes(10));
        }
    }
}

//! Once, whoever carries it: lost answers, cut power, pauses and providers that are not there any more.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use futures_util::FutureExt;
use http::{Request, Response};

use super::super::{Limits, Report, Sweep};
use crate::channel::samples::answer;
use crate::channel::{CallError, Outbound, Provider, Providers, postmark, resend, sendgrid};
use crate::customer::Customer;
use crate::fact::{Contact, Event, Fact, OrderReport, OrderStage};
use crate::fetch::Platforms;
use crate::field::Field;
use crate::gather::gather;
use crate::key::Key;
use crate::settings::Settings;
use crate::store::lease::Clock;
use crate::store::page::Page;
use crate::store::{Store, StoreError, codec, names};
use crate::time::Time;

const START: &str = "2026-11-21T10:00:00Z";

/// Store, clock and provider in one.
pub(in crate::sweep) struct World {
    pub(in crate::sweep) values: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Store calls left until the power goes.
    pub(in crate::sweep) power: Cell<usize>,
    pub(in crate::sweep) now: Cell<Time>,
    /// What the provider answers next; "taken" when nothing is left.
    pub(in crate::sweep) script: RefCell<VecDeque<Result<Response<Vec<u8>>, CallError>>>,
    pub(in crate::sweep) calls: RefCell<Vec<Vec<u8>>>,
    pub(in crate::sweep) providers: Providers,
    pub(in crate::sweep) settings: Settings,
}

impl World {
    pub(in crate::sweep) fn with(provider: Provider, orders: usize) -> Self {
        let world = Self {
            values: RefCell::default(),
            power: Cell::new(usize::MAX),
            now: Cell::new(Time::parse(START).expect("a time")),
            script: RefCell::default(),
            calls: RefCell::default(),
            providers: providers(provider),
            settings: Settings::default(),
        };
        for order in 0..orders {
            let id = order.to_string();
            let contact =
                Contact { email: Field::Some(format!("customer{id}@example.com")), ..Contact::default() };
            let stages = BTreeMap::from([(OrderStage::Placed, world.now.get())]);
            let fact = Fact {
                at: world.now.get(),
                source: "generic".to_owned(),
                keys: gather(Key::order(&id)),
                event: Event::Order(OrderReport { id, stages, contact, ..OrderReport::default() }),
            };
            world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
        }
        world
    }

    pub(in crate::sweep) fn answering(
        self,
        script: impl IntoIterator<Item = Result<Response<Vec<u8>>, CallError>>,
    ) -> Self {
        self.script.borrow_mut().extend(script);
        self
    }

    pub(in crate::sweep) fn sweep(&self) -> Result<Report, StoreError> {
        let sweep = Sweep {
            store: self,
            clock: self,
            outbound: self,
            settings: &self.settings,
            providers: &self.providers,
            platforms: &Platforms::default(),
            limits: Limits::default(),
            seed: 1,
        };
        sweep.run().now_or_never().expect("nobody makes anybody wait")
    }

    pub(in crate::sweep) fn later(&self, delta: TimeDelta) {
        self.now.set(self.now.get() + delta);
    }

    /// How many messages are in which state.
    pub(in crate::sweep) fn states(&self) -> BTreeMap<&'static str, usize> {
        let mut states = BTreeMap::new();
        for (key, value) in &*self.values.borrow() {
            if names::page_number(key).is_some() {
                let page: Page = codec::decode(key, value).expect("a page");
                for stored in page.records.values() {
                    let customer: Customer = serde_json::from_str(stored.is.get()).expect("a record");
                    for message in customer.messages.values() {
                        let name = message.state().expect("a message has a state").1.name();
                        *states.entry(name).or_insert(0) += 1;
                    }
                }
            }
        }
        states
    }

    fn spend(&self) -> Result<(), StoreError> {
        let left = self.power.get().checked_sub(1);
        self.power.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| StoreError::Failed("the power is out".to_owned()))
    }
}

fn providers(provider: Provider) -> Providers {
    let (url, key) = ("https://mail.example".to_owned(), "key".to_owned());
    let mut providers = Providers::default();
    match provider {
        Provider::Postmark => {
            let (stream, broadcast_stream) = ("outbound".to_owned(), "broadcast".to_owned());
            let server_token = key;
            providers.postmark = Some(postmark::Config { url, server_token, stream, broadcast_stream });
        }
        Provider::Sendgrid => providers.sendgrid = Some(sendgrid::Config { url, api_key: key }),
        _ => providers.resend = Some(resend::Config { url, api_key: key }),
    }
    providers
}

impl Store for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.spend()?;
        Ok(self.values.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.spend()?;
        self.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.spend()?;
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.spend()?;
        Ok(self.values.borrow().keys().cloned().collect())
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        self.now.get()
    }

    async fn wait(&self, duration: TimeDelta) {
        self.later(duration);
    }
}

impl Outbound for World {
    async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        if self.power.get() == 0 {
            return Err(CallError::NotSent("the power is out".to_owned()));
        }
        self.calls.borrow_mut().push(request.into_body());
        let taken = || Ok(answer(200, &[], r#"{"id":"1","MessageID":"1"}"#));
        self.script.borrow_mut().pop_front().unwrap_or_else(taken)
    }
}

pub(in crate::sweep) fn lost() -> Result<Response<Vec<u8>>, CallError> {
    Err(CallError::Lost("timed out".to_owned()))
}

#[expect(clippy::unnecessary_wraps, reason = "one answer of several that a call may have")]
pub(in crate::sweep) fn status(status: u16) -> Result<Response<Vec<u8>>, CallError> {
    Ok(answer(status, &[], ""))
}

/// State after the first attempt; calls and state after a day.
#[track_caller]
fn check(
    provider: Provider,
    first: Result<Response<Vec<u8>>, CallError>,
    after: &'static str,
    calls: usize,
    end: &'static str,
) {
    let world = World::with(provider, 1).answering([first]);
    world.sweep().expect("a sweep");
    assert_eq!(world.states(), BTreeMap::from([(after, 1)]), "{provider:?}");
    world.later(TimeDelta::hours(1));
    world.sweep().expect("a sweep");
    assert_eq!(
        (world.calls.borrow().len(), world.states()),
        (calls, BTreeMap::from([(end, 1)])),
        "{provider:?}"
    );
    let calls = world.calls.borrow();
    assert!(calls.iter().all(|body| *body == calls[0]), "a retry sends the same bytes");
}

#[test]
fn only_a_provider_that_knows_keys_is_asked_again_after_a_lost_answer() {
    use Provider::{Postmark, Resend, Sendgrid};
    check(Resend, lost(), "retry", 2, "sent");
    check(Postmark, lost(), "unknown", 1, "unknown");
    check(Sendgrid, lost(), "unknown", 1, "unknown");
    check(Postmark, status(504), "unknown", 1, "unknown");
    // "No" and "not now" are answers: nothing was lost.
    for provider in [Resend, Postmark, Sendgrid] {
        check(provider, status(429), "retry", 2, "sent");
        check(provider, status(500), "retry", 2, "sent");
        check(provider, status(503), "retry", 2, "sent");
        check(provider, Err(CallError::NotSent("refused".to_owned())), "retry", 2, "sent");
        check(provider, status(401), "failed", 1, "failed");
    }
}

/// The power is cut at every store call of a sweep. Whoever knows no keys is called once at most, and whatever was
/// perhaps sent ends as `unknown`; whoever knows them gets the same bytes again.
#[test]
fn whenever_the_power_is_cut_a_message_goes_out_once() {
    for provider in [Provider::Resend, Provider::Postmark, Provider::Sendgrid] {
        let mut unknown = 0;
        for cut in 0..60 {
            let world = World::with(provider, 1);
            world.power.set(cut);
            let _ = world.sweep();
            world.power.set(usize::MAX);
            // The dead sweep's lease runs out.
            world.later(TimeDelta::minutes(2));
            for _ in 0..3 {
                world.sweep().expect("a sweep");
                world.later(TimeDelta::hours(1));
            }
            let (calls, states) = (world.calls.borrow(), world.states());
            let known = provider.idempotent_for().is_some();
            assert!(calls.len() <= if known { 2 } else { 1 }, "{provider:?} at {cut}: {states:?}");
            assert!(calls.iter().all(|body| *body == calls[0]), "{provider:?} at {cut}");
            unknown += states.get("unknown").unwrap_or(&0);
            let sent = states.get("sent").unwrap_or(&0) + states.get("unknown").unwrap_or(&0);
            assert_eq!(sent, 1, "{provider:?} at {cut}: {states:?}");
        }
        assert_eq!(unknown == 0, provider == Provider::Resend, "{provider:?}");
    }
}

/// A short pause is waited for; nobody's message counts it as an attempt.
#[test]
fn a_pause_that_a_provider_asks_for_holds_the_rest() {
    let pause = |seconds: &str| Ok(answer(429, &[("retry-after", seconds)], ""));
    let world = World::with(Provider::Resend, 40).answering([pause("2")]);
    world.sweep().expect("a sweep");
    assert_eq!(world.states(), BTreeMap::from([("retry", 1), ("sent", 39)]));

    let world = World::with(Provider::Postmark, 40).answering([pause("600")]);
    let report = world.sweep().expect("a sweep");
    let made = world.calls.borrow().len();
    assert!(made <= Limits::default().concurrent_sends, "{made} calls after being told to stop");
    assert_eq!(report.sent + 1, made);
    assert_eq!(world.states().values().sum::<usize>(), 40);
    for _ in 0..3 {
        world.later(TimeDelta::minutes(5));
        world.sweep().expect("a sweep");
    }
    assert_eq!(world.states(), BTreeMap::from([("sent", 40)]));
    assert_eq!(world.calls.borrow().len(), 41, "what was held was not called for");
}

/// What was begun with a provider that is not configured any more waits for it to come back, and goes nowhere else.
#[test]
fn a_message_does_not_change_its_provider() {
    let mut world = World::with(Provider::Postmark, 1).answering([status(503)]);
    world.sweep().expect("a sweep");
    world.providers = providers(Provider::Resend);
    world.later(TimeDelta::hours(1));
    world.sweep().expect("a sweep");
    assert_eq!((world.calls.borrow().len(), world.states()), (1, BTreeMap::from([("retry", 1)])));
    world.providers = providers(Provider::Postmark);
    world.later(TimeDelta::hours(1));
    world.sweep().expect("a sweep");
    assert_eq!((world.calls.borrow().len(), world.states()), (2, BTreeMap::from([("sent", 1)])));
}

/// Postmark says that nothing arrives there: nothing more goes there.
#[test]
fn a_blocked_address_is_remembered() {
    let inactive = Ok(answer(422, &[], r#"{"ErrorCode":406,"Message":"Inactive"}"#));
    let world = World::with(Provider::Postmark, 1).answering([inactive]);
    world.sweep().expect("a sweep");
    assert_eq!(world.states(), BTreeMap::from([("failed", 1)]));
    let parcel = serde_json::json!({
        "at": world.now.get().millis(), "source": "generic", "keys": ["order:0", "shipment:1"],
        "event": { "shipment": { "id": "1", "order_id": "0", "states": { "shipped": world.now.get().millis() } } },
    });
    let fact = Fact::from_bytes(parcel.to_string().as_bytes()).expect("a fact");
    world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
    world.sweep().expect("a sweep");
    assert_eq!(world.states(), BTreeMap::from([("failed", 1), ("skipped", 1)]));
    assert_eq!(world.calls.borrow().len(), 1);
}

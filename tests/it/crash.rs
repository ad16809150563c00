//! Crashes for real: hosts are killed in the middle of their work. Every event that was answered 202 is in the records
//! once, and every message reaches the provider once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aftercare::key::Key;
use aftercare::ledger::oldest_detailed;
use aftercare::store::meta::Meta;
use aftercare::store::records::Records;
use aftercare::time::Time;
use aftercare_host::{Options, open_store};
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::provider::Provider;
use aftercare_tests::redis::RedisServer;
use aftercare_tests::signing::Sender;
use aftercare_tests::store::HostStore;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;

use crate::process::{Process, call, request};
use crate::shop::{ADMIN_TOKEN, DISPATCH_TOKEN, GENERIC_SECRET, SHOPIFY_SECRET, manifest};

/// How often the host is killed: 5 in a normal run; `AFTERCARE_CRASHES=50` for a long one.
fn crashes() -> usize {
    std::env::var("AFTERCARE_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// What a platform sends: an endless row of events, each of which can be sent again.
struct Events {
    placed_at: String,
    /// How many were begun with.
    next: AtomicUsize,
}

impl Events {
    fn new() -> Self {
        let placed_at = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339();
        Self { placed_at, next: AtomicUsize::new(0) }
    }

    fn take(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn taken(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// Event `n`: an order of customer `n / 2`, or that customer's answer.
    fn request(&self, n: usize) -> Request<Full<Bytes>> {
        let email = email(n / 2);
        let (sender, secret, path, body) = if n.is_multiple_of(2) {
            let order = ShopifyOrder {
                id: order_id(n / 2),
                number: u32::try_from(n / 2).expect("few customers"),
                email: &email,
                first_name: "Ann",
                locale: "en",
                placed_at: &self.placed_at,
                title: "Espresso machine",
                price: "349.00",
            };
            (Sender::Shopify, SHOPIFY_SECRET, "/webhooks/order-created", order.to_json())
        } else {
            // Promoters, so that the only messages are those of orders.
            let answer = nps_answer(&format!("a{}", n / 2), 9, &email, &self.placed_at);
            (Sender::Generic, GENERIC_SECRET, "/webhooks/survey-submitted", answer)
        };
        let body = serde_json::to_vec(&body).expect("JSON");
        let mut request = Request::post(path).header("host", "shop");
        for (name, value) in
            sender.headers("orders/create", secret, &body, SystemTime::now()).expect("headers")
        {
            request = request.header(name, value);
        }
        request.body(Full::new(body.into())).expect("a request")
    }

    /// Whether event `n` was accepted; `None` when the host died over it.
    async fn send(&self, n: usize, address: SocketAddr) -> Option<()> {
        let (status, body) = call(address, self.request(n)).await?;
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&body));
        Some(())
    }

    /// Like a platform: what was not answered is sent again, whether it was stored or not.
    async fn resend(&self, address: SocketAddr, accepted: &mut BTreeSet<usize>) {
        for n in (0..self.taken()).filter(|n| !accepted.contains(n)).collect::<Vec<_>>() {
            self.send(n, address).await.expect("an answer");
            accepted.insert(n);
        }
    }
}

fn now() -> Time {
    Time::from_seconds(DateTime::<Utc>::from(SystemTime::now()).timestamp())
}

fn email(customer: usize) -> String {
    format!("customer{customer}@example.com")
}

fn order_id(customer: usize) -> u64 {
    9_007_199_254_740_993 + customer as u64 * 10
}

/// Sweeps until all work is done: a dead holder's lease is waited for, a living one finishes by itself.
async fn sweep_until_at_rest(address: SocketAddr, store: &HostStore) {
    let give_up = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = call(address, request(Method::POST, "/dispatch", DISPATCH_TOKEN)).await;
        let (status, body) = answer.expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        if store.is_at_rest(now()).await.expect("a readable store") {
            return;
        }
        assert!(Instant::now() < give_up, "never at rest: {}", String::from_utf8_lossy(&body));
    }
}

/// All of the first `count` events are in the records once, in the scores once, and every order was thanked for once.
async fn everything_happened_once(count: usize, address: SocketAddr, store: &HostStore, provider: &Provider) {
    let (orders, answers) = (count.div_ceil(2), count / 2);
    let meta = Meta::load(store).await.expect("meta");
    let mut records = Records::new(store, meta.page_count(), oldest_detailed(now()));
    let mut deliveries = provider.deliveries();
    for customer in 0..orders {
        let key = Key::email(&email(customer)).expect("an address");
        let record = records.customer(&key).await.expect("a readable record").expect("a record");
        let known: Vec<&String> = record.orders.keys().collect();
        assert_eq!(known, [&order_id(customer).to_string()], "customer {customer} has one order");
        let known: Vec<&String> = record.answers.keys().collect();
        let given = if customer < answers { vec![format!("a{customer}")] } else { Vec::new() };
        assert_eq!(known, given.iter().collect::<Vec<_>>(), "customer {customer} answered once");

        let sent = record.messages.iter().map(|(id, message)| {
            let (_, step) = message.state().expect("a message has a state");
            assert!(step.is_sent(), "{id} ended as {}", step.name());
            id
        });
        let sent: Vec<_> = sent.collect();
        assert_eq!(sent.len(), 1, "customer {customer} is thanked once");
        let delivery = deliveries.remove(sent[0].as_str()).expect("what counts as sent was delivered");
        assert_eq!(delivery.changed, 0, "a retry sends the same bytes");
    }
    assert_eq!(deliveries.len(), 0, "nothing was delivered that is not in the records");

    let answer = call(address, request(Method::GET, "/metrics", ADMIN_TOKEN)).await;
    let metrics: Value = serde_json::from_slice(&answer.expect("an answer").1).expect("JSON");
    assert_eq!(metrics["nps"]["n"], serde_json::json!(answers), "an accepted answer counts once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_loses_nothing_and_doubles_nothing() {
    const SENDERS: usize = 6;
    let state = tempfile::tempdir().expect("a folder");
    let provider = Provider::start().await.expect("a provider");
    let events = Events::new();
    let mut accepted: BTreeSet<usize> = BTreeSet::new();
    for crash in 0..crashes() {
        let process = Process::start(state.path(), &provider);
        let address = process.address;
        events.resend(address, &mut accepted).await;
        let process = Mutex::new(Some(process));
        // Each life is another number of answers long, so that the end comes at another point of the work.
        let lives_for = 7 + crash * 13 % 41;
        let taken = AtomicUsize::new(0);
        let senders = (0..SENDERS).map(|_| async {
            let mut accepted = Vec::new();
            loop {
                let n = events.take();
                if events.send(n, address).await.is_none() {
                    return accepted;
                }
                accepted.push(n);
                if taken.fetch_add(1, Ordering::Relaxed) == lives_for {
                    drop(process.lock().expect("nobody panicked").take());
                }
            }
        });
        accepted.extend(join_all(senders).await.into_iter().flatten());
    }

    let process = Process::start(state.path(), &provider);
    events.resend(process.address, &mut accepted).await;
    let mut options = Options::new(manifest());
    options.state_dir = Some(state.path().to_owned());
    let store = HostStore(open_store(&options, "default").await.expect("its store"));
    sweep_until_at_rest(process.address, &store).await;
    everything_happened_once(events.taken(), process.address, &store, &provider).await;
    println!("{} crashes, {} events, each of them once", crashes(), events.taken());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_share_a_redis_and_one_of_them_dies() {
    const SENDERS: usize = 8;
    const EVENTS: usize = 240;
    let Some(redis) = RedisServer::start().expect("redis-server starts") else { return };
    let config = redis.runtime_config().expect("a runtime configuration");
    let provider = Provider::start().await.expect("a provider");
    let first = Process::start(&config, &provider);
    let second = Process::start(&config, &provider);
    let addresses = [first.address, second.address];
    let first = Mutex::new(Some(first));
    let (events, accepted) = (Events::new(), AtomicUsize::new(0));
    let senders = (0..SENDERS).map(|sender| {
        let (events, accepted, first) = (&events, &accepted, &first);
        async move {
            let mut failed_over = false;
            while events.taken() < EVENTS {
                let n = events.take();
                let own = addresses[if failed_over { 1 } else { sender % 2 }];
                if events.send(n, own).await.is_none() {
                    // Nobody knows whether it was stored. Whoever balances the load sends it to the other one.
                    assert_eq!(own, addresses[0], "the second host lives on");
                    failed_over = true;
                    events.send(n, addresses[1]).await.expect("the second host lives on");
                }
                if accepted.fetch_add(1, Ordering::Relaxed) == EVENTS / 2 {
                    drop(first.lock().expect("nobody panicked").take());
                }
            }
        }
    });
    join_all(senders).await;
    assert!(first.lock().expect("nobody panicked").is_none(), "the first host was killed");

    let mut options = Options::new(manifest());
    options.runtime_config = Some(config);
    let store = HostStore(open_store(&options, "default").await.expect("their store"));
    sweep_until_at_rest(addresses[1], &store).await;
    everything_happened_once(events.taken(), addresses[1], &store, &provider).await;
}

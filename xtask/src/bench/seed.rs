//! A store with much in it, made by the domain's own code and without a host.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aftercare::channel::{CallError, Outbound, resend};
use aftercare::fetch::Platforms;
use aftercare::settings::Settings;
use aftercare::store::upkeep::PageLimits;
use aftercare::store::{Store, StoreError, names};
use aftercare::sweep::{Limits, Sweep};
use aftercare::time::Time;
use aftercare::webhook::{Accepted, Delivery, ORDER_CREATED, Route, SURVEY_SUBMITTED, receive};
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::signing::Sender;
use aftercare_tests::store::At;
use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use http::{Request, Response};

/// Plain memory.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts everything into a host's store.
    pub(super) async fn copy_to(&self, store: &aftercare_host::Store) -> Result<()> {
        let all = self.all().clone();
        for (key, value) in all {
            store.set(&key, &value).await?;
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.all().values().map(Vec::len).sum()
    }

    pub(super) fn keys_of(&self, kind: &str) -> usize {
        self.all().keys().filter(|key| key.starts_with(kind)).count()
    }
}

impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.all().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.all().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.all().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.all().keys().cloned().collect())
    }
}

/// There is nothing to be sent to customers of the past.
struct Nobody;

impl Outbound for Nobody {
    async fn call(&self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        Err(CallError::NotSent("there is nobody".to_owned()))
    }
}

/// A moment so many days ago, as senders write it.
pub(super) fn days_ago(days: u64) -> String {
    let then = SystemTime::now() - std::time::Duration::from_secs(days * 86_400);
    DateTime::<Utc>::from(then).to_rfc3339()
}

/// Facts as webhooks store them: key and value.
pub(super) fn facts(
    routes: &[Route],
    sender: Sender,
    secret: &str,
    bodies: impl Iterator<Item = serde_json::Value>,
) -> Result<Vec<(String, Vec<u8>)>> {
    let now = SystemTime::now();
    let mut facts = Vec::new();
    for body in bodies {
        let body = serde_json::to_vec(&body)?;
        let headers = sender.headers("orders/create", secret, &body, now)?;
        let headers: Vec<(String, Vec<u8>)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        let time = Time::from_seconds(DateTime::<Utc>::from(now).timestamp());
        let delivery = Delivery { method: "POST", headers: &headers, query: "", body: &body, now: time };
        match receive(routes, &delivery, &|_: &str| vec![secret.to_owned()]) {
            Ok(Accepted::Fact(fact)) => {
                facts.push((names::inbox(&fact.id()), fact.to_bytes()));
            }
            Ok(Accepted::Ignored(why)) => bail!("a payload was ignored: {why}"),
            Err(problem) => bail!("a payload was refused: {}", String::from_utf8_lossy(&problem.to_json())),
        }
    }
    Ok(facts)
}

/// Orders of these customers, placed at `placed_at`.
pub(super) fn orders(customers: std::ops::Range<u32>, placed_at: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let bodies = customers.map(|n| {
        ShopifyOrder {
            id: 9_007_199_254_740_993 + u64::from(n) * 10,
            number: n,
            email: &format!("customer{n}@example.com"),
            first_name: "Ann",
            locale: "en-GB",
            placed_at,
            title: "Espresso machine",
            price: "349.00",
        }
        .to_json()
    });
    facts(ORDER_CREATED, Sender::Shopify, super::SECRET, bodies)
}

/// Orders of one person, so many days ago each.
pub(super) fn orders_of(email: &str, ages: &[u64]) -> Result<Vec<(String, Vec<u8>)>> {
    let bodies = ages.iter().map(|age| {
        ShopifyOrder {
            id: 9_007_199_254_740_993 + age,
            number: 1_000,
            email,
            first_name: "Ann",
            locale: "en-GB",
            placed_at: &days_ago(*age),
            title: "Espresso machine",
            price: "349.00",
        }
        .to_json()
    });
    facts(ORDER_CREATED, Sender::Shopify, super::SECRET, bodies)
}

/// Answers of promoters: nothing is to be sent for them.
pub(super) fn answers(customers: std::ops::Range<u32>, at: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let bodies = customers.map(|n| nps_answer(&format!("a{n}"), 9, &format!("customer{n}@example.com"), at));
    facts(SURVEY_SUBMITTED, Sender::Generic, GENERIC_SECRET, bodies)
}

pub(super) const GENERIC_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// A store with an order of each of so many customers, swept.
pub(super) async fn store_with(customers: u32) -> Result<Memory> {
    let memory = Memory::default();
    for (key, fact) in orders(0..customers, &days_ago(10))? {
        memory.set(&key, &fact).await?;
    }
    let settings = Settings::default();
    let clock = At(Time::from_seconds(DateTime::<Utc>::from(SystemTime::now()).timestamp()));
    let providers = resend::Config { url: "http://nobody.example".to_owned(), api_key: String::new() }.into();
    let sweep = Sweep {
        store: &memory,
        clock: &clock,
        outbound: &Nobody,
        settings: &settings,
        providers: &providers,
        platforms: &Platforms::default(),
        // Few large rounds: it is not the making that is measured.
        limits: Limits {
            facts: 20_000,
            pages: PageLimits { splits: 10_000, ..PageLimits::default() },
            ..Limits::default()
        },
        seed: 1,
    };
    loop {
        let report = sweep.run().await?;
        if report.left == 0 {
            return Ok(memory);
        }
    }
}

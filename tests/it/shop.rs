//! A shop under test: the wasm components in the local host, with a clock of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aftercare_host::{Host, Log, ManualClock, Options};
use aftercare_tests::payload::{ShopifyOrder, nps_answer};
use aftercare_tests::signing::Sender;
use http::{Method, Request, Response};
use serde_json::Value;

pub(crate) const ADMIN_TOKEN: &str = "admin-token-of-the-test-shop";
pub(crate) const DISPATCH_TOKEN: &str = "dispatch-token-of-the-test-shop";
pub(crate) const SHOPIFY_SECRET: &str = "shopify-secret-of-the-test-shop";
/// `whsec_` and 24 bytes.
pub(crate) const GENERIC_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// 2027-01-15T08:00:00Z: where the clock of every test shop starts.
pub(crate) const START: u64 = 1_800_000_000;

pub(crate) struct Shop {
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) log: Log,
}

pub(crate) type Answer = Response<bytes::Bytes>;

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(&[]).await
    }

    /// With some variables set otherwise.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        Self::start(variables, |_| {}).await
    }

    /// On a host with some options set otherwise.
    pub(crate) async fn start(variables: &[(&str, &str)], change: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::starting_at_unix(START);
        let log = Log::captured();
        let mut options = Options::new(manifest());
        options.in_memory = true;
        options.dot_env = None;
        options.clock = clock.clone().into();
        options.log = log.clone();
        options.cache = Some(manifest().with_file_name("target").join("aftercare-host-cache"));
        options.variables = default_variables();
        options.variables.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        change(&mut options);
        let host = Host::start(options).await.expect("the application starts; `cargo xtask build` builds it");
        Self { host, clock, log }
    }

    pub(crate) fn now(&self) -> String {
        chrono::DateTime::<chrono::Utc>::from(self.clock.now())
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = self.host.handle(request.body(body.into()).expect("a request")).await;
        // Work after the answer belongs to the request as far as a test is concerned.
        self.host.settled().await;
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
        self.request(Method::GET, path, &[authorization], Vec::new()).await
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", text(&answer));
        serde_json::from_slice(answer.body()).expect("JSON")
    }

    pub(crate) async fn put_settings(&self, document: &Value) -> Answer {
        let authorization = ("authorization", format!("Bearer {ADMIN_TOKEN}"));
        self.request(Method::PUT, "/settings", &[authorization], document.to_string().into_bytes()).await
    }

    pub(crate) async fn dispatch(&self) -> Value {
        let authorization = ("authorization", format!("Bearer {DISPATCH_TOKEN}"));
        let answer = self.request(Method::POST, "/dispatch", &[authorization], Vec::new()).await;
        assert_eq!(answer.status(), 200, "{}", text(&answer));
        serde_json::from_slice(answer.body()).expect("JSON")
    }

    /// Posts what the sender would, signed.
    pub(crate) async fn webhook(&self, sender: Sender, event: &str, topic: &str, body: &[u8]) -> Answer {
        let headers = sender.headers(topic, secret(sender), body, self.clock.now()).expect("a signature");
        self.request(Method::POST, &format!("/webhooks/{event}"), &headers, body.to_vec()).await
    }

    pub(crate) async fn order(&self, order: &Value) -> Answer {
        let body = serde_json::to_vec(order).expect("JSON");
        self.webhook(Sender::Shopify, "order-created", "orders/create", &body).await
    }

    pub(crate) async fn answer(&self, answer: &Value) -> Answer {
        let body = serde_json::to_vec(answer).expect("JSON");
        self.webhook(Sender::Generic, "survey-submitted", "", &body).await
    }

    /// Ann's order of now.
    pub(crate) fn anns_order(&self) -> Value {
        ShopifyOrder {
            id: 9_007_199_254_740_993,
            number: 1001,
            email: "ann@example.com",
            first_name: "Ann",
            locale: "en-GB",
            placed_at: &self.now(),
            title: "Espresso machine",
            price: "349.00",
        }
        .to_json()
    }

    pub(crate) fn anns_answer(&self, score: i64) -> Value {
        nps_answer("a1", score, "ann@example.com", &self.now())
    }

    /// Messages in the outbox, newest first.
    pub(crate) async fn outbox(&self) -> Vec<Value> {
        match self.get_json("/outbox.json").await {
            Value::Array(entries) => entries,
            other => panic!("not a list: {other}"),
        }
    }

    /// Everything that is stored.
    pub(crate) async fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let store = self.host.store("default").expect("the default store");
        let mut all = BTreeMap::new();
        for key in store.keys().await.expect("keys") {
            let value = store.get(&key).await.expect("a value").unwrap_or_default();
            all.insert(key, value);
        }
        all
    }
}

pub(crate) fn default_variables() -> Vec<(String, String)> {
    [("admin_token", ADMIN_TOKEN), ("dispatch_token", DISPATCH_TOKEN), ("brand_name", "Bean & Gone")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .chain(Sender::ALL.map(|sender| (sender.variable(), secret(sender).to_owned())))
        .collect()
}

/// What a sender's deliveries are signed with.
pub(crate) const fn secret(sender: Sender) -> &'static str {
    match sender {
        Sender::Shopify => SHOPIFY_SECRET,
        Sender::Generic => GENERIC_SECRET,
        // Its é is one character; EasyPost signs with an e and an accent.
        Sender::EasyPost => "s\u{e9}cret of the test shop",
        _ => "a-secret-of-the-test-shop-long-enough",
    }
}

pub(crate) fn manifest() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).with_file_name("spin.toml")
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

//! Clouds with limits: what a shop does there stays within them, and where it cannot, nothing is lost.

use std::collections::BTreeSet;
use std::time::Instant;

use aftercare::message::MessageId;
use aftercare::time::Time;
use aftercare_host::Profile;
use aftercare_tests::provider::Provider;
use aftercare_tests::store::HostStore;
use aftercare_tests::trade::{Known, Life, Schedule, Trade, Usage, Volume};
use serde_json::json;

use crate::shop::{DISPATCH_TOKEN, GENERIC_SECRET, SHOPIFY_SECRET, START, Shop};

/// A shop in a cloud, with a provider of its own.
struct InCloud {
    shop: Shop,
    provider: Provider,
}

impl InCloud {
    async fn open(profile: Profile, variables: &[(&str, &str)]) -> Self {
        let provider = Provider::start().await.expect("a provider");
        let url = format!("http://{}", provider.address);
        let mut all = vec![("resend_api_key", "re_test"), ("resend_url", &url)];
        all.extend(variables);
        let shop = Shop::start(&all, |options| options.profile = Some(profile)).await;
        Self { shop, provider }
    }

    async fn live(&self, volume: Volume, schedule: Schedule, trade: &Trade) -> Usage {
        let life = Life {
            host: &self.shop.host,
            clock: &self.shop.clock,
            secrets: &[("shopify_secrets", SHOPIFY_SECRET), ("webhook_secrets", GENERIC_SECRET)],
            dispatch_token: DISPATCH_TOKEN,
            schedule,
        };
        let lived = life.live(trade, volume.days).await;
        lived.unwrap_or_else(|error| panic!("{error:#}\n{}", self.shop.log.text()))
    }

    /// Every report is in the records and in the scores, and every order was thanked for, all exactly once.
    async fn nothing_is_lost_or_doubled(&self, trade: &Trade) {
        let store = HostStore(self.shop.host.store("default").expect("the store"));
        let now = Time::from_seconds(i64::try_from(START).expect("a time of this century"));
        let known = Known::read(&store, &trade.told, now).await.expect("readable records");
        assert!(known == trade.told, "the records differ from what was reported");

        let nps = self.shop.get_json("/metrics/nps?from=2027-01-01&to=2028-12-31").await;
        let counted = ["promoters", "passives", "detractors"].map(|group| nps[group].clone());
        assert_eq!(counted, trade.told.nps().map(|count| json!(count)));

        let deliveries = self.provider.deliveries();
        let thanks: BTreeSet<&str> = deliveries
            .iter()
            .filter(|(_, delivery)| delivery.playbook().as_deref() == Some("thank-you"))
            .map(|(id, _)| id.as_str())
            .collect();
        let expected = |cancelled| -> BTreeSet<String> {
            let orders =
                trade.told.orders.iter().filter(|(_, stages)| stages.contains("cancelled") == cancelled);
            orders.map(|(id, _)| MessageId::new("thank-you", &format!("order:{id}")).to_string()).collect()
        };
        // One that was cancelled may have been thanked for before.
        let (standing, cancelled) = (expected(false), expected(true));
        assert!(standing.iter().all(|id| thanks.contains(id.as_str())), "every order is thanked for");
        assert!(
            thanks.iter().all(|id| standing.contains(*id) || cancelled.contains(*id)),
            "and nothing else"
        );
        assert!(deliveries.values().all(|delivery| delivery.changed == 0), "a retry sends the same bytes");
        assert_eq!(self.shop.get_json("/healthz").await["status"], json!("ok"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_300_orders_a_month_fits_into_fermyon_cloud() {
    let volume = Volume { orders_a_month: 300, days: 365, arrivals_a_day: arrivals_a_day() };
    let schedule = Schedule { tick: 300, idle_tick: 6 * 3_600 };
    let trade = Trade::new(volume, START);
    let started = Instant::now();
    let cloud = InCloud::open(Profile::FermyonCloud, &[("process", "tick")]).await;
    let usage = cloud.live(volume, schedule, &trade).await;
    println!(
        "{} orders in {} days on Fermyon Cloud:\n{usage}\nlived through in {:.1?}",
        trade.orders,
        volume.days,
        started.elapsed()
    );
    assert_eq!((usage.refused, usage.stopped, usage.counts.traps), (0, 0, 0), "{}", cloud.shop.log.text());
    assert!(!cloud.shop.log.text().contains("used up"), "{}", cloud.shop.log.text());
    assert!(usage.most_keys < 1_024 && usage.outgoing_an_hour < 500 && usage.largest_value < 1_000_000);
    cloud.nothing_is_lost_or_doubled(&trade).await;
    assert!(cloud.provider.deliveries().values().all(|delivery| delivery.asked == 1));
}

/// In a normal run what happens on a day arrives at one moment of it; `AFTERCARE_ARRIVALS=24` is every hour.
fn arrivals_a_day() -> u32 {
    std::env::var("AFTERCARE_ARRIVALS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_week_on_akamai_functions_loses_nothing() {
    // Three times as much a month as above, and all that comes in half a day comes at once: far more than 50 writes.
    let volume = Volume { orders_a_month: 900, days: 7, arrivals_a_day: 2 };
    let schedule = Schedule { tick: 60, idle_tick: 600 };
    let trade = Trade::new(volume, START);
    let started = Instant::now();
    let akamai = InCloud::open(Profile::Akamai, &[("process", "after")]).await;
    let usage = akamai.live(volume, schedule, &trade).await;
    println!(
        "{} orders in {} days on Akamai Functions:\n{usage}\nlived through in {:.1?}",
        trade.orders,
        volume.days,
        started.elapsed()
    );
    assert!(usage.refused > 0, "bursts are refused");
    assert_eq!(usage.counts.traps, 0, "{}", akamai.shop.log.text());
    akamai.nothing_is_lost_or_doubled(&trade).await;
}

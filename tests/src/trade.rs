//! A shop's trade over days or a year: what its platform, carriers, customers and support desk report, repeats and
//! stragglers included, and what must be known in the end.
//!
//! * [`Trade`] is made from a [`Volume`], always the same one.
//! * [`life`] lives through it: deliveries and ticks at their time, on a host with a manual clock.
//! * [`Known`] compares what was reported with what is in the records.

pub mod known;
pub mod life;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::payload::{ShopifyOrder, nps_answer};
use crate::signing::Sender;
use crate::simulation::random::Random;

pub use known::Known;
pub use life::{Life, Schedule, Usage};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// How much is sold, over how long.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    pub orders_a_month: u32,
    pub days: u32,
    /// At how many moments of a day reports arrive: many parcels are scanned at once, and platforms send what waits.
    /// A divisor of 86,400.
    pub arrivals_a_day: u32,
}

impl Volume {
    pub fn orders(self) -> u32 {
        self.orders_a_month * 12 * self.days / 365
    }

    /// Seconds after the opening when the last day is over.
    pub fn ends_after(self) -> u64 {
        u64::from(self.days) * DAY
    }
}

/// One webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Seconds after the opening when it is first sent.
    pub after: u64,
    pub sender: Sender,
    /// The last part of its URL.
    pub event: &'static str,
    pub topic: &'static str,
    pub body: Bytes,
    /// What it says.
    pub says: Known,
}

/// Everything that is sent, by time.
#[derive(Debug, Clone)]
pub struct Trade {
    pub deliveries: Vec<Delivery>,
    /// All of it together.
    pub told: Known,
    pub orders: usize,
}

/// Shares of orders, in thousandths.
const RETURNING: u64 = 350;
const CANCELLED: u64 = 20;
const NPS: u64 = 120;
const REVIEW: u64 = 60;
const TICKET: u64 = 40;
/// Shares of deliveries: sent twice, and late.
const REPEATED: u64 = 80;
const LATE: u64 = 30;

const FIRST_NAMES: [&str; 12] =
    ["Ann", "Jürgen", "Zoë", "Łucja", "María", "João", "Chloé", "Lena", "Noah", "Priya", "Oluwaseun", "Mei"];
const TITLES: [&str; 10] = [
    "Espresso machine",
    "House blend beans, 1 kg",
    "Burr grinder with a very long and descriptive name",
    "Milk jug",
    "Descaler",
    "Tamper, walnut",
    "Cup set, six pieces",
    "Filter papers",
    "Portable kettle",
    "Barista course",
];
const COMMENTS: [&str; 5] = [
    "Came a day early, well packed. Thank you!",
    "Good, but the manual is thin and the first start took me an hour.",
    "",
    "The box was crushed. I would like somebody to call me back about it.",
    "Lovely crema from the first cup.",
];
const LOCALES: [&str; 4] = ["en-GB", "de-DE", "de-AT", "fr-FR"];

impl Trade {
    /// Opens at `opening`, in seconds since 1970.
    pub fn new(volume: Volume, opening: u64) -> Self {
        let mut making = Making { volume, opening, random: Random::new(20_260_101), deliveries: Vec::new() };
        let orders = volume.orders();
        let mut customers = 0;
        for n in 0..orders {
            let customer = if making.random.chance(RETURNING) && customers > 0 {
                making.random.below(customers)
            } else {
                customers += 1;
                customers - 1
            };
            // Orders come evenly; what follows them comes when it comes.
            let placed = volume.ends_after() * u64::from(n) / u64::from(orders.max(1));
            making.order(n, customer, placed);
        }
        let mut deliveries = making.deliveries;
        deliveries.retain(|delivery| delivery.after < volume.ends_after());
        deliveries.sort_by_key(|delivery| delivery.after);
        let mut told = Known::default();
        for delivery in &deliveries {
            told.add(delivery.says.clone());
        }
        Self { orders: told.orders.len(), deliveries, told }
    }
}

struct Making {
    volume: Volume,
    opening: u64,
    random: Random,
    deliveries: Vec<Delivery>,
}

/// One order on its way through the shop.
struct Order<'a> {
    id: u64,
    email: &'a str,
    json: Value,
}

impl Making {
    fn order(&mut self, n: u32, customer: u64, placed: u64) {
        let id = 9_007_199_254_740_993 + u64::from(n) * 10;
        let email = format!("customer{customer}@example.com");
        let title = *self.random.pick(&TITLES);
        let price = format!("{}.{:02}", self.random.between(5, 400), self.random.below(100));
        let first_name = FIRST_NAMES[usize::try_from(customer).unwrap_or_default() % FIRST_NAMES.len()];
        let mut json = ShopifyOrder {
            id,
            number: n + 1001,
            email: &email,
            first_name,
            locale: LOCALES[usize::try_from(customer).unwrap_or_default() % LOCALES.len()],
            placed_at: &self.moment(placed),
            title,
            price: &price,
        }
        .to_json();
        json["customer"]["id"] = (7_000_000_000 + customer).into();
        json["financial_status"] = "pending".into();
        let mut order = Order { id, email: &email, json };
        self.platform(&mut order, "orders/create", placed, "placed");
        order.json["financial_status"] = "paid".into();
        let paid = placed + self.random.between(2, 90);
        self.platform(&mut order, "orders/paid", paid, "paid");
        if self.random.chance(CANCELLED) {
            let at = placed + self.random.between(3_600, DAY);
            order.json["cancelled_at"] = self.moment(at).into();
            self.platform(&mut order, "orders/cancelled", at, "cancelled");
            return;
        }
        let packed = placed + self.random.between(DAY / 4, DAY * 3 / 2);
        order.json["fulfillment_status"] = "fulfilled".into();
        self.platform(&mut order, "orders/fulfilled", packed + 60, "fulfilled");
        let delivered = self.parcel(&order, packed);
        self.feedback(&order, delivered);
    }

    /// The platform reports the order as it is now.
    fn platform(&mut self, order: &mut Order<'_>, topic: &'static str, at: u64, reached: &str) {
        order.json["updated_at"] = self.moment(at).into();
        let says = Known::order(order.id, reached);
        self.deliver(at, Sender::Shopify, "order-created", topic, &order.json.clone(), &says);
    }

    /// The carrier reports where the parcel is. Returns when it was delivered.
    fn parcel(&mut self, order: &Order<'_>, packed: u64) -> u64 {
        let id = format!("s{}", order.id);
        let mut at = packed;
        for state in ["packed", "shipped", "in_transit", "out_for_delivery", "delivered"] {
            let body = json!({
                "type": "shipment.updated",
                "timestamp": self.moment(at),
                "data": {
                    "shipment": {
                        "id": id, "status": state, "carrier": "DHL",
                        "tracking_number": format!("0034{}", order.id),
                        "tracking_url": format!("https://track.example/{}", order.id),
                    },
                    "order": {"id": order.id.to_string()},
                },
            });
            self.deliver(at, Sender::Generic, "shipment-updated", "", &body, &Known::shipment(&id, state));
            at += self.random.between(DAY / 8, DAY);
        }
        at
    }

    fn feedback(&mut self, order: &Order<'_>, delivered: u64) {
        let customer = json!({"email": order.email});
        if self.random.chance(NPS) {
            let at = delivered + self.random.between(DAY, 6 * DAY);
            let score = *self.random.pick(&[10, 10, 9, 9, 9, 8, 8, 7, 6, 3]);
            let id = format!("a{}", order.id);
            let mut body = nps_answer(&id, score, order.email, &self.moment(at));
            body["data"]["survey"]["comment"] = (*self.random.pick(&COMMENTS)).into();
            let says = Known::answer(&id, u8::try_from(score).unwrap_or_default());
            self.deliver(at, Sender::Generic, "survey-submitted", "", &body, &says);
        }
        if self.random.chance(REVIEW) {
            let at = delivered + self.random.between(2 * DAY, 9 * DAY);
            let id = format!("r{}", order.id);
            let body = json!({
                "type": "review.posted", "timestamp": self.moment(at),
                "data": {
                    "review": {
                        "id": id, "rating": self.random.between(3, 5), "scale": "1-5",
                        "body": self.random.pick(&COMMENTS),
                    },
                    "order": {"id": order.id.to_string()}, "customer": customer,
                },
            });
            self.deliver(at, Sender::Generic, "review-posted", "", &body, &Known::review(&id));
        }
        if self.random.chance(TICKET) {
            let asked = delivered + self.random.between(0, 2 * DAY);
            let solved = asked + self.random.between(600, DAY);
            let id = format!("t{}", order.id);
            for (at, status) in [(asked, "new"), (solved, "solved")] {
                let mut ticket = json!({
                    "id": id, "status": status, "channel": "email", "subject": "A question about my order",
                    "created_at": self.moment(asked),
                });
                if status == "solved" {
                    ticket["solved_at"] = self.moment(solved).into();
                }
                let body = json!({
                    "type": "ticket.updated", "timestamp": self.moment(at),
                    "data": {"ticket": ticket, "customer": customer},
                });
                let says = Known::ticket(&id, status == "solved");
                self.deliver(at, Sender::Generic, "ticket-updated", "", &body, &says);
            }
        }
    }

    /// Sends a report at the next moment at which anything is sent: some of them late, some of them twice.
    fn deliver(
        &mut self,
        at: u64,
        sender: Sender,
        event: &'static str,
        topic: &'static str,
        body: &Value,
        says: &Known,
    ) {
        let late = if self.random.chance(LATE) { self.random.between(60, DAY / 4) } else { 0 };
        let again = if self.random.chance(REPEATED) { self.random.magnitude(2 * DAY) } else { 0 };
        let body = Bytes::from(body.to_string());
        let step = DAY / u64::from(self.volume.arrivals_a_day.max(1));
        let mut send = |at: u64| {
            let (body, says) = (body.clone(), says.clone());
            self.deliveries.push(Delivery {
                after: at.div_ceil(step) * step,
                sender,
                event,
                topic,
                body,
                says,
            });
        };
        send(at + late);
        if again > 0 {
            send(at + late + again);
        }
    }

    fn moment(&self, after: u64) -> String {
        let seconds = (self.opening + after).cast_signed();
        let moment = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
        moment.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

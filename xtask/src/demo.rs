//! Posts signed sample webhooks to a running instance, so that its pages have something to show.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aftercare::link::{Links, Purpose};
use aftercare::time::Time;
use aftercare_tests::signing::Sender;
use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::secrets;
use crate::sign::Client;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where Aftercare is served.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// How many customers there are in the sample.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=2000))]
    customers: u32,
}

/// Beyond 2^53, like real ones.
const FIRST_ORDER: u64 = 9_007_199_254_740_993;

/// First name, last name, locale, country.
const PEOPLE: [(&str, &str, &str, &str); 8] = [
    ("Ann", "Example", "en-GB", "GB"),
    ("Jürgen", "Müller", "de-DE", "DE"),
    ("Zoë", "O’Neil", "en-IE", "IE"),
    ("Łucja", "Nowak", "pl-PL", "PL"),
    ("María", "García", "es-ES", "ES"),
    ("João", "da Silva", "pt-BR", "BR"),
    ("Chloé", "Lefèvre", "fr-FR", "FR"),
    ("Lena", "Bauer", "de-AT", "AT"),
];

/// Title, variant, SKU, price.
const PRODUCTS: [(&str, Option<&str>, &str, &str); 4] = [
    ("Espresso machine", Some("Black"), "CAFE-1", "349.00"),
    ("House blend beans", Some("1 kg"), "BEAN-1", "24.90"),
    ("Burr grinder", None, "GRIND-1", "129.00"),
    ("Milk jug", Some("350 ml"), "JUG-1", "19.50"),
];

/// What people said, from the worst to the best.
const COMMENTS: [(u8, &str); 6] = [
    (2, "The box was crushed and nobody answers the phone."),
    (5, "It took two weeks longer than promised."),
    (7, ""),
    (8, "Good, but the manual is thin."),
    (9, "Lovely crema from the first cup."),
    (10, "Thank you for the handwritten note!"),
];

const REVIEWS: [(u8, &str); 4] = [
    (5, "Better than the café around the corner."),
    (4, "Does what it should; the cable is short."),
    (5, "My third one, after ten years."),
    (2, "Arrived with a dent."),
];

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let shopify = secrets::value(root, "shopify_secrets")?;
    let generic = secrets::value(root, "webhook_secrets")?;
    let client = Client::new();
    let base = args.url.trim_end_matches('/');
    let now = SystemTime::now();

    let stories: Vec<Story> = (0..args.customers).map(|n| Story { n, now }).collect();
    let events: Vec<(&str, &str, Vec<Value>)> = vec![
        ("shipment-updated", "parcels", stories.iter().flat_map(Story::parcel).collect()),
        ("survey-submitted", "answers", stories.iter().map(Story::answer).collect()),
        ("ticket-updated", "tickets", stories.iter().filter_map(Story::ticket).collect()),
        ("review-posted", "reviews", stories.iter().filter_map(Story::review).collect()),
    ];
    let all = stories.len() + events.iter().map(|(.., events)| events.len()).sum::<usize>();
    let bar = ProgressBar::new(all as u64);
    bar.set_style(ProgressStyle::with_template("{msg:>10} [{bar:40}] {pos}/{len}")?.progress_chars("=> "));
    let post = |event: &str, sender: Sender, topic: &str, secret: &str, body: &Value| -> Result<()> {
        let body = serde_json::to_vec(body)?;
        let headers = sender.headers(topic, secret, &body, SystemTime::now())?;
        let (status, answer) = client.post(&format!("{base}/webhooks/{event}"), &headers, &body)?;
        ensure!(status == 202, "{event} was answered {status}: {answer}");
        bar.inc(1);
        Ok(())
    };
    bar.set_message("orders");
    for story in &stories {
        post("order-created", Sender::Shopify, "orders/create", &shopify, &story.order())?;
    }
    for (event, name, bodies) in &events {
        bar.set_message((*name).to_owned());
        for body in bodies {
            post(event, Sender::Generic, "", &generic, body)?;
        }
    }
    bar.finish_with_message("done");
    println!("{all} events of {} customers. See {base}/outbox and {base}/dashboard", args.customers);
    print_pages(root, base, now);
    Ok(())
}

/// Pages of the first customer, which otherwise only the mails lead to.
fn print_pages(root: &Path, base: &str, now: SystemTime) {
    // Without a key there are no such pages.
    let Ok(keys) = secrets::value(root, "link_keys") else { return };
    let keys = keys.split(',').map(|key| key.trim().to_owned()).collect();
    let links = Links::new(base, keys);
    let from = Time::from_seconds(DateTime::<Utc>::from(now).timestamp());
    let pages =
        [("survey", Purpose::Nps), ("their order", Purpose::Order), ("their messages", Purpose::Preferences)];
    println!("As a shopper, who has these links from a mail:");
    for (name, purpose) in pages {
        let link = links.make(purpose, &format!("order:{FIRST_ORDER}"), from, TimeDelta::days(30));
        println!("  {name:<14} {}", link.unwrap_or_default());
    }
}

const DAY: Duration = Duration::from_hours(24);

/// What happened to customer `n` during the last two months.
struct Story {
    n: u32,
    now: SystemTime,
}

impl Story {
    /// Days since the order. One in three was placed today, so that there is something to say.
    fn age(&self) -> u32 {
        if self.n.is_multiple_of(3) { 0 } else { 2 + self.n * 7 % 57 }
    }

    /// `days` after the order.
    fn at(&self, days: f64) -> String {
        let placed = self.now - DAY * self.age() - Duration::from_secs(60 + u64::from(self.n) * 60 % 7_200);
        rfc3339(placed + DAY.mul_f64(days))
    }

    fn order_id(&self) -> u64 {
        FIRST_ORDER + u64::from(self.n)
    }

    fn email(&self) -> String {
        format!("customer{}@example.com", self.n)
    }

    /// An event of the generic contract.
    fn event(&self, kind: &str, days: f64, data: &Value) -> Value {
        json!({ "type": kind, "timestamp": self.at(days), "data": data })
    }

    /// The order, as Shopify tells of it.
    fn order(&self) -> Value {
        let n = self.n;
        let (first_name, last_name, locale, country) = *pick(&PEOPLE, n);
        let (title, variant, sku, price) = *pick(&PRODUCTS, n / 2);
        let (placed, id) = (self.at(0.0), self.order_id());
        json!({
            "id": id,
            "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
            "name": format!("#{}", 1001 + n),
            "order_number": 1001 + n,
            "email": self.email(),
            "created_at": placed,
            "updated_at": placed,
            "currency": "EUR",
            "total_price": price,
            "financial_status": "paid",
            "fulfillment_status": null,
            "cancelled_at": null,
            "test": false,
            "buyer_accepts_marketing": !n.is_multiple_of(3),
            "customer_locale": locale,
            "order_status_url": format!("https://shop.example/orders/{}", 1001 + n),
            "customer": {"id": id + 7_000_000, "first_name": first_name, "last_name": last_name},
            "shipping_address": {"country_code": country, "province_code": null},
            "line_items": [{
                "id": id + 1, "product_id": id + 2, "sku": sku, "title": title, "variant_title": variant,
                "quantity": 1 + n % 2, "current_quantity": 1 + n % 2, "price": price, "requires_shipping": true,
            }],
        })
    }

    /// Its parcel, promised for the fourth day: one in five came later.
    fn parcel(&self) -> Vec<Value> {
        let arrives = if self.n.is_multiple_of(5) { 6.0 } else { 3.0 };
        let states = [("shipped", 1.0), ("out_for_delivery", arrives - 0.3), ("delivered", arrives)];
        let so_far = states.into_iter().filter(|(_, days)| *days < f64::from(self.age()));
        let event = |(status, days): (&str, f64)| {
            let shipment = json!({
                "id": format!("demo-{}", self.n), "status": status, "at": self.at(days), "carrier": "DHL",
                "carrier_phone": "+49 228 4333112", "estimated_at": self.at(4.0),
                "tracking_number": format!("003404341610{:08}", self.n),
                "tracking_url": format!("https://carrier.example/{:08}", self.n),
            });
            let order = json!({ "id": self.order_id().to_string() });
            self.event("shipment.updated", days, &json!({ "order": order, "shipment": shipment }))
        };
        so_far.map(event).collect()
    }

    /// An NPS answer.
    fn answer(&self) -> Value {
        let (score, comment) = *pick(&COMMENTS, self.n * 5 + self.n / 6);
        // Detractors answered just now, so that the team has something to do.
        let days = if score <= 6 { f64::from(self.age()) } else { f64::from(self.age()) / 2.0 };
        let mut survey = json!({
            "kind": "nps", "answer_id": format!("demo-{}", self.n), "score": score, "scale": "0-10",
        });
        if !comment.is_empty() {
            survey["comment"] = comment.into();
        }
        let customer = json!({ "email": self.email() });
        self.event("survey.submitted", days, &json!({ "survey": survey, "customer": customer }))
    }

    /// One in four wrote to the support desk.
    fn ticket(&self) -> Option<Value> {
        if self.n % 4 != 1 || self.age() < 3 {
            return None;
        }
        let reply = 1.0 + f64::from(1 + self.n % 7) / 24.0;
        let solved = !self.n.is_multiple_of(3);
        let mut ticket = json!({
            "id": format!("demo-{}", self.n), "status": if solved { "solved" } else { "open" }, "channel": "email",
            "created_at": self.at(1.0), "first_reply_at": self.at(reply), "reopened": self.n % 2,
        });
        if solved {
            ticket["solved_at"] = self.at(2.0).into();
            ticket["handle_seconds"] = (180 + self.n * 20).into();
        }
        let customer = json!({ "email": self.email() });
        Some(self.event("ticket.updated", 2.0, &json!({ "ticket": ticket, "customer": customer })))
    }

    /// One in three of those who had time to try it wrote a review.
    fn review(&self) -> Option<Value> {
        if self.n % 3 != 1 || self.age() < 15 {
            return None;
        }
        let (rating, body) = *pick(&REVIEWS, self.n);
        let review = json!({
            "id": format!("demo-{}", self.n), "rating": rating, "scale": "1-5", "title": "", "body": body,
            "media": 0, "product_id": (self.order_id() + 2).to_string(), "source": "own-shop",
        });
        let customer = json!({ "email": self.email() });
        Some(self.event("review.posted", 14.0, &json!({ "review": review, "customer": customer })))
    }
}

fn pick<T>(list: &[T], n: u32) -> &T {
    &list[n as usize % list.len()]
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

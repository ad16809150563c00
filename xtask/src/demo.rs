//! Posts signed sample webhooks to a running instance, so that its pages have something to show.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aftercare_tests::signing::Sender;
use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
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

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let shopify = secrets::value(root, "shopify_secrets")?;
    let generic = secrets::value(root, "webhook_secrets")?;
    let client = Client::new();
    let base = args.url.trim_end_matches('/');
    let now = SystemTime::now();

    let bar = ProgressBar::new(u64::from(args.customers) * 2);
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
    for n in 0..args.customers {
        post("order-created", Sender::Shopify, "orders/create", &shopify, &order(n, now))?;
    }
    bar.set_message("answers");
    for n in 0..args.customers {
        post("survey-submitted", Sender::Generic, "", &generic, &answer(n, now))?;
    }
    bar.finish_with_message("done");
    println!("Sent {} orders and as many answers. See {base}/outbox and {base}/dashboard", args.customers);
    Ok(())
}

/// A Shopify order of customer `n`, placed within the last day.
fn order(n: u32, now: SystemTime) -> Value {
    let (first_name, last_name, locale, country) = *pick(&PEOPLE, n);
    let (title, variant, sku, price) = *pick(&PRODUCTS, n / 2);
    let placed = rfc3339(now - Duration::from_secs(u64::from(n) * 60 % 86_400));
    // Beyond 2^53, like real ones.
    let id = 9_007_199_254_740_993_u64 + u64::from(n);
    json!({
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
        "name": format!("#{}", 1001 + n),
        "order_number": 1001 + n,
        "email": email(n),
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

/// An NPS answer of customer `n`, given some days ago.
fn answer(n: u32, now: SystemTime) -> Value {
    let (score, comment) = *pick(&COMMENTS, n * 5 + n / 6);
    // Detractors answered today, so that the team has something to do.
    let days = if score <= 6 { 0 } else { n % 28 };
    let at = rfc3339(now - Duration::from_secs(u64::from(days) * 86_400 + 60));
    let mut survey =
        json!({"kind": "nps", "answer_id": format!("demo-{n}"), "score": score, "scale": "0-10"});
    if !comment.is_empty() {
        survey["comment"] = comment.into();
    }
    json!({
        "type": "survey.submitted",
        "timestamp": at,
        "data": {"survey": survey, "customer": {"email": email(n)}},
    })
}

fn email(n: u32) -> String {
    format!("customer{n}@example.com")
}

fn pick<T>(list: &[T], n: u32) -> &T {
    &list[n as usize % list.len()]
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

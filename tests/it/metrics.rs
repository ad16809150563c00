//! Scores as they are asked for: JSON, CSV, OpenMetrics, and questions that make no sense.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use aftercare_tests::payload::nps_answer;
use aftercare_tests::signing::Sender;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{ADMIN_TOKEN, Answer, Shop, text};

/// A shop with two answers, a review and a ticket.
async fn shop() -> Shop {
    let shop = Shop::with(&[("process", "tick")]).await;
    shop.answer(&nps_answer("a1", 10, "ann@example.com", &shop.now())).await;
    shop.answer(&nps_answer("b1", 3, "bob@example.com", &shop.now())).await;
    let review = json!({"type": "review.posted", "timestamp": shop.now(), "data": {
        "review": {"id": "r1", "rating": 4, "scale": "1-5", "product_id": "9", "source": "own-shop"},
        "customer": {"email": "ann@example.com"},
    }});
    post(&shop, "review-posted", &review).await;
    let ticket = json!({"type": "ticket.updated", "timestamp": shop.now(), "data": {
        "ticket": {"id": "t1", "status": "solved", "channel": "email", "created_at": "2027-01-14T09:00:00Z",
            "first_reply_at": "2027-01-14T09:20:00Z", "solved_at": "2027-01-14T10:00:00Z", "handle_seconds": 240},
        "customer": {"email": "bob@example.com"},
    }});
    post(&shop, "ticket-updated", &ticket).await;
    shop
}

async fn post(shop: &Shop, event: &str, body: &Value) {
    let answer = shop.webhook(Sender::Generic, event, "", &serde_json::to_vec(body).expect("JSON")).await;
    assert_eq!(answer.status(), 202, "{}", text(&answer));
}

async fn get(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("authorization", format!("Bearer {ADMIN_TOKEN}"))];
    all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
    shop.request(Method::GET, path, &all, Vec::new()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_counted_before_a_sweep_and_the_same_after() {
    let shop = shop().await;
    for swept in [false, true] {
        if swept {
            shop.dispatch().await;
        }
        let all = shop.get_json("/metrics?by=month&compare=previous").await;
        assert_eq!((&all["nps"]["value"], &all["nps"]["n"]), (&json!(0.0), &json!(2)));
        assert_eq!(all["nps"]["periods"].as_array().map(Vec::len), Some(13));
        assert_eq!((&all["reviews"]["value"], &all["reviews"]["distribution"][3]), (&json!(4.0), &json!(1)));
        assert_eq!(
            (&all["first_response"]["value"], &all["handle_time"]["value"]),
            (&json!(20.0), &json!(240.0))
        );
        // Too young to be judged.
        assert_eq!((&all["resolution_rate"]["n"], &all["resolution_rate"]["young"]), (&json!(0), &json!(1)));
        let of_product = shop.get_json("/metrics?product=9").await;
        assert_eq!((&of_product["reviews"]["n"], &of_product["nps"]["n"]), (&json!(1), &json!(0)));
        assert_eq!(shop.get_json("/metrics/first_response?channel=chat").await["n"], json!(0));
    }
    shop.advance(Duration::from_hours(24 * 10));
    let rate = shop.get_json("/metrics/resolution_rate?channel=email").await;
    assert_eq!((&rate["value"], &rate["n"]), (&json!(100.0), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_come_as_csv_and_for_prometheus() {
    let shop = shop().await;
    let csv = get(&shop, "/metrics/nps?by=week&from=2027-01-01", &[("accept", "text/csv")]).await;
    assert!(header(&csv, "content-type").starts_with("text/csv"));
    let lines = text(&csv);
    let lines: Vec<&str> = lines.split_terminator("\r\n").collect();
    assert_eq!((lines[0], lines.len()), ("metric,part,from,to,value,n,low,high", 5));
    assert!(lines[1].starts_with("nps,window,2027-01-01,2027-01-15,0,2,"), "{}", lines[1]);

    for (path, accept) in [
        ("/metrics/prometheus", "*/*"),
        ("/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2"),
    ] {
        let scraped = get(&shop, path, &[("accept", accept)]).await;
        assert!(header(&scraped, "content-type").starts_with("application/openmetrics-text"));
        let scraped = text(&scraped);
        assert!(scraped.contains("\naftercare_nps 0\n") && scraped.ends_with("# EOF\n"), "{scraped}");
    }
}

/// Prometheus's own checker: the format, and what its authors hold to be good names and help texts.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_has_nothing_to_object_to() {
    let shop = shop().await;
    shop.dispatch().await;
    let scraped = get(&shop, "/metrics/prometheus", &[]).await;
    let Some(objections) = promtool(scraped.body()) else {
        eprintln!("skipped: promtool is not installed (Debian: apt-get install prometheus)");
        return;
    };
    assert_eq!(objections, "");
    assert_ne!(promtool(b"aftercare_nps{ 0\n").as_deref(), Some(""), "it would object");
}

/// What it says of these metrics; `None` where there is no promtool.
fn promtool(metrics: &[u8]) -> Option<String> {
    let mut checker = Command::new("promtool");
    checker.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checker = checker.spawn().ok()?;
    checker.stdin.take().expect("a pipe").write_all(metrics).expect("it reads");
    let said = checker.wait_with_output().expect("it ends");
    let text = [said.stdout, said.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_an_answer_is_not_sent_it_again() {
    let shop = shop().await;
    let first = get(&shop, "/metrics", &[]).await;
    let tag = header(&first, "etag").to_owned();
    assert!(tag.len() > 10, "{tag}");
    let again = get(&shop, "/metrics", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
    shop.answer(&nps_answer("c1", 9, "cid@example.com", &shop.now())).await;
    let changed = get(&shop, "/metrics", &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_without_sense_are_told_what_would_make_some() {
    let shop = shop().await;
    for (path, says) in [
        ("/metrics/npss", "nps, csat, ces"),
        ("/metrics/nps?source=google", "product, country"),
        ("/metrics?from=2027-02-30", "2026-11-21"),
        ("/metrics?from=2027-01-02&to=2027-01-01", "after"),
        ("/metrics?from=1990-01-01", "at most"),
        ("/metrics?by=hour", "day, week, month"),
        ("/metrics?by=day&from=2025-06-01", "by week or by month"),
        ("/metrics?compare=always", "previous"),
    ] {
        let answer = shop.get(path).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
        let problem = text(&answer);
        assert!(problem.contains(says), "{path}: {problem}");
    }
}

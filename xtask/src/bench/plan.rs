//! How long it takes to decide what to say to one customer who has been here often, inside WebAssembly.

use std::path::Path;
use std::time::Duration;

use aftercare::fact::Fact;
use aftercare::webhook::{REVIEW_POSTED, SHIPMENT_UPDATED, SURVEY_SUBMITTED, TICKET_UPDATED};
use aftercare_tests::signing::Sender;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::seed::{GENERIC_SECRET, days_ago, facts, orders_of};
use super::{Args, serve};

const ORDERS: u64 = 50;

/// Turns that are not counted, and turns that are.
const WARM_UP: usize = 50;
const TURNS: usize = 1_000;

pub(super) async fn run(root: &Path, args: &Args) -> Result<()> {
    let facts = history()?;
    println!(
        "\nplan: all playbooks for a customer with {ORDERS} orders ({} facts), in WebAssembly",
        facts.len()
    );
    let body = Bytes::from(serde_json::to_vec(&facts)?);
    let guest = serve(root.join("tests/plan-loop/spin.toml"), true, &[]).await?;
    let mut medians = Vec::new();
    for round in 0..args.rounds {
        let request = Request::post(format!("/?turns={}", WARM_UP + TURNS)).header("host", "bench");
        let answer = guest.host.handle(request.body(body.clone())?).await;
        ensure!(answer.status() == 200, "{}: {}", answer.status(), String::from_utf8_lossy(answer.body()));
        let (planned, times): (usize, Vec<u64>) =
            serde_json::from_slice(answer.body()).context("not a list of times")?;
        let mut times: Vec<Duration> = times.into_iter().skip(WARM_UP).map(Duration::from_nanos).collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        println!(
            "  round {}: {planned} messages planned, median {:>7.1?}   p99 {:>7.1?}",
            round + 1,
            at(50),
            at(99)
        );
        medians.push(at(50));
    }
    guest.shut_down().await;
    let best = medians.into_iter().min().unwrap_or_default();
    println!("  median {best:.1?} (goal: under 200 µs)");
    Ok(())
}

/// Three years of a good customer: an order every three weeks, the last ten days ago, each with its parcel; an answer, a
/// ticket and a review now and then.
fn history() -> Result<Vec<Fact>> {
    let ages: Vec<u64> = (0..ORDERS).map(|n| 10 + n * 21).collect();
    let id = |age: u64| (9_007_199_254_740_993 + age).to_string();
    let person = || json!({ "email": "ann@example.com" });
    let event =
        |kind: &str, age: u64, data: Value| json!({ "type": kind, "timestamp": days_ago(age), "data": data });
    let mut stored = orders_of("ann@example.com", &ages)?;
    let parcels = ages.iter().flat_map(|age| {
        [("shipped", age - 1), ("out_for_delivery", age - 3), ("delivered", age - 3)].map(|(status, ago)| {
            let shipment =
                json!({ "id": format!("s{age}"), "status": status, "at": days_ago(ago), "carrier": "DHL" });
            event("shipment.updated", ago, json!({ "order": { "id": id(*age) }, "shipment": shipment }))
        })
    });
    stored.extend(facts(SHIPMENT_UPDATED, Sender::Generic, GENERIC_SECRET, parcels)?);
    let every = |nth: usize| ages.iter().step_by(nth);
    let answers = every(4).map(|age| {
        let survey =
            json!({ "kind": "nps", "answer_id": format!("a{age}"), "score": age % 11, "scale": "0-10" });
        event("survey.submitted", age - 6, json!({ "survey": survey, "customer": person() }))
    });
    stored.extend(facts(SURVEY_SUBMITTED, Sender::Generic, GENERIC_SECRET, answers)?);
    let reviews = every(10).map(|age| {
        let review = json!({ "id": format!("r{age}"), "rating": 1 + age % 5, "scale": "1-5" });
        event("review.posted", age - 9, json!({ "review": review, "customer": person() }))
    });
    stored.extend(facts(REVIEW_POSTED, Sender::Generic, GENERIC_SECRET, reviews)?);
    let tickets = every(10).map(|age| {
        let ticket = json!({ "id": format!("t{age}"), "status": "solved", "created_at": days_ago(age - 4),
            "first_reply_at": days_ago(age - 5), "solved_at": days_ago(age - 6) });
        event("ticket.updated", age - 6, json!({ "ticket": ticket, "customer": person() }))
    });
    stored.extend(facts(TICKET_UPDATED, Sender::Generic, GENERIC_SECRET, tickets)?);
    stored.iter().map(|(_, bytes)| Ok(Fact::from_bytes(bytes)?)).collect()
}

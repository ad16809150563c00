//! What asking for scores takes, with few and with many answers.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use aftercare::customer::Customer;
use aftercare::fact::{Answer, Direction, Scale, SurveyKind};
use aftercare::join::Latest;
use aftercare::ledger::{Care, Ledger, oldest_detailed};
use aftercare::time::Time;
use aftercare_host::Host;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use chrono::{DateTime, Days, TimeDelta, Utc};
use http::Request;

use super::seed::Memory;
use super::{options, shop_variables};

const DAYS: u64 = 365;
const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;

const WRONG_TOKENS: u32 = 10_000;

/// The best of so many counts: what is asked for is how long it takes, not how busy the machine is.
const ROUNDS: u32 = 100;

const TOKEN: &str = "bench";

pub(super) async fn run(root: &Path) -> Result<()> {
    println!("\nmetrics: GET /metrics over {DAYS} days, in process, best of many");
    let (few, many) = (shop(root, FEW).await?, shop(root, MANY).await?);
    for query in ["", "?by=week&compare=previous", "?product=7"] {
        let (mut least, mut most) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            least = least.min(ask(&few, query).await?);
            most = most.min(ask(&many, query).await?);
        }
        let ratio = most.as_secs_f64() / least.as_secs_f64();
        let peak = many.counters().read().peak_memory_bytes >> 20;
        println!(
            "  /metrics{query:<26} {FEW} answers {least:>6.1?}   {MANY} answers {most:>6.1?}   {ratio:.2} x   {peak} MiB"
        );
    }
    println!("  goal: at most 50 ms, 1.2 x and 64 MiB for /metrics without a filter");
    let mut before = Duration::MAX;
    for _ in 0..ROUNDS {
        before = before.min(ask(&few, "").await?);
    }
    for number in 0..WRONG_TOKENS {
        let request = Request::get("/metrics").header("authorization", format!("Bearer wrong-{number}"));
        let answer = few.handle(request.body(Bytes::new())?).await;
        ensure!(answer.status() == 401, "answered {}", answer.status());
    }
    let mut after = Duration::MAX;
    for _ in 0..ROUNDS {
        after = after.min(ask(&few, "").await?);
    }
    let ratio = after.as_secs_f64() / before.as_secs_f64();
    println!(
        "  /metrics after {WRONG_TOKENS} wrong tokens to before: {after:.1?} / {before:.1?} = {ratio:.2} (goal: 1)"
    );
    few.shut_down().await;
    many.shut_down().await;
    Ok(())
}

/// A host with so many answers in its ledger, spread evenly over the days.
async fn shop(root: &Path, answers: u64) -> Result<Host> {
    let memory = Memory::default();
    let now = Time::from_seconds(DateTime::<Utc>::from(SystemTime::now()).timestamp());
    let oldest = oldest_detailed(now);
    for day in 0..DAYS {
        let date = now.date() - Days::new(day);
        let mut ledger = Ledger::new(&memory);
        // A record a country, as if all people there were one: it is the lines that matter.
        for (place, country) in ["DE", "AT", "FR", "PL", "BR"].into_iter().enumerate() {
            let mut customer = Customer::default();
            customer.profile.country = Latest::at(now, country.to_owned());
            let numbers = (answers * day / DAYS..answers * (day + 1) / DAYS).skip(place).step_by(5);
            for number in numbers {
                let seconds = i64::try_from(number % 80_000)?;
                let at = Time::start_of(date) + TimeDelta::seconds(seconds);
                let answer = answer(number);
                customer.answers.insert(answer.id.clone(), Latest::at(at, answer));
            }
            ledger.replace(std::iter::empty(), &customer, oldest, Care::Changes).await?;
        }
        ledger.save(&[]).await?;
        if date < oldest {
            Ledger::new(&memory).roll_up(date).await?;
        }
    }
    let mut options = options(root.join("spin.toml"), &shop_variables("tick"));
    options.variables.push(("admin_token".to_owned(), TOKEN.to_owned()));
    options.in_memory = true;
    let host = Host::start(options).await?;
    memory.copy_to(&host.store("default").context("the store")?).await?;
    Ok(host)
}

fn answer(number: u64) -> Answer {
    let spread = number.wrapping_mul(2_654_435_761) >> 7;
    let (kind, scale) = match number % 4 {
        0 => (SurveyKind::Csat, Scale { min: 1, max: 5, good: Direction::High }),
        1 => (SurveyKind::Ces, Scale { min: 1, max: 7, good: Direction::High }),
        _ => (SurveyKind::Nps, Scale::NPS),
    };
    let steps = u64::from(scale.max - scale.min) + 1;
    Answer {
        id: format!("a{number}"),
        kind,
        score: scale.min + u8::try_from(spread % steps).unwrap_or_default(),
        scale,
        comment: None,
        tags: std::collections::BTreeSet::new(),
        order_id: None,
        ticket_id: None,
        product_id: Some((spread / 16 % 20).to_string()),
        contact: aftercare::fact::Contact::default(),
        change: 0,
    }
}

async fn ask(host: &Host, query: &str) -> Result<Duration> {
    let request = Request::get(format!("/metrics{query}")).header("authorization", format!("Bearer {TOKEN}"));
    let request = request.body(Bytes::new())?;
    let started = Instant::now();
    let answer = host.handle(request).await;
    let taken = started.elapsed();
    ensure!(answer.status() == 200, "answered {}", answer.status());
    Ok(taken)
}

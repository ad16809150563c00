//! `GET /metrics`, `/metrics/<name>`, `/dashboard`: scores.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, settings, variable};
use aftercare::access;
use aftercare::desk::attention;
use aftercare::metrics::{self, Metrics, OPENAPI, Question, Refusal};
use aftercare::page;
use aftercare::page::{Dashboard, dashboard};
use aftercare::settings::Settings;
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

/// Nothing here takes a body.
const MAX_BODY_BYTES: usize = 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    inbound::respond(request, out, MAX_BODY_BYTES, answer).await;
}

async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    if !access::allowed(request.header("authorization"), &variable("admin_token")) {
        return Ok(inbound::unauthorized("Basic realm=\"Aftercare\", charset=\"UTF-8\""));
    }
    if !matches!(request.method(), "GET" | "HEAD") {
        return Err(Problem::MethodNotAllowed("GET"));
    }
    let accepts = |kind: &str| request.header("accept").is_some_and(|accept| accept.contains(kind));
    let question = || Question::from_query(request.query(), WallClock.now());
    match request.path().trim_end_matches('/') {
        "/metrics/openapi.json" => Ok(tagged(request, "application/json", OPENAPI)),
        "/metrics/prometheus" => {
            let all = read(&question()?).await?;
            Ok(tagged(request, OPEN_METRICS, metrics::open_metrics(&all)))
        }
        "/metrics" => {
            let all = read(&question()?).await?;
            if accepts("text/csv") {
                Ok(tagged(request, CSV, metrics::csv(&all.entries())))
            } else if accepts("application/openmetrics-text") {
                Ok(tagged(request, OPEN_METRICS, metrics::open_metrics(&all)))
            } else {
                Ok(tagged(request, "application/json", inbound::to_json(&all)))
            }
        }
        "/dashboard" => {
            let now = WallClock.now();
            let question = question()?.for_dashboard();
            let (all, settings) = (read(&question).await?, settings().await?);
            let attention = async { attention(&KeyValue::open()?, &settings, question.window, now).await };
            let attention = attention.await.map_err(unreadable)?;
            let shown =
                Dashboard { settings: &settings, today: now.date(), metrics: &all, attention: &attention };
            Ok(inbound::page(dashboard(&shown), page::SECURITY_POLICY))
        }
        path => {
            let name = path.strip_prefix("/metrics/").unwrap_or(path);
            let all = read(&question()?.of_metric(name)?).await?;
            if accepts("text/csv") {
                let mut entries = all.entries();
                entries.retain(|entry| entry.name == name);
                Ok(tagged(request, CSV, metrics::csv(&entries)))
            } else {
                Ok(tagged(request, "application/json", all.json(name).unwrap_or_default()))
            }
        }
    }
}

const CSV: &str = "text/csv; charset=utf-8; header=present";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn read(question: &Question) -> Result<Metrics, Problem> {
    let settings = settings().await?;
    let store = KeyValue::open().map_err(unreadable)?;
    metrics::metrics(&store, &settings, question, WallClock.now()).await.map_err(|refusal| match refusal {
        Refusal::Question(problem) => problem,
        Refusal::Store(error) => unreadable(error),
    })
}

/// The settings in force. Scores are worth more than the business hours that one of them is counted by.
async fn settings() -> Result<Settings, Problem> {
    let store = KeyValue::open().map_err(unreadable)?;
    Ok(settings::load(&store).await.unwrap_or_else(|error| {
        eprintln!("the settings cannot be used: {error}");
        settings::base()
    }))
}

fn unreadable(error: StoreError) -> Problem {
    eprintln!("the store cannot be read: {error}");
    Problem::Unavailable
}

/// An answer that need not be sent again to whoever has it.
fn tagged(request: &Inbound, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    let tag = metrics::entity_tag(&body);
    let known = request.header("if-none-match").is_some_and(|known| {
        known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
    });
    let headers = [
        ("content-type", content_type),
        ("cache-control", "private, no-cache"),
        ("vary", "accept, authorization"),
    ];
    let answer = if known {
        inbound::answer(304, &headers[1..], Vec::new())
    } else {
        inbound::answer(200, &headers, body)
    };
    answer.with("etag", tag)
}

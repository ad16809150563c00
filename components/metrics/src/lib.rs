//! `GET /metrics`, `/metrics/<name>`, `/dashboard`: scores. `/settings`: what a merchant set. `GET /customers/export`,
//! `/customers/erasures`: what is held of a person, and who was forgotten.

mod settings;

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, variable};
use aftercare::access;
use aftercare::export::{Whose, export};
use aftercare::metrics::metrics;
use aftercare::page;
use aftercare::page::{Dashboard, dashboard};
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::store::view::View;
use aftercare::webhook::problem::Problem;
use aftercare::window::Window;

adapter::serve!(handle);

/// Far more than any settings document.
const MAX_BODY_BYTES: usize = 256 * 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let answer = match inbound::read(request, MAX_BODY_BYTES) {
        Ok(request) => answer(&request).await,
        Err(problem) => Err(problem),
    };
    inbound::send(out, answer.unwrap_or_else(|problem| inbound::problem(&problem)));
}

async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    if !access::allowed(request.header("authorization"), &variable("admin_token")) {
        return Ok(inbound::unauthorized("Basic realm=\"Aftercare\", charset=\"UTF-8\""));
    }
    let path = request.path();
    if path == "/settings" || path.starts_with("/settings/") {
        return settings::answer(request).await;
    }
    if !matches!(request.method(), "GET" | "HEAD") {
        return Err(Problem::MethodNotAllowed("GET"));
    }
    if let Some(path) = path.strip_prefix("/customers") {
        return customers(path.trim_end_matches('/'), request.query()).await;
    }
    let window = Window::from_query(request.query(), WallClock.now())?;
    let metrics = async { metrics(&KeyValue::open()?, window, WallClock.now()).await }.await;
    let metrics = metrics.map_err(unreadable)?;
    match path.trim_end_matches('/') {
        "/metrics" => Ok(inbound::json_of(200, &metrics)),
        "/metrics/nps" => Ok(inbound::json_of(200, &metrics.nps)),
        "/dashboard" => {
            let (today, brand_name) = (WallClock.now().date(), &variable("brand_name"));
            let html = dashboard(&Dashboard { brand_name, today, nps: &metrics.nps });
            Ok(inbound::page(html, page::SECURITY_POLICY))
        }
        _ => Err(Problem::NotFound("There are /metrics, /metrics/nps and /dashboard.".to_owned())),
    }
}

fn unreadable(error: StoreError) -> Problem {
    eprintln!("the store cannot be read: {error}");
    Problem::Unavailable
}

async fn customers(path: &str, query: &str) -> Result<Answer, Problem> {
    let now = WallClock.now();
    match path {
        "/export" => {
            let whose = Whose::from_query(query)?;
            let export = async { export(&KeyValue::open()?, whose, now).await }.await.map_err(unreadable)?;
            let export = export.ok_or_else(|| Problem::NotFound("Nothing is held of them.".to_owned()))?;
            let answer = inbound::json_of(200, &export);
            Ok(answer.with("content-disposition", "attachment; filename=\"customer.json\""))
        }
        "/erasures" => {
            let receipts = async { View::receipts(&KeyValue::open()?).await }.await.map_err(unreadable)?;
            Ok(inbound::json_of(200, &receipts))
        }
        _ => Err(Problem::NotFound("There are /customers/export and /customers/erasures.".to_owned())),
    }
}

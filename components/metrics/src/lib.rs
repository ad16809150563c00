//! `GET /metrics`, `/metrics/<name>`, `/dashboard`: scores.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, variable};
use aftercare::access;
use aftercare::metrics::metrics;
use aftercare::page;
use aftercare::page::{Dashboard, dashboard};
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::webhook::problem::Problem;
use aftercare::window::Window;

adapter::serve!(handle);

/// Nothing here takes a body.
const MAX_BODY_BYTES: usize = 1024;

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
    if !matches!(request.method(), "GET" | "HEAD") {
        return Err(Problem::MethodNotAllowed("GET"));
    }
    let window = Window::from_query(request.query(), WallClock.now())?;
    let metrics = async { metrics(&KeyValue::open()?, window, WallClock.now()).await }.await;
    let metrics = metrics.map_err(unreadable)?;
    match request.path().trim_end_matches('/') {
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

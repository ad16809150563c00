//! `POST /dispatch`: the only component that plans and sends. `GET /healthz`: is everything in order?

mod providers;

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{Http, KeyValue, WallClock, settings, variable};
use aftercare::access;
use aftercare::fetch::{Access, Platforms};
use aftercare::health::Health;
use aftercare::store::Store;
use aftercare::store::lease::LeaseTiming;
use aftercare::store::rebuild;
use aftercare::store::room::WithRoom;
use aftercare::sweep::{Limits, Sweep};
use aftercare::webhook::problem::Problem;
use chrono::TimeDelta;

adapter::serve!(handle);

/// Callers send no body worth reading.
const MAX_BODY_BYTES: usize = 4 * 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    inbound::respond(request, out, MAX_BODY_BYTES, answer).await;
}

async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    if request.path() == "/healthz" { health(request).await } else { dispatch(request).await }
}

async fn health(request: &Inbound) -> Result<Answer, Problem> {
    if !matches!(request.method(), "GET" | "HEAD") {
        return Err(Problem::MethodNotAllowed("GET"));
    }
    let health = Health::check(&open()?, &settings::base()).await;
    Ok(inbound::json_of(if health.is_ok() { 200 } else { 503 }, &health))
}

async fn dispatch(request: &Inbound) -> Result<Answer, Problem> {
    if request.method() != "POST" {
        return Err(Problem::MethodNotAllowed("POST"));
    }
    if !access::allowed(request.header("authorization"), &variable("dispatch_token")) {
        return Err(Problem::Unauthorized);
    }
    let (store, providers, platforms) = (open()?, providers::configured(), platforms());
    let mut settings = settings::load(&store).await.map_err(|error| {
        eprintln!("the sweep stopped: {error}");
        Problem::Unavailable
    })?;
    settings.connected = providers.channels();
    let store = WithRoom::new(store);
    match request.query() {
        "" => {}
        "rebuild" => rebuild(&store).await?,
        _ => return Err(Problem::NotFound("There are /dispatch and /dispatch?rebuild.".to_owned())),
    }
    let sweep = Sweep {
        store: &store,
        clock: &WallClock,
        outbound: &Http,
        settings: &settings,
        providers: &providers,
        platforms: &platforms,
        limits: limits(),
        seed: adapter::seed(),
    };
    let report = sweep.run().await;
    store.restore().await;
    let report = report.map_err(|error| {
        eprintln!("the sweep stopped: {error}");
        Problem::Unavailable
    })?;
    if report.lost_events > 0 {
        eprintln!("{} events were given up: `webhook_url` did not take them", report.lost_events);
    }
    if report.left > 0 {
        // Some wait for what is damaged; the reasons are those of `/healthz`.
        for reason in Health::check(&store, &settings::base()).await.reasons {
            eprintln!("{reason}");
        }
    }
    Ok(inbound::json_of(200, &report))
}

/// Forgets every cache; the sweep that follows makes them again, and those after it what it does not get to.
async fn rebuild(store: &impl Store) -> Result<(), Problem> {
    let token = format!("{:032x}", adapter::seed());
    let why = match rebuild::request(store, &WallClock, limits().lease, token).await {
        Ok(true) => return Ok(()),
        Ok(false) => "a sweep is under way".to_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("no rebuild was begun: {why}");
    Err(Problem::Unavailable)
}

fn limits() -> Limits {
    let standard = LeaseTiming::default();
    let number = |name| variable(name).parse().ok();
    let lease = LeaseTiming {
        settle: number("lease_settle_ms").and_then(TimeDelta::try_milliseconds).unwrap_or(standard.settle),
        lasts: number("lease_seconds").and_then(TimeDelta::try_seconds).unwrap_or(standard.lasts),
    };
    Limits { lease, ..Limits::default() }
}

fn open() -> Result<KeyValue, Problem> {
    KeyValue::open().map_err(|error| {
        eprintln!("{error}");
        Problem::Unavailable
    })
}

/// The platforms that may be asked for orders.
fn platforms() -> Platforms {
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    let mut bigcommerce = bare(&variable("bigcommerce_url"));
    let store = variable("bigcommerce_store");
    if !store.is_empty() {
        bigcommerce = [&bigcommerce, "/stores/", &store].concat();
    }
    Platforms::new([
        ("bigcommerce", Access { url: bigcommerce, token: variable("bigcommerce_token") }),
        ("shopify", Access { url: bare(&variable("shopify_url")), token: variable("shopify_token") }),
    ])
}

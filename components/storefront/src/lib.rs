//! `/s/<token>`, `/o/<token>`, `/p/<token>`: pages for shoppers, who hold a signed link and nothing else.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, settings, webhook};
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::store::view::View;
use aftercare::storefront::{self, MAX_BODY_BYTES, Posted, Reply, Uses, Visit};
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let (answer, stored) = match inbound::read(request, MAX_BODY_BYTES) {
        Ok(request) => answer(&request).await,
        Err(problem) => (inbound::problem(&problem), None),
    };
    webhook::finish(out, answer, stored).await;
}

/// The page, and the store if there is something new in it.
async fn answer(request: &Inbound) -> (Answer, Option<KeyValue>) {
    let content_type = request.header("content-type").unwrap_or_default();
    let form = match request.method() {
        "GET" | "HEAD" => None,
        "POST" => Some(Posted { content_type, body: request.body() }),
        _ => return (inbound::problem(&Problem::MethodNotAllowed("GET, POST")), None),
    };
    let visit = Visit {
        path: request.path(),
        query: request.query(),
        form,
        languages: request.header("accept-language").unwrap_or_default(),
        now: WallClock.now(),
    };
    match visited(&visit).await {
        Ok((reply, stored)) => (page(reply), stored),
        Err(error) => {
            eprintln!("a shopper's page could not be read or stored: {error}");
            let reply = storefront::unavailable(&settings::base(), &visit);
            (page(reply).with("retry-after", "30"), None)
        }
    }
}

async fn visited(visit: &Visit<'_>) -> Result<(Reply, Option<KeyValue>), StoreError> {
    let store = KeyValue::open()?;
    let settings = settings::load(&store).await?;
    let Some(guest) = storefront::guest(&settings, visit) else {
        return Ok((storefront::gone(&settings, visit), None));
    };
    let days = Uses::days(&settings, &guest, visit.now);
    let (customer, counts) = View::customer_and_counts(&store, visit.now, &guest.key, &days).await?;
    let reply = storefront::answer(&settings, &guest, customer, &Uses::of(&counts), visit);
    let Some(fact) = &reply.fact else { return Ok((reply, None)) };
    webhook::put(&store, fact).await?;
    Ok((reply, Some(store)))
}

fn page(reply: Reply) -> Answer {
    inbound::page_with_status(reply.status, reply.html, &reply.security_policy)
}

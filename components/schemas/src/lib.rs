//! `GET /schemas/<event>.json`: the JSON Schemas of the generic contract. Public, and able to do nothing else: it has no
//! store, no variable and nobody to call.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use aftercare::webhook::problem::Problem;
use aftercare::webhook::schema;

adapter::serve!(handle);

/// A GET has no body worth reading.
const MAX_BODY_BYTES: usize = 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    inbound::respond(request, out, MAX_BODY_BYTES, async |request| answer(request)).await;
}

fn answer(request: &Inbound) -> Result<Answer, Problem> {
    if !matches!(request.method(), "GET" | "HEAD") {
        return Err(Problem::MethodNotAllowed("GET"));
    }
    let event = request.path().strip_prefix("/schemas/").and_then(|file| file.strip_suffix(".json"));
    let schema = event.and_then(schema::find).ok_or_else(|| Problem::NotFound(schema::known()))?;
    let headers = [
        ("content-type", "application/schema+json"),
        ("cache-control", "public, max-age=3600"),
        // Validators run in browsers too, and there is nothing to protect.
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
    ];
    Ok(inbound::answer(200, &headers, schema))
}

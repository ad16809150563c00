//! What the team looks up and sets: `/customers`, `/messages`, `/settings`.

mod customers;
mod settings;

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::variable;
use aftercare::access;
use aftercare::store::StoreError;
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

/// Far more than any settings document.
const MAX_BODY_BYTES: usize = 256 * 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    inbound::respond(request, out, MAX_BODY_BYTES, answer).await;
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
    customers::answer(request).await
}

fn unreadable(error: StoreError) -> Problem {
    eprintln!("the store cannot be read: {error}");
    Problem::Unavailable
}

//! What every webhook component does: verify, normalise, store one fact, answer, poke dispatch.

use aftercare::fact::{Fact, FactId};
use aftercare::store::lease::{Clock, Lease};
use aftercare::store::{Store, StoreError, names};
use aftercare::webhook::callback::{self, Callback, Checks, VerifyP256};
use aftercare::webhook::problem::{Problem, json_string};
use aftercare::webhook::{self, Accepted, Delivery, MAX_BODY_BYTES, Route};
use wasi::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

use crate::host::log;
use crate::inbound::{self, Answer, Inbound};
use crate::{KeyValue, WallClock, list, outbound, variable};

/// When a webhook pokes dispatch, relative to its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Process {
    /// Answer first: the platform waits for nothing but one write.
    After,
    /// For hosts that end a component with its answer.
    Before,
    /// Never; a scheduler calls dispatch.
    Tick,
}

impl Process {
    fn from_variable() -> Self {
        match variable("process").as_str() {
            "before" => Self::Before,
            "tick" => Self::Tick,
            _ => Self::After,
        }
    }
}

/// Handles one delivery for the senders of one event.
pub async fn handle(request: IncomingRequest, out: ResponseOutparam, routes: &[Route]) {
    reply(out, accept(request, routes).await).await;
}

/// Handles one report of a provider; the last part of the path names it.
pub async fn handle_callback(
    request: IncomingRequest,
    out: ResponseOutparam,
    callbacks: &[Callback],
    verify_p256: VerifyP256,
) {
    reply(out, accept_callback(request, callbacks, verify_p256).await).await;
}

/// The answer, and the store if there is something new in it.
type Accepting = Result<(Answer, Option<KeyValue>), Problem>;

async fn reply(out: ResponseOutparam, accepting: Accepting) {
    let (answer, stored) = match accepting {
        Ok((answer, stored)) => (answer, stored),
        Err(problem) => (inbound::problem(&problem), None),
    };
    finish(out, answer, stored).await;
}

/// Answers, and asks for a sweep if there is something new in the store.
pub async fn finish(out: ResponseOutparam, answer: Answer, stored: Option<KeyValue>) {
    match (Process::from_variable(), stored) {
        (Process::After, Some(store)) => {
            inbound::send(out, answer);
            poke(&store).await;
        }
        (Process::Before, Some(store)) => {
            poke(&store).await;
            inbound::send(out, answer);
        }
        _ => inbound::send(out, answer),
    }
}

async fn accept(request: IncomingRequest, routes: &[Route]) -> Accepting {
    let request = inbound::read(request, MAX_BODY_BYTES)?;
    let secrets = |sender: &str| list(&format!("{sender}_secrets"));
    match webhook::receive(routes, &delivery(&request), &secrets)? {
        Accepted::Ignored(why) => Ok((ignored(&why), None)),
        Accepted::Fact(fact) => {
            let store = KeyValue::open().map_err(unstored)?;
            let id = put(&store, &fact).await.map_err(unstored)?;
            Ok((inbound::json(202, format!(r#"{{"fact":"{id}"}}"#)), Some(store)))
        }
    }
}

/// Stores a fact: the one write of everything that comes in.
pub async fn put(store: &KeyValue, fact: &Fact) -> Result<FactId, StoreError> {
    let bytes = fact.to_bytes();
    let id = Fact::id_of(&bytes);
    store.set(&names::inbox(&id), &bytes).await?;
    Ok(id)
}

async fn accept_callback(
    request: IncomingRequest,
    callbacks: &[Callback],
    verify_p256: VerifyP256,
) -> Accepting {
    let request = inbound::read(request, MAX_BODY_BYTES)?;
    let name = request.path().rsplit('/').next().unwrap_or_default();
    let Some(callback) = callbacks.iter().find(|callback| callback.name == name) else {
        return Err(Problem::NotFound("No provider of this name reports here.".to_owned()));
    };
    let public_url = variable("public_url");
    let url = [public_url.trim_end_matches('/'), request.target()].concat();
    let checks = Checks { url: &url, secrets: list(callback.secrets), verify_p256 };
    let facts = callback::receive(callback, &delivery(&request), checks)?;
    if facts.is_empty() {
        return Ok((ignored("nothing in it is about a message or an address of ours"), None));
    }
    let store = KeyValue::open().map_err(unstored)?;
    let mut ids = Vec::new();
    for fact in &facts {
        let id = put(&store, fact).await.map_err(unstored)?;
        ids.push(format!(r#""{id}""#));
    }
    // Providers send lists; the first is told as every webhook tells its own.
    let body = format!(r#"{{"fact":{},"facts":[{}]}}"#, ids[0], ids.join(","));
    Ok((inbound::json(202, body), Some(store)))
}

fn delivery(request: &Inbound) -> Delivery<'_> {
    Delivery {
        method: request.method(),
        headers: request.headers(),
        query: request.query(),
        body: request.body(),
        now: WallClock.now(),
    }
}

fn ignored(why: &str) -> Answer {
    inbound::json(200, format!(r#"{{"ignored":{}}}"#, json_string(why)))
}

fn unstored(error: StoreError) -> Problem {
    log(&format!("a fact could not be stored: {error}"));
    Problem::Unavailable
}

/// Asks dispatch to sweep, unless a sweep is under way: it looks at the inbox again after it has let go of the lease,
/// and the fact was stored before we looked. Nothing depends on a poke; the next tick does the same.
async fn poke(store: &KeyValue) {
    if Lease::is_held(store, &WallClock).await {
        return;
    }
    let bearer = format!("Bearer {}", variable("dispatch_token"));
    match outbound::post(&variable("dispatch_url"), &bearer) {
        Ok(200..=299) => {}
        Ok(status) => log(&format!("dispatch answered {status}; the next tick will sweep")),
        Err(ErrorCode::HttpRequestUriInvalid) => log("dispatch_url is not a URL"),
        Err(ErrorCode::HttpRequestDenied) => log("allowed_outbound_hosts does not name dispatch_url's host"),
        Err(_) => log("dispatch was not reached; the next tick will sweep"),
    }
}

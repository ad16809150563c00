//! What every webhook component does: verify, normalise, store one fact, answer, poke dispatch.

use aftercare::fact::{Fact, FactId};
use aftercare::store::lease::{Clock, Lease};
use aftercare::store::{Store, StoreError, names};
use aftercare::webhook::problem::{Problem, json_string};
use aftercare::webhook::{self, Accepted, Delivery, MAX_BODY_BYTES, Route};
use wasi::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

use crate::host::log;
use crate::inbound::{self, Answer};
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
    let (answer, stored) = match accept(request, routes).await {
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

/// The answer, and the store if there is something new in it.
async fn accept(request: IncomingRequest, routes: &[Route]) -> Result<(Answer, Option<KeyValue>), Problem> {
    let request = inbound::read(request, MAX_BODY_BYTES)?;
    let delivery = Delivery {
        method: request.method(),
        headers: request.headers(),
        query: request.query(),
        body: request.body(),
        now: WallClock.now(),
    };
    let secrets = |sender: &str| list(&format!("{sender}_secrets"));
    match webhook::receive(routes, &delivery, &secrets)? {
        Accepted::Ignored(why) => {
            let body = format!(r#"{{"ignored":{}}}"#, json_string(&why));
            Ok((inbound::json(200, body), None))
        }
        Accepted::Fact(fact) => {
            let bytes = fact.to_bytes();
            let id = Fact::id_of(&bytes);
            let stored = async {
                let store = KeyValue::open()?;
                put(&store, &id, &bytes).await?;
                Ok(store)
            };
            let store = stored.await.map_err(|error: StoreError| {
                log(&format!("fact {id} could not be stored: {error}"));
                Problem::Unavailable
            })?;
            Ok((inbound::json(202, format!(r#"{{"fact":"{id}"}}"#)), Some(store)))
        }
    }
}

/// Stores a fact: the one write of everything that comes in.
pub async fn put(store: &KeyValue, id: &FactId, fact: &[u8]) -> Result<(), StoreError> {
    store.set(&names::inbox(id), fact).await
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

//! What every webhook component does: verify, normalise, store one fact, answer, poke dispatch.

use aftercare::store::lease::{Clock, Lease};
use aftercare::store::{Store, StoreError, names};
use aftercare::webhook::problem::Problem;
use aftercare::webhook::{self, Accepted, Delivery, MAX_BODY_BYTES, Route};
use spin_sdk::http::{ErrorCode, IncomingRequest, ResponseOutparam};

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
        Ok(Stored::Fact(id)) => (inbound::json(202, format!(r#"{{"fact":"{id}"}}"#)), true),
        Ok(Stored::Ignored(answer)) => (answer, false),
        Err(problem) => (inbound::problem(&problem), false),
    };
    match Process::from_variable() {
        Process::After => {
            inbound::send(out, answer);
            if stored {
                poke().await;
            }
        }
        Process::Before => {
            if stored {
                poke().await;
            }
            inbound::send(out, answer);
        }
        Process::Tick => inbound::send(out, answer),
    }
}

enum Stored {
    Fact(String),
    Ignored(Answer),
}

async fn accept(request: IncomingRequest, routes: &[Route]) -> Result<Stored, Problem> {
    let request = inbound::read(request, MAX_BODY_BYTES)?;
    let delivery = Delivery {
        method: request.method(),
        headers: request.headers(),
        query: request.uri().query().unwrap_or_default(),
        body: request.body(),
        now: WallClock.now(),
    };
    let secrets = |sender: &str| list(&format!("{sender}_secrets"));
    match webhook::receive(routes, &delivery, &secrets)? {
        Accepted::Ignored(why) => {
            let body = format!(r#"{{"ignored":{}}}"#, json_text(&why));
            Ok(Stored::Ignored(inbound::json(200, body)))
        }
        Accepted::Fact(fact) => {
            let bytes = fact.to_bytes();
            let id = aftercare::fact::Fact::id_of(&bytes);
            let stored = async { KeyValue::open()?.set(&names::inbox(&id), &bytes).await }.await;
            stored.map_err(|error: StoreError| {
                eprintln!("fact {id} could not be stored: {error}");
                Problem::Unavailable
            })?;
            Ok(Stored::Fact(id.to_string()))
        }
    }
}

/// Asks dispatch to sweep, unless a sweep is under way: it looks at the inbox again after it has let go of the lease,
/// and the fact was stored before we looked. Nothing depends on a poke; the next tick does the same.
async fn poke() {
    let Ok(store) = KeyValue::open() else { return };
    if Lease::is_held(&store, &WallClock).await {
        return;
    }
    let bearer = format!("Bearer {}", variable("dispatch_token"));
    match outbound::post(&variable("dispatch_url"), &bearer) {
        Ok(200..=299) => {}
        Ok(status) => eprintln!("dispatch answered {status}; the next tick will sweep"),
        Err(ErrorCode::HttpRequestUriInvalid) => eprintln!("dispatch_url is not a URL"),
        Err(ErrorCode::HttpRequestDenied) => {
            eprintln!("allowed_outbound_hosts does not name dispatch_url's host")
        }
        Err(_) => eprintln!("dispatch was not reached; the next tick will sweep"),
    }
}

fn json_text(text: &str) -> String {
    aftercare::webhook::problem::json_string(text)
}

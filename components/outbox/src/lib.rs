//! The outbox: takes messages as Resend does (`POST /emails`, reachable only from inside the application) and shows them
//! at `/outbox`. Shut as soon as a provider is configured.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, variable};
use aftercare::outbox::{OutboxEntry, Refusal};
use aftercare::page;
use aftercare::page::{outbox_list, outbox_message};
use aftercare::store::lease::Clock;
use aftercare::store::{Store, StoreError, names};
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Older messages are dropped: this is a window for developers, not an archive, and keys are few.
const KEPT: usize = 200;

/// Any of these shuts the outbox; nothing else is done with them.
const MAIL_PROVIDERS: [&str; 3] = ["resend_api_key", "postmark_server_token", "sendgrid_api_key"];

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    inbound::respond(request, out, MAX_BODY_BYTES, answer).await;
}

async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    if MAIL_PROVIDERS.iter().any(|secret| !variable(secret).is_empty()) {
        return Err(Problem::NotFound(
            "Messages go to the configured provider, so the outbox is shut.".to_owned(),
        ));
    }
    let answer = async {
        let store = KeyValue::open()?;
        // Only the application itself can ask for this path: the manifest gives it no route.
        if request.path() == "/emails" { take(request, &store).await } else { show(request, &store).await }
    };
    answer.await.unwrap_or_else(|error: StoreError| {
        eprintln!("the outbox cannot be read or written: {error}");
        Err(Problem::Unavailable)
    })
}

type Outcome = Result<Result<Answer, Problem>, StoreError>;

async fn take(request: &Inbound, store: &KeyValue) -> Outcome {
    if request.method() != "POST" {
        return Ok(Err(Problem::MethodNotAllowed("POST")));
    }
    let key = request.header("idempotency-key");
    let entry = match OutboxEntry::from_resend(key, request.body(), WallClock.now()) {
        Ok(entry) => entry,
        Err(refusal) => return Ok(Ok(refused(&refusal))),
    };
    let keys = entries(store).await?;
    let accepted = || Ok(Ok(inbound::json_of(200, &Accepted { id: &entry.id })));
    if let Some(earlier) = keys.iter().find(|key| names::outbox_message(key) == Some(&entry.id)) {
        if let Some(earlier) = read(store, earlier).await?
            && let Err(refusal) = entry.repeats(&earlier)
        {
            return Ok(Ok(refused(&refusal)));
        }
        return accepted();
    }
    store.set(&names::outbox(entry.at, &entry.id), &inbound::to_json(&entry)).await?;
    for old in keys.iter().take((keys.len() + 1).saturating_sub(KEPT)) {
        store.delete(old).await?;
    }
    accepted()
}

async fn show(request: &Inbound, store: &KeyValue) -> Outcome {
    if !matches!(request.method(), "GET" | "HEAD") {
        return Ok(Err(Problem::MethodNotAllowed("GET")));
    }
    let path = request.path().trim_end_matches('/');
    let brand = variable("brand_name");
    if let Some(id) = path.strip_prefix("/outbox/") {
        let keys = entries(store).await?;
        let key = keys.iter().find(|key| names::outbox_message(key) == Some(id));
        let entry = match key {
            Some(key) => read(store, key).await?,
            None => None,
        };
        return Ok(match entry {
            Some(entry) => Ok(inbound::page(outbox_message(&entry, &brand), page::MESSAGE_SECURITY_POLICY)),
            None => Err(Problem::NotFound("No such message. /outbox lists those there are.".to_owned())),
        });
    }
    let mut newest_first = Vec::new();
    for key in entries(store).await?.iter().rev() {
        newest_first.extend(read(store, key).await?);
    }
    Ok(match path {
        "/outbox.json" => Ok(inbound::json_of(200, &newest_first)),
        "/outbox" => Ok(inbound::page(outbox_list(&newest_first, &brand), page::SECURITY_POLICY)),
        _ => Err(Problem::NotFound("There are /outbox and /outbox.json.".to_owned())),
    })
}

/// Keys of the stored messages, oldest first.
async fn entries(store: &KeyValue) -> Result<Vec<String>, StoreError> {
    let mut keys = store.keys().await?;
    keys.retain(|key| names::outbox_message(key).is_some());
    keys.sort_unstable();
    Ok(keys)
}

async fn read(store: &KeyValue, key: &str) -> Result<Option<OutboxEntry>, StoreError> {
    let bytes = store.get(key).await?;
    Ok(bytes.and_then(|bytes| inbound::from_json(&bytes)))
}

#[derive(serde::Serialize)]
struct Accepted<'a> {
    id: &'a str,
}

fn refused(refusal: &Refusal) -> Answer {
    inbound::json_of(refusal.status, refusal)
}

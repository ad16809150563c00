//! Webhooks: signed reports of senders in, facts out.
//!
//! Pure: headers, bytes, secrets and the time go in; a fact, a reason to ignore it, or a problem comes out.
//!
//! A sender is one small file that says how it proves itself (`SENDER`) and how its bodies become facts (one function
//! an event). Everything else happens here, once, in the same order for every sender:
//!
//! ```text
//! method ─▶ size ─▶ who, and is it true? ─▶ content type ─▶ JSON ─▶ the sender's reader ─▶ fact
//!  405       413     401                     415             400     422 or ignored         202
//! ```
//!
//! To add a sender: write its file, name it in the table of each event it reports, add its deliveries to `PEERS` in the
//! tests (which spoils, forges and shuffles them like everybody's), and say in docs/senders.md how to set it up.

use crate::fact::{Event, Fact};
use crate::gather::gather;
use crate::key::Key;
use crate::time::Time;
use json::{Complaints, Object};
use problem::Problem;
use verify::{Proof, Proven};

mod aftership;
pub mod api;
mod bigcommerce;
pub mod callback;
mod chatwoot;
mod delighted;
mod desk;
mod easypost;
mod generic;
mod gorgias;
mod json;
mod judgeme;
mod moment;
mod parcel;
mod person;
pub mod problem;
mod rating;
pub mod schema;
mod shippo;
mod shopify;
mod stamped;
mod text;
mod typeform;
pub mod verify;
mod woocommerce;
mod zendesk;

/// More than any sender's body; the component stops reading here too.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

// ── Who reports what ────────────────────────────────────────────────────────
// One table an event, so that a component links the readers of its own event and no others.

/// `POST /webhooks/order-created`: orders placed, paid, changed, cancelled, refunded, returned.
pub const ORDER_CREATED: &[Route] = &[
    Route { sender: &shopify::SENDER, read: shopify::orders },
    Route { sender: &woocommerce::SENDER, read: woocommerce::orders },
    Route { sender: &bigcommerce::SENDER, read: bigcommerce::orders },
    Route { sender: &generic::SENDER, read: generic::orders },
];

/// `POST /webhooks/shipment-updated`: fulfilments and carrier events.
pub const SHIPMENT_UPDATED: &[Route] = &[
    Route { sender: &shopify::SENDER, read: shopify::shipments },
    Route { sender: &bigcommerce::SENDER, read: bigcommerce::shipments },
    Route { sender: &aftership::SENDER, read: aftership::shipments },
    Route { sender: &easypost::SENDER, read: easypost::shipments },
    Route { sender: &shippo::SENDER, read: shippo::shipments },
    Route { sender: &generic::SENDER, read: generic::shipments },
];

/// `POST /webhooks/survey-submitted`: answers to surveys.
pub const SURVEY_SUBMITTED: &[Route] = &[
    Route { sender: &typeform::SENDER, read: typeform::answers },
    Route { sender: &delighted::SENDER, read: delighted::answers },
    Route { sender: &generic::SENDER, read: generic::answers },
];

/// `POST /webhooks/review-posted`: public reviews.
pub const REVIEW_POSTED: &[Route] = &[
    Route { sender: &judgeme::SENDER, read: judgeme::reviews },
    Route { sender: &stamped::SENDER, read: stamped::reviews },
    Route { sender: &woocommerce::SENDER, read: woocommerce::reviews },
    Route { sender: &generic::SENDER, read: generic::reviews },
];

/// `POST /webhooks/ticket-updated`: support tickets.
pub const TICKET_UPDATED: &[Route] = &[
    Route { sender: &zendesk::SENDER, read: zendesk::tickets },
    Route { sender: &gorgias::SENDER, read: gorgias::tickets },
    Route { sender: &chatwoot::SENDER, read: chatwoot::tickets },
    Route { sender: &generic::SENDER, read: generic::tickets },
];

/// `POST /webhooks/privacy-request`: data requests, redaction, consent, removal of the app.
pub const PRIVACY_REQUEST: &[Route] = &[
    Route { sender: &shopify::SENDER, read: shopify::requests },
    Route { sender: &generic::SENDER, read: generic::requests },
];

/// Every event, by the name in its URL.
pub const EVENTS: [(&str, &[Route]); 6] = [
    ("order-created", ORDER_CREATED),
    ("shipment-updated", SHIPMENT_UPDATED),
    ("survey-submitted", SURVEY_SUBMITTED),
    ("review-posted", REVIEW_POSTED),
    ("ticket-updated", TICKET_UPDATED),
    ("privacy-request", PRIVACY_REQUEST),
];

// ── What goes in and comes out ──────────────────────────────────────────────

/// One request, as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// In upper case.
    pub method: &'a str,
    pub headers: &'a [(String, Vec<u8>)],
    /// The part of the URL after `?`, or nothing.
    pub query: &'a str,
    /// The raw bytes: signatures are over these and no others.
    pub body: &'a [u8],
    pub now: Time,
}

impl<'a> Delivery<'a> {
    /// A header's value, when it is there and is text. Header names have no case.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.raw_header(name)?).ok().filter(|value| value.is_ascii())
    }

    /// Whether a header is there, text or not.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.raw_header(name).is_some()
    }

    /// The first of its name. Not a header map: its table of the names there are is a tenth of a webhook component.
    fn raw_header(&self, name: &str) -> Option<&'a [u8]> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// What became of an authentic delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Something happened: store it, answer 202.
    Fact(Box<Fact>),
    /// Authentic, but nothing for us: answer 200 with this reason. A 4xx would make platforms unsubscribe us.
    Ignored(String),
}

impl Accepted {
    /// A fact about whoever goes by these keys; a key that names nobody is left out.
    pub(crate) fn fact(at: Time, source: &str, keys: Vec<Option<Key>>, event: Event) -> Self {
        let keys = gather(keys.into_iter().flatten());
        Self::Fact(Box::new(Fact { at, source: source.to_owned(), keys, event }))
    }

    pub(crate) fn ignored(why: impl Into<String>) -> Self {
        Self::Ignored(why.into())
    }
}

/// Who sends webhooks, and how it proves that it does.
#[derive(Debug)]
pub struct Sender {
    /// Names the variable `<name>_secrets`.
    pub name: &'static str,
    /// Any one of these is enough.
    pub proofs: &'static [Proof],
    /// Whether a field of the wrong type is refused even where the event can do without it. True for our own contract,
    /// which has a schema; others' bodies are read as far as they can be.
    pub strict: bool,
}

/// One sender on one event's URL.
#[derive(Debug)]
pub struct Route {
    pub sender: &'static Sender,
    /// Reads an authentic body.
    pub read: fn(&Delivery<'_>, &Object<'_>) -> Result<Accepted, Problem>,
}

/// Turns a delivery into a fact. `secrets` gives the secrets that are configured for a sender, by its name; a sender
/// without any is a stranger.
pub fn receive(
    routes: &[Route],
    delivery: &Delivery<'_>,
    secrets: &dyn Fn(&str) -> Vec<String>,
) -> Result<Accepted, Problem> {
    if delivery.method != "POST" {
        return Err(Problem::MethodNotAllowed("POST"));
    }
    if delivery.body.len() > MAX_BODY_BYTES {
        return Err(Problem::TooLarge(MAX_BODY_BYTES));
    }
    let (route, proven) = authenticate(routes, delivery, secrets)?;
    if proven == Proven::Hello {
        return Ok(Accepted::ignored("a greeting without a signature: nothing was read"));
    }
    if !delivery.header("content-type").is_some_and(is_json) {
        return Err(Problem::UnsupportedMediaType);
    }
    let complaints = Complaints::new(route.sender.strict);
    let body = Object::parse(delivery.body, &complaints)?;
    let accepted = (route.read)(delivery, &body);
    // A field that is wrong explains more than what was missing because of it.
    complaints.into_result().and(accepted)
}

/// Finds the sender whose proof holds. Two senders may use the same headers (Standard Webhooks), so it is not the
/// headers but the secret that tells them apart. Why a proof does not hold is not told.
fn authenticate<'r>(
    routes: &'r [Route],
    delivery: &Delivery<'_>,
    secrets: &dyn Fn(&str) -> Vec<String>,
) -> Result<(&'r Route, Proven), Problem> {
    for route in routes {
        // Secrets may lie in a remote vault: ask only for those of a sender that offers a proof.
        if !route.sender.proofs.iter().any(|proof| proof.is_offered(delivery)) {
            continue;
        }
        let mut secrets = secrets(route.sender.name);
        // An empty secret would be one that everybody knows.
        secrets.retain(|secret| !secret.is_empty());
        if secrets.is_empty() {
            continue;
        }
        for proof in route.sender.proofs {
            if let Some(proven) = proof.check(delivery, &secrets) {
                return Ok((route, proven));
            }
        }
    }
    Err(Problem::Unauthorized)
}

/// `application/json` or `application/<anything>+json`, with whatever parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests;

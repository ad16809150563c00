//! Fetching: what a platform only named is asked of its API.
//!
//! Some webhooks say that an order changed, and not how. The fact says "to be fetched"; a sweep asks the platform, and what
//! it answers is read as a webhook's body would be and goes into the inbox like one. Asking changes nothing there, so it
//! may be done again after any crash. Pure: requests and meanings of answers; the calls are the sweep's.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::TimeDelta;
use http::{Request, Response, header};
use serde::{Deserialize, Serialize};

use crate::channel::{CallError, retry_at};
use crate::customer::Customer;
use crate::fact::{Fact, FetchStep};
use crate::join::{Latest, join_fields};
use crate::key::Key;
use crate::time::Time;
use crate::webhook::api::{self, Api};

// ── What is known of one order to be fetched ────────────────────────────────

/// What was asked for, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fetching {
    /// The newest change that the platform told of, by its own clock.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    asked: Latest<()>,
    /// The furthest step, with the change that it answers.
    #[serde(default, skip_serializing_if = "Latest::is_unknown")]
    step: Latest<FetchStep>,
}

join_fields!(Fetching { asked, step });

/// The next attempt to fetch an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The change that it is about.
    pub asked: Time,
    /// 1 for the first.
    pub number: u32,
    pub due: Time,
}

/// Due whatever the time is: not when the platform's clock says that the order changed, which may be ahead of ours.
const AT_ONCE: Time = Time::from_millis(0);

/// Due when there is a token, which no clock tells.
pub const WITH_A_TOKEN: Time = Time::from_millis(i64::MAX);

impl Fetching {
    /// The name under which it stands in a record: `bigcommerce/250`.
    pub fn name(platform: &str, order_id: &str) -> String {
        [platform, "/", order_id].concat()
    }

    pub fn asked(at: Time) -> Self {
        Self { asked: Latest::at(at, ()), step: Latest::default() }
    }

    pub fn answered(asked: Time, step: FetchStep) -> Self {
        Self { asked: Latest::default(), step: Latest::at(asked, step) }
    }

    /// What is still to be done. An answer covers every change before the one that it was asked for.
    pub fn next(&self) -> Option<Attempt> {
        let (asked, answered) = (self.asked.reported_at(), self.step.reported_at());
        match self.step.get() {
            Some(FetchStep::Retry { attempt, until, .. }) if answered >= asked => {
                Some(Attempt { asked: answered?, number: attempt + 1, due: *until })
            }
            _ if answered < asked => Some(Attempt { asked: asked?, number: 1, due: AT_ONCE }),
            _ => None,
        }
    }
}

/// Every order that is still to be fetched: platform, order id, and the next attempt.
pub fn wanted(customer: &Customer) -> impl Iterator<Item = (&str, &str, Attempt)> {
    customer.fetches.iter().filter_map(|(name, fetching)| {
        let (platform, order_id) = name.split_once('/')?;
        Some((platform, order_id, fetching.next()?))
    })
}

/// When the next order is to be fetched, if nothing else happens.
pub fn next_due(customer: &Customer, platforms: &Platforms) -> Option<Time> {
    let dues = wanted(customer)
        .map(|(platform, _, attempt)| if platforms.has(platform) { attempt.due } else { WITH_A_TOKEN });
    dues.min()
}

// ── Whom to ask ─────────────────────────────────────────────────────────────

/// Where and as whom to ask a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What stands before the API's own paths, without a trailing slash.
    pub url: String,
    pub token: String,
}

/// The platforms that there is a token for, by the name of the sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Platforms(BTreeMap<&'static str, Access>);

impl Platforms {
    /// Those of `access` with a token.
    pub fn new(access: impl IntoIterator<Item = (&'static str, Access)>) -> Self {
        Self(access.into_iter().filter(|(_, access)| !access.token.is_empty()).collect())
    }

    pub fn has(&self, platform: &str) -> bool {
        self.get(platform).is_some()
    }

    pub fn get(&self, platform: &str) -> Option<(&'static Api, &Access)> {
        Some((api::find(platform)?, self.0.get(platform)?))
    }
}

/// The call that asks for what stands under `path`. `None` if its parts cannot stand in a request.
pub fn request(api: &Api, access: &Access, path: &str) -> Option<Request<Vec<u8>>> {
    Request::get([&access.url, path].concat())
        .header(header::ACCEPT, "application/json")
        .header(api.token_header, &access.token)
        .body(Vec::new())
        .ok()
}

// ── What became of it ───────────────────────────────────────────────────────

/// Why an attempt brought no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such order.
    Gone { why: String },
    /// Not now. `after` is the platform's own wish, where it stated one.
    Later { after: Option<TimeDelta>, why: String },
}

impl Refusal {
    fn later(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into() }
    }
}

/// The body of an answer, as JSON; `null` where the platform has nothing to say (204).
pub fn body(answer: Result<Response<Vec<u8>>, CallError>) -> Result<Vec<u8>, Refusal> {
    let response = answer.map_err(|error| Refusal::later(error.to_string()))?;
    let status = response.status().as_u16();
    match status {
        200..=299 if response.body().is_empty() => Ok(b"null".to_vec()),
        200..=299 => match serde_json::from_slice::<serde::de::IgnoredAny>(response.body()) {
            Ok(_) => Ok(response.into_body()),
            Err(_) => Err(Refusal::later(format!("answered {status} with something that is not JSON"))),
        },
        404 | 410 => Err(Refusal::Gone { why: format!("answered {status}") }),
        401 | 403 => Err(Refusal::later(format!("answered {status}: check the token and what it may read"))),
        _ => Err(Refusal::Later { after: asked_to_wait(&response), why: format!("answered {status}") }),
    }
}

/// How long the platform asks us to wait: `Retry-After` in seconds, which Shopify writes with a fraction, or the rest of
/// BigCommerce's window in milliseconds.
pub(crate) fn asked_to_wait(response: &Response<Vec<u8>>) -> Option<TimeDelta> {
    let number = |name: &str| -> Option<i64> {
        let text = response.headers().get(name)?.to_str().ok()?.trim();
        text.split_once('.').map_or(text, |(whole, _)| whole).parse().ok().filter(|number| *number >= 0)
    };
    let seconds =
        || number("retry-after").and_then(|seconds| TimeDelta::try_seconds(seconds.checked_add(1)?));
    seconds().or_else(|| TimeDelta::try_milliseconds(number("x-rate-limit-time-reset-ms")?))
}

/// The facts in the answers for one order: its own, and those for its parts, by their names.
pub fn read(api: &Api, order: &[u8], parts: &[(&str, Vec<u8>)]) -> Result<Vec<Fact>, Refusal> {
    // One object of all answers, for a reader that is used to one body.
    let mut whole = [br#"{"order":"#, order].concat();
    for (name, part) in parts {
        whole.extend([b",\"", name.as_bytes(), b"\":", part].concat());
    }
    whole.push(b'}');
    api::read(api, &whole).map_err(|problem| {
        let field = problem.field().unwrap_or_default();
        Refusal::later(format!("the answer cannot be read: {}, {field}", problem.name()))
    })
}

/// An order may be told of before the API knows it: so often its absence is not believed.
const ABSENCES: u32 = 2;

/// The step that follows an attempt. `jitter`, 0 to 1, spreads the attempts that follow.
pub fn step(attempt: u32, outcome: Result<(), Refusal>, jitter: f64, now: Time) -> FetchStep {
    let (after, why) = match outcome {
        Ok(()) => return FetchStep::Got,
        Err(Refusal::Gone { .. }) if attempt > ABSENCES => return FetchStep::Gone,
        Err(Refusal::Gone { why }) => (None, why),
        Err(Refusal::Later { after, why }) => (after, why),
    };
    match retry_at(attempt, after, jitter, now) {
        Some(until) => FetchStep::Retry { attempt, until, why },
        None => FetchStep::Failed { why: format!("given up after {attempt} attempts: {why}") },
    }
}

// ── What is missing ─────────────────────────────────────────────────────────

/// More failures than anybody reads one by one.
const MOST_FAILURES: usize = 16;

/// Orders that a platform told of and that are not here. Follows from the records; stands in `meta`, where it is seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unfetched {
    /// Platforms that orders wait for without a token, and how many pages were looked through for them since there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    waiting: BTreeMap<String, u32>,
    /// Orders given up, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<String, String>,
}

impl Unfetched {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes note of what waits and what failed in a record.
    pub fn note(&mut self, customer: &Customer, platforms: &Platforms) {
        for (platform, _, _) in wanted(customer).filter(|(platform, ..)| !platforms.has(platform)) {
            self.waiting.insert(platform.to_owned(), 0);
        }
        for (name, fetching) in &customer.fetches {
            match (fetching.next(), fetching.step.get()) {
                (None, Some(FetchStep::Failed { why })) => {
                    if self.failed.len() < MOST_FAILURES {
                        self.failed.insert(name.clone(), why.clone());
                    }
                }
                _ => _ = self.failed.remove(name),
            }
        }
    }

    /// Leaves out orders of people who were forgotten.
    pub fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        let order = |name: &str| Key::order(name.split_once('/')?.1);
        self.failed.retain(|name, _| order(name).is_none_or(|order| !gone(&order)));
    }

    /// Is there a token now for a platform that orders wait for?
    pub fn can_go_on(&self, platforms: &Platforms) -> bool {
        self.waiting.keys().any(|platform| platforms.has(platform))
    }

    /// Pages to look through for orders that waited for a token, at most `limit` of `pages`.
    pub fn pages(&mut self, platforms: &Platforms, pages: u32, limit: u32) -> Range<u32> {
        let mut ready: Vec<&mut u32> = Vec::new();
        for (platform, done) in &mut self.waiting {
            if platforms.has(platform) {
                ready.push(done);
            }
        }
        let Some(from) = ready.iter().map(|done| **done).min() else { return 0..0 };
        let to = from.saturating_add(limit).min(pages);
        for done in ready {
            *done = to.max(*done);
        }
        self.waiting.retain(|platform, done| !platforms.has(platform) || *done < pages);
        from..to
    }

    /// What to do about it, one sentence each.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        let waiting = self.waiting.keys().map(|platform| {
            format!(
                "orders of {platform} wait to be fetched: set `{platform}_token`, and the next sweep fetches them"
            )
        });
        let failed = self.failed.iter().map(|(name, why)| {
            format!("order {name} was not fetched, {why}; to try again, save the order in the shop's admin")
        });
        waiting.chain(failed)
    }
}

#[cfg(test)]
mod tests;

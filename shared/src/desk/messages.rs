//! Messages with every step they took, newest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::search;
use crate::customer::{Customer, CustomerId};
use crate::key::Key;
use crate::message::{Message, MessageId, Step};
use crate::query;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::{Time, as_text, maybe_as_text};
use crate::webhook::problem::Problem;

/// Pages of the store that one request looks through: some 30,000 customers, a second at most. Larger stores are gone
/// through in parts of this size, each of them newest first.
const PART: u32 = 32;

/// Messages that one answer lists where nothing else is asked for, and at most.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// One message, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub id: MessageId,
    /// Whose: `/customers/<id>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    pub playbook: String,
    /// What it is about: `order:1001`.
    pub cause: String,
    /// The furthest step: `sent`, `skipped`, ...
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When that was reached.
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    /// In the order in which they were taken.
    pub steps: Vec<Took>,
}

/// One step of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Took {
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is looked at again.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_text")]
    pub until: Option<Time>,
    /// 1 for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

impl Took {
    fn new(at: Time, step: &Step) -> Self {
        let attempt = match step {
            Step::Sending { attempt } | Step::Retry { attempt, .. } => Some(*attempt),
            _ => None,
        };
        Self { at, state: step.name(), reason: step.reason(), until: step.until(), attempt }
    }
}

impl Listed {
    pub(super) fn new(customer: &Customer, id: &MessageId, message: &Message) -> Option<Self> {
        let (at, step) = message.state()?;
        Some(Self {
            id: id.clone(),
            customer: customer.id(),
            playbook: message.playbook.clone(),
            cause: message.cause.clone(),
            state: step.name(),
            reason: step.reason(),
            at: *at,
            steps: message.steps.iter().map(|(at, step)| Took::new(*at, step)).collect(),
        })
    }
}

/// What `GET /messages` is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// An id or a name of a customer, as it was given.
    pub customer: Option<String>,
    pub state: Option<&'static str>,
    pub playbook: Option<String>,
    pub limit: usize,
    cursor: Cursor,
}

/// Where the next answer goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Cursor {
    /// The first page of the part.
    page: u32,
    /// What was listed last.
    after: Option<Place>,
}

/// Where a message stands in a list: newest first, and of one moment by their ids.
type Place = (Reverse<Time>, String);

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let Some((page, place)) = text.split_once('.') else {
            return Some(Self { page: text.parse().ok()?, after: None });
        };
        let (at, id) = place.split_once('.')?;
        let at = Time::from_millis(at.parse().ok()?);
        Some(Self { page: page.parse().ok()?, after: Some((Reverse(at), id.to_owned())) })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.page)?;
        match &self.after {
            Some((Reverse(at), id)) => write!(f, ".{}.{id}", at.millis()),
            None => Ok(()),
        }
    }
}

impl Asked {
    /// Reads `customer`, `state`, `playbook`, `limit` and `cursor`; other parameters are somebody else's.
    pub fn from_query(query: &str) -> Result<Self, Problem> {
        let mut asked = Self {
            customer: None,
            state: None,
            playbook: None,
            limit: DEFAULT_LIMIT,
            cursor: Cursor::default(),
        };
        // A form sends the fields that were left empty as well.
        for (name, value) in query::pairs(query).filter(|(_, value)| !value.is_empty()) {
            match name {
                "customer" => asked.customer = Some(value),
                "state" => {
                    let known = Step::NAMES.into_iter().find(|known| *known == value);
                    let unknown =
                        || Problem::bad_parameter(name, ["One of ", &Step::NAMES.join(", "), "."].concat());
                    asked.state = Some(known.ok_or_else(unknown)?);
                }
                "playbook" => asked.playbook = Some(value),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    asked.limit =
                        limit.ok_or_else(|| Problem::bad_parameter(name, "A number from 1 to 200."))?;
                }
                "cursor" => {
                    let cursor = Cursor::parse(&value);
                    let unknown =
                        || Problem::bad_parameter(name, "Take it from `next` of an earlier answer.");
                    asked.cursor = cursor.ok_or_else(unknown)?;
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The same question as a query string, going on at `cursor`.
    fn to_query(&self, cursor: &Cursor) -> String {
        let mut query = ["cursor=", &query::encoded(&cursor.to_string())].concat();
        let given = [
            ("customer", self.customer.as_deref()),
            ("state", self.state),
            ("playbook", self.playbook.as_deref()),
            ("limit", Some(self.limit.to_string().as_str()).filter(|_| self.limit != DEFAULT_LIMIT)),
        ]
        .map(|(name, value)| value.map(|value| ["&", name, "=", &query::encoded(value)].concat()));
        query.extend(given.into_iter().flatten());
        query
    }

    /// Adds the customer's messages that are asked for, and keeps one more than an answer lists.
    fn gather(&self, list: &mut BTreeMap<Place, Listed>, customer: &Customer) {
        for (id, message) in &customer.messages {
            let Some((at, step)) = message.state() else { continue };
            let wanted = self.state.is_none_or(|state| state == step.name())
                && self.playbook.as_ref().is_none_or(|playbook| *playbook == message.playbook);
            let place = (Reverse(*at), id.as_str().to_owned());
            let is_left = self.cursor.after.as_ref().is_none_or(|after| place > *after);
            let has_room =
                list.len() <= self.limit || list.last_key_value().is_some_and(|(last, _)| place < *last);
            if wanted && is_left && has_room {
                list.extend(Listed::new(customer, id, message).map(|listed| (place, listed)));
                if list.len() > self.limit + 1 {
                    list.pop_last();
                }
            }
        }
    }
}

/// What `GET /messages` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Newest first within a part.
    pub messages: Vec<Listed>,
    /// Where the rest is; absent when this is all. An answer may be short, even empty, and yet have a next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Large stores are gone through in parts: which one this is, from 1, and of how many.
    pub part: u32,
    pub parts: u32,
}

/// The messages that are asked for.
pub async fn messages(store: &impl Store, now: Time, asked: &Asked) -> Result<Listing, StoreError> {
    let cursor = &asked.cursor;
    let (list, pages) = if let Some(name) = &asked.customer {
        let mut list = BTreeMap::new();
        for customer in meant(store, now, name).await? {
            asked.gather(&mut list, &customer);
        }
        (list, 0)
    } else {
        let part = cursor.page..cursor.page.saturating_add(PART);
        View::scan(store, now, part, |list, customer| asked.gather(list, customer)).await?
    };
    let is_cut = list.len() > asked.limit;
    let mut places: Vec<Place> = Vec::new();
    let mut messages = Vec::new();
    for (place, listed) in list.into_iter().take(asked.limit) {
        places.push(place);
        messages.push(listed);
    }
    let next_part = cursor.page.saturating_add(PART);
    let next = if is_cut {
        Some(Cursor { page: cursor.page, after: places.pop() })
    } else {
        (next_part < pages).then_some(Cursor { page: next_part, after: None })
    };
    Ok(Listing {
        messages,
        next: next.map(|next| ["/messages?", &asked.to_query(&next)].concat()),
        part: cursor.page / PART + 1,
        parts: pages.div_ceil(PART).max(cursor.page / PART + 1),
    })
}

/// The customer with this id, or everybody who has this name.
async fn meant(store: &impl Store, now: Time, name: &str) -> Result<Vec<Customer>, StoreError> {
    if let Some(customer) = search::identified(store, now, name).await? {
        return Ok(vec![customer]);
    }
    let customers = View::customers(store, now, &Key::possible(name)).await?;
    Ok(customers.into_iter().map(|(customer, _)| customer).collect())
}

//! Deliveries as senders make them, and what becomes of them.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Accepted, Delivery, Route, receive};
use crate::fact::Fact;
use crate::time::Time;
use crate::webhook::problem::Problem;

mod shopify;

/// 2026-11-21T20:00:00Z.
pub(super) const NOW: Time = Time::from_seconds(1_795_291_200);

/// A request that a test makes and may spoil.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
    pub(super) now: Time,
}

impl Request {
    pub(super) fn json(body: impl Into<Vec<u8>>) -> Self {
        let request = Self {
            method: Method::POST,
            headers: HeaderMap::new(),
            query: String::new(),
            body: body.into(),
            now: NOW,
        };
        request.with("content-type", "application/json")
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(super) fn send(&self, routes: &[Route], secrets: &[(&str, &str)]) -> Result<Accepted, Problem> {
        let delivery = Delivery {
            method: &self.method,
            headers: &self.headers,
            query: &self.query,
            body: &self.body,
            now: self.now,
        };
        let secrets = |sender: &str| {
            secrets
                .iter()
                .filter(|(name, _)| *name == sender)
                .map(|(_, secret)| (*secret).to_owned())
                .collect()
        };
        receive(routes, &delivery, &secrets)
    }
}

/// The fact of an accepted delivery.
#[track_caller]
pub(super) fn fact(result: Result<Accepted, Problem>) -> Fact {
    match result {
        Ok(Accepted::Fact(fact)) => {
            assert!(!fact.keys.is_empty(), "a fact about nobody: {fact:?}");
            assert_eq!(
                Fact::from_bytes(&fact.to_bytes()).unwrap(),
                *fact,
                "a fact must survive its encoding"
            );
            *fact
        }
        other => panic!("expected a fact, got {other:?}"),
    }
}

/// The keys of a fact, as text.
pub(super) fn keys(fact: &Fact) -> Vec<&str> {
    fact.keys.iter().map(crate::key::Key::as_str).collect()
}

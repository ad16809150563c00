//! `privacy.requested`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery};
use super::{Envelope, Person, SOURCE, open};
use crate::fact::{Event, PrivacyKind, PrivacyRequest};

pub(in super::super) fn requests(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["privacy.requested"], request)
}

fn request(Envelope { at, data, .. }: Envelope<'_>) -> Result<Accepted, Problem> {
    let request = data.require("request", data.object("request"))?;
    let id = request.require("id", request.id("id"))?;
    let kind = match request.require("kind", request.line("kind"))?.as_str() {
        "export" => PrivacyKind::Export,
        "erase" => PrivacyKind::Erase,
        _ => return Err(request.problem("kind", "Must be export or erase.")),
    };
    let keys = Person::read(&data).keys_with(&data, [])?;
    Ok(Accepted::fact(at, SOURCE, keys, Event::Privacy(PrivacyRequest { id, kind })))
}

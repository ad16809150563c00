//! What trackers have in common: they know a parcel by its number, and its history by heart.

use std::collections::BTreeMap;

use super::json::Object;
use super::problem::Problem;
use super::{Accepted, gather};
use crate::fact::{Event, ShipmentReport, ShipmentState};
use crate::key::Key;
use crate::time::Time;

/// A parcel whose number stands in this field: its key, and a report with nothing but the number. Two trackers that
/// watch one parcel name it alike.
pub(super) fn numbered(object: &Object<'_>, name: &str) -> Result<(Key, ShipmentReport), Problem> {
    let number = object.require(name, object.id(name))?;
    let key = object.require(name, Key::tracking(&number))?;
    let id = key.as_str().to_owned();
    let tracking_numbers = gather([number]);
    Ok((key, ShipmentReport { id, tracking_numbers, ..ShipmentReport::default() }))
}

/// A state was reached, at the latest then.
pub(super) fn reach(states: &mut BTreeMap<ShipmentState, Time>, state: ShipmentState, at: Time) {
    let first = states.entry(state).or_insert(at);
    *first = at.min(*first);
}

/// The fact. `now_in` is the state that the sender gives as the present one; where its history tells when that began, the
/// history counts.
pub(super) fn fact(
    at: Time,
    source: &str,
    keys: Vec<Option<Key>>,
    now_in: ShipmentState,
    mut report: ShipmentReport,
) -> Accepted {
    report.states.entry(now_in).or_insert(at);
    Accepted::fact(at, source, keys, Event::Shipment(report))
}

//! Parcels: what several senders report of one, as one.

use std::collections::BTreeMap;

use crate::customer::{Customer, Shipment};
use crate::fact::ShipmentState;
use crate::time::Time;

/// One parcel, as all who report it know it together.
pub(crate) struct Parcel<'a> {
    /// The senders' ids of it, at least one, least first.
    pub(crate) ids: Vec<&'a str>,
    reports: Vec<&'a Shipment>,
    pub(crate) order_id: Option<&'a str>,
}

/// The states that are told to people, in the order in which a parcel passes them.
pub(crate) const WAY: [ShipmentState; 5] = [
    ShipmentState::Packed,
    ShipmentState::Shipped,
    ShipmentState::OutForDelivery,
    ShipmentState::ReadyForPickup,
    ShipmentState::Delivered,
];

impl<'a> Parcel<'a> {
    /// The customer's parcels. Reports that share a tracking number are about one parcel.
    pub(crate) fn all(customer: &'a Customer) -> Vec<Self> {
        let mut parcels: Vec<Self> = Vec::new();
        let mut by_number: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, shipment) in &customer.shipments {
            let known =
                shipment.tracking_numbers.iter().find_map(|number| by_number.get(number.as_str()).copied());
            let index = known.unwrap_or_else(|| {
                parcels.push(Self { ids: Vec::new(), reports: Vec::new(), order_id: None });
                parcels.len() - 1
            });
            for number in &shipment.tracking_numbers {
                by_number.entry(number).or_insert(index);
            }
            let parcel = &mut parcels[index];
            parcel.ids.push(id);
            parcel.reports.push(shipment);
            parcel.order_id = parcel.order_id.or(shipment.order_id.get().map(String::as_str));
        }
        parcels
    }

    /// When it first reached a state, by whoever knew it first.
    pub(crate) fn reached(&self, state: &ShipmentState) -> Option<Time> {
        self.reports.iter().filter_map(|report| report.states.get(state)).map(|first| first.0).min()
    }

    /// How far it has come on its way, and when.
    pub(crate) fn furthest(&self) -> Option<(usize, Time)> {
        (0..WAY.len()).rev().find_map(|stage| Some((stage, self.reached(&WAY[stage])?)))
    }

    /// Called off, or on its way back: nothing more is to be expected of it.
    pub(crate) fn is_over(&self) -> bool {
        [ShipmentState::Cancelled, ShipmentState::Returning].iter().any(|state| self.reached(state).is_some())
    }

    /// When somebody first said that something is wrong, and what.
    pub(crate) fn trouble(&self) -> Option<(Time, &'static str)> {
        [
            (ShipmentState::Delayed, "delayed"),
            (ShipmentState::Exception, "exception"),
            (ShipmentState::AttemptFailed, "attempt_failed"),
        ]
        .into_iter()
        .filter_map(|(state, word)| Some((self.reached(&state)?, word)))
        .min()
    }

    /// The first estimate that was made: a promise, where the order made none.
    pub(crate) fn first_estimate(&self) -> Option<Time> {
        self.reports.iter().filter_map(|report| report.estimates.first()).min().map(|(_, estimate)| *estimate)
    }

    /// When the carrier expects it now.
    pub(crate) fn estimate(&self) -> Option<Time> {
        self.reports.iter().filter_map(|report| report.estimates.last()).max().map(|(_, estimate)| *estimate)
    }

    /// What the newest report that has it says.
    fn newest(&self, field: impl Fn(&'a Shipment) -> &'a crate::join::Latest<String>) -> Option<&'a str> {
        let known = self.reports.iter().map(|report| field(report)).filter(|latest| !latest.is_unknown());
        known.max_by_key(|latest| latest.reported_at())?.get().map(String::as_str)
    }

    pub(crate) fn tracking_url(&self) -> Option<&'a str> {
        self.newest(|report| &report.tracking_url)
    }

    pub(crate) fn carrier(&self) -> Option<&'a str> {
        self.newest(|report| &report.carrier)
    }

    pub(crate) fn carrier_phone(&self) -> Option<&'a str> {
        self.newest(|report| &report.carrier_phone)
    }

    pub(crate) fn tracking_number(&self) -> Option<&'a str> {
        self.reports.iter().find_map(|report| report.tracking_numbers.first()).map(String::as_str)
    }
}

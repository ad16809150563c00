//! What is known of a shop's trade, in a form in which reports and records can be compared.

use std::collections::{BTreeMap, BTreeSet};

use aftercare::customer::Customer;
use aftercare::fact::OrderStage;
use aftercare::key::Key;
use aftercare::ledger::oldest_detailed;
use aftercare::store::listing::Listing;
use aftercare::store::meta::Meta;
use aftercare::store::records::Records;
use aftercare::time::Time;
use anyhow::{Context, Result, ensure};

use crate::store::HostStore;

/// By id. Adding the same twice changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Stages that each order has reached.
    pub orders: BTreeMap<String, BTreeSet<String>>,
    /// States that each shipment was in.
    pub shipments: BTreeMap<String, BTreeSet<String>>,
    /// The score of each answer.
    pub answers: BTreeMap<String, u8>,
    pub reviews: BTreeSet<String>,
    /// Whether each ticket was solved.
    pub tickets: BTreeMap<String, bool>,
}

impl Known {
    /// An order has reached a stage, and so those before it that every report of it repeats.
    pub(super) fn order(id: u64, reached: &str) -> Self {
        let stages: &[&str] = match reached {
            "placed" => &["placed"],
            "paid" => &["placed", "paid"],
            "fulfilled" => &["placed", "paid", "fulfilled"],
            _ => &["placed", "paid", "cancelled"],
        };
        let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
        Self { orders: BTreeMap::from([(id.to_string(), stages)]), ..Self::default() }
    }

    pub(super) fn shipment(id: &str, state: &str) -> Self {
        let states = BTreeSet::from([state.to_owned()]);
        Self { shipments: BTreeMap::from([(id.to_owned(), states)]), ..Self::default() }
    }

    pub(super) fn answer(id: &str, score: u8) -> Self {
        Self { answers: BTreeMap::from([(id.to_owned(), score)]), ..Self::default() }
    }

    pub(super) fn review(id: &str) -> Self {
        Self { reviews: BTreeSet::from([id.to_owned()]), ..Self::default() }
    }

    pub(super) fn ticket(id: &str, solved: bool) -> Self {
        Self { tickets: BTreeMap::from([(id.to_owned(), solved)]), ..Self::default() }
    }

    pub fn add(&mut self, other: Self) {
        for (id, stages) in other.orders {
            self.orders.entry(id).or_default().extend(stages);
        }
        for (id, states) in other.shipments {
            self.shipments.entry(id).or_default().extend(states);
        }
        self.answers.extend(other.answers);
        self.reviews.extend(other.reviews);
        for (id, solved) in other.tickets {
            *self.tickets.entry(id).or_default() |= solved;
        }
    }

    /// NPS groups: promoters, passives, detractors.
    pub fn nps(&self) -> [usize; 3] {
        let count = |low, high| self.answers.values().filter(|score| (low..=high).contains(*score)).count();
        [count(9, 10), count(7, 8), count(0, 6)]
    }

    /// What the records hold of all that `expected` names. Nothing may wait in the inbox.
    pub async fn read(store: &HostStore, expected: &Self, now: Time) -> Result<Self> {
        let listing = Listing::read(store).await?;
        ensure!(listing.inbox.is_empty(), "{} facts wait in the inbox", listing.inbox.len());
        ensure!(listing.dead_letters.is_empty(), "dead letters: {:?}", listing.dead_letters);
        let meta = Meta::load(store).await?;
        ensure!(meta.unfolded(&listing.segments).next().is_none(), "segments are not folded");
        let mut records = Records::new(store, meta.page_count(), oldest_detailed(now));
        let mut known = Self::default();
        let mut seen = BTreeSet::new();
        let orders = expected.orders.keys().filter_map(|id| Key::order(id));
        let shipments = expected.shipments.keys().filter_map(|id| Key::shipment(id));
        let answers = expected.answers.keys().filter_map(|id| Key::answer(id));
        let reviews = expected.reviews.iter().filter_map(|id| Key::review(id));
        let tickets = expected.tickets.keys().filter_map(|id| Key::ticket(id));
        for key in orders.chain(shipments).chain(answers).chain(reviews).chain(tickets) {
            let root =
                records.root_of(&key).await?.with_context(|| format!("{key} is not in the records"))?;
            if seen.insert(root.clone()) {
                let customer = records.customer(&root).await?.context("a root has a record")?;
                known.add(Self::from(customer));
            }
        }
        Ok(known)
    }
}

impl From<&Customer> for Known {
    fn from(customer: &Customer) -> Self {
        let stage = |stage: &OrderStage| format!("{stage:?}").to_lowercase();
        let mut known = Self::default();
        for (id, order) in &customer.orders {
            // A report about something else that names an order makes an order of which nothing is known.
            if !order.stages.is_empty() {
                known.orders.insert(id.clone(), order.stages.keys().map(stage).collect());
            }
        }
        for (id, shipment) in &customer.shipments {
            let states = shipment.states.keys().map(|state| state.as_str().to_owned());
            known.shipments.insert(id.clone(), states.collect());
        }
        for (id, answer) in &customer.answers {
            known.answers.extend(answer.get().map(|answer| (id.clone(), answer.score)));
        }
        known.reviews.extend(customer.reviews.keys().cloned());
        for (id, ticket) in &customer.tickets {
            known.tickets.insert(id.clone(), !ticket.solved_at.is_empty());
        }
        known
    }
}

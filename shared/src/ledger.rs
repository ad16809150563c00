//! The ledger: what scores are made of, by day.
//!
//! A day holds one line an answer, under the answer's id, so that writing it twice changes nothing and a changed answer
//! replaces itself.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::customer::Customer;
use crate::fact::{Scale, SurveyKind};
use crate::store::{Store, StoreError, codec, names};
use crate::time::Time;

/// One scored answer, without anything that tells who gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub at: Time,
    pub kind: SurveyKind,
    pub score: u8,
    pub scale: Scale,
}

/// A day's lines, by answer id.
pub type Day = BTreeMap<String, Line>;

/// The lines that a customer's record contributes.
pub fn lines(customer: &Customer) -> impl Iterator<Item = (&String, Line)> {
    customer.answers.iter().filter_map(|(id, answer)| {
        let (at, answer) = (answer.reported_at()?, answer.get()?);
        Some((id, Line { at, kind: answer.kind, score: answer.score, scale: answer.scale }))
    })
}

/// A working copy of the days that a sweep or a reader touches.
pub struct Ledger<'s, S> {
    store: &'s S,
    days: BTreeMap<NaiveDate, (Day, bool)>,
}

impl<'s, S: Store> Ledger<'s, S> {
    pub fn new(store: &'s S) -> Self {
        Self { store, days: BTreeMap::new() }
    }

    /// The days between `from` and `to` that may hold lines: those stored, and those of this working copy.
    pub fn days(&self, stored: &BTreeSet<NaiveDate>, from: NaiveDate, to: NaiveDate) -> BTreeSet<NaiveDate> {
        let all = stored.iter().chain(self.days.keys());
        all.filter(|date| (from..=to).contains(*date)).copied().collect()
    }

    pub async fn day(&mut self, date: NaiveDate) -> Result<&Day, StoreError> {
        Ok(&self.loaded(date).await?.0)
    }

    async fn loaded(&mut self, date: NaiveDate) -> Result<&mut (Day, bool), StoreError> {
        use std::collections::btree_map::Entry;
        match self.days.entry(date) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => {
                let key = names::day(date);
                let day = match self.store.get(&key).await? {
                    Some(bytes) => codec::decode(&key, &bytes)?,
                    None => Day::new(),
                };
                Ok(slot.insert((day, false)))
            }
        }
    }

    /// Takes out what the records said before and puts in what their join says now.
    pub async fn replace(&mut self, before: &[Customer], after: &Customer) -> Result<(), StoreError> {
        let after: BTreeMap<&String, Line> = lines(after).collect();
        // Everything that may fail comes first: the change is made whole or not at all.
        for date in before.iter().flat_map(lines).map(|(_, line)| line).chain(after.values().cloned()) {
            self.loaded(date.at.date()).await?;
        }
        for (id, line) in before.iter().flat_map(lines) {
            if after.get(id) != Some(&line) {
                let (day, changed) = self.loaded(line.at.date()).await?;
                *changed |= day.remove(id).is_some();
            }
        }
        for (id, line) in after {
            let (day, changed) = self.loaded(line.at.date()).await?;
            if day.get(id) != Some(&line) {
                day.insert(id.clone(), line);
                *changed = true;
            }
        }
        Ok(())
    }

    /// Writes every changed day once.
    pub async fn save(&mut self) -> Result<(), StoreError> {
        for (date, (day, changed)) in self.days.iter_mut().filter(|(_, (_, changed))| *changed) {
            self.store.set(&names::day(*date), &codec::encode(day)).await?;
            *changed = false;
        }
        Ok(())
    }
}

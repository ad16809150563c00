//! The ledger: what scores are made of, by day.
//!
//! A day holds one line an answer, under the answer's id, so that writing it twice changes nothing and a changed answer
//! replaces itself. Days older than five weeks are rolled up into their month, as counts of equal lines; a late answer
//! is then added to, or taken out of, its own day's counts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::customer::Customer;
use crate::fact::{Scale, SurveyKind};
use crate::gather::gather;
use crate::store::{Store, StoreError, codec, names};
use crate::time::Time;

/// Days that are kept line by line; older ones are rolled up.
pub const DETAILED_DAYS: u64 = 35;

/// A sweep whose clock is behind must not take a day for detailed that another one has rolled up.
const CLOCK_SKEW: Days = Days::new(2);

/// Months remember that many segments which they already count; a crash leaves one or two to be asked about.
const REMEMBERED: usize = 64;

/// One scored answer, without anything that tells who gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub at: Time,
    pub bin: Bin,
}

/// What lines are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bin {
    pub kind: SurveyKind,
    pub score: u8,
    pub scale: Scale,
}

/// A day's lines, by answer id.
pub type Day = BTreeMap<String, Line>;

/// How often each line was seen on a day.
pub type Counts = BTreeMap<Bin, u64>;

/// Rolled-up days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Month {
    days: BTreeMap<NaiveDate, Vec<(Bin, i64)>>,
    /// Segments whose facts are counted, newest last. Counting is not a join; this makes it happen once.
    counted: Vec<String>,
}

impl Month {
    fn add(&mut self, date: NaiveDate, bin: &Bin, change: i64) {
        let bins = self.days.entry(date).or_default();
        match bins.binary_search_by(|(other, _)| other.cmp(bin)) {
            Ok(index) => {
                bins[index].1 += change;
                if bins[index].1 == 0 {
                    bins.remove(index);
                }
            }
            Err(index) => bins.insert(index, (bin.clone(), change)),
        }
    }
}

/// The lines that a customer's record contributes.
pub fn lines(customer: &Customer) -> impl Iterator<Item = (&String, Line)> {
    customer.answers.iter().filter_map(|(id, answer)| {
        let (at, answer) = (answer.reported_at()?, answer.get()?);
        Some((id, Line { at, bin: Bin { kind: answer.kind, score: answer.score, scale: answer.scale } }))
    })
}

struct Loaded<T> {
    is: T,
    /// Whether the store has it.
    stored: bool,
    changed: bool,
}

/// A working copy of the days and months that a sweep or a reader touches.
pub struct Ledger<'s, S> {
    store: &'s S,
    days: BTreeMap<NaiveDate, Loaded<Day>>,
    /// Lines that moved to another day, by the day they left: see `save`.
    moved: BTreeMap<NaiveDate, Day>,
    /// By first day.
    months: BTreeMap<NaiveDate, Loaded<Month>>,
    /// Changes to rolled-up days since the last `save`.
    late: Vec<(NaiveDate, Bin, i64)>,
    /// How many of those are known not to be counted yet.
    settled: usize,
}

impl<'s, S: Store> Ledger<'s, S> {
    pub fn new(store: &'s S) -> Self {
        Self {
            store,
            days: BTreeMap::new(),
            moved: BTreeMap::new(),
            months: BTreeMap::new(),
            late: Vec::new(),
            settled: 0,
        }
    }

    async fn month(&mut self, date: NaiveDate) -> Result<&mut Loaded<Month>, StoreError> {
        use std::collections::btree_map::Entry;
        let first = date.with_day(1).unwrap_or(date);
        match self.months.entry(first) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => Ok(slot.insert(load(self.store, &names::month(date)).await?)),
        }
    }

    async fn day(&mut self, date: NaiveDate) -> Result<&mut Loaded<Day>, StoreError> {
        use std::collections::btree_map::Entry;
        match self.days.entry(date) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => Ok(slot.insert(load(self.store, &names::day(date)).await?)),
        }
    }

    /// Once a month has a day's counts, the day's own document no longer matters, should a crash have left it.
    async fn is_rolled_up(
        &mut self,
        date: NaiveDate,
        oldest_detailed: NaiveDate,
    ) -> Result<bool, StoreError> {
        Ok(date < oldest_detailed + CLOCK_SKEW && self.month(date).await?.is.days.contains_key(&date))
    }

    /// Takes out what the records said before and puts in what their join says now. Days before `oldest_detailed` may
    /// be rolled up.
    pub async fn replace(
        &mut self,
        before: impl Iterator<Item = &Customer>,
        after: &Customer,
        oldest_detailed: NaiveDate,
    ) -> Result<(), StoreError> {
        let after: BTreeMap<&String, Line> = gather(lines(after));
        let before: BTreeSet<(&String, Line)> = gather(before.flat_map(lines));
        // Everything that may fail comes first: the change is made whole or not at all.
        let mut rolled_up = BTreeSet::new();
        for date in before.iter().map(|(_, line)| line).chain(after.values()).map(|line| line.at.date()) {
            if self.is_rolled_up(date, oldest_detailed).await? {
                rolled_up.insert(date);
            } else {
                self.day(date).await?;
            }
        }
        for (id, line) in &before {
            let date = line.at.date();
            if after.get(id) == Some(line) {
                continue;
            }
            if rolled_up.contains(&date) {
                self.late.push((date, line.bin.clone(), -1));
            } else {
                let day = self.day(date).await?;
                if let Some(line) = day.is.remove(*id) {
                    day.changed = true;
                    self.moved.entry(date).or_default().insert((*id).clone(), line);
                }
            }
        }
        for (id, line) in after {
            let date = line.at.date();
            if rolled_up.contains(&date) {
                if !before.contains(&(id, line.clone())) {
                    self.late.push((date, line.bin, 1));
                }
            } else {
                let day = self.day(date).await?;
                if day.is.get(id) != Some(&line) {
                    day.is.insert(id.clone(), line);
                    day.changed = true;
                }
            }
        }
        Ok(())
    }

    /// Are there changes to rolled-up days that are not saved yet?
    pub fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// For facts that were counted before: only lines, which cannot be counted twice, are put right.
    pub fn forget_late(&mut self) {
        self.late.clear();
        self.settled = 0;
    }

    /// Drops late lines that a month already counts. `batch` names the segments of the facts joined since the last call.
    pub async fn settle_late(&mut self, batch: &[String]) -> Result<(), StoreError> {
        for (date, bin, change) in self.late.split_off(self.settled) {
            let month = &self.month(date).await?.is;
            if !month.counted.iter().any(|counted| batch.contains(counted)) {
                self.late.push((date, bin, change));
            }
        }
        self.settled = self.late.len();
        Ok(())
    }

    /// Writes every changed day and month. `batch` names the segments whose facts were joined, so that after a crash
    /// their late lines are not counted again.
    ///
    /// A line that moves to another day leaves the old one only after the new one is stored: a reader may see it
    /// twice, and then counts the newer one, but never not at all.
    pub async fn save(&mut self, batch: &[String]) -> Result<(), StoreError> {
        self.settle_late(batch).await?;
        self.settled = 0;
        for (date, bin, change) in std::mem::take(&mut self.late) {
            let month = self.month(date).await?;
            month.is.add(date, &bin, change);
            month.changed = true;
        }
        for (first, month) in self.months.iter_mut().filter(|(_, month)| month.changed) {
            month.is.counted.extend(batch.iter().cloned());
            let excess = month.is.counted.len().saturating_sub(REMEMBERED);
            month.is.counted.drain(..excess);
            self.store.set(&names::month(*first), &codec::encode(&month.is)).await?;
            month.changed = false;
        }
        for (date, day) in self.days.iter_mut().filter(|(_, day)| day.changed) {
            let mut both = day.is.clone();
            if let Some(moved) = self.moved.get(date) {
                for (id, line) in moved {
                    both.entry(id.clone()).or_insert_with(|| line.clone());
                }
            }
            write_day(self.store, *date, &both).await?;
            day.changed = false;
        }
        for date in std::mem::take(&mut self.moved).into_keys() {
            if let Some(day) = self.days.get(&date) {
                write_day(self.store, date, &day.is).await?;
            }
        }
        Ok(())
    }

    /// Rolls a day up into its month, then deletes the day.
    pub async fn roll_up(&mut self, date: NaiveDate) -> Result<(), StoreError> {
        if !self.month(date).await?.is.days.contains_key(&date) {
            let bins: Vec<Bin> = self.day(date).await?.is.values().map(|line| line.bin.clone()).collect();
            let month = self.month(date).await?;
            month.is.days.insert(date, Vec::new());
            for bin in bins {
                month.is.add(date, &bin, 1);
            }
            self.store.set(&names::month(date), &codec::encode(&self.month(date).await?.is)).await?;
        }
        self.days.remove(&date);
        self.store.delete(&names::day(date)).await
    }

    /// The counts of each day from `from` to `to`, both included, that has any. `stored_days` and `stored_months` are
    /// those that the key list shows.
    pub async fn counts(
        &mut self,
        stored_days: &BTreeSet<NaiveDate>,
        stored_months: &BTreeSet<NaiveDate>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<BTreeMap<NaiveDate, Counts>, StoreError> {
        let mut counts: BTreeMap<NaiveDate, Counts> = BTreeMap::new();
        let mut rolled_up = BTreeSet::new();
        // A sweep may have begun a month since the key list was read; what is late was reckoned against it.
        let months: BTreeSet<NaiveDate> = stored_months.iter().chain(self.months.keys()).copied().collect();
        let first_month = from.with_day(1).unwrap_or(from);
        for first in months.range(first_month..=to) {
            for (date, bins) in &self.month(*first).await?.is.days {
                rolled_up.insert(*date);
                if (from..=to).contains(date) {
                    counts.entry(*date).or_default().extend(unsigned(bins));
                }
            }
        }
        let dates: BTreeSet<NaiveDate> = stored_days.iter().chain(self.days.keys()).copied().collect();
        for date in dates.iter().filter(|date| stored_days.contains(date)) {
            // It was rolled up since the key list was read, and its month perhaps looked at before.
            if !rolled_up.contains(date) && !self.day(*date).await?.stored {
                self.months.remove(&date.with_day(1).unwrap_or(*date));
                if let Some(bins) = self.month(*date).await?.is.days.get(date) {
                    rolled_up.insert(*date);
                    if (from..=to).contains(date) {
                        counts.entry(*date).or_default().extend(unsigned(bins));
                    }
                }
            }
        }
        for (date, bin, change) in self.late.iter().filter(|(date, ..)| (from..=to).contains(date)) {
            let count = counts.entry(*date).or_default().entry(bin.clone()).or_default();
            *count = count.saturating_add_signed(*change);
        }
        // A line that is moving may stand on two days; the newer one counts.
        let mut newest: BTreeMap<String, Line> = BTreeMap::new();
        for date in dates.into_iter().filter(|date| !rolled_up.contains(date)) {
            for (id, line) in &self.day(date).await?.is {
                if newest.get(id).is_none_or(|other| other < line) {
                    newest.insert(id.clone(), line.clone());
                }
            }
        }
        for line in newest.into_values().filter(|line| (from..=to).contains(&line.at.date())) {
            *counts.entry(line.at.date()).or_default().entry(line.bin).or_default() += 1;
        }
        counts.retain(|_, day| {
            day.retain(|_, count| *count > 0);
            !day.is_empty()
        });
        Ok(counts)
    }
}

fn unsigned(bins: &[(Bin, i64)]) -> impl Iterator<Item = (Bin, u64)> {
    bins.iter().map(|(bin, count)| (bin.clone(), (*count).max(0).unsigned_abs()))
}

/// The first day that is still kept line by line.
pub fn oldest_detailed(now: Time) -> NaiveDate {
    now.date() - Days::new(DETAILED_DAYS)
}

/// A day without lines has no document.
async fn write_day(store: &impl Store, date: NaiveDate, day: &Day) -> Result<(), StoreError> {
    let key = names::day(date);
    if day.is_empty() { store.delete(&key).await } else { store.set(&key, &codec::encode(day)).await }
}

async fn load<T: Default + serde::de::DeserializeOwned>(
    store: &impl Store,
    key: &str,
) -> Result<Loaded<T>, StoreError> {
    Ok(match store.get(key).await? {
        Some(bytes) => Loaded { is: codec::decode(key, &bytes)?, stored: true, changed: false },
        None => Loaded { is: T::default(), stored: false, changed: false },
    })
}

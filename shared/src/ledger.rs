//! The ledger: what scores are made of, by day.
//!
//! A day holds one line for each thing that is counted, under an id, so that writing it twice changes nothing and what
//! changed replaces itself. Days older than five weeks are rolled up into their month, as counts of equal lines; what
//! comes late is then added to, or taken out of, its own day's counts. Days are UTC: what day it was must not depend on a
//! setting.
//!
//! Readers decode a day's or a month's counts alone, whose size does not follow how much happened.

pub mod bin;
mod counts;
mod document;
mod lines;
mod reason;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};

use crate::customer::Customer;
use crate::gather::gather;
use crate::store::{Store, StoreError, names};
use crate::time::Time;

use bin::{Bin, Tally};
pub use counts::Counts;
use counts::Sum;
pub use document::{Day, Month};
use document::{DayHead, MonthHead};
pub use lines::{lines, monday_of};
pub use reason::Reason;

/// What lines are made of has changed so often. A store whose ledger is of another shape is counted again.
pub const SHAPE: u8 = 3;

/// Days that are kept line by line; older ones are rolled up.
pub const DETAILED_DAYS: u64 = 35;

/// A day with more lines than this has them in a document of their own, so that whoever only counts need not read them.
pub const INLINE_LINES: usize = 1_024;

/// A sweep whose clock is behind must not take a day for detailed that another one has rolled up.
const CLOCK_SKEW: Days = Days::new(2);

/// Months remember that many segments which they already count; a crash leaves one or two to be asked about.
const REMEMBERED: usize = 64;

/// What a line is about: a hash, so that lines are short and tell nobody's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId(u64);

impl LineId {
    /// FNV-1a. The lines of five weeks would have to be ten million for two to be one by chance of one in 400,000.
    fn new(kind: &str, name: &str) -> Self {
        let bytes = kind.bytes().chain([b'\n']).chain(name.bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

/// One thing that is counted, without anything that tells of whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub at: Time,
    /// What is added up, where something is.
    pub weight: i64,
    pub bin: Bin,
}

/// How closely lines are looked at when a record is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Only what the record says otherwise than before.
    Changes,
    /// All that the record says, should a day have lost some of it.
    Everything,
}

/// Whether products, channels and the like are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Totals,
    ByDimension,
}

struct LoadedMonth {
    is: Month,
    changed: bool,
}

struct LoadedDay {
    is: Day,
    /// Whether the store has it.
    stored: bool,
    /// Its document and that of its lines are not of one moment, and have to be written again.
    torn: bool,
    /// What the store has of the lines that were touched since.
    before: BTreeMap<LineId, Option<Line>>,
}

impl LoadedDay {
    fn put(&mut self, id: LineId, line: Option<Line>) {
        let old = match line {
            Some(line) => self.is.lines.insert(id, line),
            None => self.is.lines.remove(&id),
        };
        self.before.entry(id).or_insert(old);
    }
}

/// A working copy of the days and months that a sweep or a reader touches.
pub struct Ledger<'s, S> {
    store: &'s S,
    /// Days with more lines than this have them in a document of their own.
    pub(crate) inline_lines: usize,
    days: BTreeMap<NaiveDate, LoadedDay>,
    /// By first day.
    months: BTreeMap<NaiveDate, LoadedMonth>,
    /// Changes to rolled-up days since the last `save`.
    late: Vec<(NaiveDate, Bin, Tally)>,
    /// How many of those are known not to be counted yet.
    settled: usize,
}

impl<'s, S: Store> Ledger<'s, S> {
    pub fn new(store: &'s S) -> Self {
        Self {
            store,
            inline_lines: INLINE_LINES,
            days: BTreeMap::new(),
            months: BTreeMap::new(),
            late: Vec::new(),
            settled: 0,
        }
    }

    async fn month(&mut self, date: NaiveDate) -> Result<&mut LoadedMonth, StoreError> {
        use std::collections::btree_map::Entry;
        let first = first_of(date);
        match self.months.entry(first) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => {
                let key = names::month(date);
                Ok(slot.insert(match self.store.get(&key).await? {
                    Some(bytes) => LoadedMonth { is: Month::decode(&key, &bytes)?, changed: false },
                    None => LoadedMonth { is: Month::default(), changed: false },
                }))
            }
        }
    }

    async fn day(&mut self, date: NaiveDate) -> Result<&mut LoadedDay, StoreError> {
        use std::collections::btree_map::Entry;
        match self.days.entry(date) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => {
                let known = load_day(self.store, date).await?;
                let (stored, torn) = (known.is_some(), known.as_ref().is_some_and(|(_, torn)| *torn));
                let is = known.map(|(day, _)| day).unwrap_or_default();
                Ok(slot.insert(LoadedDay { is, stored, torn, before: BTreeMap::new() }))
            }
        }
    }

    /// Once a month has a day's counts, the day's own document no longer matters, should a crash have left it.
    async fn is_rolled_up(
        &mut self,
        date: NaiveDate,
        oldest_detailed: NaiveDate,
    ) -> Result<bool, StoreError> {
        Ok(date < oldest_detailed + CLOCK_SKEW && self.month(date).await?.is.counts.has(date))
    }

    /// Takes out what the records said before and puts in what their join says now. Days before `oldest_detailed` may
    /// be rolled up.
    pub async fn replace(
        &mut self,
        before: impl Iterator<Item = &Customer>,
        after: &Customer,
        oldest_detailed: NaiveDate,
        care: Care,
    ) -> Result<(), StoreError> {
        let after = lines(after);
        let before: BTreeSet<(LineId, Line)> = gather(before.flat_map(lines));
        let gone = before.iter().filter(|(id, line)| after.get(id) != Some(line));
        let gone: Vec<&(LineId, Line)> = gone.collect();
        let removed: BTreeSet<LineId> = gather(gone.iter().map(|(id, _)| *id));
        let mut new: Vec<(LineId, Line, bool)> = Vec::new();
        for (id, line) in after {
            let line = (id, line);
            let known = before.contains(&line);
            // What is rolled up is counts, of which nothing can be missing.
            let heals = care == Care::Everything && line.1.at.date() >= oldest_detailed;
            // Two records of one person, left by a crash, may disagree on a line; it goes with the one that is wrong.
            if !known || heals || removed.contains(&id) {
                new.push((line.0, line.1, known));
            }
        }
        // Everything that may fail comes first: the change is made whole or not at all.
        let mut rolled_up = BTreeSet::new();
        let dates = gone.iter().map(|(_, line)| line).chain(new.iter().map(|(_, line, _)| line));
        let dates: BTreeSet<NaiveDate> = gather(dates.map(|line| line.at.date()));
        for date in dates {
            if self.is_rolled_up(date, oldest_detailed).await? {
                rolled_up.insert(date);
            } else {
                self.day(date).await?;
            }
        }
        for (id, line) in gone {
            let date = line.at.date();
            if rolled_up.contains(&date) {
                self.late.push((date, line.bin.clone(), Tally::less(line.weight)));
            } else {
                self.day(date).await?.put(*id, None);
            }
        }
        for (id, line, known) in new {
            let date = line.at.date();
            if rolled_up.contains(&date) {
                if !known {
                    self.late.push((date, line.bin, Tally::one(line.weight)));
                }
            } else {
                self.day(date).await?.put(id, Some(line));
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
            self.store.set(&names::month(*first), &month.is.encode()).await?;
            month.changed = false;
        }
        let mut emptied = Vec::new();
        for (date, day) in &mut self.days {
            let before = std::mem::take(&mut day.before);
            let lines = &day.is.lines;
            // What came and went meanwhile was never stored.
            if !day.torn && before.iter().all(|(id, line)| lines.get(id) == line.as_ref()) {
                continue;
            }
            day.torn = false;
            day.is.moving = false;
            let gone = before.into_iter().filter_map(|(id, line)| Some((id, line?)));
            let gone: Vec<(LineId, Line)> = gone.filter(|(id, _)| !lines.contains_key(id)).collect();
            if gone.is_empty() {
                write_day(self.store, *date, &day.is, self.inline_lines).await?;
            } else {
                let mut both = Day { moving: true, ..day.is.clone() };
                both.lines.extend(gone);
                write_day(self.store, *date, &both, self.inline_lines).await?;
                emptied.push(*date);
            }
        }
        for date in emptied {
            if let Some(day) = self.days.get(&date) {
                write_day(self.store, date, &day.is, self.inline_lines).await?;
            }
        }
        Ok(())
    }

    /// Rolls a day up into its month, then deletes the day and the lines that it may have apart.
    pub async fn roll_up(&mut self, date: NaiveDate) -> Result<(), StoreError> {
        if !self.month(date).await?.is.counts.has(date) {
            let day = self.day(date).await?.is.clone();
            let month = self.month(date).await?;
            month.is.roll_up(date, &day);
            let bytes = month.is.encode();
            self.store.set(&names::month(date), &bytes).await?;
        }
        self.days.remove(&date);
        self.store.delete(&names::day(date)).await?;
        self.store.delete(&names::lines(date)).await
    }

    /// The counts of the days from `from` to `to`, both included. `stored_days` and `stored_months` are those that the
    /// key list shows.
    pub async fn counts(
        &mut self,
        stored_days: &BTreeSet<NaiveDate>,
        stored_months: &BTreeSet<NaiveDate>,
        window: (NaiveDate, NaiveDate),
        detail: Detail,
    ) -> Result<Read, StoreError> {
        let (from, to) = window;
        let mut read = Reading::default();
        // A sweep may have begun a month since the key list was read; what is late was reckoned against it.
        let months: BTreeSet<NaiveDate> = gather(stored_months.iter().chain(self.months.keys()).copied());
        for first in months.range(first_of(from)..=to.max(first_of(from))) {
            self.read_month(*first, window, detail, &mut read).await?;
        }
        let mut moving = false;
        let mut again = BTreeSet::new();
        let mut untouched = Vec::new();
        for date in stored_days.iter().filter(|date| !read.rolled_up.contains(*date)) {
            if let Some(day) = self.days.get(date) {
                moving |= day.is.moving;
            } else if (from..=to).contains(date) {
                let key = names::day(*date);
                let Some(bytes) = self.store.get(&key).await? else {
                    // It was rolled up since the key list was read, and its month perhaps looked at before.
                    again.insert(first_of(*date));
                    continue;
                };
                let head = DayHead::decode(&key, &bytes)?;
                moving |= head.moving;
                let table = match detail {
                    Detail::Totals => head.totals,
                    Detail::ByDimension => document::by_dimension(&key, &bytes)?,
                };
                untouched.push((key, table));
            }
        }
        if moving {
            // A line that is moving may stand on two days; the newer one counts. That takes all lines of all days.
            untouched.clear();
            for date in stored_days.iter().filter(|date| !read.rolled_up.contains(*date)) {
                self.day(*date).await?;
            }
        }
        for (key, table) in untouched {
            read.written.add(&key, &table, |date| (from..=to).contains(&date))?;
        }
        let lost = self.days.iter().filter(|(date, day)| stored_days.contains(*date) && !day.stored);
        again.extend(lost.map(|(date, _)| first_of(*date)));
        for first in again {
            self.months.remove(&first);
            self.read_month(first, window, detail, &mut read).await?;
        }
        for (date, bin, change) in self.late.iter().filter(|(date, ..)| (from..=to).contains(date)) {
            read.counts.add(*date, &by(bin, detail), *change);
        }
        let mut newest: BTreeMap<LineId, &Line> = BTreeMap::new();
        for (_, day) in self.days.iter().filter(|(date, _)| !read.rolled_up.contains(*date)) {
            for (id, line) in &day.is.lines {
                if newest.get(id).is_none_or(|other| *other < line) {
                    newest.insert(*id, line);
                }
            }
        }
        for line in newest.into_values().filter(|line| (from..=to).contains(&line.at.date())) {
            read.counts.add(line.at.date(), &by(&line.bin, detail), Tally::one(line.weight));
        }
        let Reading { written, counts: rest, without_products, .. } = read;
        let mut counts = written.counts();
        counts.extend(&rest, |_| true);
        Ok(Read { counts, without_products })
    }

    /// Adds a month's days that are not known yet.
    async fn read_month(
        &mut self,
        first: NaiveDate,
        (from, to): (NaiveDate, NaiveDate),
        detail: Detail,
        read: &mut Reading,
    ) -> Result<(), StoreError> {
        let key = names::month(first);
        let is_asked_for = |date| (from..=to).contains(&date);
        if let Some(LoadedMonth { is: month, .. }) = self.months.get(&first) {
            read.without_products |= month.without_products;
            let new = read.roll_up(month.counts.dates());
            let totals = month.counts.merged(|bin| by(bin, detail));
            read.counts.extend(&totals, |date| is_asked_for(date) && new.contains(&date));
        } else if let Some(bytes) = self.store.get(&key).await? {
            let head = MonthHead::decode(&key, &bytes)?;
            read.without_products |= head.without_products;
            let table = match detail {
                Detail::Totals => head.totals,
                Detail::ByDimension => document::by_dimension(&key, &bytes)?,
            };
            let new = read.roll_up(table.dates());
            read.written.add(&key, &table, |date| is_asked_for(date) && new.contains(&date))?;
        }
        Ok(())
    }
}

/// What is gathered when the ledger is read.
#[derive(Default)]
struct Reading {
    /// As it is stored.
    written: Sum,
    /// As it is in the working copy.
    counts: Counts,
    without_products: bool,
    /// Days whose counts a month has.
    rolled_up: BTreeSet<NaiveDate>,
}

impl Reading {
    /// Takes note of a month's days, and says which were not known yet.
    fn roll_up(&mut self, dates: impl Iterator<Item = NaiveDate>) -> BTreeSet<NaiveDate> {
        gather(dates.filter(|date| self.rolled_up.insert(*date)))
    }
}

/// What was read of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub counts: Counts,
    /// Somewhere in the window products are not told apart, because there were too many.
    pub without_products: bool,
}

fn by(bin: &Bin, detail: Detail) -> Bin {
    match detail {
        Detail::Totals => bin.total(),
        Detail::ByDimension => bin.clone(),
    }
}

fn first_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The first day that is still kept line by line.
pub fn oldest_detailed(now: Time) -> NaiveDate {
    now.date() - Days::new(DETAILED_DAYS)
}

/// A day with its lines, and whether its document is of another moment than these: a crash came between the two, or another
/// holder. What is in the lines is what counts.
pub async fn load_day(store: &impl Store, date: NaiveDate) -> Result<Option<(Day, bool)>, StoreError> {
    let key = names::day(date);
    let Some(bytes) = store.get(&key).await? else { return Ok(None) };
    let Some(hash) = document::hash_of_lines(&key, &bytes)? else {
        return Ok(Some((Day::decode(&key, &bytes)?, false)));
    };
    let lines = names::lines(date);
    // Rolled up meanwhile; or deleted by a rebuild, and another holder wrote only one of the two after that.
    let Some(bytes) = store.get(&lines).await? else { return Ok(None) };
    Ok(Some((Day::decode(&lines, &bytes)?, document::hash(&bytes) != hash)))
}

/// Drops the lines of a day that has no document: it became empty, or a crash came between the two.
pub async fn drop_stray_lines(store: &impl Store, date: NaiveDate) -> Result<(), StoreError> {
    // It may have been written since the keys were listed.
    if store.get(&names::day(date)).await?.is_some() {
        return Ok(());
    }
    store.delete(&names::lines(date)).await
}

/// A day without lines has no document. Where lines have one of their own it is stored first, and does not count before the
/// day's own says so; what a day no longer needs stays until it is rolled up.
async fn write_day(
    store: &impl Store,
    date: NaiveDate,
    day: &Day,
    inline_lines: usize,
) -> Result<(), StoreError> {
    let key = names::day(date);
    if day.lines.is_empty() {
        return store.delete(&key).await;
    }
    let (document, lines) = day.encode(inline_lines);
    if let Some(lines) = lines {
        store.set(&names::lines(date), &lines).await?;
    }
    store.set(&key, &document).await
}

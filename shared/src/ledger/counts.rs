//! How often what happened on which day: added up, and as it is written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::bin::{Bin, Tally};
use crate::gather::gather;
use crate::store::{StoreError, codec};

/// How often each bin was seen on each day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// By bin first: there are few, and a score looks at some of them only.
    bins: BTreeMap<Bin, Column>,
    /// Days that are known, whether anything happened on them or not.
    dates: BTreeSet<NaiveDate>,
}

/// The counts of one bin, oldest first. None of them comes to nothing: the same counts are the same bytes.
type Column = Vec<(NaiveDate, Tally)>;

fn add_to(column: &mut Column, date: NaiveDate, tally: Tally) {
    // Days mostly come in order.
    let place = match column.last() {
        Some((last, _)) if *last < date => Err(column.len()),
        _ => column.binary_search_by_key(&date, |(known, _)| *known),
    };
    match place {
        Ok(place) => {
            column[place].1.add(tally);
            if column[place].1.is_zero() {
                column.remove(place);
            }
        }
        Err(place) if !tally.is_zero() => column.insert(place, (date, tally)),
        Err(_) => {}
    }
}

impl Counts {
    pub fn add(&mut self, date: NaiveDate, bin: &Bin, tally: Tally) {
        self.begin(date);
        self.add_days(bin, [(date, tally)]);
    }

    fn add_days(&mut self, bin: &Bin, days: impl IntoIterator<Item = (NaiveDate, Tally)>) {
        let column = match self.bins.get_mut(bin) {
            Some(column) => column,
            None => self.bins.entry(bin.clone()).or_default(),
        };
        for (date, tally) in days {
            add_to(column, date, tally);
        }
        if column.is_empty() {
            self.bins.remove(bin);
        }
    }

    /// Takes note of a day, whether anything happened on it or not.
    pub(super) fn begin(&mut self, date: NaiveDate) {
        self.dates.insert(date);
    }

    /// Adds the days of others that are wanted.
    pub(super) fn extend(&mut self, other: &Self, wanted: impl Fn(NaiveDate) -> bool) {
        self.dates.extend(other.dates().filter(|date| wanted(*date)));
        for (bin, column) in &other.bins {
            self.add_days(bin, column.iter().copied().filter(|(date, _)| wanted(*date)));
        }
    }

    pub(super) fn has(&self, date: NaiveDate) -> bool {
        self.dates.contains(&date)
    }

    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().copied()
    }

    /// All bins, in order.
    pub(super) fn bins(&self) -> impl ExactSizeIterator<Item = &Bin> {
        self.bins.keys()
    }

    /// Every bin with its counts of some days, both ends included, oldest first.
    pub fn within(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> impl Iterator<Item = (&Bin, &[(NaiveDate, Tally)])> {
        self.bins.iter().map(move |(bin, column)| {
            let days = &column[column.partition_point(|(date, _)| *date < from)..];
            (bin, &days[..days.partition_point(|(date, _)| *date <= to)])
        })
    }

    /// Every count with its day.
    pub fn iter(&self) -> impl Iterator<Item = (NaiveDate, &Bin, Tally)> {
        self.bins
            .iter()
            .flat_map(|(bin, column)| column.iter().map(move |(date, tally)| (*date, bin, *tally)))
    }

    /// Only the counts of these bins.
    #[must_use]
    pub fn filtered(&self, wanted: impl Fn(&Bin) -> bool) -> Self {
        let bins = self.bins.iter().filter(|(bin, _)| wanted(bin));
        Self {
            bins: gather(bins.map(|(bin, column)| (bin.clone(), column.clone()))),
            dates: self.dates.clone(),
        }
    }

    /// The same counts, by something that tells bins less apart.
    #[must_use]
    pub fn merged(&self, into: impl Fn(&Bin) -> Bin) -> Self {
        let mut merged = Self { bins: BTreeMap::new(), dates: self.dates.clone() };
        for (bin, column) in &self.bins {
            merged.add_days(&into(bin), column.iter().copied());
        }
        merged
    }
}

/// Counts as they are written. Their bins stand beside them: they are much the same every day.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table {
    dates: Vec<NaiveDate>,
    /// One a bin.
    columns: Vec<StoredColumn>,
}

/// The place of the first day among the dates, how many lines there are from that day on, and the sums of their weights
/// unless all are 0. Days between on which there were none are written as well: zeros compress.
type StoredColumn = (usize, Vec<i64>, Vec<i64>);

impl Table {
    pub(super) fn of(counts: &Counts) -> Self {
        let dates: Vec<NaiveDate> = counts.dates().collect();
        let columns = counts.bins.values().map(|column| {
            let mut column = column.iter().peekable();
            let first = column.peek().map_or(0, |(first, _)| dates.partition_point(|date| date < first));
            let (mut n, mut sums) = (Vec::new(), Vec::new());
            for date in &dates[first..] {
                if column.peek().is_none() {
                    break;
                }
                let tally = column.next_if(|(known, _)| known == date).map(|(_, tally)| *tally);
                let Tally { n: lines, sum } = tally.unwrap_or_default();
                n.push(lines);
                sums.push(sum);
            }
            if sums.iter().all(|sum| *sum == 0) {
                sums.clear();
            }
            (first, n, sums)
        });
        Self { columns: columns.collect(), dates }
    }
}

/// Counts as they were read, with their bins still to be decoded.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) bins: Vec<u8>,
    pub(super) table: Table,
}

impl Written {
    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.table.dates.iter().copied()
    }

    /// Decodes what stands under `key`.
    pub(super) fn counts(&self, key: &str) -> Result<Counts, StoreError> {
        let mut sum = Sum::default();
        sum.add(key, self, |_| true)?;
        Ok(sum.counts())
    }
}

/// Many of them added up. Days are much alike, so bins that are the same are decoded once.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// Which column is of which bin, by how the bins are written.
    known: BTreeMap<Vec<u8>, Vec<usize>>,
    places: BTreeMap<Bin, usize>,
    columns: Vec<Column>,
    dates: BTreeSet<NaiveDate>,
}

impl Sum {
    /// Adds the days that are wanted of what stands under `key`.
    pub(super) fn add(
        &mut self,
        key: &str,
        Written { bins, table }: &Written,
        wanted: impl Fn(NaiveDate) -> bool,
    ) -> Result<(), StoreError> {
        if !self.known.contains_key(bins) {
            let new: Vec<Bin> = codec::unpack(key, bins)?;
            let places = new.into_iter().map(|bin| {
                *self.places.entry(bin).or_insert_with(|| {
                    self.columns.push(Column::new());
                    self.columns.len() - 1
                })
            });
            let places = places.collect();
            self.known.insert(bins.clone(), places);
        }
        let places = self.known.get(bins).map(Vec::as_slice).unwrap_or_default();
        if places.len() != table.columns.len() {
            return Err(codec::unreadable(key, "it has counts of no bin, or bins without counts"));
        }
        let dates: Vec<(NaiveDate, bool)> = table.dates.iter().map(|date| (*date, wanted(*date))).collect();
        self.dates.extend(dates.iter().filter(|(_, wanted)| *wanted).map(|(date, _)| *date));
        for (place, (first, n, sums)) in places.iter().zip(&table.columns) {
            let sums = sums.iter().chain(std::iter::repeat(&0));
            for (((date, wanted), n), sum) in dates.iter().skip(*first).zip(n).zip(sums) {
                if *wanted {
                    add_to(&mut self.columns[*place], *date, Tally { n: *n, sum: *sum });
                }
            }
        }
        Ok(())
    }

    pub(super) fn counts(mut self) -> Counts {
        let columns =
            self.places.into_iter().map(|(bin, place)| (bin, std::mem::take(&mut self.columns[place])));
        Counts { bins: gather(columns.filter(|(_, column)| !column.is_empty())), dates: self.dates }
    }
}

//! Days and months as they are stored: counts in front, which is all that readers decode, and what only writers need
//! behind them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::bin::{Bin, Tally};
use super::{Line, LineId};
use crate::gather::gather;
use crate::store::{StoreError, codec};
use crate::time::Time;

/// Months with more different bins than this forget which products they were of.
const MOST_BINS: usize = 8_192;

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
    fn begin(&mut self, date: NaiveDate) {
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

/// `Counts` as they are written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table<B = Box<RawValue>> {
    dates: Vec<NaiveDate>,
    bins: Vec<StoredColumn<B>>,
}

/// A bin, the place of the first of its days among the dates, how many lines there are from that day on, and the sums of
/// their weights unless all are 0. Days between on which there were none are written as well, so that reading takes as
/// long whether few or many kinds of things happened on a day; zeros compress.
type StoredColumn<B> = (B, usize, Vec<i64>, Vec<i64>);

impl Table {
    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().copied()
    }
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dates: Vec<NaiveDate> = self.dates().collect();
        let bins = self.bins.iter().map(|(bin, column)| {
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
            (bin, first, n, sums)
        });
        Table { bins: bins.collect(), dates: dates.clone() }.serialize(serializer)
    }
}

/// Many tables added up. They are of much the same bins, so each is decoded once.
#[derive(Debug, Default)]
pub(super) struct Sum {
    places: BTreeMap<Box<str>, usize>,
    columns: Vec<(Bin, Column)>,
    dates: BTreeSet<NaiveDate>,
}

impl Sum {
    /// Adds the days that are wanted of what stands under `key`.
    pub(super) fn add(
        &mut self,
        key: &str,
        Table { dates, bins }: &Table,
        wanted: impl Fn(NaiveDate) -> bool,
    ) -> Result<(), StoreError> {
        let dates: Vec<(NaiveDate, bool)> = dates.iter().map(|date| (*date, wanted(*date))).collect();
        self.dates.extend(dates.iter().filter(|(_, wanted)| *wanted).map(|(date, _)| *date));
        for (text, first, n, sums) in bins {
            let place = if let Some(place) = self.places.get(text.get()) {
                *place
            } else {
                let bin = serde_json::from_str(text.get());
                self.columns.push((bin.map_err(|error| codec::unreadable(key, &error))?, Column::new()));
                self.places.insert(text.get().into(), self.columns.len() - 1);
                self.columns.len() - 1
            };
            let column = &mut self.columns[place].1;
            let sums = sums.iter().chain(std::iter::repeat(&0));
            for (((date, wanted), n), sum) in dates.iter().skip(*first).zip(n).zip(sums) {
                if *wanted {
                    add_to(column, *date, Tally { n: *n, sum: *sum });
                }
            }
        }
        Ok(())
    }

    pub(super) fn counts(self) -> Counts {
        let mut counts = Counts { bins: BTreeMap::new(), dates: self.dates };
        for (bin, column) in self.columns {
            counts.add_days(&bin, column);
        }
        counts
    }
}

/// A day's lines, by what they are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    pub lines: BTreeMap<LineId, Line>,
    /// Some of these stand on another day as well, which is written in the same go: look who is newer.
    pub moving: bool,
}

/// What readers decode of a day.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DayHead<T = Table> {
    pub(super) totals: T,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) moving: bool,
    /// Of the document that has the lines, if it is not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<String>,
}

/// Rolled-up days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Month {
    pub(super) counts: Counts,
    /// Segments whose facts are counted, newest last. Counting is not a join; this makes it happen once.
    pub(super) counted: Vec<String>,
    /// There were too many different bins: products are not told apart.
    pub(super) without_products: bool,
}

/// What readers decode of a month.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MonthHead<T = Table> {
    pub(super) totals: T,
    pub(super) counted: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) without_products: bool,
}

/// The place of the head, of the counts by every dimension, and of a day's lines.
const HEAD: usize = 0;
const BY_DIMENSION: usize = 1;
const LINES: usize = 2;

/// A line as it is written: its id, time, the place of its bin, and its weight.
type StoredLine = (u64, i64, u32, i64);

impl Day {
    /// The counts of these lines, by every dimension.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for line in self.lines.values() {
            counts.add(line.at.date(), &line.bin, Tally::one(line.weight));
        }
        counts
    }

    /// The document and, of a day with more than `inline` lines, the one that has these: the same, but whole.
    pub fn encode(&self, inline: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let counts = self.counts();
        let places: BTreeMap<&Bin, u32> = gather(counts.bins.keys().zip(0..));
        let lines = self
            .lines
            .iter()
            .filter_map(|(id, line)| Some((id.0, line.at.millis(), *places.get(&line.bin)?, line.weight)));
        let lines: Vec<StoredLine> = lines.collect();
        let mut head = DayHead { totals: counts.merged(Bin::total), moving: self.moving, lines: None };
        let counts = codec::part(&counts);
        let whole = codec::join_parts(&[codec::part(&head), counts.clone(), codec::part(&lines)]);
        if lines.len() <= inline {
            return (whole, None);
        }
        head.lines = Some(hash(&whole));
        (codec::join_parts(&[codec::part(&head), counts]), Some(whole))
    }

    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let DayHead::<IgnoredAny> { moving, .. } = codec::decode_part(key, bytes, HEAD)?;
        let counts = counts(key, &by_dimension(key, bytes)?)?;
        let bins: Vec<&Bin> = counts.bins.keys().collect();
        let lines: Vec<StoredLine> = codec::decode_part(key, bytes, LINES)?;
        let lines = lines.into_iter().filter_map(|(id, at, place, weight)| {
            let bin = Bin::clone(bins.get(place as usize)?);
            Some((LineId(id), Line { at: Time::from_millis(at), weight, bin }))
        });
        Ok(Self { lines: gather(lines), moving })
    }
}

/// What tells a document of lines from another.
pub(super) fn hash(bytes: &[u8]) -> String {
    crate::hex::encode(&Sha256::digest(bytes)[..16])
}

/// The hash of the document that has a day's lines, if the day's own has not.
pub(super) fn hash_of_lines(key: &str, bytes: &[u8]) -> Result<Option<String>, StoreError> {
    let DayHead::<IgnoredAny> { lines, .. } = codec::decode_part(key, bytes, HEAD)?;
    Ok(lines)
}

impl DayHead {
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        codec::decode_part(key, bytes, HEAD)
    }
}

impl Month {
    /// The counts of its days, by every dimension.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn add(&mut self, date: NaiveDate, bin: &Bin, tally: Tally) {
        if self.without_products {
            self.counts.add(date, &bin.without_product(), tally);
        } else {
            self.counts.add(date, bin, tally);
        }
    }

    /// Adds a whole day.
    pub(super) fn roll_up(&mut self, date: NaiveDate, day: &Day) {
        self.counts.begin(date);
        for line in day.lines.values() {
            self.add(date, &line.bin, Tally::one(line.weight));
        }
        if self.counts.bins.len() > MOST_BINS {
            self.counts = self.counts.merged(Bin::without_product);
            self.without_products = true;
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let head = MonthHead {
            totals: self.counts.merged(Bin::total),
            counted: self.counted.clone(),
            without_products: self.without_products,
        };
        codec::join_parts(&[codec::part(&head), codec::part(&self.counts)])
    }

    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let MonthHead::<IgnoredAny> { counted, without_products, .. } = codec::decode_part(key, bytes, HEAD)?;
        Ok(Self { counts: counts(key, &by_dimension(key, bytes)?)?, counted, without_products })
    }
}

impl MonthHead {
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        codec::decode_part(key, bytes, HEAD)
    }
}

/// A day's or a month's counts by every dimension.
pub(super) fn by_dimension(key: &str, bytes: &[u8]) -> Result<Table, StoreError> {
    codec::decode_part(key, bytes, BY_DIMENSION)
}

/// The counts of a single table.
fn counts(key: &str, table: &Table) -> Result<Counts, StoreError> {
    let mut sum = Sum::default();
    sum.add(key, table, |_| true)?;
    Ok(sum.counts())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fact::{Scale, SurveyKind};
    use crate::ledger::bin::{Dims, What};

    fn bin(score: u8, product: Option<&str>) -> Bin {
        let what = What::Answer { kind: SurveyKind::Nps, score, scale: Scale::NPS };
        Bin { what, by: Dims { product: product.map(str::to_owned), ..Dims::default() } }
    }

    fn day() -> Day {
        let at = Time::parse("2026-11-21T20:00:00.001Z").expect("a time");
        let order = Bin { what: What::Order { currency: "EUR".to_owned() }, by: Dims::default() };
        let lines = [(bin(9, Some("1")), 0), (bin(9, Some("2")), 0), (bin(9, Some("1")), 0), (order, 34_900)];
        let lines = (0..)
            .zip(lines)
            .map(|(id, (bin, weight))| (LineId(id * 9_007_199_254_740_993), Line { at, weight, bin }));
        Day { lines: lines.collect(), moving: true }
    }

    fn month() -> Month {
        let mut month = Month { counted: vec!["seg:0:0123456789abcdef".to_owned()], ..Month::default() };
        month.roll_up("2026-10-01".parse().expect("a day"), &Day::default());
        month.roll_up("2026-11-21".parse().expect("a day"), &day());
        month
    }

    #[test]
    fn heads_are_the_totals() {
        let (day, month) = (day(), month());
        let of_day = DayHead::decode("day", &day.encode(usize::MAX).0).expect("a head");
        let of_month = MonthHead::decode("month", &month.encode()).expect("a head");
        assert!(of_day.moving);
        let of_month = counts("month", &of_month.totals).expect("counts");
        let of_day = counts("day", &of_day.totals).expect("counts");
        assert_eq!(of_day.iter().collect::<Vec<_>>(), of_month.iter().collect::<Vec<_>>());
        let totals: Vec<_> = of_day.iter().map(|(_, bin, tally)| (bin.clone(), tally)).collect();
        assert_eq!(totals[0], (bin(9, None), Tally { n: 3, sum: 0 }));
        assert_eq!(totals[1].1, Tally { n: 1, sum: 34_900 });
        assert!(of_month.has("2026-10-01".parse().expect("a day")), "a day on which nothing happened");
    }

    #[test]
    fn many_lines_stand_apart() {
        let (whole, none) = day().encode(4);
        assert_eq!((none, hash_of_lines("day", &whole)), (None, Ok(None)), "four lines are few enough");
        let (document, lines) = day().encode(3);
        let lines = lines.expect("a document of their own");
        assert_eq!(hash_of_lines("day", &document), Ok(Some(hash(&lines))));
        assert_eq!(Day::decode("lines", &lines), Ok(day()));
        let (head, all) = (DayHead::decode("day", &document), DayHead::decode("day", &whole));
        let totals = |head: Result<DayHead, _>| counts("day", &head.expect("a head").totals).expect("counts");
        assert_eq!(totals(head), totals(all));
    }

    #[test]
    fn too_many_products_are_not_told_apart() {
        let at = Time::parse("2026-11-21T20:00:00Z").expect("a time");
        let lines = (0..=MOST_BINS as u64)
            .map(|n| (LineId(n), Line { at, weight: 1, bin: bin(9, Some(&n.to_string())) }));
        let mut month = Month::default();
        month.roll_up(at.date(), &Day { lines: lines.collect(), moving: false });
        assert!(month.without_products);
        // What comes late is of no product either.
        month.add(at.date(), &bin(9, Some("7")), Tally::less(1));
        let n = i64::try_from(MOST_BINS).expect("few");
        assert_eq!(
            month.counts.iter().map(|(_, bin, tally)| (bin.clone(), tally)).collect::<Vec<_>>(),
            [(bin(9, None), Tally { n, sum: n })]
        );
    }

    /// What was stored once stays readable; what is not any more needs another `SHAPE`. Written by `AFTERCARE_UPDATE=1`.
    #[test]
    fn stored_days_and_months_stay_readable() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/2");
        if std::env::var_os("AFTERCARE_UPDATE").is_some() {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("day"), day().encode(usize::MAX).0).expect("written");
            std::fs::write(folder.join("month"), month().encode()).expect("written");
        }
        let read = |name: &str| std::fs::read(folder.join(name)).expect("a stored value");
        assert_eq!(Day::decode("day", &read("day")), Ok(day()));
        let stored = Month::decode("month", &read("month")).expect("readable");
        assert_eq!(stored.counted, month().counted);
        assert_eq!(stored.counts.iter().collect::<Vec<_>>(), month().counts.iter().collect::<Vec<_>>());
    }
}

//! Days and months as they are stored: counts in front, which is all that readers decode, and what only writers need
//! behind them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
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

/// Counts as they are written. Their bins stand beside them: they are much the same every day.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    dates: Vec<NaiveDate>,
    /// One a bin.
    columns: Vec<StoredColumn>,
}

/// The place of the first day among the dates, how many lines there are from that day on, and the sums of their weights
/// unless all are 0. Days between on which there were none are written as well: zeros compress.
type StoredColumn = (usize, Vec<i64>, Vec<i64>);

impl Table {
    fn of(counts: &Counts) -> Self {
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
    bins: Vec<u8>,
    table: Table,
}

impl Written {
    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.table.dates.iter().copied()
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

/// A day's lines, by what they are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    pub lines: BTreeMap<LineId, Line>,
    /// Some of these stand on another day as well, which is written in the same go: look who is newer.
    pub moving: bool,
}

/// What readers need of a day.
#[derive(Debug)]
pub(super) struct DayHead {
    pub(super) totals: Written,
    pub(super) moving: bool,
}

/// The first part of a day's document.
#[derive(Debug, Serialize, Deserialize)]
struct StoredDay {
    totals: Table,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    moving: bool,
    /// The hash of the document that has the lines, if it is not this one.
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

/// What readers need of a month.
#[derive(Debug)]
pub(super) struct MonthHead {
    pub(super) totals: Written,
    pub(super) without_products: bool,
}

/// The first part of a month's document.
#[derive(Debug, Serialize, Deserialize)]
struct StoredMonth {
    totals: Table,
    counted: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    without_products: bool,
}

/// The places of the head with the totals and of their bins, of the counts by every dimension and of their bins, and of a
/// day's lines.
const HEAD: usize = 0;
const TOTALS: usize = 1;
const BY_DIMENSION: usize = 2;
const DIMENSIONS: usize = 3;
const LINES: usize = 4;

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
        let totals = counts.merged(Bin::total);
        let mut head = StoredDay { totals: Table::of(&totals), moving: self.moving, lines: None };
        let mut parts =
            [codec::part(&head), bins(&totals), codec::part(&Table::of(&counts)), bins(&counts)].to_vec();
        parts.push(codec::part(&lines));
        let whole = codec::join_parts(&parts);
        if lines.len() <= inline {
            return (whole, None);
        }
        head.lines = Some(hash(&whole));
        parts[HEAD] = codec::part(&head);
        parts.truncate(LINES);
        (codec::join_parts(&parts), Some(whole))
    }

    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let StoredDay { moving, .. } = codec::decode_part(key, bytes, HEAD)?;
        let bins: Vec<Bin> = codec::decode_part(key, bytes, DIMENSIONS)?;
        let lines: Vec<StoredLine> = codec::decode_part(key, bytes, LINES)?;
        let lines = lines.into_iter().filter_map(|(id, at, place, weight)| {
            let bin = bins.get(place as usize)?.clone();
            Some((LineId(id), Line { at: Time::from_millis(at), weight, bin }))
        });
        Ok(Self { lines: gather(lines), moving })
    }
}

fn bins(counts: &Counts) -> Vec<u8> {
    codec::part(&counts.bins.keys().collect::<Vec<_>>())
}

/// What tells a document of lines from another.
pub(super) fn hash(bytes: &[u8]) -> String {
    crate::hex::encode(&Sha256::digest(bytes)[..16])
}

/// The hash of the document that has a day's lines, if the day's own has not.
pub(super) fn hash_of_lines(key: &str, bytes: &[u8]) -> Result<Option<String>, StoreError> {
    Ok(codec::decode_part::<StoredDay>(key, bytes, HEAD)?.lines)
}

impl DayHead {
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let StoredDay { totals: table, moving, .. } = codec::decode_part(key, bytes, HEAD)?;
        let bins = codec::part_of(key, bytes, TOTALS)?.to_vec();
        Ok(Self { totals: Written { bins, table }, moving })
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
        let totals = self.counts.merged(Bin::total);
        let head = StoredMonth {
            totals: Table::of(&totals),
            counted: self.counted.clone(),
            without_products: self.without_products,
        };
        let counts = codec::part(&Table::of(&self.counts));
        codec::join_parts(&[codec::part(&head), bins(&totals), counts, bins(&self.counts)])
    }

    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let StoredMonth { counted, without_products, .. } = codec::decode_part(key, bytes, HEAD)?;
        Ok(Self { counts: counts(key, &by_dimension(key, bytes)?)?, counted, without_products })
    }
}

impl MonthHead {
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let StoredMonth { totals: table, without_products, .. } = codec::decode_part(key, bytes, HEAD)?;
        let bins = codec::part_of(key, bytes, TOTALS)?.to_vec();
        Ok(Self { totals: Written { bins, table }, without_products })
    }
}

/// A day's or a month's counts by every dimension.
pub(super) fn by_dimension(key: &str, bytes: &[u8]) -> Result<Written, StoreError> {
    let bins = codec::part_of(key, bytes, DIMENSIONS)?.to_vec();
    Ok(Written { bins, table: codec::decode_part(key, bytes, BY_DIMENSION)? })
}

/// The counts of a single document.
fn counts(key: &str, written: &Written) -> Result<Counts, StoreError> {
    let mut sum = Sum::default();
    sum.add(key, written, |_| true)?;
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

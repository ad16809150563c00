//! Days and months as they are stored: counts in front, which is all that readers decode, and what only writers need
//! behind them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::de::Error;
use serde::{Deserialize, Serialize};

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
    bins: BTreeMap<Bin, BTreeMap<NaiveDate, Tally>>,
    /// Days that are known, whether anything happened on them or not.
    dates: BTreeSet<NaiveDate>,
}

/// Counts of one bin by day.
pub type DayTallies<'a> = std::collections::btree_map::Range<'a, NaiveDate, Tally>;

impl Counts {
    pub fn add(&mut self, date: NaiveDate, bin: &Bin, tally: Tally) {
        self.begin(date);
        self.add_days(bin, [(date, tally)]);
    }

    /// What comes to nothing is not kept: the same counts are the same bytes.
    fn add_days(&mut self, bin: &Bin, days: impl IntoIterator<Item = (NaiveDate, Tally)>) {
        let known = match self.bins.get_mut(bin) {
            Some(known) => known,
            None => self.bins.entry(bin.clone()).or_default(),
        };
        for (date, tally) in days {
            let day = known.entry(date).or_default();
            day.add(tally);
            if day.is_zero() {
                known.remove(&date);
            }
        }
        if known.is_empty() {
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
        for (bin, days) in &other.bins {
            self.add_days(bin, days.iter().map(|(date, tally)| (*date, *tally)).filter(|(date, _)| wanted(*date)));
        }
    }

    pub(super) fn has(&self, date: NaiveDate) -> bool {
        self.dates.contains(&date)
    }

    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().copied()
    }

    /// Every bin with its counts of some days, both ends included, oldest first. `from` must not be after `to`.
    pub fn within(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = (&Bin, DayTallies<'_>)> {
        self.bins.iter().map(move |(bin, days)| (bin, days.range(from..=to)))
    }

    /// Every count with its day.
    pub fn iter(&self) -> impl Iterator<Item = (NaiveDate, &Bin, Tally)> {
        self.bins.iter().flat_map(|(bin, days)| days.iter().map(move |(date, tally)| (*date, bin, *tally)))
    }

    /// Only the counts of these bins.
    #[must_use]
    pub fn filtered(&self, wanted: impl Fn(&Bin) -> bool) -> Self {
        let bins = self.bins.iter().filter(|(bin, _)| wanted(bin));
        Self { bins: gather(bins.map(|(bin, days)| (bin.clone(), days.clone()))), dates: self.dates.clone() }
    }

    /// The same counts, by something that tells bins less apart.
    #[must_use]
    pub fn merged(&self, into: impl Fn(&Bin) -> Bin) -> Self {
        let mut merged = Self { bins: BTreeMap::new(), dates: self.dates.clone() };
        for (bin, days) in &self.bins {
            merged.add_days(&into(bin), days.iter().map(|(date, tally)| (*date, *tally)));
        }
        merged
    }
}

/// `Counts` as they are written: every bin once; then by day the place of each bin, how many lines, and the sum of their
/// weights.
#[derive(Serialize, Deserialize)]
struct Table<B> {
    bins: Vec<B>,
    days: Vec<(NaiveDate, Vec<(u32, i64, i64)>)>,
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut days: BTreeMap<NaiveDate, Vec<(u32, i64, i64)>> = gather(self.dates().map(|date| (date, Vec::new())));
        for (place, tallies) in (0..).zip(self.bins.values()) {
            for (date, Tally { n, sum }) in tallies {
                days.entry(*date).or_default().push((place, *n, *sum));
            }
        }
        Table { bins: self.bins.keys().collect(), days: days.into_iter().collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table { bins, days } = Table::<Bin>::deserialize(deserializer)?;
        let mut by_place: Vec<BTreeMap<NaiveDate, Tally>> = vec![BTreeMap::new(); bins.len()];
        for (date, day) in &days {
            for (place, n, sum) in day {
                let column = by_place.get_mut(*place as usize).ok_or_else(|| Error::custom("a count of no bin"))?;
                column.insert(*date, Tally { n: *n, sum: *sum });
            }
        }
        Ok(Self { bins: gather(bins.into_iter().zip(by_place)), dates: gather(days.into_iter().map(|(date, _)| date)) })
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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct DayHead {
    pub(super) totals: Counts,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) moving: bool,
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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct MonthHead {
    pub(super) totals: Counts,
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

    pub fn encode(&self) -> Vec<u8> {
        let counts = self.counts();
        let places: BTreeMap<&Bin, u32> = gather(counts.bins.keys().zip(0..));
        let lines = self.lines.iter().filter_map(|(id, line)| {
            Some((id.0, line.at.millis(), *places.get(&line.bin)?, line.weight))
        });
        let lines: Vec<StoredLine> = lines.collect();
        let head = DayHead { totals: counts.merged(Bin::total), moving: self.moving };
        codec::join_parts(&[codec::part(&head), codec::part(&counts), codec::part(&lines)])
    }

    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let DayHead { moving, .. } = codec::decode_part(key, bytes, HEAD)?;
        let Table::<Bin> { bins, .. } = codec::decode_part(key, bytes, BY_DIMENSION)?;
        let lines: Vec<StoredLine> = codec::decode_part(key, bytes, LINES)?;
        let lines = lines.into_iter().filter_map(|(id, at, place, weight)| {
            let bin = bins.get(place as usize)?.clone();
            Some((LineId(id), Line { at: Time::from_millis(at), weight, bin }))
        });
        Ok(Self { lines: gather(lines), moving })
    }
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
        let MonthHead { counted, without_products, totals: _ } = codec::decode_part(key, bytes, HEAD)?;
        Ok(Self { counts: by_dimension(key, bytes)?, counted, without_products })
    }
}

impl MonthHead {
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        codec::decode_part(key, bytes, HEAD)
    }
}

/// A day's or a month's counts by every dimension.
pub(super) fn by_dimension(key: &str, bytes: &[u8]) -> Result<Counts, StoreError> {
    codec::decode_part(key, bytes, BY_DIMENSION)
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
        let of_day = DayHead::decode("day", &day.encode()).expect("a head");
        let of_month = MonthHead::decode("month", &month.encode()).expect("a head");
        assert!(of_day.moving);
        assert_eq!(of_day.totals.iter().collect::<Vec<_>>(), of_month.totals.iter().collect::<Vec<_>>());
        let totals: Vec<_> = of_day.totals.iter().map(|(_, bin, tally)| (bin.clone(), tally)).collect();
        assert_eq!(totals[0], (bin(9, None), Tally { n: 3, sum: 0 }));
        assert_eq!(totals[1].1, Tally { n: 1, sum: 34_900 });
        assert!(of_month.totals.has("2026-10-01".parse().expect("a day")), "a day on which nothing happened");
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
            std::fs::write(folder.join("day"), day().encode()).expect("written");
            std::fs::write(folder.join("month"), month().encode()).expect("written");
        }
        let read = |name: &str| std::fs::read(folder.join(name)).expect("a stored value");
        assert_eq!(Day::decode("day", &read("day")), Ok(day()));
        let stored = Month::decode("month", &read("month")).expect("readable");
        assert_eq!(stored.counted, month().counted);
        assert_eq!(stored.counts.iter().collect::<Vec<_>>(), month().counts.iter().collect::<Vec<_>>());
    }
}

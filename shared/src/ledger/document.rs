//! Days and months as they are stored: counts in front, which is all that readers decode, and what only writers need
//! behind them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bin::{Bin, Tally};
use super::counts::{Counts, Table, Written};
use super::{Line, LineId};
use crate::gather::gather;
use crate::store::{StoreError, codec};
use crate::time::Time;

/// Months with more different bins than this forget which products they were of.
const MOST_BINS: usize = 8_192;

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
        let places: BTreeMap<&Bin, u32> = gather(counts.bins().zip(0..));
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
    codec::part(&counts.bins().collect::<Vec<_>>())
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
        if self.counts.bins().len() > MOST_BINS {
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
        Ok(Self { counts: by_dimension(key, bytes)?.counts(key)?, counted, without_products })
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
        let of_month = of_month.totals.counts("month").expect("counts");
        let of_day = of_day.totals.counts("day").expect("counts");
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
        let totals = |head: Result<DayHead, _>| head.expect("a head").totals.counts("day").expect("counts");
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

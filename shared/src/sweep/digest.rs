//! The team's week: its numbers are read just before its message is put into words.

use super::{Decision, Next, Sweep};
use crate::channel::Outbound;
use crate::desk::attention;
use crate::key::Key;
use crate::ledger::Detail;
use crate::message::Step;
use crate::metrics::{Question, of_counts};
use crate::playbook::digest::{ASKED_AGAIN_AFTER, TEMPLATE, Week, context};
use crate::store::lease::Clock;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::Time;
use crate::voucher::pool::Given;

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Gives a digest among the decisions its numbers. What cannot be read now, because a page is damaged, holds up this
    /// message and nobody else's.
    pub(super) async fn tell_weeks(&self, decisions: &mut [(Key, Decision)], now: Time) {
        for (about, decision) in decisions {
            let Next::Begin(draft) = &mut decision.next else { continue };
            let Some(week) = Week::of(about).filter(|_| draft.template == TEMPLATE) else { continue };
            match self.week(week, now).await {
                Ok(Some(numbers)) => draft.context = numbers,
                Ok(None) => {
                    let why = "nothing was counted in this week, and nothing is open".to_owned();
                    decision.next = Next::Record(Step::Skipped { why });
                }
                Err(error) => {
                    let why = ["no numbers yet: ", &error.to_string()].concat();
                    decision.next = Next::Record(Step::Deferred { until: now + ASKED_AGAIN_AFTER, why });
                }
            }
        }
    }

    async fn week(&self, week: Week, now: Time) -> Result<Option<serde_json::Value>, StoreError> {
        let days = week.days();
        let read = View::counts(self.store, now, (days.from, days.to), Detail::Totals).await?;
        let scores = of_counts(&read.counts, self.settings, &Question::about(days), now);
        let attention = attention(self.store, self.settings, days, now).await?;
        let given = Given::load(self.store).await?;
        Ok(context(self.settings, days, &scores, &attention, &given))
    }
}

#[cfg(test)]
mod tests;

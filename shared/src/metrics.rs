//! From the ledger's counts to scores: what `GET /metrics` says.

use serde::Serialize;

use crate::fact::SurveyKind;
use crate::score::Over;
use crate::score::nps::{Group, Nps};
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::Time;
use crate::window::Window;

/// Every score of a window, one member a metric, under its public name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    pub nps: Over<Nps>,
}

/// Exact as of now: facts that no sweep has seen yet are counted.
pub async fn metrics(store: &impl Store, window: Window, now: Time) -> Result<Metrics, StoreError> {
    let Window { from, to } = window;
    let [mut promoters, mut passives, mut detractors] = [0; 3];
    for (bin, count) in View::counts(store, now, from, to).await?.into_values().flatten() {
        // Only 0 to 10 is NPS; webhooks take no other scale for it.
        if bin.kind == SurveyKind::Nps {
            match Group::of(bin.score) {
                Group::Promoter => promoters += count,
                Group::Passive => passives += count,
                Group::Detractor => detractors += count,
            }
        }
    }
    Ok(Metrics { nps: Over { score: Nps::from_counts(promoters, passives, detractors), from, to } })
}

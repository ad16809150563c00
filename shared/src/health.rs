//! Is everything in order? What `/healthz` says, and what to do about it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::gather::gather;
use crate::settings::{History, Settings};
use crate::store::erasure::Erasures;
use crate::store::meta::Meta;
use crate::store::{Store, names};
use crate::voucher::pool::{self, Given};

/// The answer of `GET /healthz`. Counts and keys only: no secret and nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `ok`, or `failing` with `reasons`.
    pub status: &'static str,
    pub reasons: Vec<String>,
    /// What will go wrong if nobody looks at it; nothing has yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Facts that wait for a sweep.
    pub inbox: usize,
    pub segments: usize,
    /// Segments that are still to be folded into the pages: many while a rebuild is under way, else at most a few.
    pub unfolded: usize,
    pub pages: u32,
    pub keys: usize,
}

impl Health {
    pub fn is_ok(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Looks at the keys, at `meta`, at the settings and at the few documents of erasures, and at nothing else: cheap
    /// enough for a probe every few seconds. `base` are the settings before any document.
    pub async fn check(store: &impl Store, base: &Settings) -> Self {
        let mut health = Self {
            status: "ok",
            reasons: Vec::new(),
            warnings: Vec::new(),
            inbox: 0,
            segments: 0,
            unfolded: 0,
            pages: 0,
            keys: 0,
        };
        let mut segments = BTreeSet::new();
        match store.keys().await {
            Ok(keys) => {
                health.keys = keys.len();
                health.inbox = keys.iter().filter(|key| names::is_inbox(key)).count();
                let erased: BTreeSet<String> =
                    keys.iter().filter(|key| names::is_erased(key)).cloned().collect();
                if let Err(error) = Erasures::load(store, &erased, &BTreeSet::new()).await {
                    health.reasons.push(format!(
                        "{error}; nothing is swept while it is not known who was to be forgotten, restore that key"
                    ));
                }
                for key in keys.iter().filter(|key| names::is_dead_letter(key)) {
                    health.reasons.push(format!(
                        "`{key}` holds an event that this version cannot read; if a newer one wrote it, run that, else look at \
                         it and delete the key"
                    ));
                }
                segments = gather(keys.into_iter().filter(|key| names::segment_level(key).is_some()));
                health.segments = segments.len();
            }
            Err(error) => health.reasons.push(format!("{error}; events are refused until it is back")),
        }
        match Meta::load(store).await {
            Ok(meta) => {
                health.pages = meta.page_count();
                health.unfolded = meta.unfolded(&segments).count();
                for (key, why) in &meta.unreadable {
                    health.reasons.push(if names::segment_level(key).is_some() {
                        format!("segment `{key}` is left aside: {why}")
                    } else {
                        format!(
                            "`{key}` cannot be read, and events wait for it: {why}; a rebuild makes it again"
                        )
                    });
                }
                health.reasons.extend(meta.unfetched.reasons());
            }
            Err(error) => health.reasons.push(error.to_string()),
        }
        match History::load(store).await.map(|history| history.settings(base)) {
            Ok(Ok(settings)) => health.check_pool(store, &settings.goodwill.codes).await,
            Ok(Err(wrong)) => {
                let wrong: Vec<String> =
                    wrong.iter().map(|wrong| format!("{}: {}", wrong.path, wrong.reason)).collect();
                health.reasons.push(format!(
                    "this version cannot use the settings, and nothing is swept until others are put: {}",
                    wrong.join("; ")
                ));
            }
            Err(error) => {
                health.reasons.push(format!("{error}; nothing is swept until settings are put again"));
            }
        }
        if !health.is_ok() {
            health.status = "failing";
        }
        health
    }

    /// Tells of a pool of codes before it is empty.
    async fn check_pool(&mut self, store: &impl Store, codes: &[String]) {
        if codes.is_empty() {
            return;
        }
        match Given::load(store).await.map(|given| given.left(codes)) {
            Ok(0) => self.reasons.push(format!(
                "all {} voucher codes are given away, and apologies go without; add some to `goodwill.codes`",
                codes.len()
            )),
            Ok(left) if pool::is_low(left, codes.len()) => self.warnings.push(format!(
                "only {left} of {} voucher codes are left; add some to `goodwill.codes`",
                codes.len()
            )),
            Ok(_) => {}
            Err(error) => self.reasons.push(format!("{error}; no voucher is given until it can")),
        }
    }
}

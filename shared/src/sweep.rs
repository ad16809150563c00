//! The sweep: takes what webhooks left, decides what is to be said, says it, and writes down what became of it.
//!
//! One at a time, by lease. Every step may be the last: whatever a crash leaves behind, the next sweep goes on from.

pub(crate) mod decide;
mod digest;
mod erase;
mod fetch;
mod publish;
mod retire;
mod send;
mod voucher;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;

use crate::channel::event::Kind;
use crate::channel::{Outbound, Providers, reference};
use crate::customer::Customer;
use crate::fact::{Channel, Event, Fact};
use crate::fetch::{self as fetching, Platforms, WITH_A_TOKEN};
use crate::gather::gather;
use crate::key::Key;
use crate::ledger::{self, INLINE_LINES, oldest_detailed};
use crate::message::{Body, MessageId, MessageStep, Step};
use crate::playbook::digest::{self as weekly, Week};
use crate::playbook::{self, Planned};
use crate::render::{is_for_team, render};
use crate::settings::Settings;
use crate::store::erasure::{Erasures, is_erasure, subjects};
use crate::store::lease::{Clock, Lease, LeaseTiming};
use crate::store::listing::Listing;
use crate::store::meta::Meta;
use crate::store::records::Records;
use crate::store::segment::{self, Holds, Segment, Stored};
use crate::store::upkeep::{self, PageLimits};
use crate::store::{Store, StoreError, names, rebuild};
use crate::time::Time;

pub use decide::{Decision, Next, decide};
use erase::Wish;
use publish::Queued;

/// What bounds one sweep, so that it ends within a host's 30 seconds and 128 MiB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Facts taken from the inbox in one round.
    pub facts: usize,
    /// Dead letters looked at again in one round.
    pub dead_letters: usize,
    /// Facts folded again in one round after a crash or for a rebuild, give or take a segment.
    pub recovered_facts: usize,
    /// Pages looked through for due records in one round, and records found due after which no more pages are.
    pub due_pages: usize,
    pub due: usize,
    /// Days of the ledger rolled up into their month in one round.
    pub rolled_up_days: usize,
    pub pages: PageLimits,
    /// A day of the ledger with more lines than this has them in a document of their own.
    pub inline_lines: usize,
    /// Messages handed over in one round; more wait for the next.
    pub sends: usize,
    /// Orders fetched, and vouchers made, in one round; more wait for the next.
    pub fetches: usize,
    /// Calls to one provider, or to platforms, under way at once.
    pub concurrent_sends: usize,
    /// No message is handed over after this, counted from the first of a round: a call may take ten seconds more.
    pub sending: TimeDelta,
    /// No new round starts after this.
    pub time: TimeDelta,
    pub lease: LeaseTiming,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            facts: 1_000,
            dead_letters: 16,
            recovered_facts: 5_000,
            due_pages: 16,
            due: 1_000,
            rolled_up_days: 4,
            pages: PageLimits::default(),
            inline_lines: INLINE_LINES,
            sends: 200,
            fetches: 32,
            concurrent_sends: 16,
            sending: TimeDelta::seconds(8),
            time: TimeDelta::seconds(15),
            lease: LeaseTiming::default(),
        }
    }
}

/// What one sweep did: the answer of `POST /dispatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Facts taken from the inbox.
    pub facts: usize,
    /// Messages decided on: to be sent, or not to be.
    pub planned: usize,
    pub sent: usize,
    /// Put off: by a provider, by a platform, or by a limit of this sweep.
    pub deferred: usize,
    pub failed: usize,
    /// Facts still in the inbox, for the next sweep or for the one that is under way.
    pub left: usize,
    /// Orders fetched from platforms that had only named them.
    #[serde(skip)]
    fetched: usize,
    /// Only folded what a crash or a rebuild had left, or carried out erasures; there may be more to do.
    #[serde(skip)]
    recovered: bool,
    /// Events that the signed webhook did not take, and that are not told again.
    #[serde(skip)]
    pub lost_events: usize,
}

impl Report {
    fn add(&mut self, round: Self) {
        self.facts += round.facts;
        self.planned += round.planned;
        self.sent += round.sent;
        self.deferred += round.deferred;
        self.failed += round.failed;
        self.left = round.left;
        self.fetched += round.fetched;
        self.recovered |= round.recovered;
        self.lost_events += round.lost_events;
    }
}

/// Everything a sweep touches of the outside.
pub struct Sweep<'a, S, C, O> {
    pub store: &'a S,
    pub clock: &'a C,
    pub outbound: &'a O,
    pub settings: &'a Settings,
    pub providers: &'a Providers,
    pub platforms: &'a Platforms,
    pub limits: Limits,
    /// Random: names the holder of the lease and spreads retries.
    pub seed: u128,
}

/// Is there anything to do? Asks for `meta` only when the keys do not tell and it is not `known`.
async fn has_work(
    listing: &Listing,
    known: Option<&Meta>,
    store: &impl Store,
    platforms: &Platforms,
    settings: &Settings,
    now: Time,
) -> Result<bool, StoreError> {
    let old_day = listing.days.first().is_some_and(|date| *date < oldest_detailed(now));
    if !listing.inbox.is_empty() || old_day {
        return Ok(true);
    }
    let stored;
    let meta = if let Some(known) = known {
        known
    } else {
        stored = Meta::load(store).await?;
        &stored
    };
    Ok(meta.next_due().is_some_and(|due| due <= now)
        || meta.clearing
        || meta.is_outdated()
        || meta.unfetched.can_go_on(platforms)
        || meta.purge.is_some()
        || weekly::due(settings, meta.digest, now).is_some()
        || meta.words_from(now - words_last(settings), &listing.segments).is_some()
        || retire::is_due(meta, settings, listing, now)
        || !listing.erased.is_subset(&meta.erased)
        || meta.unfolded(&listing.segments).any(|key| !meta.unreadable.contains_key(key)))
}

/// How long the words of a message that has ended are kept.
fn words_last(settings: &Settings) -> TimeDelta {
    TimeDelta::days(settings.body_days.into())
}

/// A message about to be handed over.
struct Job {
    /// The key of what it is about.
    about: Key,
    id: MessageId,
    playbook: String,
    cause: String,
    attempt: u32,
    /// How many attempts were made, this one included.
    tries: u32,
    body: Body,
    first_attempt_at: Time,
    /// An earlier attempt may have been carried out.
    maybe_sent: bool,
}

impl<S: Store, C: Clock, O: Outbound> Sweep<'_, S, C, O> {
    /// Sweeps until nothing is left, the time is up, or another sweep is at it.
    pub async fn run(&self) -> Result<Report, StoreError> {
        let mut held = None;
        let report = self.rounds(&mut held).await;
        // An error left it held.
        let let_go = self.let_go(&mut held).await;
        report.and_then(|report| let_go.map(|()| report))
    }

    /// The lease is kept from round to round, as long as it is plain that there is more to do: to take it costs a wait.
    async fn rounds(&self, held: &mut Option<Lease>) -> Result<Report, StoreError> {
        let started = self.clock.now();
        let mut report = Report::default();
        let mut stuck_on = None;
        let mut known = None;
        let queued = Queued::default();
        loop {
            let mut listing = Listing::read(self.store).await?;
            if held.is_some() {
                // The lease in it is ours.
                listing.lease = false;
            }
            report.left = listing.inbox.len();
            let now = self.clock.now();
            let is_late = now - started > self.limits.time;
            if is_late
                || stuck_on.as_ref() == Some(&listing)
                || !has_work(&listing, known.as_ref(), self.store, self.platforms, self.settings, now).await?
            {
                if held.is_some() {
                    self.let_go(held).await?;
                    if !is_late {
                        // A webhook stores before it pokes; so what a poke found no free lease for is in the next list.
                        continue;
                    }
                }
                report.lost_events += self.publish(&listing, &queued, started).await?;
                return Ok(report);
            }
            let Some(mut lease) = self.lease(held, &listing).await? else { return Ok(report) };
            let round = match self.round(&mut lease, listing.clone(), &mut known, &queued).await {
                // Somebody took us for dead. What we stored is theirs to go on from.
                Err(StoreError::LeaseLost) => return Ok(report),
                round => round,
            };
            *held = Some(lease);
            let round = round?;
            let is_due = |meta: &Meta| meta.next_due().is_some_and(|due| due <= self.clock.now());
            if round.left == 0 && !round.recovered && !known.as_ref().is_some_and(is_due) {
                self.let_go(held).await?;
            }
            if round.recovered {
                known = None;
            }
            report.add(round);
            let nothing_done = Report { left: round.left, ..Report::default() };
            if round == nothing_done {
                // Once more, for what came meanwhile; the lease that others saw was ours.
                stuck_on = Some(Listing { lease: false, ..listing });
            }
        }
    }

    /// The lease that is held, looked at once more, or a new one. `None` when somebody else has it.
    async fn lease(&self, held: &mut Option<Lease>, listing: &Listing) -> Result<Option<Lease>, StoreError> {
        if let Some(mut lease) = held.take() {
            return match lease.check(self.store, self.clock).await {
                Err(StoreError::LeaseLost) => Ok(None),
                checked => checked.map(|()| Some(lease)),
            };
        }
        let token = format!("{:032x}", self.seed);
        Lease::acquire(self.store, self.clock, self.limits.lease, token, listing.lease).await
    }

    async fn let_go(&self, held: &mut Option<Lease>) -> Result<(), StoreError> {
        match held.take() {
            Some(lease) => lease.release(self.store, self.clock).await,
            None => Ok(()),
        }
    }

    /// Leaves in `known` the `meta` that it stored last.
    async fn round(
        &self,
        lease: &mut Lease,
        mut listing: Listing,
        known: &mut Option<Meta>,
        queued: &Queued,
    ) -> Result<Report, StoreError> {
        if listing.lease {
            // Whoever had it may have been at work since the list was read.
            listing = Listing::read(self.store).await?;
        }
        let meta = known.insert(Meta::load(self.store).await?);
        let known = Erasures::load(self.store, &listing.erased, &meta.erased).await?;
        let Some(mut erasures) = known.map(Arc::new) else {
            // Two erasures became one since the keys were listed: whoever did that is at work, or was just now.
            return Ok(Report { left: listing.inbox.len(), recovered: true, ..Report::default() });
        };
        if meta.purge.is_none() && !erasures.names().all(|name| meta.erased.contains(name)) && !meta.clearing
        {
            // Somebody is forgotten whom the caches may still know, and nobody remembers under which names.
            *meta = rebuild::forget(meta);
            meta.save(self.store).await?;
        }
        if meta.is_outdated() {
            // What is counted has changed since.
            *meta = rebuild::forget(meta);
            meta.save(self.store).await?;
        }
        if meta.clearing {
            self.clean_aside(&listing, &erasures).await?;
            rebuild::clear(self.store, meta, &listing, &erasures).await?;
        }
        meta.keep_segments(&listing.segments);
        meta.erased.retain(|key| listing.erased.contains(key) || erasures.names().any(|name| name == key));
        let busy = Report { left: listing.inbox.len(), recovered: true, ..Report::default() };
        let unfolded: Vec<String> = meta.unfolded(&listing.segments).cloned().collect();
        if self.recover(meta, &erasures, &unfolded).await? {
            // Plans need pages that know every stored segment: a `sent` may stand in the one that is still to come.
            return Ok(busy);
        }
        if meta.purge.is_some() {
            self.purge(lease, meta, Arc::make_mut(&mut erasures), &listing).await?;
            return Ok(busy);
        }
        let mut records = self.records(meta, &erasures);
        let mut touched = BTreeSet::new();
        let Taken { mut facts, keys: taken, wishes, mut damage } =
            self.take_inbox(&listing, &erasures, &mut records, &mut touched).await?;
        if !wishes.is_empty() && self.begin_erasure(meta, &erasures, wishes).await? {
            return Ok(busy);
        }
        let mut report = Report {
            facts: taken.len(),
            left: listing.inbox.len().saturating_sub(taken.len()),
            ..Report::default()
        };

        let now = self.clock.now();
        let waiting = self.waiting(meta, &mut records, &mut touched, &mut damage, now).await?;
        let week = weekly::due(self.settings, meta.digest, now).and_then(Week::key);
        if let Some(key) = week.clone() {
            match records.root_of(&key).await {
                Err(StoreError::Unreadable { key, why }) => _ = damage.insert(key, why),
                root => {
                    root?;
                    touched.insert(key);
                }
            }
        }
        meta.unreadable.extend(damage);

        let mut told: BTreeSet<Fact> =
            gather(facts.iter().filter(|fact| self.is_told(Kind::of(fact))).cloned());
        let jobs = self
            .plan(&mut records, &erasures, waiting, &mut touched, &mut facts, &mut told, &mut report)
            .await?;
        self.queue(&told, queued).await?;
        let mut batch = segment::store(self.store, 0, &facts).await?;
        for key in &taken {
            self.store.delete(key).await?;
        }

        if !jobs.is_empty() {
            lease.check(self.store, self.clock).await?;
            batch.extend(self.send(lease, &jobs, &mut records, &mut report).await?);
        }

        let fetched = self.fetch(&mut records, &touched, &mut report).await?;
        if !fetched.is_empty() {
            batch.extend(segment::store(self.store, 0, &fetched).await?);
            lease.check(self.store, self.clock).await?;
        }

        meta.digest = weekly::settled(self.settings, meta.digest, now);
        if let Some(key) = week.filter(|key| touched.contains(key))
            && records.root_of(&key).await?.is_some()
        {
            meta.digest = Week::of(&key).map(Week::monday);
        }
        let counted: Vec<String> = batch.iter().map(|stored| stored.key.clone()).collect();
        self.save(&mut records, meta, &erasures, &touched, &counted, batch).await?;
        self.upkeep(meta, &erasures, &listing).await?;
        Ok(report)
    }

    /// Customers of whom a page says that it is time to look at them. Those who wait for a platform's token that is there now
    /// are `touched`: their pages are looked through once. Pages that cannot be read become part of the `damage`.
    async fn waiting(
        &self,
        meta: &mut Meta,
        records: &mut Records<'_, S>,
        touched: &mut BTreeSet<Key>,
        damage: &mut BTreeMap<String, String>,
        now: Time,
    ) -> Result<BTreeSet<Key>, StoreError> {
        let mut waiting = BTreeSet::new();
        for number in meta.due_pages(now).take(self.limits.due_pages) {
            if waiting.len() >= self.limits.due {
                break;
            }
            waiting.extend(noted(records.due_on(number, now).await, damage)?);
        }
        let (count, limit) = (meta.page_count(), u32::try_from(self.limits.due_pages).unwrap_or(u32::MAX));
        for number in meta.unfetched.pages(self.platforms, count, limit) {
            touched.extend(noted(records.due_on(number, WITH_A_TOKEN).await, damage)?);
        }
        Ok(waiting)
    }

    fn records(&self, meta: &Meta, erasures: &Arc<Erasures>) -> Records<'_, S> {
        let oldest = oldest_detailed(self.clock.now());
        let records = Records::new(self.store, meta.page_count(), oldest).without(erasures.clone());
        records.with_inline_lines(self.limits.inline_lines)
    }

    /// What the playbooks have in mind for this customer, without what is about somebody forgotten.
    fn planned(&self, customer: &Customer, erasures: &Erasures, now: Time) -> Vec<Planned> {
        let mut planned = match Week::of_record(customer) {
            Some(week) => vec![weekly::plan(week, self.settings, now)],
            None => playbook::plan(customer, self.settings, now),
        };
        planned.retain(|plan| !erasures.bars(&plan.id, &plan.cause));
        planned
    }

    /// Folds stored segments that `meta` does not know: a crash left them, or a rebuild forgot them on purpose.
    /// Returns whether there was anything to fold; a large store takes several rounds.
    ///
    /// One that holds facts of somebody forgotten is replaced by one that does not.
    async fn recover(
        &self,
        meta: &mut Meta,
        erasures: &Arc<Erasures>,
        unfolded: &[String],
    ) -> Result<bool, StoreError> {
        let mut records = self.records(meta, erasures).healing();
        let mut touched = BTreeSet::new();
        let mut folded = Vec::new();
        let mut counted = Vec::new();
        let mut replaced = Vec::new();
        let mut count = 0;
        for key in unfolded {
            match Segment::load(self.store, key).await {
                Ok(facts) => {
                    let facts = facts.unwrap_or_default();
                    let all = facts.len();
                    let kept: BTreeSet<Fact> =
                        gather(facts.into_iter().filter(|fact| erasures.covers(fact).is_none()));
                    if kept.len() < all {
                        let stored = segment::replace(self.store, key, &kept).await?;
                        counted.extend(stored.iter().map(|stored| stored.key.clone()));
                        folded.extend(stored);
                        replaced.push(key);
                    } else {
                        folded.push(Stored { key: key.clone(), holds: Holds::of(&kept) });
                    }
                    counted.push(key.clone());
                    meta.unreadable.remove(key);
                    let kept = kept.into_iter().collect();
                    for fact in join_all(&mut records, kept, &mut touched, &mut meta.unreadable).await? {
                        // As if it had just come: it waits until its page or day is made again.
                        self.store.set(&names::inbox(&fact.id()), &fact.to_bytes()).await?;
                    }
                    count += all;
                }
                Err(StoreError::Unreadable { why, .. }) => {
                    meta.unreadable.insert(key.clone(), why);
                }
                Err(error) => return Err(error),
            }
            // Late lines are counted once a segment, so each of these needs a round of its own.
            if count >= self.limits.recovered_facts || records.ledger.has_late() {
                break;
            }
        }
        let any = !counted.is_empty();
        if any {
            if let Some(purge) = &mut meta.purge {
                purge.add(&folded);
            }
            self.save(&mut records, meta, erasures, &touched, &counted, folded).await?;
            for key in replaced {
                self.store.delete(key).await?;
            }
            upkeep::split_pages(self.store, meta, self.limits.pages).await?;
        }
        Ok(any)
    }

    /// Writes the changed pages and days, then tells that the `folded` segments are in them. `counted` names all whose
    /// facts were joined, those that the folded ones replace included.
    async fn save(
        &self,
        records: &mut Records<'_, S>,
        meta: &mut Meta,
        erasures: &Erasures,
        touched: &BTreeSet<Key>,
        counted: &[String],
        folded: Vec<Stored>,
    ) -> Result<(), StoreError> {
        self.set_due(records, meta, erasures, touched).await?;
        meta.update(records.save(counted).await?);
        meta.fold(folded);
        meta.save(self.store).await
    }

    /// What keeps keys few and pages small. None of it is urgent; a little is done after every round that did something.
    async fn upkeep(
        &self,
        meta: &mut Meta,
        erasures: &Arc<Erasures>,
        listing: &Listing,
    ) -> Result<(), StoreError> {
        upkeep::split_pages(self.store, meta, self.limits.pages).await?;
        let oldest = oldest_detailed(self.clock.now());
        for date in listing.days.range(..oldest).take(self.limits.rolled_up_days) {
            self.records(meta, erasures).ledger.roll_up(*date).await?;
        }
        for date in listing.lines.range(..oldest).filter(|date| !listing.days.contains(*date)) {
            ledger::drop_stray_lines(self.store, *date).await?;
        }
        self.drop_old_words(meta, erasures, listing).await?;
        self.retire(meta, erasures, listing).await?;
        let Some((level, inputs)) = upkeep::merge_candidates(meta) else { return Ok(()) };
        let (mut facts, merged) = self.folded_segments(meta, inputs).await?;
        facts.retain(|fact| erasures.covers(fact).is_none());
        if merged.is_empty() {
            return meta.save(self.store).await;
        }
        // Joining them once more changes nothing, unless a page lost something to a holder that had overstayed its
        // lease; then it is healed here. What is damaged is left alone.
        let mut records = self.records(meta, erasures).healing();
        let mut touched = BTreeSet::new();
        let again = facts.iter().cloned().collect();
        join_all(&mut records, again, &mut touched, &mut meta.unreadable).await?;
        records.ledger.forget_late();
        self.set_due(&mut records, meta, erasures, &touched).await?;
        meta.update(records.save(&[]).await?);
        upkeep::merge_segments(self.store, meta, level, &merged, &facts).await
    }

    /// What a folded segment holds. One that is gone, because a crash kept `meta` from forgetting it, or that cannot be read,
    /// is forgotten; the latter is folded again as soon as it can be read.
    async fn folded_segment(&self, meta: &mut Meta, key: &str) -> Result<Option<BTreeSet<Fact>>, StoreError> {
        match Segment::load(self.store, key).await {
            Ok(Some(facts)) => return Ok(Some(facts)),
            Ok(None) => {}
            Err(StoreError::Unreadable { why, .. }) => _ = meta.unreadable.insert(key.to_owned(), why),
            Err(error) => return Err(error),
        }
        meta.drop_segment(key);
        Ok(None)
    }

    /// What several hold, two at least and no more once that is much; and which these were.
    async fn folded_segments(
        &self,
        meta: &mut Meta,
        keys: Vec<String>,
    ) -> Result<(BTreeSet<Fact>, Vec<String>), StoreError> {
        let (mut facts, mut read) = (BTreeSet::new(), Vec::new());
        for key in keys {
            if read.len() > 1 && segment::weight(&facts) > upkeep::MERGED_AT_ONCE {
                break;
            }
            if let Some(more) = self.folded_segment(meta, &key).await? {
                facts.extend(more);
                read.push(key);
            }
        }
        Ok((facts, read))
    }

    /// Reads facts from the inbox and joins them. What belongs to somebody forgotten is taken without being joined. A dead
    /// letter gets another chance: a newer version may be able to read what an older one could not.
    async fn take_inbox(
        &self,
        listing: &Listing,
        erasures: &Erasures,
        records: &mut Records<'_, S>,
        touched: &mut BTreeSet<Key>,
    ) -> Result<Taken, StoreError> {
        let mut all = Taken::default();
        let mut waiting =
            listing.inbox.iter().chain(listing.dead_letters.iter().take(self.limits.dead_letters));
        loop {
            let mut read: Vec<(String, Fact)> = Vec::new();
            while all.keys.len() + all.wishes.len() + read.len() < self.limits.facts
                && let Some(key) = waiting.next()
            {
                read.extend(self.read(key, erasures, &mut all).await?.map(|fact| (key.clone(), fact)));
            }
            if read.is_empty() {
                return Ok(all);
            }
            records.arrange(&mut read, |(_, fact)| fact).await?;
            for (key, fact) in read {
                match records.join(fact.clone()).await {
                    Ok(root) => {
                        touched.extend(root);
                        all.facts.insert(fact);
                        all.keys.push(key);
                    }
                    // Its page or day is damaged: the fact waits in the inbox until that is made again.
                    Err(StoreError::Unreadable { key, why }) => _ = all.damage.insert(key, why),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// What stands under a key of the inbox, if it is a fact that is to be joined.
    async fn read(
        &self,
        key: &str,
        erasures: &Erasures,
        all: &mut Taken,
    ) -> Result<Option<Fact>, StoreError> {
        // Gone: another holder took it after we listed the keys.
        let Some(bytes) = self.store.get(key).await? else { return Ok(None) };
        let Ok(fact) = Fact::from_bytes(&bytes) else {
            if !names::is_dead_letter(key) {
                if !erase::covers_unread(erasures, &bytes) {
                    self.store.set(&names::dead_letter(key), &bytes).await?;
                }
                self.store.delete(key).await?;
            }
            return Ok(None);
        };
        if let Some(wish) = Wish::of(&fact, erasures) {
            all.wishes.push(wish);
        } else if is_erasure(&fact) || erasures.covers(&fact).is_some() {
            all.keys.push(key.to_owned());
        } else {
            return Ok(Some(fact));
        }
        Ok(None)
    }

    /// Decides for customers who are `waiting`, as many as there are sends for, and then for every one `touched`, to whom
    /// those are added. What is decided is added to `facts` and joined, and what others are to be told of it to `told`; what
    /// is to be handed over is returned.
    #[expect(clippy::too_many_arguments, reason = "all of a round")]
    async fn plan(
        &self,
        records: &mut Records<'_, S>,
        erasures: &Erasures,
        waiting: BTreeSet<Key>,
        touched: &mut BTreeSet<Key>,
        facts: &mut BTreeSet<Fact>,
        told: &mut BTreeSet<Fact>,
        report: &mut Report,
    ) -> Result<Vec<Job>, StoreError> {
        let now = self.clock.now();
        let mut decisions: Vec<(Key, Decision)> = Vec::new();
        let (mut sends, mut vouchers) = (0, 0);
        let mut stale = BTreeSet::new();
        let mut fresh = records.roots_of(touched.iter()).await?;
        // Nothing is known of a week before its digest.
        let new = touched.iter().filter(|key| Week::of(key).is_some() && !fresh.contains(key));
        fresh.extend(new.cloned().collect::<Vec<_>>());
        let known: BTreeSet<&Key> = fresh.iter().collect();
        let mut waiting = records.roots_of(waiting.iter()).await?;
        waiting.retain(|root| !known.contains(root));
        let waiting = waiting.into_iter().map(|root| (root, true));
        for (root, was_waiting) in waiting.chain(fresh.into_iter().map(|root| (root, false))) {
            if was_waiting {
                if sends == self.limits.sends {
                    // Due as before, and so the next round's.
                    continue;
                }
                touched.insert(root.clone());
            }
            let unknown;
            let customer = if let Some(customer) = records.customer(&root).await? {
                customer
            } else {
                unknown = Customer { keys: BTreeSet::from([root.clone()]), ..Customer::default() };
                &unknown
            };
            let planned = self.planned(customer, erasures, now);
            for decision in decide(customer, &planned, now) {
                if erasures.bars(&decision.id, &decision.cause) {
                    // Left by a sweep that had overstayed its lease. No record takes what becomes of it: it would be sent
                    // again and again.
                    stale.insert(root.clone());
                    continue;
                }
                let wants_voucher = matches!(&decision.next, Next::Begin(draft) if draft.voucher.is_some());
                let is_sent = matches!(decision.next, Next::Begin(_) | Next::Attempt { .. });
                if is_sent && sends == self.limits.sends || wants_voucher && vouchers == self.limits.fetches {
                    report.deferred += 1;
                    continue;
                }
                sends += usize::from(is_sent);
                vouchers += usize::from(wants_voucher);
                let about = about(customer, &decision.cause).unwrap_or_else(|| root.clone());
                decisions.push((about, decision));
            }
        }
        for root in stale {
            touched.remove(&root);
            records.set_due(&root, None).await?;
        }
        self.get_vouchers(&mut decisions, now).await;
        self.tell_weeks(&mut decisions, now).await;
        let mut jobs = Vec::new();
        for (about, decision) in decisions {
            report.planned += 1;
            let is_alert = self.is_told(Some(Kind::Alert)) && is_alert(&decision.next);
            let (job, step) = self.prepare(&about, decision, now);
            if let Some(step) = step {
                let is_alert = is_alert && step.body.is_some();
                let fact = own_fact(&about, now, step);
                told.extend(is_alert.then(|| fact.clone()));
                records.join(fact.clone()).await?;
                facts.insert(fact);
            }
            jobs.extend(job);
        }
        Ok(jobs)
    }

    /// Freezes a decision: the attempt to make, and the step to write down before.
    fn prepare(&self, about: &Key, decision: Decision, now: Time) -> (Option<Job>, Option<MessageStep>) {
        let Decision { id, playbook, cause, next } = decision;
        let step = |step, body| MessageStep {
            id: id.clone(),
            playbook: playbook.clone(),
            cause: cause.clone(),
            step,
            body,
            trace: None,
            reach: None,
        };
        let job = |attempt, tries, body, first_attempt_at, maybe_sent| Job {
            about: about.clone(),
            id: id.clone(),
            playbook: playbook.clone(),
            cause: cause.clone(),
            attempt,
            tries,
            body,
            first_attempt_at,
            maybe_sent,
        };
        match next {
            Next::Record(end) => (None, Some(step(end, None))),
            Next::Begin(draft) => {
                let Some(provider) = self.providers.of(draft.channel) else {
                    let why = ["the channel ", draft.channel.as_str(), " has no provider"].concat();
                    return (None, Some(step(Step::Failed { why }, None)));
                };
                match render(&draft, self.settings) {
                    Ok(body) => {
                        let body = Body { provider, reference: reference::encode(about, &cause), ..body };
                        let sending = step(Step::Sending { attempt: 1 }, Some(Box::new(body.clone())));
                        (Some(job(1, 1, body, now, false)), Some(sending))
                    }
                    Err(error) => (None, Some(step(Step::Failed { why: error.to_string() }, None))),
                }
            }
            Next::Attempt { attempt, tries, body, first_attempt_at, recorded, maybe_sent } => {
                let sending = (!recorded).then(|| step(Step::Sending { attempt }, None));
                (Some(job(attempt, tries, *body, first_attempt_at, maybe_sent)), sending)
            }
        }
    }

    /// Tells each customer's page when to look at them again.
    async fn set_due(
        &self,
        records: &mut Records<'_, S>,
        meta: &mut Meta,
        erasures: &Erasures,
        touched: &BTreeSet<Key>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        for root in records.roots_of(touched.iter()).await? {
            let Some(customer) = records.customer(&root).await? else { continue };
            let planned = self.planned(customer, erasures, now);
            let due = [decide::next_due(customer, &planned), fetching::next_due(customer, self.platforms)];
            let due = due.into_iter().flatten().min();
            meta.unfetched.note(customer, self.platforms);
            records.set_due(&root, due).await?;
        }
        Ok(())
    }
}

/// What could be read, and nothing where it is damaged, which is noted.
fn noted<T: Default>(
    read: Result<T, StoreError>,
    damage: &mut BTreeMap<String, String>,
) -> Result<T, StoreError> {
    if let Err(StoreError::Unreadable { key, why }) = read {
        damage.insert(key, why);
        return Ok(T::default());
    }
    read
}

/// Joins facts that are stored in segments. Returns those that cannot be, with what is in their way in `unreadable`.
async fn join_all<S: Store>(
    records: &mut Records<'_, S>,
    mut facts: Vec<Fact>,
    touched: &mut BTreeSet<Key>,
    unreadable: &mut BTreeMap<String, String>,
) -> Result<Vec<Fact>, StoreError> {
    records.arrange(&mut facts, |fact| fact).await?;
    let mut left = Vec::new();
    for fact in facts {
        match records.join(fact.clone()).await {
            Ok(root) => touched.extend(root),
            Err(StoreError::Unreadable { key, why }) => {
                unreadable.insert(key, why);
                left.push(fact);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

/// Is the team about to be told of something? What goes to them by the signed webhook is not told there twice.
fn is_alert(next: &Next) -> bool {
    let Next::Begin(draft) = next else { return false };
    is_for_team(draft.template) && draft.channel != Channel::Webhook
}

/// What a sweep takes from the inbox.
#[derive(Default)]
struct Taken {
    facts: BTreeSet<Fact>,
    /// To be deleted once a segment has the facts.
    keys: Vec<String>,
    /// What is to be forgotten before anything else happens; its facts wait in the inbox.
    wishes: Vec<Wish>,
    /// What could not be read although facts wait for it, with the reason.
    damage: BTreeMap<String, String>,
}

/// The key of what a message is about: a message goes where its cause goes, should its customer turn out to be two
/// because one of them was forgotten. What is about nothing in particular belongs to a name of the person.
fn about(customer: &Customer, cause: &str) -> Option<Key> {
    let find = |subject| customer.keys.iter().find(|key| key.as_str() == subject);
    let person = || customer.keys.iter().find(|key| key.names_person());
    subjects(cause).find_map(find).or_else(person).cloned()
}

/// A step of ours, as a fact under the key of what it is about.
fn own_fact(about: &Key, at: Time, step: MessageStep) -> Fact {
    Fact {
        at,
        source: "aftercare".to_owned(),
        keys: BTreeSet::from([about.clone()]),
        event: Event::Message(step),
    }
}

//! The laws that can be judged when everything is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aftercare::customer::Customer;
use aftercare::fact::{Event, Fact};
use aftercare::join::Join;
use aftercare::key::Key;
use aftercare::ledger::bin::{Bin, Tally};
use aftercare::ledger::{self, Detail, Line, LineId};
use aftercare::message::{MessageId, Step};
use aftercare::playbook;
use aftercare::store::erasure::Erasures;
use aftercare::store::page::Page;
use aftercare::store::segment::{self, MERGE_AT};
use aftercare::store::view::View;
use aftercare::store::{Store, StoreError, codec, names};
use chrono::NaiveDate;

use super::Mode;
use super::law::{Law, Violation};
use super::schedule::{Scene, stored_meta};
use super::truth::{describe, wordless};
use super::world::World;

type Verdict = Result<(), Violation>;

fn broken(law: Law, detail: impl Display) -> Verdict {
    Err(Violation { law, detail: detail.to_string() })
}

pub(super) fn check(world: &World, scene: &Scene) -> Verdict {
    keys(world)?;
    let facts = stored_facts(world);
    let mut gone = world.truth.facts().filter(|fact| !world.truth.holds(&fact.id()));
    if let Some(lost) = gone.find(|fact| !world.truth.may_go(fact)) {
        return broken(Law::NothingIsLost, format!("fact {} is in no segment", lost.id()));
    }
    forgotten(world, &facts)?;
    words_are_gone(world)?;
    let customers = fold(&facts);
    records(world, &customers)?;
    scores(world, &customers)?;
    messages(world, scene, &facts, &customers)
}

/// Whoever asked for it is forgotten: their facts are gone, and no stored value holds a word that only they used.
fn forgotten(world: &World, facts: &BTreeSet<Fact>) -> Verdict {
    let erasures = erasures(world);
    if let Some((request, _)) = world.truth.requests().find(|(fact, _)| !erasures.has_carried_out(&fact.id()))
    {
        return broken(Law::RequestsAreCarriedOut, format!("request {} has no receipt", request.id()));
    }
    let must_go = world.truth.must_go();
    if let Some(fact) = must_go.iter().find(|fact| facts.contains(**fact)) {
        return broken(Law::ForgottenIsGone, format!("fact {} ({}) is stored", fact.id(), describe(fact)));
    }
    let mut words: BTreeSet<String> = must_go.into_iter().flat_map(words).collect();
    for word in facts.iter().flat_map(self::words) {
        words.remove(&word);
    }
    for (key, value) in &world.values {
        // What a day or a month counts is not a person's any more.
        let text: String = match codec::decode::<Box<serde_json::value::RawValue>>(key, value) {
            Ok(json) => json.get().to_owned(),
            Err(_) => String::from_utf8_lossy(value).into_owned(),
        };
        if let Some(word) = words.iter().find(|word| text.contains(word.as_str())) {
            return broken(Law::ForgottenIsGone, format!("`{key}` holds {word}: {text}"));
        }
    }
    Ok(())
}

/// What tells whose fact this is.
fn words(fact: &Fact) -> Vec<String> {
    let mut words: Vec<String> = fact.all_keys().map(|key| format!("\"{key}\"")).collect();
    if let Event::Message(step) = &fact.event {
        words.push(format!("\"{}\"", step.id));
        words.push(format!("\"{}\"", step.cause));
    }
    words
}

fn erasures(world: &World) -> Erasures {
    let listed = world.values.keys().filter(|key| names::is_erased(key)).cloned().collect();
    let snapshot = Snapshot(&world.values);
    poll_once(Erasures::load(&snapshot, &listed, &BTreeSet::new())).ok().flatten().unwrap_or_default()
}

/// Nothing waits, and nothing is there that nobody needs.
fn keys(world: &World) -> Verdict {
    let meta = stored_meta(world);
    for key in world.values.keys() {
        let known = key == names::META
            || key == names::LEASE
            || names::segment_level(key).is_some()
            || names::is_erased(key)
            || names::day_date(key).is_some()
            || names::lines_date(key).is_some()
            || names::month_start(key).is_some()
            // One more than there are: the copy of a split that a crash cut short; the next split writes it again.
            || names::page_number(key).is_some_and(|number| number <= meta.page_count());
        if !known {
            return broken(Law::KeysAreFew, format!("`{key}` is left"));
        }
    }
    let mut levels: BTreeMap<u8, u64> = BTreeMap::new();
    for (key, value) in &world.values {
        let Some(level) = names::segment_level(key) else { continue };
        *levels.entry(level).or_default() += 1;
        if codec::decode::<BTreeSet<Fact>>(key, value).is_ok_and(|facts| facts.is_empty()) {
            return broken(Law::KeysAreFew, format!("`{key}` holds nothing"));
        }
    }
    // A round adds two at most and merges one batch; one that is cut short does not come to merge.
    let cut_short = world.stats.crashes + world.stats.limits + world.stats.store_failures;
    let bound = MERGE_AT as u64 + 2 + 2 * cut_short;
    match levels.iter().find(|(_, count)| **count > bound) {
        Some((level, count)) => broken(Law::KeysAreFew, format!("{count} segments of level {level}")),
        None => Ok(()),
    }
}

fn stored_facts(world: &World) -> BTreeSet<Fact> {
    let segments = world.values.iter().filter(|(key, _)| names::segment_level(key).is_some());
    let facts =
        segments.flat_map(|(key, value)| codec::decode::<BTreeSet<Fact>>(key, value).unwrap_or_default());
    facts.map(wordless).collect()
}

/// Every message has ended, and that is long ago.
fn words_are_gone(world: &World) -> Verdict {
    for (key, value) in world.values.iter().filter(|(key, _)| names::segment_level(key).is_some()) {
        let mut facts: BTreeSet<Fact> = codec::decode(key, value).unwrap_or_default();
        // The team's last week may be of just now.
        facts.retain(|fact| fact.keys.iter().all(|key| key.kind() != "week"));
        if segment::words_since(&facts).is_some() {
            return broken(Law::WordsLeave, format!("`{key}` still has what messages said"));
        }
    }
    Ok(())
}

/// The plainest thing that could work: facts that share a key belong together; what belongs together is joined.
fn fold(facts: &BTreeSet<Fact>) -> BTreeMap<Key, Customer> {
    let mut customers: Vec<Customer> = Vec::new();
    for fact in facts {
        let mut customer = Customer::from(fact.clone());
        let mut others = Vec::new();
        for other in customers {
            if other.keys.is_disjoint(&customer.keys) {
                others.push(other);
            } else {
                customer.join(other);
            }
        }
        others.push(customer);
        customers = others;
    }
    customers.into_iter().filter_map(|customer| Some((customer.root()?.clone(), customer))).collect()
}

fn records(world: &World, customers: &BTreeMap<Key, Customer>) -> Verdict {
    let pages = stored_meta(world).page_count();
    let mut records = BTreeMap::new();
    let mut aliases = BTreeMap::new();
    for (name, value) in &world.values {
        let Some(number) = names::page_number(name).filter(|number| *number < pages) else { continue };
        let mut page: Page = match codec::decode(name, value) {
            Ok(page) => page,
            Err(error) => return broken(Law::RecordsAreTheFold, error),
        };
        // A crash in the middle of a split leaves copies that nobody looks for.
        page.drop_strays(number, pages);
        records.extend(page.records.into_iter().map(|(key, stored)| (key, stored.is.get().to_owned())));
        aliases.extend(page.aliases);
    }
    for (root, customer) in customers {
        let expected = serde_json::to_string(customer).unwrap_or_default();
        match records.remove(root) {
            Some(record) if record == expected => {}
            Some(record) => {
                let detail = format!("`{root}` is\n  {record}\n  and should be\n  {expected}");
                return broken(Law::RecordsAreTheFold, detail);
            }
            None => return broken(Law::RecordsAreTheFold, format!("`{root}` has no record")),
        }
        for key in customer.keys.iter().filter(|key| *key != root) {
            match aliases.remove(key) {
                Some(to) if to == *root => {}
                other => {
                    let detail = format!("`{key}` leads to {other:?} instead of `{root}`");
                    return broken(Law::RecordsAreTheFold, detail);
                }
            }
        }
    }
    match (records.keys().next(), aliases.keys().next()) {
        (None, None) => Ok(()),
        (Some(key), _) => {
            broken(Law::RecordsAreTheFold, format!("`{key}` has a record that it should not have"))
        }
        (_, Some(key)) => {
            broken(Law::RecordsAreTheFold, format!("`{key}` is an alias that it should not be"))
        }
    }
}

/// The counts that a reader gets, and the lines of every day that is not rolled up.
fn scores(world: &World, customers: &BTreeMap<Key, Customer>) -> Verdict {
    let mut lines: BTreeMap<NaiveDate, BTreeMap<LineId, Line>> = BTreeMap::new();
    let mut counts: BTreeMap<(NaiveDate, Bin), Tally> = BTreeMap::new();
    for (id, line) in customers.values().flat_map(ledger::lines) {
        let date = line.at.date();
        counts.entry((date, line.bin.clone())).or_default().add(Tally::one(line.weight));
        lines.entry(date).or_default().insert(id, line);
    }
    let snapshot = Snapshot(&world.values);
    let ever = (NaiveDate::default(), world.now.date() + chrono::Days::new(1_000));
    let mut totals: BTreeMap<(NaiveDate, Bin), Tally> = BTreeMap::new();
    for ((date, bin), tally) in &counts {
        totals.entry((*date, bin.total())).or_default().add(*tally);
    }
    for (detail, counts) in [(Detail::ByDimension, counts), (Detail::Totals, totals)] {
        let read = match poll_once(View::counts(&snapshot, world.now, ever, detail)) {
            Ok(read) => read.counts,
            Err(error) => return broken(Law::LedgerIsTheFold, error),
        };
        let read: BTreeMap<_, _> =
            read.iter().map(|(date, bin, tally)| ((date, bin.clone()), tally)).collect();
        if read != counts {
            let detail = format!("it counts\n  {read:?}\n  and should count\n  {counts:?}");
            return broken(Law::LedgerIsTheFold, detail);
        }
    }
    let detailed = ledger::oldest_detailed(world.now);
    for key in world.values.keys() {
        let Some(date) = names::day_date(key).filter(|date| *date >= detailed) else { continue };
        let day = match poll_once(ledger::load_day(&snapshot, date)) {
            Ok(day) => day.map(|(day, _)| day.lines).unwrap_or_default(),
            Err(error) => return broken(Law::LedgerIsTheFold, error),
        };
        let expected = lines.remove(&date).unwrap_or_default();
        if day != expected {
            let detail = format!("`{key}` holds\n  {day:?}\n  and should hold\n  {expected:?}");
            return broken(Law::LedgerIsTheFold, detail);
        }
    }
    Ok(())
}

/// The store when everything is over; nobody waits for it.
struct Snapshot<'w>(&'w BTreeMap<String, Vec<u8>>);

impl Store for Snapshot<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    async fn set(&self, _: &str, _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Failed("readers do not write".to_owned()))
    }

    async fn delete(&self, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Failed("readers do not write".to_owned()))
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.keys().cloned().collect())
    }
}

fn poll_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(StoreError::Failed("it waits for something".to_owned())),
    }
}

/// Does a cause such as `order:1001:team` name something of this customer?
fn is_about(customer: &Customer, cause: &str) -> bool {
    let mut parts = cause.split(':');
    match (parts.next(), parts.next()) {
        (Some("order"), Some(id)) => customer.orders.contains_key(id),
        (Some("answer"), Some(id)) => customer.answers.contains_key(id),
        (Some("review"), Some(id)) => customer.reviews.contains_key(id),
        (Some("ticket"), Some(id)) => customer.tickets.contains_key(id),
        // Ids of parcels may have colons of their own: `tracking:0034`.
        (Some("shipment"), _) => {
            customer.shipments.keys().any(|id| cause.starts_with(&format!("shipment:{id}:")))
        }
        (Some("week"), Some(_)) => customer.keys.iter().any(|key| key.as_str() == cause),
        _ => false,
    }
}

fn messages(
    world: &World,
    scene: &Scene,
    facts: &BTreeSet<Fact>,
    customers: &BTreeMap<Key, Customer>,
) -> Verdict {
    let strict = world.mode == Mode::Timely;
    let erasures = erasures(world);
    // What the facts call for by now must have been decided on. Of what was decided on before they were all known, it
    // must be about something that happened, be it to somebody who was forgotten since.
    let forgotten: Vec<Customer> = world
        .truth
        .facts()
        .filter(|fact| !facts.contains(*fact))
        .map(|fact| Customer::from(fact.clone()))
        .collect();
    let planned =
        customers.values().flat_map(|customer| playbook::plan(customer, &scene.settings, world.now));
    let required: BTreeSet<MessageId> = planned
        .filter(|plan| plan.due <= world.now && !erasures.bars(&plan.id, &plan.cause))
        .map(|plan| plan.id)
        .collect();

    let mut deliveries = world.provider.deliveries.clone();
    let mut recorded = BTreeSet::new();
    let all = customers
        .values()
        .flat_map(|customer| customer.messages.iter().map(move |message| (customer, message)));
    for (customer, (id, message)) in all {
        recorded.insert(id.clone());
        if !forgotten.iter().chain([customer]).any(|whose| is_about(whose, &message.cause)) {
            return broken(Law::MessagesFollowFacts, format!("{id} is about nothing that happened"));
        }
        let Some((_, step)) = message.state() else {
            return broken(Law::MessagesEnd, format!("{id} has no state"));
        };
        if !step.is_terminal() {
            return broken(Law::MessagesEnd, format!("{id} is left as {}", step.name()));
        }
        let delivered = deliveries.remove(id.as_str()).unwrap_or_default().len();
        if delivered > 1 {
            return broken(Law::SentOnce, format!("{id} was delivered {delivered} times"));
        }
        let honest = match step {
            Step::Sent { .. } | Step::Delivered | Step::Bounced { .. } | Step::Complained => delivered == 1,
            Step::Unknown { .. } => true,
            _ => delivered == 0 || !strict,
        };
        if !honest {
            let detail = format!("{id} ended as {} and was delivered {delivered} times", step.name());
            return broken(Law::EndsAreTrue, detail);
        }
    }
    if let Some(id) = required.difference(&recorded).next() {
        return broken(Law::MessagesFollowFacts, format!("{id} is called for and was never decided on"));
    }
    // Of those who were forgotten nobody remembers what they were sent; twice it was not.
    for fact in world.truth.facts().filter(|fact| !world.truth.holds(&fact.id())) {
        if let Event::Message(step) = &fact.event {
            let delivered = deliveries.remove(step.id.as_str()).unwrap_or_default().len();
            if delivered > 1 {
                return broken(Law::SentOnce, format!("{} was delivered {delivered} times", step.id));
            }
        }
    }
    match deliveries.keys().next() {
        Some(id) => broken(Law::EndsAreTrue, format!("{id} was delivered and there is no record of it")),
        None => Ok(()),
    }
}

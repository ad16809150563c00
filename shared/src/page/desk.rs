//! Pages for looking things up: customers and messages.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::{local_clock, local_day, local_when, page};
use crate::desk::{Asked, Entry, Found, Listed, Listing, Timeline, Took, Upcoming};
use crate::message::Step;
use crate::playbook::Name;
use crate::settings::Settings;
use crate::zone::Zone;

/// `/customers`, and `/customers?q=` with what was found.
pub fn customer_search(brand_name: &str, asked: &str, found: &[Found]) -> String {
    page(
        "customers.html",
        context! { brand_name, here => "/customers", asked, found => Value::from(Serde(found)) },
    )
}

/// A step with its time on the shop's clock.
#[derive(Serialize)]
struct ShownStep<'a> {
    #[serde(flatten)]
    step: &'a Took,
    when: String,
    until_shown: Option<String>,
}

fn shown_steps<'a>(message: &'a Listed, zone: &Zone) -> Vec<ShownStep<'a>> {
    let shown = |step: &'a Took| ShownStep {
        step,
        when: local_when(step.at, zone),
        until_shown: step.until.map(|until| local_when(until, zone)),
    };
    message.steps.iter().map(shown).collect()
}

#[derive(Serialize)]
struct ShownEntry<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    clock: String,
    steps: Vec<ShownStep<'a>>,
}

#[derive(Serialize)]
struct Day<'a> {
    day: String,
    entries: Vec<ShownEntry<'a>>,
}

#[derive(Serialize)]
struct ShownPlan<'a> {
    #[serde(flatten)]
    plan: &'a Upcoming,
    when: String,
}

/// `/customers/<id>`: everything that happened to one customer.
pub fn customer(timeline: &Timeline, settings: &Settings) -> String {
    let zone = &settings.time_zone;
    let mut days: Vec<Day<'_>> = Vec::new();
    for entry in timeline.timeline.iter().rev() {
        let day = local_day(entry.at, zone);
        let steps = entry.message.as_ref().map(|message| shown_steps(message, zone)).unwrap_or_default();
        let shown = ShownEntry { entry, clock: local_clock(entry.at, zone), steps };
        match days.last_mut().filter(|last| last.day == day) {
            Some(last) => last.entries.push(shown),
            None => days.push(Day { day, entries: vec![shown] }),
        }
    }
    let planned: Vec<ShownPlan<'_>> =
        timeline.planned.iter().map(|plan| ShownPlan { plan, when: local_when(plan.at, zone) }).collect();
    let who = [&timeline.name, &timeline.email, &timeline.phone].into_iter().flatten().next();
    let values = context! {
        brand_name => &settings.brand.name,
        here => "/customers",
        who => who.map_or("Somebody without a name", String::as_str),
        zone => zone.name(),
        id => timeline.id.to_string(),
        person => Value::from(Serde(person(timeline))),
        known_as => Value::from(Serde(&timeline.known_as)),
        days => Value::from(Serde(days)),
        planned => Value::from(Serde(planned)),
    };
    page("customer.html", values)
}

/// What is known of the person, name by name.
fn person(timeline: &Timeline) -> Vec<(&'static str, String)> {
    let consent = |yes: bool| {
        let said = timeline.marketing.iter().filter(|(_, said)| **said == yes);
        said.map(|(channel, _)| channel.as_str()).collect::<Vec<_>>().join(", ")
    };
    let points = match (&timeline.tier, timeline.points) {
        (None, 0) => String::new(),
        (None, points) => points.to_string(),
        (Some(tier), points) => [&points.to_string(), " (", tier, ")"].concat(),
    };
    let known = |value: &Option<String>| value.clone().unwrap_or_default();
    let all = [
        ("E-mail", known(&timeline.email)),
        ("Phone", known(&timeline.phone)),
        ("Language", known(&timeline.locale)),
        ("Country", known(&timeline.country)),
        ("Marketing, yes", consent(true)),
        ("Marketing, no", consent(false)),
        ("Points", points),
    ];
    let known: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if known.is_empty() { vec![("Known", "nothing but the names below".to_owned())] } else { known }
}

#[derive(Serialize)]
struct ShownMessage<'a> {
    #[serde(flatten)]
    message: &'a Listed,
    when: String,
    shown_steps: Vec<ShownStep<'a>>,
}

/// `/messages`: messages and how they ended.
pub fn message_list(listing: &Listing, asked: &Asked, settings: &Settings) -> String {
    let zone = &settings.time_zone;
    let shown = |message| ShownMessage {
        message,
        when: local_when(message.at, zone),
        shown_steps: shown_steps(message, zone),
    };
    let messages: Vec<ShownMessage<'_>> = listing.messages.iter().map(shown).collect();
    let values = context! {
        brand_name => &settings.brand.name,
        here => "/messages",
        zone => zone.name(),
        states => Step::NAMES,
        playbooks => Name::ALL.map(Name::as_str),
        asked => context! {
            customer => asked.customer.as_deref().unwrap_or_default(),
            state => asked.state.unwrap_or_default(),
            playbook => asked.playbook.as_deref().unwrap_or_default(),
        },
        is_narrowed => asked.customer.is_some() || asked.state.is_some() || asked.playbook.is_some(),
        messages => Value::from(Serde(messages)),
        next => listing.next.as_deref().unwrap_or_default(),
        part => listing.part,
        parts => listing.parts,
    };
    page("messages.html", values)
}

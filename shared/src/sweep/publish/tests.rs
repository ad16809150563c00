//! Everything is told, at least once and under one name, and nothing waits for it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::MERGE_AT;
use crate::channel::event::Kind;
use crate::channel::{CallError, Provider, webhook};
use crate::fact::Fact;
use crate::store::names;
use crate::sweep::send::tests::{World, lost, status};

/// A shop that tells everything, and mails nobody.
fn shop() -> World {
    let mut world = World::with(Provider::Resend, 0);
    world.settings.events = Kind::ALL.to_vec();
    world.settings.team_email = String::new();
    world.providers.webhook = Some(webhook::Config {
        url: "https://hooks.example/aftercare".to_owned(),
        signing_secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()],
    });
    world
}

/// An answer comes in.
fn answer(world: &World, id: i64) -> Fact {
    let answer = json!({
        "at": 1_795_255_200_000_i64 + id, "source": "generic", "keys": [format!("answer:a{id}")],
        "event": { "answer": { "id": format!("a{id}"), "kind": "nps", "score": 9, "scale": { "min": 0, "max": 10, "good": "high" } } },
    });
    let fact = Fact::from_bytes(answer.to_string().as_bytes()).expect("a fact");
    world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
    fact
}

/// What was told, by the fact's id.
fn told(world: &World) -> Vec<String> {
    let calls = world.calls.borrow();
    let events = calls.iter().map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
    events.map(|event| event["data"]["id"].as_str().expect("an id").to_owned()).collect()
}

fn waiting(world: &World) -> usize {
    world.values.borrow().keys().filter(|key| key.starts_with(names::EVENT)).count()
}

#[test]
fn an_event_is_told_once_and_leaves_nothing_behind() {
    let world = shop();
    let fact = answer(&world, 1);
    world.sweep().expect("a sweep");
    assert_eq!((told(&world), waiting(&world)), (vec![fact.id().to_string()], 0));
    // The same webhook again is the same event.
    answer(&world, 1);
    world.sweep().expect("a sweep");
    assert_eq!(told(&world).into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn nothing_is_told_that_nobody_asked_for() {
    for change in [
        |world: &mut World| world.settings.events = vec![Kind::Order],
        |world: &mut World| world.settings.events.clear(),
        |world: &mut World| world.providers.webhook = None,
        |world: &mut World| world.providers.webhook.as_mut().expect("one").signing_secrets.clear(),
    ] {
        let mut world = shop();
        change(&mut world);
        answer(&world, 1);
        world.sweep().expect("a sweep");
        assert_eq!((told(&world).len(), waiting(&world)), (0, 0));
    }
}

#[test]
fn what_is_not_taken_is_told_again_and_in_the_end_given_up() {
    for bad_day in
        [status(500), status(429), status(404), lost(), Err(CallError::NotSent("refused".to_owned()))]
    {
        let world = shop().answering([bad_day]);
        answer(&world, 1);
        world.sweep().expect("a sweep");
        assert_eq!((told(&world).len(), waiting(&world)), (1, 1));
        world.later(TimeDelta::minutes(1));
        world.sweep().expect("a sweep");
        assert_eq!((told(&world).len(), waiting(&world)), (2, 0));
        assert_eq!(told(&world).into_iter().collect::<BTreeSet<_>>().len(), 1, "under the same id");
    }
    for end in [status(410), status(302)] {
        let world = shop().answering([end]);
        answer(&world, 1);
        let report = world.sweep().expect("a sweep");
        assert_eq!((told(&world).len(), waiting(&world), report.lost_events), (1, 0, 1));
    }
    let world = shop().answering((0..20).map(|_| status(500)));
    answer(&world, 1);
    let mut lost = 0;
    for _ in 0..40 {
        lost += world.sweep().expect("a sweep").lost_events;
        world.later(TimeDelta::hours(1));
    }
    assert_eq!((told(&world).len(), waiting(&world), lost), (8, 0, 1));
}

#[test]
fn a_receiver_that_is_away_is_left_alone_and_hears_of_everything_when_it_is_back() {
    let world = shop().answering((0..200).map(|_| lost()));
    let mut facts = BTreeSet::new();
    for round in 0..20 {
        for number in 0..10 {
            facts.insert(answer(&world, 10 * round + number).id().to_string());
        }
        let before = told(&world).len();
        world.sweep().expect("a sweep");
        assert!(told(&world).len() - before <= 40, "it is not pestered");
        assert!(waiting(&world) <= MERGE_AT + 4, "{}", waiting(&world));
        world.later(TimeDelta::seconds(1));
    }
    world.script.borrow_mut().clear();
    for _ in 0..10 {
        world.later(TimeDelta::hours(3));
        world.sweep().expect("a sweep");
    }
    assert_eq!((told(&world).into_iter().collect::<BTreeSet<_>>(), waiting(&world)), (facts, 0));
}

#[test]
fn one_event_that_is_never_taken_keeps_no_other_from_being_told() {
    let world = shop().answering([status(500)]);
    for number in 0..50 {
        answer(&world, number);
    }
    world.sweep().expect("a sweep");
    assert_eq!((told(&world).len(), waiting(&world)), (50, 1));
}

#[test]
fn whenever_the_power_is_cut_everything_is_told() {
    for cut in 0.. {
        let world = shop();
        let fact = answer(&world, 1);
        world.power.set(cut);
        let was_cut = world.sweep().is_err();
        world.power.set(usize::MAX);
        // The dead sweep's lease runs out, and so does its time for telling.
        for _ in 0..3 {
            world.later(TimeDelta::minutes(2));
            world.sweep().expect("a sweep");
        }
        let told: BTreeSet<String> = told(&world).into_iter().collect();
        assert_eq!((told, waiting(&world)), (BTreeSet::from([fact.id().to_string()]), 0), "cut after {cut}");
        if !was_cut {
            break;
        }
    }
}

#[test]
fn nothing_is_read_or_written_for_it_on_an_idle_tick() {
    let world = shop();
    answer(&world, 1);
    world.sweep().expect("a sweep");
    let before = world.values.borrow().clone();
    world.power.set(3);
    world.sweep().expect("two or three store calls are enough");
    assert_eq!(*world.values.borrow(), before);
}

#[test]
fn an_alert_is_told_beside_the_message_that_carries_it() {
    let mut world = shop();
    world.settings.team_email = "crew@bean.example".to_owned();
    let late = json!({
        "at": 1_795_255_200_000_i64, "source": "generic", "keys": ["answer:a1"],
        "event": { "answer": { "id": "a1", "kind": "nps", "score": 2, "scale": { "min": 0, "max": 10, "good": "high" } } },
    });
    let fact = Fact::from_bytes(late.to_string().as_bytes()).expect("a fact");
    world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
    world.sweep().expect("a sweep");
    let calls = world.calls.borrow();
    let events: Vec<Value> = calls.iter().map(|body| serde_json::from_slice(body).expect("JSON")).collect();
    let alert = events.iter().find(|event| event["type"] == "alert.raised").expect("an alert");
    assert_eq!((events.len(), &alert["data"]["playbook"]), (3, &json!("recovery")), "mail, event and alert");
}

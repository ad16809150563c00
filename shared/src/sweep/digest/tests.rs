//! Once a week, with the week's numbers, whatever is cut short; and in between nothing is read or written for it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::channel::Provider;
use crate::fact::Fact;
use crate::store::names;
use crate::sweep::send::tests::World;

/// A shop that opened on a Saturday, with an answer of that day.
fn shop() -> World {
    let world = World::with(Provider::Resend, 0);
    let answer = json!({
        "at": 1_795_255_200_000_i64, "source": "generic", "keys": ["answer:a1"],
        "event": { "answer": { "id": "a1", "kind": "nps", "score": 9, "scale": { "min": 0, "max": 10, "good": "high" } } },
    });
    let fact = Fact::from_bytes(answer.to_string().as_bytes()).expect("a fact");
    world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
    world.sweep().expect("a sweep");
    world
}

/// What the team was told of weeks.
fn digests(world: &World) -> Vec<Value> {
    let calls = world.calls.borrow();
    let mails = calls.iter().map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
    mails.filter(|mail| mail["subject"].as_str().is_some_and(|subject| subject.contains("week"))).collect()
}

/// Lets time pass, and tells what a tick changed.
fn tick(world: &World, hours: i64) -> usize {
    world.later(TimeDelta::hours(hours));
    let before = world.values.borrow().clone();
    world.sweep().expect("a sweep");
    let after = world.values.borrow();
    after.iter().filter(|(key, value)| before.get(*key) != Some(value)).count()
}

#[test]
fn the_team_hears_on_monday_at_nine_and_then_not_for_a_week() {
    let world = shop();
    assert_eq!((tick(&world, 46), digests(&world).len()), (0, 0), "Monday at eight");
    assert!(tick(&world, 1) > 0);
    let [mail] = &digests(&world)[..] else { panic!("one digest: {:?}", digests(&world)) };
    let text = mail["text"].as_str().expect("a text");
    for part in ["Recommendation (NPS): 100 (answers: 1)", "Nothing is open.", "16 November 2026"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for hours in [0, 1, 24, 24, 24, 48, 46] {
        assert_eq!((tick(&world, hours), digests(&world).len()), (0, 1));
    }
    assert!(tick(&world, 1) > 0, "the next Monday at nine");
    let states = BTreeMap::from([("sent", 1), ("skipped", 1)]);
    assert_eq!((digests(&world).len(), world.states()), (1, states), "nobody said anything more");
}

#[test]
fn a_week_without_anything_says_nothing_and_says_why() {
    let world = World::with(Provider::Resend, 1);
    world.sweep().expect("a sweep");
    tick(&world, 48);
    assert_eq!((digests(&world).len(), world.states()), (0, BTreeMap::from([("sent", 1), ("skipped", 1)])));
}

#[test]
fn a_tick_that_comes_days_late_says_so() {
    let world = shop();
    tick(&world, 24 * 5);
    assert_eq!((digests(&world).len(), world.states().get("expired")), (0, Some(&1)));
    assert_eq!(tick(&world, 1), 0);
}

#[test]
fn power_cuts_at_any_store_call_make_no_second_digest_and_lose_none() {
    for calls in 0.. {
        let world = shop();
        world.later(TimeDelta::hours(48));
        world.power.set(calls);
        let cut = world.sweep().is_err();
        world.power.set(usize::MAX);
        // A dead sweep's lease has to run out.
        tick(&world, 1);
        let all = digests(&world);
        assert!(!all.is_empty() && all.iter().all(|mail| *mail == all[0]), "cut after {calls}: {all:?}");
        assert_eq!(world.states().get("retry"), None);
        tick(&world, 24);
        assert_eq!(digests(&world).len(), all.len());
        if !cut {
            break;
        }
    }
}

#[test]
fn a_damaged_page_holds_up_the_digest_and_stops_no_sweep() {
    let world = shop();
    world.values.borrow_mut().insert(names::page(0), b"\x01damaged".to_vec());
    world.later(TimeDelta::hours(48));
    world.sweep().expect("a sweep");
    assert_eq!(digests(&world).len(), 0);
}

//! Codes of a pool in apologies: one each, the same after a crash, and none is no reason to say nothing.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::channel::Provider;
use crate::fact::{Channel, Fact};
use crate::store::names;
use crate::sweep::send::tests::{World, status};

/// A shop with orders whose parcels are late, and so many codes.
fn shop(orders: usize, codes: usize) -> World {
    let mut world = World::with(Provider::Resend, 0);
    world.settings.goodwill.codes = (0..codes).map(|number| format!("SORRY{number}")).collect();
    world.settings.goodwill.gives = "10 % off".to_owned();
    world.settings.team_email = String::new();
    let at = world.now.get().millis();
    for order in 0..orders {
        let placed = json!({
            "at": at, "source": "generic", "keys": [format!("order:{order}")],
            "event": { "order": { "id": order.to_string(), "stages": { "placed": at }, "contact": { "email": format!("c{order}@example.com"), "phone": "+4930123456" } } },
        });
        let late = json!({
            "at": at, "source": "generic", "keys": [format!("order:{order}"), format!("shipment:s{order}")],
            "event": { "shipment": { "id": format!("s{order}"), "order_id": order.to_string(), "states": { "delayed": at } } },
        });
        for fact in [placed, late] {
            let fact = Fact::from_bytes(fact.to_string().as_bytes()).expect("a fact");
            world.values.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
        }
    }
    world
}

/// The codes in apologies so far, `None` for one without.
fn apologies(world: &World) -> Vec<Option<String>> {
    let calls = world.calls.borrow();
    let mails = calls.iter().map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
    let late = mails.filter(|mail| mail["subject"].as_str().is_some_and(|subject| subject.contains("late")));
    let code = |mail: Value| {
        let text = mail["text"].as_str().expect("a text").to_owned();
        text.split("Your code is ").nth(1).map(|rest| rest.split('.').next().unwrap_or_default().to_owned())
    };
    late.map(code).collect()
}

fn pass(world: &World, minutes: i64) {
    world.later(TimeDelta::minutes(minutes));
    world.sweep().expect("a sweep");
}

#[test]
fn each_late_order_gets_a_code_of_its_own() {
    let world = shop(20, 30);
    world.sweep().expect("a sweep");
    pass(&world, 121);
    let given: BTreeSet<String> = apologies(&world).into_iter().flatten().collect();
    assert_eq!((apologies(&world).len(), given.len()), (20, 20));
}

#[test]
fn a_retry_says_the_same_code() {
    let world = shop(1, 5);
    world.sweep().expect("a sweep");
    world.script.borrow_mut().extend([status(500), status(503)]);
    for _ in 0..6 {
        pass(&world, 125);
    }
    let all = apologies(&world);
    assert!(all.len() == 3 && all.iter().all(|code| *code == all[0] && code.is_some()), "{all:?}");
}

#[test]
fn an_empty_pool_is_said_and_the_apology_goes_all_the_same() {
    let world = shop(3, 2);
    world.sweep().expect("a sweep");
    pass(&world, 121);
    assert_eq!((apologies(&world).len(), world.states().get("deferred")), (2, Some(&1)));
    pass(&world, 60);
    let all = apologies(&world);
    assert_eq!((all.len(), all.iter().flatten().count()), (3, 2), "{all:?}");
}

#[test]
fn a_text_message_has_no_room_for_a_code_and_takes_none() {
    let mut world = shop(1, 5);
    world.settings.connected.push(Channel::Sms);
    let only = json!({ "playbooks": { "delay": { "channels": ["sms"] } } });
    world.settings = world.settings.with(&only).expect("settings");
    world.sweep().expect("a sweep");
    pass(&world, 121);
    assert!(!world.values.borrow().keys().any(|key| names::is_given(key)));
}

#[test]
fn whenever_the_power_is_cut_no_code_is_given_twice() {
    for cut in 0.. {
        let world = shop(4, 8);
        world.sweep().expect("a sweep");
        world.later(TimeDelta::minutes(121));
        world.power.set(cut);
        let was_cut = world.sweep().is_err();
        world.power.set(usize::MAX);
        for _ in 0..4 {
            pass(&world, 30);
        }
        let all = apologies(&world);
        let mails: BTreeSet<Vec<u8>> = world.calls.borrow().iter().cloned().collect();
        let codes: BTreeSet<&String> = all.iter().flatten().collect();
        assert_eq!((codes.len(), mails.len()), (4, 8), "cut after {cut}: {all:?}");
        if !was_cut {
            break;
        }
    }
}

//! What no playbook may ever do, whatever happens to a customer (reference: the rules that senders must follow).

use proptest::prelude::*;

use super::*;
use crate::fact::{Channel, Event, Reach};
use crate::settings::{Clock, Hours};
use crate::zone::Zone;

/// A piece of a life: several things that happen to Ann within some weeks.
pub(super) fn lives() -> impl Strategy<Value = Vec<Fact>> {
    let moment = || (0..40_i64, 0..24_i64).prop_map(|(days, hours)| day(days, hours));
    let id = || prop::sample::select(vec!["1", "2", "3"]);
    let stages = prop::sample::select(vec!["cancelled", "returned", "refunded", "fulfilled"]);
    let states = prop::sample::select(vec![
        "packed",
        "shipped",
        "out_for_delivery",
        "ready_for_pickup",
        "delivered",
        "delivered",
        "delayed",
        "exception",
        "attempt_failed",
        "returning",
    ]);
    let country = prop::sample::select(vec!["DE", "US", "JP", "BR"]);
    let happening = prop_oneof![
        4 => (moment(), id(), country).prop_map(|(at, id, country)| {
            order(at, id, json!({ "promised_by": "2026-12-01", "contact": { "country": country } }))
        }),
        1 => (moment(), id(), stages).prop_map(|(at, id, stage)| {
            order(at, id, json!({ "stages": { stage: at.millis() } }))
        }),
        6 => (moment(), id(), states).prop_map(|(at, id, state)| parcel(at, id, state)),
        3 => (moment(), id(), 0..=10_u8).prop_map(|(at, id, score)| nps(at, id, score)),
        1 => (moment(), id(), 1..=5_u16).prop_map(|(at, id, stars)| review(at, id, stars * 100)),
        1 => (moment(), any::<bool>()).prop_map(|(at, yes)| consent(at, "email", yes)),
        1 => (moment(), id()).prop_map(|(at, id)| {
            fact(at, json!({ "ticket": { "id": id, "solved_at": [at.millis()] } }))
        }),
    ];
    prop::collection::vec(happening, 1..14)
}

/// Every playbook on, and a cap that is soon reached.
pub(super) fn busy() -> Settings {
    shop_with(json!({
        "cap": { "messages": 2, "within": "7d" },
        "loyalty": { "per_unit": 1, "per_review": 10, "per_answer": 5, "orders": [2],
            "tiers": [{ "name": "Silver", "points": 60 }] },
        "products": [{ "lasts": "20d", "steps": [{ "after": "1d", "title": "A" }, { "after": "5d", "title": "B" }] }],
        "struggles": [{ "name": "x", "bought": { "type": "machine" }, "without": { "type": "beans" }, "after": "9d", "title": "T" }],
        "playbooks": { "win-back": { "delay": "20d" } },
    }))
}

pub(super) fn end() -> Time {
    day(110, 0)
}

pub(super) fn sent(lines: &[Line]) -> impl Iterator<Item = (&Line, &Draft)> {
    lines.iter().filter_map(|line| Some((line, line.draft.as_ref()?)))
}

pub(super) fn purpose(line: &Line) -> Purpose {
    Name::parse(&line.playbook).expect("a playbook").purpose()
}

/// The same life, in which every answer is as bad, or as good, as can be.
fn with_scores(facts: &[Fact], score: u8) -> Vec<Fact> {
    let mut facts = facts.to_vec();
    for fact in &mut facts {
        if let Event::Answer(answer) = &mut fact.event {
            answer.score = score;
        }
    }
    facts
}

fn with_stars(facts: &[Fact], rating: u16) -> Vec<Fact> {
    let mut facts = facts.to_vec();
    for fact in &mut facts {
        if let Event::Review(review) = &mut fact.event {
            review.rating_hundredths = rating;
        }
    }
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Who is asked for a public review, when, in which words and for what reward does not follow from a score.
    #[test]
    fn review_requests_do_not_depend_on_what_was_answered(facts in lives()) {
        let asked = |facts: &[Fact]| {
            let lines = live(facts, &busy(), end());
            let lines: Vec<_> = lines.into_iter().filter(|line| line.is(Name::ReviewRequest)).collect();
            lines
        };
        let as_it_was = asked(&facts);
        prop_assert_eq!(&asked(&with_scores(&facts, 0)), &as_it_was);
        prop_assert_eq!(&asked(&with_scores(&facts, 10)), &as_it_was);
        prop_assert_eq!(&asked(&with_stars(&facts, 100)), &as_it_was);
    }

    /// Vouchers are for late parcels, not for answers.
    #[test]
    fn vouchers_do_not_depend_on_what_was_answered(facts in lives()) {
        let given = |facts: &[Fact]| -> Vec<(Time, String)> {
            let lines = live(facts, &busy(), end());
            sent(&lines)
                .filter(|(_, draft)| draft.context.get("code").is_some_and(|code| *code == "SORRY-10"))
                .map(|(line, _)| (line.at, line.cause.clone()))
                .collect()
        };
        prop_assert_eq!(given(&with_scores(&facts, 0)), given(&with_scores(&facts, 10)));
    }

    #[test]
    fn nobody_is_surveyed_twice_within_the_quarantine(facts in lives()) {
        let lines = live(&facts, &busy(), end());
        let asked: Vec<Time> = sent(&lines).filter(|(line, _)| line.is(Name::Survey)).map(|(line, _)| line.at).collect();
        for pair in asked.windows(2) {
            prop_assert!(pair[1] - pair[0] >= TimeDelta::days(30), "{asked:?}");
        }
    }

    #[test]
    fn a_message_has_one_end_and_none_is_sent_twice(facts in lives()) {
        let lines = live(&facts, &busy(), end());
        let mut ended = BTreeSet::new();
        for line in &lines {
            if line.step.is_terminal() {
                prop_assert!(ended.insert((&line.playbook, &line.cause)), "{line:?}");
            }
        }
        for line in &lines {
            prop_assert!(ended.contains(&(&line.playbook, &line.cause)), "put off and forgotten: {line:?}");
        }
    }

    #[test]
    fn nothing_but_service_leaves_at_night_or_over_the_cap_or_without_a_way_out(facts in lives()) {
        let settings = busy();
        let lines = live(&facts, &settings, end());
        let mut customer = Customer::default();
        for fact in &facts {
            customer.join(Customer::from(fact.clone()));
        }
        let mut times: Vec<Time> = Vec::new();
        for (line, draft) in sent(&lines) {
            if purpose(line) == Purpose::Service {
                prop_assert_eq!(&draft.unsubscribe_url, &None);
                continue;
            }
            prop_assert!(draft.unsubscribe_url.as_ref().is_some_and(|url| url.starts_with("https://care.example/p/")));
            if purpose(line) == Purpose::Marketing {
                times.push(line.at);
            }
        }
        // Marketing gives way to everything, so a window of it never holds more than the cap.
        for window in times.windows(3) {
            prop_assert!(window[2] - window[0] >= TimeDelta::days(7), "{times:?}");
        }
    }

    /// Nothing that is not service goes out after an opt-out, what had been put off included.
    #[test]
    fn an_opt_out_stops_what_is_queued(facts in lives(), days in 1..30_i64) {
        let out = day(days, 0);
        let mut facts: Vec<Fact> = facts.into_iter().filter(|fact| !matches!(fact.event, Event::Consent(_))).collect();
        for fact in &mut facts {
            if let Event::Order(report) = &mut fact.event {
                // What was ticked when the order was placed, before anybody opted out.
                report.contact.marketing_at = Some(day(0, 0));
            }
        }
        facts.push(consent(out, "email", false));
        let lines = live(&facts, &busy(), end());
        for (line, _) in sent(&lines) {
            prop_assert!(line.at < out || purpose(line) == Purpose::Service, "{line:?}");
        }
    }

    /// What somebody chose on their page holds from then on: topics, and a pause.
    #[test]
    fn choices_are_kept(facts in lives(), days in 1..30_i64, pause in any::<bool>()) {
        let (out, until) = (day(days, 0), day(days + 10, 0));
        let mut facts: Vec<Fact> = facts.into_iter().filter(|fact| !matches!(fact.event, Event::Consent(_))).collect();
        for fact in &mut facts {
            if let Event::Order(report) = &mut fact.event {
                report.contact.marketing_at = Some(day(0, 0));
            }
        }
        let chosen = if pause {
            json!({ "paused_until": until.millis() })
        } else {
            json!({ "topics": { "purchases": false, "offers": false } })
        };
        facts.push(fact(out, json!({ "consent": chosen })));
        let lines = live(&facts, &busy(), end());
        for (line, _) in sent(&lines) {
            let free = line.at < out || (pause && line.at >= until);
            prop_assert!(free || purpose(line) == Purpose::Service, "{line:?}");
        }
    }

    /// Without a yes there is no marketing, and without a way to say no nothing but service.
    #[test]
    fn marketing_needs_consent(facts in lives()) {
        let mut facts: Vec<Fact> = facts.into_iter().filter(|fact| !matches!(fact.event, Event::Consent(_))).collect();
        for fact in &mut facts {
            if let Event::Order(report) = &mut fact.event {
                report.contact.marketing.clear();
            }
        }
        let lines = live(&facts, &busy(), end());
        for (line, _) in sent(&lines) {
            prop_assert_ne!(purpose(line), Purpose::Marketing, "{:?}", line);
        }
        let mut without_links = busy();
        without_links.links = Links::default();
        for (line, _) in sent(&live(&facts, &without_links, end())) {
            prop_assert_eq!(purpose(line), Purpose::Service, "{:?}", line);
        }
    }

    #[test]
    fn who_asks_to_be_forgotten_hears_nothing_more(facts in lives(), days in 1..40_i64) {
        let gone = day(days, 0);
        let mut facts = facts;
        facts.push(fact(gone, json!({ "privacy": { "id": "p1", "kind": "erase" } })));
        for (line, draft) in sent(&live(&facts, &busy(), end())) {
            prop_assert!(line.at < gone || draft.to == "team@example.com", "{line:?}");
        }
    }

    /// When something is due follows from the facts, not from when it is asked: pages that are made again are the same.
    #[test]
    fn what_is_due_later_is_due_then_whenever_it_is_asked(facts in lives(), days in 0..40_i64) {
        let settings = busy();
        let (now, later) = (day(days, 0), day(days, 6));
        let mut customer = Customer::default();
        // What is still to come may change everything, of course.
        for fact in facts.iter().filter(|fact| fact.at <= now) {
            customer.join(Customer::from(fact.clone()));
        }
        let due = |asked: Time| -> BTreeSet<(MessageId, Time)> {
            let planned = plan(&customer, &settings, asked).into_iter();
            planned.filter(|plan| plan.due > later).map(|plan| (plan.id, plan.due)).collect()
        };
        let (now, later) = (due(now), due(later));
        prop_assert!(now.is_subset(&later), "{:?}", now.difference(&later).collect::<Vec<_>>());
    }
}

/// By phone nothing leaves at night, not even service, whatever the reason that it was put off for.
#[test]
fn no_text_message_leaves_at_night() {
    let channels = json!({ "playbooks": {
        "thank-you": { "channels": ["sms", "email"] }, "shipment-status": { "channels": ["sms"] }, "delay": { "channels": ["sms"] },
    } });
    let settings = shop_with(channels);
    let hours = Hours { from: Clock::new(9, 0), to: Clock::new(20, 0) };
    for (country, region) in [("DE", None), ("US", Some("CA")), ("US", None), ("BR", None), ("XX", None)] {
        for hour in 0..24 {
            let contact =
                json!({ "contact": { "country": country, "region": region, "phone": "+4930123456" } });
            let facts = [order(day(0, hour), "1", contact), parcel(day(1, hour), "1", "shipped")];
            let zones: Vec<Zone> = Zone::of_place(country, region).collect();
            let zones =
                if zones.is_empty() { vec![Zone::find("Europe/Berlin").expect("Berlin")] } else { zones };
            let lines = live(&facts, &settings, day(9, 0));
            let texts: Vec<_> = sent(&lines).filter(|(_, draft)| draft.channel == Channel::Sms).collect();
            assert!(!texts.is_empty(), "{country} at {hour}");
            for (line, _) in texts {
                assert_eq!(hours.next(line.at, &zones), line.at, "{country} at {hour}");
            }
        }
    }
}

#[test]
fn stop_ends_text_messages_and_service_goes_by_mail() {
    let settings = shop_with(json!({ "playbooks": { "shipment-status": { "channels": ["sms", "email"] } } }));
    let contact = json!({ "contact": { "phone": "+4930123456" } });
    let facts = [
        order(day(0, 0), "1", contact),
        parcel(day(1, 0), "1", "shipped"),
        consent(day(2, 0), "sms", false),
        parcel(day(3, 0), "1", "delivered"),
    ];
    let lines = live(&facts, &settings, day(4, 0));
    let by: Vec<_> = sent(&lines)
        .filter(|(line, _)| line.is(Name::ShipmentStatus))
        .map(|(_, draft)| draft.channel)
        .collect();
    assert_eq!(by, [Channel::Sms, Channel::Email]);
}

/// What became known of an address holds for every message, whatever it is about.
#[test]
fn nothing_goes_where_nothing_may_go() {
    let settings = shop_with(json!({ "playbooks": { "shipment-status": { "channels": ["sms", "email"] } } }));
    let contact = || json!({ "contact": { "phone": "+49 30 123456" } });
    let reach = |at, channel: &str, address: &str, report: &str| {
        fact(at, json!({ "reach": { "channel": channel, "address": address, "report": report } }))
    };
    let to = |facts: &[Fact]| -> Vec<String> {
        let placed = [order(day(0, 0), "1", contact()), parcel(day(1, 0), "1", "shipped")];
        let lines = live(&[placed.as_slice(), facts].concat(), &settings, day(30, 0));
        let told = sent(&lines).filter(|(line, _)| line.is(Name::ShipmentStatus) || line.is(Name::Survey));
        told.map(|(_, draft)| draft.to.clone()).collect()
    };
    let delivered = || parcel(day(3, 0), "1", "delivered");
    assert_eq!(to(&[delivered()]), ["+4930123456", "+4930123456", "ann@example.com"]);
    let stop = reach(day(2, 0), "sms", "+4930123456", "stopped");
    assert_eq!(to(&[stop.clone(), delivered()]), ["+4930123456", "ann@example.com", "ann@example.com"]);
    let start = reach(day(2, 5), "sms", "+4930123456", "resumed");
    assert_eq!(to(&[stop, start, delivered()]), ["+4930123456", "+4930123456", "ann@example.com"]);
    let bounce = reach(day(2, 0), "email", "Ann@Example.com", "bounced");
    let bounce_of_another = reach(day(2, 0), "email", "bob@example.com", "bounced");
    let lower = |fact: Fact| match fact.event {
        Event::Reach(reach) => {
            let reach = Reach::new(reach.channel, &reach.address, reach.report).expect("an address");
            Fact { event: Event::Reach(reach), ..fact }
        }
        _ => fact,
    };
    assert_eq!(to(&[lower(bounce), delivered()]), ["+4930123456", "+4930123456"]);
    assert_eq!(to(&[bounce_of_another, delivered()]).len(), 3);
}

/// Spam reports end what is not service; on this address service goes on.
#[test]
fn a_complaint_leaves_service() {
    let complaint =
        json!({ "reach": { "channel": "email", "address": "ann@example.com", "report": "complained" } });
    let facts = [
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "shipped"),
        fact(day(2, 0), complaint),
        parcel(day(3, 0), "1", "delivered"),
    ];
    let lines = live(&facts, &shop(), day(30, 0));
    let after: Vec<_> = sent(&lines).filter(|(line, _)| line.at > day(2, 0)).collect();
    assert!(
        !after.is_empty()
            && after.iter().all(|(line, _)| line.is(Name::ShipmentStatus) || line.is(Name::Returns)),
        "{:?}",
        after.len()
    );
}

/// A number that names nobody for sure is not written to, and the message says so.
#[test]
fn a_number_without_a_country_is_named_as_the_reason() {
    let settings = shop_with(json!({ "playbooks": { "shipment-status": { "channels": ["sms"] } } }));
    let contact = json!({ "contact": { "phone": "030 123456" } });
    let facts = [order(day(0, 0), "1", contact), parcel(day(1, 0), "1", "shipped")];
    let lines = live(&facts, &settings, day(9, 0));
    let line = lines.iter().find(|line| line.is(Name::ShipmentStatus)).expect("a message");
    assert!(matches!(&line.step, Step::Skipped { why } if why.contains("country code")), "{:?}", line.step);
}

#[test]
fn the_cap_puts_off_and_drops_nothing() {
    let settings = shop_with(json!({
        "cap": { "messages": 1, "within": "7d" },
        "products": [{ "steps": [{ "after": "1d", "title": "A" }, { "after": "2d", "title": "B" }] }],
    }));
    let facts = [order(day(0, 0), "1", json!({})), parcel(day(1, 0), "1", "delivered")];
    let lines = live(&facts, &settings, day(60, 0));
    let onboarding: Vec<_> = lines.into_iter().filter(|line| line.is(Name::Onboarding)).collect();
    assert_eq!(
        told(&onboarding),
        [
            "day  2 10:00 onboarding order:1:1d: onboarding to ann@example.com",
            "day  3 10:00 onboarding order:1:2d: deferred: they had as many messages as the cap allows",
            "day  8 10:00 onboarding order:1:2d: expired",
        ]
    );
}

#[test]
fn holdouts_are_always_the_same_people_and_about_as_many_as_asked() {
    let settings = shop_with(json!({ "holdout": 20 }));
    let mut held = 0;
    for number in 0..500 {
        let id = number.to_string();
        let placed = fact(
            day(0, 0),
            json!({ "order": {
            "id": id, "stages": { "placed": day(0, 0).millis() }, "contact": { "email": "ann@example.com" },
        } }),
        );
        let delivered = parcel(day(1, 0), &id, "delivered");
        let run = |facts: &[Fact]| {
            let lines = live(facts, &settings, day(30, 0));
            let step = lines.iter().find(|line| line.is(Name::ReviewRequest)).map(|line| line.step.clone());
            matches!(step, Some(Step::Skipped { why }) if why.starts_with("holdout"))
        };
        let facts = [placed, delivered];
        let is_held = run(&facts);
        let more = [facts.to_vec(), vec![nps(day(2, 0), "a1", 9)]].concat();
        assert_eq!(run(&more), is_held, "it is the same whatever else happens");
        held += u32::from(is_held);
    }
    assert!((70..=130).contains(&held), "{held} of 500");
}

#[test]
fn a_spam_report_ends_everything_but_service() {
    let mut customer = Customer::default();
    for fact in [order(day(0, 0), "1", json!({})), parcel(day(1, 0), "1", "delivered")] {
        customer.join(Customer::from(fact));
    }
    let complaint = MessageStep {
        id: MessageId::new("thank-you", "order:1"),
        playbook: "thank-you".to_owned(),
        cause: "order:1".to_owned(),
        step: Step::Complained,
        body: None,
        trace: None,
        reach: None,
    };
    customer.join(Customer::from(Fact {
        at: day(2, 0),
        source: "aftercare".to_owned(),
        keys: BTreeSet::new(),
        event: Event::Message(complaint),
    }));
    let planned = plan(&customer, &shop(), day(6, 6));
    let survey = planned.iter().find(|plan| plan.playbook == Name::Survey).expect("a survey");
    assert!(
        matches!(&survey.intent, Intent::End(Step::Skipped { why }) if why.contains("spam")),
        "{survey:?}"
    );
}

//! Two months with each playbook, every message with its time and what became of it.

use super::*;

#[track_caller]
fn check(facts: &[Fact], settings: &Settings, only: &[Name], expected: &[&str]) {
    let lines = live(facts, settings, day(60, 0));
    let wanted: Vec<Line> = lines.into_iter().filter(|line| only.iter().any(|name| line.is(*name))).collect();
    let told = told(&wanted);
    assert_eq!(told, expected, "\n{}", told.join("\n"));
}

/// An order that goes the way it should.
fn smooth() -> Vec<Fact> {
    vec![
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "packed"),
        parcel(day(1, 1), "1", "shipped"),
        parcel(day(3, 0), "1", "out_for_delivery"),
        parcel(day(3, 5), "1", "delivered"),
    ]
}

#[test]
fn a_smooth_order() {
    let all = Name::ALL;
    check(
        &smooth(),
        &shop(),
        &all,
        &[
            "day  0 10:00 thank-you order:1: thank-you to ann@example.com",
            "day  1 10:15 shipment-status shipment:s1:packed: shipment-status to ann@example.com",
            "day  1 11:00 shipment-status shipment:s1:shipped: shipment-status to ann@example.com",
            "day  3 10:00 shipment-status shipment:s1:out_for_delivery: shipment-status to ann@example.com",
            "day  3 15:00 shipment-status shipment:s1:delivered: shipment-status to ann@example.com",
            "day  3 15:00 returns order:1: merged",
            "day  8 15:00 survey order:1: survey-nps to ann@example.com",
            "day 17 15:00 review-request order:1: review-request to ann@example.com",
        ],
    );
}

#[test]
fn an_empty_configuration_does_the_journeys_about_the_order_and_says_why_not_the_others() {
    check(
        &smooth(),
        &Settings::default(),
        &[Name::ThankYou, Name::Returns, Name::Survey, Name::ReviewRequest],
        &[
            "day  0 10:00 thank-you order:1: thank-you to ann@example.com",
            "day  3 15:00 returns order:1: merged",
            "day  8 15:00 survey order:1: skipped: there is no page to answer on: set `link_keys`, or `survey.url`",
        ],
    );
}

#[test]
fn a_parcel_that_runs_ahead_of_its_news_is_told_of_once() {
    let facts = [
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "packed"),
        parcel(at("2026-11-21T09:05:00Z"), "1", "shipped"),
    ];
    check(
        &facts,
        &shop(),
        &[Name::ShipmentStatus],
        &[
            "day  1 10:05 shipment-status shipment:s1:shipped: shipment-status to ann@example.com",
            "day  1 10:15 shipment-status shipment:s1:packed: skipped: overtaken: it is already shipped",
        ],
    );
}

#[test]
fn a_label_that_is_heard_of_long_after_the_parcel_left_is_accounted_for() {
    let facts = [
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "shipped"),
        parcel(day(20, 0), "1", "packed"),
    ];
    check(
        &facts,
        &shop(),
        &[Name::ShipmentStatus],
        &[
            "day  1 10:00 shipment-status shipment:s1:shipped: shipment-status to ann@example.com",
            "day 20 10:15 shipment-status shipment:s1:packed: skipped: overtaken: it is already shipped",
        ],
    );
}

#[test]
fn a_parcel_that_two_senders_report_is_told_of_once() {
    let carrier = fact(
        day(2, 0),
        json!({ "shipment": { "id": "a-tracker", "states": { "shipped": day(2, 0).millis() }, "tracking_numbers": ["00341"] } }),
    );
    let facts = [
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "shipped"),
        carrier,
        parcel(day(3, 0), "1", "delivered"),
    ];
    check(
        &facts,
        &shop(),
        &[Name::ShipmentStatus],
        &[
            "day  1 10:00 shipment-status shipment:s1:shipped: shipment-status to ann@example.com",
            "day  3 10:00 shipment-status shipment:a-tracker:delivered: shipment-status to ann@example.com",
        ],
    );
}

#[test]
fn a_late_parcel_gets_one_apology_before_anybody_asks() {
    let placed = order(day(0, 0), "1", json!({ "promised_by": "2026-11-23" }));
    let facts = [
        placed.clone(),
        parcel(day(1, 0), "1", "shipped"),
        parcel(day(4, 0), "1", "delayed"),
        parcel(day(5, 0), "1", "delivered"),
    ];
    check(
        &facts,
        &shop(),
        &[Name::Delay],
        &[
            "day  4 02:00 delay order:1:team: case-alert to team@example.com",
            "day  4 02:00 delay order:1: delay to ann@example.com",
        ],
    );
    let in_time = [placed.clone(), parcel(day(1, 0), "1", "shipped"), parcel(day(3, 0), "1", "delivered")];
    check(&in_time, &shop(), &[Name::Delay], &[]);
    // Heard of only after the promise, but before anything was said: the truth counts.
    let just_after =
        [placed, parcel(day(1, 0), "1", "shipped"), parcel(at("2026-11-23T23:30:00Z"), "1", "delivered")];
    check(
        &just_after,
        &shop(),
        &[Name::Delay],
        &[
            "day  4 02:00 delay order:1:team: skipped: it has arrived meanwhile",
            "day  4 02:00 delay order:1: skipped: it has arrived meanwhile",
        ],
    );
}

#[test]
fn a_damaged_parcel_is_a_case_at_once() {
    let facts = [
        order(day(0, 0), "1", json!({})),
        parcel(day(1, 0), "1", "shipped"),
        parcel(day(2, 0), "1", "exception"),
    ];
    check(
        &facts,
        &shop(),
        &[Name::Delay, Name::Survey, Name::ReviewRequest],
        &[
            "day  2 12:00 delay order:1:team: case-alert to team@example.com",
            "day  2 12:00 delay order:1: delay to ann@example.com",
        ],
    );
}

#[test]
fn a_cancelled_or_returned_order_is_left_in_peace() {
    let cancelled = order(
        day(2, 0),
        "1",
        json!({ "stages": { "placed": day(0, 0).millis(), "cancelled": day(2, 0).millis() } }),
    );
    check(
        &[order(day(0, 0), "1", json!({ "promised_by": "2026-11-23" })), cancelled],
        &shop(),
        &Name::ALL,
        &[
            "day  0 10:00 thank-you order:1: thank-you to ann@example.com",
            "day  4 02:00 delay order:1:team: skipped: order cancelled",
            "day  4 02:00 delay order:1: skipped: order cancelled",
        ],
    );
    let mut facts = smooth();
    facts.push(order(day(4, 0), "1", json!({ "returns": { "r1": "requested" } })));
    check(
        &facts,
        &shop(),
        &[Name::Returns, Name::Survey, Name::ReviewRequest],
        &[
            "day  3 15:00 returns order:1: merged",
            "day  4 10:00 returns order:1:return:r1:requested: return-status to ann@example.com",
            "day  8 15:00 survey order:1: skipped: order returned",
            "day 17 15:00 review-request order:1: skipped: order returned",
        ],
    );
}

#[test]
fn a_refund_is_told_with_its_amount() {
    let refund = json!({ "at": day(5, 0).millis(), "amount": { "minor": 1000, "currency": "EUR" } });
    let mut facts = smooth();
    facts.push(order(day(5, 0), "1", json!({ "refunds": { "f1": refund } })));
    let lines = live(&facts, &shop(), day(6, 0));
    let line = lines.iter().find(|line| line.cause.ends_with("refund:f1")).expect("a message");
    let context = &line.draft.as_ref().expect("a draft").context;
    assert_eq!((&context["state"], &context["amount"]), (&json!("refunded"), &json!("10.00")));
}

#[test]
fn an_unhappy_answer_is_a_case_an_apology_and_one_later_question() {
    let mut facts = smooth();
    facts.push(nps(day(9, 0), "a1", 3));
    facts.push(nps(day(9, 1), "a2", 2));
    check(
        &facts,
        &shop(),
        &[Name::Recovery, Name::Survey, Name::Advocate],
        &[
            "day  8 15:00 survey order:1: survey-nps to ann@example.com",
            "day  9 10:00 recovery answer:a1: detractor-alert to team@example.com",
            "day  9 10:30 recovery answer:a1:apology: apology to ann@example.com",
            "day  9 11:00 recovery answer:a2: detractor-alert to team@example.com",
            "day  9 11:30 recovery answer:a2:apology: skipped: an apology for something shortly before covers this",
            "day 44 10:00 survey answer:a1:recovery: survey-csat to ann@example.com",
            "day 44 11:00 survey answer:a2:recovery: skipped: they were asked within the quarantine",
        ],
    );
}

#[test]
fn a_happy_answer_is_an_invitation_for_friends() {
    let mut facts = smooth();
    facts.push(nps(day(9, 0), "a1", 10));
    facts.push(nps(day(20, 0), "a2", 9));
    check(
        &facts,
        &shop(),
        &[Name::Recovery, Name::Advocate],
        &[
            "day 10 10:00 advocate answer:a1: advocate to ann@example.com",
            "day 21 10:00 advocate answer:a2: skipped: they were invited within half a year",
        ],
    );
}

#[test]
fn a_review_is_thanked_for_and_a_bad_one_is_a_case_too() {
    let facts =
        [order(day(0, 0), "1", json!({})), review(day(20, 0), "r1", 500), review(day(30, 0), "r2", 100)];
    let settings = shop_with(json!({ "loyalty": { "per_review": 100 } }));
    check(
        &facts,
        &settings,
        &[Name::ReviewThanks, Name::Recovery],
        &[
            "day 20 10:00 review-thanks review:r1: review-thanks to ann@example.com",
            "day 30 10:00 recovery review:r2: case-alert to team@example.com",
            "day 30 10:00 review-thanks review:r2: review-thanks to ann@example.com",
            "day 30 10:30 recovery review:r2:apology: apology to ann@example.com",
        ],
    );
    let lines = live(&facts, &settings, day(60, 0));
    let thanks: Vec<_> = lines.iter().filter(|line| line.is(Name::ReviewThanks)).collect();
    let of = |line: &Line| line.draft.as_ref().expect("a draft").context.clone();
    assert_eq!((&of(thanks[0])["points"], &of(thanks[0])["balance"]), (&json!(100), &json!(100)));
    assert_eq!((&of(thanks[1])["points"], &of(thanks[1])["balance"]), (&json!(100), &json!(200)));
}

#[test]
fn a_solved_ticket_is_asked_about_once() {
    let ticket = |at: Time, more: Value| {
        let mut report = json!({ "id": "t1", "solved_at": [day(2, 0).millis()] });
        overwrite(&mut report, more);
        fact(at, json!({ "ticket": report }))
    };
    let placed = order(day(0, 0), "1", json!({}));
    for (after_ticket, asked) in [("csat", "survey-csat"), ("ces", "survey-ces")] {
        check(
            &[placed.clone(), ticket(day(2, 0), json!({}))],
            &shop_with(json!({ "survey": { "after_ticket": after_ticket } })),
            &[Name::Survey],
            &[&format!("day  2 14:00 survey ticket:t1: {asked} to ann@example.com")],
        );
    }
    check(
        &[
            placed,
            ticket(day(2, 0), json!({})),
            ticket(day(2, 1), json!({ "reopened_at": [day(2, 1).millis()] })),
        ],
        &shop(),
        &[Name::Survey],
        &["day  2 14:00 survey ticket:t1: skipped: the ticket was opened again"],
    );
}

/// Whoever was asked how easy it was is led to that question, about that ticket, in the words of the order it was about.
#[test]
fn after_a_ticket_a_lot_draws_the_question() {
    let drawn = |id: &str| {
        let solved = json!({ "id": id, "order_id": "1", "solved_at": [day(2, 0).millis()] });
        let facts = [order(day(0, 0), "1", json!({})), fact(day(2, 0), json!({ "ticket": solved }))];
        let lines = live(&facts, &shop(), day(60, 0));
        let asked = lines.into_iter().find(|line| line.is(Name::Survey)).expect("a survey");
        asked.draft.expect("a draft")
    };
    let mut effort = 0;
    for number in 0..40 {
        let id = format!("zendesk/{number}");
        let draft = drawn(&id);
        assert_eq!(draft, drawn(&id), "the same ticket draws the same");
        let ces = draft.template == "survey-ces";
        effort += i32::from(ces);
        let (letter, most) = if ces { ("e", 7) } else { ("c", 5) };
        let url = draft.context["survey_url"].as_str().expect("a link");
        assert!(url.starts_with(&format!("https://care.example/s/{letter}")), "{url}");
        let scores = draft.context["scores"].as_array().expect("one tap for each");
        assert_eq!(scores.last().expect("some")["score"], json!(most));
        assert_eq!((&draft.context["number"], draft.locale.as_str()), (&json!("101"), "de"));
    }
    assert!((10..=30).contains(&effort), "{effort} of 40");
}

/// Nobody of the team was asked, so there is nothing to ask about.
#[test]
fn what_the_page_answered_is_no_contact() {
    let help = json!({ "topic": "where" });
    let glad = json!({ "id": "p1", "status": "answered", "created_at": day(2, 0).millis(), "help": help });
    check(
        &[order(day(0, 0), "1", json!({})), fact(day(2, 0), json!({ "ticket": glad }))],
        &shop(),
        &[Name::Survey, Name::Help],
        &[],
    );
}

#[test]
fn steps_for_what_was_bought_come_after_delivery_and_stop_on_return() {
    let settings = shop_with(json!({ "products": [
        { "match": { "sku": "CAFE-1" }, "steps": [
            { "after": "1d", "title": "Your first espresso" }, { "after": "10d", "title": "Care" },
        ] },
        { "match": { "type": "machine" }, "steps": [{ "after": "1d", "title": "Machines in general" }] },
        { "match": { "tag": "cup" }, "steps": [{ "after": "1d", "title": "Cups" }] },
    ] }));
    let both = json!({ "items": [
        { "title": "Espresso machine", "sku": "CAFE-1", "type": "machine", "quantity": 1, "line_id": "l1" },
        { "title": "Cup", "tags": ["cup"], "quantity": 2, "line_id": "l2" },
    ] });
    let mut facts = smooth();
    facts[0] = order(day(0, 0), "1", both);
    facts.push(order(day(6, 0), "1", json!({ "stages": { "returned": day(6, 0).millis() } })));
    check(
        &facts,
        &settings,
        &[Name::Onboarding],
        &[
            "day  4 15:00 onboarding order:1:1d: onboarding to ann@example.com",
            "day 13 15:00 onboarding order:1:10d: skipped: order returned",
        ],
    );
    let lines = live(&facts, &settings, day(60, 0));
    let line = lines.iter().find(|line| line.is(Name::Onboarding)).expect("a message");
    let steps = &line.draft.as_ref().expect("a draft").context["steps"];
    assert_eq!(
        (&steps[0]["title"], &steps[1]["title"], steps.get(2)),
        (&json!("Your first espresso"), &json!("Cups"), None)
    );
}

#[test]
fn who_bought_a_machine_and_no_beans_is_offered_help() {
    let settings = shop_with(json!({ "struggles": [{
        "name": "grind", "bought": { "type": "machine" }, "without": { "type": "beans" }, "after": "30d",
        "title": "How to dial in your grind",
    }] }));
    let beans =
        order(day(10, 0), "2", json!({ "items": [{ "title": "Beans", "type": "beans", "quantity": 1 }] }));
    check(
        &[order(day(0, 0), "1", json!({}))],
        &settings,
        &[Name::Struggle],
        &["day 30 10:00 struggle order:1:grind: struggle to ann@example.com"],
    );
    check(
        &[order(day(0, 0), "1", json!({})), beans],
        &settings,
        &[Name::Struggle],
        &["day 30 10:00 struggle order:1:grind: skipped: they bought what goes with it"],
    );
}

#[test]
fn what_is_used_up_is_reminded_of_in_time_and_buying_it_starts_anew() {
    let settings = shop_with(json!({ "products": [
        { "match": { "sku": "BEANS" }, "lasts": "30d" }, { "match": { "sku": "FILTER" }, "lasts": "32d" },
    ] }));
    let items = json!({ "items": [
        { "title": "Beans", "sku": "BEANS", "quantity": 1 }, { "title": "Filters", "sku": "FILTER", "quantity": 1 },
    ] });
    let first = order(day(0, 0), "1", items.clone());
    check(
        std::slice::from_ref(&first),
        &settings,
        &[Name::Replenish],
        &["day 23 10:00 replenish order:1:23d: replenish to ann@example.com"],
    );
    check(
        &[first, order(day(20, 0), "2", items)],
        &settings,
        &[Name::Replenish],
        &["day 43 10:00 replenish order:2:23d: replenish to ann@example.com"],
    );
}

#[test]
fn a_habit_is_learnt_from_three_purchases() {
    let beans = |days: i64, id: &str| {
        order(day(days, 0), id, json!({ "items": [{ "title": "Beans", "sku": "BEANS", "quantity": 1 }] }))
    };
    let facts = [beans(-60, "1"), beans(-30, "2"), beans(0, "3")];
    check(
        &facts,
        &shop(),
        &[Name::Replenish],
        &["day 23 10:00 replenish order:3:23d: replenish to ann@example.com"],
    );
    check(&facts[..2], &shop(), &[Name::Replenish], &[]);
}

#[test]
fn silence_is_broken_once_and_a_purchase_ends_it() {
    let settings = shop_with(json!({ "playbooks": { "win-back": { "delay": "30d" } } }));
    check(
        &[order(day(0, 0), "1", json!({}))],
        &settings,
        &[Name::WinBack],
        &["day 30 10:00 win-back order:1: win-back to ann@example.com"],
    );
    check(
        &[order(day(0, 0), "1", json!({})), order(day(29, 0), "2", json!({}))],
        &settings,
        &[Name::WinBack],
        &["day 59 10:00 win-back order:2: win-back to ann@example.com"],
    );
}

#[test]
fn birthdays_and_anniversaries_are_celebrated_where_they_are() {
    let born = |date: &str| fact(day(-400, 0), json!({ "consent": { "birthday": date } }));
    let tokyo = json!({ "contact": { "country": "JP" } });
    let lines =
        live_from(&[order(day(-400, 0), "1", tokyo), born("1990-12-01")], &shop(), day(0, 0), day(60, 0));
    let sent: Vec<_> = lines
        .iter()
        .filter(|line| line.is(Name::Milestones))
        .map(|line| (line.at, line.cause.as_str()))
        .collect();
    assert_eq!(sent, [(at("2026-12-01T00:00:00Z"), "order:1:birthday:2026")]);
    // Born on a leap day: the 28th in other years.
    let leap = [order(at("2026-02-01T09:00:00Z"), "1", json!({})), born("2000-02-29")];
    let lines = live_from(&leap, &shop(), at("2027-02-01T00:00:00Z"), at("2028-03-05T00:00:00Z"));
    let sent: Vec<_> = lines
        .iter()
        .filter(|line| line.is(Name::Milestones) && matches!(line.step, Step::Sent { .. }))
        .map(|line| (line.at.date().to_string(), line.cause.as_str()))
        .collect();
    assert_eq!(
        sent,
        [
            ("2027-02-01".to_owned(), "order:1:anniversary:2027"),
            ("2027-02-28".to_owned(), "order:1:birthday:2027"),
            ("2028-02-01".to_owned(), "order:1:anniversary:2028"),
            ("2028-02-29".to_owned(), "order:1:birthday:2028"),
        ]
    );
}

#[test]
fn tiers_and_the_third_order_are_celebrated_once_and_a_refund_takes_points_back() {
    let settings = shop_with(json!({ "loyalty": {
        "per_unit": 1, "orders": [3], "tiers": [{ "name": "Silver", "points": 90 }, { "name": "Gold", "points": 140 }],
    } }));
    let facts = [
        order(day(0, 0), "1", json!({})),
        order(day(5, 0), "2", json!({})),
        order(day(9, 0), "3", json!({})),
    ];
    check(
        &facts,
        &settings,
        &[Name::Loyalty],
        &[
            "day  5 10:00 loyalty order:1:tier:Silver: loyalty to ann@example.com",
            "day  9 10:00 loyalty order:1:tier:Gold: loyalty to ann@example.com",
            "day  9 10:00 loyalty order:1:orders:3: loyalty to ann@example.com",
        ],
    );
    let refund = json!({ "at": day(1, 0).millis(), "amount": { "minor": 4990, "currency": "EUR" } });
    let refunded = order(day(1, 0), "1", json!({ "refunds": { "f1": refund } }));
    check(&[facts[0].clone(), facts[1].clone(), refunded], &settings, &[Name::Loyalty], &[]);
}

#[test]
fn points_that_are_about_to_be_lost_are_reminded_of_once() {
    let settings = shop_with(json!({ "loyalty": { "per_unit": 1, "expire_days": 60 } }));
    check(
        &[order(day(0, 0), "1", json!({}))],
        &settings,
        &[Name::Loyalty],
        &["day 30 10:00 loyalty order:1:expiry:2027-01: loyalty to ann@example.com"],
    );
}

#[test]
fn a_late_import_says_nothing_about_the_distant_past() {
    let facts = smooth();
    let lines = live_from(&facts, &shop(), day(300, 0), day(300, 0));
    assert_eq!(told(&lines), Vec::<String>::new());
}

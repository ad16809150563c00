//! AfterShip, EasyPost, Shippo.

use aftercare_signing::hmac_sha256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::senders::{SENDERS, secret, signed};
use super::{NOW, Request, fact, keys};
use crate::fact::{Event, Fact, ShipmentReport};
use crate::time::Time;
use crate::webhook::problem::Problem;
use crate::webhook::{Accepted, SHIPMENT_UPDATED};

fn receive(sender: &str, body: &str) -> Result<Accepted, Problem> {
    signed(sender, body, NOW).send(SHIPMENT_UPDATED, &[(sender, secret(sender))])
}

#[track_caller]
fn report(sender: &str, body: &str) -> (Fact, ShipmentReport) {
    let fact = fact(receive(sender, body));
    let Event::Shipment(report) = fact.event.clone() else { panic!("not a shipment: {fact:?}") };
    (fact, report)
}

/// States with the moments they were reached.
fn states(report: &ShipmentReport) -> Vec<(&str, String)> {
    report.states.iter().map(|(state, at)| (state.as_str(), at.to_string())).collect()
}

fn expected<'a>(states: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    states.iter().map(|(state, at)| (*state, (*at).to_owned())).collect()
}

fn fixture(sender: &str) -> &'static str {
    SENDERS.iter().find(|(name, ..)| *name == sender).unwrap().2
}

#[track_caller]
fn is_ignored(result: Result<Accepted, Problem>) {
    assert!(matches!(result, Ok(Accepted::Ignored(_))), "{result:?}");
}

// ── AfterShip ───────────────────────────────────────────────────────────────

#[test]
fn aftership_tells_a_parcels_whole_history() {
    let (fact, report) = report("aftership", fixture("aftership"));
    assert_eq!(report.id, "tracking:00340434161094");
    assert_eq!(fact.at.to_string(), "2026-11-21T09:31:40Z");
    assert_eq!(
        states(&report),
        expected(&[
            // Its scan has no offset, so it is known by when AfterShip heard of it.
            ("packed", "2026-11-17T08:20:00Z"),
            ("in_transit", "2026-11-18T18:00:00Z"),
            ("out_for_delivery", "2026-11-21T09:30:00Z"),
            ("delayed", "2026-11-20T06:30:00Z"),
        ])
    );
    assert_eq!(report.note.as_deref(), Some("Out for delivery"));
    assert_eq!(report.estimated_at.unwrap().to_string(), "2026-11-22T23:59:59Z");
    assert_eq!(report.contact.locale.as_deref(), Some("de"));
}

#[test]
fn aftership_links_the_buyer_and_neither_the_receiver_nor_subscribers() {
    let (fact, _) = report("aftership", fixture("aftership"));
    assert_eq!(
        keys(&fact),
        [
            "email:ann@example.com",
            "number:1001",
            "order:820982911946154508",
            "phone:+49301234567",
            "tracking:00340434161094"
        ]
    );
}

#[test]
fn trap_20_aftership_signs_in_another_header_for_each_product() {
    let body = fixture("aftership");
    let digest = BASE64.encode(hmac_sha256(secret("aftership").as_bytes(), &[body.as_bytes()]));
    let secrets = [("aftership", "the secret of another product"), ("aftership", secret("aftership"))];
    let send = |header: &str, value: &str| {
        Request::json(body.as_ref()).with(header, value).send(SHIPMENT_UPDATED, &secrets)
    };
    let prefixed = ["hmac-sha256=", &digest].concat();
    let facts = [
        fact(send("AfterShip-Hmac-Sha256", &digest)),
        fact(send("as-signature-hmac-sha256", &digest)),
        fact(send("am-webhook-signature", &prefixed)),
    ];
    assert!(facts.iter().all(|fact| *fact == facts[0]));
    assert_eq!(send("am-webhook-signature", &digest), Err(Problem::Unauthorized));
    assert_eq!(send("aftership-hmac-sha256", &prefixed), Err(Problem::Unauthorized));
    // Nothing is timed, so a delivery is as good years later: facts are the same whenever they come.
    let late = Request { now: Time::from_seconds(1_900_000_000), ..signed("aftership", body, NOW) };
    assert_eq!(fact(late.send(SHIPMENT_UPDATED, &secrets)), facts[0]);
}

#[test]
fn aftership_revises_an_estimate() {
    let body = include_str!("../../../fixtures/aftership/edd-revise.json");
    let (_, later) = report("aftership", body);
    assert_eq!(
        states(&later),
        expected(&[("in_transit", "2026-11-20T08:00:00Z"), ("delayed", "2026-11-20T08:00:00Z")])
    );
    assert_eq!(later.estimated_at.unwrap().to_string(), "2026-11-24T23:59:59Z");
    let (_, sooner) = report("aftership", &body.replace("2026-11-24", "2026-11-20"));
    assert_eq!(states(&sooner), expected(&[("in_transit", "2026-11-20T08:00:00Z")]));
}

#[test]
fn aftership_tags_become_our_states() {
    let body = r#"{"event": "tracking_update", "msg": {"tracking_number": "T1", "updated_at": "2026-11-20T08:00:00Z",
        "tag": "TAG", "subtag": "SUB"}}"#;
    let check = |tag: &str, subtag: &str, expected: &str| {
        let (_, report) = report("aftership", &body.replace("TAG", tag).replace("SUB", subtag));
        assert_eq!(states(&report), [(expected, "2026-11-20T08:00:00Z".to_owned())], "{tag} {subtag}");
    };
    check("Pending", "Pending_001", "packed");
    check("InfoReceived", "InfoReceived_001", "packed");
    check("InTransit", "InTransit_007", "in_transit");
    check("OutForDelivery", "OutForDelivery_003", "out_for_delivery");
    check("AttemptFail", "AttemptFail_001", "attempt_failed");
    check("Delivered", "Delivered_001", "delivered");
    check("AvailableForPickup", "AvailableForPickup_001", "ready_for_pickup");
    check("Exception", "Exception_013", "exception");
    check("Exception", "Exception_004", "delayed");
    check("Exception", "Exception_011", "returning");
    check("Expired", "Expired_001", "stale");
    check("Teleported", "Teleported_001", "teleported");
}

#[test]
fn a_parcel_that_came_back_to_the_shop_is_not_delivered() {
    let body = r#"{"event": "tracking_update", "msg": {"tracking_number": "T1", "updated_at": "2026-11-20T08:00:00Z",
        "tag": "Delivered", "return_to_sender": true}}"#;
    assert_eq!(states(&report("aftership", body).1)[0].0, "returning");
    let body = fixture("easypost").replace("\"is_return\": false", "\"is_return\": true");
    let states: Vec<_> = report("easypost", &body).1.states.into_keys().collect();
    assert!(!states.contains(&crate::fact::ShipmentState::Delivered), "{states:?}");
}

#[test]
fn aftership_of_other_products_is_ignored() {
    is_ignored(receive("aftership", include_str!("../../../fixtures/aftership/return-approved.json")));
}

#[test]
fn aftership_order_ids_that_are_numbers_of_the_buyer_are_taken_as_such() {
    let body = fixture("aftership").replace("820982911946154508", "#1007");
    let (fact, report) = report("aftership", &body);
    assert_eq!(report.order_id, None);
    assert!(keys(&fact).contains(&"number:1007"), "{fact:?}");
}

// ── EasyPost ────────────────────────────────────────────────────────────────

#[test]
fn easypost_tells_a_parcels_whole_history() {
    let (fact, report) = report("easypost", fixture("easypost"));
    assert_eq!(keys(&fact), ["tracking:9400110898825022579493"]);
    assert_eq!(fact.at.to_string(), "2026-11-21T15:00:00Z");
    assert_eq!(
        states(&report),
        expected(&[
            ("packed", "2026-11-18T12:10:00Z"),
            ("in_transit", "2026-11-18T20:00:00Z"),
            ("out_for_delivery", "2026-11-21T08:00:00Z"),
            ("delayed", "2026-11-19T06:00:00Z"),
            ("delivered", "2026-11-21T14:41:00Z"),
        ])
    );
    assert_eq!(report.estimated_at.unwrap().to_string(), "2026-11-22T23:59:59Z");
}

#[test]
fn trap_15_easypost_keys_with_the_decomposed_secret_and_signs_floats_as_they_stand() {
    let body = fixture("easypost");
    assert!(body.contains("\"weight\": 17.0"));
    fact(receive("easypost", body));
    // With the secret as it was typed, the signature is another one.
    let composed = crate::hex::encode(&hmac_sha256(secret("easypost").as_bytes(), &[body.as_bytes()]));
    let request =
        Request::json(body.as_ref()).with("x-hmac-signature", &["hmac-sha256-hex=", &composed].concat());
    assert_eq!(
        request.send(SHIPMENT_UPDATED, &[("easypost", secret("easypost"))]),
        Err(Problem::Unauthorized)
    );
    // Printed again, the body is another one.
    let again = Request { body: body.replace("17.0", "17").into_bytes(), ..signed("easypost", body, NOW) };
    assert_eq!(again.send(SHIPMENT_UPDATED, &[("easypost", secret("easypost"))]), Err(Problem::Unauthorized));
}

#[test]
fn an_easypost_event_is_the_same_fact_at_each_attempt() {
    let body = fixture("easypost");
    let second = body
        .replace("\"updated_at\": \"2026-11-21T15:07:05Z\"", "\"updated_at\": \"2026-11-21T15:17:05Z\"")
        .replace("\"completed_urls\": []", "\"completed_urls\": [\"https://other.example\"]");
    assert_ne!(body, second);
    assert_eq!(report("easypost", body).0, report("easypost", &second).0);
}

#[test]
fn easypost_states_become_ours() {
    let body = r#"{"description": "tracker.updated", "result": {"tracking_code": "T1", "updated_at": "2026-11-20T08:00:00Z",
        "status": "STATUS", "status_detail": "DETAIL"}}"#;
    let check = |status: &str, detail: &str, expected: &str| {
        let (_, report) = report("easypost", &body.replace("STATUS", status).replace("DETAIL", detail));
        assert_eq!(states(&report), [(expected, "2026-11-20T08:00:00Z".to_owned())], "{status} {detail}");
    };
    check("unknown", "unknown", "unknown");
    check("pre_transit", "label_created", "packed");
    check("in_transit", "departed_facility", "in_transit");
    check("in_transit", "delayed", "delayed");
    check("out_for_delivery", "out_for_delivery", "out_for_delivery");
    check("available_for_pickup", "arrived_at_pickup_location", "ready_for_pickup");
    check("delivered", "arrived_at_destination", "delivered");
    check("return_to_sender", "return", "returning");
    check("failure", "delivery_exception", "attempt_failed");
    check("failure", "lost", "exception");
    check("error", "unknown", "exception");
    check("cancelled", "cancelled", "cancelled");
    check("beamed_up", "", "beamed_up");
}

#[test]
fn easypost_of_other_kinds_is_ignored() {
    is_ignored(receive("easypost", include_str!("../../../fixtures/easypost/batch-created.json")));
}

// ── Shippo ──────────────────────────────────────────────────────────────────

#[test]
fn shippo_tells_a_parcels_whole_history() {
    let (fact, report) = report("shippo", fixture("shippo"));
    assert_eq!(keys(&fact), ["tracking:9205590164917312751089"]);
    assert_eq!(
        states(&report),
        expected(&[
            ("packed", "2026-11-18T11:00:00Z"),
            ("in_transit", "2026-11-19T11:00:00Z"),
            ("out_for_delivery", "2026-11-21T13:00:00Z"),
            ("unknown", "2026-11-18T09:00:00Z"),
        ])
    );
    assert_eq!(report.estimated_at.unwrap().to_string(), "2026-11-21T23:59:59Z");
}

#[test]
fn trap_21_shippo_signs_only_on_request_and_else_the_url_has_a_token() {
    let body = fixture("shippo");
    let send = |query: &str| {
        let request = Request { query: query.to_owned(), ..Request::json(body.as_ref()) };
        request.send(SHIPMENT_UPDATED, &[("shippo", secret("shippo"))])
    };
    assert_eq!(fact(send("token=a-secret-of-the-shop")), fact(receive("shippo", body)));
    assert_eq!(fact(send("shop=1&token=a-secret-of-the-shop")), fact(receive("shippo", body)));
    for wrong in [
        "",
        "token",
        "token=",
        "token=a-secret-of-the-sho",
        "token=a-secret-of-the-shop1",
        "xtoken=a-secret-of-the-shop",
    ] {
        assert_eq!(send(wrong), Err(Problem::Unauthorized), "{wrong}");
    }
}

#[test]
fn shippo_signatures_grow_old() {
    let body = fixture("shippo");
    let after = |seconds: i64| {
        let now = Time::from_seconds(NOW.seconds() + seconds);
        Request { now, ..signed("shippo", body, NOW) }.send(SHIPMENT_UPDATED, &[("shippo", secret("shippo"))])
    };
    fact(after(299));
    fact(after(-299));
    assert_eq!(after(301), Err(Problem::Unauthorized));
    assert_eq!(after(-301), Err(Problem::Unauthorized));
}

#[test]
fn shippo_states_become_ours() {
    let body = r#"{"event": "track_updated", "data": {"tracking_number": "T1", "tracking_status":
        {"status": "STATUS", "substatus": {"code": "SUB"}, "status_date": "2026-11-20T08:00:00Z"}}}"#;
    let check = |status: &str, substatus: &str, expected: &str| {
        let (_, report) = report("shippo", &body.replace("STATUS", status).replace("SUB", substatus));
        assert_eq!(states(&report), [(expected, "2026-11-20T08:00:00Z".to_owned())], "{status} {substatus}");
    };
    check("UNKNOWN", "other", "unknown");
    check("PRE_TRANSIT", "information_received", "packed");
    check("TRANSIT", "package_departed", "in_transit");
    check("TRANSIT", "out_for_delivery", "out_for_delivery");
    check("TRANSIT", "pickup_available", "ready_for_pickup");
    check("TRANSIT", "delivery_attempted", "attempt_failed");
    check("TRANSIT", "delayed", "delayed");
    check("TRANSIT", "package_damaged", "exception");
    check("DELIVERED", "delivered", "delivered");
    check("RETURNED", "return_to_sender", "returning");
    check("FAILURE", "package_lost", "exception");
    check("WARPED", "", "warped");
}

#[test]
fn shippo_knows_nothing_of_a_new_parcel() {
    is_ignored(receive("shippo", include_str!("../../../fixtures/shippo/not-tracked-yet.json")));
}

#[test]
fn two_trackers_that_watch_one_parcel_name_it_alike() {
    let shippo = r#"{"event": "track_updated", "data": {"tracking_number": "ab 12", "tracking_status":
        {"status": "TRANSIT", "status_date": "2026-11-20T08:00:00Z"}}}"#;
    let easypost = r#"{"description": "tracker.updated", "result": {"tracking_code": "AB12", "status": "in_transit",
        "updated_at": "2026-11-20T08:00:00Z"}}"#;
    let (first, second) = (report("shippo", shippo), report("easypost", easypost));
    assert_eq!(first.1.id, second.1.id);
    assert_eq!(first.0.keys, second.0.keys);
}

use http::Response;

use super::{AT_ONCE, Access, Attempt, Fetching, Platforms, Refusal, Unfetched, body, request, step};
use crate::channel::CallError;
use crate::customer::Customer;
use crate::fact::FetchStep;
use crate::join::Join;
use crate::time::Time;
use crate::webhook::api;

const fn at(seconds: i64) -> Time {
    Time::from_seconds(seconds)
}

fn retry(attempt: u32, until: i64) -> FetchStep {
    FetchStep::Retry { attempt, until: at(until), why: "answered 500".to_owned() }
}

fn failed() -> FetchStep {
    FetchStep::Failed { why: "given up".to_owned() }
}

/// What is next after changes at these times and these steps, whatever the order in which they are heard of.
#[track_caller]
fn check(asked: &[i64], steps: &[(i64, FetchStep)], expected: Option<Attempt>) {
    let asked = asked.iter().map(|asked| Fetching::asked(at(*asked)));
    let steps = steps.iter().map(|(asked, step)| Fetching::answered(at(*asked), step.clone()));
    let all: Vec<Fetching> = asked.chain(steps).collect();
    let join = |all: &mut dyn Iterator<Item = &Fetching>| {
        all.fold(Fetching::default(), |mut joined, next| {
            joined.join(next.clone());
            joined
        })
    };
    let joined = join(&mut all.iter());
    assert_eq!(joined, join(&mut all.iter().rev().chain(all.iter())));
    assert_eq!(joined.next(), expected);
}

#[test]
fn what_is_next_follows_from_what_is_known() {
    let first = |asked| Some(Attempt { asked: at(asked), number: 1, due: AT_ONCE });
    check(&[], &[], None);
    check(&[5], &[], first(5));
    check(&[5, 9, 7], &[], first(9));
    check(&[5], &[(5, FetchStep::Got)], None);
    // An answer covers what came before it and is heard of later, but nothing newer.
    check(&[5, 3], &[(5, FetchStep::Got)], None);
    check(&[5, 6], &[(5, FetchStep::Got)], first(6));
    check(&[5], &[(5, retry(1, 60))], Some(Attempt { asked: at(5), number: 2, due: at(60) }));
    check(
        &[5],
        &[(5, retry(1, 60)), (5, retry(2, 40))],
        Some(Attempt { asked: at(5), number: 3, due: at(40) }),
    );
    check(&[5], &[(5, retry(1, 60)), (5, FetchStep::Got)], None);
    check(&[5, 6], &[(5, retry(4, 60))], first(6));
    check(&[5], &[(5, FetchStep::Gone)], None);
    check(&[5], &[(5, failed())], None);
    check(&[5, 6], &[(5, failed())], first(6));
    check(&[5], &[(5, failed()), (5, FetchStep::Got)], None);
}

#[track_caller]
fn answered(status: u16, headers: &[(&str, &str)], text: &str, expected: &str) {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let got = match body(Ok(response.body(text.as_bytes().to_vec()).expect("a response"))) {
        Ok(body) => String::from_utf8(body).expect("text"),
        Err(Refusal::Gone { .. }) => "gone".to_owned(),
        Err(Refusal::Later { after, .. }) => {
            format!("later {}", after.map_or(0, |after| after.num_milliseconds()))
        }
    };
    assert_eq!(got, expected, "{status} {headers:?}");
}

#[test]
fn answers_mean_what_the_platforms_say() {
    answered(200, &[], "{\"id\":250}", "{\"id\":250}");
    answered(204, &[], "", "null");
    answered(200, &[], "<html>", "later 0");
    answered(200, &[], "{\"id\":25", "later 0");
    answered(200, &[], "{},\"order\":{}", "later 0");
    answered(301, &[("location", "https://elsewhere.example")], "", "later 0");
    answered(401, &[], "{}", "later 0");
    answered(403, &[], "{}", "later 0");
    answered(404, &[], "[]", "gone");
    answered(410, &[], "", "gone");
    answered(429, &[("retry-after", "120")], "", "later 121000");
    answered(429, &[("retry-after", "2.0")], "", "later 3000");
    answered(429, &[("retry-after", "soon")], "", "later 0");
    answered(429, &[("retry-after", "-5")], "", "later 0");
    answered(429, &[("x-rate-limit-time-reset-ms", "15000")], "", "later 15000");
    answered(500, &[], "", "later 0");
    answered(503, &[("retry-after", "30")], "", "later 31000");
    let lost = body(Err(CallError::Lost("timed out".to_owned())));
    assert!(matches!(lost, Err(Refusal::Later { .. })), "asking again changes nothing: {lost:?}");
}

#[test]
fn attempts_end() {
    let later = || Err(Refusal::Later { after: None, why: "answered 500".to_owned() });
    let gone = || Err(Refusal::Gone { why: "answered 404".to_owned() });
    let waits = |attempt, outcome| match step(attempt, outcome, 1.0, at(0)) {
        FetchStep::Retry { until, .. } => until.seconds(),
        other => panic!("{other:?}"),
    };
    assert_eq!(step(1, Ok(()), 1.0, at(0)), FetchStep::Got);
    assert_eq!(waits(1, later()), 60);
    assert_eq!(waits(7, later()), 8 * 3600);
    assert_eq!(
        step(8, later(), 1.0, at(0)),
        FetchStep::Failed { why: "given up after 8 attempts: answered 500".to_owned() }
    );
    // It may have been told of before it is there.
    assert_eq!((waits(1, gone()), waits(2, gone())), (60, 300));
    assert_eq!(step(3, gone(), 1.0, at(0)), FetchStep::Gone);
}

fn platforms(token: &str) -> Platforms {
    let access =
        |token: &str| Access { url: "https://api.example/stores/abcde".to_owned(), token: token.to_owned() };
    Platforms::new([("bigcommerce", access(token)), ("shopify", access(""))])
}

#[test]
fn a_platform_is_asked_with_its_own_token() {
    let platforms = platforms("t0ken");
    assert!(!platforms.has("shopify") && !platforms.has("woocommerce"));
    let (api, access) = platforms.get("bigcommerce").expect("it has a token");
    let request = request(api, access, &(api.order)("250")).expect("a request");
    assert_eq!(request.uri(), "https://api.example/stores/abcde/v2/orders/250");
    assert_eq!(request.headers()["x-auth-token"], "t0ken");
    assert_eq!(request.headers()["accept"], "application/json");
    let shopify = api::find("shopify").expect("an API");
    assert_eq!((shopify.order)("5890127823912345678"), "/admin/api/2026-04/orders/5890127823912345678.json");
    for id in ["", "../hooks", "250?include=x", "250/refunds", "a b", "é"] {
        assert!(!api::is_plain(id), "{id}");
    }
}

fn customer(fetches: &[(&str, Fetching)]) -> Customer {
    let fetches = fetches.iter().map(|(name, fetching)| ((*name).to_owned(), fetching.clone())).collect();
    Customer { fetches, ..Customer::default() }
}

#[test]
fn what_is_missing_is_told_until_it_is_there() {
    let (without, with) = (platforms(""), platforms("t0ken"));
    let mut unfetched = Unfetched::default();
    let waiting = customer(&[("bigcommerce/250", Fetching::asked(at(5)))]);
    unfetched.note(&waiting, &without);
    assert!(unfetched.reasons().any(|reason| reason.contains("bigcommerce_token")));
    assert!(!unfetched.can_go_on(&without));
    assert_eq!(unfetched.pages(&without, 40, 16), 0..0);
    assert!(unfetched.can_go_on(&with));
    assert_eq!(unfetched.pages(&with, 40, 16), 0..16);
    assert_eq!(unfetched.pages(&with, 40, 16), 16..32);
    assert_eq!(unfetched.pages(&with, 41, 16), 32..41);
    assert!(unfetched.is_empty(), "{unfetched:?}");

    let gave_up = customer(&[("bigcommerce/250", Fetching::answered(at(5), failed()))]);
    unfetched.note(&gave_up, &with);
    assert!(unfetched.reasons().any(|reason| reason.contains("bigcommerce/250")));
    let mut again = gave_up.clone();
    again.join(customer(&[("bigcommerce/250", Fetching::asked(at(6)))]));
    unfetched.note(&again, &with);
    assert!(unfetched.is_empty(), "it is on its way again: {unfetched:?}");
}

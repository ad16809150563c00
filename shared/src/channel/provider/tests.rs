use super::*;
use crate::channel::samples::{id, mail, outgoing, text};
use crate::message::Body;

fn mail_configs() -> (resend::Config, postmark::Config, sendgrid::Config) {
    let (url, key) = ("https://mail.example".to_owned(), "key".to_owned());
    (
        resend::Config { url: url.clone(), api_key: key.clone() },
        postmark::Config {
            url: url.clone(),
            server_token: key.clone(),
            stream: "outbound".to_owned(),
            broadcast_stream: "broadcast".to_owned(),
        },
        sendgrid::Config { url, api_key: key },
    )
}

#[test]
fn the_first_that_is_configured_takes_new_messages() {
    let (resend, postmark, sendgrid) = mail_configs();
    let mut providers = Providers { sendgrid: Some(sendgrid), ..Providers::default() };
    assert_eq!(providers.of(Channel::Email), Some(Provider::Sendgrid));
    providers.postmark = Some(postmark);
    assert_eq!(providers.of(Channel::Email), Some(Provider::Postmark));
    providers.resend = Some(resend);
    assert_eq!(providers.of(Channel::Email), Some(Provider::Resend));
    assert_eq!(providers.channels(), [Channel::Email]);
}

/// A message goes on with the provider it was begun with, whatever is configured since.
#[test]
fn a_frozen_message_keeps_its_provider() {
    let (resend, postmark, _) = mail_configs();
    let body = Body { provider: Provider::Postmark, ..mail() };
    let (id, now) = (id(), Time::from_seconds(0));
    let both = Providers { resend: Some(resend.clone()), postmark: Some(postmark), ..Providers::default() };
    let request = both.request(&outgoing(&id, &body), now).expect("a request");
    assert_eq!(request.uri().path(), "/email");
    let other = Providers::from(resend).request(&outgoing(&id, &body), now);
    assert!(matches!(other, Err(Outcome::Later { .. })), "it waits for its provider to come back");
}

#[track_caller]
fn check_unfit(body: &Body) {
    let (resend, ..) = mail_configs();
    let refused = Providers::from(resend).request(&outgoing(&id(), body), Time::from_seconds(0));
    assert!(matches!(refused, Err(Outcome::Refused { .. })), "{body:?}");
}

#[test]
fn what_could_become_a_header_is_refused() {
    check_unfit(&Body { to: "ann@example.com\r\nBcc: all@example.com".to_owned(), ..mail() });
    check_unfit(&Body { to: "ann@example.com, bob@example.com".to_owned(), ..mail() });
    check_unfit(&Body { from: "Shop\n <shop@example.com>".to_owned(), ..mail() });
    check_unfit(&Body { subject: "Hi\r\nBcc: all@example.com".to_owned(), ..mail() });
    let mut headers = mail();
    headers.headers.insert("X".to_owned(), "a\r\nBcc: all@example.com".to_owned());
    check_unfit(&headers);
    for number in ["030 123456", "+49 30 123456", "4930123456", "+1-555-SHIP", "whatsapp:+4930123456", ""] {
        check_unfit(&text(Channel::Sms, number));
        check_unfit(&text(Channel::Whatsapp, number));
    }
}

#[test]
fn names_are_stable() {
    for provider in Provider::ALL {
        assert_eq!(serde_json::to_value(provider).expect("a name"), provider.as_str());
    }
}

#[test]
fn only_who_knows_keys_is_asked_again() {
    let first = Time::from_seconds(0);
    let ask = |provider: Provider, hours| provider.may_be_asked_again(first, first + TimeDelta::hours(hours));
    assert!(ask(Provider::Resend, 22) && !ask(Provider::Resend, 23));
    for provider in [Provider::Postmark, Provider::Sendgrid, Provider::Twilio, Provider::Slack] {
        assert!(!ask(provider, 0), "{provider:?}");
    }
}

#[test]
fn a_call_that_failed_is_told_from_one_that_was_lost() {
    let now = Time::from_seconds(0);
    for provider in Provider::ALL {
        let outcome = |error| provider.classify(&Err(error), now);
        assert!(matches!(outcome(CallError::NotSent("refused".to_owned())), Outcome::Later { .. }));
        assert!(matches!(outcome(CallError::Lost("timed out".to_owned())), Outcome::Lost { .. }));
    }
}

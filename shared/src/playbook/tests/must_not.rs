//! What the law forbids, over whole lives and in the words that leave. Those of the seven rules that say nothing of words
//! are in [`super::laws`]: who is asked for a review, and what anybody gets, never follows from a score.

use proptest::prelude::*;

use super::laws::{busy, end, lives, purpose, sent};
use super::*;
use crate::fact::Channel;
use crate::message::Body;
use crate::render::render;
use crate::zone::Zone;

/// Everything that was handed over, as it was said.
fn said<'l>(lines: &'l [Line], settings: &Settings) -> Vec<(&'l Line, Body)> {
    sent(lines).map(|(line, draft)| (line, render(draft, settings).expect("words"))).collect()
}

/// Ann has a number and agreed to text messages.
fn with_a_phone(facts: Vec<Fact>, country: &str, region: Option<&str>) -> Vec<Fact> {
    let mut facts = facts;
    for fact in &mut facts {
        if let Some(contact) = fact.event.contact_mut().filter(|contact| contact.country.is_some()) {
            contact.phone = crate::field::Field::Some("+4930123456".to_owned());
            contact.country = Some(country.to_owned());
            contact.region = region.map(str::to_owned);
            contact.marketing.insert(Channel::Sms, true);
        }
    }
    facts
}

/// Every playbook that has a short text goes by text message.
fn texting() -> Settings {
    let channels = json!({ "playbooks": { "shipment-status": { "channels": ["sms"] }, "delay": { "channels": ["sms", "email"] } } });
    busy().with(&channels).expect("settings")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Where a review is asked for on Google, nothing is given in the same message.
    #[test]
    fn nothing_is_given_beside_a_link_to_google(facts in lives()) {
        let google = json!({
            "reviews": { "url": "https://g.page/r/bean/review?order={order}", "reward": "" },
            "loyalty": { "per_review": 0 },
        });
        let settings = busy().with(&google).expect("settings");
        let lines = live(&facts, &settings, end());
        for (line, body) in said(&lines, &settings) {
            if body.text.contains("g.page") || body.html.contains("g.page") {
                for gift in ["SORRY-10", "10 % off", "10 € for both", "100 points"] {
                    prop_assert!(!body.text.contains(gift) && !body.html.contains(gift), "{line:?}");
                }
            }
        }
    }

    /// All mail that is not about an order under way has the headers of RFC 8058, a link that is seen, and an address.
    #[test]
    fn whoever_gets_mail_can_end_it_and_knows_who_writes(facts in lives()) {
        let settings = busy();
        let lines = live(&facts, &settings, end());
        for (line, body) in said(&lines, &settings).iter().filter(|(line, _)| purpose(line) != Purpose::Service) {
            let link = body.headers.get("List-Unsubscribe").map(|link| link.trim_matches(['<', '>']));
            let link = link.unwrap_or_default();
            prop_assert!(link.starts_with("https://care.example/p/"), "{line:?}");
            let one_click = body.headers.get("List-Unsubscribe-Post").map(String::as_str);
            prop_assert_eq!(one_click, Some("List-Unsubscribe=One-Click"));
            prop_assert!(body.text.contains(link) && body.text.contains("Bohnenweg 7"), "{}", body.text);
            prop_assert!(body.html.contains("Bohnenweg 7"), "{}", body.html);
        }
    }

    /// No text message leaves outside of the hours on the recipient's own clock, and no mail that is not service.
    #[test]
    fn nobody_is_woken(
        facts in lives(),
        place in prop::sample::select(vec![("DE", None), ("US", Some("HI")), ("US", None), ("JP", None), ("BR", None)]),
        minutes in 0..1_440_i64,
    ) {
        let (country, region) = place;
        let mut facts = with_a_phone(facts, country, region);
        for fact in &mut facts {
            fact.at = fact.at + TimeDelta::minutes(minutes);
        }
        let settings = texting();
        let zones: Vec<Zone> = Zone::of_place(country, region).collect();
        let ordered = facts.iter().find(|fact| fact.event.contact().is_some_and(|contact| contact.country.is_some()));
        // Before anybody knows where they are, the shop's clock counts.
        let known_from = ordered.map_or(end(), |_| facts.iter().filter(|fact| {
            fact.event.contact().is_some_and(|contact| contact.country.is_some())
        }).map(|fact| fact.at).min().expect("an order"));
        for (line, draft) in sent(&live(&facts, &settings, end())).filter(|(line, _)| line.at >= known_from) {
            if draft.channel == Channel::Sms || purpose(line) != Purpose::Service {
                prop_assert_eq!(settings.sending_hours.next(line.at, &zones), line.at, "{:?}", line);
            }
        }
    }

    /// After STOP nothing leaves for the number, what had been put off and service included.
    #[test]
    fn stop_stops_everything_on_that_number(facts in lives(), days in 1..30_i64) {
        let stop = day(days, 0);
        let mut facts = with_a_phone(facts, "DE", None);
        facts.retain(|fact| !matches!(fact.event, crate::fact::Event::Consent(_)));
        let report = json!({ "reach": { "channel": "sms", "address": "+4930123456", "report": "stopped" } });
        facts.push(fact(stop, report));
        for (line, draft) in sent(&live(&facts, &texting(), end())) {
            prop_assert!(draft.channel != Channel::Sms || line.at < stop, "{line:?}");
        }
    }
}

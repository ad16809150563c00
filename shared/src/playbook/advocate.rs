//! advocate: who would recommend us is given a way to. Never asked for a review: everybody is, or nobody.

use chrono::TimeDelta;
use serde_json::json;

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};
use crate::fact::SurveyKind;
use crate::link;

/// Promoters are those who answer the NPS question with 9 or 10 (Reichheld, 2003).
const PROMOTER_FROM: u8 = 9;

/// One invitation in so long.
const ONE_IN: TimeDelta = TimeDelta::days(180);

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let referral = &story.settings.referral;
    if referral.url.is_empty() {
        return;
    }
    for (id, latest) in &story.customer.answers {
        let (Some(at), Some(answer)) = (latest.reported_at(), latest.get()) else { continue };
        let promoter = answer.kind == SurveyKind::Nps && answer.score >= PROMOTER_FROM;
        if !promoter || !story.concerns(Name::Advocate, at) {
            continue;
        }
        let cause = ["answer:", id].concat();
        let invited = story
            .attempts(Name::Advocate)
            .any(|(before, message)| message.cause != cause && story.now - before < ONE_IN);
        let verdict = match own_code(story) {
            _ if invited => Verdict::skip("they were invited within half a year"),
            None => Verdict::skip("no `link_keys` are set, so there is no code of their own"),
            Some(code) => {
                let first_name = story.first_name();
                Verdict::say(To::Customer(None), "advocate", move || {
                    json!({
                        "first_name": first_name,
                        "code": code,
                        "referral_url": referral.url.replace("{code}", &code),
                        "gives": Some(&referral.gives).filter(|gives| !gives.is_empty()),
                    })
                })
            }
        };
        wishes.push(Wish::about(story, Name::Advocate, cause, at, verdict));
    }
}

fn own_code(story: &Story<'_>) -> Option<String> {
    let person = story.first_order().or_else(|| Some(story.customer.root()?.as_str()))?;
    link::code(&story.settings.links, person)
}

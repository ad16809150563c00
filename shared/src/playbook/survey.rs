//! survey: how was it? NPS after delivery, satisfaction or effort after a solved ticket, satisfaction after something went
//! wrong. One survey a person within the quarantine, over all of them.

use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::name::Name;
use super::story::{Chapter, Story, is_unhappy};
use super::wish::{To, Verdict, Wish};
use crate::customer::Order;
use crate::link::Purpose;
use crate::message::MessageId;
use crate::settings::AfterTicket;
use crate::time::Time;

/// After a solved ticket, while it is still remembered.
const AFTER_TICKET: TimeDelta = TimeDelta::hours(4);

/// After an unhappy answer: past the default quarantine, when what was promised should have happened.
const AFTER_RECOVERY: TimeDelta = TimeDelta::days(35);

/// One thing that could be asked about.
struct Occasion<'a> {
    due: Time,
    cause: String,
    /// Which survey it is.
    purpose: Purpose,
    order: Option<&'a Order>,
    order_id: Option<&'a str>,
    problem: Option<&'static str>,
    at: Time,
}

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let delay = Name::Survey.delay(story.settings).delta();
    let expires = Name::Survey.expires(story.settings).delta();
    let mut occasions: Vec<Occasion<'a>> = Vec::new();
    for chapter in &story.orders {
        occasions.extend(after_delivery(chapter, delay));
    }
    for (id, ticket) in &story.customer.tickets {
        let Some(solved) = ticket.solved_at.last().copied() else { continue };
        let reopened = ticket.reopened_at.last().is_some_and(|reopened| *reopened >= solved);
        let about = ticket.order_id.get().and_then(|id| story.chapter(id));
        occasions.push(Occasion {
            due: solved + AFTER_TICKET,
            cause: ["ticket:", id].concat(),
            purpose: after_ticket(story.settings.survey.after_ticket, id),
            order: about.map(|chapter| chapter.order),
            order_id: about.map(|chapter| chapter.id),
            problem: reopened.then_some("the ticket was opened again"),
            at: solved,
        });
    }
    for (id, latest) in &story.customer.answers {
        let (Some(at), Some(answer)) = (latest.reported_at(), latest.get()) else { continue };
        if is_unhappy(answer) {
            occasions.push(Occasion {
                due: at + AFTER_RECOVERY,
                cause: ["answer:", id, ":recovery"].concat(),
                purpose: Purpose::Csat,
                order: None,
                order_id: None,
                problem: None,
                at,
            });
        }
    }
    occasions.retain(|occasion| story.is_recent(occasion.due + expires));
    if occasions.is_empty() {
        return;
    }
    // The one that is due first is asked; the others see it.
    occasions.sort_by(|a, b| (a.due, &a.cause).cmp(&(b.due, &b.cause)));
    let mut asked: Vec<(Time, MessageId)> = story
        .attempts(Name::Survey)
        .map(|(at, message)| (at, MessageId::new(Name::Survey.as_str(), &message.cause)))
        .collect();
    for occasion in occasions {
        let id = MessageId::new(Name::Survey.as_str(), &occasion.cause);
        let begun = asked.iter().any(|(_, other)| *other == id);
        let verdict = if begun {
            ask(story, &occasion)
        } else if let Some(why) = occasion.problem.or_else(|| quarantined(story, &occasion, &asked)) {
            Verdict::skip(why)
        } else {
            asked.push((occasion.due.max(story.now), id));
            ask(story, &occasion)
        };
        wishes.push(Wish::after(
            story,
            Name::Survey,
            occasion.cause,
            occasion.due,
            TimeDelta::zero(),
            verdict,
        ));
    }
}

fn after_delivery<'a>(chapter: &Chapter<'a>, delay: TimeDelta) -> Option<Occasion<'a>> {
    let delivered = chapter.delivered?;
    Some(Occasion {
        due: delivered + delay,
        cause: ["order:", chapter.id].concat(),
        purpose: Purpose::Nps,
        order: Some(chapter.order),
        order_id: Some(chapter.id),
        problem: chapter.problem(),
        at: delivered,
    })
}

/// Satisfaction or effort. A lot that the ticket's name draws, the same one each time, so that those who are asked the one
/// and those who are asked the other are alike.
fn after_ticket(wanted: AfterTicket, ticket: &str) -> Purpose {
    let effort = match wanted {
        AfterTicket::Csat => false,
        AfterTicket::Ces => true,
        AfterTicket::Either => Sha256::digest(["after-ticket", ticket].join("\n"))[0] & 1 == 1,
    };
    if effort { Purpose::Ces } else { Purpose::Csat }
}

/// Whether somebody answered counts, what they answered does not.
fn quarantined(
    story: &Story<'_>,
    occasion: &Occasion<'_>,
    asked: &[(Time, MessageId)],
) -> Option<&'static str> {
    let quarantine = story.settings.survey_quarantine.delta();
    let at = occasion.due.max(story.now);
    if asked.iter().any(|(other, _)| at - *other < quarantine && *other - at < quarantine) {
        return Some("they were asked within the quarantine");
    }
    let answers = story.customer.answers.values().filter_map(crate::join::Latest::reported_at);
    let mut recent = answers.filter(|answered| *answered <= at && at - *answered < quarantine);
    recent.next().map(|_| "they answered a survey within the quarantine")
}

fn ask<'a>(story: &Story<'a>, occasion: &Occasion<'a>) -> Verdict<'a> {
    let settings = story.settings;
    let (kind, template) = match occasion.purpose {
        Purpose::Csat => ("csat", "survey-csat"),
        Purpose::Ces => ("ces", "survey-ces"),
        _ => ("nps", "survey-nps"),
    };
    let url = if settings.survey.url.is_empty() {
        // What it is about, so that two surveys are two answers. It tells nothing of the person.
        let key = occasion.cause.trim_end_matches(":recovery");
        settings.links.make(occasion.purpose, key, occasion.at, TimeDelta::days(90))
    } else {
        let order = occasion.order_id.unwrap_or_default();
        Some(settings.survey.url.replace("{order}", order).replace("{kind}", kind))
    };
    let Some(url) = url else {
        return Verdict::skip("there is no page to answer on: set `link_keys`, or `survey.url`");
    };
    // One tap in the mail chooses; the page asks for confirmation. A survey tool's page knows nothing of it.
    let scale = settings.survey.url.is_empty().then(|| occasion.purpose.scale()).flatten();
    let scores = scale.map_or_else(Vec::new, |scale| {
        let tap = |score| json!({ "score": score, "score_url": format!("{url}?score={score}") });
        (scale.min..=scale.max).map(tap).collect()
    });
    let (first_name, thanks) = (story.first_name(), &settings.survey.thanks);
    let number = occasion.order.and_then(|order| order.number.get());
    Verdict::say(To::Customer(occasion.order), template, move || {
        json!({
            "first_name": first_name,
            "number": number,
            "survey_url": url,
            "scores": scores,
            "thanks": Some(thanks).filter(|thanks| !thanks.is_empty()),
        })
    })
}

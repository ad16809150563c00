//! recovery: an unhappy customer. The team is told at once, the customer gets an apology, and later one question.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::name::Name;
use super::story::{Story, is_unhappy};
use super::wish::{To, Verdict, Wish};
use crate::fact::{Answer, Review, SurveyKind};
use crate::time::Time;

/// A person reads the alert first; an apology within the same second would look like what it is.
const APOLOGY_AFTER: TimeDelta = TimeDelta::minutes(30);

/// Who rates three things badly in one go is not apologised to three times.
const ONE_APOLOGY_IN: TimeDelta = TimeDelta::days(14);

/// Two stars or fewer.
const BAD_REVIEW: u16 = 200;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let mut causes: Vec<(Time, String, Option<&'a str>)> = Vec::new();
    for (id, latest) in &story.customer.answers {
        let (Some(at), Some(answer)) = (latest.reported_at(), latest.get()) else { continue };
        if !story.concerns(Name::Recovery, at) || !is_unhappy(answer) {
            continue;
        }
        let cause = ["answer:", id].concat();
        let alert = if answer.kind == SurveyKind::Nps {
            Verdict::say(To::Team, "detractor-alert", of_answer(story, answer, at))
        } else {
            Verdict::say(To::Team, "case-alert", case_of_answer(story, answer, at))
        };
        causes.push((at, cause.clone(), order_number(story, answer.order_id.as_ref())));
        wishes.push(Wish::after(story, Name::Recovery, cause, at, TimeDelta::zero(), alert));
    }
    for (id, latest) in &story.customer.reviews {
        let (Some(at), Some(review)) = (latest.reported_at(), latest.get()) else { continue };
        if !story.concerns(Name::Recovery, at) || review.rating_hundredths > BAD_REVIEW || review.withdrawn {
            continue;
        }
        let cause = ["review:", id].concat();
        let alert = Verdict::say(To::Team, "case-alert", case_of_review(story, review, at));
        causes.push((at, cause.clone(), order_number(story, review.order_id.as_ref())));
        wishes.push(Wish::after(story, Name::Recovery, cause, at, TimeDelta::zero(), alert));
    }
    causes.sort();
    let mut last: Option<Time> = None;
    for (at, cause, number) in causes {
        let cause = [&*cause, ":apology"].concat();
        let verdict = if last.is_some_and(|last| at - last < ONE_APOLOGY_IN) {
            Verdict::skip("an apology for something shortly before covers this")
        } else {
            last = Some(at);
            apology(story, number)
        };
        wishes.push(Wish::after(story, Name::Recovery, cause, at, APOLOGY_AFTER, verdict));
    }
}

/// No voucher: what somebody gets must not follow from what they said.
fn apology<'a>(story: &Story<'a>, number: Option<&'a str>) -> Verdict<'a> {
    let first_name = story.first_name();
    let (hours, zone) = (story.settings.business_hours, &story.settings.time_zone);
    let open_now = hours.next(story.now, zone) == story.now;
    Verdict::say(
        To::Customer(None),
        "apology",
        move || json!({ "first_name": first_name, "number": number, "open_now": open_now }),
    )
}

fn order_number<'a>(story: &Story<'a>, id: Option<&'a String>) -> Option<&'a str> {
    let id = id?;
    story.chapter(id).and_then(super::story::Chapter::number).or(Some(id))
}

fn of_answer<'a>(story: &Story<'a>, answer: &'a Answer, at: Time) -> impl FnOnce() -> Value + use<'a> {
    let (customer, email) = (story.full_name(), story.customer.email());
    let order = order_number(story, answer.order_id.as_ref());
    move || {
        json!({
            "score": answer.score,
            "scale": answer.scale.to_string(),
            "comment": answer.comment,
            "customer": customer,
            "email": email,
            "order": order,
            "at": at.to_string(),
        })
    }
}

fn case_of_answer<'a>(story: &Story<'a>, answer: &'a Answer, at: Time) -> impl FnOnce() -> Value + use<'a> {
    let (customer, email) = (story.full_name(), story.customer.email());
    let order = order_number(story, answer.order_id.as_ref());
    move || {
        json!({
            "what": if answer.kind == SurveyKind::Csat { "csat" } else { "ces" },
            "score": answer.score.to_string(),
            "scale": answer.scale.to_string(),
            "comment": answer.comment,
            "customer": customer,
            "email": email,
            "order": order,
            "carrier": null,
            "tracking_number": null,
            "tracking_url": null,
            "at": at.to_string(),
        })
    }
}

fn case_of_review<'a>(story: &Story<'a>, review: &'a Review, at: Time) -> impl FnOnce() -> Value + use<'a> {
    let (customer, email) = (story.full_name(), story.customer.email());
    let order = order_number(story, review.order_id.as_ref());
    move || {
        let text = [review.title.as_deref(), review.body.as_deref()];
        let comment = text.into_iter().flatten().collect::<Vec<_>>().join("\n");
        json!({
            "what": "review",
            "score": review.rated.split(' ').next(),
            "scale": review.rated.rsplit(' ').next(),
            "comment": Some(comment).filter(|comment| !comment.is_empty()),
            "customer": customer,
            "email": email,
            "order": order,
            "carrier": null,
            "tracking_number": null,
            "tracking_url": null,
            "at": at.to_string(),
        })
    }
}

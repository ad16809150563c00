//! recovery: an unhappy customer. The team is told at once, the customer gets an apology, and later one question.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::alert::{Details, alert};
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
            alert(story, at, of_rating(story, answer))
        };
        causes.push((at, cause.clone(), story.number_of(answer.order_id.as_deref())));
        wishes.push(Wish::after(story, Name::Recovery, cause, at, TimeDelta::zero(), alert));
    }
    for (id, latest) in &story.customer.reviews {
        let (Some(at), Some(review)) = (latest.reported_at(), latest.get()) else { continue };
        if !story.concerns(Name::Recovery, at) || review.rating_hundredths > BAD_REVIEW || review.withdrawn {
            continue;
        }
        let cause = ["review:", id].concat();
        let alert = alert(story, at, of_review(story, review));
        causes.push((at, cause.clone(), story.number_of(review.order_id.as_deref())));
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

fn of_answer<'a>(story: &Story<'a>, answer: &'a Answer, at: Time) -> impl FnOnce() -> Value + use<'a> {
    let (customer, email) = (story.customer.full_name(), story.customer.email());
    let order = story.number_of(answer.order_id.as_deref());
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

fn of_rating<'a>(story: &Story<'a>, answer: &'a Answer) -> Details<'a> {
    Details {
        what: if answer.kind == SurveyKind::Csat { "csat" } else { "ces" },
        score: Some(answer.score.to_string()),
        scale: Some(answer.scale.to_string()),
        comment: answer.comment.clone(),
        order: story.number_of(answer.order_id.as_deref()),
        ..Details::default()
    }
}

fn of_review<'a>(story: &Story<'a>, review: &'a Review) -> Details<'a> {
    let text = [review.title.as_deref(), review.body.as_deref()];
    Details {
        what: "review",
        score: review.rated.split(' ').next().map(str::to_owned),
        scale: review.rated.rsplit(' ').next().map(str::to_owned),
        comment: Some(text.into_iter().flatten().collect::<Vec<_>>().join("\n")),
        order: story.number_of(review.order_id.as_deref()),
        ..Details::default()
    }
}

//! `survey.submitted`.

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery, gather};
use super::{Envelope, Person, SOURCE, open, order_id};
use crate::fact::{Answer, Direction, Event, Scale, SurveyKind};
use crate::key::Key;

pub(in super::super) fn answers(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    open(body, &["survey.submitted"], answer)
}

fn answer(Envelope { at, data, .. }: Envelope<'_>) -> Result<Accepted, Problem> {
    let survey = data.require("survey", data.object("survey"))?;
    let id = survey.require("answer_id", survey.id("answer_id"))?;
    let (kind, scale) = question(&survey)?;
    let score = survey.require("score", survey.whole("score"))?;
    let score = u8::try_from(score).ok().filter(|score| (scale.min..=scale.max).contains(score));
    let score =
        score.ok_or_else(|| survey.problem("score", &format!("Must be a whole number in {scale}.")))?;
    let order_id = order_id(&data);
    let ticket_id = data.object("ticket").and_then(|ticket| ticket.id("id"));
    let person = Person::read(&data);
    let keys = person.keys_with(
        &data,
        [order_id.as_deref().and_then(Key::order), ticket_id.as_deref().and_then(Key::ticket)],
    )?;
    let answer = Answer {
        id,
        kind,
        score,
        scale,
        comment: survey.comment("comment"),
        tags: gather(survey.lines("tags")),
        order_id,
        ticket_id,
        product_id: survey.id("product_id"),
        contact: person.contact,
        change: 0,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Answer(answer)))
}

/// What was asked, on which scale, and which end of it is good.
fn question(survey: &Object<'_>) -> Result<(SurveyKind, Scale), Problem> {
    let (kind, usual) = match survey.require("kind", survey.line("kind"))?.as_str() {
        "nps" => (SurveyKind::Nps, Scale::NPS),
        "csat" => (SurveyKind::Csat, Scale::CSAT),
        // `The company made it easy`, agreed from 1 to 7; the older question about effort is `good: low`.
        "ces" => (SurveyKind::Ces, Scale::CES),
        _ => return Err(survey.problem("kind", "Must be nps, csat or ces.")),
    };
    let good = match survey.line("good").as_deref() {
        None => usual.good,
        Some("high") => Direction::High,
        Some("low") => Direction::Low,
        Some(_) => {
            return Err(survey.problem("good", "Must be high or low: the end of the scale that is good."));
        }
    };
    let (min, max) = match survey.line("scale") {
        None => (usual.min, usual.max),
        Some(scale) => ends(&scale).ok_or_else(|| {
            survey.problem("scale", "Must be a scale such as 1-5: from 0 or 1 to at most 10.")
        })?,
    };
    let scale = Scale { min, max, good };
    // A promoter is a 9 or a 10 of eleven; there is no NPS on another scale.
    if kind == SurveyKind::Nps && scale != Scale::NPS {
        return Err(survey.problem("scale", "NPS is asked on 0-10, where high is good."));
    }
    Ok((kind, scale))
}

/// `1-5` as its ends.
fn ends(scale: &str) -> Option<(u8, u8)> {
    let (min, max) = scale.split_once('-')?;
    let min = match min {
        "0" => 0,
        "1" => 1,
        _ => return None,
    };
    // Without leading zeros or signs, so that a scale is written in one way.
    let max = (2..=10).find(|end: &u8| end.to_string() == max)?;
    Some((min, max))
}

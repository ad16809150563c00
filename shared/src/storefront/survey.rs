//! `/s/<token>`: one question.

use std::collections::BTreeSet;

use minijinja::{Value, context};

use super::{Form, Guest, Look, Reply, Visit, fill, isolated, next_change, notice};
use crate::customer::Customer;
use crate::fact::{Answer, Contact, Event, Scale, SurveyKind};
use crate::join::Latest;
use crate::link::Purpose;
use crate::render::clean;
use crate::settings::Settings;

pub(super) fn answer(settings: &Settings, guest: &Guest, customer: Customer, visit: &Visit<'_>) -> Reply {
    let order = (guest.key.kind() == "order").then(|| customer.orders.get(guest.key.id())).flatten();
    let look = Look::of(settings, &customer, order);
    let (kind, scale) = question(guest.token.purpose);
    let id = guest.name(&[name(kind)]);
    let Some(form) = Form::posted(visit) else {
        // Preselected, and no more than that: what opens links in mails is often a machine.
        let tapped = Form::encoded(visit.query).get("score").and_then(|score| read(score, scale));
        let known = customer.answers.get(&id);
        return ask(&look, guest, scale, known, tapped, false);
    };
    let known = customer.answers.get(&id);
    let Some(score) = form.get("score").and_then(|score| read(score, scale)) else {
        return ask(&look, guest, scale, known, None, true);
    };
    let comment = form.get("comment").map(super::words).filter(|comment| !comment.is_empty());
    let said = known.and_then(|known| Some((known.reported_at()?, known.get()?)));
    if said.is_some_and(|(_, said)| said.score == score && said.comment == comment) {
        return thanks(&look, guest, scale, score);
    }
    let Some(change) = next_change(said.map(|(at, said)| (at, said.change)), visit.now) else {
        return notice(&look, 429, "many");
    };
    let about = |kind: &str| (guest.key.kind() == kind).then(|| guest.key.id().to_owned());
    let answer = Answer {
        id,
        kind,
        score,
        scale,
        comment,
        tags: BTreeSet::new(),
        order_id: about("order"),
        ticket_id: about("ticket"),
        product_id: None,
        contact: Contact::default(),
        change,
    };
    thanks(&look, guest, scale, score).storing(Some(guest.fact(
        visit,
        said.map(|(at, _)| at),
        None,
        Event::Answer(answer),
    )))
}

const fn question(purpose: Purpose) -> (SurveyKind, Scale) {
    match purpose {
        Purpose::Csat => (SurveyKind::Csat, Scale::CSAT),
        Purpose::Ces => (SurveyKind::Ces, Scale::CES),
        _ => (SurveyKind::Nps, Scale::NPS),
    }
}

const fn name(kind: SurveyKind) -> &'static str {
    match kind {
        SurveyKind::Nps => "nps",
        SurveyKind::Csat => "csat",
        SurveyKind::Ces => "ces",
    }
}

/// Digits as a person types them, and nothing else.
fn read(score: &str, scale: Scale) -> Option<u8> {
    let digits = score.bytes().all(|byte| byte.is_ascii_digit());
    score.parse().ok().filter(|score| digits && (scale.min..=scale.max).contains(score))
}

fn ask(
    look: &Look<'_>,
    guest: &Guest,
    scale: Scale,
    known: Option<&Latest<Answer>>,
    tapped: Option<u8>,
    missing: bool,
) -> Reply {
    let words = look.words(name(question(guest.token.purpose).0));
    let brand = look.settings.brand.name.as_str();
    let said = known.and_then(Latest::get);
    let values = context! {
        question => fill(&words("question"), &[("{brand}", brand)]),
        low => words("low"),
        high => words("high"),
        scores => (scale.min..=scale.max).collect::<Vec<_>>(),
        chosen => tapped.or(said.map(|said| said.score)),
        comment => said.and_then(|said| said.comment.clone()).unwrap_or_default(),
        answered => said.is_some(),
        missing,
        until => look.day(guest.token.good_through),
        thanks => isolated(&look.settings.survey.thanks),
    };
    look.reply(if missing { 422 } else { 200 }, "survey.html", values)
}

/// The same for everybody, whatever they answered: nobody's review is chosen.
fn thanks(look: &Look<'_>, guest: &Guest, scale: Scale, score: u8) -> Reply {
    let settings = look.settings;
    let order = if guest.key.kind() == "order" { guest.key.id() } else { "" };
    let review_url = settings.reviews.url.replace("{order}", order);
    let words = look.words("survey");
    let values = context! {
        said => fill(&words("said"), &[("{score}", &score.to_string()), ("{max}", &scale.max.to_string())]),
        until => look.day(guest.token.good_through),
        thanks => isolated(&settings.survey.thanks),
        review_url => Value::from(if clean::is_url(&review_url) { review_url } else { String::new() }),
        reward => isolated(&settings.reviews.reward),
    };
    look.reply(200, "thanks.html", values)
}

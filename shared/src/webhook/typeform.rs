//! Typeform: `Typeform-Signature`, `sha256=` and the base64 of HMAC-SHA256 over the body.
//!
//! Typeform does not know what a question measures, so its reference tells (`docs/senders.md`): it begins with `nps`, `csat`
//! or `ces`, may go on with the scale, and says `low` where low is good: `csat_1_10`, `ces_1_5_low`. A form asks one such
//! question; of several, the first that was answered counts.
//!
//! Two bodies may share `event_id` and `token` and differ. An answer goes by its token, so the newer one counts; but the
//! token alone links nobody.

use std::collections::BTreeSet;

use super::json::Object;
use super::problem::Problem;
use super::verify::{Proof, Signature};
use super::{Accepted, Delivery, Sender, person, rating, text};
use crate::fact::{Answer, Contact, Direction, Event, Scale, SurveyKind};
use crate::field::Field;
use crate::key::Key;

pub(super) const SENDER: Sender = Sender {
    name: "typeform",
    proofs: &[Proof::Signature(Signature {
        prefix: "sha256=",
        ..Signature::over_body("typeform-signature")
    })],
    strict: false,
};

const SOURCE: &str = "typeform";

pub(super) fn answers(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.require("event_type", body.line("event_type"))?;
    if event != "form_response" {
        return Ok(Accepted::ignored(format!("{event} is not one that this URL takes")));
    }
    let response = body.require("form_response", body.object("form_response"))?;
    let token = response.require("token", response.id("token"))?;
    let at = response.require("submitted_at", response.time("submitted_at"))?;
    // Questions that were left out are not there.
    let given = response.objects("answers").unwrap_or_default();
    let asked = response.object("definition").and_then(|form| form.objects("fields")).unwrap_or_default();

    let question = given.iter().find_map(|answer| Some((answer, Question::of(answer, &asked)?)));
    let Some((scored, question)) = question else {
        return Ok(Accepted::ignored("no answer to a question whose reference begins with nps, csat or ces"));
    };
    let scale = question.scale().ok_or_else(|| {
        scored.problem("field", "NPS is asked on 0-10, where high is good; others on 0 or 1 to at most 10.")
    })?;
    let score = scored.require("number", scored.whole("number"))?;
    let score = u8::try_from(score).ok().filter(|score| (scale.min..=scale.max).contains(score));
    let score =
        score.ok_or_else(|| scored.problem("number", &format!("Must be a whole number in {scale}.")))?;

    let hidden = response.object("hidden");
    let named = |name| hidden.as_ref().and_then(|hidden| person::id(hidden, name));
    let (order_id, ticket_id) = (named("order_id"), named("ticket_id"));
    let (contact, mut keys) = respondent(hidden.as_ref(), &given);
    keys.extend([
        order_id.as_deref().and_then(Key::order),
        named("order_number").as_deref().and_then(Key::order_number),
        ticket_id.as_deref().and_then(Key::ticket),
        named("customer_id").as_deref().and_then(Key::customer),
    ]);
    // Nobody we know, but an answer all the same.
    if keys.iter().all(Option::is_none) {
        keys.push(Key::person(SOURCE, &token));
    }
    let answer = Answer {
        id: [SOURCE, "/", &token].concat(),
        kind: question.kind,
        score,
        scale,
        comment: comment(&given, &asked),
        tags: BTreeSet::new(),
        order_id,
        ticket_id,
        product_id: named("product_id"),
        contact,
        change: 0,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Answer(answer)))
}

// ── The question ────────────────────────────────────────────────────────────

/// What was asked.
struct Question {
    kind: SurveyKind,
    ends: Option<(u8, u8)>,
    good: Direction,
}

impl Question {
    /// What an answer is an answer to, when it is one that is scored.
    fn of(answer: &Object<'_>, asked: &[Object<'_>]) -> Option<Self> {
        let (reference, definition) = asked_in(answer, asked)?;
        let reference = reference.to_ascii_lowercase();
        let words: Vec<&str> = reference.split(['_', '-']).collect();
        let (first, rest) = words.split_first()?;
        let kind = match *first {
            "nps" => SurveyKind::Nps,
            "csat" => SurveyKind::Csat,
            "ces" => SurveyKind::Ces,
            _ => return None,
        };
        let ends = match rest {
            [min, max, ..] => rating::scale(&[min, "-", max].concat()),
            _ => None,
        };
        let good = if rest.contains(&"low") { Direction::Low } else { Direction::High };
        Some(Self { kind, ends: ends.or_else(|| definition.and_then(defined_ends)), good })
    }

    /// Its scale; where neither the reference nor the form tells, the usual one.
    fn scale(&self) -> Option<Scale> {
        let usual = match self.kind {
            SurveyKind::Nps => (0, 10),
            SurveyKind::Csat => (1, 5),
            SurveyKind::Ces => (1, 7),
        };
        let (min, max) = self.ends.unwrap_or(usual);
        let scale = Scale { min, max, good: self.good };
        (max <= 10 && (self.kind != SurveyKind::Nps || scale == Scale::NPS)).then_some(scale)
    }
}

/// The reference of the question, and its definition. An answer names its question by id, and not always by reference.
fn asked_in<'a, 'b>(
    answer: &Object<'a>,
    asked: &'b [Object<'a>],
) -> Option<(String, Option<&'b Object<'a>>)> {
    let field = answer.object("field")?;
    let id = field.id("id");
    let definition = asked.iter().find(|definition| id.is_some() && definition.id("id") == id);
    let reference = field.line("ref").or_else(|| definition?.line("ref"))?;
    Some((reference, definition))
}

/// The scale as the form defines it: opinion scales begin at 0 unless they say otherwise, ratings at 1.
fn defined_ends(definition: &Object<'_>) -> Option<(u8, u8)> {
    let properties = definition.object("properties")?;
    let steps = u8::try_from(properties.whole("steps")?).ok().filter(|steps| (2..=11).contains(steps))?;
    let is_rating = definition.line("type").as_deref() == Some("rating");
    let starts_at_one = is_rating || properties.bool("start_at_one").unwrap_or_default();
    Some(if starts_at_one { (1, steps) } else { (0, steps - 1) })
}

/// The text whose question's reference begins with `comment`, else the first long text.
fn comment(given: &[Object<'_>], asked: &[Object<'_>]) -> Option<String> {
    let is_comment = |answer: &&Object<'_>| {
        asked_in(answer, asked)
            .is_some_and(|(reference, _)| reference.to_ascii_lowercase().starts_with("comment"))
    };
    let is_long = |answer: &&Object<'_>| {
        answer.object("field").and_then(|field| field.line("type")).as_deref() == Some("long_text")
    };
    let answer = given.iter().find(is_comment).or_else(|| given.iter().find(is_long))?;
    answer.comment("text")
}

// ── The respondent ──────────────────────────────────────────────────────────

/// Who answered. Hidden fields are the shop's own words, out of the link it sent. An address that was typed into the form
/// counts only where they name nobody: whoever was forwarded the link is another person.
fn respondent(hidden: Option<&Object<'_>>, given: &[Object<'_>]) -> (Contact, Vec<Option<Key>>) {
    let identifying = ["email", "phone", "customer_id", "order_id", "order_number", "ticket_id"];
    let mut contact = Contact::default();
    let names_somebody =
        |hidden: &&Object<'_>| identifying.iter().any(|name| person::id(hidden, name).is_some());
    if let Some(hidden) = hidden.filter(names_somebody) {
        contact.email = person::email(hidden, "email");
        contact.phone = person::phone(hidden, "phone");
        contact.locale = hidden.parsed("locale", "a language tag", text::locale);
    } else {
        let typed = |name: &str, read: fn(&Object<'_>, &str) -> Field<String>| {
            given.iter().map(|answer| read(answer, name)).find(|value| !value.is_absent()).unwrap_or_default()
        };
        contact.email = typed("email", person::email);
        contact.phone = typed("phone_number", person::phone);
    }
    let keys = person::keys(&contact);
    (contact, keys)
}

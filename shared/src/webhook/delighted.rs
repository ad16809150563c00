//! Delighted: `X-Delighted-Webhook-Signature`, `sha256=` and the hex of HMAC-SHA256 over the body, keyed with the private
//! API key. The score comes in `survey_response.created`, the comment minutes later in `survey_response.updated`: two reports
//! of one answer, of which the newer counts.

use super::json::Object;
use super::moment::moment;
use super::problem::Problem;
use super::verify::{Encoding, Proof, Signature};
use super::{Accepted, Delivery, Sender, gather, person, text};
use crate::fact::{Answer, Channel, ConsentReport, Contact, Direction, Event, Scale, SurveyKind};
use crate::key::Key;

pub(super) const SENDER: Sender = Sender {
    name: "delighted",
    proofs: &[Proof::Signature(Signature {
        prefix: "sha256=",
        encoding: Encoding::Hex,
        ..Signature::over_body("x-delighted-webhook-signature")
    })],
    strict: false,
};

const SOURCE: &str = "delighted";

pub(super) fn answers(_: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let event = body.require("event_type", body.line("event_type"))?;
    match event.as_str() {
        "survey_response.created" | "survey_response.updated" => {
            answer(&body.require("event_data", body.object("event_data"))?)
        }
        "unsubscribe.created" => unsubscribed(&body.require("event_data", body.object("event_data"))?),
        _ => Ok(Accepted::ignored(format!("{event} is not one that this URL takes"))),
    }
}

fn answer(data: &Object<'_>) -> Result<Accepted, Problem> {
    let id = data.require("id", data.id("id"))?;
    let at = data.require("updated_at", moment(data, "updated_at").or_else(|| moment(data, "created_at")))?;
    // Older webhooks knew only one type.
    let survey = data.line("survey_type").unwrap_or_else(|| "nps".to_owned()).to_ascii_lowercase();
    let of_five = Scale { min: 1, max: 5, good: Direction::High };
    let (kind, scale) = match survey.as_str() {
        "nps" => (SurveyKind::Nps, Scale::NPS),
        "csat" | "five_star" | "smileys" => (SurveyKind::Csat, of_five),
        // How easy it was, agreed from 1 to 5.
        "ces" => (SurveyKind::Ces, of_five),
        // Of employees, thumbs, product-market fit: no score of ours.
        _ => return Ok(Accepted::ignored(format!("surveys of type {survey} are not scored"))),
    };
    let score = data.require("score", data.whole("score"))?;
    let score = u8::try_from(score).ok().filter(|score| (scale.min..=scale.max).contains(score));
    let score = score.ok_or_else(|| data.problem("score", &format!("Must be a whole number in {scale}.")))?;

    let person = data.require("person", data.object("person"))?;
    let mut contact = Contact {
        email: person::email(&person, "email"),
        phone: person::phone(&person, "phone_number"),
        ..Contact::default()
    };
    person::named(person.line("name"), &mut contact);
    let properties = data.object("person_properties");
    let property = |name| properties.as_ref().and_then(|properties| person::id(properties, name));
    contact.locale = properties
        .as_ref()
        .and_then(|properties| properties.parsed("locale", "a language tag", text::locale));
    let (order_id, ticket_id) = (property("order_id"), property("ticket_id"));
    let mut keys = person::keys(&contact);
    keys.extend([
        person::id(&person, "id").and_then(|id| Key::person(SOURCE, &id)),
        order_id.as_deref().and_then(Key::order),
        ticket_id.as_deref().and_then(Key::ticket),
        property("customer_id").as_deref().and_then(Key::customer),
    ]);
    if keys.iter().all(Option::is_none) {
        return Err(person.problem("email", "Nobody can be found by this: give an id or an e-mail address."));
    }
    let answer = Answer {
        id: [SOURCE, "/", &id].concat(),
        kind,
        score,
        scale,
        comment: data.comment("comment"),
        tags: gather(data.lines("tags")),
        order_id,
        ticket_id,
        product_id: property("product_id"),
        contact,
        change: 0,
    };
    Ok(Accepted::fact(at, SOURCE, keys, Event::Answer(answer)))
}

/// Whoever wants no survey wants no advertisement either.
fn unsubscribed(data: &Object<'_>) -> Result<Accepted, Problem> {
    let person = data.object("person");
    let person = person.as_ref().unwrap_or(data);
    let email = person::email(person, "email");
    let key = email.as_ref().value().and_then(|email| Key::email(email));
    let key = person.require("email", key)?;
    let at = moment(data, "unsubscribed_at").or_else(|| moment(data, "created_at"));
    let at = data.require("unsubscribed_at", at)?;
    let contact = Contact { marketing: gather([(Channel::Email, false)]), ..Contact::default() };
    Ok(Accepted::fact(
        at,
        SOURCE,
        vec![Some(key)],
        Event::Consent(ConsentReport { contact, ..ConsentReport::default() }),
    ))
}

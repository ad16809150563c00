//! People, as senders other than the shop know them: surely enough to find a customer by, never so loosely that two
//! customers become one.

use super::json::Object;
use super::text;
use crate::fact::Contact;
use crate::field::Field;
use crate::key::Key;

/// An e-mail address. That there is none says nothing here: only the shop itself may clear what it set.
pub(super) fn email(object: &Object<'_>, name: &str) -> Field<String> {
    let address = object
        .parsed(name, "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned()))
        .filter(|address| !is_placeholder(address));
    address.map_or(Field::Absent, Field::Some)
}

/// A phone number; `null` says nothing, as for an address.
pub(super) fn phone(object: &Object<'_>, name: &str) -> Field<String> {
    object.line(name).filter(|number| !is_placeholder(number)).map_or(Field::Absent, Field::Some)
}

/// The keys that a contact has of itself.
pub(super) fn keys(contact: &Contact) -> Vec<Option<Key>> {
    vec![
        contact.email.as_ref().value().and_then(|email| Key::email(email)),
        contact.phone.as_ref().value().and_then(|phone| Key::phone(phone)),
    ]
}

/// A full name in two parts, at its first blank.
pub(super) fn named(full: Option<String>, contact: &mut Contact) {
    let full = full.filter(|name| !is_placeholder(name)).unwrap_or_default();
    let (first, last) = full.split_once(' ').unwrap_or((&full, ""));
    contact.first_name = text::line(first);
    contact.last_name = text::line(last);
}

/// An id that means somebody: not what a form or a template puts where a value is missing. Of such an id there are
/// many, and all would be one customer.
pub(super) fn id(object: &Object<'_>, name: &str) -> Option<String> {
    object.id(name).filter(|id| !is_placeholder(id))
}

/// `xxxxx`, which Typeform writes into links to be replaced; what is left of a template that was not filled in; how
/// languages print nothing; and zero, the id of every guest.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let nothing = ["null", "none", "nil", "undefined", "unknown", "n/a", "-", "nan"];
    let all_of = |c: char| text.chars().all(|other| other.eq_ignore_ascii_case(&c));
    text.is_empty()
        || all_of('0')
        || all_of('x')
        || nothing.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.contains(['{', '}', '[', ']', '<', '>', '|', '%'])
}

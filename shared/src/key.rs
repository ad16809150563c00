//! Keys: the names by which a customer's record can be found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One name of a customer or of something that belongs to exactly one customer: `email:ann@example.com`,
/// `order:1001`, `tracking:00340434161094`.
///
/// Keys that stand in one fact belong together, so a customer is a connected set of keys: a carrier event that knows
/// only a tracking number reaches the person whose order named that number, whichever came first.
/// A deployment is one shop, so ids need no further name space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

/// Longer ids than any sender's; a longer one is an attack or a mistake.
const MAX_ID_BYTES: usize = 200;

impl Key {
    /// `None` when the id is empty, longer than 200 bytes, or holds control characters.
    fn new(kind: &str, id: &str) -> Option<Self> {
        let id = id.trim();
        let valid = !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control);
        valid.then(|| Self(format!("{kind}:{id}")))
    }

    /// A key as [`Self::as_str`] writes it; `None` for what is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        let known = [
            "customer", "email", "phone", "order", "number", "shipment", "tracking", "ticket", "answer",
            "review", "person", "week",
        ];
        let key = Self::new(kind, id).filter(|_| known.contains(&kind))?;
        (key.0 == text).then_some(key)
    }

    /// The platform's customer id.
    pub fn customer(id: &str) -> Option<Self> {
        Self::new("customer", id)
    }

    /// An e-mail address, in lower case: no shop tells two customers apart by the case of their address. ASCII only: the
    /// tables for all other letters would be 15 KB in every component, for addresses that hardly anyone has.
    pub fn email(address: &str) -> Option<Self> {
        let address = address.trim().to_ascii_lowercase();
        let (local, domain) = address.split_once('@')?;
        let valid = !local.is_empty()
            && domain.contains('.')
            && !address.contains(|c: char| c.is_whitespace() || c == '<' || c == '>' || c == ',');
        if valid { Self::new("email", &address) } else { None }
    }

    /// A phone number in international form. A number without country names nobody for sure and is no key.
    pub fn phone(number: &str) -> Option<Self> {
        let number = number.trim();
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let punctuation_only = number
            .chars()
            .skip(1)
            .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'));
        // E.164: at most 15 digits, country code included; the shortest real ones have 7.
        let valid = number.starts_with('+') && punctuation_only && (7..=15).contains(&digits.len());
        if valid { Self::new("phone", &format!("+{digits}")) } else { None }
    }

    /// The platform's order id, not the number that the buyer sees.
    pub fn order(id: &str) -> Option<Self> {
        Self::new("order", id)
    }

    /// The order number that the buyer sees, without a leading `#`.
    pub fn order_number(number: &str) -> Option<Self> {
        Self::new("number", number.trim().trim_start_matches('#'))
    }

    /// The platform's shipment (fulfilment) id.
    pub fn shipment(id: &str) -> Option<Self> {
        Self::new("shipment", id)
    }

    /// A carrier's tracking number; carriers print it with blanks and in either case.
    pub fn tracking(number: &str) -> Option<Self> {
        let number: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        Self::new("tracking", &number.to_ascii_uppercase())
    }

    /// The support desk's ticket id.
    pub fn ticket(id: &str) -> Option<Self> {
        Self::new("ticket", id)
    }

    /// One answer to a survey: two reports of it that agree on nothing else are one respondent's.
    pub fn answer(id: &str) -> Option<Self> {
        Self::new("answer", id)
    }

    /// One review, likewise.
    pub fn review(id: &str) -> Option<Self> {
        Self::new("review", id)
    }

    /// The support desk's own id of a requester, or a survey tool's of a respondent: `("zendesk", "8447388")`.
    pub fn person(source: &str, id: &str) -> Option<Self> {
        Self::new("person", &format!("{source}/{id}"))
    }

    /// The shop itself, for what concerns nobody in particular: the app was removed, the shop wants to be forgotten.
    pub fn shop(id: &str) -> Option<Self> {
        Self::new("shop", id)
    }

    /// A week of the shop's, by the Monday after it: what is told of it concerns no customer.
    pub fn week(monday: chrono::NaiveDate) -> Option<Self> {
        Self::new("week", &monday.to_string())
    }

    /// Every key that this could be, as somebody types a name without saying what it names.
    pub fn possible(name: &str) -> Vec<Self> {
        // An address is nothing else; in an URL a plus sign that was not escaped has become a blank.
        if let Some(email) = Self::email(name) {
            return vec![email];
        }
        let phone = name.replacen(' ', "+", usize::from(name.starts_with(' ')));
        let keys = [
            Self::order_number(name),
            Self::order(name),
            Self::tracking(name),
            Self::phone(&phone),
            Self::customer(name),
            Self::ticket(name),
            Self::shipment(name),
        ];
        keys.into_iter().flatten().collect()
    }

    /// The part after the kind: `ann@example.com` of `email:ann@example.com`.
    pub fn id(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, id)| id)
    }

    /// The part before the id: `email` of `email:ann@example.com`.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// Is this a name of the person, and not of a thing of theirs?
    pub fn names_person(&self) -> bool {
        matches!(self.kind(), "customer" | "email" | "phone" | "person")
    }

    /// Is this the name of something that messages may be about?
    pub fn names_subject(&self) -> bool {
        matches!(self.kind(), "order" | "shipment" | "ticket" | "answer" | "review")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[track_caller]
    fn check(key: Option<Key>, expected: Option<&str>) {
        assert_eq!(key.as_ref().map(Key::as_str), expected);
    }

    #[test]
    fn spellings_of_one_thing_are_one_key() {
        check(Key::email(" Ann@Example.COM "), Some("email:ann@example.com"));
        check(Key::phone("+49 (30) 123-456"), Some("phone:+4930123456"));
        check(Key::tracking("0034 0434 161a"), Some("tracking:00340434161A"));
        check(Key::order_number("#1001"), Some("number:1001"));
        check(Key::order("820982911946154508"), Some("order:820982911946154508"));
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        check(Key::parse("order:1001"), Some("order:1001"));
        check(Key::parse("person:zendesk/8:4"), Some("person:zendesk/8:4"));
        check(Key::parse("shop:1"), None);
        check(Key::parse("order"), None);
        check(Key::parse("order:"), None);
    }

    #[test]
    fn what_names_nobody_is_no_key() {
        check(Key::email(""), None);
        check(Key::email("ann"), None);
        check(Key::email("ann@host"), None);
        check(Key::email("ann@example.com\nBcc: x@example.com"), None);
        check(Key::phone("030 123456"), None);
        check(Key::phone("555-625-1199"), None);
        check(Key::phone("+1-555-SHIP"), None);
        check(Key::order(""), None);
        check(Key::order(&"9".repeat(201)), None);
    }
}

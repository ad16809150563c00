//! Bodies, read field by field.
//!
//! Senders' bodies are large, change without notice and are wrong in places, and an event needs little of them. So a
//! body is split into members and only those that somebody asks for are looked into. Numbers stay the text that was
//! sent: ids beyond 2^53 and amounts of money never pass through a float. A missing key and `null` stay apart.

use std::borrow::Cow;
use std::cell::RefCell;

use scan::Flaw;

use super::problem::Problem;
use super::text;
use crate::field::Field;
use crate::key::Key;
use crate::money::Money;
use crate::time::Time;

mod scan;

/// Longer than any list of lines, parcels or refunds; the rest of a longer list is not read.
const MAX_ITEMS: usize = 1_000;

/// Longer than any sender's ids.
const MAX_ID_BYTES: usize = 200;

/// What is wrong with fields that an event could do without.
#[derive(Debug)]
pub(super) struct Complaints {
    strict: bool,
    first: RefCell<Option<Problem>>,
}

impl Complaints {
    /// Strict ones refuse the body in the end; others are forgotten at once.
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, first: RefCell::new(None) }
    }

    pub(super) fn into_result(self) -> Result<(), Problem> {
        self.first.into_inner().map_or(Ok(()), Err)
    }

    fn add(&self, problem: impl FnOnce() -> Problem) {
        if self.strict {
            self.first.borrow_mut().get_or_insert_with(problem);
        }
    }
}

/// A JSON object. Getters give `None` for what is missing, `null`, or not what was asked for.
#[derive(Debug)]
pub struct Object<'a> {
    /// Where it stands in the body: `data.order`; nothing for the body itself.
    path: String,
    members: Vec<(Cow<'a, str>, &'a str)>,
    complaints: &'a Complaints,
}

impl<'a> Object<'a> {
    /// Reads a body: UTF-8, valid JSON to the end, an object, not nested absurdly.
    pub(super) fn parse(body: &'a [u8], complaints: &'a Complaints) -> Result<Self, Problem> {
        let refuse = |detail: &str| Problem::NotJson(detail.to_owned());
        let text = std::str::from_utf8(body).map_err(|_| refuse("The body is not UTF-8."))?;
        let members = scan::members(text).map_err(|flaw| match flaw {
            Flaw::Syntax(at) => Problem::NotJson(format!("The body is not valid JSON (byte {at}).")),
            Flaw::Depth => refuse("The body is nested too deeply."),
            Flaw::Kind => refuse("The body must be a JSON object."),
        })?;
        Ok(Self { path: String::new(), members, complaints })
    }

    /// Reads a body that is a list of objects.
    pub(super) fn parse_list(body: &'a [u8], complaints: &'a Complaints) -> Result<Vec<Self>, Problem> {
        let refuse = || Problem::NotJson("The body is not a JSON list of objects.".to_owned());
        let text = std::str::from_utf8(body).map_err(|_| refuse())?;
        let items = scan::items(text, MAX_ITEMS).map_err(|_| refuse())?;
        let mut objects = Vec::with_capacity(items.len());
        for (index, raw) in items.into_iter().enumerate() {
            let members = scan::members(raw).map_err(|_| refuse())?;
            objects.push(Self { path: format!("[{index}]"), members, complaints });
        }
        Ok(objects)
    }

    /// The full name of a member, as problems tell it.
    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { [&self.path, ".", name].concat() }
    }

    /// A 422 that names a member of this object.
    pub(super) fn problem(&self, name: &str, detail: &str) -> Problem {
        Problem::unprocessable(self.path_of(name), detail)
    }

    /// The value, or a 422 that names the member.
    pub(super) fn require<T>(&self, name: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| {
            let detail = match self.get(name) {
                Field::Absent => "This field is missing.",
                Field::None => "This field must not be null.",
                Field::Some(_) => "This field has a value that cannot be read.",
            };
            self.problem(name, detail)
        })
    }

    /// What is said of a member, as raw JSON. Of a key that stands twice, the last one counts.
    fn get(&self, name: &str) -> Field<&'a str> {
        match self.members.iter().rev().find(|(key, _)| key == name) {
            None => Field::Absent,
            Some((_, "null")) => Field::None,
            Some((_, raw)) => Field::Some(raw),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !self.get(name).is_absent()
    }

    /// Reads a member, and complains when it is there but cannot be read.
    fn read<T>(&self, name: &str, wanted: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let raw = self.get(name).value()?;
        let value = read(raw);
        if value.is_none() {
            self.complain(name, wanted);
        }
        value
    }

    /// Remembers that a member is not what it should be.
    pub(super) fn complain(&self, name: &str, wanted: &str) {
        self.complaints.add(|| self.problem(name, &["Must be ", wanted, "."].concat()));
    }

    /// A string as it was sent.
    pub(super) fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.read(name, "a string", scan::unescape)
    }

    /// A string that `parse` makes something of. An empty one says nothing, as many senders mean it.
    pub(super) fn parsed<T>(&self, name: &str, wanted: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let text = self.string(name)?;
        if text.trim().is_empty() {
            return None;
        }
        let value = parse(&text);
        if value.is_none() {
            self.complain(name, wanted);
        }
        value
    }

    /// One line of text.
    pub(super) fn line(&self, name: &str) -> Option<String> {
        self.parsed(name, "text", text::line)
    }

    /// Text of several lines, cut at 5,000 characters.
    pub(super) fn comment(&self, name: &str) -> Option<String> {
        self.parsed(name, "text", text::comment)
    }

    /// A web address.
    pub(super) fn url(&self, name: &str) -> Option<String> {
        self.parsed(name, "an http or https address", text::url)
    }

    /// An id: text, or a whole number that is not negative, digit by digit.
    pub(super) fn id(&self, name: &str) -> Option<String> {
        self.read(name, "an id: text or a whole number", id)
    }

    /// The ids of a list.
    pub(super) fn ids(&self, name: &str) -> Vec<String> {
        let items = self.items(name);
        items.unwrap_or_default().into_iter().filter_map(id).collect()
    }

    /// A point in time.
    pub(super) fn time(&self, name: &str) -> Option<Time> {
        self.parsed(name, "a date and time as RFC 3339 writes it", Time::parse)
    }

    /// An amount in this currency: decimal text, or a number as it was written.
    pub(super) fn money(&self, name: &str, currency: &str) -> Option<Money> {
        self.read(name, "an amount of money in its currency", |raw| {
            Money::parse(&string_or_number(raw)?, currency)
        })
    }

    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.read(name, "true or false", |raw| match raw {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole number that is not negative. Not `9.0`, not `"9"`.
    pub(super) fn whole(&self, name: &str) -> Option<u32> {
        self.read(name, "a whole number", |raw| digits(raw)?.parse().ok())
    }

    /// A number as it was written, whatever its digits.
    pub(super) fn number(&self, name: &str) -> Option<&'a str> {
        self.read(name, "a number", |raw| {
            raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(raw)
        })
    }

    pub(super) fn object(&self, name: &str) -> Option<Object<'a>> {
        self.read(name, "an object", |raw| {
            let members = scan::members(raw).ok()?;
            Some(Object { path: self.path_of(name), members, complaints: self.complaints })
        })
    }

    /// The objects of a list, `None` when there is no list. What is no object in it is passed over.
    pub(super) fn objects(&self, name: &str) -> Option<Vec<Object<'a>>> {
        let items = self.items(name)?;
        let path = self.path_of(name);
        let mut objects = Vec::with_capacity(items.len());
        for (index, raw) in items.into_iter().enumerate() {
            match scan::members(raw) {
                Ok(members) => {
                    let path = format!("{path}[{index}]");
                    objects.push(Object { path, members, complaints: self.complaints });
                }
                Err(_) => self.complain(name, "a list of objects"),
            }
        }
        Some(objects)
    }

    /// The raw items of a list, `None` when there is no list.
    fn items(&self, name: &str) -> Option<Vec<&'a str>> {
        self.read(name, "a list", |raw| scan::items(raw, MAX_ITEMS).ok())
    }

    /// The strings of a list.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let items = self.items(name);
        let mut lines = Vec::new();
        for raw in items.unwrap_or_default() {
            match scan::unescape(raw) {
                Some(text) => lines.extend(text::line(&text)),
                None => self.complain(name, "a list of strings"),
            }
        }
        lines
    }

    /// An e-mail address that could be one.
    pub(super) fn email(&self, name: &str) -> Field<String> {
        self.said(name, "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned()))
    }

    /// A phone number, in whatever form it was typed.
    pub(super) fn phone(&self, name: &str) -> Field<String> {
        self.said(name, "a phone number", text::line)
    }

    /// What is said of a text field, where it matters whether anything is said. An empty string is one way to say
    /// that there is none; text that `parse` cannot read says nothing.
    pub(super) fn said(&self, name: &str, wanted: &str, parse: fn(&str) -> Option<String>) -> Field<String> {
        match self.get(name) {
            Field::Absent => Field::Absent,
            Field::None | Field::Some("\"\"") => Field::None,
            Field::Some(_) => self.parsed(name, wanted, parse).map_or(Field::Absent, Field::Some),
        }
    }
}

/// The text of a JSON string, or a number as it was written.
fn string_or_number(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => scan::unescape(raw),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

/// An id: text, or a number that is written with digits alone.
fn id(raw: &str) -> Option<String> {
    let id = if raw.starts_with('"') { scan::unescape(raw)? } else { Cow::Borrowed(digits(raw)?) };
    let id = id.trim();
    (!id.is_empty() && id.len() <= MAX_ID_BYTES && !id.contains(char::is_control)).then(|| id.to_owned())
}

/// A number that is written with digits alone.
fn digits(raw: &str) -> Option<&str> {
    raw.bytes().all(|byte| byte.is_ascii_digit()).then_some(raw)
}

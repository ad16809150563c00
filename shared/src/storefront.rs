//! Pages for shoppers: answer a survey, see an order and ask for help, choose what to get. No account, no script, nothing
//! from elsewhere; a signed link ([`crate::link`]) says whose page it is.
//!
//! Reading changes nothing, ever: mail scanners open links. A form that was posted becomes at most one fact, and none when
//! it says what is known already, so a form that is sent twice, or ten thousand times, changes nothing either. Who sends
//! it, from which site, does not matter: the token in the path is the authority, a foreign site does not know it, and no
//! cookie or password goes with it that a foreign site could make use of.
//!
//! A link that is forged, over, cut short, or of somebody who is not known any more gets one and the same page, so that
//! nobody learns anything from trying.

mod faq;
mod form;
mod look;
mod order;
mod preferences;
mod survey;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use minijinja::{Value, context};
use sha2::{Digest, Sha256};

use crate::customer::Customer;
use crate::fact::{Event, Fact};
use crate::join::Join;
use crate::key::Key;
use crate::link::{Purpose, Token};
use crate::render::clean;
use crate::settings::Settings;
use crate::time::Time;

pub use faq::Uses;
use form::Form;
use look::Look;

/// Longest form that is read: every field at its limit, each letter of them escaped.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// No page is larger.
const MOST_BYTES: usize = 30 * 1024;

/// Longest comment or question, in characters: as much as the fields take.
const MOST_WORDS: usize = 2000;

/// Changes of one answer, or of one person's choices, that are taken on one day.
const MOST_CHANGES: u8 = 20;

/// What came to a shopper's page.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// `/s/<token>`
    pub path: &'a str,
    pub query: &'a str,
    /// The form, if one was posted.
    pub form: Option<Posted<'a>>,
    /// `Accept-Language`, for whom nobody knows.
    pub languages: &'a str,
    pub now: Time,
}

#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    pub content_type: &'a str,
    pub body: &'a [u8],
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub html: String,
    /// `Content-Security-Policy` of this very page.
    pub security_policy: String,
    /// To be stored before the page is shown.
    pub fact: Option<Fact>,
}

/// A link that is good, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    token: Token,
    pub key: Key,
}

/// Whose page this is; `None` where the link is none of ours, of another page, or over.
pub fn guest(settings: &Settings, visit: &Visit<'_>) -> Option<Guest> {
    let (page, token) = visit.path.trim_start_matches('/').split_once('/')?;
    let token = settings.links.check(token, visit.now).filter(|token| token.purpose.path() == page)?;
    let key = Key::parse(&token.key)?;
    Some(Guest { token, key })
}

/// The page of a guest. `customer` is what is known of them: everything, the inbox included.
pub fn answer(
    settings: &Settings,
    guest: &Guest,
    customer: Option<Customer>,
    uses: &Uses,
    visit: &Visit<'_>,
) -> Reply {
    let Some(customer) = customer else {
        // Somebody who was forgotten gets no messages any more, and a mail program must hear so.
        return if guest.token.purpose == Purpose::Preferences && preferences::is_one_click(visit) {
            preferences::unsubscribed(&Look::for_stranger(settings, visit))
        } else {
            gone(settings, visit)
        };
    };
    match guest.token.purpose {
        Purpose::Nps | Purpose::Csat | Purpose::Ces => survey::answer(settings, guest, customer, visit),
        Purpose::Order => order::answer(settings, guest, customer, uses, visit),
        Purpose::Preferences => preferences::answer(settings, guest, customer, visit),
    }
}

/// The page of every link that does not work.
pub fn gone(settings: &Settings, visit: &Visit<'_>) -> Reply {
    notice(&Look::for_stranger(settings, visit), 404, "gone")
}

/// The page that says that nothing could be read or stored.
pub fn unavailable(settings: &Settings, visit: &Visit<'_>) -> Reply {
    notice(&Look::for_stranger(settings, visit), 503, "later")
}

fn notice(look: &Look<'_>, status: u16, what: &str) -> Reply {
    let words = look.words(what);
    look.reply(status, "notice.html", context! { title => words("title"), text => words("text") })
}

impl Reply {
    /// With a fact that is to be stored.
    fn storing(self, fact: Option<Fact>) -> Self {
        Self { fact, ..self }
    }
}

impl Guest {
    /// What somebody says on this page, at this moment: the page is its own sender, and the form its event.
    ///
    /// A change is later than what it changes, `last`, even within one tick of the clock.
    fn fact(&self, visit: &Visit<'_>, last: Option<Time>, own: Option<Key>, event: Event) -> Fact {
        let keys = [Some(self.key.clone()), own].into_iter().flatten().collect();
        let at = last.map_or(visit.now, |last| visit.now.max(last + TimeDelta::milliseconds(1)));
        Fact { at, source: "aftercare".to_owned(), keys, event }
    }

    /// A name that follows from the link's subject and `parts`, and from nothing else.
    fn name(&self, parts: &[&str]) -> String {
        let mut digest = Sha256::new_with_prefix(self.key.as_str());
        for part in parts {
            digest.update([0]);
            digest.update(part);
        }
        ["page-", &crate::hex::encode(&digest.finalize()[..12])].concat()
    }
}

/// What is known when this has been said as well.
fn with(mut customer: Customer, fact: &Fact) -> Customer {
    customer.join(Customer::from(fact.clone()));
    customer
}

/// Which change of its day the next one is; `None` where there were enough. `last` is when the last one was made, and
/// which of its day it was.
fn next_change(last: Option<(Time, u8)>, now: Time) -> Option<u8> {
    let today = last.filter(|(at, _)| at.date() == now.date()).map_or(0, |(_, count)| count);
    (today < MOST_CHANGES).then(|| today + 1)
}

/// What somebody wrote, without what cannot be seen and no longer than it may be.
fn words(text: &str) -> String {
    clean::paragraphs(text, MOST_WORDS)
}

/// A merchant's or platform's words within a sentence of ours: where they run from right to left, they must not turn the
/// rest of it around (Unicode's FSI and PDI do that where no element can).
fn isolated(text: &str) -> String {
    let from_right = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    if text.contains(from_right) { ["\u{2068}", text, "\u{2069}"].concat() } else { text.to_owned() }
}

/// Texts with a place to fill: `{day}`.
fn fill(text: &Value, places: &[(&str, &str)]) -> String {
    places.iter().fold(text.to_string(), |text, (place, value)| text.replace(place, &isolated(value)))
}

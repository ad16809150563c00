//! Links to our own pages: who holds one may do one thing for one person, and nothing else.
//!
//! A token is `<purpose><key>~<expiry>~<proof>`: what it is good for, one of the person's keys that tells nothing of
//! them (`order:1001`), the day after which it is worth nothing, and the first 128 bits of an HMAC-SHA-256 over all of
//! that. Nothing has to be stored to make or to check one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{NaiveDate, TimeDelta};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::fact::Scale;
use crate::time::Time;

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Answer one survey: `/s/<token>`.
    Nps,
    Csat,
    Ces,
    /// See an order and ask for help: `/o/<token>`.
    Order,
    /// Choose what to get, and unsubscribe: `/p/<token>`.
    Preferences,
}

impl Purpose {
    const ALL: [Self; 5] = [Self::Nps, Self::Csat, Self::Ces, Self::Order, Self::Preferences];

    const fn letter(self) -> char {
        match self {
            Self::Nps => 'n',
            Self::Csat => 'c',
            Self::Ces => 'e',
            Self::Order => 'o',
            Self::Preferences => 'p',
        }
    }

    /// The question's scale, where it is one.
    pub const fn scale(self) -> Option<Scale> {
        match self {
            Self::Nps => Some(Scale::NPS),
            Self::Csat => Some(Scale::CSAT),
            Self::Ces => Some(Scale::CES),
            Self::Order | Self::Preferences => None,
        }
    }

    /// The first part of its page's path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Nps | Self::Csat | Self::Ces => "s",
            Self::Order => "o",
            Self::Preferences => "p",
        }
    }
}

/// What a genuine token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub purpose: Purpose,
    /// One of the person's keys: `order:1001`.
    pub key: String,
    /// The last day (UTC) on which it is good.
    pub good_through: NaiveDate,
}

/// Makes and checks links. Without a public address or a key it makes none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// Without a slash at the end.
    public_url: String,
    /// The first one signs; all of them are good, so that keys can be changed without breaking links that are out.
    keys: Vec<String>,
}

/// Keeps these proofs apart from any other use of the same key.
const DOMAIN: &[u8] = b"aftercare link 1\n";

/// And so these codes.
const CODE_DOMAIN: &[u8] = b"aftercare code 1\n";

const PROOF_BYTES: usize = 16;

/// Longer than any token of ours.
const LONGEST: usize = 400;

impl Links {
    pub fn new(public_url: &str, keys: Vec<String>) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), keys }
    }

    /// Can links be made?
    pub fn are_set(&self) -> bool {
        !self.public_url.is_empty() && !self.keys.is_empty()
    }

    /// The address of a page of ours that asks for a token: `/dashboard`.
    pub fn page(&self, path: &str) -> Option<String> {
        (!self.public_url.is_empty()).then(|| [&self.public_url, path].concat())
    }

    /// A link to our page for `purpose`, good until the end of the UTC day that is `lasts` after `from`. The same
    /// arguments give the same link.
    pub fn make(&self, purpose: Purpose, key: &str, from: Time, lasts: TimeDelta) -> Option<String> {
        let secret = self.keys.first().filter(|_| self.are_set())?;
        let day = (from + lasts).seconds().div_euclid(86_400);
        let claim = format!("{}{}~{day}", purpose.letter(), encode(key.as_bytes()));
        let proof = encode(&prove(secret, &claim)?);
        Some(format!("{}/{}/{claim}~{proof}", self.public_url, purpose.path()))
    }

    /// A code that nobody can guess, always the same for the same cause: ten characters that are not easily mistaken
    /// for one another (Crockford's base 32). Needs a key.
    pub fn code(&self, cause: &str) -> Option<String> {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut mac = Hmac::<Sha256>::new_from_slice(self.keys.first()?.as_bytes()).ok()?;
        mac.update(CODE_DOMAIN);
        mac.update(cause.as_bytes());
        let proof = mac.finalize().into_bytes();
        Some(proof.iter().take(10).map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect())
    }

    /// What `token` is good for, if it is one of ours and not over. Takes the same time wherever a wrong proof differs.
    pub fn check(&self, token: &str, now: Time) -> Option<Token> {
        let (claim, proof) = token.rsplit_once('~').filter(|_| token.len() <= LONGEST)?;
        let proof = URL_SAFE_NO_PAD.decode(proof).ok().filter(|proof| proof.len() == PROOF_BYTES)?;
        let genuine = self
            .keys
            .iter()
            .any(|secret| mac(secret, claim).is_some_and(|mac| mac.verify_truncated_left(&proof).is_ok()));
        let (subject, day) = claim.split_once('~').filter(|_| genuine)?;
        let purpose = Purpose::ALL.into_iter().find(|purpose| subject.starts_with(purpose.letter()))?;
        let key = String::from_utf8(URL_SAFE_NO_PAD.decode(subject.get(1..)?).ok()?).ok()?;
        let day: i64 = day.parse().ok()?;
        let good_through = Time::from_seconds(day.saturating_mul(86_400)).date();
        (now.seconds().div_euclid(86_400) <= day).then_some(Token { purpose, key, good_through })
    }
}

/// Keys are secret.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({:?}, {} keys)", self.public_url, self.keys.len())
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn mac(secret: &str, claim: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(DOMAIN);
    mac.update(claim.as_bytes());
    Some(mac)
}

fn prove(secret: &str, claim: &str) -> Option<[u8; PROOF_BYTES]> {
    mac(secret, claim)?.finalize().into_bytes()[..PROOF_BYTES].try_into().ok()
}

/// A short name that follows from `text` and cannot be guessed without the key: a referral code. Eight letters and
/// digits that nobody confuses when reading them out.
pub fn code(links: &Links, text: &str) -> Option<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let proof = prove(links.keys.first()?, &["code\n", text].concat())?;
    Some(proof[..8].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(keys: &[&str]) -> Links {
        Links::new("https://care.example/", keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn at(text: &str) -> Time {
        Time::parse(text).expect("a time")
    }

    fn token(links: &Links, key: &str) -> String {
        let link = links.make(Purpose::Nps, key, at("2026-11-21T20:00:00Z"), TimeDelta::days(30));
        link.expect("a link").strip_prefix("https://care.example/s/").expect("a survey").to_owned()
    }

    #[test]
    fn a_link_says_what_it_is_good_for_until_it_is_over() {
        let links = links(&["k1"]);
        let token = token(&links, "order:1001");
        let good_through = at("2026-12-21T20:00:00Z").date();
        let good = Some(Token { purpose: Purpose::Nps, key: "order:1001".to_owned(), good_through });
        assert_eq!(links.check(&token, at("2026-11-21T20:00:00Z")), good);
        assert_eq!(links.check(&token, at("2026-12-21T23:59:59Z")), good);
        assert_eq!(links.check(&token, at("2026-12-22T00:00:00Z")), None);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)), "{token}");
        assert!(!token.contains("1001"), "ids are not shown in plain sight: {token}");
    }

    #[test]
    fn keys_can_be_changed_and_withdrawn() {
        let token = token(&links(&["old"]), "order:1001");
        let now = at("2026-11-22T00:00:00Z");
        assert!(links(&["new", "old"]).check(&token, now).is_some());
        assert_eq!(links(&["new"]).check(&token, now), None);
        assert_eq!(links(&[]).check(&token, now), None);
        assert_eq!(links(&[]).make(Purpose::Nps, "order:1", now, TimeDelta::days(1)), None);
        assert_eq!(Links::default().make(Purpose::Nps, "order:1", now, TimeDelta::days(1)), None);
    }

    #[test]
    fn keys_are_not_shown() {
        assert_eq!(format!("{:?}", links(&["sesame"])), "Links(\"https://care.example\", 1 keys)");
    }

    #[test]
    fn a_code_is_the_persons_own() {
        let links = links(&["k1"]);
        assert_eq!(code(&links, "customer:77"), code(&links, "customer:77"));
        assert_ne!(code(&links, "customer:77"), code(&links, "customer:78"));
        assert_eq!(code(&links, "customer:77").map(|code| code.len()), Some(8));
    }

    proptest! {
        #[test]
        fn a_changed_token_is_worth_nothing(key in "[a-z]{1,9}:.{0,20}", place in any::<prop::sample::Index>(), with in "[!-~]") {
            let links = links(&["k1"]);
            let token = token(&links, &key);
            let place = place.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(place..=place, &with);
            let now = at("2026-11-22T00:00:00Z");
            prop_assert_eq!(links.check(&token, now).map(|token| token.key), Some(key));
            if changed != token {
                prop_assert_eq!(links.check(&changed, now), None, "{}", changed);
            }
        }

        #[test]
        fn anything_else_is_worth_nothing(text in ".{0,80}") {
            prop_assert_eq!(links(&["k1"]).check(&text, at("2026-11-22T00:00:00Z")), None);
        }
    }
}

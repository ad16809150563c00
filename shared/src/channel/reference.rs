//! What a provider carries for us and hands back with its callbacks: where a message belongs.
//!
//! A callback names the message, but a record is found by one of its customer's keys, and a step of a message says what
//! the message is about. Both travel together, in letters that every provider takes in a tag.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::key::Key;

/// The least that a provider takes in a tag: Resend's 256.
const LONGEST: usize = 256;

/// The reference to a message about `cause`, kept with what `about` names. Empty when it would be longer than providers
/// take; then callbacks of this message cannot be told whose they are.
pub fn encode(about: &Key, cause: &str) -> String {
    let reference = URL_SAFE_NO_PAD.encode([about.as_str(), "\n", cause].concat());
    if reference.len() <= LONGEST { reference } else { String::new() }
}

/// What [`encode`] was given.
pub fn decode(reference: &str) -> Option<(Key, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(reference).ok().filter(|_| reference.len() <= LONGEST)?;
    let text = String::from_utf8(bytes).ok()?;
    let (about, cause) = text.split_once('\n')?;
    let sound = !cause.is_empty() && !cause.contains(char::is_control);
    Some((Key::parse(about).filter(|_| sound)?, cause.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went() {
        let key = Key::order("9007199254740993").expect("a key");
        let reference = encode(&key, "order:9007199254740993");
        assert!(reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(decode(&reference), Some((key, "order:9007199254740993".to_owned())));
    }

    #[test]
    fn what_is_too_long_or_not_ours_is_nothing() {
        let long = Key::order(&"9".repeat(200)).expect("a key");
        assert_eq!(encode(&long, "order:1"), "");
        let bytes = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in [
            "",
            "???",
            &bytes("order:1"),
            &bytes("order:1\n"),
            &bytes("nonsense:1\norder:1"),
            &bytes("order:1\na\nb"),
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}

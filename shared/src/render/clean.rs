//! Cleans what customers and platforms wrote before it comes near a message.
//!
//! Escaping is the template engine's; this is about what escaping cannot see: line breaks that would become mail
//! headers, invisible characters that turn text around, links in a field meant for a name.

use serde_json::{Map, Value};

use crate::gather::gather;

/// Longest one-line value, in characters.
const LINE_MAX: usize = 200;
/// Longest comment, in characters; the whole of it stands in the customer's timeline.
const TEXT_MAX: usize = 4000;
/// Longest link: what browsers and mail programs handle without trouble.
const URL_MAX: usize = 2000;
const FIRST_NAME_MAX: usize = 40;

/// The draft's values, safe to be put into any template. What is empty or unsafe becomes `null`, which templates know
/// how to leave out.
pub(super) fn context(context: &Value) -> Value {
    value("", context)
}

fn value(name: &str, given: &Value) -> Value {
    match given {
        Value::String(text) => {
            cleaned(name, text).filter(|text| !text.is_empty()).map_or(Value::Null, Value::String)
        }
        Value::Array(values) => values.iter().map(|each| value(name, each)).collect(),
        Value::Object(members) => Value::Object(gather::<_, Map<_, _>>(
            members.iter().map(|(name, each)| (name.clone(), value(name, each))),
        )),
        other => other.clone(),
    }
}

fn cleaned(name: &str, text: &str) -> Option<String> {
    match name {
        "comment" => Some(paragraphs(text, TEXT_MAX)),
        "first_name" => first_name(text),
        "email" => Some(line(text, LINE_MAX)).filter(|text| is_address(text)),
        _ if name.ends_with("_url") => url(text),
        _ => Some(line(text, LINE_MAX)),
    }
}

/// A name to greet with, or none. Spammers order under names like `Win now: evil.example`, so that a shop's own mail
/// carries their link; better no name than that one.
fn first_name(text: &str) -> Option<String> {
    let name = line(text, LINE_MAX);
    let domain_like = name.split('.').skip(1).any(|rest| rest.starts_with(char::is_alphanumeric));
    let is_name = name.chars().count() <= FIRST_NAME_MAX
        && name.contains(char::is_alphabetic)
        && !name.contains(['/', '@', ':'])
        && !domain_like;
    is_name.then_some(name)
}

/// One line without anything invisible, at most `max` characters long.
pub(crate) fn line(text: &str, max: usize) -> String {
    let visible: String =
        text.chars().map(|c| if breaks_a_line(c) { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    cut(&visible.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// Text of several lines, with at most one empty line in a row.
pub(crate) fn paragraphs(text: &str, max: usize) -> String {
    let lines: Vec<_> = text.lines().map(|text| line(text, max)).collect();
    cut(&joined(lines.iter().map(String::as_str), 1), max)
}

/// Shortens to `max` characters, at the end of a word where one is near.
pub(crate) fn cut(text: &str, max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max) else { return text.to_owned() };
    let kept = &text[..text[..end].char_indices().next_back().map_or(0, |(last, _)| last)];
    let kept =
        kept.rfind(char::is_whitespace).filter(|at| *at > kept.len() / 2).map_or(kept, |at| &kept[..at]);
    format!("{}…", kept.trim_end_matches([' ', '\n', ',', ';', ':', '-']))
}

/// Line and paragraph separators count: some mail programs break lines at them.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that show nothing and can make text read as something else: direction overrides, zero-width blanks. The
/// joiners of Persian and of emoji stay.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}')
}

/// An `http` or `https` link without anything that could end it early; every other scheme is refused.
pub(super) fn url(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_safe = |c: char| {
        !c.is_whitespace()
            && !breaks_a_line(c)
            && !is_hidden(c)
            && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '`')
    };
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    (has_host && text.len() <= URL_MAX && text.chars().all(is_safe)).then(|| text.to_owned())
}

/// Is this a link to a page, and nothing else?
pub(crate) fn is_url(text: &str) -> bool {
    url(text).is_some()
}

/// May this go into a header as an address? Deliberately narrower than RFC 5322: quoted local parts, comments and
/// lists are refused, because they are how a second recipient gets in.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !is_hidden(c) && !"()<>[],;:\\\"@".contains(c);
    let dotted = |part: &str| !part.is_empty() && part.split('.').all(|label| !label.is_empty());
    text.len() <= 254
        && text.chars().filter(|c| *c != '@').all(plain)
        && dotted(local)
        && dotted(domain)
        && !domain.contains('@')
}

/// `Name <address>` for the From header, or nothing if the address is none.
pub(super) fn mailbox(name: &str, address: &str) -> Option<String> {
    if !is_address(address) {
        return None;
    }
    // Not even escaped: not every provider's parser knows RFC 5322's quoting.
    let name = line(&name.replace(['<', '>', '"', '\\'], " "), 70);
    let needs_quotes = name.contains(['(', ')', '[', ']', ':', ';', '@', ',', '.']);
    Some(match (name.as_str(), needs_quotes) {
        ("", _) => address.to_owned(),
        (name, true) => format!("\"{name}\" <{address}>"),
        (name, false) => format!("{name} <{address}>"),
    })
}

/// A rendered text part: no blanks at line ends, no runs of empty lines, one line feed at the end. Templates can leave
/// parts out without counting the lines around them.
pub(super) fn tidy_text(text: &str) -> String {
    joined(text.lines(), 1) + "\n"
}

/// A rendered HTML part, without the empty lines that template tags leave.
pub(super) fn tidy_html(html: &str) -> String {
    joined(html.lines(), 0) + "\n"
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>, most_empty: usize) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut empty = 0;
    for line in lines.map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= most_empty && !(line.is_empty() && kept.is_empty()) {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(line("Ann\r\nBcc: all@example.com", 99), "Ann Bcc: all@example.com");
        assert_eq!(line("  a\u{2028}b\u{0}\tc ", 99), "a b c");
        assert_eq!(line("\u{202e}gnp.exe", 99), "gnp.exe");
        assert_eq!(line("", 99), "");
    }

    #[test]
    fn cuts_at_words_and_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("one two three", 9), "one two…");
        assert_eq!(cut("äöüäöüäöü", 4), "äöü…");
        assert_eq!(cut("äöü", 0), "…");
    }

    #[track_caller]
    fn check_name(given: &str, expected: Option<&str>) {
        assert_eq!(context(&json!({ "first_name": given }))["first_name"].as_str(), expected);
    }

    #[test]
    fn greets_with_names_only() {
        check_name("Ann", Some("Ann"));
        check_name(" Ann  Marie ", Some("Ann Marie"));
        check_name("J. R.", Some("J. R."));
        check_name("O'Neil", Some("O'Neil"));
        check_name("李", Some("李"));
        check_name("", None);
        check_name("-", None);
        check_name("Win at evil.example", None);
        check_name("http://evil.example", None);
        check_name("evil.example/x", None);
        check_name("a@b", None);
        check_name(&"x".repeat(41), None);
    }

    #[track_caller]
    fn check_url(given: &str, ok: bool) {
        assert_eq!(url(given).is_some(), ok, "{given}");
    }

    #[test]
    fn links_are_web_links() {
        check_url("https://shop.example/orders/1?key=a&b=c", true);
        check_url("http://localhost:3000/x", true);
        check_url("javascript:alert(1)", false);
        check_url("https://", false);
        check_url("https:///x", false);
        check_url("https://a.example/\" onclick=\"x", false);
        check_url("https://a.example/\nb", false);
        check_url("", false);
    }

    #[track_caller]
    fn check_address(given: &str, ok: bool) {
        assert_eq!(is_address(given), ok, "{given}");
    }

    #[test]
    fn addresses_are_single_and_plain() {
        check_address("ann@example.com", true);
        check_address("a.b+c@sub.example.com", true);
        check_address("jürgen@müller.example", true);
        check_address("ann@localhost", true);
        check_address("ann", false);
        check_address("ann@example.com\r\nBcc: x@example.com", false);
        check_address("ann@example.com,x@example.com", false);
        check_address("Ann <ann@example.com>", false);
        check_address("a@b@c", false);
        check_address("@example.com", false);
        check_address("ann@", false);
        check_address("ann@example..com", false);
        check_address("", false);
    }

    #[track_caller]
    fn check_mailbox(name: &str, expected: &str) {
        assert_eq!(mailbox(name, "shop@example.com").as_deref(), Some(expected));
    }

    #[test]
    fn names_a_sender() {
        check_mailbox("Our shop", "Our shop <shop@example.com>");
        check_mailbox("Müller & Söhne", "Müller & Söhne <shop@example.com>");
        check_mailbox("Smith, Inc.", "\"Smith, Inc.\" <shop@example.com>");
        check_mailbox("a\"b<c>\r\nBcc: d", "\"a b c Bcc: d\" <shop@example.com>");
        check_mailbox("", "shop@example.com");
        assert_eq!(mailbox("Our shop", "shop@example.com\r\n"), None);
    }

    #[test]
    fn tidies() {
        assert_eq!(tidy_text("\n\n a \n\n\n\nb\n\n"), " a\n\nb\n");
        assert_eq!(tidy_html("\n<p>\n\n</p>\n"), "<p>\n</p>\n");
    }
}

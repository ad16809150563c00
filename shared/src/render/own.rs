//! A message in the merchant's own words.
//!
//! A merchant says what stands inside the frame. Brand, contact, sign-off, imprint and the way to unsubscribe are the
//! frame's, so no wording can leave them out. Wording is a template, and comes from outside the program: it runs in an
//! engine of its own, which can choose and repeat and print, but cannot compute, join or keep values, with a limit on
//! steps and on size. That makes it impossible to write one that does not end, or that fills the memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use minijinja::{Environment, Error, ErrorKind, Value};

use super::{filters, markup, style};
use crate::settings::Wording;
use crate::template;

/// Steps of the engine for one part of one message. The longest of our own messages takes a few hundred.
const FUEL: u64 = 20_000;

/// Longest part that comes out. Mail programs cut what is longer than 100 KB.
const LONGEST: usize = 100 * 1024;

/// Which part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// As the merchant wrote it; `None` where they left it to us or it follows from another part.
    pub(super) fn of(self, wording: &Wording) -> Option<&str> {
        match self {
            Self::Subject => wording.subject.as_deref(),
            Self::Text => wording.text.as_deref(),
            Self::Html => wording.html.as_deref(),
        }
    }

    /// The template for it. A text is written once and is the HTML part too, unless that has words of its own.
    fn template(self, wording: &Wording) -> Result<Option<Cow<'_, str>>, String> {
        Ok(match (self, self.of(wording)) {
            (Self::Html, None) => match &wording.text {
                Some(text) => Some(Cow::Owned(style::inline(&markup::html(&escaped(text)?)))),
                None => None,
            },
            (_, None) => None,
            (Self::Subject, Some(subject)) => Some(Cow::Borrowed(subject)),
            (Self::Text, Some(text)) => Some(Cow::Owned(markup::text(text))),
            (Self::Html, Some(html)) => Some(Cow::Owned(style::inline(html))),
        })
    }
}

/// What a part says with these values; `None` where the merchant left it to us.
pub(super) fn render(
    wording: &Wording,
    part: Part,
    values: &BTreeMap<String, Value>,
) -> Result<Option<String>, String> {
    let Some(template) = part.template(wording)? else { return Ok(None) };
    check(&template)?;
    let name = match part {
        Part::Html => "html.html",
        Part::Subject | Part::Text => part.name(),
    };
    let mut environment: Environment<'_> = template::bare();
    filters::add(&mut environment);
    environment.set_fuel(Some(FUEL));
    let mut out = Limited(Vec::new());
    let rendered = environment
        .template_from_named_str(name, &template)
        .and_then(|template| template.render_captured_to(values, &mut out).map(|_| ()));
    rendered.map_err(|error| told(&error, values))?;
    Ok(Some(String::from_utf8_lossy(&out.0).into_owned()))
}

/// An error of the engine, for whoever wrote the template.
fn told(error: &Error, values: &BTreeMap<String, Value>) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::UndefinedError => {
            let names: Vec<&str> = values.keys().map(String::as_str).collect();
            let names = names.join(", ");
            return format!(
                "{line}this value is not always there: ask for it with {{% if … %}} first. There are: {names}"
            );
        }
        ErrorKind::OutOfFuel => "this takes too many steps".to_owned(),
        ErrorKind::WriteFailure => format!("this becomes longer than {LONGEST} bytes"),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    line + &what
}

/// A sink that is full at some point.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// ── What a template may hold ────────────────────────────────────────────────

/// Text as it stands, or a tag with its braces.
enum Piece<'a> {
    Text(&'a str),
    Tag(&'a str),
}

/// Divides a template. Quoted text in a tag may hold anything, the end of a tag included.
fn pieces(mut rest: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let start = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min();
        let (text, tag) = rest.split_at(start.unwrap_or(rest.len()));
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        if tag.is_empty() {
            break;
        }
        let end = tag_end(tag).ok_or_else(|| {
            let begin: String = tag.chars().take(30).collect();
            format!("this is not closed: {begin}")
        })?;
        let (tag, after) = tag.split_at(end);
        pieces.push(Piece::Tag(tag));
        rest = after;
    }
    Ok(pieces)
}

/// Where the tag that begins `text` is over.
fn tag_end(text: &str) -> Option<usize> {
    let close = match text.as_bytes().get(1)? {
        b'{' => "}}",
        b'%' => "%}",
        _ => return text.get(2..)?.find("#}").map(|at| at + 4),
    };
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(mark) if c == mark => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text[at..].starts_with(close) => return Some(at + 2),
            Some(_) | None => {}
        }
    }
    None
}

/// What a tag may begin with.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Only choosing, repeating and printing: what computes or keeps values could double them with every line.
pub(super) fn check(template: &str) -> Result<(), String> {
    for piece in pieces(template)? {
        let Piece::Tag(tag) = piece else { continue };
        let inner = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        if tag.starts_with("{#") {
            continue;
        }
        let code = unquoted(inner);
        let odd = code.chars().find(|c| {
            !c.is_ascii_alphanumeric() && !c.is_ascii_whitespace() && !"_.|(),<>=!\"'".contains(*c)
        });
        if let Some(odd) = odd {
            return Err(format!(
                "`{odd}` cannot be used in {tag}: templates choose and print, and do not compute"
            ));
        }
        let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let first = words.next().unwrap_or_default();
        if tag.starts_with("{%") && !STATEMENTS.contains(&first) {
            return Err(format!("{tag} cannot be used; there are {}", STATEMENTS.join(", ")));
        }
        if words.any(|word| word == "recursive") {
            return Err(format!("{tag} cannot be used: loops do not call themselves"));
        }
    }
    Ok(())
}

/// Code without what stands between quotes.
fn unquoted(code: &str) -> String {
    let (mut quote, mut escaped) = (None, false);
    let outside = |c: &char| match quote {
        Some(_) if escaped => {
            escaped = false;
            false
        }
        Some(_) if *c == '\\' => {
            escaped = true;
            false
        }
        Some(mark) if *c == mark => {
            quote = None;
            true
        }
        Some(_) => false,
        None => {
            quote = Some(*c).filter(|c| matches!(c, '"' | '\''));
            true
        }
    };
    code.chars().filter(outside).collect()
}

/// With its plain text escaped for HTML, and tags as they are.
fn escaped(template: &str) -> Result<String, String> {
    let mut all = String::with_capacity(template.len());
    for piece in pieces(template)? {
        match piece {
            Piece::Tag(tag) => all.push_str(tag),
            // `>` at the beginning of a line is a note.
            Piece::Text(text) => all.push_str(&text.replace('&', "&amp;").replace('<', "&lt;")),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> BTreeMap<String, Value> {
        let values = json!({
            "brand": {"color": "#1f6f5c", "on_color": "#ffffff", "ink": "#1f6f5c", "ink_dark": "#7fd0b6"},
            "first_name": "Ann <b>", "number": null,
            "items": [{"title": "Tea"}, {"title": "Cup"}, {"title": "Pot"}, {"title": "Tin"}],
        });
        let values = values.as_object().expect("an object").clone();
        values.into_iter().map(|(name, value)| (name, Serde(value).into())).collect()
    }

    fn wording(text: &str) -> Wording {
        Wording { text: Some(text.to_owned()), ..Wording::default() }
    }

    #[track_caller]
    fn check_text(template: &str, expected: Result<&str, &str>) {
        let text = render(&wording(template), Part::Text, &values());
        match expected {
            Ok(expected) => {
                let text = text.map(|text| text.expect("a text").trim().to_owned());
                assert_eq!(text, Ok(expected.to_owned()));
            }
            Err(part) => {
                let why = text.expect_err(template);
                assert!(why.contains(part), "{why}");
            }
        }
    }

    #[test]
    fn wording_chooses_repeats_and_prints() {
        check_text("Hello {{ first_name }}", Ok("Hello Ann <b>"));
        check_text("{% if number %}No. {{ number }}{% else %}Hello{% endif %}", Ok("Hello"));
        check_text("{% for item in items %}{{ item.title }} {% endfor %}", Ok("Tea Cup Pot Tin"));
        check_text("{{ \"}} {% set %} * ~ [\" }}", Ok("}} {% set %} * ~ ["));
        check_text("{# {% set x = 1 %} #}Hello", Ok("Hello"));
        check_text("{{ items | length }} things", Ok("4 things"));
    }

    #[test]
    fn nothing_else_is_possible() {
        check_text("Hello {{ name }}", Err("not always there"));
        check_text("Hello {{ number }}", Err("There are: brand, first_name, items, number"));
        check_text("Hello {{ first_name", Err("not closed: {{ first_name"));
        check_text("{% if number %}", Err(""));
        check_text("{{ first_name | shout }}", Err("shout"));
        check_text("{{ first_name | safe }}", Err("safe"));
        for statement in [
            "set x = 1",
            "macro m()",
            "include \"layout.html\"",
            "extends \"layout.html\"",
            "import \"x\" as x",
            "block content",
            "with x = 1",
            "filter upper",
            "call m()",
            "do m()",
            "raw",
            "autoescape false",
        ] {
            check_text(&format!("{{% {statement} %}}"), Err("cannot be used"));
        }
        for sum in [
            "first_name ~ first_name",
            "\"a\" * 9",
            "[first_name]",
            "{\"a\": 1}",
            "first_name + first_name",
            "9 // 3",
        ] {
            check_text(&format!("{{{{ {sum} }}}}"), Err("do not compute"));
        }
        check_text("{% for item in items recursive %}{{ loop(items) }}{% endfor %}", Err("call themselves"));
    }

    #[test]
    fn no_wording_runs_for_ever_or_fills_the_memory() {
        let nested = |depth: usize, inner: &str| {
            let open = "{% for item in items %}".repeat(depth);
            [&open, inner, &"{% endfor %}".repeat(depth)].concat()
        };
        check_text(&nested(12, ""), Err("too many steps"));
        check_text(&nested(3, &"x".repeat(2_000)), Err("longer than"));
        check_text(&["{{ ", &"(".repeat(500), "1", &")".repeat(500), " }}"].concat(), Err(""));
    }

    #[test]
    fn text_is_html_too_and_means_what_it_says() {
        let wording = wording(
            "# Tom & Jerry <3\n\nHello {{ first_name }}\n\n> A note\n\n[Go](https://shop.example/?a=1&b=2)",
        );
        let html =
            render(&wording, Part::Html, &values()).expect("it can be rendered").expect("there is HTML");
        for part in
            ["Tom &amp; Jerry &lt;3", "Ann &lt;b&gt;", "A note", "href=\"https://shop.example/?a=1&amp;b=2\""]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_an_answer(template in "([a-z ]|\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|\"|'|\\\\|if|for|in|items|\\||é|[\\*~<>&-]){0,40}") {
            for part in Part::ALL {
                let wording = Wording { subject: Some(template.clone()), text: Some(template.clone()), html: Some(template.clone()) };
                let _ = render(&wording, part, &values());
            }
        }
    }
}

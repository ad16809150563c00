//! Text that strangers wrote: what is kept of it.

/// Names, titles, words.
pub(super) const MAX_LINE_CHARS: usize = 300;
/// Comments, reviews, notes.
pub(super) const MAX_COMMENT_CHARS: usize = 5_000;
/// Longer than any tracking or status link.
const MAX_URL_BYTES: usize = 2_000;

/// One line: without control characters, line breaks as blanks, cut at 300 characters. `None` when nothing is left.
pub(super) fn line(text: &str) -> Option<String> {
    clean(text, MAX_LINE_CHARS, ' ')
}

/// Several lines: without other control characters, cut at 5,000 characters. `None` when nothing is left.
pub(super) fn comment(text: &str) -> Option<String> {
    clean(text, MAX_COMMENT_CHARS, '\n')
}

fn clean(text: &str, max_chars: usize, line_break: char) -> Option<String> {
    let kept = text.chars().filter_map(|c| match c {
        '\n' => Some(line_break),
        '\t' => Some(' '),
        c if c.is_control() || is_invisible(c) => None,
        c => Some(c),
    });
    let cleaned: String = kept.skip_while(|c| c.is_whitespace()).take(max_chars).collect();
    let cleaned = cleaned.trim_end();
    (!cleaned.is_empty()).then(|| cleaned.to_owned())
}

/// Characters that reorder or hide text around them: a shopper's name must not turn our sentences round.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// A web address that may stand in a mail: http or https, no blanks or control characters.
pub(super) fn url(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let valid = !rest.is_empty()
        && text.len() <= MAX_URL_BYTES
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"'));
    valid.then(|| text.to_owned())
}

/// A language tag: `de`, `en-CA`, `pt-BR`, with `_` read as `-`.
pub(super) fn locale(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let mut parts = tag.split('-');
    let language = parts.next()?;
    let valid = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    (valid && tag.len() <= 35).then_some(tag)
}

/// ISO 3166-1 alpha-2, in upper case.
pub(super) fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// A state or province code, in upper case: `CA`, `NSW`.
pub(super) fn region(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    ((1..=6).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .then_some(code)
}

/// Which HTML entities are decoded.
pub(super) struct Entities {
    named: &'static [(&'static str, char)],
    /// Whether a character is decoded where it is written as a number.
    numbered: fn(char) -> bool,
}

/// What WordPress writes into a secret, and no more.
pub(super) const WORDPRESS: Entities = Entities {
    named: &[("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"')],
    numbered: |c| matches!(c, '&' | '<' | '>' | '"' | '\''),
};

/// What shops write into titles and reviews.
pub(super) const HTML: Entities = Entities {
    named: &[
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("times", '×'),
        ("deg", '°'),
        ("reg", '®'),
        ("trade", '™'),
        ("copy", '©'),
        ("euro", '€'),
        ("pound", '£'),
    ],
    numbered: |_| true,
};

/// Longer than any entity above, written as name or number.
const MAX_ENTITY_BYTES: usize = 9;

impl Entities {
    /// Text with these entities decoded, once: `&amp;lt;` becomes `&lt;`.
    pub(super) fn decode(&self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('&') {
            let (before, entity) = rest.split_at(start);
            plain.push_str(before);
            let end = entity.bytes().take(MAX_ENTITY_BYTES).position(|byte| byte == b';');
            let decoded = end.and_then(|end| Some((self.char(&entity[1..end])?, &entity[end + 1..])));
            let (c, after) = decoded.unwrap_or(('&', &entity[1..]));
            plain.push(c);
            rest = after;
        }
        plain.push_str(rest);
        plain
    }

    fn char(&self, name: &str) -> Option<char> {
        let Some(number) = name.strip_prefix('#') else {
            return self.named.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
        };
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        char::from_u32(number.ok()?).filter(|c| (self.numbered)(*c))
    }
}

/// The text of a piece of HTML: tags gone, breaks and ends of paragraphs as line breaks, entities decoded.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        let inside = &tag[1..];
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            text.push('<');
            rest = inside;
            continue;
        }
        let Some(end) = inside.find('>') else {
            rest = tag;
            break;
        };
        let name = inside[..end].trim_end_matches('/').trim();
        if name.eq_ignore_ascii_case("br") || name.eq_ignore_ascii_case("/p") {
            text.push('\n');
        }
        rest = &inside[end + 1..];
    }
    text.push_str(rest);
    HTML.decode(&text)
}

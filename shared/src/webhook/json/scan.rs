//! Splits JSON (RFC 8259) into its parts without reading them.
//!
//! Webhook components have to stay small, and all they need of a parser is where values begin and end. A test holds
//! this to what `serde_json` takes for valid, byte by byte.

use std::borrow::Cow;

/// Why a text is not JSON that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not valid from this byte on.
    Syntax(usize),
    /// Nested deeper than any sender nests.
    Depth,
    /// Valid, but not the kind of value that was asked for.
    Kind,
}

const MAX_DEPTH: usize = 64;

/// The members of an object with their raw values. The text must hold nothing else.
pub(super) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Flaw> {
    let mut scanner = Scanner::new(text, b'{')?;
    let mut members = Vec::new();
    let mut more = scanner.opens(b'}');
    while more {
        scanner.blanks();
        let start = scanner.at;
        let name = scanner.string()?;
        let name = unescape(name).ok_or(Flaw::Syntax(start))?;
        scanner.blanks();
        scanner.expect(b':')?;
        members.push((name, scanner.value(1)?));
        more = scanner.goes_on(b'}')?;
    }
    scanner.end()?;
    Ok(members)
}

/// The raw items of a list, at most `max` of them. The text must hold nothing else.
pub(super) fn items(text: &str, max: usize) -> Result<Vec<&str>, Flaw> {
    let mut scanner = Scanner::new(text, b'[')?;
    let mut items = Vec::new();
    let mut more = scanner.opens(b']');
    while more {
        let item = scanner.value(1)?;
        if items.len() < max {
            items.push(item);
        }
        more = scanner.goes_on(b']')?;
    }
    scanner.end()?;
    Ok(items)
}

/// The text of a raw string, `None` when it is none or holds half a surrogate pair.
pub(super) fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(start) = rest.find('\\') {
        text.push_str(&rest[..start]);
        let code = *rest.as_bytes().get(start + 1)?;
        rest = rest.get(start + 2..)?;
        text.push(match code {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = four_digits(&mut rest)?;
                match high {
                    0xD800..0xDC00 => {
                        rest = rest.strip_prefix("\\u")?;
                        let low = four_digits(&mut rest)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)?
                    }
                    other => char::from_u32(other)?,
                }
            }
            other => other as char,
        });
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

fn four_digits(rest: &mut &str) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    // The parser of integers would take a sign.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, 16).ok() }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the inside of an object or list.
    fn new(text: &'a str, opening: u8) -> Result<Self, Flaw> {
        let mut scanner = Self { text, at: 0 };
        scanner.blanks();
        if scanner.peek() == Some(opening) {
            scanner.at += 1;
            return Ok(scanner);
        }
        // Not what was asked for; but first of all, is it JSON?
        scanner.value(0)?;
        scanner.end()?;
        Err(Flaw::Kind)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn flaw<T>(&self) -> Result<T, Flaw> {
        Err(Flaw::Syntax(self.at))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek() != Some(byte) {
            return self.flaw();
        }
        self.at += 1;
        Ok(())
    }

    /// After an opening bracket: is there anything before the closing one?
    fn opens(&mut self, closing: u8) -> bool {
        self.blanks();
        let empty = self.peek() == Some(closing);
        self.at += usize::from(empty);
        !empty
    }

    /// After a value: is there another before the closing bracket?
    fn goes_on(&mut self, closing: u8) -> Result<bool, Flaw> {
        self.blanks();
        let next = self.peek();
        if next != Some(b',') && next != Some(closing) {
            return self.flaw();
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    fn end(&mut self) -> Result<(), Flaw> {
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { self.flaw() }
    }

    /// One value, without the blanks around it.
    fn value(&mut self, depth: usize) -> Result<&'a str, Flaw> {
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some(b'"') => _ = self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(Flaw::Depth),
            Some(b'{') => {
                self.at += 1;
                let mut more = self.opens(b'}');
                while more {
                    self.blanks();
                    self.string()?;
                    self.blanks();
                    self.expect(b':')?;
                    self.value(depth + 1)?;
                    more = self.goes_on(b'}')?;
                }
            }
            Some(b'[') => {
                self.at += 1;
                let mut more = self.opens(b']');
                while more {
                    self.value(depth + 1)?;
                    more = self.goes_on(b']')?;
                }
            }
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                let words: [&[u8]; 3] = [b"null", b"true", b"false"];
                match words.into_iter().find(|word| rest.starts_with(word)) {
                    Some(word) => self.at += word.len(),
                    None => return self.flaw(),
                }
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a str, Flaw> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at]);
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                    return self.flaw();
                                }
                                self.at += 1;
                            }
                        }
                        _ => return self.flaw(),
                    }
                }
                Some(0x20..) => self.at += 1,
                _ => return self.flaw(),
            }
        }
    }

    fn number(&mut self) -> Result<(), Flaw> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.flaw() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;

//! What templates can do with a value besides printing it.

use chrono::{Datelike, Timelike};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::clean;
use crate::time::Time;

pub(crate) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("bare_url", bare_url);
    environment.add_filter("day", day);
    environment.add_filter("decimal", decimal);
    environment.add_filter("line", line);
    environment.add_filter("lines", lines);
    environment.add_filter("mailto", mailto);
    environment.add_filter("moment", moment);
    environment.add_filter("money", money);
    environment.add_filter("tel", tel);
}

/// A link as people read it: without the scheme and the slash at the end.
fn bare_url(url: String) -> String {
    url.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// The text on one line of at most `max` characters.
fn line(text: String, max: usize) -> String {
    clean::line(&text, max)
}

fn lines(text: String) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// A link that opens a mail to `address` and can do nothing else: no second recipient, no subject.
fn mailto(address: String) -> String {
    let mut link = "mailto:".to_owned();
    for byte in address.bytes() {
        if byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push('%');
            link.push_str(&crate::hex::encode(&[byte]).to_ascii_uppercase());
        }
    }
    link
}

/// A link that calls `number`: its digits, and the plus in front.
fn tel(number: String) -> String {
    let plus = if number.trim_start().starts_with('+') { "+" } else { "" };
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    format!("tel:{plus}{digits}")
}

/// A time as the language writes it, from RFC 3339; `words` has the pattern and the names of the months.
fn moment(time: String, words: Value) -> Result<String, Error> {
    let Some(parsed) = Time::parse(&time) else { return Ok(time) };
    let utc = parsed.to_utc();
    let month = words.get_attr("months")?.get_item_by_index(utc.month0() as usize)?;
    Ok(text(&words.get_attr("moment")?, "moment")?
        .replace("{day}", &utc.day().to_string())
        .replace("{month}", text(&month, "months")?)
        .replace("{year}", &utc.year().to_string())
        .replace("{time}", &format!("{}:{:02}", utc.hour(), utc.minute())))
}

/// A day as the language writes it, from `2026-11-21`.
pub(crate) fn day(date: String, words: Value) -> Result<String, Error> {
    let Some(parsed) = Time::parse_date(&date) else { return Ok(date) };
    let month = words.get_attr("months")?.get_item_by_index(parsed.month0() as usize)?;
    Ok(text(&words.get_attr("day")?, "day")?
        .replace("{day}", &parsed.day().to_string())
        .replace("{month}", text(&month, "months")?)
        .replace("{year}", &parsed.year().to_string()))
}

/// A number as the language writes it, from `5.8`. `style` is `words.money`.
fn decimal(number: String, style: Value) -> Result<String, Error> {
    let point = style.get_attr("point")?;
    Ok(number.replacen('.', text(&point, "money.point")?, 1))
}

/// An amount as the language writes it: `€1,049.90`, `1.049,90 €`. `style` is `words.money`.
pub(crate) fn money(amount: String, currency: String, style: Value) -> Result<String, Error> {
    let (sign, digits) = amount.strip_prefix('-').map_or(("", amount.as_str()), |rest| ("−", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (point, group) = (style.get_attr("point")?, style.get_attr("group")?);
    let mut number = grouped(whole, text(&group, "money.group")?);
    if !fraction.is_empty() {
        number.push_str(text(&point, "money.point")?);
        number.push_str(fraction);
    }
    let symbol = symbol(&currency);
    Ok(if !style.get_attr("symbol_first")?.is_true() {
        format!("{sign}{number}\u{a0}{symbol}")
    } else if symbol.chars().all(char::is_alphabetic) {
        format!("{sign}{symbol}\u{a0}{number}")
    } else {
        format!("{sign}{symbol}{number}")
    })
}

/// Symbols that mean one currency only. A dollar sign would not.
fn symbol(currency: &str) -> &str {
    match currency {
        "EUR" => "€",
        "GBP" => "£",
        "INR" => "₹",
        "KRW" => "₩",
        other => other,
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push_str(separator);
        }
        grouped.push(digit);
    }
    grouped
}

fn text<'a>(value: &'a Value, name: &'static str) -> Result<&'a str, Error> {
    value
        .as_str()
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`words.{name}` must be text")))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn writes_money() {
        let english = context! { point => ".", group => ",", symbol_first => true };
        let german = context! { point => ",", group => ".", symbol_first => false };
        let check = |amount: &str, currency: &str, style: &Value, expected: &str| {
            assert_eq!(money(amount.to_owned(), currency.to_owned(), style.clone()).unwrap(), expected);
        };
        check("49.90", "EUR", &english, "€49.90");
        check("1049.90", "EUR", &english, "€1,049.90");
        check("1234567", "JPY", &english, "JPY\u{a0}1,234,567");
        check("49.90", "USD", &english, "USD\u{a0}49.90");
        check("49.90", "EUR", &german, "49,90\u{a0}€");
        check("-1049.90", "CHF", &german, "−1.049,90\u{a0}CHF");
    }

    #[test]
    fn links_to_people() {
        assert_eq!(mailto("ann+x@example.com".to_owned()), "mailto:ann+x@example.com");
        assert_eq!(
            mailto("a@b.example?bcc=c@d.example&x".to_owned()),
            "mailto:a@b.example%3Fbcc%3Dc@d.example%26x"
        );
        assert_eq!(tel("+49 (30) 123-45".to_owned()), "tel:+493012345");
        assert_eq!(tel("030 12345".to_owned()), "tel:03012345");
        assert_eq!(bare_url("https://help.example/".to_owned()), "help.example");
    }
}

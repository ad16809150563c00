//! Query strings: the part of a URL after `?`.

/// Names and values, without their escapes, in their order.
pub fn pairs(query: &str) -> impl Iterator<Item = (&str, String)> {
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, decoded(value)))
}

/// The first value of this name.
pub fn value(query: &str, wanted: &str) -> Option<String> {
    pairs(query).find_map(|(name, value)| (name == wanted).then_some(value))
}

/// A value as it stands in a query string.
pub fn encoded(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&crate::hex::encode(&[byte]).to_ascii_uppercase());
        }
        text
    })
}

/// A value without its escapes; what is no escape stands for itself.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, next) = match (byte, escaped) {
            (b'%', Some(escaped)) => (escaped, &after[2..]),
            (b'+', _) => (b' ', after),
            (byte, _) => (*byte, after),
        };
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_undone() {
        let read: Vec<_> = pairs("q=%2B49+30&x&state=sent&odd=%zz%").collect();
        let expected = [("q", "+49 30"), ("state", "sent"), ("odd", "%zz%")];
        assert_eq!(read, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(value("a=1&b=2&b=3", "b").as_deref(), Some("2"));
        assert_eq!(value("a=1", "c"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "\\PC{0,40}") {
            prop_assert_eq!(value(&["x=", &encoded(&text)].concat(), "x"), Some(text));
        }
    }
}

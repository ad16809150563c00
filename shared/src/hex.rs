//! Lower-case hex, for names and signatures.

pub fn encode(bytes: &[u8]) -> String {
    // Digit by digit: to format each byte takes a webhook longer than to normalise a line of an order.
    let digit = |half| char::from_digit(u32::from(half), 16).expect("half a byte");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `None` for an odd number of digits or anything that is not one. Either case is read.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

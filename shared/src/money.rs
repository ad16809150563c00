//! Money in minor units: exact, ordered, never a float.

use serde::{Deserialize, Serialize};

/// An amount in the smallest unit of its currency: 4990 EUR is 49.90 euros, 500 JPY is 500 yen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

impl Money {
    /// Reads decimal text as senders write it (`"49.90"`, `"-5"`, `"1.5"`). Digits beyond the currency's minor
    /// unit are refused unless they are zeros: an amount is never rounded silently.
    pub fn parse(amount: &str, currency: &str) -> Option<Self> {
        let currency = currency.trim();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let currency = currency.to_ascii_uppercase();
        let amount = amount.trim();
        let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let places = minor_digits(&currency) as usize;
        let (kept, rest) = fraction.split_at(places.min(fraction.len()));
        if rest.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let minor: i64 = format!("{whole}{kept:0<places$}").parse().ok()?;
        Some(Self { minor: sign * minor, currency })
    }

    /// How many of its smallest units make one: 100 cents a euro.
    pub fn minor_per_unit(&self) -> i64 {
        10_i64.pow(minor_digits(&self.currency))
    }

    /// Decimal text with the currency's own number of places: `49.90`, `500`.
    pub fn amount(&self) -> String {
        let places = minor_digits(&self.currency);
        let unit = 10_u64.pow(places);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, fraction) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        match places {
            0 => format!("{sign}{whole}"),
            places => format!("{sign}{whole}.{fraction:0width$}", width = places as usize),
        }
    }
}

/// Digits after the point, from ISO 4217; two where the list is silent.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[track_caller]
    fn check(amount: &str, currency: &str, expected: Option<(i64, &str)>) {
        let money = Money::parse(amount, currency);
        assert_eq!(money.as_ref().map(|money| (money.minor, money.amount())), {
            expected.map(|(minor, text)| (minor, text.to_owned()))
        });
    }

    #[test]
    fn reads_and_writes_decimal_text() {
        check("49.90", "EUR", Some((4990, "49.90")));
        check("414.95", "usd", Some((41495, "414.95")));
        check("-5", "EUR", Some((-500, "-5.00")));
        check("-0.05", "EUR", Some((-5, "-0.05")));
        check("1.5", "EUR", Some((150, "1.50")));
        check("500", "JPY", Some((500, "500")));
        check("500.00", "JPY", Some((500, "500")));
        check("1.234", "KWD", Some((1234, "1.234")));
        check("1.239", "EUR", None);
        check("1e3", "EUR", None);
        check("", "EUR", None);
        check("example string", "EUR", None);
        check("5", "example string", None);
        check("99999999999999999999", "EUR", None);
    }
}

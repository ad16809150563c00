//! Ratings of any scale, on one.

/// `1-10` as its ends; from 0 or 1 to at most 100.
pub(super) fn scale(text: &str) -> Option<(u8, u8)> {
    let (min, max) = text.split_once('-')?;
    let min = match min {
        "0" => 0,
        "1" => 1,
        _ => return None,
    };
    let max = (2..=100).find(|end: &u8| end.to_string() == max)?;
    Some((min, max))
}

/// A rating as it was written (`4`, `4.5`) on a scale from `min` to `max`, as hundredths on 1 to 5, rounded to the
/// nearest. `None` outside the scale, or with more than two decimals.
pub(super) fn hundredths(rating: &str, min: u8, max: u8) -> Option<u16> {
    let (whole, decimals) = rating.split_once('.').unwrap_or((rating, ""));
    let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 3
        || decimals.len() > 2
        || !is_decimal(whole)
        || !is_decimal(decimals)
    {
        return None;
    }
    let given: u32 = format!("{whole}{decimals:0<2}").parse().ok()?;
    let (min, max) = (u32::from(min) * 100, u32::from(max) * 100);
    if min >= max || !(min..=max).contains(&given) {
        return None;
    }
    let width = max - min;
    u16::try_from(100 + ((given - min) * 400 + width / 2) / width).ok()
}

//! Colours that can be read, whatever colour a brand has.

use std::fmt;

/// Least contrast of text, from WCAG 2.2 (1.4.3, level AA).
const READABLE: f64 = 4.5;

/// The same for links in dark mode (1.4.6, level AAA): coloured text on black looks thinner than it is.
const READABLE_AT_NIGHT: f64 = 7.0;

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color([u8; 3]);

impl Color {
    pub(super) const WHITE: Self = Self([255, 255, 255]);
    /// The card of a mail in dark mode, as `layout.html` has it.
    pub(super) const NIGHT: Self = Self([0x1a, 0x20, 0x1e]);
    const BLACK: Self = Self([0, 0, 0]);
    pub(super) const DEFAULT: Self = Self([0x1f, 0x6f, 0x5c]);

    /// Reads `#rrggbb` or `#rgb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#')?;
        let wide = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits.to_owned(),
        };
        <[u8; 3]>::try_from(crate::hex::decode(&wide)?).ok().map(Self)
    }

    /// Black or white, whichever reads better on this colour. One of them always has a contrast of 4.58 or more.
    pub(super) fn text_on(self) -> &'static str {
        if self.contrast(Self::WHITE) >= READABLE { "#ffffff" } else { "#000000" }
    }

    /// This colour as ink on white, no darker than needed.
    pub(super) fn by_day(self) -> Self {
        self.until_readable(Self::BLACK, Self::WHITE, READABLE)
    }

    /// This colour as ink in dark mode, no lighter than needed.
    pub(super) fn by_night(self) -> Self {
        self.until_readable(Self::WHITE, Self::NIGHT, READABLE_AT_NIGHT)
    }

    fn until_readable(self, towards: Self, background: Self, least: f64) -> Self {
        let mut mixed = (0..=20).map(|step| self.mix(towards, step));
        mixed.find(|mixed| mixed.contrast(background) >= least).unwrap_or(towards)
    }

    /// `twentieths` of the way to `other`.
    fn mix(self, other: Self, twentieths: u16) -> Self {
        let mut mixed = [0; 3];
        for (channel, (ours, theirs)) in mixed.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let sum = u16::from(ours) * (20 - twentieths) + u16::from(theirs) * twentieths;
            *channel = u8::try_from(sum / 20).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// WCAG's contrast ratio, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (ours, theirs) = (self.luminance(), other.luminance());
        (ours.max(theirs) + 0.05) / (ours.min(theirs) + 0.05)
    }

    /// WCAG's relative luminance.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", crate::hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_colors() {
        assert_eq!(Color::parse("#1f6f5c").map(|color| color.to_string()).as_deref(), Some("#1f6f5c"));
        assert_eq!(Color::parse(" #FFF ").map(|color| color.to_string()).as_deref(), Some("#ffffff"));
        for bad in ["", "#", "red", "#12345", "#1234567", "#gggggg", "#1f6f5c;x", "#ä1"] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_brand_color_can_be_read() {
        for index in 0..7_usize.pow(3) {
            let steps = [0, 51, 102, 128, 153, 204, 255];
            let color = Color([steps[index % 7], steps[index / 7 % 7], steps[index / 49]]);
            let text = Color::parse(color.text_on()).unwrap();
            assert!(color.contrast(text) >= READABLE, "text on {color}");
            assert!(color.by_day().contrast(Color::WHITE) >= READABLE, "{color} by day");
            assert!(color.by_night().contrast(Color::NIGHT) >= READABLE_AT_NIGHT, "{color} by night");
        }
    }
}

//! What a merchant can set. The defaults do the core journeys.

use crate::brand::Brand;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub brand: Brand,
    /// Where alerts for the team go; empty for nowhere.
    pub team_email: String,
    /// Language for people whose own is not known, and for the team.
    pub default_locale: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brand: Brand::default(),
            team_email: "team@example.com".to_owned(),
            default_locale: "en".to_owned(),
        }
    }
}

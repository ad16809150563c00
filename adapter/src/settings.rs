//! What a merchant set: the variables of the component, changed by the document in the store.

use aftercare::brand::Brand;
use aftercare::link::Links;
use aftercare::settings::{History, Settings};
use aftercare::store::{StoreError, names};

use crate::{KeyValue, list, variable};

/// The settings before any document: the variables. What a component does not get stays at its default.
pub fn base() -> Settings {
    let standard = Settings::default();
    let or = |name: &str, default: &str| {
        let given = variable(name);
        if given.is_empty() { default.to_owned() } else { given }
    };
    Settings {
        brand: Brand {
            name: or("brand_name", &standard.brand.name),
            color: or("brand_color", &standard.brand.color),
            from: or("brand_from", &standard.brand.from),
            support_email: or("brand_support_email", &standard.brand.support_email),
            support_url: variable("brand_support_url"),
            phone: variable("brand_phone"),
            address: variable("brand_address"),
            sign_off: variable("brand_sign_off"),
            ..standard.brand
        },
        team_email: variable("team_email"),
        default_locale: or("default_locale", &standard.default_locale),
        links: Links::new(&variable("public_url"), list("link_keys")),
        ..standard
    }
}

/// The settings in force. A document that cannot be used any more is an error: to go on without it would be to send
/// what the merchant turned off.
pub async fn load(store: &KeyValue) -> Result<Settings, StoreError> {
    let history = History::load(store).await?;
    history.settings(&base()).map_err(|wrong| {
        let told: Vec<_> = wrong.iter().map(|wrong| [&*wrong.path, ": ", &*wrong.reason].concat()).collect();
        StoreError::Unreadable { key: names::SETTINGS.to_owned(), why: told.join("; ") }
    })
}

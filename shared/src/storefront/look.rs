//! How the pages look: templates, words in six languages, and the merchant's name and colours.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, Timelike};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};

use super::{Reply, Visit};
use crate::customer::{Customer, Order};
use crate::money::Money;
use crate::render::{self, BrandView};
use crate::settings::Settings;
use crate::template;
use crate::time::Time;
use crate::zone::Zone;

macro_rules! files {
    ($($name:literal)+) => {
        /// Path below `pages/shop/` and text of every file.
        const FILES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pages/shop/", $name)))),+
        ];
    };
}

files! {
    "answered.html" "base.html" "case.html" "notice.html" "order.html" "preferences.html" "style.css" "survey.html" "thanks.html"
    "words/de.json" "words/en.json" "words/es.json" "words/fr.json" "words/pl.json" "words/pt-BR.json"
}

pub(super) fn source(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, source)| *source)
}

/// One page's language and brand.
pub(super) struct Look<'a> {
    pub(super) settings: &'a Settings,
    pub(super) locale: &'static str,
    /// What the pages say.
    say: Value,
    /// What mails say too: months, money.
    words: Value,
}

impl<'a> Look<'a> {
    /// In the first of these languages that we speak; the shop's own otherwise.
    fn new<'l>(settings: &'a Settings, wanted: impl Iterator<Item = &'l str>) -> Self {
        let mut wanted = wanted.map(str::to_owned).chain([settings.default_locale.clone()]);
        let locale = render::locale(&mut wanted);
        let read = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap_or_default() };
        let say = source(&["words/", locale, ".json"].concat()).map(read).unwrap_or_default();
        let words = render::words(locale).unwrap_or_default();
        Self { settings, locale, say: Serde(say).into(), words: Serde(words).into() }
    }

    /// For somebody whose language is known: the one they chose, else that of the order, else their own.
    pub(super) fn of(settings: &'a Settings, customer: &Customer, order: Option<&Order>) -> Self {
        let profile = &customer.profile;
        let chosen = profile.language.get().and_then(Option::as_deref);
        let ordered = order.and_then(|order| order.locale.get()).map(String::as_str);
        let own = profile.locale.get().map(String::as_str);
        Self::new(settings, [chosen, ordered, own].into_iter().flatten())
    }

    /// For somebody of whom only the browser tells anything.
    pub(super) fn for_stranger(settings: &'a Settings, visit: &Visit<'_>) -> Self {
        let languages = visit.languages.split(',').take(20);
        Self::new(settings, languages.map(|language| language.split(';').next().unwrap_or_default().trim()))
    }

    /// Words of one part of the pages, by name.
    pub(super) fn words(&self, part: &str) -> impl Fn(&str) -> Value + use<> {
        let part = self.say.get_attr(part).unwrap_or_default();
        move |name| part.get_attr(name).unwrap_or_default()
    }

    /// A day as the language writes it.
    pub(super) fn day(&self, day: NaiveDate) -> String {
        render::day(day.to_string(), self.words.clone()).unwrap_or_default()
    }

    /// A moment on the clock of somebody in `zone`.
    pub(super) fn moment(&self, at: Time, zone: &Zone) -> String {
        let local = zone.local(at);
        format!("{}, {}:{:02}", self.day(local.date_naive()), local.hour(), local.minute())
    }

    pub(super) fn money(&self, money: &Money) -> String {
        let style = self.words.get_attr("money").unwrap_or_default();
        render::money(money.amount(), money.currency.clone(), style).unwrap_or_default()
    }

    pub(super) fn reply(&self, status: u16, template: &str, values: Value) -> Reply {
        let brand = BrandView::new(&self.settings.brand);
        let style = style(&brand);
        let hash = STANDARD.encode(Sha256::digest(&style));
        let frame = context! {
            locale => self.locale,
            say => self.say.clone(),
            words => self.words.clone(),
            brand => Value::from(Serde(&brand)),
            logo => self.settings.brand.logo.clone(),
            style,
        };
        let rendered = environment()
            .get_template(template)
            .and_then(|template| template.render(context! { ..values, ..frame }));
        // Templates are part of the program and tests render each of them.
        let html = rendered.unwrap_or_else(|error| {
            format!("<!doctype html>\n<title>Error</title>\n<p>The page {template} is broken: {error}.")
        });
        let security_policy = [
            "default-src 'none'; style-src 'sha256-",
            &hash,
            "'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ]
        .concat();
        Reply { status, html: tidy(&html), security_policy, fact: None }
    }
}

/// Without the empty lines that template tags leave.
fn tidy(html: &str) -> String {
    let mut tidy = String::with_capacity(html.len());
    for line in html.lines().filter(|line| !line.trim().is_empty()) {
        tidy.extend([line, "\n"]);
    }
    tidy
}

/// The stylesheet in the brand's colours, which can be read whatever they are.
fn style(brand: &BrandView) -> String {
    [
        ":root{--brand:",
        &brand.color,
        ";--on-brand:",
        brand.on_color,
        ";--link:",
        &brand.ink,
        "}@media(prefers-color-scheme:dark){:root{--link:",
        &brand.ink_dark,
        "}}",
        source("style.css").unwrap_or_default(),
    ]
    .concat()
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = template::environment(|path| source(path).map(str::to_owned));
        render::add_filters(&mut environment);
        environment
    })
}

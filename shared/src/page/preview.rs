//! Messages as they would be sent, with sample values.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::page;
use crate::message::Body;
use crate::query;
use crate::render::{self, RenderError, Sample};
use crate::settings::Settings;
use crate::webhook::problem::Problem;

/// Whom a sample is addressed to, and how they would unsubscribe.
const ADDRESS: &str = "ann@example.com";
const UNSUBSCRIBE: &str = "https://shop.example/unsubscribe";

/// One message of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub message: &'static str,
    pub locales: Vec<InLocale>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InLocale {
    pub locale: &'static str,
    /// In the merchant's words.
    pub own: bool,
}

/// Every message in every language.
pub fn rows(settings: &Settings) -> Vec<Row> {
    let own = |message: &str, locale: &str| {
        settings.templates.get(message).is_some_and(|locales| locales.contains_key(locale))
    };
    let row = |(message, locales): &(&'static str, &'static [&'static str])| Row {
        message,
        locales: locales.iter().map(|locale| InLocale { locale, own: own(message, locale) }).collect(),
    };
    render::catalog().iter().map(row).collect()
}

/// `/settings/preview`: all of them.
pub fn wording(rows: &[Row], brand_name: &str) -> String {
    page(
        "wording.html",
        context! { brand_name, here => "/settings/preview", rows => Value::from(Serde(rows)) },
    )
}

/// A message with sample values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    pub template: &'static str,
    pub locale: &'static str,
    /// `full`, `bare`, or the number of another way in which it reads.
    pub variant: String,
    /// In the merchant's words.
    pub own: bool,
    #[serde(flatten)]
    pub body: Body,
    /// The values that it was made of.
    pub values: serde_json::Value,
    #[serde(skip)]
    variants: usize,
}

impl Preview {
    /// What `?template=&locale=&variant=` asks for; `None` where it names no template.
    pub fn from_query(query: &str, settings: &Settings) -> Result<Option<Self>, Problem> {
        let given = |name: &str| query::value(query, name).filter(|value| !value.is_empty());
        let Some(message) = given("template") else { return Ok(None) };
        let one_of = |names: Vec<&str>| ["One of ", &names.join(", "), "."].concat();
        let known = render::catalog().iter().find(|(known, _)| *known == message);
        let (Some((template, locales)), Some(sample)) = (known, Sample::of(&message)) else {
            let names = render::catalog().iter().map(|(name, _)| *name).collect();
            return Err(Problem::bad_parameter("template", one_of(names)));
        };
        let locale = given("locale").unwrap_or_else(|| "en".to_owned());
        let Some(locale) = locales.iter().copied().find(|known| *known == locale) else {
            return Err(Problem::bad_parameter("locale", one_of(locales.to_vec())));
        };
        let variant = given("variant").unwrap_or_else(|| "full".to_owned());
        let values = match variant.as_str() {
            "full" => sample.full(0),
            "bare" => sample.bare(0),
            number => match number.parse() {
                Ok(number) if (1..sample.variants()).contains(&number) => sample.full(number),
                _ => {
                    let last = sample.variants() - 1;
                    let numbers =
                        if last > 0 { format!(", or a number from 1 to {last}") } else { String::new() };
                    return Err(Problem::bad_parameter(
                        "variant",
                        ["`full`, `bare`", &numbers, "."].concat(),
                    ));
                }
            },
        };
        let draft = sample.draft(template, locale, ADDRESS, UNSUBSCRIBE, values.clone());
        let body = render::render(&draft, settings)
            .map_err(|error: RenderError| Problem::unprocessable("template", error.to_string()))?;
        let own = settings.templates.get(*template).is_some_and(|locales| locales.contains_key(locale));
        Ok(Some(Self { template, locale, variant, own, body, values, variants: sample.variants() }))
    }
}

/// `/settings/preview?template=`: one of them. Answer it with [`super::PREVIEW_SECURITY_POLICY`].
pub fn preview(preview: &Preview, brand_name: &str) -> String {
    let locales = render::catalog().iter().find(|(name, _)| *name == preview.template);
    let mut variants = vec![
        ("full".to_owned(), "all there".to_owned()),
        ("bare".to_owned(), "as few as possible".to_owned()),
    ];
    variants.extend((1..preview.variants).map(|number| (number.to_string(), format!("variant {number}"))));
    let headers: Vec<_> = preview.body.headers.iter().collect();
    let values = context! {
        brand_name,
        here => "/settings/preview",
        message => preview.template,
        locale => preview.locale,
        variant => &preview.variant,
        own => preview.own,
        messages => render::catalog().iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        locales => locales.map(|(_, locales)| locales.to_vec()).unwrap_or_default(),
        variants => Value::from(Serde(variants)),
        headers => Value::from(Serde(headers)),
        body => Value::from(Serde(&preview.body)),
        sample => serde_json::to_string_pretty(&preview.values).unwrap_or_default(),
    };
    page("preview.html", values)
}

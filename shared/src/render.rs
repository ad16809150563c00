//! Puts drafts into words: templates, the merchant's brand and a language become a message that can be sent.
//!
//! Templates live in `templates/<message>/<locale>/{subject.txt,body.txt,body.html}`, are compiled into the program, and
//! stand in one frame (`layout.txt`, `layout.html`) that adds the brand, the way to reach support and the sign-off.
//! Everything that comes from a customer or a platform is cleaned first (`clean`) and escaped in HTML; a variable that
//! a template names and the draft lacks is an error, never a blank.

mod catalog;
pub(crate) mod clean;
mod color;
mod elements;
mod filters;
mod lint;
mod markup;
mod own;
mod sample;
mod style;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::Value;

use crate::brand::Brand;
use crate::channel::Provider;
use crate::draft::Draft;
use crate::fact::Channel;
use crate::gather::gather;
use crate::message::Body;
use crate::settings::{Settings, Wording};
use crate::template;

pub(crate) use catalog::is_for_team;
pub use lint::lint;
use own::Part;
pub use sample::Sample;

/// Longest subject, in characters. Mail programs show 40 to 80; RFC 5322 would allow 998 bytes on a line.
const SUBJECT_MAX: usize = 120;

/// Longest text message, in characters: three segments of plain letters, as networks bill them.
const TEXT_MESSAGE_MAX: usize = 459;

/// Can this message be said in a text message?
pub(crate) fn has_short_text(template: &str) -> bool {
    markup::part(&[template, "/en/sms.txt"].concat()).is_some()
}

/// Renders `draft` in the best language there is for it: the customer's own (`de-AT`, then `de`), the shop's, English.
///
/// The same arguments give the same bytes, so a message can be rendered once, frozen and sent again.
///
/// In the merchant's own words where they wrote some. Should those not go with what this message has to say, it is said
/// in ours: that is better than not at all.
pub fn render(draft: &Draft, settings: &Settings) -> Result<Body, RenderError> {
    let locale = catalog::pick(draft.template, &draft.locale, &settings.default_locale)
        .ok_or_else(|| RenderError::UnknownTemplate(draft.template.to_owned()))?;
    let wording = settings.templates.get(draft.template).and_then(|locales| locales.get(locale));
    if let Some(wording) = wording
        && let Ok(body) = worded(draft, settings, locale, Some(wording))
    {
        return Ok(body);
    }
    worded(draft, settings, locale, None)
}

type Values = BTreeMap<String, minijinja::Value>;

/// What templates may name: the draft's values, cleaned, and the brand.
fn values(
    context: &Value,
    brand: &Brand,
    locale: &str,
    unsubscribe: Option<&str>,
) -> Result<Values, RenderError> {
    let words = words(locale)?;
    let brand = BrandView::new(brand);
    let mut values: Values = match clean::context(context) {
        Value::Object(members) => {
            gather(members.into_iter().map(|(name, value)| (name, Serde(value).into())))
        }
        _ => BTreeMap::new(),
    };
    // Inserted last: no draft can overrule the brand.
    values.insert("locale".to_owned(), locale.into());
    values.insert("sign_off".to_owned(), brand.sign_off(&words).into());
    values.insert("words".to_owned(), Serde(&words).into());
    values.insert("brand".to_owned(), Serde(&brand).into());
    values.insert("unsubscribe_url".to_owned(), Serde(&unsubscribe).into());
    values.insert("order_url".to_owned(), ().into());
    Ok(values)
}

/// One part of a message, in the merchant's words or ours.
fn part(
    message: &str,
    locale: &str,
    part: Part,
    wording: Option<&Wording>,
    values: &Values,
) -> Result<String, RenderError> {
    let file = match part {
        Part::Subject => "subject.txt",
        Part::Text => "body.txt",
        Part::Html => "body.html",
    };
    let path = format!("{message}/{locale}/{file}");
    let broken = |path: String, why: String| RenderError::Template { path, why };
    let own = match wording {
        Some(wording) => own::render(wording, part, values).map_err(|why| broken(path.clone(), why))?,
        None => None,
    };
    let rendered = match own {
        Some(subject) if part == Part::Subject => Ok(subject),
        // The frame is ours, whoever's the words are.
        Some(said) => {
            let frame = if catalog::is_for_team(message) { "own/team." } else { "own/layout." };
            let kind = if part == Part::Html { "html" } else { "txt" };
            let mut values = values.clone();
            values.insert("own".to_owned(), said.into());
            let template = environment().get_template(&[frame, kind].concat());
            template.and_then(|template| template.render(values))
        }
        None => environment().get_template(&path).and_then(|template| template.render(values)),
    };
    rendered.map_err(|error| broken(path, error.to_string()))
}

/// What a text message says: always in our words.
fn short_text(message: &str, locale: &str, values: &Values) -> Result<String, RenderError> {
    let path = format!("{message}/{locale}/sms.txt");
    let rendered = environment().get_template(&path).and_then(|template| template.render(values));
    rendered.map_err(|error| RenderError::Template { path, why: error.to_string() })
}

fn worded(
    draft: &Draft,
    settings: &Settings,
    locale: &'static str,
    wording: Option<&Wording>,
) -> Result<Body, RenderError> {
    let is_email = draft.channel == Channel::Email;
    if is_email && !clean::is_address(&draft.to) {
        return Err(RenderError::Recipient);
    }
    let unsubscribe = draft.unsubscribe_url.as_deref().and_then(clean::url);
    let mut values = values(&draft.context, &settings.brand, locale, unsubscribe.as_deref())?;
    let order_url = draft.order_url.as_deref().and_then(clean::url);
    values.insert("order_url".to_owned(), Serde(&order_url).into());
    let say = |which, values: &Values| part(draft.template, locale, which, wording, values);
    let is_short = matches!(draft.channel, Channel::Sms | Channel::Whatsapp);
    let subject =
        if is_short { String::new() } else { clean::line(&say(Part::Subject, &values)?, SUBJECT_MAX) };
    values.insert("subject".to_owned(), subject.as_str().into());
    let text = if is_short {
        clean::line(&short_text(draft.template, locale, &values)?, TEXT_MESSAGE_MAX)
    } else {
        clean::tidy_text(&say(Part::Text, &values)?)
    };
    let html = if is_email { clean::tidy_html(&say(Part::Html, &values)?) } else { String::new() };

    let brand = BrandView::new(&settings.brand);
    let mut headers = BTreeMap::new();
    let from = if is_email {
        if brand.support_email != brand.from {
            headers.insert("Reply-To".to_owned(), brand.support_email.clone());
        }
        // RFC 3834: keeps holiday notices from answering.
        headers.insert("Auto-Submitted".to_owned(), "auto-generated".to_owned());
        if let Some(link) = unsubscribe {
            // RFC 8058: mail programs show a button, and a POST to this link is all that it takes.
            headers.insert("List-Unsubscribe".to_owned(), ["<", &link, ">"].concat());
            headers.insert("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned());
        }
        clean::mailbox(&brand.name, &brand.from).ok_or(RenderError::Sender)?
    } else {
        brand.name.clone()
    };
    Ok(Body {
        channel: draft.channel,
        provider: Provider::default(),
        reference: String::new(),
        to: draft.to.clone(),
        locale: locale.to_owned(),
        from,
        subject,
        text,
        html,
        headers,
    })
}

/// Why a draft could not be put into words. None of these go away by trying again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// There is no message of this name.
    UnknownTemplate(String),
    /// A template is broken, or names something that the draft does not have.
    Template { path: String, why: String },
    /// The brand's sender address is not an e-mail address.
    Sender,
    /// The recipient's address is not an e-mail address. It is not repeated here: errors are logged.
    Recipient,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTemplate(name) => write!(f, "there is no message template `{name}`"),
            Self::Template { path, why } => write!(f, "the template {path} cannot be rendered: {why}"),
            Self::Sender => {
                f.write_str("the brand's sender address is not an e-mail address; check `brand_from`")
            }
            Self::Recipient => f.write_str("the recipient's address is not an e-mail address"),
        }
    }
}

impl std::error::Error for RenderError {}

/// The brand as templates see it: checked, with readable colours, nothing that could break a line.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BrandView {
    pub(crate) name: String,
    from: String,
    support_email: String,
    /// Empty, or an address that starts with `http`.
    support_url: String,
    phone: String,
    /// Name and postal address, a line each.
    imprint: Vec<String>,
    sign_off: String,
    pub(crate) color: String,
    pub(crate) on_color: &'static str,
    pub(crate) ink: String,
    pub(crate) ink_dark: String,
}

impl BrandView {
    pub(crate) fn new(brand: &Brand) -> Self {
        let line = |text: &str| clean::line(text, 200);
        let from = line(&brand.from);
        // A mail without a way to answer it is worse than one that is answered to the sender.
        let support_email = Some(line(&brand.support_email))
            .filter(|address| clean::is_address(address))
            .unwrap_or_else(|| from.clone());
        let name = line(&brand.name);
        let mut imprint: Vec<_> = brand.address.lines().map(line).filter(|line| !line.is_empty()).collect();
        if !imprint.first().is_some_and(|first| first.starts_with(&name)) {
            imprint.insert(0, name.clone());
        }
        let color = color::Color::parse(&brand.color).unwrap_or(color::Color::DEFAULT);
        Self {
            name,
            from,
            support_email,
            support_url: clean::url(&brand.support_url).unwrap_or_default(),
            phone: line(&brand.phone),
            imprint,
            sign_off: line(&brand.sign_off),
            color: color.to_string(),
            on_color: color.text_on(),
            ink: color.by_day().to_string(),
            ink_dark: color.by_night().to_string(),
        }
    }

    fn sign_off(&self, words: &Value) -> String {
        if self.sign_off.is_empty() {
            words["sign_off"].as_str().unwrap_or("{brand}").replace("{brand}", &self.name)
        } else {
            self.sign_off.clone()
        }
    }
}

/// What the frame says in `locale`.
pub(crate) fn words(locale: &str) -> Result<Value, RenderError> {
    let path = format!("words/{locale}.json");
    let broken = |why: &str| RenderError::Template { path: path.clone(), why: why.to_owned() };
    let source = catalog::source(&path).ok_or_else(|| broken("there is no such file"))?;
    serde_json::from_slice(source.as_bytes()).map_err(|error| broken(&error.to_string()))
}

/// May this stand in a header as the address of one person?
pub(crate) fn is_address(text: &str) -> bool {
    clean::is_address(text)
}

/// Is this a link to a page, and nothing else?
pub(crate) fn is_url(text: &str) -> bool {
    clean::url(text).is_some()
}

/// Are there messages in this language?
pub(crate) fn speaks(locale: &str) -> bool {
    catalog::speaks(locale)
}

/// The frame around what a merchant wrote.
fn own_frame(path: &str) -> Option<String> {
    let frame = path.strip_prefix("own/")?;
    let own = if template::is_html(path) { "{{ own | safe }}" } else { "{{ own }}" };
    Some(["{% extends \"", frame, "\" %}{% block content %}\n", own, "\n{% endblock %}"].concat())
}

/// Every message with its languages.
pub fn catalog() -> &'static [(&'static str, &'static [&'static str])] {
    catalog::MESSAGES
}

/// The first of these languages that there are messages in, else English.
pub(crate) fn locale(wanted: &mut impl Iterator<Item = String>) -> &'static str {
    catalog::locale(wanted)
}

pub(crate) use catalog::LOCALES;
pub(crate) use filters::{add as add_filters, day, money};

/// One template engine for all messages.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = template::environment(|path| {
            let source = own_frame(path)
                .or_else(|| catalog::source(path).map(str::to_owned))
                .or_else(|| markup::part(path))?;
            Some(if template::is_html(path) { style::inline(&source) } else { source })
        });
        filters::add(&mut environment);
        environment
    })
}

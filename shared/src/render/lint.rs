//! What is wrong with a merchant's wording, before anybody gets to read it.

use super::own::{self, Part};
use super::sample::Sample;
use super::{catalog, elements, values};
use crate::settings::{Settings, Wording, Wrong};

/// Longest wording as it is written, in bytes: of a subject, of another part, and of all together. Every sweep reads all
/// of it, and each version of the settings keeps a copy.
const SUBJECT_MAX: usize = 500;
const PART_MAX: usize = 16 * 1024;
const ALL_MAX: usize = 128 * 1024;

/// Everything that is wrong with the wording in `settings`: names, sizes, templates that do not compile, values that are
/// not always there, and HTML that could break the frame. Each part is tried with the sample values of its message, all
/// of them, as few as there may be, and with each one missing.
pub fn lint(settings: &Settings) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut size = 0;
    for (message, locales) in &settings.templates {
        let at = ["templates.", message].concat();
        let (Some(known), Some(sample)) = (catalog::locales(message), Sample::of(message)) else {
            let names: Vec<&str> = catalog::MESSAGES.iter().map(|(name, _)| *name).collect();
            wrong.push(Wrong {
                path: at,
                reason: ["there is no such message; there are ", &names.join(", ")].concat(),
            });
            continue;
        };
        for (locale, wording) in locales {
            let at = [&at, ".", locale].concat();
            let Some(locale) = known.iter().copied().find(|known| known == locale) else {
                let reason = ["there is no such language; there are ", &known.join(", ")].concat();
                wrong.push(Wrong { path: at, reason });
                continue;
            };
            if Part::ALL.iter().all(|part| part.of(wording).is_none()) {
                let reason = "say at least one of `subject`, `text` and `html`".to_owned();
                wrong.push(Wrong { path: at.clone(), reason });
            }
            for part in Part::ALL {
                let Some(source) = part.of(wording) else { continue };
                size += source.len();
                if let Err(reason) = part_of(settings, wording, part, locale, &sample) {
                    wrong.push(Wrong { path: [&at, ".", part.name()].concat(), reason });
                }
            }
        }
    }
    if size > ALL_MAX {
        let reason = format!("all wording together is at most {ALL_MAX} bytes, and this is {size}");
        wrong.push(Wrong { path: "templates".to_owned(), reason });
    }
    wrong
}

/// Tries one part.
fn part_of(
    settings: &Settings,
    wording: &Wording,
    part: Part,
    locale: &'static str,
    sample: &Sample,
) -> Result<(), String> {
    let most = if part == Part::Subject { SUBJECT_MAX } else { PART_MAX };
    if part.of(wording).is_some_and(|source| source.len() > most) {
        return Err(format!("at most {most} bytes"));
    }
    for context in sample.telling() {
        let values = values(&context, &settings.brand, locale, None).map_err(|error| error.to_string())?;
        let says = |part| own::render(wording, part, &values).map(Option::unwrap_or_default);
        let said = says(part)?;
        if said.trim().is_empty() {
            return Err("with some values nothing is said at all".to_owned());
        }
        match part {
            // The HTML part follows from it, unless it has words of its own.
            Part::Text if wording.html.is_none() => elements::check(&says(Part::Html)?)?,
            Part::Subject | Part::Text => {}
            Part::Html => elements::check(&said)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is wrong with wording of the thank-you in English, path by path.
    fn wrong(wording: Value) -> Vec<(String, String)> {
        let settings = Settings::default().with(&json!({"templates": {"thank-you": {"en": wording}}}));
        let settings = settings.expect("it can be read");
        lint(&settings).into_iter().map(|wrong| (wrong.path, wrong.reason)).collect()
    }

    #[track_caller]
    fn refused(wording: Value, part: &str, why: &str) {
        let wrong = wrong(wording);
        let [(path, reason)] = wrong.as_slice() else { panic!("one thing is wrong: {wrong:?}") };
        assert_eq!(path, &["templates.thank-you.en", part].concat());
        assert!(reason.contains(why), "{reason}");
    }

    #[test]
    fn good_wording_is_taken() {
        for wording in [
            json!({"subject": "Thank you!"}),
            json!({"text": "Hello{% if first_name %} {{ first_name }}{% endif %},\n\nthank you."}),
            json!({"html": "<h1>Thank you</h1><p>{{ brand.name }}</p>"}),
            json!({"subject": "a", "text": "b", "html": "<p>c</p>"}),
        ] {
            assert_eq!(wrong(wording.clone()), [], "{wording}");
        }
    }

    #[test]
    fn each_mistake_is_named_where_it_is() {
        refused(json!({}), "", "at least one");
        refused(json!({"subject": "{{ first_name"}), ".subject", "not closed");
        refused(json!({"subject": "Hello {{ first_name }}"}), ".subject", "not always there");
        refused(json!({"subject": "{% if returning %}Again{% endif %}"}), ".subject", "nothing is said");
        refused(json!({"text": "Hello\n\n{{ surname }}"}), ".text", "line 3");
        refused(json!({"text": "{% set x = 1 %}"}), ".text", "cannot be used");
        refused(json!({"html": "<p>Thanks"}), ".html", "never closed");
        refused(json!({"html": "<p>Thanks<script>x</script></p>"}), ".html", "<script>");
        refused(json!({"subject": "x".repeat(501)}), ".subject", "500 bytes");
        refused(json!({"text": "x".repeat(17_000)}), ".text", "16384 bytes");
    }

    #[test]
    fn names_that_there_are_not_are_refused() {
        let settings = Settings::default().with(&json!({"templates": {
            "thank-you": {"nl": {"subject": "Bedankt"}}, "thanks": {"en": {"subject": "Thanks"}},
        }}));
        let wrong = lint(&settings.expect("it can be read"));
        let told: Vec<_> =
            wrong.iter().map(|wrong| (wrong.path.as_str(), wrong.reason.contains("there are"))).collect();
        assert_eq!(told, [("templates.thank-you.nl", true), ("templates.thanks", true)]);
    }

    #[test]
    fn all_of_it_has_an_end() {
        let long = json!({"subject": "x", "text": "x".repeat(16_000)});
        let of_each = |message: &str| {
            let locales = catalog::locales(message).expect("a message");
            let all = locales.iter().map(|locale| ((*locale).to_owned(), long.clone()));
            Value::Object(all.collect())
        };
        let settings = Settings::default()
            .with(&json!({"templates": {"thank-you": of_each("thank-you"), "delay": of_each("delay")}}));
        let wrong = lint(&settings.expect("it can be read"));
        assert_eq!(wrong.iter().map(|wrong| wrong.path.as_str()).collect::<Vec<_>>(), ["templates"]);
    }
}

//! Which messages there are, in which languages; the only place to change when one is added.

/// Languages of every message.
pub(crate) const LOCALES: &[&str] = &["de", "en", "es", "fr", "pl", "pt-BR"];

/// Names every file below `templates/` and embeds it. A message is a folder with a file a language, or, where HTML has
/// to say it differently, with a folder a language.
macro_rules! catalog {
    (
        shared: $($shared:literal)+;
        files: $($name:literal)+;
        $($message:literal: $($locale:literal)+; $($file:literal)+;)+
    ) => {
        /// Messages with their languages.
        pub(super) const MESSAGES: &[(&str, &[&str])] =
            &[$(($name, LOCALES),)+ $(($message, LOCALES)),+];

        /// What each message may hold, for previews and checks.
        const SAMPLES: &[(&str, &str)] = &[
            $(($name, embed!($name, "/sample.json")),)+ $(($message, embed!($message, "/sample.json"))),+
        ];

        /// Path below `templates/` and text of every file.
        pub(super) const FILES: &[(&str, &str)] = &[
            $(($shared, embed!($shared)),)+
            $(
                (concat!($name, "/de.md"), embed!($name, "/de.md")),
                (concat!($name, "/en.md"), embed!($name, "/en.md")),
                (concat!($name, "/es.md"), embed!($name, "/es.md")),
                (concat!($name, "/fr.md"), embed!($name, "/fr.md")),
                (concat!($name, "/pl.md"), embed!($name, "/pl.md")),
                (concat!($name, "/pt-BR.md"), embed!($name, "/pt-BR.md")),
            )+
            $($(
                (concat!($message, "/", $locale, "/subject.txt"), embed!($message, "/", $locale, "/subject.txt")),
                (concat!($message, "/", $locale, "/body.txt"), embed!($message, "/", $locale, "/body.txt")),
                (concat!($message, "/", $locale, "/body.html"), embed!($message, "/", $locale, "/body.html")),
            )+)+
            $($((concat!($message, "/", $file, ".md"), embed!($message, "/", $file, ".md")),)+)+
        ];
    };
}

macro_rules! embed {
    ($($part:literal),+) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $($part),+))
    };
}

catalog! {
    shared:
        "layout.html" "layout.txt" "team.html" "team.txt" "items.html" "items.txt" "item-list.html" "item-list.txt"
        "scores.html" "scores.txt"
        "words/de.json" "words/en.json" "words/es.json" "words/fr.json" "words/pl.json" "words/pt-BR.json";
    files:
        "advocate" "apology" "case-alert" "delay" "digest" "loyalty" "milestone" "onboarding" "replenish" "return-info"
        "return-status" "review-request" "review-thanks" "shipment-status" "struggle" "survey-ces" "survey-csat" "survey-nps"
        "win-back";
    "detractor-alert": "de" "en"; "es" "fr" "pl" "pt-BR";
    "thank-you": "de" "en"; "es" "fr" "pl" "pt-BR";
}

/// The text of a file below `templates/`.
pub(super) fn source(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, source)| *source)
}

/// The sample of a message.
pub(super) fn sample(message: &str) -> Option<&'static str> {
    SAMPLES.iter().find(|(known, _)| *known == message).map(|(_, source)| *source)
}

/// The languages of a message, if there is one of this name.
pub(super) fn locales(message: &str) -> Option<&'static [&'static str]> {
    MESSAGES.iter().find(|(known, _)| *known == message).map(|(_, locales)| *locales)
}

/// Does this message stand in the team's frame?
pub(crate) fn is_for_team(message: &str) -> bool {
    let single = source(&[message, "/en.md"].concat());
    let folder = source(&[message, "/en/body.txt"].concat());
    single
        .or(folder)
        .is_some_and(|text| text.contains("Frame: team") || text.contains("extends \"team.txt\""))
}

/// The language to write `message` in: the best match for what the customer has, else for what the shop has, else
/// English. `None` if there is no such message.
pub(super) fn pick(message: &str, wanted: &str, default: &str) -> Option<&'static str> {
    let locales = locales(message)?;
    [wanted, default, "en"].iter().find_map(|locale| best(locales, locale))
}

/// The first of these languages that there are messages in, else English.
pub(super) fn locale(wanted: &mut impl Iterator<Item = String>) -> &'static str {
    wanted.find_map(|locale| best(LOCALES, &locale)).unwrap_or("en")
}

/// Are there messages in this language, or one near it?
pub(super) fn speaks(locale: &str) -> bool {
    best(LOCALES, locale).is_some()
}

/// `de-AT` itself, else `de`, else any of the same language: to a reader in Lisbon, Brazilian Portuguese is closer than
/// English.
fn best(locales: &[&'static str], wanted: &str) -> Option<&'static str> {
    let wanted = wanted.trim().replace('_', "-");
    let language = |locale: &str| locale.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let is = |name: &str| locales.iter().copied().find(|locale| locale.eq_ignore_ascii_case(name));
    let base = language(&wanted);
    is(&wanted)
        .or_else(|| is(&base))
        .or_else(|| locales.iter().copied().find(|locale| language(locale) == base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, default: &str, expected: &str) {
        assert_eq!(pick("thank-you", wanted, default), Some(expected));
    }

    #[test]
    fn falls_back_to_the_nearest_language() {
        check("de", "en", "de");
        check("de-AT", "en", "de");
        check("de_CH", "en", "de");
        check("DE-de", "en", "de");
        check("en-US", "de", "en");
        check("pt-PT", "en", "pt-BR");
        check("nl", "de", "de");
        check("nl", "de-DE", "de");
        check("nl", "it", "en");
        check("", "", "en");
        assert_eq!(pick("no-such-message", "en", "en"), None);
    }

    #[test]
    fn takes_another_region_of_the_same_language() {
        assert_eq!(best(&["en", "pt-BR"], "pt-PT"), Some("pt-BR"));
        assert_eq!(best(&["en", "pt-BR"], "pt"), Some("pt-BR"));
        assert_eq!(best(&["en", "pt-BR"], "pt-br"), Some("pt-BR"));
        assert_eq!(best(&["en", "pt-BR"], "p"), None);
    }
}

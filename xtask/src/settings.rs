//! Checks a settings document before it is put.

use std::path::PathBuf;

use aftercare::render::lint;
use aftercare::settings::Settings;
use anyhow::{Context, Result, bail};

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Say everything that is wrong with a document; nothing if it can be used.
    Check {
        /// TOML, or JSON if the name ends with `.json`.
        file: PathBuf,
    },
}

pub(crate) fn run(action: &Action) -> Result<()> {
    let Action::Check { file } = action;
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let is_json = file.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json"));
    let document = if is_json {
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?
    } else {
        toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))?
    };
    let wrong = match Settings::default().with(&document) {
        Ok(settings) => lint(&settings),
        Err(wrong) => wrong,
    };
    if wrong.is_empty() {
        println!("{} can be used", file.display());
        return Ok(());
    }
    for wrong in &wrong {
        eprintln!("{}: {}", wrong.path, wrong.reason);
    }
    bail!("{} has {} mistakes", file.display(), wrong.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_the_documentation_can_be_used() {
        let guide = include_str!("../../docs/playbooks.md");
        let example =
            guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(file.path(), example).expect("written");
        run(&Action::Check { file: file.path().to_owned() }).expect("settings that can be used");
    }

    #[test]
    fn a_document_with_mistakes_is_refused() {
        let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
        std::fs::write(file.path(), r#"{"brnad": {}}"#).expect("written");
        assert!(run(&Action::Check { file: file.path().to_owned() }).is_err());
    }
}

//! Application variables: where their values come from, and templates that use them.
//!
//! As in Spin, `--variable` goes before the environment, the environment before `.env`, and `.env` before the
//! manifest's default. Values are read once, at start.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::StartError;
use crate::manifest::VariableDefinition;

const PREFIX: &str = "SPIN_VARIABLE_";

/// Where values come from, besides the manifest.
#[derive(Debug, Default)]
pub(crate) struct Sources<'a> {
    /// `--variable name=value`.
    pub(crate) given: &'a [(String, String)],
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The `.env` file.
    pub(crate) dot_env: BTreeMap<String, String>,
}

impl<'a> Sources<'a> {
    /// The process's environment and, if it is there, a `.env` file.
    pub(crate) fn new(given: &'a [(String, String)], dot_env: Option<&Path>) -> Result<Self, StartError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        let dot_env = dot_env.map(read_dot_env).transpose()?.unwrap_or_default();
        Ok(Self { given, environment, dot_env })
    }

    fn value(&self, name: &str) -> Option<&str> {
        let given = self.given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value);
        let key = format!("{PREFIX}{}", name.to_ascii_uppercase());
        given.or_else(|| self.environment.get(&key)).or_else(|| self.dot_env.get(&key)).map(String::as_str)
    }
}

/// Reads a `.env` file, which need not exist.
fn read_dot_env(file: &Path) -> Result<BTreeMap<String, String>, StartError> {
    let lines = match dotenvy::from_path_iter(file) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(invalid_dot_env(file, &error)),
    };
    lines.collect::<Result<_, _>>().map_err(|error| invalid_dot_env(file, &error))
}

/// Says where the file is wrong, but not what it says there: it holds secrets.
fn invalid_dot_env(file: &Path, error: &dotenvy::Error) -> StartError {
    let what = match error {
        dotenvy::Error::LineParse(_, at) => {
            format!(
                "a line cannot be read, at its character {at}: write NAME=value, and quote values with spaces"
            )
        }
        error => error.to_string(),
    };
    StartError::Invalid { file: file.to_owned(), what }
}

/// The values of all application variables.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    /// Finds a value for every variable of the manifest.
    pub(crate) fn resolve(
        definitions: &BTreeMap<String, VariableDefinition>,
        sources: &Sources<'_>,
    ) -> Result<Self, StartError> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, definition) in definitions {
            match sources.value(name).or(definition.default.as_deref()) {
                Some(value) => {
                    values.insert(name.clone(), value.to_owned());
                }
                None => missing.push(name.clone()),
            }
        }
        if missing.is_empty() {
            Ok(Self(values))
        } else {
            Err(StartError::MissingVariables { names: missing })
        }
    }

    /// Replaces every `{{ name }}` by the variable's value.
    pub(crate) fn render(&self, template: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((literal, expression)) = rest.split_once("{{") {
            let (name, after) =
                expression.split_once("}}").ok_or_else(|| format!("unmatched '{{{{' in {template:?}"))?;
            let name = name.trim();
            let value =
                self.0.get(name).ok_or_else(|| format!("unknown variable {name:?} in {template:?}"))?;
            text.push_str(literal);
            text.push_str(value);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// Why a name cannot be a variable's, if it cannot.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let reason = if name.is_empty() {
        "must not be empty".to_owned()
    } else if let Some(other) = name.chars().find(|&c| !allowed(c)) {
        format!(
            "invalid character {other:?}. Variable names may contain only lower-case letters, numbers, and underscores."
        )
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must start with a lowercase ASCII letter".to_owned()
    } else if name.ends_with('_') {
        "must end with a lowercase ASCII letter or digit".to_owned()
    } else if name.contains("__") {
        "must not contain multiple consecutive underscores".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("{name:?}: {reason}"))
}

/// Reads what follows `--variable`: `name=value`, `name=@file` for a file's text, or `@file.toml` for a table of
/// several (`@file.json` likewise).
pub fn parse_argument(argument: &str) -> Result<Vec<(String, String)>, StartError> {
    let invalid = |what: String| StartError::Argument(format!("--variable {what}"));
    let read = |file: &str| {
        std::fs::read_to_string(file).map_err(|reason| StartError::Unreadable { file: file.into(), reason })
    };
    if let Some(file) = argument.strip_prefix('@') {
        let text = read(file)?;
        let kind = Path::new(file).extension().and_then(std::ffi::OsStr::to_str);
        let table: Result<BTreeMap<String, String>, String> = match kind {
            Some("toml") => toml::from_str(&text).map_err(|error| error.message().to_owned()),
            Some("json") => serde_json::from_str(&text).map_err(|error| error.to_string()),
            _ => {
                return Err(invalid(format!(
                    "@{file}: a file of several variables must end in .toml or .json"
                )));
            }
        };
        return match table {
            Ok(table) => Ok(table.into_iter().collect()),
            Err(what) => Err(StartError::Invalid { file: file.into(), what }),
        };
    }
    // The argument itself may be a secret: say only what form it should have.
    let (name, value) = argument
        .split_once('=')
        .ok_or_else(|| invalid("must be name=value, name=@file, @file.toml or @file.json".into()))?;
    check_name(name).map_err(invalid)?;
    let value = match value.strip_prefix('@') {
        Some(file) => read(file)?,
        None => value.to_owned(),
    };
    Ok(vec![(name.to_owned(), value)])
}

#[cfg(test)]
mod tests;

//! Random secrets for a developer's machine, in the git-ignored `.env` that Spin and the local host read.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Variables that get a random value. Those that the manifest does not have yet are left out.
const SECRETS: [(&str, Form); 5] = [
    ("admin_token", Form::Token),
    ("dispatch_token", Form::Token),
    ("link_keys", Form::Token),
    ("shopify_secrets", Form::Token),
    ("webhook_secrets", Form::StandardWebhooks),
];

#[derive(Clone, Copy)]
enum Form {
    /// Any text.
    Token,
    /// A Standard Webhooks secret: `whsec_` and 24 to 64 bytes in base64.
    StandardWebhooks,
}

/// Adds a random value to `.env` for each secret that the manifest has and the file does not mention. Returns the
/// names of those that were added.
pub(crate) fn ensure(root: &Path) -> Result<Vec<&'static str>> {
    let file = root.join(".env");
    let manifest = read(&root.join("spin.toml"))?;
    let manifest: toml::Table = toml::from_str(&manifest).context("cannot read spin.toml")?;
    let variables = manifest.get("variables").and_then(toml::Value::as_table);
    let text = if file.exists() { read(&file)? } else { String::new() };

    let mut added = Vec::new();
    let mut lines = String::new();
    if text.is_empty() {
        lines += "# Random values for this machine, written by `cargo xtask up`. Git ignores this file.\n";
    } else if !text.ends_with('\n') {
        lines += "\n";
    }
    for (name, form) in SECRETS {
        let key = format!("SPIN_VARIABLE_{}", name.to_uppercase());
        // A line that was commented out stays so.
        let mentioned =
            text.lines().any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{key}=")));
        if !mentioned && variables.is_some_and(|variables| variables.contains_key(name)) {
            lines.extend([key.as_str(), "=", &random(form)?, "\n"]);
            added.push(name);
        }
    }
    if !added.is_empty() {
        append(&file, &lines).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(added)
}

/// The value of a variable as `cargo xtask up` would use it: from the environment, else from `.env`.
pub(crate) fn value(root: &Path, name: &str) -> Result<String> {
    let key = format!("SPIN_VARIABLE_{}", name.to_uppercase());
    if let Ok(value) = std::env::var(&key) {
        return Ok(value);
    }
    let lines = dotenvy::from_path_iter(root.join(".env")).ok();
    let found = lines.into_iter().flatten().flatten().find(|(other, _)| *other == key);
    found.map(|(_, value)| value).with_context(|| {
        let written = SECRETS.iter().any(|(written, _)| *written == name);
        let how =
            if written { "`cargo xtask up` writes it to .env on its first run" } else { "set it in .env" };
        format!("{key} is not set: {how}, or give the value itself")
    })
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn random(form: Form) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no random numbers")?;
    Ok(match form {
        Form::Token => URL_SAFE_NO_PAD.encode(bytes),
        Form::StandardWebhooks => format!("whsec_{}", STANDARD.encode(bytes)),
    })
}

/// Appends to a file that only its owner may read.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[variables]\nadmin_token = {}\nwebhook_secrets = {}\nshop = {}\n";

    fn values(root: &Path) -> Vec<(String, String)> {
        dotenvy::from_path_iter(root.join(".env")).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn the_first_run_writes_secrets_and_later_ones_keep_them() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("spin.toml"), MANIFEST).unwrap();
        assert_eq!(ensure(root.path()).unwrap(), ["admin_token", "webhook_secrets"]);
        let first = values(root.path());
        assert_eq!(first[0].0, "SPIN_VARIABLE_ADMIN_TOKEN");
        assert_eq!(first[0].1.len(), 43);
        let secret = first[1].1.strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(secret).unwrap().len(), 32);
        assert!(ensure(root.path()).unwrap().is_empty());
        assert_eq!(values(root.path()), first);
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_is_kept() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("spin.toml"), format!("{MANIFEST}link_keys = {{}}\n")).unwrap();
        std::fs::write(
            root.path().join(".env"),
            "SPIN_VARIABLE_ADMIN_TOKEN=mine\n# SPIN_VARIABLE_WEBHOOK_SECRETS=",
        )
        .unwrap();
        assert_eq!(ensure(root.path()).unwrap(), ["link_keys"]);
        let values = values(root.path());
        assert_eq!(values[0], ("SPIN_VARIABLE_ADMIN_TOKEN".into(), "mine".into()));
        assert_eq!((values.len(), values[1].0.as_str()), (2, "SPIN_VARIABLE_LINK_KEYS"));
    }
}

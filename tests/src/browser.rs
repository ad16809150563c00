//! Pages in a real browser: `tests/browser/look.mjs` looks at what a plan names, and says what is wrong.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Looks at the pages of a plan (see `tests/browser/look.mjs`); an error says everything that is wrong with them.
///
/// `false`, said aloud, where the browser or its tools are not installed; where the environment has `CI` that is an
/// error.
pub fn look(plan: &Value) -> Result<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let browser = std::env::var("BROWSER").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let missing = if !Path::new(&browser).exists() {
        Some("there is no browser (Debian: apt-get install chromium)")
    } else if !folder.join("node_modules").exists() {
        Some("its tools are not installed: `npm ci --prefix tests/browser` (Debian: apt-get install npm)")
    } else {
        None
    };
    match missing {
        Some(why) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: {why}");
            return Ok(false);
        }
        Some(why) => bail!("pages cannot be looked at: {why}"),
        None => {}
    }
    let mut node = Command::new("node")
        .arg("look.mjs")
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("node does not start (Debian: apt-get install nodejs)")?;
    node.stdin.take().context("node takes no input")?.write_all(plan.to_string().as_bytes())?;
    let output = node.wait_with_output()?;
    if output.status.success() {
        return Ok(true);
    }
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    bail!("the browser finds: {:#}", report["wrong"])
}

//! Reads `spin.toml` (manifest version 2) as Spin does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::StartError;
use crate::variables;

/// An application, as its manifest describes it.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Where it was read from.
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) variables: BTreeMap<String, VariableDefinition>,
    /// Routes that requests from outside can take, with their component, in the manifest's order.
    pub(crate) routes: Vec<(String, String)>,
    /// The components that a trigger leads to, by id. Others are never loaded.
    pub(crate) components: BTreeMap<String, ComponentDefinition>,
    /// What is left aside, for the log.
    pub(crate) warnings: Vec<String>,
}

/// An application variable.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariableDefinition {
    pub(crate) default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[cfg(test)]
impl VariableDefinition {
    pub(crate) fn new(default: Option<String>) -> Self {
        Self { required: default.is_none(), default, _secret: false, _description: None }
    }
}

/// A component.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ComponentDefinition {
    source: toml::Value,
    /// Templates of the component's variables, by name.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) files: Vec<FileMount>,
    #[serde(default)]
    pub(crate) exclude_files: Vec<String>,
    /// Templates of the hosts that may be called.
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    /// Labels of the stores that may be opened.
    #[serde(default)]
    pub(crate) key_value_stores: Vec<String>,
    /// Keys that say nothing to this host (`build`, `description`, `tool`, ...) or that it has no answer to.
    #[serde(flatten)]
    other: BTreeMap<String, toml::Value>,
}

impl ComponentDefinition {
    /// The component's file, relative to the manifest's folder.
    pub(crate) fn source(&self) -> Option<&str> {
        self.source.as_str()
    }
}

/// An entry of `files`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum FileMount {
    /// Files, with the path that they have.
    Pattern(String),
    /// A file or folder, under another path.
    Placement {
        /// On the host, relative to the manifest.
        source: String,
        /// For the guest.
        destination: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    spin_manifest_version: toml::Value,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<String, VariableDefinition>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<toml::Value>>,
    #[serde(default)]
    component: BTreeMap<String, ComponentDefinition>,
}

#[derive(Debug, Deserialize)]
struct Application {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpTrigger {
    #[serde(default)]
    id: String,
    component: Target,
    route: Route,
    executor: Option<Executor>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Target {
    Id(String),
    Inline(Box<ComponentDefinition>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Route {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Deserialize)]
struct Executor {
    #[serde(rename = "type")]
    kind: String,
}

/// Component keys that Spin knows and that need nothing of this host.
const SILENT_KEYS: [&str; 5] = ["description", "build", "tool", "profile", "targets"];

impl Manifest {
    /// Reads a manifest.
    pub(crate) fn read(file: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(file)
            .map_err(|reason| StartError::Unreadable { file: file.to_owned(), reason })?;
        Self::parse(file, &text).map_err(|what| StartError::Invalid { file: file.to_owned(), what })
    }

    fn parse(file: &Path, text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        if document.spin_manifest_version.as_integer() != Some(2) {
            return Err("spin_manifest_version must be 2: see `spin doctor` for an upgrade".into());
        }
        check_variables(&document.variables)?;

        let mut all = document.component;
        let mut manifest = Self {
            file: file.to_owned(),
            name: document.application.name,
            version: document.application.version,
            variables: document.variables,
            routes: Vec::new(),
            components: BTreeMap::new(),
            warnings: Vec::new(),
        };
        for (kind, triggers) in document.trigger {
            if kind == "http" {
                for (n, trigger) in triggers.into_iter().enumerate() {
                    let at = format!("[[trigger.http]] number {}", n + 1);
                    let trigger = HttpTrigger::deserialize(trigger)
                        .map_err(|error| format!("{at}: {}", error.message()))?;
                    manifest.add(trigger, &mut all).map_err(|what| format!("{at}: {what}"))?;
                }
            } else {
                manifest
                    .warnings
                    .push(format!("[[trigger.{kind}]] is left aside: only http triggers are served"));
            }
        }
        if manifest.components.is_empty() {
            return Err("there is no [[trigger.http]], nothing to serve".into());
        }
        for (id, component) in &manifest.components {
            check_component(component).map_err(|what| format!("[component.{id}] {what}"))?;
        }
        for id in all.keys().filter(|id| !manifest.components.contains_key(*id)) {
            manifest.warnings.push(format!("[component.{id}] is left aside: no trigger leads to it"));
        }
        Ok(manifest)
    }

    fn add(
        &mut self,
        trigger: HttpTrigger,
        all: &mut BTreeMap<String, ComponentDefinition>,
    ) -> Result<(), String> {
        if let Some(executor) = trigger.executor
            && !matches!(executor.kind.as_str(), "http" | "spin")
        {
            return Err(format!("executor type {:?} is not supported, only \"http\"", executor.kind));
        }
        let id = match trigger.component {
            Target::Id(id) => id,
            Target::Inline(component) => {
                let id = match trigger.id.as_str() {
                    "" => format!("inline-component{}", self.components.len()),
                    id => format!("{id}-component"),
                };
                all.insert(id.clone(), *component);
                id
            }
        };
        let component =
            all.get(&id).ok_or_else(|| format!("component {id:?} is not defined, add [component.{id}]"))?;
        self.components.insert(id.clone(), component.clone());
        match trigger.route {
            Route::Path(path) => self.routes.push((path, id)),
            Route::Private { private: true } => {}
            Route::Private { private: false } => {
                return Err("route must be a path or { private = true }".into());
            }
        }
        Ok(())
    }

    /// The folder that paths in the manifest are relative to.
    pub(crate) fn folder(&self) -> &Path {
        folder(&self.file)
    }
}

/// The folder that paths in a manifest are relative to.
pub(crate) fn folder(manifest: &Path) -> &Path {
    match manifest.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn check_variables(variables: &BTreeMap<String, VariableDefinition>) -> Result<(), String> {
    for (name, definition) in variables {
        variables::check_name(name).map_err(|what| format!("[variables] {what}"))?;
        if definition.default.is_none() && !definition.required {
            return Err(format!("[variables] {name} needs `default = \"...\"` or `required = true`"));
        }
    }
    Ok(())
}

fn check_component(component: &ComponentDefinition) -> Result<(), String> {
    if component.source().is_none() {
        return Err(
            "source must be a file: components from a URL or a registry are not supported here".into()
        );
    }
    for name in component.variables.keys() {
        variables::check_name(name).map_err(|what| format!("variables: {what}"))?;
    }
    for (key, value) in &component.other {
        let nothing = value.as_array().is_some_and(Vec::is_empty)
            || value.as_table().is_some_and(toml::Table::is_empty);
        if !SILENT_KEYS.contains(&key.as_str()) && !nothing {
            return Err(format!("{key} is not supported by this host, run the application with `spin up`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

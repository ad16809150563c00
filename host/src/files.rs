//! The files of a component: copied into a folder that it can read, at `/`.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::manifest::{ComponentDefinition, FileMount};

/// Copies what `files` names and `exclude_files` does not, if there is anything.
pub(crate) fn collect(component: &ComponentDefinition, manifest: &Path) -> Result<Option<TempDir>, String> {
    if component.files.is_empty() {
        return Ok(None);
    }
    let excluded = component
        .exclude_files
        .iter()
        .map(|pattern| {
            glob::Pattern::new(pattern).map_err(|error| format!("exclude_files: {pattern:?}: {error}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let folder = tempfile::tempdir().map_err(|error| format!("files: {error}"))?;
    for mount in &component.files {
        let copies = match mount {
            FileMount::Pattern(pattern) => matching(manifest, pattern)?,
            FileMount::Placement { source, destination } => placed(manifest, source, destination)?,
        };
        for (from, to) in copies {
            if !excluded
                .iter()
                .any(|pattern| pattern.matches_path(from.strip_prefix(manifest).unwrap_or(&from)))
            {
                copy(&from, &folder.path().join(to))
                    .map_err(|error| format!("files: {}: {error}", from.display()))?;
            }
        }
    }
    Ok(Some(folder))
}

type Copies = Vec<(PathBuf, PathBuf)>;

fn matching(manifest: &Path, pattern: &str) -> Result<Copies, String> {
    inside(Path::new(pattern))?;
    let full = format!("{}/{pattern}", glob::Pattern::escape(&manifest.display().to_string()));
    let paths = glob::glob(&full).map_err(|error| format!("files: {pattern:?}: {error}"))?;
    let mut copies = Vec::new();
    for path in paths {
        let path = path.map_err(|error| format!("files: {error}"))?;
        if path.is_file() {
            let to = path.strip_prefix(manifest).unwrap_or(&path).to_owned();
            copies.push((path, to));
        }
    }
    if copies.is_empty() {
        return Err(format!("files: {pattern:?} matches nothing"));
    }
    Ok(copies)
}

fn placed(manifest: &Path, source: &str, destination: &str) -> Result<Copies, String> {
    let (from, to) = (manifest.join(source), Path::new(destination.trim_start_matches('/')));
    inside(to)?;
    let mut copies = Vec::new();
    walk(&from, to, &mut copies).map_err(|error| format!("files: {}: {error}", from.display()))?;
    Ok(copies)
}

fn inside(path: &Path) -> Result<(), String> {
    let leaves = |part| !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir);
    if path.components().any(leaves) {
        return Err(format!("files: {} leaves the application's folder", path.display()));
    }
    Ok(())
}

fn walk(from: &Path, to: &Path, copies: &mut Copies) -> io::Result<()> {
    if !std::fs::metadata(from)?.is_dir() {
        copies.push((from.to_owned(), to.to_owned()));
        return Ok(());
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        walk(&entry.path(), &to.join(entry.file_name()), copies)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to)?;
    Ok(())
}

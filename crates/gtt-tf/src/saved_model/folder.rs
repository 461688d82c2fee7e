//! The folder of a SavedModel.
//!
//! Assets, variables and whatever else lies there are copied byte for byte; a checkpoint with files missing or cut short is refused,
//! as nobody could load the copy. `fingerprint.pb` holds checksums of the graph and
//! signatures; it is left out when the model file changed, which loaders accept, because a wrong one would be worse.

use std::fs;
use std::path::{Path, PathBuf};

use gtt_wire::{Durability, Part, write_folder_atomically, write_new};

use super::SavedModel;
use crate::checkpoint::Checkpoint;
use crate::{Error, ErrorKind};

const MODEL: &str = "saved_model.pb";
const MODEL_TEXT: &str = "saved_model.pbtxt";
const FINGERPRINT: &str = "fingerprint.pb";
/// How deep folders in a SavedModel may nest.
const DEPTH: usize = 32;

/// The model file in a folder.
pub(crate) fn is_saved_model(folder: &Path) -> Option<PathBuf> {
    [MODEL, MODEL_TEXT].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Writes a SavedModel folder. `parts` are the model file, as text or not. Returns the size of the model file.
pub(crate) fn write_folder(path: &Path, saved: &SavedModel, parts: &[Part], text: bool) -> Result<u64, Error> {
    refuse_strange_folder(path, saved.folder.as_deref())?;
    if let Some(folder) = saved.folder.as_deref().filter(|_| !saved.is_frozen) {
        check_variables(folder)?;
    }
    let stale_fingerprint = text || !saved.is_unchanged(parts);
    let source = saved.folder.as_deref().and_then(|folder| fs::canonicalize(folder).ok());
    write_folder_atomically(path, |folder| {
        let file = folder.join(if text { MODEL_TEXT } else { MODEL });
        let written = write_new(&file, parts, Durability::Synced)?;
        if let Some(source) = &source {
            let own = |path: PathBuf| fs::canonicalize(path).ok();
            let skipped: Vec<PathBuf> = [own(folder.to_owned()), own(path.to_owned())].into_iter().flatten().collect();
            let top = |name: &str| {
                let is_stale =
                    (stale_fingerprint && name == FINGERPRINT) || (saved.is_frozen && OF_VARIABLES.contains(&name));
                name == MODEL || name == MODEL_TEXT || is_stale
            };
            copy_folder(source, folder, &skipped, &top, DEPTH)?;
        }
        Ok(written)
    })
}

/// What a SavedModel folder may hold. Other things are only replaced with the folder they were read with, from which they are
/// copied.
const OWN: &[&str] =
    &[MODEL, MODEL_TEXT, FINGERPRINT, "variables", "assets", "assets.extra", "keras_metadata.pb", "debug"];

/// What is about the variables of a model, and wrong for a frozen one.
const OF_VARIABLES: &[&str] = &["variables", "keras_metadata.pb", "debug"];

/// A folder that holds something else must not be swapped away.
fn refuse_strange_folder(path: &Path, source: Option<&Path>) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    if source.is_some_and(|source| canonical(source) == canonical(path)) {
        return Ok(());
    }
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    if names.is_empty() {
        return Ok(());
    }
    let strange = names.iter().find(|name| !OWN.contains(&name.as_str()));
    let message = match strange {
        _ if is_saved_model(path).is_none() => {
            format!("`{}` is a folder that holds something else than a SavedModel; it is left alone", path.display())
        }
        Some(name) => format!(
            "`{}` holds `{name}`, which is not part of a SavedModel and would be lost; it is left alone",
            path.display()
        ),
        None => return Ok(()),
    };
    Err(Error::new(ErrorKind::Io, "", message))
}

/// The checkpoint of a SavedModel must have all its files, and an index that can be read. A model without any has no variables, or an
/// init op that writes them. Of what gtt does not understand nothing is known.
fn check_variables(folder: &Path) -> Result<(), Error> {
    let folder = folder.join("variables");
    let prefix = folder.join("variables");
    if Checkpoint::index(&prefix).is_file() {
        return match Checkpoint::open(&prefix).and_then(|checkpoint| checkpoint.check_files()) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            checked => checked,
        };
    }
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.filter(|name| name.starts_with("variables.data-")).min() {
        Some(name) => Err(Error::new(
            ErrorKind::Io,
            "",
            format!(
                "`{}` is there, but its index `{}` is not",
                folder.join(name).display(),
                Checkpoint::index(&prefix).display()
            ),
        )),
        None => Ok(()),
    }
}

fn copy_folder(
    from: &Path,
    to: &Path,
    skipped: &[PathBuf],
    left_out: &dyn Fn(&str) -> bool,
    depth: usize,
) -> Result<(), Error> {
    let fail = |path: &Path, error: std::io::Error| {
        Error::new(ErrorKind::Io, "", format!("cannot copy `{}`: {error}", path.display()))
    };
    if depth == 0 {
        return Err(Error::new(ErrorKind::Io, "", format!("folders nested too deeply at `{}`", from.display())));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(|error| fail(from, error))? {
        names.push(entry.map_err(|error| fail(from, error))?.file_name());
    }
    names.sort();
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        if left_out(&name.to_string_lossy()) || skipped.contains(&source) {
            continue;
        }
        if source.is_dir() {
            fs::create_dir(&target).map_err(|error| fail(&target, error))?;
            copy_folder(&source, &target, skipped, &|_| false, depth - 1)?;
        } else {
            fs::copy(&source, &target).map_err(|error| fail(&source, error))?;
        }
    }
    Ok(())
}

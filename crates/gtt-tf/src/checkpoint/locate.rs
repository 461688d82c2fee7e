//! Where a checkpoint lies, from what people give for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::table;
use crate::{Error, ErrorKind};

/// What a folder keeps beside its checkpoints: which of them is the latest.
const STATE: &str = "checkpoint";

pub(super) fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(prefix);
    path.push(suffix);
    path.into()
}

/// The prefix of the checkpoint that a path means.
pub(super) fn prefix(path: &Path) -> Result<PathBuf, Error> {
    let fail = |message: String| Err(Error::new(ErrorKind::Io, "", message));
    if path.is_dir() {
        return in_folder(path);
    }
    if path.file_name().is_some_and(|name| name == STATE) && path.is_file() {
        return latest(path);
    }
    let name = path.to_string_lossy();
    let named = name.strip_suffix(".index").or_else(|| name.strip_suffix(".meta"));
    let named = named.or_else(|| Some(name.rsplit_once(".data-").filter(|(_, rest)| is_shard(rest))?.0));
    let prefix = named.map_or_else(|| path.to_owned(), PathBuf::from);
    if with_suffix(&prefix, ".index").is_file() {
        return Ok(prefix);
    }
    if path.is_file() {
        let content = gtt_wire::map_file(path)?;
        if table::is_table(&content) {
            return Err(Error::unsupported(format!(
                "`{}` is a checkpoint in the V1 format of TensorFlow before 1.0; save it again with a current one",
                path.display()
            )));
        }
        return fail(format!("`{}` is no checkpoint: there is no `{}.index`", path.display(), prefix.display()));
    }
    fail(format!("there is no checkpoint `{0}`: `{0}.index` is not there", prefix.display()))
}

/// `00000-of-00001`
fn is_shard(name: &str) -> bool {
    name.split_once("-of-").is_some_and(|(index, count)| {
        [index, count].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn in_folder(folder: &Path) -> Result<PathBuf, Error> {
    for name in ["variables", "variables/variables"] {
        let prefix = folder.join(name);
        if with_suffix(&prefix, ".index").is_file() {
            return Ok(prefix);
        }
    }
    let state = folder.join(STATE);
    if state.is_file() {
        return latest(&state);
    }
    let message =
        format!("the folder `{}` holds no checkpoint: neither `checkpoint` nor `variables.index`", folder.display());
    Err(Error::new(ErrorKind::Io, "", message))
}

/// The checkpoint that a state file names: `model_checkpoint_path: "model.ckpt-100"`, relative to the file. A folder that was moved
/// still says where it was.
fn latest(state: &Path) -> Result<PathBuf, Error> {
    let invalid = |what: &str| Err(Error::invalid(format!("`{}` {what}", state.display())));
    let content = gtt_wire::map_file(state)?;
    let Ok(text) = std::str::from_utf8(&content) else { return invalid("is not text") };
    let named = text.lines().find_map(|line| line.trim().strip_prefix("model_checkpoint_path:"));
    let Some(named) = named.map(|named| named.trim().trim_matches(['"', '\''])).filter(|named| !named.is_empty())
    else {
        return invalid("names no checkpoint");
    };
    let folder = state.parent().unwrap_or(Path::new(""));
    let candidates = [Some(folder.join(named)), Path::new(named).file_name().map(|name| folder.join(name))];
    let found = candidates.iter().flatten().find(|prefix| with_suffix(prefix, ".index").is_file());
    match found {
        Some(prefix) => Ok(prefix.clone()),
        None => invalid(&format!("names `{named}`, but `{named}.index` is not there")),
    }
}

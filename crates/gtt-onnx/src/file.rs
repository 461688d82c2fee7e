//! Models on disk: the model file and the data files beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gtt_ir::Model;
use gtt_wire::{Staged, map_file};

use crate::decode::external::check_location;
use crate::encode::{Beside, DataFile, WriteOptions, encode_beside};
use crate::envelope::OnnxEnvelope;
use crate::error::{Error, Result};

/// Reads a model. The file and its data files are mapped; constants share the maps.
pub fn read(path: &Path) -> Result<Model> {
    let bytes = map_file(path)?;
    if bytes.is_empty() {
        return Err(Error::invalid(format!("`{}` is empty", path.display())));
    }
    crate::decode::decode(&bytes, Some(folder_of(path)), Some(path))
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size of the model file in bytes.
    pub model_bytes: u64,
    /// Data files that belong to the model and their sizes in bytes, written or found to be there unchanged.
    pub data_files: Vec<(PathBuf, u64)>,
}

impl Written {
    /// Size of all files together.
    pub fn total_bytes(&self) -> u64 {
        self.model_bytes + self.data_files.iter().map(|file| file.1).sum::<u64>()
    }
}

/// Writes a model and its data files. All are written beside their places first and then renamed, data before model, so that the
/// old files stay when writing fails. A crash just between the renames of a model that is changed in place leaves the old model
/// beside its new data. `path` may be the file the model was read from.
pub fn write(model: &Model, path: &Path, options: &WriteOptions) -> Result<Written> {
    let folder = folder_of(path);
    let mut options = options.clone();
    if options.data_file.is_none() {
        let name = path.file_name().map_or("model.onnx".into(), |name| name.to_string_lossy());
        options.data_file = Some(format!("{name}.data"));
    }
    let sources = sources(model, path, folder);
    let model_file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let protected = sources.iter().map(|(location, _)| location.clone()).collect();
    let encoded = encode_beside(model, &options, &Beside { model_file, protected })?;
    let mut staged = Vec::new();
    let mut written = Written { model_bytes: 0, data_files: Vec::new() };
    for file in &encoded.data_files {
        let target = target(folder, &file.location)?;
        if target == path {
            return Err(Error::unsupported(format!("`{}` cannot be model and data file at once", file.location)));
        }
        let size = file.parts.iter().map(|part| part.len() as u64).sum();
        written.data_files.push((target.clone(), size));
        if is_same_file(file, &target) {
            continue;
        }
        if sources.iter().any(|(_, source)| target.canonicalize().is_ok_and(|target| target == *source)) {
            let location = &file.location;
            return Err(Error::unsupported(format!(
                "`{location}` holds the data of the model that was read; name another file"
            )));
        }
        staged.push(Staged::write(&target, &file.parts, options.durability)?);
    }
    let model = Staged::write(path, &encoded.parts, options.durability)?;
    for data in staged {
        data.commit()?;
    }
    written.model_bytes = model.commit()?;
    Ok(written)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Data files in `folder` that the model was read from, unless the very model file is being replaced: another content under
/// their names would break the model that was read.
fn sources(model: &Model, path: &Path, folder: &Path) -> BTreeSet<(String, PathBuf)> {
    let Some(envelope) = OnnxEnvelope::of(model) else { return BTreeSet::new() };
    if envelope.path.is_some() && path.canonicalize().ok() == envelope.path {
        return BTreeSet::new();
    }
    let files = envelope.external.files.iter();
    let here =
        files.filter(|(location, file)| folder.join(location).canonicalize().is_ok_and(|real| real == file.path));
    here.map(|(location, file)| (location.clone(), file.path.clone())).collect()
}

/// The place of a data file; its folder is made where it is missing.
fn target(folder: &Path, location: &str) -> Result<PathBuf> {
    check_location(location)?;
    let target = folder.join(location);
    let parent = folder_of(&target);
    fs::create_dir_all(parent)
        .map_err(|error| Error::unsupported(format!("cannot make the folder `{}`: {error}", parent.display())))?;
    Ok(target)
}

/// The data file is there already: the one it would be a copy of.
fn is_same_file(file: &DataFile, target: &Path) -> bool {
    let Some(source) = &file.copy_of else { return false };
    target.canonicalize().is_ok_and(|target| target == *source)
}

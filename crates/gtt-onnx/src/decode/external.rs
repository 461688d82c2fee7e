//! External data: tensors whose bytes lie in files beside the model.
//!
//! A location must stay inside the model's folder: absolute paths, `..` and links that lead out are refused, because a model
//! from the network could otherwise read any file of its user.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use gtt_wire::{SliceFields, map_file};

use crate::error::{Error, Result};
use crate::types::text;

/// The entries of `TensorProto.external_data` that say where the data is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reference<'b> {
    /// Without `.` and doubled separators, so that a file has one name.
    location: Cow<'b, str>,
    offset: u64,
    length: Option<u64>,
}

fn normal(location: &str) -> Cow<'_, str> {
    if location.split('/').all(|part| !matches!(part, "" | ".")) || location.starts_with('/') {
        return Cow::Borrowed(location);
    }
    let parts: Vec<&str> = location.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Cow::Owned(parts.join("/"))
}

impl<'b> Reference<'b> {
    /// Location, offset and, if given, length.
    pub(crate) fn into_parts(self) -> (Cow<'b, str>, u64, Option<u64>) {
        (self.location, self.offset, self.length)
    }

    /// Takes one key and value.
    pub(crate) fn entry(&mut self, message: &'b [u8]) -> Result<()> {
        let (mut key, mut value) = ("", "");
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => key = text(&field)?,
                2 => value = text(&field)?,
                _ => {}
            }
        }
        let number = || value.parse::<u64>().map_err(|_| Error::invalid(format!("external data {key} `{value}`")));
        match key {
            "location" => self.location = normal(value),
            "offset" => self.offset = number()?,
            "length" => self.length = Some(number()?),
            _ => {}
        }
        Ok(())
    }
}

/// A mapped file of external data.
#[derive(Clone, Debug)]
pub(crate) struct ExternalFile {
    /// The whole file.
    pub(crate) content: Bytes,
    /// Where it really is.
    pub(crate) path: PathBuf,
    /// Offset and length of every tensor read from it.
    pub(crate) extents: Vec<(u64, u64)>,
}

/// The external data files of a model, mapped on first use.
#[derive(Clone, Debug)]
pub(crate) struct ExternalFiles {
    folder: Option<PathBuf>,
    /// By location.
    pub(crate) files: BTreeMap<String, ExternalFile>,
}

impl ExternalFiles {
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), files: BTreeMap::new() }
    }

    /// The bytes of a tensor that needs `expected` of them.
    pub(crate) fn slice(&mut self, reference: &Reference<'_>, expected: usize) -> Result<Bytes> {
        let location = &*reference.location;
        if !self.files.contains_key(location) {
            let file = self.open(location)?;
            self.files.insert(location.to_owned(), file);
        }
        let Some(file) = self.files.get_mut(location) else {
            return Err(Error::invalid(format!("external data file `{location}` is not open")));
        };
        let length = reference.length.unwrap_or(expected as u64);
        let end = reference.offset.checked_add(length).filter(|&end| end <= file.content.len() as u64);
        let (Some(end), Ok(start)) = (end, usize::try_from(reference.offset)) else {
            return Err(Error::invalid(format!(
                "the tensor needs bytes {}..{} of external data file `{location}`, which has {}",
                reference.offset,
                u128::from(reference.offset) + u128::from(length),
                file.content.len()
            )));
        };
        file.extents.push((reference.offset, length));
        Ok(file.content.slice(start..end as usize))
    }

    fn open(&self, location: &str) -> Result<ExternalFile> {
        let Some(folder) = &self.folder else {
            return Err(Error::unsupported(format!(
                "the model keeps data in the file `{location}`; read it from its folder, not from memory"
            )));
        };
        check_location(location)?;
        let path = folder.join(location);
        if let (Ok(real), Ok(root)) = (path.canonicalize(), folder.canonicalize())
            && !real.starts_with(root)
        {
            return Err(Error::invalid(format!(
                "external data location `{location}` is a link out of the model's folder"
            )));
        }
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::invalid(format!("external data location `{location}` is not a file")));
        }
        let content = map_file(&path)?;
        let path = path.canonicalize().unwrap_or(path);
        Ok(ExternalFile { content, path, extents: Vec::new() })
    }
}

/// A location must be a plain relative path.
pub(crate) fn check_location(location: &str) -> Result<()> {
    if location.is_empty() {
        return Err(Error::invalid("external data without a location"));
    }
    for component in Path::new(location).components() {
        let reason = match component {
            Component::Normal(_) | Component::CurDir => continue,
            Component::ParentDir => "leads out of the model's folder",
            Component::RootDir | Component::Prefix(_) => "is absolute",
        };
        return Err(Error::invalid(format!("external data location `{location}` {reason}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(location: &str, offset: u64, length: Option<u64>) -> Reference<'_> {
        Reference { location: normal(location), offset, length }
    }

    #[test]
    fn slices_share_one_map_and_bounds_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data"), [1, 2, 3, 4, 5]).unwrap();
        let mut files = ExternalFiles::new(Some(folder.path()));
        assert_eq!(files.slice(&at("data", 1, Some(2)), 2).unwrap(), [2, 3][..]);
        assert_eq!(files.slice(&at("data", 3, None), 2).unwrap(), [4, 5][..]);
        assert_eq!(files.slice(&at("./data", 0, Some(1)), 1).unwrap(), [1][..]);
        assert_eq!(files.files["data"].extents, [(1, 2), (3, 2), (0, 1)]);
        for reference in [at("data", 4, Some(2)), at("data", u64::MAX, Some(2)), at("data", 6, Some(0))] {
            assert!(files.slice(&reference, 2).unwrap_err().to_string().contains("which has 5"));
        }
        assert!(files.slice(&at("gone", 0, None), 1).unwrap_err().to_string().contains("gone"));
    }

    #[test]
    fn locations_that_leave_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("model");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(folder.path().join("secret"), b"x").unwrap();
        let mut files = ExternalFiles::new(Some(&inside));
        let absolute = folder.path().join("secret").display().to_string();
        for (location, reason) in [
            ("../secret", "leads out"),
            ("a/../../secret", "leads out"),
            (&absolute, "is absolute"),
            ("", "without a location"),
        ] {
            let error = files.slice(&at(location, 0, Some(1)), 1).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("secret"), inside.join("link")).unwrap();
            let error = files.slice(&at("link", 0, Some(1)), 1).unwrap_err().to_string();
            assert!(error.contains("link out"), "{error}");
        }
    }

    #[test]
    fn a_model_from_memory_cannot_reach_files() {
        let error = ExternalFiles::new(None).slice(&at("data", 0, Some(1)), 1).unwrap_err().to_string();
        assert!(error.contains("`data`"), "{error}");
    }
}

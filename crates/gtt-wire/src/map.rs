//! Files as shared bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::Error;

/// The content of a file, mapped: nothing is read until it is looked at, and slices share the map.
///
/// Pipes and devices are read to their end instead. As with every map, another program that truncates the file while it is
/// mapped ends this one; replacing it by rename, as [`write_atomically`](crate::write_atomically) does, is safe.
pub fn map_file(path: &Path) -> Result<Bytes, Error> {
    let fail = |error| Error::new("read", path, error);
    let mut file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(fail(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
    }
    if !metadata.is_file() {
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(fail)?;
        return Ok(content.into());
    }
    if metadata.len() == 0 {
        return Ok(Bytes::new());
    }
    map(&file).map_err(fail)
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is read-only and private to `Bytes`. That nobody truncates the file meanwhile is the one condition no
    // program can check; it is documented above, and our own writer never truncates a file in place.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_file_comes_back_as_its_bytes_and_an_empty_one_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"content").unwrap();
        assert_eq!(map_file(&path).unwrap(), "content");
        std::fs::write(&path, b"").unwrap();
        assert!(map_file(&path).unwrap().is_empty());
    }

    #[test]
    fn folders_and_missing_files_are_errors_that_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(map_file(folder.path()).unwrap_err().kind(), ErrorKind::WrongKind);
        let error = map_file(&folder.path().join("nothing")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("nothing"));
    }
}

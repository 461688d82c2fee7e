//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::copy::write_parts;
use crate::map::is_mapped;
use crate::part::Part;

/// When a finished file must be on the disk before it takes the old one's place.
///
/// A crash of the program leaves the old file in any case. This is about power cuts, after which a file that was renamed but not
/// yet on the disk may be found empty. Waiting for the disk takes about as long again as copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// When the file that it replaces is being read by this process: the input of an in-place change exists nowhere else. Any
    /// other output can be made again.
    #[default]
    Replacing,
    /// Always.
    Synced,
    /// Never.
    Deferred,
}

/// Writes a file in one step: a temporary file beside it gets the parts and is renamed into place. Returns its size.
///
/// Whatever goes wrong, the old file stays and no temporary file is left. The parts may be slices of the very file that is
/// replaced. A replaced file's permissions are kept, a link is followed and its target replaced; devices and pipes are
/// written straight.
pub fn write_atomically<P>(path: &Path, parts: &[P]) -> Result<u64, Error>
where
    for<'p> Part: From<&'p P>,
{
    write_atomically_with(path, parts, Durability::default())
}

/// [`write_atomically`] with a say in durability.
pub fn write_atomically_with<P>(path: &Path, parts: &[P], durability: Durability) -> Result<u64, Error>
where
    for<'p> Part: From<&'p P>,
{
    Staged::write(path, parts, durability)?.commit()
}

/// A file that is written but not yet in place: for several files that belong together, written first and committed last.
/// Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    /// `None` when the target is a device or pipe and has the bytes already.
    temporary: Option<tempfile::NamedTempFile>,
    target: PathBuf,
    written: u64,
    is_synced: bool,
}

impl Staged {
    /// Writes the parts to a temporary file beside `path`; see [`write_atomically`].
    pub fn write<P>(path: &Path, parts: &[P], durability: Durability) -> Result<Self, Error>
    where
        for<'p> Part: From<&'p P>,
    {
        let parts: Vec<Part> = parts.iter().map(Part::from).collect();
        let fail = |error| Error::new("write", path, error);
        let target = resolve(path).map_err(fail)?;
        let replaced = fs::metadata(&target).ok();
        if replaced.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(fail(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
        }
        if replaced.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            let mut file = File::options().write(true).open(&target).map_err(fail)?;
            let written = write_parts(&mut file, &parts).map_err(fail)?;
            return Ok(Self { temporary: None, target, written, is_synced: true });
        }
        let mut temporary = temporary_in(parent(&target)).map_err(fail)?;
        let written = write_parts(temporary.as_file_mut(), &parts).map_err(fail)?;
        if let Some(metadata) = &replaced {
            temporary.as_file().set_permissions(metadata.permissions()).map_err(fail)?;
        }
        let is_synced = match durability {
            Durability::Replacing => replaced.as_ref().is_some_and(is_mapped),
            Durability::Synced => true,
            Durability::Deferred => false,
        };
        if is_synced {
            temporary.as_file().sync_data().map_err(fail)?;
        }
        Ok(Self { temporary: Some(temporary), target, written, is_synced })
    }

    /// Renames the file into place. Returns its size.
    pub fn commit(self) -> Result<u64, Error> {
        let Some(temporary) = self.temporary else { return Ok(self.written) };
        if !self.is_synced && exchange(temporary.path(), &self.target) {
            // The temporary name is the old file's now and goes with it.
            return Ok(self.written);
        }
        temporary.persist(&self.target).map_err(|error| Error::new("write", &self.target, error.error))?;
        Ok(self.written)
    }
}

/// Lets two names that are both taken change files, at once. Renaming over a file would make some file systems write the new
/// one out on the spot, which takes longer than everything else; whoever wants that asks for [`Durability::Synced`].
#[cfg(target_os = "linux")]
pub(crate) fn exchange(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

/// Only Linux can.
#[cfg(not(target_os = "linux"))]
pub(crate) fn exchange(_: &Path, _: &Path) -> bool {
    false
}

/// The folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes a file that is not there yet: for filling the folder of [`write_folder_atomically`](crate::write_folder_atomically).
/// As it replaces nothing, only [`Durability::Synced`] waits for the disk.
pub fn write_new<P>(path: &Path, parts: &[P], durability: Durability) -> Result<u64, Error>
where
    for<'p> Part: From<&'p P>,
{
    let parts: Vec<Part> = parts.iter().map(Part::from).collect();
    let fail = |error| Error::new("write", path, error);
    let mut file = File::create_new(path).map_err(fail)?;
    let written = write_parts(&mut file, &parts).map_err(fail)?;
    if durability == Durability::Synced {
        file.sync_data().map_err(fail)?;
    }
    Ok(written)
}

/// Temporary files and folders are hidden, and a program that is killed leaves something recognisable.
pub(crate) fn builder<'a, 'b>() -> tempfile::Builder<'a, 'b> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gtt-").suffix(".tmp");
    builder
}

/// A temporary file with the permissions that a plain new file would get; by default it would be private.
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = builder();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)
    }
    #[cfg(not(unix))]
    builder.tempfile_in(folder)
}

/// Where a link leads, so that the link stays and its target is replaced.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path),
        _ => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::map_file;

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn many_parts_arrive_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let parts: Vec<Bytes> = (0..2_000u32).map(|n| Bytes::from(vec![n as u8; (n % 7) as usize])).collect();
        let written = write_atomically(&path, &parts).unwrap();
        let expected = parts.concat();
        assert_eq!(written, expected.len() as u64);
        assert_eq!(fs::read(&path).unwrap(), expected);
        assert_eq!(entries(folder.path()), 1);
    }

    #[test]
    fn a_mapped_file_can_be_replaced_by_its_own_slices() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"hello world").unwrap();
        let map = map_file(&path).unwrap();
        write_atomically(&path, &[map.slice(6..), Bytes::from_static(b" "), map.slice(..5)]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"world hello");
        assert_eq!(map, "hello world");
    }

    #[test]
    fn large_mapped_parts_arrive_between_small_ones_also_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        let map = map_file(&path).unwrap();
        let own = Bytes::from_static(b"own");
        let parts = [own.clone(), map.slice(70_001..500_000), own.clone(), map.slice(..70_000), map.slice(3..8), own];
        let expected = parts.concat();
        assert_eq!(write_atomically(&path, &parts).unwrap(), expected.len() as u64);
        assert!(fs::read(&path).unwrap() == expected);
        let device = write_atomically(Path::new("/dev/null"), &parts);
        assert!(cfg!(not(unix)) || device.unwrap() == expected.len() as u64);
    }

    #[test]
    fn what_is_made_on_the_way_arrives_between_what_is_there() {
        /// Bytes that depend on their position.
        struct Count(usize);
        impl crate::Make for Count {
            fn size(&self) -> usize {
                self.0
            }

            fn make(&self, at: usize, out: &mut [u8]) {
                out.iter_mut().enumerate().for_each(|(index, byte)| *byte = ((at + index) % 251) as u8);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..300_000u32).map(|n| (n % 241) as u8).collect();
        fs::write(&path, &content).unwrap();
        let map = map_file(&path).unwrap();
        let made = |size| Part::Made(std::sync::Arc::new(Count(size)));
        let stored = |bytes: Bytes| Part::Stored(bytes);
        let parts = [
            stored(Bytes::from_static(b"head")),
            made(5_000_000),
            stored(map.slice(100..200_100)),
            made(7),
            made(0),
            stored(Bytes::from_static(b"tail")),
            made(1 << 20),
        ];
        let expected = Part::concat(&parts);
        assert_eq!(write_atomically(&path, &parts).unwrap(), expected.len() as u64);
        assert!(fs::read(&path).unwrap() == expected);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, &[Bytes::from_static(b"x")]).is_err());
        assert!(write_atomically::<Part>(&folder.path().join("none/file"), &[]).is_err());
        assert_eq!(entries(folder.path()), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_of_the_replaced_file_stay_and_a_new_one_gets_the_usual() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = folder.path().join("file");
        fs::write(&path, b"").unwrap();
        let usual = mode(&path);
        let new = folder.path().join("new");
        write_atomically::<Part>(&new, &[]).unwrap();
        assert_eq!(mode(&new), usual);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write_atomically::<Part>(&path, &[]).unwrap();
        assert_eq!(mode(&path), 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, &[Bytes::from_static(b"new")]).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }
}

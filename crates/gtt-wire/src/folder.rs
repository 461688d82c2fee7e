//! Folders that appear whole or not at all.

use std::fs;
use std::io;
use std::path::Path;

use crate::Error;
use crate::files::{builder, exchange, parent, resolve};

/// Makes or replaces a folder in one step: `fill` gets an empty folder beside it, which is then swapped in.
///
/// If `fill` fails, the old folder stays and the new one is removed. On Linux the two are exchanged at once where the file
/// system can; elsewhere the old folder is moved aside first and moved back when the second step fails. Files that belong to
/// the old folder only (assets, variables) are `fill`'s to copy or link.
pub fn write_folder_atomically<T, E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let fail = |error| Error::new("write", path, error);
    let target = resolve(path).map_err(fail)?;
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(fail(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder")).into());
    }
    let temporary = builder().tempdir_in(parent(&target)).map_err(fail)?;
    let filled = fill(temporary.path())?;
    swap(temporary.path(), &target).map_err(fail)?;
    // What the temporary name holds now is the old folder, or nothing.
    if let Err(error) = temporary.close()
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(fail(error).into());
    }
    Ok(filled)
}

/// Afterwards `target` is what `new` was, and `new` is the old folder or gone.
fn swap(new: &Path, target: &Path) -> io::Result<()> {
    let Ok(old) = fs::metadata(target) else { return fs::rename(new, target) };
    fs::set_permissions(new, old.permissions())?;
    if exchange(new, target) {
        return Ok(());
    }
    let aside = new.with_extension("old");
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(new, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    fs::rename(&aside, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_replaced_and_left_alone_on_failure() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("model");
        let put = |name: &'static str| {
            move |folder: &Path| fs::write(folder.join(name), name).map_err(|error| Error::new("write", folder, error))
        };
        write_folder_atomically(&target, put("first")).unwrap();
        assert!(target.join("first").exists());
        write_folder_atomically(&target, put("second")).unwrap();
        assert!(target.join("second").exists() && !target.join("first").exists());
        let failed = write_folder_atomically(&target, |folder| {
            put("third")(folder)?;
            Err::<(), Error>(Error::new("write", folder, io::ErrorKind::StorageFull.into()))
        });
        assert!(failed.is_err() && target.join("second").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_not_replaced_by_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("file");
        fs::write(&target, b"x").unwrap();
        assert!(write_folder_atomically(&target, |_| Ok::<(), Error>(())).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"x");
    }
}

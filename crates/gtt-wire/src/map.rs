//! Files as shared bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    let length = usize::try_from(metadata.len()).map_err(|_| fail(io::ErrorKind::FileTooLarge.into()))?;
    map(Arc::new(file), 0, length).map_err(fail)
}

/// A range of a file, mapped. It must not be empty.
#[allow(unsafe_code)]
pub(crate) fn map(file: Arc<File>, offset: u64, length: usize) -> io::Result<Bytes> {
    // SAFETY: the map is read-only and private to `Bytes`. That nobody truncates the file meanwhile is the one condition no
    // program can check; it is documented above, and our own writer never truncates a file in place.
    let map = Arc::new(unsafe { memmap2::MmapOptions::new().offset(offset).len(length).map(&*file)? });
    live().insert(map.as_ptr() as usize, Mapped { map: map.clone(), file, offset });
    Ok(Bytes::from_owner(Map(map)))
}

/// A map that is known as long as it lives.
struct Map(Arc<memmap2::Mmap>);

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // Before the pages go, so that no other map can have the address yet.
        live().remove(&(self.0.as_ptr() as usize));
    }
}

/// A live map and where it comes from.
struct Mapped {
    map: Arc<memmap2::Mmap>,
    file: Arc<File>,
    offset: u64,
}

type Live = BTreeMap<usize, Mapped>;

/// The live maps by address. Slices of a map travel through the IR as plain `Bytes`; the writer asks here which file they are
/// of, so that the kernel can copy them from file to file.
fn live() -> MutexGuard<'static, Live> {
    static LIVE: Mutex<Live> = Mutex::new(BTreeMap::new());
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file and offset that bytes are mapped from, if they are.
pub(crate) fn origin(bytes: &[u8]) -> Option<(Arc<File>, u64)> {
    let at = bytes.as_ptr() as usize;
    let live = live();
    let (&start, map) = live.range(..=at).next_back()?;
    (at - start + bytes.len() <= map.map.len()).then(|| (map.file.clone(), map.offset + (at - start) as u64))
}

/// The bytes lie in a mapped file: memory that the system can have back.
pub fn is_of_file(bytes: &[u8]) -> bool {
    origin(bytes).is_some()
}

/// Gives back the memory that mapped files take in this process. Slices stay what they are: a page that somebody looks at again
/// comes from the system's cache of the file, as it did the first time. So it pays where much has been read that hardly anybody
/// reads twice.
pub fn release_pages() {
    let live = live();
    live.values().for_each(Mapped::release);
    let mapped: usize = live.values().map(|map| map.map.len()).sum();
    RELEASE_AFTER.store(LEAST_READ.max(mapped / SHARE), Ordering::Relaxed);
}

/// Says that so many bytes of mapped files were looked at that nobody will look at soon: every now and then the pages are given
/// back.
pub fn note_read(length: usize) {
    static SINCE: AtomicUsize = AtomicUsize::new(0);
    let since = SINCE.fetch_add(length, Ordering::Relaxed).saturating_add(length);
    if since >= RELEASE_AFTER.load(Ordering::Relaxed) {
        SINCE.store(0, Ordering::Relaxed);
        release_pages();
    }
}

/// Bytes that may be read before pages are given back: the more, the fewer are brought in twice.
static RELEASE_AFTER: AtomicUsize = AtomicUsize::new(LEAST_READ);

/// The fewest of them.
const LEAST_READ: usize = 2 << 20;

/// Otherwise this share of all that is mapped.
const SHARE: usize = 16;

impl Mapped {
    /// Lets go of the pages; advice that the system does not take changes nothing.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    fn release(&self) {
        // SAFETY: the map is of a file, shared and never written, so that Linux fills a page that was let go with the same bytes of
        // the file when it is next read; other threads may read it meanwhile. That nobody changes the file is what `map` asks for.
        let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }

    #[cfg(not(target_os = "linux"))]
    fn release(&self) {}
}

/// Is this very file mapped by this process?
pub(crate) fn is_mapped(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let files: Vec<Arc<File>> = live().values().map(|map| map.file.clone()).collect();
        files.iter().any(|file| file.metadata().is_ok_and(|other| id(&other) == id(metadata)))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        true
    }
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

    #[test]
    fn pages_that_were_given_back_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..LEAST_READ).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let map = map_file(&path).unwrap();
        for release in [release_pages, || note_read(1 << 40)] {
            assert!(map == content);
            release();
            assert!(resident(&map).is_none_or(|bytes| bytes == 0));
        }
        assert!(map == content);
    }

    /// What a map takes of the memory, where the system says it.
    fn resident(map: &[u8]) -> Option<usize> {
        let start = format!("{:x}-", map.as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let size = lines.find_map(|line| line.strip_prefix("Rss:"))?;
        Some(size.trim().trim_end_matches(" kB").parse::<usize>().ok()? << 10)
    }

    #[test]
    fn slices_of_a_map_know_their_file_while_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"content").unwrap();
        let map = map_file(&path).unwrap();
        assert_eq!(origin(&map.slice(3..5)).unwrap().1, 3);
        assert!(origin(b"elsewhere").is_none());
        assert!(is_mapped(&path.metadata().unwrap()) && !is_mapped(&folder.path().metadata().unwrap()));
        drop(map);
        assert!(!is_mapped(&path.metadata().unwrap()));
    }
}

//! Large bytes that are made on the way, kept in a file without a name.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::map::{map, origin};

/// A temporary file that holds what would otherwise fill the memory until it is written out. It has no name and goes with the
/// process. What is kept in it is mapped, so that the system may drop its pages, and
/// [`write_atomically`](crate::write_atomically) lets the kernel copy it from file to file.
#[derive(Debug, Default)]
pub struct Scratch {
    file: Mutex<Option<Arc<File>>>,
}

impl Scratch {
    /// Nothing kept yet; the file is made when it is first needed, in the system's folder for temporary files.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same bytes, held by the file, unless some file holds them already. Fails when there is no room.
    pub fn keep(&self, bytes: &Bytes) -> io::Result<Bytes> {
        if bytes.is_empty() || origin(bytes).is_some() {
            return Ok(bytes.clone());
        }
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &*slot {
            Some(file) => file.clone(),
            None => slot.insert(Arc::new(tempfile::tempfile()?)).clone(),
        };
        let mut end = &*file;
        let offset = end.seek(SeekFrom::End(0))?;
        if let Err(error) = end.write_all(bytes) {
            // What was written of it is of no use to anybody.
            file.set_len(offset)?;
            return Err(error);
        }
        map(file, offset, bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_lies_one_behind_the_other_in_one_file() {
        let scratch = Scratch::new();
        let first = scratch.keep(&vec![1; 5000].into()).unwrap();
        let second = scratch.keep(&vec![2; 100].into()).unwrap();
        assert!(scratch.keep(&Bytes::new()).unwrap().is_empty());
        assert_eq!((first.as_ref(), second.as_ref()), ([1; 5000].as_slice(), [2; 100].as_slice()));
        let (file, at) = origin(&second).unwrap();
        assert_eq!(at, 5000);
        assert_eq!(scratch.keep(&first).unwrap().as_ptr(), first.as_ptr(), "it is kept already");
        assert!(Arc::ptr_eq(&file, &origin(&first[7..]).unwrap().0));
        drop(scratch);
        assert_eq!(second[99], 2);
    }
}

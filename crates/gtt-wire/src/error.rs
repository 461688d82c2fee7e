//! Errors of the wire format and of files.

use std::io;
use std::path::{Path, PathBuf};

/// Why a message cannot be read. Offsets count from the start of the message under the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The message ends inside a field.
    #[error("the message ends inside the field at byte {at}")]
    Truncated {
        /// Where the field starts.
        at: usize,
    },
    /// A varint of more than ten bytes or 64 bits.
    #[error("overlong integer at byte {at}")]
    Varint {
        /// Where the field starts.
        at: usize,
    },
    /// A length beyond the end of the message.
    #[error("the field at byte {at} claims {length} bytes where {left} are left")]
    Length {
        /// Where the field starts.
        at: usize,
        /// What it claims.
        length: u64,
        /// What there is.
        left: usize,
    },
    /// Field number 0, or wire type 6 or 7, or an end of a group that was not begun.
    #[error("no field can start with the key {key:#x} found at byte {at}")]
    Key {
        /// Where the field starts.
        at: usize,
        /// The key.
        key: u64,
    },
    /// Groups nested too deeply.
    #[error("groups nested more than {limit} deep at byte {at}")]
    Depth {
        /// Where the field starts.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// The field has another wire type than its message definition says.
    #[error("field {tag} has the wire type of another kind of field")]
    Kind {
        /// The field number.
        tag: u32,
    },
    /// A string that is not UTF-8.
    #[error("field {tag} is not valid UTF-8")]
    Utf8 {
        /// The field number.
        tag: u32,
    },
    /// Packed elements whose size does not divide the length of the field.
    #[error("field {tag} has {length} bytes, not a multiple of {size}")]
    Packed {
        /// The field number.
        tag: u32,
        /// Bytes in the field.
        length: usize,
        /// Size of an element.
        size: usize,
    },
}

/// What kind of file error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file.
    NotFound,
    /// The path is a folder where a file is wanted, or the other way round.
    WrongKind,
    /// The operating system refused.
    Io,
}

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        match self.source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => ErrorKind::WrongKind,
            _ => ErrorKind::Io,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the operating system said.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

//! The protobuf wire format without copying, and files that are written whole or not at all.
//!
//! Reading: [`map_file`] maps a file, [`Fields`] walks the fields of a message as slices of it, [`SliceFields`] does the same
//! over borrowed bytes where nothing is kept. There are no generated types: a reader takes the fields it models and keeps the
//! rest as it was, so that nothing gets lost on the way through.
//!
//! Writing: [`Writer`] collects small fields in a buffer and holds large payloads as shared parts; [`write_atomically`] puts the
//! parts into a temporary file and renames it into place. A payload may also be made only while it is written ([`Make`]).
//!
//! Broken input never panics here: every length is checked against what is there before it is used.

mod copy;
mod error;
mod fields;
mod files;
mod folder;
mod making;
mod map;
mod part;
mod repeated;
mod scratch;
mod writer;

pub use error::{Error, ErrorKind, WireError};
pub use fields::{Field, FieldValue, Fields, SliceFields};
pub use files::{Durability, Staged, write_atomically, write_atomically_with, write_new};
pub use folder::write_folder_atomically;
pub use map::{is_of_file, map_file, note_read, release_pages};
pub use part::{Make, Part};
pub use repeated::{Fixed, bools, f32s, f64s, i32s, i64s, varints};
pub use scratch::Scratch;
pub use writer::{SHARED_FROM, Writer};

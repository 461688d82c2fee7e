//! Checkpoints: the variables that a training program saved.
//!
//! A checkpoint `PREFIX` (a *tensor bundle*, TensorFlow's V2 format) is an index `PREFIX.index`, a sorted string table with an
//! entry for each tensor, and data files `PREFIX.data-00000-of-0000N`. Data files are mapped when the first tensor in them is
//! asked for, and a tensor is a slice of the map: nothing is copied, except for what was written on a machine of the other byte order,
//! types under a byte, and partitioned variables whose parts do not lie one behind the other. Checksums of the index and of every
//! tensor that is read are checked.
//!
//! Refused: the V1 format (one file without `.index`), variants, and whatever is broken, by file and tensor.

#[cfg(test)]
pub(crate) mod bundle;
mod entry;
mod locate;
mod read;
mod slice;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use gtt_ir::{DType, Tensor};
use rustc_hash::FxHashMap;

use entry::{Entry, Header};
use slice::Slice;

use crate::source::Source;
use crate::{Error, ErrorKind};

/// Shards that a header may claim: each takes a file name.
const MOST_SHARDS: u32 = 100_000;

/// An opened checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    prefix: PathBuf,
    entries: FxHashMap<Bytes, Entry>,
    /// Keys of tensors, sorted; those of slices are left out.
    keys: Vec<String>,
    shards: Vec<OnceLock<Bytes>>,
    is_big_endian: bool,
}

impl Checkpoint {
    /// Opens a checkpoint: by its prefix (`model.ckpt`), one of its files, or a folder that holds `variables.index` or a
    /// `checkpoint` file, which names the latest. Reads the index.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let prefix = locate::prefix(path)?;
        let index = Self::index(&prefix);
        let place = |error: Error| error.at(&format!("checkpoint index `{}`", index.display()));
        let source = Source::new(gtt_wire::map_file(&index)?);
        Self::decode(prefix, &source).map_err(place)
    }

    /// The path of the index.
    pub(crate) fn index(prefix: &Path) -> PathBuf {
        locate::with_suffix(prefix, ".index")
    }

    fn decode(prefix: PathBuf, source: &Source) -> Result<Self, Error> {
        let listed = table::entries(source)?;
        let mut header = None;
        let mut entries = FxHashMap::with_capacity_and_hasher(listed.len(), Default::default());
        let mut keys = Vec::new();
        for (key, message) in listed {
            if key.is_empty() {
                header = Some(Header::decode(&message).map_err(|error| error.at("header"))?);
                continue;
            }
            let entry = Entry::decode(&message);
            let entry = entry.map_err(|error| error.at(&format!("tensor `{}`", String::from_utf8_lossy(&key))))?;
            // Keys of slices begin with a zero byte.
            if let Ok(name) = std::str::from_utf8(&key)
                && !name.starts_with('\0')
            {
                keys.push(name.to_owned());
            }
            entries.insert(key, entry);
        }
        let Some(header) = header else { return Err(Error::invalid("it has no header: it is no tensor bundle")) };
        if header.shards > MOST_SHARDS {
            return Err(Error::invalid(format!("it claims {} data files", header.shards)));
        }
        keys.sort_unstable();
        let shards = (0..header.shards).map(|_| OnceLock::new()).collect();
        Ok(Self { prefix, entries, keys, shards, is_big_endian: header.is_big_endian })
    }

    /// The path that the names of its files begin with.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Bytes of its files on disk; what is not there counts nothing.
    pub fn size_on_disk(&self) -> u64 {
        let shards = (0..self.shards.len()).map(|shard| self.shard_path(shard as u32));
        let files = shards.chain([Self::index(&self.prefix)]);
        files.filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).sum()
    }

    /// The keys of all tensors, sorted.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Element type and extents of a tensor; `None` when there is none of this key. The element type is `None` when it is not one of
    /// ours.
    pub fn info(&self, key: &str) -> Option<(Option<DType>, &[usize])> {
        let entry = self.entries.get(key.as_bytes())?;
        Some((entry.dtype().ok(), &entry.shape))
    }

    /// Reads a tensor.
    pub fn tensor(&self, key: &str) -> Result<Tensor, Error> {
        self.tensor_slice(key, "")
    }

    /// Reads a tensor, or a slice of it as `RestoreV2` describes it: the extents of the whole tensor, then start and length in each
    /// dimension, `10 4 0,5:-`. Empty: all of it.
    pub fn tensor_slice(&self, key: &str, slice: &str) -> Result<Tensor, Error> {
        let place = |error: Error| error.at(&format!("tensor `{key}` of checkpoint `{}`", self.prefix.display()));
        let Some(entry) = self.entries.get(key.as_bytes()) else {
            return Err(Error::invalid(format!(
                "the checkpoint `{}` has no tensor `{key}`{}",
                self.prefix.display(),
                self.similar(key)
            )));
        };
        let result = Slice::parse(slice).and_then(|slice| match slice {
            None => self.read(key, entry, None),
            Some((shape, _)) if shape != entry.shape => Err(Error::invalid(format!(
                "its shape is {:?}, but the graph asks for a slice of {shape:?}",
                entry.shape
            ))),
            Some((_, slice)) => self.read(key, entry, Some(&slice)),
        });
        result.map_err(place)
    }

    /// Fails unless every data file is there and reaches as far as the entries say, and each entry takes what its type and shape take.
    /// Reads no data: checksums are not checked.
    pub(crate) fn check_files(&self) -> Result<(), Error> {
        let mut entries: Vec<(&Bytes, &Entry)> = self.entries.iter().collect();
        // What is in parts lies in the entries of the parts.
        entries.retain(|(_, entry)| entry.slices.is_empty());
        entries.sort_unstable_by_key(|&(key, entry)| (entry.shard, entry.offset, key));
        for (key, entry) in entries {
            let name = String::from_utf8_lossy(key);
            let place = format!("tensor `{}` of checkpoint `{}`", name.escape_debug(), self.prefix.display());
            self.stored(entry).and_then(|_| entry.check_size()).map_err(|error| error.at(&place))?;
        }
        Ok(())
    }

    /// Keys that may have been meant.
    fn similar(&self, key: &str) -> String {
        let names = crate::interface::similar(key, self.keys.iter().map(String::as_str), true);
        if names.is_empty() { String::new() } else { format!("; similar: {}", names.join(", ")) }
    }

    fn shard_path(&self, shard: u32) -> PathBuf {
        locate::with_suffix(&self.prefix, &format!(".data-{shard:05}-of-{:05}", self.shards.len()))
    }

    /// The bytes of an entry, unchecked, with the data file that they are in.
    fn stored(&self, entry: &Entry) -> Result<(Bytes, PathBuf), Error> {
        let Some(cell) = self.shards.get(entry.shard as usize) else {
            return Err(Error::invalid(format!(
                "it lies in data file number {}, but there are {}",
                entry.shard,
                self.shards.len()
            )));
        };
        let path = self.shard_path(entry.shard);
        let shard = match cell.get() {
            Some(shard) => shard,
            None => {
                let mapped = gtt_wire::map_file(&path).map_err(|error| missing_shard(&path, error))?;
                cell.get_or_init(|| mapped)
            }
        };
        let range = usize::try_from(entry.offset).ok().zip(usize::try_from(entry.size).ok());
        let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
        match range.filter(|range| range.end <= shard.len()) {
            Some(range) => Ok((shard.slice(range), path)),
            None => Err(Error::invalid(format!(
                "it takes {} bytes from byte {} on, but `{}` ends after {}: the file is cut short",
                entry.size,
                entry.offset,
                path.display(),
                shard.len()
            ))),
        }
    }
}

fn missing_shard(path: &Path, error: gtt_wire::Error) -> Error {
    match error.kind() {
        gtt_wire::ErrorKind::NotFound => {
            Error::new(ErrorKind::Io, "", format!("the data file `{}` is not there", path.display()))
        }
        _ => error.into(),
    }
}

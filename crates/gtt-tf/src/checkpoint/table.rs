//! Sorted string tables, the files that checkpoints keep their entries in: LevelDB's table format without filters.
//!
//! A table ends in a footer that names its index block; the index names the data blocks; a block is a list of entries whose keys
//! leave out what they share with the key before. Every block has a checksum. Source of the format: LevelDB's
//! `doc/table_format.md`. Crates that read it trust what a block says about itself and panic where it lies, hence this one: each
//! length is checked before it is used, and memory is bounded by the size of the file.

use bytes::Bytes;
use gtt_ir::DType;

use crate::Error;
use crate::source::Source;

/// Size of the footer: two block handles, padding, the magic number.
const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// What follows a block: kind of compression and checksum.
const TRAILER: usize = 5;

/// The content looks like a table: it ends as one.
pub(super) fn is_table(file: &[u8]) -> bool {
    file.last_chunk::<8>().is_some_and(|magic| u64::from_le_bytes(*magic) == MAGIC)
}

/// All entries of a table, in the order of their keys. Values share the file, unless it is compressed.
pub(super) fn entries(source: &Source) -> Result<Vec<(Bytes, Bytes)>, Error> {
    let file: &[u8] = source.file();
    let Some((_, footer)) = file.split_last_chunk::<FOOTER>() else {
        return Err(Error::invalid(format!("{} bytes are no table: it is cut short", file.len())));
    };
    if !is_table(footer) {
        return Err(Error::invalid("it does not end as a table does: cut short, or another kind of file"));
    }
    let mut handles = Cursor(&footer[..]);
    let (meta, index) = (Handle::read(&mut handles)?, Handle::read(&mut handles)?);
    let mut entries = Vec::new();
    // Names of filters, which nobody writes here; read for its checksum.
    read_block(source, meta, &mut Vec::new())?;
    let mut blocks = Vec::new();
    read_block(source, index, &mut blocks)?;
    for (_, handle) in blocks {
        read_block(source, Handle::read(&mut Cursor(&handle))?, &mut entries)?;
    }
    Ok(entries)
}

/// Where a block is.
#[derive(Clone, Copy)]
struct Handle {
    offset: u64,
    size: u64,
}

impl Handle {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Ok(Self { offset: cursor.varint()?, size: cursor.varint()? })
    }
}

fn read_block(source: &Source, handle: Handle, entries: &mut Vec<(Bytes, Bytes)>) -> Result<(), Error> {
    let file: &[u8] = source.file();
    let Handle { offset, size } = handle;
    let outside =
        || Error::invalid(format!("a block of {size} bytes at byte {offset}, but the file ends before it does"));
    let start = usize::try_from(offset).map_err(|_| outside())?;
    let size = usize::try_from(size).map_err(|_| outside())?;
    let end = start.checked_add(size).and_then(|end| end.checked_add(TRAILER)).ok_or_else(outside)?;
    let stored = file.get(start..end).ok_or_else(outside)?;
    let (checked, crc) = stored.split_at(size + 1);
    let expected = u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]);
    if masked_crc(checked) != expected {
        return Err(Error::invalid(format!(
            "the checksum of the block at byte {offset} is wrong: the file is damaged"
        )));
    }
    let content = match checked[size] {
        0 => source.share(&checked[..size]),
        1 => decompress(source, &checked[..size])?,
        kind => {
            return Err(Error::unsupported(format!(
                "the block at byte {offset} is compressed in an unknown way ({kind})"
            )));
        }
    };
    parse_block(source, &content, entries).map_err(|error| error.at(&format!("block at byte {offset}")))
}

fn decompress(source: &Source, block: &[u8]) -> Result<Bytes, Error> {
    let broken = |error: snap::Error| Error::invalid(format!("the block cannot be decompressed: {error}"));
    let length = snap::raw::decompress_len(block).map_err(broken)?;
    if !source.afford(length) {
        return Err(Error::invalid(format!(
            "a block of {} bytes claims to be {length} when decompressed",
            block.len()
        )));
    }
    Ok(snap::raw::Decoder::new().decompress_vec(block).map_err(broken)?.into())
}

fn parse_block(source: &Source, content: &Bytes, entries: &mut Vec<(Bytes, Bytes)>) -> Result<(), Error> {
    let broken = || Error::invalid("its list of entries is broken");
    let (rest, count) = content.split_last_chunk::<4>().ok_or_else(broken)?;
    let restarts = (u32::from_le_bytes(*count) as usize).checked_mul(4).ok_or_else(broken)?;
    let end = rest.len().checked_sub(restarts).ok_or_else(broken)?;
    let mut cursor = Cursor(&content[..end]);
    let mut key: Vec<u8> = Vec::new();
    while !cursor.0.is_empty() {
        let (shared, own, value) = (cursor.length()?, cursor.length()?, cursor.length()?);
        if shared > key.len() {
            return Err(broken());
        }
        let own = cursor.take(own)?;
        if !source.afford(shared + own.len() + size_of::<(Bytes, Bytes)>()) {
            return Err(Error::invalid("its keys are out of all proportion to the file"));
        }
        key.truncate(shared);
        key.extend_from_slice(own);
        entries.push((Bytes::copy_from_slice(&key), content.slice_ref(cursor.take(value)?)));
    }
    Ok(())
}

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// The checksum as tables and checkpoints store it: rotated and shifted, so that checksums of data with checksums in it stay good.
pub(super) fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = 0;
    for piece in bytes.chunks(PIECE) {
        crc = crc32c::crc32c_append(crc, piece);
        gtt_wire::note_read(piece.len());
    }
    mask(crc)
}

pub(super) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// What is left to read.
pub(super) struct Cursor<'b>(pub(super) &'b [u8]);

impl<'b> Cursor<'b> {
    pub(super) fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(short)?;
            self.0 = rest;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::invalid("an overlong number"))
    }

    fn length(&mut self) -> Result<usize, Error> {
        usize::try_from(self.varint()?).map_err(|_| short())
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }
}

fn short() -> Error {
    Error::invalid("it ends within an entry")
}

/// Reverses the bytes of each number: what a machine of the other byte order wrote.
pub(super) fn swap_bytes(dtype: DType, bytes: &[u8]) -> Bytes {
    let size = match dtype {
        DType::Complex64 => 4,
        DType::Complex128 => 8,
        _ => (dtype.bits() / 8).max(1),
    };
    let mut swapped = bytes.to_vec();
    swapped.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    swapped.into()
}

//! From the bytes of entries to tensors.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};

use super::Checkpoint;
use super::entry::Entry;
use super::slice::{Region, Slice};
use super::table::{Cursor, mask, masked_crc, swap_bytes};
use crate::Error;
use crate::tensor::pack;

/// A partitioned variable has a handful of parts; more than this is nonsense, and comparing them all takes forever.
const MOST_PARTS: usize = 4096;

impl Checkpoint {
    /// Reads a tensor or a slice of it.
    pub(super) fn read(&self, key: &str, entry: &Entry, slice: Option<&Slice>) -> Result<Tensor, Error> {
        let whole = Region(entry.shape.iter().map(|&extent| (0, extent)).collect());
        let wanted = match slice {
            Some(slice) => slice.resolve(&entry.shape)?,
            None => whole.clone(),
        };
        if entry.slices.is_empty() {
            let tensor = self.read_stored(entry)?;
            return if wanted == whole { Ok(tensor) } else { assemble(&wanted, &[(whole, tensor)]) };
        }
        if entry.slices.len() > MOST_PARTS {
            return Err(Error::invalid(format!("it claims to be in {} parts", entry.slices.len())));
        }
        let mut parts: Vec<(Region, Tensor)> = Vec::new();
        for slice in &entry.slices {
            let region = slice.resolve(&entry.shape)?;
            if region.and(&wanted).len() == 0 {
                continue;
            }
            let place = |error: Error| error.at(&format!("part {slice}"));
            let Some(part) = self.entries.get(slice.key(key.as_bytes()).as_slice()) else {
                return Err(place(Error::invalid("it is not in the checkpoint")));
            };
            if part.number != entry.number || part.shape != region.shape() {
                return Err(place(Error::invalid(format!("its type or shape is another one ({:?})", part.shape))));
            }
            parts.push((region, self.read_stored(part).map_err(place)?));
        }
        let overlapping = |index: usize| parts[..index].iter().any(|(other, _)| other.and(&parts[index].0).len() > 0);
        if (0..parts.len()).any(overlapping) {
            return Err(Error::invalid("its parts overlap"));
        }
        if wanted.len() == 0 {
            return make(entry.dtype()?, &wanted.shape(), Bytes::new());
        }
        assemble(&wanted, &parts)
    }

    /// The tensor of one entry.
    fn read_stored(&self, entry: &Entry) -> Result<Tensor, Error> {
        let dtype = entry.dtype()?;
        let (bytes, path) = self.stored(entry)?;
        let count = entry.count()?;
        let damaged = || {
            Error::invalid(format!(
                "its checksum is wrong: bytes {} to {} of `{}` are damaged",
                entry.offset,
                entry.offset + entry.size,
                path.display()
            ))
        };
        match dtype {
            DType::Resource | DType::Variant => {
                Err(Error::unsupported(format!("it is a {dtype}, which gtt cannot read")))
            }
            DType::String if self.is_big_endian => {
                Err(Error::unsupported("strings that were saved on a machine of the other byte order"))
            }
            DType::String => {
                let broken =
                    |error: Error| error.at(&format!("{} bytes of `{}` are no strings", bytes.len(), path.display()));
                let (strings, crc) = strings(&bytes, count).map_err(broken)?;
                if mask(crc) != entry.crc {
                    return Err(damaged());
                }
                Tensor::from_strings(&entry.shape, strings).map_err(|error| Error::invalid(error.to_string()))
            }
            _ => {
                entry.check_size()?;
                if masked_crc(&bytes) != entry.crc {
                    return Err(damaged());
                }
                let bytes = if self.is_big_endian { swap_bytes(dtype, &bytes) } else { bytes };
                make(dtype, &entry.shape, if dtype.bits() < 8 { pack(&bytes, dtype.bits()) } else { bytes })
            }
        }
    }
}

fn make(dtype: DType, shape: &[usize], bytes: Bytes) -> Result<Tensor, Error> {
    Tensor::from_bytes(dtype, shape, bytes).map_err(|error| Error::invalid(error.to_string()))
}

/// Strings: all lengths, a checksum of them, all bytes. The checksum of the whole is over the lengths as numbers of four or eight
/// bytes, the checksum before, and the strings.
fn strings(bytes: &Bytes, count: usize) -> Result<(Vec<Bytes>, u32), Error> {
    let mut cursor = Cursor(bytes);
    if count > bytes.len() {
        return Err(Error::invalid(format!("{} bytes cannot be {count} strings", bytes.len())));
    }
    let mut lengths = Vec::with_capacity(count);
    let mut crc = 0;
    for _ in 0..count {
        let length = cursor.varint()?;
        crc = match u32::try_from(length) {
            Ok(short) => crc32c::crc32c_append(crc, &short.to_le_bytes()),
            Err(_) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
        };
        lengths.push(usize::try_from(length).map_err(|_| Error::invalid("a string that is too long"))?);
    }
    if count == 0 && bytes.is_empty() {
        return Ok((Vec::new(), crc));
    }
    let stored = cursor.take(4)?;
    if mask(crc).to_le_bytes() != stored {
        return Err(Error::invalid("the checksum of the lengths of its strings is wrong: the file is damaged"));
    }
    crc = crc32c::crc32c_append(crc, stored);
    let mut strings = Vec::with_capacity(count);
    for length in lengths {
        let string = cursor.take(length)?;
        crc = crc32c::crc32c_append(crc, string);
        strings.push(bytes.slice_ref(string));
    }
    Ok((strings, crc))
}

/// Puts `wanted` together. The parts do not overlap and must cover it. Without a copy where it is one run of bytes.
fn assemble(wanted: &Region, parts: &[(Region, Tensor)]) -> Result<Tensor, Error> {
    let incomplete = || Error::invalid("its parts do not cover it");
    let dtype = parts.first().ok_or_else(incomplete)?.1.dtype();
    let size = dtype.bits() / 8;
    let mut covered: usize = 0;
    for (region, _) in parts {
        covered = covered.checked_add(region.and(wanted).len()).ok_or_else(incomplete)?;
    }
    if covered != wanted.len() {
        return Err(incomplete());
    }
    if size == 0 {
        return Err(Error::unsupported(format!("a partitioned variable of type {dtype}")));
    }
    let bytes: Option<Vec<Bytes>> = parts.iter().map(|(_, tensor)| tensor.bytes()).collect();
    let bytes = bytes.ok_or_else(incomplete)?;
    if let [(region, _)] = parts
        && let Some(start) = region.run(wanted)
    {
        return make(dtype, &wanted.shape(), bytes[0].slice(start * size..(start + wanted.len()) * size));
    }
    let length = wanted.len().checked_mul(size).ok_or_else(incomplete)?;
    let mut whole = vec![0; length];
    for ((region, _), bytes) in parts.iter().zip(&bytes) {
        region.copy(bytes, wanted, &mut whole, &region.and(wanted), size);
    }
    make(dtype, &wanted.shape(), whole.into())
}

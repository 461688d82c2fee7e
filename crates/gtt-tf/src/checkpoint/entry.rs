//! The messages of a bundle: `BundleHeaderProto` and `BundleEntryProto` of TensorFlow's `tensor_bundle.proto`.

use gtt_wire::SliceFields;

use super::slice::Slice;
use crate::Error;
use crate::tensor::decode_shape;
use gtt_ir::DType;

/// Newest version of the format that this reader knows.
const VERSION: i32 = 1;

/// What the entry of the empty key says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) shards: u32,
    pub(super) is_big_endian: bool,
}

impl Header {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut header = Self { shards: 0, is_big_endian: false };
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => {
                    header.shards =
                        u32::try_from(field.i32()?).map_err(|_| Error::invalid("a negative number of shards"))?
                }
                2 => header.is_big_endian = field.u64()? != 0,
                3 => {
                    for field in SliceFields::new(field.bytes()?) {
                        let field = field?;
                        if field.tag == 2 && field.i32()? > VERSION {
                            return Err(Error::unsupported(format!(
                                "it asks for readers of version {} of its format, newer than {VERSION}",
                                field.i32()?
                            )));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(header)
    }
}

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Number of `DataType`.
    pub(super) number: u64,
    /// Extents.
    pub(super) shape: Vec<usize>,
    pub(super) shard: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Masked checksum of the bytes.
    pub(super) crc: u32,
    /// The tensor is stored in these slices, each with an entry of its own.
    pub(super) slices: Vec<Slice>,
}

impl Entry {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut entry = Self { number: 0, shape: Vec::new(), shard: 0, offset: 0, size: 0, crc: 0, slices: Vec::new() };
        let negative = |what: &str| Error::invalid(format!("a negative {what}"));
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => entry.number = field.u64()?,
                2 => entry.shape = known_shape(field.bytes()?)?,
                3 => entry.shard = u32::try_from(field.i32()?).map_err(|_| negative("shard"))?,
                4 => entry.offset = u64::try_from(field.i64()?).map_err(|_| negative("offset"))?,
                5 => entry.size = u64::try_from(field.i64()?).map_err(|_| negative("size"))?,
                6 => {
                    let gtt_wire::FieldValue::I32(crc) = field.value else {
                        return Err(Error::invalid("a checksum that is none"));
                    };
                    entry.crc = crc;
                }
                7 => entry.slices.push(Slice::decode(field.bytes()?)?),
                _ => {}
            }
        }
        Ok(entry)
    }

    pub(super) fn dtype(&self) -> Result<DType, Error> {
        DType::from_tf_number(self.number)
            .ok_or_else(|| Error::unsupported(format!("gtt does not know its element type (number {})", self.number)))
    }

    /// Number of elements.
    pub(super) fn count(&self) -> Result<usize, Error> {
        let count = self.shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        count.ok_or_else(|| Error::invalid(format!("its shape {:?} has too many elements", self.shape)))
    }

    /// Numbers must take as many bytes as their type and shape say. Of strings, and of types that gtt does not know, nothing is known.
    pub(super) fn check_size(&self) -> Result<(), Error> {
        let Ok(dtype) = self.dtype() else { return Ok(()) };
        if matches!(dtype, DType::String | DType::Resource | DType::Variant) {
            return Ok(());
        }
        match self.count()?.checked_mul(dtype.bits().div_ceil(8)) {
            Some(bytes) if bytes as u64 == self.size => Ok(()),
            _ => Err(Error::invalid(format!("{} bytes are not what {dtype}{:?} takes", self.size, self.shape))),
        }
    }
}

/// A shape without unknown extents.
fn known_shape(message: &[u8]) -> Result<Vec<usize>, Error> {
    let shape = decode_shape(message)?;
    let extents = shape.and_then(|shape| shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect());
    extents.ok_or_else(|| Error::invalid("its shape is not known"))
}

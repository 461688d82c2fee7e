//! `TensorProto` to and from [`Tensor`].
//!
//! Elements come as `tensor_content` (packed little-endian, taken without a copy) or as repeated `*_val` fields, where fewer
//! values than elements mean that the last one repeats, and none means zeros. Types of less than 8 bit take a byte an element
//! in TensorFlow. Resource and variant tensors cannot be read and stay opaque, as do tensors whose written-out size is out of all
//! proportion to the file.

mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use gtt_ir::{DType, Dim, Encoded, Encoding, Shape, Tensor};
use gtt_wire::{Field, SliceFields, Writer, varints};

pub(crate) use encode::{write, write_shape};

use crate::source::Source;
use crate::{Error, Name};

/// Decodes a `TensorProto`; `None` when its element type is not one of ours (references, numbers of the future).
pub(crate) fn decode(source: &Source, message: &[u8]) -> Result<Option<Tensor>, Error> {
    let Some(parts) = Parts::scan(message)? else { return Ok(None) };
    let encoded = source.share(message);
    let tensor = parts.tensor(source)?.map(|tensor| tensor.with_encoded(Encoding::TfTensor, encoded.clone()));
    Ok(Some(tensor.unwrap_or_else(|| {
        let encoded = Encoded { encoding: Encoding::TfTensor, bytes: encoded };
        Tensor::opaque(parts.dtype, &parts.shape, encoded)
    })))
}

/// Decodes a shape message: `None` is unknown rank.
pub(crate) fn decode_shape(message: &[u8]) -> Result<Option<Shape>, Error> {
    let mut shape = Shape::new();
    let mut unknown_rank = false;
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            2 => {
                let mut size = 0;
                for field in SliceFields::new(field.bytes()?) {
                    let field = field?;
                    if field.tag == 1 {
                        size = field.i64()?;
                    }
                }
                shape.push(match size {
                    -1 => Dim::Unknown,
                    size if size < -1 => return Err(Error::invalid(format!("dimension of size {size}"))),
                    size => Dim::Known(size as u64),
                });
            }
            3 => unknown_rank = field.bool()?,
            _ => {}
        }
    }
    Ok((!unknown_rank).then_some(shape))
}

/// A constant of equal elements that would be larger than this when written out stays opaque: nothing can compute with it, and
/// a file of a few bytes must not make anybody try.
const LARGEST_SPLAT: usize = 256 << 20;

struct Parts<'a> {
    message: &'a [u8],
    dtype: DType,
    shape: Vec<usize>,
    count: usize,
    content: &'a [u8],
}

impl<'a> Parts<'a> {
    fn scan(message: &'a [u8]) -> Result<Option<Self>, Error> {
        let (mut dtype, mut shape, mut content) = (0, &[][..], &[][..]);
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => dtype = field.u64()?,
                2 => shape = field.bytes()?,
                4 => content = field.bytes()?,
                _ => {}
            }
        }
        let Some(dtype) = DType::from_tf_number(dtype) else { return Ok(None) };
        let Some(shape) = decode_shape(shape)? else {
            return Err(Error::invalid("a constant of unknown rank"));
        };
        let extents: Option<Vec<usize>> = shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect();
        let Some(shape) = extents else {
            return Err(Error::invalid("a constant with an unknown dimension"));
        };
        // A bound on bits as well keeps every later product of sizes in range.
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        let Some(count) = count.filter(|count| count.checked_mul(128).is_some()) else {
            return Err(Error::invalid(format!("shape {shape:?} has too many elements")));
        };
        Ok(Some(Self { message, dtype, shape, count, content }))
    }

    /// The tensor; `None` when its elements cannot be read.
    fn tensor(&self, source: &Source) -> Result<Option<Tensor>, Error> {
        match self.dtype {
            DType::Resource | DType::Variant => Ok(None),
            DType::String => self.strings(source),
            _ if !self.content.is_empty() => self.read_content(source),
            _ => self.read_values(source),
        }
    }

    fn wrong_count(&self, found: usize, unit: &str) -> Error {
        let Self { dtype, shape, count, .. } = self;
        Error::invalid(format!("a constant {dtype}{shape:?} of {count} elements has {found} {unit}"))
    }

    fn read_content(&self, source: &Source) -> Result<Option<Tensor>, Error> {
        let bits = self.dtype.bits();
        let expected = self.count * bits.div_ceil(8);
        if self.content.len() != expected {
            return Err(self.wrong_count(self.content.len(), &format!("bytes of content, expected {expected}")));
        }
        let bytes = if bits < 8 { pack(self.content, bits) } else { source.share(self.content) };
        self.packed(bytes).map(Some)
    }

    fn packed(&self, bytes: Bytes) -> Result<Tensor, Error> {
        Tensor::from_bytes(self.dtype, &self.shape, bytes).map_err(|error| Error::invalid(error.to_string()))
    }

    fn read_values(&self, source: &Source) -> Result<Option<Tensor>, Error> {
        let size = self.dtype.bits().div_ceil(8);
        let values = self.values(source)?;
        if !values.len().is_multiple_of(size) {
            return Err(Error::invalid(format!("half an element in a constant {}{:?}", self.dtype, self.shape)));
        }
        let found = values.len() / size;
        if found > self.count {
            return Err(self.wrong_count(found, "values"));
        }
        let sub_byte = self.dtype.bits() < 8;
        if !sub_byte && found == self.count {
            return self.packed(values).map(Some);
        }
        if !sub_byte && found <= 1 {
            if self.count * size > LARGEST_SPLAT {
                return Ok(None);
            }
            let element = if found == 0 { vec![0; size].into() } else { values };
            let tensor = Tensor::splat(self.dtype, &self.shape, element);
            return tensor.map(Some).map_err(|error| Error::invalid(error.to_string()));
        }
        if !source.afford(self.count * size) {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(self.count * size);
        bytes.extend_from_slice(&values);
        let last = if found == 0 { vec![0; size] } else { values[values.len() - size..].to_vec() };
        for _ in found..self.count {
            bytes.extend_from_slice(&last);
        }
        let bytes = if sub_byte { pack(&bytes, self.dtype.bits()) } else { bytes.into() };
        self.packed(bytes).map(Some)
    }

    /// The `*_val` field of the element type as packed little-endian elements (a byte each under 8 bit).
    fn values(&self, source: &Source) -> Result<Bytes, Error> {
        let tag = value_tag(self.dtype);
        match self.dtype {
            DType::F32 | DType::Complex64 => self.fixed(source, tag, 4),
            DType::F64 | DType::Complex128 => self.fixed(source, tag, 8),
            _ if tag == FLOAT8_VAL => {
                let mut content = Bytes::new();
                for field in SliceFields::new(self.message) {
                    let field = field?;
                    if field.tag == tag {
                        content = source.share(field.bytes()?);
                    }
                }
                Ok(content)
            }
            _ => {
                let size = self.dtype.bits().div_ceil(8);
                let mut values: Vec<u64> = Vec::new();
                for field in SliceFields::new(self.message) {
                    let field = field?;
                    if field.tag == tag {
                        varints(&field, &mut values, |value| value)?;
                    }
                }
                let bytes: Vec<u8> =
                    values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(size)).collect();
                Ok(bytes.into())
            }
        }
    }

    /// A repeated fixed-width field: shared when it is one packed field, as it usually is.
    fn fixed(&self, source: &Source, tag: u32, size: usize) -> Result<Bytes, Error> {
        let mut values = gtt_wire::Fixed::new();
        for field in SliceFields::new(self.message) {
            let field = field?;
            if field.tag == tag {
                let owned = Field { tag, value: own(source, &field), raw: Bytes::new() };
                values.push(&owned, size)?;
            }
        }
        Ok(values.finish())
    }

    fn strings(&self, source: &Source) -> Result<Option<Tensor>, Error> {
        let mut strings = Vec::new();
        if self.content.is_empty() {
            for field in SliceFields::new(self.message) {
                let field = field?;
                if field.tag == value_tag(DType::String) {
                    strings.push(source.share(field.bytes()?));
                }
            }
            if strings.len() > self.count {
                return Err(self.wrong_count(strings.len(), "strings"));
            }
            if strings.len() < self.count {
                if !source.afford(self.count.saturating_mul(size_of::<Bytes>())) {
                    return Ok(None);
                }
                let last = strings.last().cloned().unwrap_or_default();
                strings.resize(self.count, last);
            }
        } else {
            strings = self.string_list(source)?;
        }
        Tensor::from_strings(&self.shape, strings).map(Some).map_err(|error| Error::invalid(error.to_string()))
    }

    /// Strings as content: all lengths as varints, then all bytes.
    fn string_list(&self, source: &Source) -> Result<Vec<Bytes>, Error> {
        let broken = || Error::invalid("string content that is cut short");
        let mut rest = self.content;
        let mut lengths = Vec::new();
        for _ in 0..self.count {
            let mut length = 0usize;
            for shift in 0.. {
                let (&byte, tail) = rest.split_first().ok_or_else(broken)?;
                rest = tail;
                if shift >= 5 {
                    return Err(broken());
                }
                length |= usize::from(byte & 0x7f) << (7 * shift);
                if byte < 0x80 {
                    break;
                }
            }
            lengths.push(length);
        }
        let mut strings = Vec::with_capacity(lengths.len());
        for length in lengths {
            let (string, tail) = rest.split_at_checked(length).ok_or_else(broken)?;
            strings.push(source.share(string));
            rest = tail;
        }
        if rest.is_empty() { Ok(strings) } else { Err(broken()) }
    }
}

fn own(source: &Source, field: &Field<&[u8]>) -> gtt_wire::FieldValue<Bytes> {
    use gtt_wire::FieldValue::*;
    match field.value {
        Varint(value) => Varint(value),
        I64(value) => I64(value),
        I32(value) => I32(value),
        Len(slice) => Len(source.share(slice)),
        Group => Group,
    }
}

const FLOAT8_VAL: u32 = 18;

/// The field that holds values of an element type.
fn value_tag(dtype: DType) -> u32 {
    use DType::*;
    match dtype {
        F32 => 5,
        F64 => 6,
        String => 8,
        Complex64 => 9,
        I64 => 10,
        Bool => 11,
        Complex128 => 12,
        F16 | BF16 => 13,
        U32 => 16,
        U64 => 17,
        F8E5M2 | F8E4M3FN | F8E4M3FNUZ | F8E4M3B11FNUZ | F8E5M2FNUZ | F8E8M0 | F4E2M1 => FLOAT8_VAL,
        _ => 7,
    }
}

/// From a byte an element to packed bits, low bits first.
pub(crate) fn pack(bytes: &[u8], bits: usize) -> Bytes {
    let per_byte = 8 / bits;
    let mask = (1u8 << bits) - 1;
    let packed = bytes.chunks(per_byte).map(|chunk| {
        chunk.iter().enumerate().fold(0, |packed, (index, byte)| packed | (byte & mask) << (index * bits))
    });
    packed.collect()
}

/// Decodes a `TensorProto` on its own; `None` when its element type is not one of ours.
pub fn decode_tensor(message: Bytes) -> Result<Option<Tensor>, Error> {
    let source = Source::new(message);
    decode(&source, source.file())
}

/// Encodes a tensor as a `TensorProto`. Fails for element types that TensorFlow does not have.
pub fn encode_tensor(tensor: &Tensor) -> Result<Bytes, Error> {
    let mut writer = Writer::new();
    write(tensor, &mut writer)?;
    Ok(writer.into_bytes())
}

/// What TensorFlow calls an element type.
pub(crate) fn type_name(dtype: DType) -> Name {
    let name = dtype.tf_number().and_then(crate::dtype::name_of_number);
    name.map_or_else(|| Name::new(dtype.name()), Name::from)
}

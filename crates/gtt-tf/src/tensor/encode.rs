//! Writing: verbatim while a tensor is what was read, else as content or as one repeated value.

use bytes::Bytes;
use gtt_ir::{DType, Dim, Encoded, Encoding, Shape, Tensor};
use gtt_wire::{Part, Writer};

use super::{FLOAT8_VAL, value_tag};
use crate::Error;

/// Writes the fields of a `TensorShapeProto`.
pub(crate) fn write_shape(shape: Option<&[Dim]>, writer: &mut Writer) {
    let Some(shape) = shape else { return writer.bool(3, true) };
    for dim in shape {
        writer.message(2, |writer| match dim {
            // Proto3 leaves zeros out.
            Dim::Known(0) => {}
            Dim::Known(size) => writer.varint(1, *size),
            _ => writer.int(1, -1),
        });
    }
}

/// From packed bits to a byte an element; the high bits are zero, also of negative ones, as TensorFlow holds them.
fn unpack(bytes: &[u8], bits: usize, count: usize) -> Bytes {
    let per_byte = 8 / bits;
    let mask = (1u8 << bits) - 1;
    (0..count).map(|index| bytes[index / per_byte] >> (index % per_byte * bits) & mask).collect()
}

/// From this many bytes of content on, equal elements are written once.
const SPLAT_FROM: usize = 17;

/// Writes the fields of a `TensorProto`: verbatim while it is what was read, else as content or as one repeated value.
pub(crate) fn write(tensor: &Tensor, writer: &mut Writer) -> Result<(), Error> {
    if let Some(Encoded { encoding: Encoding::TfTensor, bytes }) = tensor.encoded() {
        writer.raw(bytes);
        return Ok(());
    }
    let dtype = tensor.dtype();
    let Some(number) = dtype.tf_number() else {
        return Err(Error::unsupported(format!("TensorFlow has no element type {dtype}")));
    };
    writer.varint(1, number);
    let dims: Shape = tensor.shape().iter().map(|&extent| Dim::Known(extent as u64)).collect();
    writer.message(2, |writer| write_shape(Some(&dims), writer));
    if let Some(strings) = tensor.strings() {
        let same = strings.len() > 1 && strings.iter().all(|string| *string == strings[0]);
        for string in &strings[..if same { 1 } else { strings.len() }] {
            writer.bytes(value_tag(DType::String), string);
        }
        return Ok(());
    }
    if tensor.is_empty() {
        return Ok(());
    }
    if let Some(element) = tensor.as_splat().filter(|_| tensor.byte_len() >= SPLAT_FROM) {
        write_value(dtype, element, writer);
        return Ok(());
    }
    if let Some(part) = made(tensor) {
        writer.part(4, &part);
        return Ok(());
    }
    let Some(bytes) = tensor.bytes() else {
        return Err(Error::unsupported(format!("a constant {tensor:?} that only its own format can write")));
    };
    let bytes = if dtype.bits() < 8 { unpack(&bytes, dtype.bits(), tensor.len()) } else { bytes };
    let element = &bytes[..dtype.bits().div_ceil(8)];
    if bytes.len() >= SPLAT_FROM && bytes.chunks(element.len()).all(|other| other == element) {
        write_value(dtype, element, writer);
    } else {
        writer.bytes(4, &bytes);
    }
    Ok(())
}

/// The content of a tensor that is made when it is written, if its first elements show that it is not one repeated value.
fn made(tensor: &Tensor) -> Option<Part> {
    tensor.recipe()?;
    let size = tensor.dtype().bits() / 8;
    let mut first = [0; 32];
    let first = &mut first[..2 * size];
    tensor.copy_to(0, first)?;
    if first[..size] == first[size..] {
        return None;
    }
    let tensor = tensor.clone();
    Some(Part::made(tensor.byte_len(), move |at, out| {
        let copied = tensor.copy_to(at, out);
        debug_assert!(copied.is_some(), "the part is inside a packed tensor");
    }))
}

/// One element as a `*_val` field.
fn write_value(dtype: DType, element: &[u8], writer: &mut Writer) {
    let tag = value_tag(dtype);
    match dtype {
        DType::F32 | DType::Complex64 | DType::F64 | DType::Complex128 => writer.slice(tag, element),
        _ if tag == FLOAT8_VAL => writer.slice(tag, element),
        _ => {
            let mut wide = [0; 8];
            wide[..element.len()].copy_from_slice(element);
            let value = i64::from_le_bytes(wide);
            let unused = 64 - dtype.bits();
            let signed = matches!(
                dtype,
                DType::I8 | DType::I16 | DType::I32 | DType::QI8 | DType::QI16 | DType::QI32 | DType::I4 | DType::I2
            );
            writer.packed_ints(tag, [if signed { value << unused >> unused } else { value }]);
        }
    }
}

//! `TensorProto` and `SparseTensorProto` to and from [`Tensor`].
//!
//! Reading shares the bytes of `raw_data`, `float_data` and `double_data`; the integer fields hold varints and are decoded.
//! Every tensor remembers its message, which is written back as it was while the tensor is the same.

use bytes::Bytes;
use gtt_ir::{DType, Encoded, Encoding, Name, Tensor};
use gtt_wire::{Field, FieldValue, Fields, Fixed, SliceFields, Writer, i32s, i64s, varints};
use smallvec::SmallVec;

use crate::decode::external::{ExternalFiles, Reference};
use crate::dtype::{from_code, to_code};
use crate::elements;
use crate::error::{Error, Result, Within as _};
use crate::types::{bytes, text};

/// Reads a `TensorProto` with its data inside, such as a `.pb` file of the ONNX backend tests. Shares the bytes.
pub fn decode(message: Bytes) -> Result<(Name, Tensor)> {
    let mut none = ExternalFiles::new(None);
    let (name, tensor) = decode_in(&message, &message, &mut none)?;
    Ok((Name::new(name), tensor))
}

/// Writes a `TensorProto` with its data inside; copies. Fails for element types that ONNX does not have.
pub fn encode(name: &str, tensor: &Tensor) -> Result<Bytes> {
    let mut writer = Writer::new();
    write(&mut writer, name, tensor, Placement::Inline)?;
    Ok(writer.into_bytes())
}

/// The data fields of a message, before the element type says how to read them.
#[derive(Default)]
struct Data<'b> {
    raw: Option<&'b [u8]>,
    floats: Fixed,
    doubles: Fixed,
    ints: Vec<i32>,
    longs: Vec<i64>,
    unsigned: Vec<u64>,
    strings: Vec<Bytes>,
}

/// Reads a tensor of a larger message; `root` is what the bytes are shared from.
pub(crate) fn decode_in<'b>(
    root: &Bytes,
    message: &'b [u8],
    external: &mut ExternalFiles,
) -> Result<(&'b str, Tensor)> {
    let mut name = "";
    let mut dims = Vec::new();
    let mut code = 0;
    let mut data = Data::default();
    let mut reference = Reference::default();
    let mut is_external = false;
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => i64s(&field, &mut dims)?,
            2 => code = field.i32()?,
            3 => return Err(Error::unsupported("a tensor that is stored in segments")),
            4 => data.floats.push(&shared(root, &field), 4)?,
            5 => i32s(&field, &mut data.ints)?,
            6 => data.strings.push(root.slice_ref(bytes(&field)?)),
            7 => i64s(&field, &mut data.longs)?,
            8 => name = text(&field)?,
            9 => data.raw = Some(bytes(&field)?),
            10 => data.doubles.push(&shared(root, &field), 8)?,
            11 => varints(&field, &mut data.unsigned, |value| value)?,
            13 => reference.entry(bytes(&field)?)?,
            14 => is_external = field.u64()? == 1,
            _ => {}
        }
    }
    let built = (|| -> Result<Tensor> {
        let dtype = element_type(code)?;
        let shape = extents(&dims)?;
        if is_external {
            let expected = expected_len(dtype, &shape)?;
            let content = external.slice(&reference, expected)?;
            let tensor = Tensor::from_bytes(dtype, &shape, content)?;
            return Ok(tensor.with_encoded(Encoding::OnnxExternal, root.slice_ref(message)));
        }
        let tensor = if dtype == DType::String {
            Tensor::from_strings(&shape, data.strings)?
        } else {
            Tensor::from_bytes(dtype, &shape, data.packed(root, dtype)?)?
        };
        Ok(tensor.with_encoded(Encoding::OnnxTensor, root.slice_ref(message)))
    })();
    Ok((name, built.within(|| format!("tensor `{name}`"))?))
}

fn element_type(code: i32) -> Result<DType> {
    match from_code(code) {
        Some(dtype) => Ok(dtype),
        None if code == 0 => Err(Error::invalid("the tensor has no element type")),
        None => Err(Error::unsupported(format!("element type {code} of a later ONNX version"))),
    }
}

fn expected_len(dtype: DType, shape: &[usize]) -> Result<usize> {
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
    let expected = count.and_then(|count| dtype.packed_len(count));
    expected.ok_or_else(|| Error::invalid(format!("{dtype}{shape:?} cannot be external data")))
}

fn extents(dims: &[i64]) -> Result<SmallVec<[usize; 4]>> {
    let extents: Result<SmallVec<[usize; 4]>, _> = dims.iter().map(|&dim| usize::try_from(dim)).collect();
    extents.map_err(|_| Error::invalid(format!("shape {dims:?} has a negative extent")))
}

fn shared(root: &Bytes, field: &Field<&[u8]>) -> Field {
    let value = match field.value {
        FieldValue::Varint(value) => FieldValue::Varint(value),
        FieldValue::I64(value) => FieldValue::I64(value),
        FieldValue::I32(value) => FieldValue::I32(value),
        FieldValue::Len(slice) => FieldValue::Len(root.slice_ref(slice)),
        FieldValue::Group => FieldValue::Group,
    };
    Field { tag: field.tag, value, raw: Bytes::new() }
}

impl Data<'_> {
    /// The elements as packed little-endian bytes. `raw_data` wins; a typed field that does not go with the element type is
    /// passed over, so that the length check that follows names the tensor as short.
    fn packed(self, root: &Bytes, dtype: DType) -> Result<Bytes> {
        if let Some(raw) = self.raw.filter(|raw| !raw.is_empty()) {
            return Ok(root.slice_ref(raw));
        }
        Ok(match dtype {
            DType::F32 | DType::Complex64 => self.floats.finish(),
            DType::F64 | DType::Complex128 => self.doubles.finish(),
            DType::I64 => le_bytes(self.longs, i64::to_le_bytes),
            DType::U64 => le_bytes(self.unsigned, u64::to_le_bytes),
            DType::U32 => le_bytes(self.unsigned, |value| (value as u32).to_le_bytes()),
            _ => match dtype.bits() {
                32 => le_bytes(self.ints, i32::to_le_bytes),
                16 => le_bytes(self.ints, |value| (value as u16).to_le_bytes()),
                6 => sixes(&self.ints),
                // Below 6 bits an integer holds one byte of several elements.
                _ => self.ints.into_iter().map(|value| value as u8).collect(),
            },
        })
    }
}

fn le_bytes<T, const N: usize>(values: Vec<T>, convert: impl Fn(T) -> [u8; N]) -> Bytes {
    let mut bytes = Vec::with_capacity(values.len() * N);
    values.into_iter().for_each(|value| bytes.extend_from_slice(&convert(value)));
    bytes.into()
}

/// Four 6-bit elements in three bytes, low bits first.
fn sixes(values: &[i32]) -> Bytes {
    let mut packed = vec![0u8; (values.len() * 6).div_ceil(8)];
    for (index, &value) in values.iter().enumerate() {
        let (at, bits) = (index * 6 / 8, (value as u16 & 0x3f) << (index * 6 % 8));
        packed[at] |= bits as u8;
        if bits > 0xff {
            packed[at + 1] |= (bits >> 8) as u8;
        }
    }
    packed.into()
}

/// Reads a `SparseTensorProto`: an opaque tensor of the dense shape, and the name that its values carry.
pub(crate) fn decode_sparse<'b>(root: &Bytes, message: &'b [u8]) -> Result<(&'b str, Tensor)> {
    let (mut name, mut dtype, mut dims) = ("", None, Vec::new());
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 | 2 => {
                for inner in SliceFields::new(bytes(&field)?) {
                    let inner = inner?;
                    match (field.tag, inner.tag) {
                        (1, 2) => dtype = Some(element_type(inner.i32()?)?),
                        (1, 8) => name = text(&inner)?,
                        (_, 14) if inner.u64()? == 1 => {
                            return Err(Error::unsupported(format!("sparse tensor `{name}` with external data")));
                        }
                        _ => {}
                    }
                }
            }
            3 => i64s(&field, &mut dims)?,
            _ => {}
        }
    }
    let built = (|| -> Result<Tensor> {
        let dtype = dtype.ok_or_else(|| Error::invalid("the tensor has no element type"))?;
        let shape = extents(&dims)?;
        if shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent)).is_none() {
            return Err(Error::invalid(format!("shape {dims:?} has too many elements")));
        }
        let encoded = Encoded { encoding: Encoding::OnnxSparse, bytes: root.slice_ref(message) };
        Ok(Tensor::opaque(dtype, &shape, encoded))
    })();
    Ok((name, built.within(|| format!("sparse tensor `{name}`"))?))
}

/// Where the data of a tensor is to go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Placement<'a> {
    /// The message as it was read, whatever it says; only the name may differ.
    AsEncoded,
    /// Inside the message.
    Inline,
    /// In another file.
    External { location: &'a str, offset: u64, length: u64 },
}

/// The ONNX message that a tensor remembers.
pub(crate) fn onnx_message(tensor: &Tensor) -> Option<&Encoded> {
    tensor.encoded().filter(|encoded| matches!(encoded.encoding, Encoding::OnnxTensor | Encoding::OnnxExternal))
}

/// Writes the fields of a `TensorProto`.
pub(crate) fn write(writer: &mut Writer, name: &str, tensor: &Tensor, placement: Placement<'_>) -> Result<()> {
    let encoded = onnx_message(tensor);
    match (placement, encoded) {
        (Placement::AsEncoded, Some(encoded)) => return write_renamed(writer, &encoded.bytes, name),
        (Placement::Inline, Some(encoded)) if encoded.encoding == Encoding::OnnxTensor => {
            return write_renamed(writer, &encoded.bytes, name);
        }
        _ => {}
    }
    let Some(code) = to_code(tensor.dtype()) else {
        return Err(Error::unsupported(format!("ONNX has no element type {}", tensor.dtype())));
    };
    tensor.shape().iter().for_each(|&extent| writer.varint(1, extent as u64));
    writer.int(2, i64::from(code));
    if let Some(strings) = tensor.strings() {
        strings.iter().for_each(|string| writer.bytes(6, string));
    }
    if !name.is_empty() {
        writer.str(8, name);
    }
    let external = match placement {
        Placement::External { location, offset, length } => Some((location, offset, length)),
        _ => None,
    };
    if external.is_none() && tensor.strings().is_none() {
        elements::write(writer, 9, tensor)
            .ok_or_else(|| Error::unsupported("a constant whose elements cannot be read"))?;
    }
    // Doc strings, metadata and what later versions add.
    let kept = |field: &Field<&[u8]>| field.tag == 12 || field.tag > 14;
    let message = encoded.map_or(&[][..], |encoded| &encoded.bytes);
    let rest: Vec<_> = SliceFields::new(message).filter_map(Result::ok).filter(kept).collect();
    rest.iter().filter(|field| field.tag == 12).for_each(|field| writer.raw_slice(field.raw));
    if let Some((location, offset, length)) = external {
        for (key, value) in [("location", location), ("offset", &offset.to_string()), ("length", &length.to_string())] {
            writer.message(13, |writer| {
                writer.str(1, key);
                writer.str(2, value);
            });
        }
        writer.int(14, 1);
    }
    rest.iter().filter(|field| field.tag > 14).for_each(|field| writer.raw_slice(field.raw));
    Ok(())
}

/// The name of an encoded `TensorProto`.
pub(crate) fn decode_name(message: &[u8]) -> Result<&str> {
    let mut name = "";
    for field in SliceFields::new(message) {
        let field = field?;
        if field.tag == 8 {
            name = text(&field)?;
        }
    }
    Ok(name)
}

/// A `TensorProto` as it was read, under this name.
fn write_renamed(writer: &mut Writer, message: &Bytes, name: &str) -> Result<()> {
    if decode_name(message)? == name {
        writer.raw(message);
        return Ok(());
    }
    let mut named = name.is_empty();
    for field in Fields::new(message.clone()) {
        let field = field?;
        if field.tag >= 8 && !named {
            writer.str(8, name);
            named = true;
        }
        if field.tag != 8 {
            writer.raw(&field.raw);
        }
    }
    if !named {
        writer.str(8, name);
    }
    Ok(())
}

/// Writes the fields of the `SparseTensorProto` that an opaque tensor remembers, its values under this name.
pub(crate) fn write_sparse(writer: &mut Writer, name: &str, tensor: &Tensor) -> Result<()> {
    let Some(encoded) = tensor.encoded().filter(|encoded| encoded.encoding == Encoding::OnnxSparse) else {
        return Err(Error::unsupported("a constant whose elements cannot be read"));
    };
    for field in Fields::new(encoded.bytes.clone()) {
        let field = field?;
        if field.tag == 1 {
            let values = field.bytes()?.clone();
            writer.try_message(1, |writer| write_renamed(writer, &values, name))?;
        } else {
            writer.raw(&field.raw);
        }
    }
    Ok(())
}

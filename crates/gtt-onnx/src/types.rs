//! `TypeProto` and `ValueInfoProto` to and from [`Type`].

use bytes::Bytes;
use gtt_ir::{DType, Dim, Name, Shape, Type};
use gtt_wire::{Field, SliceFields, Writer};

use crate::dtype::{from_code, to_code};
use crate::error::{Error, Result};

/// Sequences of optionals of sequences …: deeper ones are refused.
const DEPTH: usize = 32;

/// Name and type of a `ValueInfoProto`.
pub(crate) fn value_info(message: &[u8]) -> Result<(&str, Type)> {
    let (mut name, mut ty) = ("", Type::Unknown);
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => name = text(&field)?,
            2 => ty = decode(bytes(&field)?, 0)?,
            _ => {}
        }
    }
    Ok((name, ty))
}

/// The content of a length-delimited field, for as long as the message lives.
pub(crate) fn bytes<'b>(field: &Field<&'b [u8]>) -> Result<&'b [u8]> {
    Ok(*field.bytes()?)
}

/// The text of a string field, for as long as the message lives.
pub(crate) fn text<'b>(field: &Field<&'b [u8]>) -> Result<&'b str> {
    let text = std::str::from_utf8(bytes(field)?);
    text.map_err(|_| gtt_wire::WireError::Utf8 { tag: field.tag }.into())
}

fn decode(message: &[u8], depth: usize) -> Result<Type> {
    if depth == DEPTH {
        return Err(Error::invalid(format!("a type is nested more than {DEPTH} deep")));
    }
    let mut ty = Type::Unknown;
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 | 8 => {
                let (dtype, shape) = tensor(bytes(&field)?)?;
                ty = if field.tag == 1 { Type::Tensor { dtype, shape } } else { Type::Sparse { dtype, shape } };
            }
            4 => ty = Type::Sequence(Box::new(element(bytes(&field)?, 1, depth)?)),
            9 => ty = Type::Optional(Box::new(element(bytes(&field)?, 1, depth)?)),
            5 => {
                let map = bytes(&field)?;
                let mut key = None;
                for field in SliceFields::new(map) {
                    let field = field?;
                    if field.tag == 1 {
                        key = from_code(field.i32()?);
                    }
                }
                let value = element(map, 2, depth)?;
                ty = key.map_or(Type::Unknown, |key| Type::Map(key, Box::new(value)));
            }
            7 => ty = Type::Unknown,
            _ => {}
        }
    }
    Ok(ty)
}

fn element(message: &[u8], tag: u32, depth: usize) -> Result<Type> {
    let mut ty = Type::Unknown;
    for field in SliceFields::new(message) {
        let field = field?;
        if field.tag == tag {
            ty = decode(bytes(&field)?, depth + 1)?;
        }
    }
    Ok(ty)
}

fn tensor(message: &[u8]) -> Result<(Option<DType>, Option<Shape>)> {
    let (mut dtype, mut shape) = (None, None);
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => dtype = from_code(field.i32()?),
            2 => {
                let mut dims = Shape::new();
                for field in SliceFields::new(bytes(&field)?) {
                    let field = field?;
                    if field.tag == 1 {
                        dims.push(dim(bytes(&field)?)?);
                    }
                }
                shape = Some(dims);
            }
            _ => {}
        }
    }
    Ok((dtype, shape))
}

/// Exporters write -1 and empty names for dims they do not know.
fn dim(message: &[u8]) -> Result<Dim> {
    let mut dim = Dim::Unknown;
    for field in SliceFields::new(message) {
        let field = field?;
        match field.tag {
            1 => dim = u64::try_from(field.i64()?).map_or(Dim::Unknown, Dim::Known),
            2 => {
                let name = text(&field)?;
                dim = if name.is_empty() { Dim::Unknown } else { Dim::Symbol(Name::new(name)) };
            }
            _ => {}
        }
    }
    Ok(dim)
}

/// Writes the fields of a `ValueInfoProto`.
pub(crate) fn write_value_info(writer: &mut Writer, name: &str, ty: &Type) {
    writer.str(1, name);
    if is_expressible(ty) {
        writer.message(2, |writer| write(writer, ty));
    }
}

/// Writes a `ValueInfoProto` under another name, everything else as it was.
pub(crate) fn write_renamed(writer: &mut Writer, info: &Bytes, name: &str) -> Result<()> {
    writer.str(1, name);
    for field in SliceFields::new(info) {
        let field = field?;
        if field.tag != 1 {
            writer.raw_slice(field.raw);
        }
    }
    Ok(())
}

/// ONNX has no word for a type of which nothing is known.
pub(crate) fn is_expressible(ty: &Type) -> bool {
    match ty {
        Type::Tensor { dtype, .. } | Type::Sparse { dtype, .. } => dtype.is_none_or(|dtype| to_code(dtype).is_some()),
        Type::Sequence(element) | Type::Optional(element) => is_expressible(element),
        Type::Map(key, value) => to_code(*key).is_some() && is_expressible(value),
        _ => false,
    }
}

/// Do two types say different things about the same value?
pub(crate) fn contradicts(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Tensor { dtype: x, shape: s }, Type::Tensor { dtype: y, shape: t }) => {
            let dtypes = matches!((x, y), (Some(x), Some(y)) if x != y);
            let shapes = match (s, t) {
                (Some(s), Some(t)) => {
                    let known = |a: &Dim, b: &Dim| matches!((a.known(), b.known()), (Some(a), Some(b)) if a != b);
                    s.len() != t.len() || s.iter().zip(t).any(|(a, b)| known(a, b))
                }
                _ => false,
            };
            dtypes || shapes
        }
        (Type::Unknown, _) | (_, Type::Unknown) => false,
        _ => a != b,
    }
}

fn write(writer: &mut Writer, ty: &Type) {
    match ty {
        Type::Tensor { dtype, shape } => writer.message(1, |writer| write_tensor(writer, *dtype, shape.as_ref())),
        Type::Sparse { dtype, shape } => writer.message(8, |writer| write_tensor(writer, *dtype, shape.as_ref())),
        Type::Sequence(element) => writer.message(4, |writer| writer.message(1, |writer| write(writer, element))),
        Type::Optional(element) => writer.message(9, |writer| writer.message(1, |writer| write(writer, element))),
        Type::Map(key, value) => writer.message(5, |writer| {
            writer.int(1, to_code(*key).map_or(0, i64::from));
            writer.message(2, |writer| write(writer, value));
        }),
        _ => {}
    }
}

fn write_tensor(writer: &mut Writer, dtype: Option<DType>, shape: Option<&Shape>) {
    if let Some(code) = dtype.and_then(to_code) {
        writer.int(1, i64::from(code));
    }
    if let Some(shape) = shape {
        writer.message(2, |writer| {
            for dim in shape {
                writer.message(1, |writer| match dim {
                    Dim::Known(extent) => writer.varint(1, *extent),
                    Dim::Symbol(name) => writer.str(2, name),
                    Dim::Unknown => {}
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(ty: &Type) -> Type {
        let mut writer = Writer::new();
        write_value_info(&mut writer, "x", ty);
        let message = writer.into_bytes();
        let (name, ty) = value_info(&message).unwrap();
        assert_eq!(name, "x");
        ty
    }

    #[test]
    fn every_kind_of_type_comes_back() {
        let shape = Shape::from([Dim::Known(3), Dim::Symbol("N".into()), Dim::Unknown]);
        let tensor = Type::Tensor { dtype: Some(DType::BF16), shape: Some(shape.clone()) };
        for ty in [
            tensor.clone(),
            Type::Tensor { dtype: Some(DType::F32), shape: None },
            Type::fixed(DType::I64, &[]),
            Type::Sparse { dtype: Some(DType::F32), shape: Some(shape) },
            Type::Sequence(Box::new(Type::Optional(Box::new(tensor.clone())))),
            Type::Map(DType::String, Box::new(tensor)),
            Type::Unknown,
        ] {
            assert_eq!(back(&ty), ty);
        }
    }

    #[test]
    fn a_negative_dim_and_an_empty_symbol_are_unknown() {
        let mut writer = Writer::new();
        writer.int(1, -1);
        assert_eq!(dim(&writer.into_bytes()).unwrap(), Dim::Unknown);
        assert_eq!(dim(&[0x12, 0]).unwrap(), Dim::Unknown);
    }

    #[test]
    fn types_nested_too_deeply_are_refused() {
        let mut message = Bytes::new();
        for _ in 0..100 {
            let mut writer = Writer::new();
            writer.message(4, |writer| writer.bytes(1, &message));
            message = writer.into_bytes();
        }
        assert!(decode(&message, 0).is_err());
    }

    #[test]
    fn renaming_keeps_doc_strings_and_unknown_fields() {
        let mut writer = Writer::new();
        write_value_info(&mut writer, "x", &Type::fixed(DType::F32, &[2]));
        writer.str(3, "doc");
        writer.str(99, "later");
        let info = writer.into_bytes();
        let mut renamed = Writer::new();
        write_renamed(&mut renamed, &info, "y").unwrap();
        let renamed = renamed.into_bytes();
        assert_eq!(value_info(&renamed).unwrap(), ("y", Type::fixed(DType::F32, &[2])));
        assert_eq!(renamed.len(), info.len());
        assert_eq!(renamed[3..], info[3..]);
    }
}

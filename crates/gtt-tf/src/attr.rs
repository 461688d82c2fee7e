//! `AttrValue` to and from [`Attr`].
//!
//! What the IR has no words for (functions with attributes, reference types, mixed lists) stays [`Attr::Raw`].

use gtt_ir::{Attr, AttrEntry, DType, Name};
use gtt_wire::{SliceFields, Writer, bools, f32s, i64s, varints};

use crate::Error;
use crate::source::Source;
use crate::tensor;

/// Decodes an entry of an attribute map.
pub(crate) fn decode_entry(source: &Source, entry: &[u8]) -> Result<AttrEntry, Error> {
    let (mut name, mut message) = ("", &[][..]);
    for field in SliceFields::new(entry) {
        let field = field?;
        match field.tag {
            1 => {
                name =
                    std::str::from_utf8(field.bytes()?).map_err(|_| Error::invalid("an attribute name is not UTF-8"))?
            }
            2 => message = field.bytes()?,
            _ => {}
        }
    }
    let value = decode(source, message).map_err(|error| error.at(&format!("attribute `{name}`")))?;
    Ok(AttrEntry { name: Name::new(name), value, encoded: Some(source.share(message)) })
}

/// Decodes an `AttrValue`.
pub(crate) fn decode(source: &Source, message: &[u8]) -> Result<Attr, Error> {
    let mut attr = None;
    for field in SliceFields::new(message) {
        let field = field?;
        attr = match field.tag {
            1 => decode_list(source, field.bytes()?)?,
            2 => Some(Attr::Str(source.share(field.bytes()?))),
            3 => Some(Attr::Int(field.i64()?)),
            4 => Some(Attr::Float(field.f32()?)),
            5 => Some(Attr::Bool(field.bool()?)),
            6 => DType::from_tf_number(field.u64()?).map(Attr::DType),
            7 => Some(Attr::Shape(tensor::decode_shape(field.bytes()?)?)),
            8 => tensor::decode(source, field.bytes()?)?.map(Attr::Tensor),
            10 => decode_function(field.bytes()?)?.map(Attr::Func),
            9 => std::str::from_utf8(field.bytes()?).ok().map(|name| Attr::Ref(Name::new(name))),
            _ => attr,
        };
    }
    Ok(attr.unwrap_or_else(|| Attr::Raw(source.share(message))))
}

/// The name of a function that brings no attributes.
fn decode_function(message: &[u8]) -> Result<Option<Name>, Error> {
    let mut name = Some("");
    for field in SliceFields::new(message) {
        let field = field?;
        let text = if field.tag == 1 { std::str::from_utf8(field.bytes()?).ok() } else { None };
        name = name.and(text);
    }
    Ok(name.map(Name::new))
}

/// A list; `None` when it mixes kinds or holds what has no variant of its own.
fn decode_list(source: &Source, message: &[u8]) -> Result<Option<Attr>, Error> {
    let mut kind = 0;
    for field in SliceFields::new(message) {
        let tag = field?.tag;
        if kind != 0 && kind != tag {
            return Ok(None);
        }
        kind = tag;
    }
    let fields = SliceFields::new(message);
    Ok(match kind {
        0 => Some(Attr::EmptyList),
        2 => {
            let mut list = Vec::new();
            for field in fields {
                list.push(source.share(field?.bytes()?));
            }
            Some(Attr::Strs(list))
        }
        3 => {
            let mut list = Vec::new();
            for field in fields {
                i64s(&field?, &mut list)?;
            }
            Some(if list.is_empty() { Attr::EmptyList } else { Attr::Ints(list) })
        }
        4 => {
            let mut list = Vec::new();
            for field in fields {
                f32s(&field?, &mut list)?;
            }
            Some(if list.is_empty() { Attr::EmptyList } else { Attr::Floats(list) })
        }
        5 => {
            let mut list = Vec::new();
            for field in fields {
                bools(&field?, &mut list)?;
            }
            Some(if list.is_empty() { Attr::EmptyList } else { Attr::Bools(list) })
        }
        6 => {
            let mut list = Vec::new();
            for field in fields {
                varints(&field?, &mut list, DType::from_tf_number)?;
            }
            let list: Option<Vec<DType>> = list.into_iter().collect();
            list.map(|list| if list.is_empty() { Attr::EmptyList } else { Attr::DTypes(list) })
        }
        7 => {
            let mut list = Vec::new();
            for field in fields {
                list.push(tensor::decode_shape(field?.bytes()?)?);
            }
            Some(Attr::Shapes(list))
        }
        8 => {
            let mut list = Vec::new();
            for field in fields {
                match tensor::decode(source, field?.bytes()?)? {
                    Some(tensor) => list.push(tensor),
                    None => return Ok(None),
                }
            }
            Some(Attr::Tensors(list))
        }
        9 => {
            let mut list = Vec::new();
            for field in fields {
                match decode_function(field?.bytes()?)? {
                    Some(name) => list.push(name),
                    None => return Ok(None),
                }
            }
            Some(Attr::Funcs(list))
        }
        _ => None,
    })
}

/// Writes one entry of an attribute map: verbatim while untouched.
pub(crate) fn write_entry(entry: &AttrEntry, tag: u32, writer: &mut Writer) -> Result<(), Error> {
    writer.try_message(tag, |writer| {
        writer.str(1, &entry.name);
        match &entry.encoded {
            Some(encoded) => {
                writer.bytes(2, encoded);
                Ok(())
            }
            None => writer.try_message(2, |writer| write(&entry.value, writer)),
        }
    })
}

fn number(dtype: DType) -> Result<u64, Error> {
    dtype.tf_number().ok_or_else(|| Error::unsupported(format!("TensorFlow has no element type {dtype}")))
}

/// Writes the fields of an `AttrValue`.
fn write(attr: &Attr, writer: &mut Writer) -> Result<(), Error> {
    match attr {
        Attr::Int(value) => writer.int(3, *value),
        Attr::Float(value) => writer.f32(4, *value),
        Attr::Bool(value) => writer.bool(5, *value),
        Attr::Str(value) => writer.bytes(2, value),
        Attr::Tensor(value) => writer.try_message(8, |writer| tensor::write(value, writer))?,
        Attr::DType(dtype) => writer.varint(6, number(*dtype)?),
        Attr::Shape(shape) => writer.message(7, |writer| tensor::write_shape(shape.as_deref(), writer)),
        Attr::Func(name) => writer.message(10, |writer| writer.str(1, name)),
        Attr::Ref(name) => writer.str(9, name),
        Attr::Raw(message) => writer.raw(message),
        Attr::EmptyList
        | Attr::Ints(_)
        | Attr::Floats(_)
        | Attr::Bools(_)
        | Attr::Strs(_)
        | Attr::Tensors(_)
        | Attr::DTypes(_)
        | Attr::Shapes(_)
        | Attr::Funcs(_) => writer.try_message(1, |writer| write_list(attr, writer))?,
        _ => return Err(Error::unsupported("an attribute that only ONNX has")),
    }
    Ok(())
}

fn write_list(attr: &Attr, writer: &mut Writer) -> Result<(), Error> {
    match attr {
        Attr::Ints(list) => writer.packed_ints(3, list.iter().copied()),
        Attr::Floats(list) => writer.packed_f32s(4, list),
        Attr::Bools(list) => writer.packed_ints(5, list.iter().map(|&bit| i64::from(bit))),
        Attr::Strs(list) => list.iter().for_each(|string| writer.bytes(2, string)),
        Attr::DTypes(list) => {
            let numbers: Vec<i64> =
                list.iter().map(|&dtype| Ok(number(dtype)? as i64)).collect::<Result<_, Error>>()?;
            writer.packed_ints(6, numbers);
        }
        Attr::Shapes(list) => {
            for shape in list {
                writer.message(7, |writer| tensor::write_shape(shape.as_deref(), writer));
            }
        }
        Attr::Funcs(list) => list.iter().for_each(|name| writer.message(9, |writer| writer.str(1, name))),
        Attr::Tensors(list) => {
            for value in list {
                writer.try_message(8, |writer| tensor::write(value, writer))?;
            }
        }
        _ => {}
    }
    Ok(())
}

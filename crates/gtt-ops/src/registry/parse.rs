//! The table's format, as the head of `xtask/oracle/op_registry.py` says it.

use bytes::Bytes;
use gtt_ir::{Attr, DType, Dim, Shape, Tensor};

use super::{ArgDef, ArgType, AttrDef, OpDef};

/// One line. The table is ours, and a test reads all of it.
pub(super) fn op(line: &'static str) -> Option<OpDef> {
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let attrs_at = line.split('\t').nth(3)?;
    let attrs: Vec<AttrDef> = entries(attrs_at).map(attr).collect::<Option<_>>()?;
    let inputs = entries(columns.next()?).map(arg).collect::<Option<_>>()?;
    let outputs = entries(columns.next()?).map(arg).collect::<Option<_>>()?;
    let flags: Vec<&str> = entries(columns.nth(1)?).collect();
    let deprecated = flags.iter().find_map(|flag| flag.strip_prefix("deprecated=")?.parse().ok());
    let has = |flag: &str| flags.contains(&flag);
    Some(OpDef {
        name,
        inputs,
        outputs,
        attrs,
        stateful: has("is_stateful"),
        commutative: has("is_commutative"),
        aggregate: has("is_aggregate"),
        allows_uninitialized_input: has("allows_uninitialized_input"),
        deprecated,
    })
}

fn entries(column: &'static str) -> impl Iterator<Item = &'static str> {
    column.split(' ').filter(|entry| !entry.is_empty())
}

fn arg(entry: &'static str) -> Option<ArgDef> {
    let (name, kind) = entry.split_once(':')?;
    if let Some(list) = kind.strip_prefix('[') {
        let dtype = ArgType::List(list.strip_suffix(']')?);
        return Some(ArgDef { name, dtype, count: None, is_ref: false });
    }
    let (count, kind) = kind.split_once('*').map_or((None, kind), |(count, kind)| (Some(count), kind));
    let (kind, is_ref) = match kind.strip_prefix("Ref(").and_then(|kind| kind.strip_suffix(')')) {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let dtype = DType::from_tf_name(kind).map_or(ArgType::Attr(kind), ArgType::Fixed);
    Some(ArgDef { name, dtype, count, is_ref })
}

fn attr(entry: &'static str) -> Option<AttrDef> {
    let (name, kind) = entry.split_once(':')?;
    let (kind, default) = kind.split_once('=').map_or((kind, None), |(kind, default)| (kind, Some(default)));
    let default = match default {
        Some(text) => Some(value(kind, text)?),
        None => None,
    };
    Some(AttrDef { name, kind, default })
}

fn value(kind: &str, text: &str) -> Option<Attr> {
    if let Some(items) = kind.strip_prefix("list(").and_then(|kind| kind.strip_suffix(')')) {
        let text = text.strip_prefix('[')?.strip_suffix(']')?;
        if text.is_empty() {
            return Some(Attr::EmptyList);
        }
        let texts = text.split(',');
        return Some(match items {
            "string" => Attr::Strs(texts.map(string).collect()),
            "int" => Attr::Ints(texts.map(|text| text.parse().ok()).collect::<Option<_>>()?),
            "float" => Attr::Floats(texts.map(|text| text.parse().ok()).collect::<Option<_>>()?),
            "bool" => Attr::Bools(texts.map(|text| text.parse().ok()).collect::<Option<_>>()?),
            "type" => Attr::DTypes(texts.map(DType::from_tf_name).collect::<Option<_>>()?),
            "shape" => Attr::Shapes(texts.map(shape).collect::<Option<_>>()?),
            _ => return None,
        });
    }
    Some(match kind {
        "string" => Attr::Str(string(text)),
        "int" => Attr::Int(text.parse().ok()?),
        "float" => Attr::Float(text.parse().ok()?),
        "bool" => Attr::Bool(text.parse().ok()?),
        "type" => Attr::DType(DType::from_tf_name(text)?),
        "shape" => Attr::Shape(shape(text)?),
        "tensor" => Attr::Tensor(tensor(text)?),
        _ => return None,
    })
}

fn string(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.bytes();
    while let Some(byte) = chars.next() {
        let byte = match byte {
            b'\\' => match chars.next() {
                Some(b's') => b' ',
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'c') => b',',
                Some(b'b') => b']',
                other => other.unwrap_or(b'\\'),
            },
            byte => byte,
        };
        bytes.push(byte);
    }
    bytes.into()
}

/// `?` or `(1x-1)`.
fn shape(text: &str) -> Option<Option<Shape>> {
    if text == "?" {
        return Some(None);
    }
    let text = text.strip_prefix('(')?.strip_suffix(')')?;
    let extents = text.split('x').filter(|extent| !extent.is_empty());
    let dims = extents.map(|extent| match extent {
        "-1" => Some(Dim::Unknown),
        extent => extent.parse().ok().map(Dim::Known),
    });
    dims.collect::<Option<Shape>>().map(Some)
}

/// `uint8(4)[255,0,0,255]`: the one that is there.
fn tensor(text: &str) -> Option<Tensor> {
    let (head, items) = text.strip_suffix(']')?.split_once('[')?;
    let (kind, extents) = head.strip_suffix(')')?.split_once('(')?;
    let extents: Vec<usize> = extents.split('x').map(|extent| extent.parse().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = items.split(',').map(|item| item.parse().ok()).collect::<Option<_>>()?;
    (DType::from_tf_name(kind)? == DType::U8)
        .then(|| Tensor::from_bytes(DType::U8, &extents, bytes.into()).ok())
        .flatten()
}

//! The ops that have a quantised form, and what has to be true of a node.

use gtt_ir::{Attr, DType, Node, Type, ValueId};
use gtt_ops::views::tf::{BiasAdd, Conv2D, DataFormat, MatMul, Padding};

use super::shapes;

/// The quantised form of a node.
pub(super) struct Form {
    pub(super) op: &'static str,
    pub(super) attrs: Vec<(&'static str, Attr)>,
    /// The operand that stays as it is: a shape, a size, an axis.
    pub(super) plain: Option<usize>,
    /// The result has 32 bits, and must be narrowed.
    pub(super) wide: bool,
    /// All smallest values come before all largest ones.
    pub(super) ends_apart: bool,
}

/// Ops that may have one.
pub(super) const OPS: &[&str] = &[
    "Add",
    "AvgPool",
    "BiasAdd",
    "Concat",
    "Conv2D",
    "MatMul",
    "MaxPool",
    "Mul",
    "Relu",
    "Relu6",
    "Reshape",
    "ResizeBilinear",
];

const BYTES: Attr = Attr::DType(DType::QU8);
const WIDE: Attr = Attr::DType(DType::QI32);

impl Form {
    /// `Ok(None)`: not of floats, or no op of these. `Err`: why it stays.
    pub(super) fn of(node: &Node, types: impl Fn(ValueId) -> Type) -> Result<Option<Self>, &'static str> {
        let op = node.op.name.as_str();
        let counts = node.inputs.iter().all(Option::is_some) && node.outputs.len() <= 1;
        if !OPS.contains(&op) || node.op.domain != gtt_ir::Domain::TF || !counts {
            return Ok(None);
        }
        if node.attr("T").map_or(Some(DType::F32), Attr::as_dtype) != Some(DType::F32) {
            return Ok(None);
        }
        let form = |op, attrs| Self { op, attrs, plain: None, wide: false, ends_apart: false };
        let wide = |op, attrs| Self { wide: true, ..form(op, attrs) };
        let found = match (op, node.inputs.len()) {
            ("Relu", 1) => form("QuantizedRelu", vec![("Tinput", BYTES)]),
            ("Relu6", 1) => form("QuantizedRelu6", vec![("Tinput", BYTES)]),
            ("Add" | "Mul", 2) => {
                let [Some(a), Some(b)] = [node.input(0), node.input(1)] else { return Ok(None) };
                if !shapes::repeat(&types(a), &types(b)) {
                    return Err("the quantised op may not broadcast these shapes");
                }
                let op = if op == "Add" { "QuantizedAdd" } else { "QuantizedMul" };
                wide(op, vec![("T1", BYTES), ("T2", BYTES), ("Toutput", WIDE)])
            }
            ("BiasAdd", 2) => {
                let bias = BiasAdd::of(node).ok_or("an attribute is not understood")?;
                last(bias.data_format)?;
                wide("QuantizedBiasAdd", vec![("T1", BYTES), ("T2", BYTES), ("out_type", WIDE)])
            }
            ("MatMul", 2) => {
                let product = MatMul::of(node).ok_or("an attribute is not understood")?;
                let flags = [("transpose_a", product.transpose_a), ("transpose_b", product.transpose_b)];
                let mut attrs = vec![("T1", BYTES), ("T2", BYTES), ("Toutput", WIDE)];
                attrs.extend(flags.map(|(name, flag)| (name, Attr::Bool(flag))));
                wide("QuantizedMatMul", attrs)
            }
            ("Conv2D", 2) => wide("QuantizedConv2D", conv(node, types)?),
            ("MaxPool", 1) => form("QuantizedMaxPool", pool(node)?),
            ("AvgPool", 1) => form("QuantizedAvgPool", pool(node)?),
            ("Reshape", 2) => {
                let index = node.attr("Tshape").map_or(Some(DType::I32), Attr::as_dtype).unwrap_or(DType::I32);
                let mut attrs = vec![("T", BYTES)];
                attrs.extend((index != DType::I32).then_some(("Tshape", Attr::DType(index))));
                Self { plain: Some(1), ..form("QuantizedReshape", attrs) }
            }
            ("ResizeBilinear", 2) => {
                let flag = |name: &str| node.attr(name).map_or(Some(false), Attr::as_bool).unwrap_or(false);
                let mut attrs = vec![("T", BYTES), ("align_corners", Attr::Bool(flag("align_corners")))];
                attrs.extend(flag("half_pixel_centers").then_some(("half_pixel_centers", Attr::Bool(true))));
                Self { plain: Some(1), ..form("QuantizedResizeBilinear", attrs) }
            }
            ("Concat", count) if count >= 3 => {
                let attrs = vec![("N", Attr::Int(count as i64 - 1)), ("T", BYTES)];
                Self { plain: Some(0), ends_apart: true, ..form("QuantizedConcat", attrs) }
            }
            _ => return Ok(None),
        };
        Ok(Some(found))
    }
}

fn last(format: DataFormat) -> Result<(), &'static str> {
    if format == DataFormat::ChannelsLast { Ok(()) } else { Err("the quantised op is for channels last only") }
}

fn padding(padding: Padding) -> Result<Attr, &'static str> {
    match padding {
        Padding::Same => Ok(Attr::Str("SAME".into())),
        Padding::Valid => Ok(Attr::Str("VALID".into())),
        Padding::Explicit(_) => Err("the quantised op has no explicit padding"),
    }
}

fn conv(node: &Node, types: impl Fn(ValueId) -> Type) -> Result<Vec<(&'static str, Attr)>, &'static str> {
    let conv = Conv2D::of(node).ok_or("an attribute is not understood")?;
    last(conv.data_format)?;
    if conv.dilations.iter().any(|&dilation| dilation != 1) {
        return Err("the quantised op has no dilations");
    }
    if conv.strides[0] != 1 || conv.strides[3] != 1 || conv.strides[1] != conv.strides[2] {
        return Err("the quantised op has one stride");
    }
    let (input, filter) = (types(conv.input), types(conv.filter));
    let extent = |ty: &Type, at: usize| ty.shape().and_then(|shape| shape.get(at)?.known());
    if let (Some(channels), Some(each)) = (extent(&input, 3), extent(&filter, 2))
        && channels != each
    {
        return Err("the quantised op has no groups");
    }
    Ok(vec![
        ("Tinput", BYTES),
        ("Tfilter", BYTES),
        ("out_type", WIDE),
        ("padding", padding(conv.padding)?),
        ("strides", Attr::Ints(conv.strides)),
    ])
}

fn pool(node: &Node) -> Result<Vec<(&'static str, Attr)>, &'static str> {
    let known = ["T", "ksize", "strides", "padding", "data_format", "explicit_paddings"];
    if node.attrs.iter().any(|attr| !attr.name.starts_with('_') && !known.contains(&attr.name.as_str())) {
        return Err("an attribute is not understood");
    }
    if node.attr("data_format").is_some_and(|format| format.as_str() != Some("NHWC")) {
        return Err("the quantised op is for channels last only");
    }
    let sizes =
        |name: &str| node.attr(name).and_then(Attr::as_ints).map(<[i64]>::to_vec).filter(|sizes| sizes.len() == 4);
    let (Some(ksize), Some(strides)) = (sizes("ksize"), sizes("strides")) else {
        return Err("an attribute is not understood");
    };
    if [ksize[0], ksize[3], strides[0], strides[3]] != [1; 4] {
        return Err("the quantised op pools rows and columns only");
    }
    let padding = match node.attr("padding").and_then(Attr::as_str) {
        Some(padding @ ("SAME" | "VALID")) => Attr::Str(padding.as_bytes().to_vec().into()),
        Some("EXPLICIT") => return Err("the quantised op has no explicit padding"),
        _ => return Err("an attribute is not understood"),
    };
    Ok(vec![("T", BYTES), ("ksize", Attr::Ints(ksize)), ("padding", padding), ("strides", Attr::Ints(strides))])
}

//! ONNX: the weight becomes a smaller constant with `DequantizeLinear` (halves: `Cast`) in front of its readers.

use gtt_ir::{Attr, DType, GraphId, NodeSpec, Op, Tensor, Use, ValueId};
use gtt_rewrite::{Error, PassContext};

use super::QuantizeWeights;
use super::readers::Readers;
use super::scheme::{Quantized, Scheme};
use crate::support::names::FreeNames;

const RULE: &str = "weight";

/// What names and fields of a new node and new constants take in a file, at most, apart from what grows with the name.
const OVERHEAD: usize = 160;

pub(super) fn run(pass: &QuantizeWeights, cx: &mut PassContext<'_>) -> Result<(), Error> {
    let mut names = None;
    for id in cx.graphs() {
        let constants = cx.graph(id).constants();
        let large = |tensor: &Tensor| tensor.len() >= pass.minimum_size && tensor.dtype().is_float();
        let weights: Vec<ValueId> =
            constants.filter(|(_, _, constant)| large(&constant.tensor)).map(|(value, ..)| value).collect();
        for value in weights {
            let name = |model: &gtt_ir::Model| model.graph(id).value(value).name.to_string();
            match plan(pass, cx, id, value) {
                Ok((quantized, axis)) => {
                    if !cx.permit_with(RULE, name) {
                        return Ok(());
                    }
                    cx.deviate(id, value, &quantized.change);
                    let names = names.get_or_insert_with(|| FreeNames::of(cx.model()));
                    replace(cx, names, id, value, quantized, axis);
                }
                Err(Some(reason)) => cx.decline_with(RULE, reason, name),
                Err(None) => {}
            }
        }
    }
    Ok(())
}

/// The weight in its new form, with the axis of its channels; or why it stays (`None`: it is no weight).
fn plan(
    pass: &QuantizeWeights,
    cx: &PassContext<'_>,
    id: GraphId,
    value: ValueId,
) -> Result<(Quantized, Option<usize>), Option<&'static str>> {
    let found = cx.graph(id).value(value);
    let tensor = found.constant().map(|constant| &constant.tensor).ok_or(None)?;
    let readers = Readers::of(pass, cx.model(), id, value, tensor.rank());
    if !readers.any {
        return Err(None);
    }
    if let Some(refusal) = readers.refusal {
        return Err(Some(refusal));
    }
    if tensor.dtype() != DType::F32 {
        return Err(Some("the element type is not float32"));
    }
    let (opset, needed) = (cx.opset_of(id), if pass.scheme == Scheme::I4 { 21 } else { 10 });
    match pass.scheme {
        Scheme::F16 if opset < 6 => return Err(Some("`Cast` of this operator set is another one")),
        Scheme::F16 => {}
        _ if opset < needed => return Err(Some("the operator set has no `DequantizeLinear` for this type")),
        _ => {}
    }
    // Before version 13 there is one scale for all elements.
    let axis = readers.axis().filter(|_| pass.per_channel && opset >= 13 && pass.scheme != Scheme::F16);
    let (count, shape) = (tensor.len(), tensor.shape());
    let scales = axis.map_or(1, |axis| shape[axis]);
    let scale_bytes = match pass.scheme {
        Scheme::F16 => 0,
        Scheme::U8 => 5,
        _ => 4,
    };
    let new = pass.scheme.dtype().packed_len(count).unwrap_or(usize::MAX);
    let new = new.saturating_add(scales * scale_bytes + OVERHEAD + 6 * found.name.len());
    // A constant of equal elements may take no more than one of them in memory, but all of them in a file.
    if new >= tensor.byte_len() {
        return Err(Some("it would not get smaller"));
    }
    let bytes = tensor.bytes().ok_or(Some("its elements cannot be read"))?;
    let quantized = pass.scheme.quantize(&bytes, shape, axis).map_err(Some)?;
    Ok((quantized, axis))
}

fn replace(
    cx: &mut PassContext<'_>,
    names: &mut FreeNames,
    id: GraphId,
    value: ValueId,
    quantized: Quantized,
    axis: Option<usize>,
) {
    let graph = cx.graph(id);
    let (name, ty) = (graph.value(value).name.clone(), graph.value(value).ty.clone());
    let rank_of = |used: &Use| match used {
        Use::Operand { node, .. } => Some(graph.node(*node).rank),
        _ => None,
    };
    let first_reader = graph.value(value).uses().iter().filter_map(rank_of).min().unwrap_or(0);
    let place = graph.value(value).constant().map_or(u32::MAX, |constant| constant.rank);
    let node_name = names.node(&format!("{name}_dequantize"));
    let mut take = |suffix: &str| names.value(&format!("{name}{suffix}"));
    let (weight, scale, zero, retired) = (take("_quantized"), take("_scale"), take("_zero_point"), take("_float"));

    let mut editor = cx.edit(id);
    let mut inputs = vec![Some(editor.add_const(weight, quantized.weight, place))];
    let mut spec = match quantized.scale {
        Some(scales) => {
            inputs.push(Some(editor.add_const(scale, scales, place)));
            NodeSpec::new(Op::onnx("DequantizeLinear"), node_name)
        }
        None => NodeSpec::new(Op::onnx("Cast"), node_name).attr("to", Attr::Int(1)),
    };
    if let Some(zeros) = quantized.zero_point {
        inputs.push(Some(editor.add_const(zero, zeros, place)));
    }
    if let Some(axis) = axis {
        spec = spec.attr("axis", Attr::Int(axis as i64));
    }
    // Readers go on reading a value of the same name.
    editor.set_value_name(value, retired);
    let node = editor.add_node(spec.inputs(inputs).output(name, ty).rank(first_reader));
    let result = editor.result(node, 0);
    editor.replace_uses(value, result);
    editor.erase_value(value);
}

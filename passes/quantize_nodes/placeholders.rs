//! Inputs of bytes instead of floats.

use gtt_ir::{Attr, DType, NodeId, Tensor, Type, Use};
use gtt_rewrite::PassContext;

use super::build::{Builder, Make, eight_bits};
use crate::support::nodes_by_rank;

const RULE: &str = "placeholder";

/// Every float32 `Placeholder` becomes one of bytes over the range, widened for its readers.
pub(super) fn run(cx: &mut PassContext<'_>, builder: &mut Builder, (min, max): (f32, f32)) {
    for node in nodes_by_rank(cx, builder.id) {
        let found = cx.graph(builder.id).node(node);
        if !found.op.is_tf("Placeholder") {
            continue;
        }
        match check(cx, builder, node) {
            Ok(()) if cx.permit(RULE, builder.id, node) => widen(cx, builder, node, min, max),
            Ok(()) => return,
            Err(reason) => cx.decline(RULE, builder.id, node, reason),
        }
    }
}

fn check(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> Result<(), &'static str> {
    let graph = cx.graph(builder.id);
    let found = graph.node(node);
    if found.attr("dtype").and_then(Attr::as_dtype) != Some(DType::F32) {
        return Err("the input is not float32");
    }
    let output = |used: &Use| matches!(used, Use::Output { .. });
    if found.results().any(|value| graph.value(value).uses().iter().any(output)) {
        return Err("the input is an output, too");
    }
    Ok(())
}

fn widen(cx: &mut PassContext<'_>, builder: &mut Builder, node: NodeId, min: f32, max: f32) {
    let id = builder.id;
    let value = cx.edit(id).result(node, 0);
    let found = cx.graph(id).node(node);
    let (name, rank, ty) = (found.name.clone(), found.rank, cx.graph(id).value(value).ty.clone());
    let mut ends = [("min", min), ("max", max)]
        .map(|(suffix, end)| {
            builder.constant(cx, &format!("{name}_eightbit/{suffix}"), Tensor::scalar(end), value, false, rank)
        })
        .to_vec();
    ends.insert(0, value);
    let make = Make { op: "Dequantize", inputs: &ends, attrs: eight_bits(), results: 1, rank };
    let wide = builder.node(cx, &format!("{name}_eightbit/dequantize"), make);
    let mut editor = cx.edit(id);
    let result = editor.result(wide, 0);
    editor.replace_operand_uses(value, result, |reader| reader == wide);
    editor.set_attr(node, "dtype", Attr::DType(DType::QU8));
    let bytes = match &ty {
        Type::Tensor { shape, .. } => Type::Tensor { dtype: Some(DType::QU8), shape: shape.clone() },
        _ => Type::Unknown,
    };
    editor.set_type(value, bytes);
    editor.set_type(result, ty);
    builder.bypass(wide);
}

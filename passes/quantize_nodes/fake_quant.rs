//! Fake quantisation becomes quantisation.

use gtt_ir::{Attr, Attrs, DType, NodeId};
use gtt_rewrite::{PassContext, is_fed};

use super::build::{Builder, Make, attrs};
use super::hoist;
use crate::support::nodes_by_rank;

const RULE: &str = "fake_quant";

/// `FakeQuantWithMinMaxVars` with constant ends becomes QuantizeV2 (to 32 bits), Requantize (to bytes), Dequantize. The first two
/// come back, for the stage that joins them with what is in front.
pub(super) fn run(cx: &mut PassContext<'_>, builder: &mut Builder) -> Vec<(NodeId, NodeId)> {
    let mut made = Vec::new();
    for node in nodes_by_rank(cx, builder.id) {
        if !cx.graph(builder.id).node(node).op.is_tf("FakeQuantWithMinMaxVars") {
            continue;
        }
        match check(cx, builder, node) {
            Ok(()) if cx.permit(RULE, builder.id, node) => made.extend(convert(cx, builder, node)),
            Ok(()) => break,
            Err(reason) => cx.decline(RULE, builder.id, node, reason),
        }
    }
    made
}

fn check(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> Result<(), &'static str> {
    let graph = cx.graph(builder.id);
    let found = graph.node(node);
    let Some((min, max)) = hoist::range(cx, builder, node) else { return Err("the range is not constant") };
    if min > 0.0 || max < 0.0 || min >= max {
        return Err("the range does not hold 0");
    }
    let bits = found.attr("num_bits").map_or(Some(8), Attr::as_int);
    let narrow = found.attr("narrow_range").map_or(Some(false), Attr::as_bool);
    if bits != Some(8) || narrow != Some(false) {
        return Err("it does not have 256 values");
    }
    if graph.is_kept(node) || found.results().any(|value| is_fed(graph, value)) {
        return Err("its result is fed");
    }
    Ok(())
}

fn convert(cx: &mut PassContext<'_>, builder: &mut Builder, node: NodeId) -> Option<(NodeId, NodeId)> {
    let found = cx.graph(builder.id).node(node);
    let (name, rank, control) = (found.name.clone(), found.rank, found.control.clone());
    let (x, min, max) = (found.input(0)?, found.input(1)?, found.input(2)?);
    let wide = attrs([("T", Attr::DType(DType::QI32)), ("mode", Attr::Str("MIN_FIRST".into()))]);
    let make = Make { op: "QuantizeV2", inputs: &[x, min, max], attrs: wide, results: 3, rank };
    let quantize = builder.node(cx, &format!("{name}_eightbit/quantize"), make);
    let [q, low, high] = builder.three(cx, quantize);
    let make =
        Make { op: "Requantize", inputs: &[q, low, high, min, max], attrs: requantize_attrs(), results: 3, rank };
    let requantize = builder.node(cx, &format!("{name}_eightbit/requantize"), make);
    cx.edit(builder.id).set_control(requantize, control);
    let quantized = builder.three(cx, requantize);
    builder.take_place(cx, node, quantized);
    Some((quantize, requantize))
}

/// From 32 bits to bytes.
pub(super) fn requantize_attrs() -> Attrs {
    attrs([("Tinput", Attr::DType(DType::QI32)), ("out_type", Attr::DType(DType::QU8))])
}

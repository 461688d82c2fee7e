//! Ops on floats become ops on bytes.

use gtt_ir::{Attr, DType, Node, NodeId, Tensor, Use, ValueId, traverse};
use gtt_rewrite::{PassContext, is_fed};
use smallvec::SmallVec;

use super::QuantizeNodes;
use super::build::{Builder, Make, Quantized, attrs};
use super::fake_quant::requantize_attrs;
use super::ops::Form;

/// In execution order, so that what an op reads is in bytes already if it ever will be.
pub(super) fn run(pass: &QuantizeNodes, cx: &mut PassContext<'_>, builder: &mut Builder) {
    let graph = cx.graph(builder.id);
    let order = traverse::topological(cx.model(), graph).unwrap_or_else(|_| traverse::by_rank(graph));
    for node in order {
        let Some(found) = cx.graph(builder.id).get_node(node) else { continue };
        let op = found.op.name.clone();
        if pass.ignored.contains(op.as_str()) || looks_for_range(cx, builder, node) {
            continue;
        }
        let refusal = match Form::of(found, |value| builder.type_of(cx, value)) {
            Ok(None) => continue,
            Ok(Some(_)) if is_used_by_name(cx, builder, node) => "its result is fed",
            Ok(Some(form)) => {
                if !cx.permit(rule(form.wide), builder.id, node) {
                    return;
                }
                convert(pass, cx, builder, node, form);
                continue;
            }
            Err(reason) => reason,
        };
        cx.decline("float_op", builder.id, node, refusal);
    }
}

/// The `Reshape` to a vector, whose smallest and largest elements are the range that something is quantised over.
fn looks_for_range(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> bool {
    let graph = cx.graph(builder.id);
    let reads = |value: Option<ValueId>, test: &dyn Fn(&Node, u32) -> bool| {
        let uses = value.map_or(&[][..], |value| graph.value(value).uses());
        !uses.is_empty()
            && uses.iter().all(|used| matches!(used, Use::Operand { node, slot } if test(graph.node(*node), *slot)))
    };
    let quantizes = |node: &Node, slot: u32| node.op.is_tf("QuantizeV2") && slot > 0;
    let is_end = |node: &Node, slot: u32| {
        (node.op.is_tf("Min") || node.op.is_tf("Max")) && slot == 0 && reads(node.output(0), &quantizes)
    };
    graph.node(node).op.is_tf("Reshape") && reads(graph.node(node).output(0), &is_end)
}

fn rule(wide: bool) -> &'static str {
    if wide { "wide_op" } else { "byte_op" }
}

fn is_used_by_name(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> bool {
    let graph = cx.graph(builder.id);
    graph.is_kept(node) || graph.node(node).results().any(|value| is_fed(graph, value))
}

fn convert(pass: &QuantizeNodes, cx: &mut PassContext<'_>, builder: &mut Builder, node: NodeId, form: Form) {
    let id = builder.id;
    let found = cx.graph(id).node(node);
    let (name, rank, control) = (found.name.clone(), found.rank, found.control.clone());
    let operands: SmallVec<[ValueId; 4]> = found.operands().collect();
    let mut inputs: Vec<ValueId> = Vec::with_capacity(3 * operands.len());
    let mut ends: Vec<[ValueId; 2]> = Vec::with_capacity(operands.len());
    for (slot, &operand) in operands.iter().enumerate() {
        if form.plain == Some(slot) {
            inputs.push(operand);
            continue;
        }
        let [bytes, min, max] = builder.quantized(cx, operand, &name, rank);
        inputs.push(bytes);
        ends.push([min, max]);
    }
    match form.ends_apart {
        true => (0..2).for_each(|side| inputs.extend(ends.iter().map(|end| end[side]))),
        false => inputs.extend(ends.iter().flatten()),
    }
    let main = [&name, "/eightbit"].concat();
    let make = Make { op: form.op, inputs: &inputs, attrs: attrs(form.attrs), results: 3, rank };
    let made = builder.node(cx, &main, make);
    cx.edit(id).set_control(made, control);
    let mut result = builder.three(cx, made);
    if form.wide {
        result = narrowed(pass, cx, builder, &main, result, rank);
    }
    builder.take_place(cx, node, result);
}

/// From 32 bits to bytes, over the range that the result turns out to have, or the one that was given.
fn narrowed(
    pass: &QuantizeNodes,
    cx: &mut PassContext<'_>,
    builder: &mut Builder,
    main: &str,
    wide: Quantized,
    rank: u32,
) -> Quantized {
    let range = match pass.fallback {
        Some((min, max)) => [("min", min), ("max", max)].map(|(suffix, end)| {
            let name = [main, "/fallback_", suffix].concat();
            builder.constant(cx, &name, Tensor::scalar(end), wide[0], false, rank)
        }),
        None => {
            let attrs = attrs([("Tinput", Attr::DType(DType::QI32))]);
            let make = Make { op: "RequantizationRange", inputs: &wide, attrs, results: 2, rank };
            let range = builder.node(cx, &[main, "/requant_range"].concat(), make);
            [0, 1].map(|slot| cx.edit(builder.id).result(range, slot))
        }
    };
    let inputs = [wide[0], wide[1], wide[2], range[0], range[1]];
    let make = Make { op: "Requantize", inputs: &inputs, attrs: requantize_attrs(), results: 3, rank };
    let narrow = builder.node(cx, &[main, "/requantize"].concat(), make);
    builder.three(cx, narrow)
}

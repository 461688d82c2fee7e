//! Fake quantisation moves in front of ops that it makes no difference to, to where 32-bit results are narrowed.

use gtt_ir::{Attr, DType, Def, NodeId, Use, ValueId};
use gtt_rewrite::{PassContext, is_fed};

use super::build::Builder;
use crate::support::nodes_by_rank;

const RULE: &str = "fake_quant_behind_others";

/// Ops that it moves past at most.
const FAR: usize = 6;

/// `FakeQuant(f(g(x)))` becomes `f(g(FakeQuant(x)))`. The node of `f` takes the name of the fake quantisation.
pub(super) fn run(cx: &mut PassContext<'_>, builder: &mut Builder) {
    for node in nodes_by_rank(cx, builder.id) {
        let Some(found) = cx.graph(builder.id).get_node(node) else { continue };
        if !found.op.is_tf("FakeQuantWithMinMaxVars") {
            continue;
        }
        match path(cx, builder, node) {
            Ok(Some(path)) if cx.permit(RULE, builder.id, node) => hoist(cx, builder, node, &path),
            Ok(Some(_)) => return,
            Ok(None) => {}
            Err(reason) => cx.decline(RULE, builder.id, node, reason),
        }
    }
}

/// The range of a fake quantisation whose ends are constants.
pub(super) fn range(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> Option<(f32, f32)> {
    let graph = cx.graph(builder.id);
    let node = graph.node(node);
    let end = |slot: usize| match graph.tensor(node.input(slot)?)?.to_vec::<f32>()?.as_slice() {
        [end] if end.is_finite() => Some(*end),
        _ => None,
    };
    let fed = |slot: usize| node.input(slot).is_none_or(|value| is_fed(graph, value));
    if node.inputs.len() != 3 || fed(1) || fed(2) {
        return None;
    }
    Some((end(1)?, end(2)?))
}

/// The ops from the fake quantisation back that it may move past.
fn path(cx: &PassContext<'_>, builder: &Builder, node: NodeId) -> Result<Option<Vec<NodeId>>, &'static str> {
    let graph = cx.graph(builder.id);
    let Some((min, max)) = range(cx, builder, node) else { return Ok(None) };
    let mut path = Vec::new();
    let mut value = graph.node(node).input(0);
    while let Some((below, found)) = value.and_then(|value| one_operand(cx, builder, value)) {
        let refusal = match found.op.name.as_str() {
            _ if path.len() == FAR => break,
            // 0 is one of the values that stay as they are, if it is in the range.
            "Relu" | "Relu6" if min > 0.0 || max < 0.0 => Some("the range does not hold 0"),
            "Relu" | "Relu6" | "MaxPool" | "Identity" | "Squeeze" | "StopGradient" => None,
            // The fake quantisation of what is not computed has no place to move to.
            "Placeholder" | "PlaceholderWithDefault" | "Dequantize" => break,
            _ => Some("the op in front computes otherwise with rounded values"),
        };
        let elsewhere = value.is_some_and(|value| !matches!(graph.value(value).only_use(), Some(Use::Operand { .. })))
            || !found.control_uses.is_empty();
        let refusal = refusal.or(elsewhere.then_some("the values in between are used elsewhere"));
        match refusal {
            Some(reason) if path.is_empty() => return Err(reason),
            Some(_) => break,
            None => path.push(below),
        }
        value = found.input(0);
    }
    Ok(if path.is_empty() { None } else { Some(path) })
}

/// The node behind a value, if floats go in at one operand only and there is no other.
fn one_operand<'a>(cx: &'a PassContext<'_>, builder: &Builder, value: ValueId) -> Option<(NodeId, &'a gtt_ir::Node)> {
    let graph = cx.graph(builder.id);
    let Def::Node { node, slot: 0 } = graph.value(value).def else { return None };
    let found = graph.node(node);
    let float = found.attr("T").and_then(Attr::as_dtype).is_none_or(|dtype| dtype == DType::F32);
    (found.inputs.len() == 1 && float && !is_fed(graph, value) && !graph.is_kept(node)).then_some((node, found))
}

fn hoist(cx: &mut PassContext<'_>, builder: &mut Builder, fake: NodeId, path: &[NodeId]) {
    let id = builder.id;
    let (Some(&top), Some(&lowest)) = (path.first(), path.last()) else { return };
    let name = cx.graph(id).node(fake).name.clone();
    let hoisted = builder.name(&format!("{name}_hoisted"));

    let mut editor = cx.edit(id);
    let (below, fake_result, top_result) =
        (editor.graph().node(lowest).input(0), editor.result(fake, 0), editor.result(top, 0));
    // Readers of the fake quantisation read the topmost op, which takes over its name.
    editor.set_input(fake, 0, below);
    editor.replace_uses(fake_result, top_result);
    editor.replace_control_uses(gtt_ir::Site::Node(fake), Some(gtt_ir::Site::Node(top)));
    editor.set_node_name(fake, hoisted);
    editor.set_node_name(top, name);
    editor.set_input(lowest, 0, Some(fake_result));
    let rank = editor.graph().node(lowest).rank;
    editor.set_node_rank(fake, rank);
}

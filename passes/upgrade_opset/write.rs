//! Writes what was planned.

use gtt_ir::{Attr, ConstOrigin, Constant, Dialect, GraphId, NodeId, NodeSpec, Op, Type, ValueId};
use gtt_rewrite::PassContext;
use rustc_hash::FxHashSet;

use super::Change;
use super::adapters::{Draft, Slot};
use crate::support::names::FreeNames;

/// Makes the nodes what their drafts say.
pub(super) fn write(cx: &mut PassContext<'_>, changes: &[Change]) {
    let mut names = None;
    let functions = cx.model().functions.iter().flat_map(|function| cx.model().nested(function.graph));
    let functions: FxHashSet<GraphId> = functions.collect();
    for Change { graph, node, draft } in changes {
        let names = names.get_or_insert_with(|| FreeNames::of(cx.model()));
        let origin = if functions.contains(graph) { ConstOrigin::ConstantNode } else { ConstOrigin::Initializer };
        change(cx, names, (*graph, *node), draft, origin);
    }
}

fn change(
    cx: &mut PassContext<'_>,
    names: &mut FreeNames,
    (graph, id): (GraphId, NodeId),
    draft: &Draft,
    origin: ConstOrigin,
) {
    let node = cx.graph(graph).node(id).clone();
    let label = node.results().next().map(|value| cx.graph(graph).value(value).name.to_string()).unwrap_or_default();
    let mut edit = cx.edit(graph);
    let mut operands = Vec::with_capacity(draft.inputs.len());
    for (slot, operand) in draft.inputs.iter().enumerate() {
        operands.push(match operand {
            Slot::Old(value) => Some(*value),
            Slot::Omitted => None,
            Slot::New(tensor) => {
                let name = names.value(&format!("{label}_input_{slot}"));
                let constant = Constant { origin, ..Constant::new(Dialect::Onnx, tensor.clone(), node.rank) };
                Some(edit.add_constant(name, constant))
            }
        });
    }
    if operands.as_slice() != node.inputs.as_slice() {
        edit.set_inputs(id, operands);
    }
    for value in node.operands() {
        let unused = edit.graph().get_value(value).is_some_and(|value| value.is_unused() && value.constant().is_some());
        if unused {
            edit.erase_value(value);
        }
    }
    for entry in node.attrs.iter() {
        if draft.attrs.get(&entry.name).is_none() {
            edit.remove_attr(id, &entry.name);
        }
    }
    for entry in draft.attrs.iter() {
        if node.attrs.get(&entry.name) != Some(&entry.value) {
            edit.set_attr(id, &entry.name, entry.value.clone());
        }
    }
    if draft.op != node.op.name {
        edit.set_op(id, Op::onnx(&draft.op));
    }
    if let (Some(axis), Some(x), Some(y)) = (draft.flattened_at, node.input(0), node.output(0)) {
        flatten_around(cx, names, (graph, id), axis, x, y);
    }
}

/// `y = op(x)` becomes `y = Reshape(op(Flatten(x)), Shape(x))`; readers of `y` read the new last node.
fn flatten_around(
    cx: &mut PassContext<'_>,
    names: &mut FreeNames,
    (graph, id): (GraphId, NodeId),
    axis: i64,
    x: ValueId,
    y: ValueId,
) {
    let value = cx.graph(graph).value(y);
    let (label, ty, rank) = (value.name.to_string(), value.ty.clone(), cx.graph(graph).node(id).rank);
    let mut edit = cx.edit(graph);
    let mut node = |op: &str, inputs: &[ValueId], ty: Type, attrs: &[(&str, Attr)]| {
        let wanted = format!("{label}_{}", op.to_lowercase());
        let (name, node_name) = (names.value(&wanted), names.node(&wanted));
        let mut spec = NodeSpec::new(Op::onnx(op), node_name).output(name, ty).rank(rank);
        spec = spec.inputs(inputs.iter().copied().map(Some));
        for (name, value) in attrs {
            spec = spec.attr(name, value.clone());
        }
        let node = edit.add_node(spec);
        edit.result(node, 0)
    };
    let flat = node("Flatten", &[x], Type::Unknown, &[("axis", Attr::Int(axis))]);
    let shape = node("Shape", &[x], Type::Unknown, &[]);
    let back = node("Reshape", &[y, shape], ty, &[]);
    edit.set_input(id, 0, Some(flat));
    edit.set_type(y, Type::Unknown);
    let reshape = edit.graph().def_node(back);
    edit.replace_uses(y, back);
    if let Some(reshape) = reshape {
        edit.set_input(reshape, 0, Some(y));
    }
}

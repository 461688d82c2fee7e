//! Writing known results as constants.

use gtt_ir::{Attr, ConstOrigin, Constant, Dialect, GraphId, Name, NodeId, NodeSpec, Op, Site, Type, ValueId};
use gtt_rewrite::PassContext;
use smallvec::SmallVec;

use super::known::{Folded, Known};

/// Replaces every needed result by a constant and erases the nodes that computed it.
pub(super) fn materialise(cx: &mut PassContext<'_>, id: GraphId, known: &Known) {
    let mut folded: Vec<NodeId> = Vec::new();
    for node in known.nodes() {
        let graph = cx.graph(id);
        let needed: SmallVec<[(usize, ValueId); 2]> = (0..)
            .zip(&graph.node(node).outputs)
            .filter_map(|(slot, value)| Some((slot, (*value)?)))
            .filter(|(_, value)| known.is_needed(graph, *value))
            .collect();
        if !needed.is_empty() && !cx.permit("constant_node", id, node) {
            continue;
        }
        for (slot, value) in needed {
            if let Some(result) = known.result(value) {
                write(cx, id, node, slot, value, result);
            }
        }
        folded.push(node);
    }
    if folded.is_empty() {
        return;
    }
    // Who waited for a folded node waits for what it waited for.
    for &node in &folded {
        if cx.graph(id).node(node).control_uses.is_empty() {
            continue;
        }
        let waits: SmallVec<[Site; 4]> = cx
            .graph(id)
            .node(node)
            .results()
            .filter_map(|value| known.result(value))
            .flat_map(|result| result.waits.iter().copied())
            .collect();
        let readers = cx.graph(id).node(node).control_uses.to_vec();
        let mut editor = cx.edit(id);
        editor.replace_control_uses(Site::Node(node), None);
        for reader in readers {
            let mut control: SmallVec<[Site; 4]> = editor.graph().node(reader).control.iter().copied().collect();
            let before = control.len();
            for &site in &waits {
                if site != Site::Node(reader) && !control.contains(&site) {
                    control.push(site);
                }
            }
            if control.len() != before {
                editor.set_control(reader, control);
            }
        }
    }
    let may_erase = |node: &gtt_ir::Node| {
        gtt_ops::info(&node.op).is_erasable() || node.op.is_tf("PlaceholderWithDefault") || node.op.is_tf("Const")
    };
    cx.edit(id).erase_dead(folded.into_iter().rev(), may_erase);
}

fn write(cx: &mut PassContext<'_>, id: GraphId, node: NodeId, slot: usize, value: ValueId, result: &Folded) {
    let dialect = cx.dialect();
    let graph = cx.graph(id);
    let rank = graph.node(node).rank;
    let name = graph.value(value).name.clone();
    let tensor = result.tensor.clone();
    if dialect == Dialect::Onnx {
        // Functions have no initializers.
        let (origin, rank) = match cx.model().is_body(id) {
            true => (ConstOrigin::ConstantNode, rank),
            false => (ConstOrigin::Initializer, u32::MAX),
        };
        let mut editor = cx.edit(id);
        // The constant takes over the name; the old value is about to go.
        editor.set_value_name(value, Name::from(format!("{name}.folded")));
        let constant = editor.add_constant(name, Constant { tensor, origin, rank, meta: None });
        editor.replace_uses(value, constant);
        return;
    }
    let node_name = graph.node(node).name.clone();
    let mut editor = cx.edit(id);
    let name = if slot == 0 {
        // The constant takes over the name; the node is about to go.
        editor.set_node_name(node, Name::from(format!("{node_name}.folded")));
        node_name
    } else {
        unused_name(editor.graph(), node_name.trim_end_matches(".folded"), slot)
    };
    let new = if result.waits.is_empty() {
        editor.add_const(name, tensor, rank)
    } else {
        let dtype = tensor.dtype();
        let mut spec = NodeSpec::new(Op::tf("Const"), name.clone())
            .output(name, Type::Unknown)
            .attr("dtype", Attr::DType(dtype))
            .attr("value", Attr::Tensor(tensor))
            .rank(rank);
        spec.control = result.waits.iter().copied().collect();
        let constant = editor.add_node(spec);
        editor.result(constant, 0)
    };
    editor.replace_uses(value, new);
}

fn unused_name(graph: &gtt_ir::Graph, node: &str, slot: usize) -> Name {
    let taken = |name: &str| {
        graph.nodes().any(|(_, node)| node.name == name) || graph.constants().any(|(_, value, _)| value.name == name)
    };
    let mut name = format!("{node}/_{slot}");
    while taken(&name) {
        name.push('_');
    }
    Name::from(name)
}

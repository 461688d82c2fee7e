//! Inputs and outputs of the main graph, for passes that change the interface.

use gtt_ir::{Def, Graph, Id as _, NodeId, ValueId, traverse};
use gtt_rewrite::{Error, PassContext};

/// The position of the input or output of a name; the error lists those that there are.
pub(crate) fn position(ports: &[gtt_ir::Port], kind: &str, name: &str) -> Result<usize, Error> {
    ports.iter().position(|port| port.name == name).ok_or_else(|| {
        let known: Vec<String> = ports.iter().take(8).map(|port| format!("`{}`", port.name)).collect();
        let more = if ports.len() > 8 { ", …" } else { "" };
        Error::failed("main", format!("there is no {kind} `{name}`; there are {}{more}", known.join(", ")))
    })
}

/// Erases nodes, constants and captures of the main graph that no output needs, whatever they do.
pub(crate) fn erase_unneeded(cx: &mut PassContext<'_>) {
    let main = cx.model().main_id();
    let (model, graph) = (cx.model(), cx.graph(main));
    let needed = traverse::reachable(model, graph, graph.outputs().iter().map(|port| port.value), [], |_| false);
    let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).filter(|&id| !needed.node(id)).collect();
    let mut editor = cx.edit(main);
    nodes.iter().for_each(|&node| editor.set_inputs(node, []));
    // Captures are uses, too: what holds them goes after nothing reads its results, which is so now.
    let mut left = nodes;
    while !left.is_empty() {
        let before = left.len();
        left.retain(|&node| {
            let dead = editor.graph().is_dead(node);
            if dead {
                editor.erase_node(node);
            }
            !dead
        });
        if left.len() == before {
            break;
        }
    }
    let unused = |graph: &Graph| -> Vec<ValueId> {
        let constants = graph.values().filter(|(_, value)| matches!(value.def, Def::Const(_)) && value.is_unused());
        constants.map(|(id, _)| id).filter(|id| id.index() < graph.value_bound()).collect()
    };
    for value in unused(editor.graph()) {
        editor.erase_value(value);
    }
}

//! Likely inputs and outputs of a graph whose file does not say (TensorFlow GraphDefs).

use gtt_ir::traverse::by_rank;
use gtt_ir::{Attr, Dialect, Graph, Model, Node, NodeId, Port, Type, Use, ValueId};

/// Names of the tensors that are likely fed and fetched, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Interface {
    /// Fed tensors.
    pub inputs: Vec<String>,
    /// Fetched tensors.
    pub outputs: Vec<String>,
    /// Placeholders that these outputs do not need: labels, say. Only in a guess.
    pub other_inputs: Vec<String>,
    /// Further ends of the graph: losses, metrics, gradients. Only in a guess.
    pub other_outputs: Vec<String>,
}

/// The declared interface where the file has one (ONNX, SavedModel). Else a guess, as [`gtt_tf::likely_interface`] makes it.
pub fn likely_interface(model: &Model) -> Interface {
    let strings = |names: Vec<gtt_ir::Name>| names.iter().map(ToString::to_string).collect();
    let declared = |ports: &[Port]| ports.iter().map(|port| port.name.clone()).collect();
    if model.dialect != Dialect::Tf {
        let (inputs, outputs) = (declared(model.main().inputs()), declared(model.main().outputs()));
        return Interface { inputs: strings(inputs), outputs: strings(outputs), ..Interface::default() };
    }
    let guess = gtt_tf::likely_interface(model);
    Interface {
        inputs: strings(guess.inputs),
        outputs: strings(guess.outputs),
        other_inputs: strings(guess.other_inputs),
        other_outputs: strings(guess.other_outputs),
    }
}

/// Ops that nothing reads because they have no purpose left.
const LEFTOVERS: [&str; 5] = ["Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "VariableV2", "VarHandleOp"];

/// Names of all that somebody may fetch or run: results of nodes that nothing reads. To be kept when nobody says what the outputs are.
pub(crate) fn unread(model: &Model) -> Vec<String> {
    let graph = model.main();
    let ids = by_rank(graph).into_iter().filter(|&id| is_sink(graph, id));
    let nodes = ids.map(|id| graph.node(id)).filter(|node| !LEFTOVERS.contains(&node.op.name.as_str()));
    nodes.flat_map(gtt_tf::fetched).map(|name| name.to_string()).collect()
}

/// A node that must be fed.
pub(crate) fn is_placeholder(node: &Node) -> bool {
    node.op.is_tf("Placeholder") || node.op.is_tf("PlaceholderV2")
}

/// Nothing reads the node, neither its results nor over control edges.
fn is_sink(graph: &Graph, id: NodeId) -> bool {
    let port = |used: &Use| matches!(used, Use::Input { .. } | Use::Output { .. });
    let node = graph.node(id);
    node.control_uses.is_empty() && node.results().all(|value| graph.value(value).uses().iter().all(port))
}

/// The type that a placeholder declares for its result; unknown for anything else.
pub(crate) fn placeholder_type(graph: &Graph, value: ValueId) -> Type {
    let Some(node) = graph.def_node(value).map(|id| graph.node(id)) else { return Type::Unknown };
    if !is_placeholder(node) && !node.op.is_tf("PlaceholderWithDefault") {
        return Type::Unknown;
    }
    let shape = match node.attr("shape") {
        Some(Attr::Shape(shape)) => shape.clone(),
        _ => None,
    };
    Type::Tensor { dtype: node.attr("dtype").and_then(Attr::as_dtype), shape }
}

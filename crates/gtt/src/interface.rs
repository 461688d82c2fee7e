//! Likely inputs and outputs of a graph whose file does not say (TensorFlow GraphDefs).

use gtt_ir::traverse::by_rank;
use gtt_ir::{Attr, Dialect, Graph, Model, Node, NodeId, Port, Type, Use, ValueId};

use crate::Source;

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

impl Source {
    /// The same model, its ports called as those of `other` where they are the same tensor of TensorFlow: what a signature calls `x:0` is
    /// `x` in a GraphDef. For comparing the two; it is not to be saved.
    pub fn named_like(mut self, other: &Source) -> Self {
        if self.model.dialect != Dialect::Tf || other.model.dialect != Dialect::Tf {
            return self;
        }
        let name = |own: &Port, ports: &[Port]| {
            let same = |port: &&Port| port.name != own.name && same_tensor(&port.name, &own.name);
            let is_there = ports.iter().any(|port| port.name == own.name);
            ports.iter().find(same).filter(|_| !is_there).map(|port| port.name.clone())
        };
        let (main, like) = (self.model.main(), other.model.main());
        let inputs: Vec<_> = main.inputs().iter().map(|port| name(port, like.inputs())).collect();
        let outputs: Vec<_> = main.outputs().iter().map(|port| name(port, like.outputs())).collect();
        let main = self.model.main_id();
        let mut editor = self.model.edit(main);
        for (index, name) in inputs.into_iter().enumerate().filter_map(|(index, name)| Some((index, name?))) {
            editor.set_input_port_name(index, name);
        }
        for (index, name) in outputs.into_iter().enumerate().filter_map(|(index, name)| Some((index, name?))) {
            editor.set_output_port_name(index, name);
        }
        self
    }
}

/// `node` and `node:0` are the same tensor.
pub(crate) fn same_tensor(a: &str, b: &str) -> bool {
    let base = |name: &str| name.strip_suffix(":0").unwrap_or(name).to_owned();
    base(a) == base(b)
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

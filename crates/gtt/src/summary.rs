//! What is in a model, as data: ports, ops, constants, variables, devices.

use std::collections::{BTreeMap, HashMap};

use gtt_ir::{Attr, ConstOrigin, Dialect, Graph, GraphId, Model, Node, NodeId, Shape, Type, ValueId};
use gtt_ops::infer::{Types, without_derived_names};
use serde::Serialize;

use crate::interface::{is_placeholder, likely_interface, placeholder_type};

/// What is in a model. Costs one walk over all nodes and the inference of types; no large constant's bytes are read.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// `onnx` or `tf`.
    pub dialect: &'static str,
    /// ONNX operator sets by domain; TensorFlow's graph version under `tf`.
    pub opsets: BTreeMap<String, i64>,
    /// Whether the file itself declares inputs and outputs (ONNX, SavedModel) or they are guessed (GraphDef).
    pub interface_declared: bool,
    /// Inputs without a default.
    pub inputs: Vec<PortSummary>,
    /// Inputs that have a default: ONNX initializers also listed as inputs, TensorFlow's `PlaceholderWithDefault`.
    pub optional_inputs: Vec<PortSummary>,
    /// Outputs.
    pub outputs: Vec<PortSummary>,
    /// Placeholders that the outputs do not need, where the interface is guessed: labels, file names.
    pub other_inputs: Vec<PortSummary>,
    /// Further ends of the graph, where the interface is guessed: losses, metrics, gradients.
    pub other_outputs: Vec<PortSummary>,
    /// Nodes of all graphs as the file counts them: TensorFlow `Const` and ONNX `Constant` nodes included, initializers not.
    pub nodes: usize,
    /// Graphs nested in nodes.
    pub subgraphs: usize,
    /// Names of ONNX local functions.
    pub functions: Vec<String>,
    /// Ops with their counts, most frequent first. Constants count as `Const` (TensorFlow), `Constant` and `initializer` (ONNX).
    pub ops: Vec<(String, usize)>,
    /// Constants.
    pub constants: ConstantSummary,
    /// TensorFlow variables that are not frozen.
    pub variables: Vec<PortSummary>,
    /// TensorFlow control edges.
    pub control_edges: usize,
    /// Devices with the number of nodes placed on them; nodes without a device are not counted.
    pub devices: BTreeMap<String, usize>,
}

/// A value somebody can feed or fetch.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PortSummary {
    /// Public name.
    pub name: String,
    /// Op that makes it; empty for ONNX inputs.
    pub op: String,
    /// Element type, if known.
    pub dtype: Option<String>,
    /// Dims, if the rank is known: `?` is an unknown one.
    pub shape: Option<Vec<String>>,
}

/// The constants of a model.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ConstantSummary {
    /// How many.
    pub count: usize,
    /// Elements of all of them.
    pub elements: u64,
    /// Bytes of their packed elements.
    pub bytes: u64,
    /// By element type.
    pub types: BTreeMap<String, TypeCount>,
    /// The largest, up to ten.
    pub largest: Vec<LargeConstant>,
}

/// Constants of one element type.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct TypeCount {
    /// How many.
    pub count: usize,
    /// Elements.
    pub elements: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One large constant.
#[derive(Clone, Debug, Serialize)]
pub struct LargeConstant {
    /// Name.
    pub name: String,
    /// Element type and shape.
    pub ty: String,
    /// Bytes.
    pub bytes: u64,
}

const LARGEST: usize = 10;

impl Summary {
    /// Looks through a model.
    pub fn of(model: &Model) -> Self {
        let main = model.main();
        let declared = model.dialect == Dialect::Onnx || !main.outputs().is_empty();
        let mut summary = Summary {
            dialect: if model.dialect == Dialect::Onnx { "onnx" } else { "tf" },
            opsets: model.opsets.iter().map(|(domain, version)| (domain.as_str().to_owned(), *version)).collect(),
            interface_declared: declared,
            inputs: Vec::new(),
            optional_inputs: Vec::new(),
            outputs: Vec::new(),
            other_inputs: Vec::new(),
            other_outputs: Vec::new(),
            nodes: 0,
            subgraphs: 0,
            functions: model.functions.iter().map(|function| function.op.to_string()).collect(),
            ops: Vec::new(),
            constants: ConstantSummary::default(),
            variables: Vec::new(),
            control_edges: 0,
            devices: BTreeMap::new(),
        };
        summary.ports(model);
        let mut ops: BTreeMap<String, usize> = BTreeMap::new();
        let mut largest: Vec<(u64, GraphId, ValueId)> = Vec::new();
        for (id, graph) in model.graphs() {
            summary.subgraphs += usize::from(graph.parent.is_some());
            summary.graph(graph, &mut ops);
            for (value, _, constant) in graph.constants() {
                largest.push((constant.tensor.byte_len() as u64, id, value));
            }
            largest.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            largest.truncate(LARGEST);
        }
        let describe = |&(bytes, graph, value): &(u64, GraphId, ValueId)| {
            let value = model.graph(graph).value(value);
            let ty = value.constant().map_or_else(String::new, |constant| constant.tensor.ty().to_string());
            LargeConstant { name: value.name.to_string(), ty, bytes }
        };
        summary.constants.largest = largest.iter().map(describe).collect();
        summary.ops = ops.into_iter().collect();
        summary.ops.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        summary
    }

    fn graph(&mut self, graph: &Graph, ops: &mut BTreeMap<String, usize>) {
        for (_, node) in graph.nodes() {
            self.nodes += 1;
            *ops.entry(node.op.to_string()).or_default() += 1;
            self.control_edges += node.control.len();
            if !node.device().is_empty() {
                *self.devices.entry(node.device().to_owned()).or_default() += 1;
            }
            if is_variable(node) {
                self.variables.push(describe_node(node));
            }
        }
        for (_, _, constant) in graph.constants() {
            let kind = match constant.origin {
                ConstOrigin::Initializer => "initializer",
                ConstOrigin::ConstantNode => "Constant",
                ConstOrigin::TfConst => "Const",
            };
            *ops.entry(kind.to_owned()).or_default() += 1;
            self.nodes += usize::from(constant.origin != ConstOrigin::Initializer);
            let (elements, bytes) = (constant.tensor.len() as u64, constant.tensor.byte_len() as u64);
            let by_type = self.constants.types.entry(constant.tensor.dtype().to_string()).or_default();
            by_type.count += 1;
            by_type.elements += elements;
            by_type.bytes += bytes;
            self.constants.count += 1;
            self.constants.elements += elements;
            self.constants.bytes += bytes;
            if let Some(meta) = &constant.meta
                && !meta.node.device.is_empty()
            {
                *self.devices.entry(meta.node.device.to_string()).or_default() += 1;
            }
        }
    }

    fn ports(&mut self, model: &Model) {
        let graph = model.main();
        let types = Types::of(model);
        let ty = |value: ValueId| {
            let declared = graph.value(value).ty.merged(&placeholder_type(graph, value));
            if declared.shape().is_some() {
                declared
            } else {
                declared.merged(&without_derived_names(types.get(model.main_id(), value)))
            }
        };
        for port in graph.inputs() {
            let list = match crate::diff::is_required_input(graph, port.value) {
                true => &mut self.inputs,
                false => &mut self.optional_inputs,
            };
            list.push(describe_port(graph, &port.name, port.value, &ty(port.value)));
        }
        self.outputs
            .extend(graph.outputs().iter().map(|port| describe_port(graph, &port.name, port.value, &ty(port.value))));
        if model.dialect != Dialect::Tf {
            return;
        }
        if !graph.inputs().is_empty() && !graph.outputs().is_empty() {
            return;
        }
        let by_name: HashMap<&str, NodeId> = graph.nodes().map(|(id, node)| (node.name.as_str(), id)).collect();
        let describe = |tensor: &String| {
            let (name, slot) = tensor.rsplit_once(':').unwrap_or((tensor, "0"));
            let node = graph.node(*by_name.get(name)?);
            let value = slot.parse().ok().and_then(|slot| node.output(slot));
            let port = match value {
                Some(value) => describe_port(graph, tensor, value, &ty(value)),
                // A result that nothing refers to: an `IdentityN` hands on its operand.
                None => {
                    match slot.parse().ok().and_then(|slot| node.input(slot)).filter(|_| node.op.is_tf("IdentityN")) {
                        Some(operand) => PortSummary {
                            op: node.op.to_string(),
                            ..describe_port(graph, tensor, operand, &ty(operand))
                        },
                        None => PortSummary { name: tensor.clone(), ..describe_node(node) },
                    }
                }
            };
            Some((node, port))
        };
        let guess = likely_interface(model);
        let list = |tensors: &[String]| tensors.iter().filter_map(describe).collect::<Vec<_>>();
        if graph.inputs().is_empty() {
            let (optional, required) =
                list(&guess.inputs).into_iter().partition(|(node, _)| node.op.is_tf("PlaceholderWithDefault"));
            let ports = |list: Vec<(&Node, PortSummary)>| list.into_iter().map(|(_, port)| port).collect::<Vec<_>>();
            self.inputs.extend(ports(required));
            self.optional_inputs.extend(ports(optional));
            self.other_inputs.extend(ports(list(&guess.other_inputs)));
        }
        if graph.outputs().is_empty() {
            self.outputs.extend(list(&guess.outputs).into_iter().map(|(_, port)| port));
            self.other_outputs.extend(list(&guess.other_outputs).into_iter().map(|(_, port)| port));
        }
    }
}

fn is_variable(node: &Node) -> bool {
    ["Variable", "VariableV2", "VarHandleOp"].iter().any(|op| node.op.is_tf(op))
}

fn describe_port(graph: &Graph, name: &str, value: ValueId, ty: &Type) -> PortSummary {
    let node = graph.def_node(value).map(|node| graph.node(node));
    let mut summary = match node {
        Some(node) if ty.dtype().is_none() => describe_node(node),
        node => PortSummary {
            name: String::new(),
            op: node.map_or_else(String::new, |node| node.op.to_string()),
            dtype: ty.dtype().map(|dtype| dtype.to_string()),
            shape: ty.shape().map(dims),
        },
    };
    if summary.dtype.is_none() && *ty != Type::Unknown {
        summary.dtype = Some(ty.to_string());
    }
    summary.name = name.to_owned();
    summary
}

fn describe_node(node: &Node) -> PortSummary {
    let dtype = ["dtype", "T", "output_type", "DstT"].iter().find_map(|name| node.attr(name)?.as_dtype());
    let placeholder = is_placeholder(node) || node.op.is_tf("PlaceholderWithDefault") || is_variable(node);
    let dtype = if placeholder { node.attr("dtype").and_then(Attr::as_dtype) } else { dtype };
    let shape = match node.attr("shape") {
        Some(Attr::Shape(Some(shape))) if placeholder => Some(dims(shape)),
        _ => None,
    };
    PortSummary {
        name: node.name.to_string(),
        op: node.op.to_string(),
        dtype: dtype.map(|dtype| dtype.to_string()),
        shape,
    }
}

fn dims(shape: &Shape) -> Vec<String> {
    shape.iter().map(ToString::to_string).collect()
}

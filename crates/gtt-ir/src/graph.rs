//! Models, graphs, nodes and values.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::uses::{ControlUses, PortKind, UseList};
use crate::{Arena, Attr, Attrs, Domain, Editor, GraphId, Name, NodeId, Op, Tensor, Type, ValueId};

/// Which family of ops a model is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// ONNX operators.
    Onnx,
    /// TensorFlow ops.
    Tf,
}

/// What a file holds around its graph (versions, metadata, signatures, function libraries, unknown fields). Only the crate
/// that read the file can look inside; the exporter of the same format writes it back.
#[derive(Clone)]
pub struct Envelope(Arc<dyn Any + Send + Sync>);

impl Envelope {
    /// Wraps what a reader wants to keep.
    pub fn new<T: Any + Send + Sync>(content: T) -> Self {
        Self(Arc::new(content))
    }

    /// The content, if it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope")
    }
}

/// A model: graphs, their op sets, functions.
#[derive(Clone, Debug)]
pub struct Model {
    /// Op family.
    pub dialect: Dialect,
    /// ONNX operator set versions by domain. TensorFlow: the version of the graph (its producer's), if the file says it.
    pub opsets: BTreeMap<Domain, i64>,
    /// ONNX local functions, TensorFlow's function library.
    pub functions: Vec<Function>,
    /// What the file holds around the graph.
    pub envelope: Option<Envelope>,
    pub(crate) graphs: Arena<GraphId, Graph>,
    pub(crate) main: GraphId,
    pub(crate) revision: u64,
}

/// A function: ONNX local, or of TensorFlow's library.
#[derive(Clone, Debug)]
pub struct Function {
    /// Domain and name that nodes call it by. TensorFlow nodes may also name it in an attribute.
    pub op: Op,
    /// ONNX overload name; usually empty.
    pub overload: Name,
    /// Body; its ports are the formal parameters and results. TensorFlow: kept nodes run though no result needs them.
    pub graph: GraphId,
    /// ONNX operator sets of the body.
    pub opsets: BTreeMap<Domain, i64>,
    /// Attributes that a call need not give, with what they are then. Those it must give are not listed.
    pub defaults: Attrs,
    /// Everything else of the message (attribute declarations, doc strings, unknown fields), encoded.
    pub extra: Bytes,
    /// Why the body is not known, in words: the graph is empty, and only the reader's format can write the function.
    pub opaque: Option<Box<str>>,
    /// It stays as it is though nothing calls it: others than this model's nodes know it by name.
    pub kept: bool,
}

impl Model {
    /// A model with an empty main graph.
    pub fn new(dialect: Dialect) -> Self {
        let mut graphs = Arena::default();
        let main = graphs.push(Graph::new("main", None));
        Self { dialect, opsets: BTreeMap::new(), functions: Vec::new(), envelope: None, graphs, main, revision: 0 }
    }

    /// The main graph's id.
    #[inline]
    pub fn main_id(&self) -> GraphId {
        self.main
    }

    /// The main graph.
    #[inline]
    pub fn main(&self) -> &Graph {
        &self.graphs[self.main]
    }

    /// A graph by id; panics on a stale id.
    #[inline]
    pub fn graph(&self, id: GraphId) -> &Graph {
        &self.graphs[id]
    }

    /// A graph by id, unless it was erased with the node that held it.
    #[inline]
    pub fn get_graph(&self, id: GraphId) -> Option<&Graph> {
        self.graphs.get(id)
    }

    /// All live graphs: main, subgraphs, function bodies.
    pub fn graphs(&self) -> impl Iterator<Item = (GraphId, &Graph)> {
        self.graphs.iter()
    }

    /// A graph and all graphs nested in its nodes, outer before inner, in the order of the nodes' ids.
    pub fn nested(&self, root: GraphId) -> Vec<GraphId> {
        let mut order = vec![root];
        let mut next = 0;
        while next < order.len() {
            let graph = self.graph(order[next]);
            if graph.nests {
                order.extend(graph.nodes().flat_map(|(_, node)| node.attrs.graphs()));
            }
            next += 1;
        }
        order
    }

    /// Adds an empty graph: a subgraph of `parent`, or a function body when there is none.
    pub fn add_graph(&mut self, name: &str, parent: Option<GraphId>) -> GraphId {
        self.revision += 1;
        self.graphs.push(Graph::new(name, parent))
    }

    /// Drops the functions that are not wanted, bodies included. Kept ones are not asked about.
    pub fn retain_functions(&mut self, mut wanted: impl FnMut(&Function) -> bool) {
        let (kept, gone): (Vec<Function>, Vec<Function>) =
            std::mem::take(&mut self.functions).into_iter().partition(|function| wanted(function) || function.kept);
        self.functions = kept;
        for function in gone {
            self.revision += 1;
            for graph in self.nested(function.graph) {
                self.graphs.remove(graph);
            }
        }
    }

    /// Imports a version of an operator set; `None` drops the import. The revision stays when that is so already.
    pub fn set_opset(&mut self, domain: Domain, version: Option<i64>) {
        let before = match version {
            Some(version) => self.opsets.insert(domain, version),
            None => self.opsets.remove(&domain),
        };
        if before != version {
            self.revision += 1;
        }
    }

    /// The same for the function at an index; nothing happens if there is none.
    pub fn set_function_opset(&mut self, index: usize, domain: Domain, version: Option<i64>) {
        let Some(function) = self.functions.get_mut(index) else { return };
        let before = match version {
            Some(version) => function.opsets.insert(domain, version),
            None => function.opsets.remove(&domain),
        };
        if before != version {
            self.revision += 1;
        }
    }

    /// The outermost graph around a graph: the main graph, or the body of a function.
    pub fn root(&self, graph: GraphId) -> GraphId {
        let mut root = graph;
        while let Some(parent) = self.get_graph(root).and_then(|graph| graph.parent) {
            root = parent;
        }
        root
    }

    /// The graph is the body of a function.
    pub fn is_body(&self, graph: GraphId) -> bool {
        graph != self.main && self.get_graph(graph).is_some_and(|graph| graph.parent.is_none())
    }

    /// Moves whenever anything changed. The runner compares it; no pass reports changes itself.
    #[inline]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The editor of one graph: the only way to change it.
    pub fn edit(&mut self, graph: GraphId) -> Editor<'_> {
        Editor::new(self, graph)
    }

    /// The version of the default ONNX operator set; 0 when the model imports none.
    pub fn opset(&self) -> i64 {
        self.opsets.get(&Domain::ONNX).copied().unwrap_or(0)
    }

    /// A readable place: `main/Loop:7.body` for graphs nested in nodes.
    pub fn place(&self, graph: GraphId) -> String {
        let Some(parent) = self.graph(graph).parent else { return self.graph(graph).name.to_string() };
        let found = self.graph(parent).nodes().find_map(|(_, node)| {
            let entry = node.attrs.iter().find(|entry| entry.value.graphs().contains(&graph))?;
            Some((node, entry))
        });
        match found {
            Some((node, entry)) => {
                let name = if node.name.is_empty() { &node.op.name } else { &node.name };
                format!("{}/{name}.{}", self.place(parent), entry.name)
            }
            None => format!("{}/{}", self.place(parent), self.graph(graph).name),
        }
    }
}

/// A graph.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Name; `main` unless the file has one.
    pub name: Name,
    /// The enclosing graph, for a subgraph.
    pub parent: Option<GraphId>,
    /// Everything of the message that the IR does not model (doc string, metadata, unknown fields), encoded.
    pub extra: Bytes,
    pub(crate) nodes: Arena<NodeId, Node>,
    pub(crate) values: Arena<ValueId, Value>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) kept: UseList<NodeId, 0>,
    pub(crate) redeclared: bool,
    pub(crate) renamed: Vec<(Name, Name)>,
    /// Some node holds subgraphs, or did.
    pub(crate) nests: bool,
    pub(crate) revision: u64,
    pub(crate) captures: FxHashMap<ValueId, ValueId>,
}

/// A public name of a value. ONNX: graph inputs and outputs. TensorFlow: fed and fetched tensors (`name` or `name:1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The public name. Only passes that declare `Renames` change it.
    pub name: Name,
    /// The value it stands for.
    pub value: ValueId,
}

/// Something with a place in the file: a node or a constant. TensorFlow control edges start at either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// A node.
    Node(NodeId),
    /// A constant (its value).
    Const(ValueId),
}

/// Control inputs: a list that is shared when cloned.
pub type Sites = ecow::EcoVec<Site>;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Operands by slot; `None` is an omitted optional ONNX operand.
    pub inputs: SmallVec<[Option<ValueId>; 4]>,
    /// Results by slot. ONNX: all of the node's; `None` is an omitted result. TensorFlow: only as far as something refers to.
    pub outputs: SmallVec<[Option<ValueId>; 1]>,
    /// TensorFlow control inputs: these run first.
    pub control: Sites,
    /// Nodes that have this node as control input (one entry for each edge).
    pub control_uses: ControlUses,
    /// Attributes.
    pub attrs: Attrs,
    /// Node name; may be empty in ONNX, unique in TensorFlow.
    pub name: Name,
    /// Place in the file; ties are broken by id. A newcomer takes the rank of what it replaces.
    pub rank: u32,
    /// Device and what else the message holds; rarely there.
    pub meta: Option<Box<NodeMeta>>,
}

/// The rarely used parts of a node or TensorFlow constant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeMeta {
    /// TensorFlow device; empty if none.
    pub device: Name,
    /// ONNX function overload; empty if none.
    pub overload: Name,
    /// Everything else of the message (doc string, metadata, debug info, unknown fields), encoded.
    pub extra: Bytes,
}

impl Node {
    /// The operand at a slot; `None` when omitted or beyond the last.
    #[inline]
    pub fn input(&self, slot: usize) -> Option<ValueId> {
        self.inputs.get(slot).copied().flatten()
    }

    /// The result at a slot; `None` when omitted or not referred to.
    #[inline]
    pub fn output(&self, slot: usize) -> Option<ValueId> {
        self.outputs.get(slot).copied().flatten()
    }

    /// The name of a TensorFlow node's result: `node`, `node:1`, `node:2` …
    pub fn result_name(&self, slot: usize) -> Name {
        if slot == 0 {
            return self.name.clone();
        }
        let slot = slot.to_string();
        Name::from([&self.name, ":", &slot].concat())
    }

    /// Operands that are there.
    #[inline]
    pub fn operands(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.inputs.iter().copied().flatten()
    }

    /// Results that are there.
    #[inline]
    pub fn results(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.outputs.iter().copied().flatten()
    }

    /// The value of an attribute.
    #[inline]
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.get(name)
    }

    /// TensorFlow device; empty if none.
    pub fn device(&self) -> &str {
        self.meta.as_ref().map_or("", |meta| &meta.device)
    }
}

/// A value: what flows between nodes.
#[derive(Clone, Debug)]
pub struct Value {
    /// ONNX: the name in the file. TensorFlow: `node` for port 0, `node:1` for port 1.
    pub name: Name,
    /// What the file declares about its type.
    pub ty: Type,
    /// The encoded ONNX `ValueInfoProto` that `ty` was read from, written back while `ty` stays. An input keeps it for what it says
    /// beside the type.
    pub info: Option<Box<Bytes>>,
    /// Where it comes from.
    pub def: Def,
    pub(crate) uses: UseList<Use, 2>,
}

/// The definition of a value.
#[derive(Clone, Debug)]
pub enum Def {
    /// ONNX graph input. `default` is an initializer of the same name: a value the caller may override.
    Input {
        /// The overridable default.
        default: Option<Box<Constant>>,
    },
    /// A constant.
    Const(Constant),
    /// Result `slot` of a node.
    Node {
        /// The node.
        node: NodeId,
        /// Which of its results.
        slot: u32,
    },
    /// In a subgraph: a value of the enclosing graph.
    Capture {
        /// The value in the parent graph.
        outer: ValueId,
    },
}

impl Def {
    /// The constant, or the default of an input that has one.
    #[inline]
    pub fn held(&self) -> Option<&Constant> {
        match self {
            Def::Const(constant) => Some(constant),
            Def::Input { default } => default.as_deref(),
            Def::Node { .. } | Def::Capture { .. } => None,
        }
    }
}

/// A constant with where it came from.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Type, shape, elements.
    pub tensor: Tensor,
    /// Which form the file gives it.
    pub origin: ConstOrigin,
    /// Place in the file: among the nodes for `Const` nodes and ONNX `Constant` nodes, among initializers else.
    pub rank: u32,
    /// Name of the ONNX `Constant` node, device and other attributes of a TensorFlow `Const` node.
    pub meta: Option<Box<ConstMeta>>,
}

/// The rarely used parts of a constant that is a node in the file.
#[derive(Clone, Debug, Default)]
pub struct ConstMeta {
    /// Name of an ONNX `Constant` node (TensorFlow: the value's name is the node's name).
    pub name: Name,
    /// Attributes other than the value and, for TensorFlow, `dtype`.
    pub attrs: Attrs,
    /// Device, doc string, unknown fields.
    pub node: NodeMeta,
    /// The attribute an ONNX `Constant` node holds its value in (`value`, `value_int` …), as read.
    pub value: Option<crate::AttrEntry>,
    /// TensorFlow: the places of `dtype` and `value` among all attributes of the node, where they are not the first two.
    pub places: Option<[u32; 2]>,
}

/// The form of a constant in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstOrigin {
    /// ONNX initializer.
    Initializer,
    /// ONNX `Constant` node.
    ConstantNode,
    /// TensorFlow `Const` node.
    TfConst,
}

impl Constant {
    /// A constant of the natural form of a dialect.
    pub fn new(dialect: Dialect, tensor: Tensor, rank: u32) -> Self {
        let origin = match dialect {
            Dialect::Onnx => ConstOrigin::Initializer,
            Dialect::Tf => ConstOrigin::TfConst,
        };
        Self { tensor, origin, rank, meta: None }
    }
}

/// A use of a value. Outputs and captures are uses like any other, so "may I?" is one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Operand of a node.
    Operand {
        /// The node.
        node: NodeId,
        /// Operand slot.
        slot: u32,
    },
    /// A constant as control input of a node.
    Control {
        /// The node.
        node: NodeId,
    },
    /// Graph output.
    Output {
        /// Position among the outputs.
        index: u32,
    },
    /// TensorFlow: a fed tensor.
    Input {
        /// Position among the inputs.
        index: u32,
    },
    /// Captured by a subgraph.
    Capture {
        /// The subgraph.
        graph: GraphId,
    },
}

impl Value {
    /// Everything that refers to the value.
    #[inline]
    pub fn uses(&self) -> &[Use] {
        self.uses.as_slice()
    }

    /// Nothing refers to it.
    #[inline]
    pub fn is_unused(&self) -> bool {
        self.uses().is_empty()
    }

    /// The only use, if there is exactly one.
    #[inline]
    pub fn only_use(&self) -> Option<Use> {
        match self.uses() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// It is an output of its graph. Constant time, however many refer to it.
    #[inline]
    pub fn is_output(&self) -> bool {
        self.uses.has_port(PortKind::Output)
    }

    /// TensorFlow: it is a tensor that is declared as fed, whatever defines it. Constant time.
    #[inline]
    pub fn is_fed(&self) -> bool {
        self.uses.has_port(PortKind::Input)
    }

    /// It is a graph output or a fed tensor.
    #[inline]
    pub fn is_public(&self) -> bool {
        matches!(self.def, Def::Input { .. }) || self.is_output() || self.is_fed()
    }

    /// The constant it is. An overridable default is not a constant.
    #[inline]
    pub fn constant(&self) -> Option<&Constant> {
        match &self.def {
            Def::Const(constant) => Some(constant),
            _ => None,
        }
    }
}

impl Graph {
    fn new(name: &str, parent: Option<GraphId>) -> Self {
        Self {
            name: Name::new(name),
            parent,
            extra: Bytes::new(),
            nodes: Arena::default(),
            values: Arena::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            kept: UseList::default(),
            redeclared: false,
            renamed: Vec::new(),
            nests: false,
            revision: 0,
            captures: FxHashMap::default(),
        }
    }

    /// The model's revision at which this graph last changed; subgraphs count for themselves.
    #[inline]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A node by id; panics on a stale id.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// A value by id; panics on a stale id.
    #[inline]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id]
    }

    /// A node, unless it was erased.
    #[inline]
    pub fn get_node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// A value, unless it was erased.
    #[inline]
    pub fn get_value(&self, id: ValueId) -> Option<&Value> {
        self.values.get(id)
    }

    /// Live nodes in the order of their ids (not an execution order: see [`crate::traverse`]).
    #[inline]
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes.iter()
    }

    /// Live values in the order of their ids.
    #[inline]
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (ValueId, &Value)> {
        self.values.iter()
    }

    /// Number of live nodes; constants are not nodes.
    #[inline]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Length for a side table over nodes.
    #[inline]
    pub fn node_bound(&self) -> usize {
        self.nodes.bound()
    }

    /// Length for a side table over values.
    #[inline]
    pub fn value_bound(&self) -> usize {
        self.values.bound()
    }

    /// Public inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Public outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// A pass declared the outputs anew: they are as the types of their values say.
    pub fn is_redeclared(&self) -> bool {
        self.redeclared
    }

    /// Nodes that got another name, the old one first, in the order in which that happened: what lies around a graph and knows its nodes
    /// by name follows.
    pub fn renamed(&self) -> &[(Name, Name)] {
        &self.renamed
    }

    /// In a subgraph: the values of the enclosing graph it captures, with the values that stand for them.
    pub fn captures(&self) -> impl Iterator<Item = (ValueId, ValueId)> + '_ {
        let mut captures: Vec<(ValueId, ValueId)> =
            self.captures.iter().map(|(&outer, &inner)| (outer, inner)).collect();
        captures.sort_unstable();
        captures.into_iter()
    }

    /// Nodes that stay though nothing reads them: TensorFlow fetch targets without a result, initialisation ops.
    pub fn kept(&self) -> &[NodeId] {
        self.kept.as_slice()
    }

    /// The node is among [`Graph::kept`]. Constant time, however many are.
    #[inline]
    pub fn is_kept(&self, id: NodeId) -> bool {
        self.kept.contains(id)
    }

    /// The node that defines a value.
    #[inline]
    pub fn def_node(&self, value: ValueId) -> Option<NodeId> {
        match self.value(value).def {
            Def::Node { node, .. } => Some(node),
            _ => None,
        }
    }

    /// The tensor of a constant value.
    #[inline]
    pub fn tensor(&self, value: ValueId) -> Option<&Tensor> {
        self.value(value).constant().map(|constant| &constant.tensor)
    }

    /// Constants with their values, in the order of the values' ids.
    pub fn constants(&self) -> impl Iterator<Item = (ValueId, &Value, &Constant)> {
        self.values().filter_map(|(id, value)| Some((id, value, value.constant()?)))
    }

    /// Neither results nor control edges of the node are used, and it is not kept.
    pub fn is_dead(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.control_uses.is_empty() && node.results().all(|value| self.value(value).is_unused()) && !self.is_kept(id)
    }

    /// The place of a site in the file.
    pub fn rank(&self, site: Site) -> u32 {
        match site {
            Site::Node(node) => self.node(node).rank,
            Site::Const(value) => self.value(value).constant().map_or(0, |constant| constant.rank),
        }
    }
}

// Large graphs are walked at the speed of memory: what every node and value has stays small, the rest is in boxes.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Node>() <= 184 && size_of::<Value>() <= 120);

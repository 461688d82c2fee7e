//! Rules: what is recognised at a node, and what it becomes.

use std::cell::OnceCell;
use std::sync::Arc;

use gtt_ir::{Def, Dialect, Graph, GraphId, Model, Node, NodeId, Tensor, Type, Use, Value, ValueId};
use gtt_ops::eval::Evaluator;
use gtt_ops::infer::Types;
use rustc_hash::FxHashMap;

use crate::context::Session;
use crate::{Decline, Rewrite};

/// A rule. It looks at one node and its surroundings and changes nothing; the driver ([`apply_rules`](crate::apply_rules))
/// shows it every node, and those near a rewrite again.
pub trait Rule {
    /// A noun phrase of what it recognises, e.g. `conv_batch_norm`.
    fn name(&self) -> &'static str;

    /// Names of the ops of the nodes it is about; it is shown no others, and a model without any costs nothing. Nothing given: every
    /// node.
    fn ops(&self) -> &'static [&'static str] {
        &[]
    }

    /// The rewrite at this node: the last one (nearest to the outputs) of the pattern, as a rule.
    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline>;
}

/// What a rule may look at.
pub struct RuleContext<'a> {
    pub(crate) model: &'a Model,
    pub(crate) graph: GraphId,
    pub(crate) opset: i64,
    /// In the body of an ONNX function, or a graph inside of one.
    pub(crate) within_function: bool,
    pub(crate) evaluator: &'a dyn Evaluator,
    pub(crate) session: &'a Session,
    pub(crate) types: &'a OnceCell<Arc<Types>>,
    pub(crate) newer: &'a FxHashMap<(GraphId, ValueId), Type>,
}

impl<'a> RuleContext<'a> {
    /// The model.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The graph that the node is in.
    pub fn graph(&self) -> &'a Graph {
        self.model.graph(self.graph)
    }

    /// Its id.
    pub fn graph_id(&self) -> GraphId {
        self.graph
    }

    /// Op family.
    pub fn dialect(&self) -> Dialect {
        self.model.dialect
    }

    /// The version of the default ONNX operator set in this graph; 0 for TensorFlow.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// A node of this graph.
    pub fn node(&self, id: NodeId) -> &'a Node {
        self.graph().node(id)
    }

    /// A value of this graph.
    pub fn value(&self, id: ValueId) -> &'a Value {
        self.graph().value(id)
    }

    /// Somebody may feed the value from outside (TensorFlow), whatever defines it: its definition says nothing then.
    pub fn is_fed(&self, value: ValueId) -> bool {
        may_be_fed(self.model, self.graph(), value)
    }

    /// The node that computes a value, if the value is its first result and is not fed from outside. In the body of an ONNX function
    /// not one with attributes of the caller: nobody knows what it computes.
    pub fn def(&self, value: ValueId) -> Option<(NodeId, &'a Node)> {
        match self.value(value).def {
            Def::Node { node, slot: 0 } if !self.is_fed(value) && !self.is_open(node) => Some((node, self.node(node))),
            _ => None,
        }
    }

    fn is_open(&self, node: NodeId) -> bool {
        self.within_function && self.node(node).attrs.has_refs()
    }

    /// The node whose first result is the operand of `node` at `slot`.
    pub fn def_of_input(&self, node: NodeId, slot: usize) -> Option<(NodeId, &'a Node)> {
        self.def(self.node(node).input(slot)?)
    }

    /// The tensor of a constant; also of a constant of an enclosing graph that this value captures. An input with an
    /// overridable default is not a constant, nor is one that is fed from outside.
    pub fn tensor(&self, value: ValueId) -> Option<&'a Tensor> {
        constant_tensor(self.model, self.graph, value)
    }

    /// The tensor of a constant operand.
    pub fn tensor_of_input(&self, node: NodeId, slot: usize) -> Option<&'a Tensor> {
        self.tensor(self.node(node).input(slot)?)
    }

    /// The value has exactly one use, and that is an operand: whoever reads it may have it to itself. Outputs and captures are
    /// uses; nodes that wait for the node that computes it are in `Node::control_uses`.
    pub fn only_reader(&self, value: ValueId) -> Option<NodeId> {
        match self.value(value).only_use() {
            Some(Use::Operand { node, .. }) if !self.is_open(node) => Some(node),
            _ => None,
        }
    }

    /// What is known about the type of a value: inferred and declared. Inference runs when first asked.
    pub fn ty(&self, value: ValueId) -> &Type {
        self.ty_in(self.graph, value)
    }

    /// The same for a value of another graph.
    pub fn ty_in(&self, graph: GraphId, value: ValueId) -> &Type {
        if let Some(ty) = self.newer.get(&(graph, value)) {
            return ty;
        }
        match self.types().get(graph, value) {
            Type::Unknown => &self.model.graph(graph).value(value).ty,
            inferred => inferred,
        }
    }

    /// The table of inferred types. It may be older than the newest rewrites: [`RuleContext::ty`] knows these, too.
    pub fn types(&self) -> &'a Types {
        self.types.get_or_init(|| Arc::new(self.session.infer(self.model)))
    }

    /// Computes nodes whose operands are constants.
    pub fn evaluator(&self) -> &'a dyn Evaluator {
        self.evaluator
    }
}

/// A TensorFlow tensor that somebody may feed from outside.
pub fn is_fed(graph: &Graph, value: ValueId) -> bool {
    let value = graph.value(value);
    !matches!(value.def, Def::Input { .. }) && value.is_fed()
}

/// The same, without a look at the value where nothing but an input is ever fed.
fn may_be_fed(model: &Model, graph: &Graph, value: ValueId) -> bool {
    model.dialect == Dialect::Tf && is_fed(graph, value)
}

/// The tensor of a constant, or of the constant of an enclosing graph that the value captures; `None` if it is fed from outside.
pub fn constant_tensor(model: &Model, graph: GraphId, value: ValueId) -> Option<&Tensor> {
    let (mut graph, mut value) = (graph, value);
    loop {
        let within = model.graph(graph);
        match &within.value(value).def {
            Def::Const(constant) if !may_be_fed(model, within, value) => {
                return Some(&constant.tensor);
            }
            Def::Capture { outer } => (graph, value) = (within.parent?, *outer),
            _ => return None,
        }
    }
}

impl std::fmt::Debug for RuleContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleContext").field("graph", &self.graph).field("opset", &self.opset).finish_non_exhaustive()
    }
}

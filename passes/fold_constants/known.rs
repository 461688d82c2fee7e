//! Which results are known before running, and which of them are worth writing.

use gtt_ir::{Attr, Dialect, Graph, GraphId, Id, Node, NodeId, Site, Tensor, Use, ValueId, traverse};
use gtt_ops::eval::{Call, Why};
use gtt_ops::infer::Types;
use gtt_rewrite::{Error, PassContext, constant_tensor};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::FoldConstants;
use crate::support::unconditional::Unconditional;

/// A result that does not depend on the inputs.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    pub(super) tensor: Tensor,
    /// What the node, and what it was computed from, waits for (TensorFlow).
    pub(super) waits: SmallVec<[Site; 0]>,
    /// Bytes of constants that only this result uses: they are freed when it is written.
    credit: usize,
}

/// The known results of one graph.
#[derive(Debug)]
pub(super) struct Known {
    results: FxHashMap<ValueId, Folded>,
    /// Nodes that fold, in execution order.
    nodes: Vec<NodeId>,
    folds: Vec<bool>,
}

impl Known {
    /// Forward: what is known. Backward: what of it may be written; a node whose result may not keeps its operands alive.
    pub(super) fn of(pass: &FoldConstants, cx: &mut PassContext<'_>, id: GraphId) -> Result<Self, Error> {
        let order = traverse::topological(cx.model(), cx.graph(id))
            .map_err(|cycle| Error::failed(cx.model().place(id), format!("{} nodes lie in a cycle", cycle.len())))?;
        let mut known =
            Self { results: FxHashMap::default(), nodes: Vec::new(), folds: vec![false; cx.graph(id).node_bound()] };
        let types = cx.types();
        // Inside of loops and branches a value must stay in its frame, and come only where its branch is taken.
        let free = Unconditional::of(cx.model(), &[id]);
        for node in order {
            known.evaluate(pass, cx, id, &types, node, !free.node(cx.model(), id, node));
        }
        known.withdraw(pass, cx, id);
        Ok(known)
    }

    /// Nodes that fold, in execution order.
    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        self.nodes.iter().copied().filter(|node| self.folds[node.index()])
    }

    /// A known result.
    pub(super) fn result(&self, value: ValueId) -> Option<&Folded> {
        self.results.get(&value)
    }

    /// Something that does not fold uses the result.
    pub(super) fn is_needed(&self, graph: &Graph, value: ValueId) -> bool {
        graph.value(value).uses().iter().any(|used| match used {
            Use::Operand { node, .. } => !self.folds[node.index()],
            Use::Control { .. } => false,
            _ => true,
        })
    }

    fn evaluate(
        &mut self,
        pass: &FoldConstants,
        cx: &mut PassContext<'_>,
        id: GraphId,
        types: &Types,
        node_id: NodeId,
        framed: bool,
    ) {
        let graph = cx.graph(id);
        let node = graph.node(node_id);
        let default = node.op.is_tf("PlaceholderWithDefault");
        let foldable = gtt_ops::info(&node.op).is_foldable() || default;
        let open = cx.dialect() == Dialect::Onnx && node.attrs.has_refs();
        if open || !foldable || node.outputs.is_empty() || node.attrs.graphs().next().is_some() || pass.excludes(node) {
            return;
        }
        // Feeds stay, and so do fetched TensorFlow nodes: their names are public.
        let public = |value: ValueId| {
            let value = graph.value(value);
            value.is_fed() || (value.is_output() && cx.dialect() == Dialect::Tf)
        };
        if node.results().any(public) || graph.is_kept(node_id) {
            return;
        }
        let mut waits: SmallVec<[Site; 0]> = SmallVec::new();
        let mut wait = |site: Site| {
            if matches!(site, Site::Node(_)) && !waits.contains(&site) {
                waits.push(site);
            }
        };
        for &site in &node.control {
            match site {
                Site::Node(source) if self.folds[source.index()] => {
                    let results = graph.node(source).results().filter_map(|value| self.results.get(&value));
                    results.flat_map(|result| result.waits.iter().copied()).for_each(&mut wait);
                }
                site => wait(site),
            }
        }
        if let (true, Some(Attr::Tensor(tensor))) = (node.op.is_tf("Const"), node.attr("value")) {
            if tensor.is_readable()
                && let Some(value) = node.output(0)
            {
                let credit = tensor.stored_len();
                self.results.insert(value, Folded { tensor: tensor.clone(), waits, credit });
                self.accept(node_id);
            }
            return;
        }
        let mut operands: Vec<Option<Tensor>> = Vec::with_capacity(node.inputs.len());
        let mut credit = 0usize;
        let mut constant = !node.inputs.is_empty();
        for operand in &node.inputs {
            let Some(value) = *operand else {
                operands.push(None);
                continue;
            };
            let alone = graph.value(value).uses().len() == 1;
            if let Some(result) = self.results.get(&value) {
                credit += if alone { result.credit } else { 0 };
                result.waits.iter().copied().for_each(&mut wait);
                operands.push(Some(result.tensor.clone()));
            } else if let Some(tensor) = constant_tensor(cx.model(), id, value).filter(|tensor| tensor.is_readable()) {
                credit += if alone { size(cx.dialect(), tensor) } else { 0 };
                operands.push(Some(tensor.clone()));
            } else {
                constant = false;
                break;
            }
        }
        let allowance = pass.limit(cx.dialect()).min(credit.saturating_add(pass.growth(true)));
        let results = if default {
            operands.into_iter().flatten().next().filter(|_| constant).map(|tensor| vec![tensor])
        } else if constant {
            let inputs: Vec<Option<&Tensor>> = operands.iter().map(Option::as_ref).collect();
            let call = Call::of(node, cx.opset_of(id), &inputs).max_bytes(allowance);
            match cx.evaluator().evaluate(&call) {
                Ok(results) => Some(results),
                Err(reason) => {
                    let reason = match reason.kind() {
                        Why::TooLarge => {
                            "the result is larger than the limit, or than what it frees and may grow".to_owned()
                        }
                        _ => reason.to_string(),
                    };
                    cx.decline("constant_node", id, node_id, reason);
                    None
                }
            }
        } else {
            self.inferred(graph, id, types, node, framed, &mut wait)
        };
        let Some(results) = results else { return };
        let node = cx.graph(id).node(node_id);
        if results.len() < node.outputs.len() || !agrees(cx.graph(id), types, id, node, &results) {
            return;
        }
        for (value, tensor) in node.outputs.iter().zip(results) {
            if let Some(value) = value {
                self.results.insert(*value, Folded { tensor, waits: waits.clone(), credit });
            }
        }
        self.accept(node_id);
    }

    /// Values that inference knows although operands are not constant: shapes and arithmetic on them.
    fn inferred(
        &self,
        graph: &Graph,
        id: GraphId,
        types: &Types,
        node: &Node,
        framed: bool,
        wait: &mut impl FnMut(Site),
    ) -> Option<Vec<Tensor>> {
        let values: Option<Vec<Tensor>> =
            node.outputs.iter().map(|value| types.constant_value(id, (*value)?)).collect();
        if framed {
            // Who waits for a `Switch` runs whichever branch is taken.
            let splits = |source: NodeId| ["Switch", "RefSwitch"].iter().any(|op| graph.node(source).op.is_tf(op));
            if node.operands().filter_map(|value| graph.def_node(value)).any(splits) {
                return None;
            }
            node.operands().filter_map(|value| graph.def_node(value)).for_each(|source| wait(Site::Node(source)));
        }
        values.filter(|values| !values.is_empty())
    }

    /// Runtimes let vectors of one element pass where `Range` should have scalars, but refuse to load them as initializers.
    fn is_misread(&self, graph: &Graph, value: ValueId) -> bool {
        let is_scalar = self.results.get(&value).is_none_or(|result| result.tensor.rank() == 0);
        let wants_scalar =
            |used: &Use| matches!(used, Use::Operand { node, .. } if graph.node(*node).op.is_onnx("Range"));
        !is_scalar && graph.value(value).uses().iter().any(wants_scalar)
    }

    fn accept(&mut self, node: NodeId) {
        self.folds[node.index()] = true;
        self.nodes.push(node);
    }

    /// Readers first: a needed result that would make the model grow too much is not written, and its node stays.
    fn withdraw(&mut self, pass: &FoldConstants, cx: &mut PassContext<'_>, id: GraphId) {
        let dialect = cx.dialect();
        for position in (0..self.nodes.len()).rev() {
            let node = self.nodes[position];
            let graph = cx.graph(id);
            let needed: Vec<ValueId> =
                graph.node(node).results().filter(|&value| self.is_needed(graph, value)).collect();
            let results = needed.iter().filter_map(|value| self.results.get(value));
            let (mut bytes, mut credit, mut largest) = (0usize, 0usize, 0usize);
            for result in results {
                let size = size(dialect, &result.tensor);
                bytes += size;
                largest = largest.max(size);
                credit = credit.max(result.credit);
            }
            // A `Const` that waits for others is what it would become.
            let already = graph.node(node).op.is_tf("Const")
                && graph
                    .node(node)
                    .results()
                    .filter_map(|value| self.results.get(&value))
                    .all(|result| !result.waits.is_empty());
            let growth = pass.growth(dialect == Dialect::Tf || is_only_a_bias(graph, node));
            let grows = bytes > credit.saturating_add(growth) || largest > pass.limit(dialect);
            if grows {
                const REASON: &str = "the result is larger than the limit, or than what it frees and may grow";
                cx.decline("constant_node", id, node, REASON);
            }
            let misread = needed.iter().any(|&value| self.is_misread(cx.graph(id), value));
            if misread {
                cx.decline("constant_node", id, node, "its reader should have a scalar, which it is not");
            }
            if grows || misread || (already && !needed.is_empty()) {
                self.folds[node.index()] = false;
            }
        }
    }
}

/// The bias of layers is written however many channels it has, since it is folded into the layer or found to be zero then.
fn is_only_a_bias(graph: &Graph, id: NodeId) -> bool {
    let is_bias = |used: &Use| match used {
        Use::Operand { node, slot } => {
            let op = &graph.node(*node).op;
            *slot == 2 && ["Conv", "ConvTranspose", "Gemm"].iter().any(|layer| op.is_onnx(layer))
        }
        _ => false,
    };
    graph.node(id).results().flat_map(|result| graph.value(result).uses()).all(is_bias)
}

/// Bytes in the file. TensorFlow writes a tensor of equal elements as one element.
fn size(dialect: Dialect, tensor: &Tensor) -> usize {
    if dialect == Dialect::Tf { tensor.stored_len() } else { tensor.byte_len() }
}

/// What was computed is of the type that inference gives.
fn agrees(graph: &Graph, types: &Types, id: GraphId, node: &Node, results: &[Tensor]) -> bool {
    node.outputs.iter().zip(results).all(|(value, tensor)| {
        let Some(value) = *value else { return true };
        let expected = graph.value(value).ty.merged(types.get(id, value));
        expected.dtype().is_none_or(|dtype| dtype == tensor.dtype())
            && expected.shape().is_none_or(|shape| {
                shape.len() == tensor.rank()
                    && shape
                        .iter()
                        .zip(tensor.shape())
                        .all(|(dim, &extent)| dim.known().is_none_or(|dim| dim == extent as u64))
            })
    })
}

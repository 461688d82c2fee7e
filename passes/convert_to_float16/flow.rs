//! Who reads which float32 value, across the borders of subgraphs.

use gtt_ir::{DType, Def, GraphId, Model, NodeId, ValueId};
use gtt_ops::infer::Types;
use gtt_rewrite::PassContext;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

use super::ConvertToFloat16;
use super::ops::{self, Support};

/// A value where it is defined: what subgraphs capture is the captured value.
pub(super) type Root = (GraphId, ValueId);

/// A node of any graph.
pub(super) type NodeAt = (GraphId, NodeId);

/// Somebody who reads a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A node at an operand slot.
    Node(NodeAt, usize),
    /// An output of a graph.
    Output(GraphId),
}

/// A value and its readers.
#[derive(Debug)]
pub(super) struct Floats {
    pub(super) root: Root,
    pub(super) readers: SmallVec<[Reader; 2]>,
}

/// All float32 values, and all nodes in an order in which they can run.
pub(super) struct Flow {
    pub(super) types: Arc<Types>,
    pub(super) floats: Vec<Floats>,
    index: FxHashMap<Root, usize>,
    pub(super) nodes: Vec<(NodeAt, Option<Support>)>,
}

/// Where a value is defined.
pub(super) fn root_of(model: &Model, graph: GraphId, value: ValueId) -> Root {
    let (mut graph, mut value) = (graph, value);
    while let Def::Capture { outer } = model.graph(graph).value(value).def {
        let Some(parent) = model.graph(graph).parent else { break };
        (graph, value) = (parent, outer);
    }
    (graph, value)
}

impl Flow {
    pub(super) fn of(pass: &ConvertToFloat16, cx: &mut PassContext<'_>) -> Self {
        let types = cx.types();
        let graphs = cx.graphs();
        let model = cx.model();
        let mut flow = Self { types, floats: Vec::new(), index: FxHashMap::default(), nodes: Vec::new() };
        for &id in &graphs {
            let graph = model.graph(id);
            for (value, found) in graph.values() {
                let captured = matches!(found.def, Def::Capture { .. });
                if !captured && flow.types.get(id, value).dtype() == Some(DType::F32) {
                    flow.index.insert((id, value), flow.floats.len());
                    flow.floats.push(Floats { root: (id, value), readers: SmallVec::new() });
                }
            }
        }
        for &id in &graphs {
            let (graph, opset) = (model.graph(id), cx.opset_of(id));
            // A model with a cycle is refused by the exporter; the order then does not matter.
            let order = gtt_ir::traverse::topological(model, graph).unwrap_or_default();
            for node in order {
                let found = graph.node(node);
                let support = if pass.blocks(found) { None } else { ops::support(found, opset) };
                flow.nodes.push(((id, node), support));
                for (slot, value) in found.inputs.iter().enumerate() {
                    let Some(value) = *value else { continue };
                    flow.read(model, id, value, Reader::Node((id, node), slot));
                }
            }
            for port in graph.outputs() {
                flow.read(model, id, port.value, Reader::Output(id));
            }
        }
        flow
    }

    fn read(&mut self, model: &Model, graph: GraphId, value: ValueId, reader: Reader) {
        if let Some(&index) = self.index.get(&root_of(model, graph, value)) {
            self.floats[index].readers.push(reader);
        }
    }

    /// The place of a value among the float32 values, if it is one.
    pub(super) fn get(&self, model: &Model, graph: GraphId, value: ValueId) -> Option<usize> {
        self.index.get(&root_of(model, graph, value)).copied()
    }
}

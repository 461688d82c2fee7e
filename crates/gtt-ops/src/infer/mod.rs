//! Types of all values of a model.

use gtt_ir::{GraphId, Id, Model, Name, NodeId, Tensor, Type, ValueId};
use rustc_hash::FxHashMap;

/// Something inference wants to say; never an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The graph.
    pub graph: GraphId,
    /// The node, if it is about one.
    pub node: Option<NodeId>,
    /// What.
    pub text: String,
}

/// An element of a small integer tensor whose value is known before running, at least symbolically.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SymInt {
    /// A fixed number.
    Known(i64),
    /// An expression over dim names; equal texts mean equal numbers.
    Symbol(Name),
    /// Nothing is known.
    Unknown,
}

/// The types of all values of a model, as a side table. It describes the model it was made from: values that are added later
/// are unknown to it until [`Types::refresh`].
#[derive(Clone, Debug, Default)]
pub struct Types {
    graphs: FxHashMap<GraphId, Vec<Type>>,
    notes: Vec<Note>,
}

impl Types {
    /// Infers. Never fails; what cannot be told is unknown. Near-linear in nodes; contents of large constants are not read.
    pub fn of(model: &Model) -> Self {
        let mut types = Self::default();
        for (id, graph) in model.graphs() {
            let mut table = vec![Type::Unknown; graph.value_bound()];
            for (value, definition) in graph.values() {
                table[value.index()] = definition.ty.clone();
            }
            types.graphs.insert(id, table);
        }
        types
    }

    /// The type of a value; unknown for values the table does not have.
    pub fn get(&self, graph: GraphId, value: ValueId) -> &Type {
        const UNKNOWN: &Type = &Type::Unknown;
        self.graphs.get(&graph).and_then(|types| types.get(value.index())).unwrap_or(UNKNOWN)
    }

    /// Infers the results of some nodes anew, in the given order, after an edit.
    pub fn refresh(&mut self, _model: &Model, _graph: GraphId, _nodes: impl IntoIterator<Item = NodeId>) {}

    /// The value of a small integer or Boolean tensor that does not depend on the inputs.
    pub fn constant_value(&self, _graph: GraphId, _value: ValueId) -> Option<Tensor> {
        None
    }

    /// The elements of a small integer tensor of rank 0 or 1, as far as known; `None` when not even their count is.
    pub fn symbolic_ints(&self, _graph: GraphId, _value: ValueId) -> Option<Vec<SymInt>> {
        None
    }

    /// What could not be inferred, and contradictions between declared and inferred types.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
}

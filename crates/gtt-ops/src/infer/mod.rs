//! Types of all values of a model, and contents of small integer tensors.
//!
//! Inference is forward, one pass in topological order. It is sound, not complete: what it says holds on every run that succeeds,
//! and what it cannot tell is unknown. Dims keep their names; an extent computed from named ones gets a name of its own, in
//! parentheses, such that equal names mean equal extents (`(2*N)`, `(floor((H+1)/2))`). Unnamed dims of graph inputs and feeds
//! are named after them, e.g. `(image.0)`, since they are fixed during a run. A declared type adds what inference does not find;
//! where the two contradict, nothing is known and there is a note. Nothing here fails or stops a run.
//!
//! Loops of TensorFlow 1: a `Merge` that a `NextIteration` feeds has a known element type only. ONNX subgraphs: inputs of loop
//! bodies have their declared types without names, since names may mean another extent in each iteration.
//!
//! `rten-shape-inference` serves for `Einsum`, `GridSample`, `DFT` and `Attention`. The rest is done here: its arithmetic is 32-bit and
//! unchecked, it follows the newest operator set only, and extents of 0 and unnamed dims are facts here, not assumptions.

mod choice;
mod context;
mod driver;
mod extent;
mod fact;
mod items;
mod onnx;
mod shapes;
mod sym;
mod table;
#[cfg(test)]
mod tests;
mod tf;

use gtt_ir::{Dim, GraphId, Model, Name, NodeId, Tensor, Type, ValueId};
use rustc_hash::FxHashMap;

pub use extent::Extent;
use sym::Symbols;
use table::Table;

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
    graphs: FxHashMap<GraphId, Table>,
    symbols: Symbols,
    notes: Vec<Note>,
}

impl Types {
    /// Infers. Never fails; what cannot be told is unknown. Near-linear in nodes; contents of large constants are not read.
    pub fn of(model: &Model) -> Self {
        Self::ordered(model, |_| None)
    }

    /// The same for who has execution orders of the graphs at hand; what has none is sorted.
    pub fn ordered<'a>(model: &Model, order: impl Fn(GraphId) -> Option<&'a [NodeId]>) -> Self {
        let mut types = Self::default();
        driver::Driver::new(model, &mut types, model.main_id()).run(&order);
        for note in &types.notes {
            tracing::debug!("{}", note.text);
        }
        types
    }

    /// The type of a value; unknown for values the table does not have.
    pub fn get(&self, graph: GraphId, value: ValueId) -> &Type {
        const UNKNOWN: &Type = &Type::Unknown;
        self.graphs.get(&graph).map_or(UNKNOWN, |table| table.ty(value))
    }

    /// Infers the results of some nodes anew, in the given order, after an edit; constants that they read are looked at too.
    pub fn refresh(&mut self, model: &Model, graph: GraphId, nodes: impl IntoIterator<Item = NodeId>) {
        let mut driver = driver::Driver::new(model, self, graph);
        for node in nodes {
            driver.refresh(graph, node);
        }
    }

    /// Adds what is known of a value from elsewhere, e.g. that it stands for another one. Where the two contradict, the table
    /// wins.
    pub fn learn(&mut self, graph: GraphId, value: ValueId, ty: &Type) {
        if let Some(table) = self.graphs.get_mut(&graph) {
            table.learn(value, ty);
        }
    }

    /// The value of a small tensor (up to 128 elements) that does not depend on the inputs: constants and what is computed from
    /// them.
    pub fn constant_value(&self, graph: GraphId, value: ValueId) -> Option<Tensor> {
        self.graphs.get(&graph)?.content(value)?.known().cloned()
    }

    /// The elements of a small integer tensor of rank 0 or 1, as far as known; `None` when nothing is.
    pub fn symbolic_ints(&self, graph: GraphId, value: ValueId) -> Option<Vec<SymInt>> {
        let items = self.graphs.get(&graph)?.content(value)?.items()?;
        Some(items.iter().map(|item| fact::sym_int(item.as_ref())).collect())
    }

    /// A named extent as a number times plain names (each as often as it is a factor), if it is such a product.
    pub fn product(&self, extent: &Name) -> Option<(i64, Vec<Name>)> {
        let expr = self.symbols.expr(&Dim::Symbol(extent.clone()))?;
        let (number, factors) = expr.single_term()?;
        Some((number, factors.to_vec()))
    }

    /// What could not be inferred, and contradictions between declared and inferred types.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
}

/// The type without derived names: fit to be written to a file.
pub fn without_derived_names(ty: &Type) -> Type {
    let clean = |shape: &gtt_ir::Shape| {
        shape.iter().map(|dim| if is_derived(dim) { Dim::Unknown } else { dim.clone() }).collect()
    };
    match ty {
        Type::Tensor { dtype, shape } => Type::Tensor { dtype: *dtype, shape: shape.as_ref().map(clean) },
        Type::Sparse { dtype, shape } => Type::Sparse { dtype: *dtype, shape: shape.as_ref().map(clean) },
        Type::Sequence(element) => Type::Sequence(Box::new(without_derived_names(element))),
        Type::Optional(element) => Type::Optional(Box::new(without_derived_names(element))),
        other => other.clone(),
    }
}

fn is_derived(dim: &Dim) -> bool {
    matches!(dim, Dim::Symbol(name) if name.starts_with(sym::DERIVED))
}

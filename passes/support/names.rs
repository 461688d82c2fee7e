//! Free names for what a pass adds by hand.

use gtt_ir::{Def, GraphId, Model, Name};
use gtt_rewrite::NameCounts;
use rustc_hash::FxHashMap;

/// Names of values and ports, and names of nodes, over several graphs: an ONNX subgraph may not define again what it can see, and
/// ONNX Runtime refuses two nodes of one name.
#[derive(Debug)]
pub(crate) struct FreeNames {
    values: Pool,
    nodes: Pool,
}

/// Names in use, and where to look for a free one.
#[derive(Debug, Default)]
struct Pool {
    used: NameCounts,
    next: FxHashMap<Name, u32>,
}

impl FreeNames {
    /// All names of a model. Linear.
    pub(crate) fn of(model: &Model) -> Self {
        let graphs: Vec<GraphId> = model.graphs().map(|(id, _)| id).collect();
        Self::within(model, &graphs)
    }

    /// The names in some graphs. Linear in their size.
    pub(crate) fn within(model: &Model, graphs: &[GraphId]) -> Self {
        let (mut values, mut nodes) = (Pool::default(), Pool::default());
        for graph in graphs.iter().map(|&graph| model.graph(graph)) {
            values.used.reserve(graph.value_bound());
            nodes.used.reserve(graph.node_count());
            let own = graph.values().filter(|(_, value)| !matches!(value.def, Def::Capture { .. }));
            own.for_each(|(_, value)| values.count(&value.name));
            for port in graph.inputs().iter().chain(graph.outputs()) {
                if graph.value(port.value).name != port.name {
                    values.count(&port.name);
                }
            }
            graph.nodes().for_each(|(_, node)| nodes.count(&node.name));
        }
        Self { values, nodes }
    }

    /// The names in TensorFlow graphs, with room for so many more. Only [`FreeNames::tensorflow`] may be asked: nodes are counted among
    /// the values. Linear in the size of the graphs.
    pub(crate) fn shared(model: &Model, graphs: &[GraphId], more: usize) -> Self {
        let mut values = Pool::default();
        values.used.reserve(graphs.iter().map(|&graph| model.graph(graph).value_bound()).sum::<usize>() + more);
        for graph in graphs.iter().map(|&graph| model.graph(graph)) {
            graph.values().for_each(|(_, value)| values.meet(&value.name));
            graph.inputs().iter().chain(graph.outputs()).for_each(|port| values.meet(&port.name));
            graph.nodes().for_each(|(_, node)| values.meet(&node.name));
        }
        Self { values, nodes: Pool::default() }
    }

    /// A name for a value: `wanted`, or `wanted_1`, `wanted_2` …
    pub(crate) fn value(&mut self, wanted: &str) -> Name {
        self.values.take(if wanted.is_empty() { "value" } else { wanted })
    }

    /// A name for a node likewise.
    pub(crate) fn node(&mut self, wanted: &str) -> Name {
        if wanted.is_empty() { Name::default() } else { self.nodes.take(wanted) }
    }

    /// A name for a TensorFlow node with its results, or for a constant: the two share one set of names.
    pub(crate) fn tensorflow(&mut self, wanted: &str) -> Name {
        loop {
            let name = self.values.take(wanted);
            if self.nodes.used.count(&name) == 0 {
                return name;
            }
        }
    }

    /// The name of a value that goes, for the one that takes its place, if nothing else has it.
    pub(crate) fn value_of(&mut self, gone: &Name) -> Name {
        if self.values.is_used_once(gone) { gone.clone() } else { self.value(gone) }
    }

    /// The same for a node.
    pub(crate) fn node_of(&mut self, gone: &Name) -> Name {
        if self.nodes.is_used_once(gone) { gone.clone() } else { self.node(gone) }
    }
}

impl Pool {
    fn count(&mut self, name: &Name) {
        if !name.is_empty() {
            self.used.claim(name);
        }
    }

    /// Somebody has the name; how many have it does not count.
    fn meet(&mut self, name: &Name) {
        self.used.claim_free(name);
    }

    fn is_used_once(&self, name: &Name) -> bool {
        self.used.count(name) == 1
    }

    fn take(&mut self, wanted: &str) -> Name {
        let first = Name::new(wanted);
        if self.used.claim_free(wanted) {
            return first;
        }
        let mut number = self.next.get(&first).copied().unwrap_or(0);
        loop {
            number += 1;
            let name = Name::from(format!("{wanted}_{number}"));
            if self.used.claim_free(&name) {
                self.next.insert(first, number);
                return name;
            }
        }
    }
}

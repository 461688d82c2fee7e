//! Names in use, so that newcomers get free ones.
//!
//! TensorFlow: names of nodes and constants of all graphs. ONNX: names of values of all graphs, because a subgraph may not
//! shadow what it can see; names of nodes need not be unique there. A public name is free only for the value of its port.

use std::hash::BuildHasher;

use gtt_ir::{Def, Dialect, GraphId, Model, Name, ValueId};
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

/// Output or input, and which.
type PortList = SmallVec<[(bool, usize); 1]>;

/// How often each name is in use. Names are told apart by hashes of 64 bits, as a large graph has millions of them: a name that
/// shares its hash with another counts as in use, on every run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameCounts(FxHashMap<u64, u32>);

impl NameCounts {
    /// Makes room for so many more names.
    pub fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    /// One more has the name.
    pub fn claim(&mut self, name: &str) {
        *self.0.entry(FxBuildHasher.hash_one(name)).or_default() += 1;
    }

    /// Takes a name that nothing has: `false` if something has it.
    pub fn claim_free(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.entry(FxBuildHasher.hash_one(name)).or_insert(1);
        self.0.len() > before
    }

    /// One less has the name; nothing happens if none has.
    pub fn release(&mut self, name: &str) {
        let hash = FxBuildHasher.hash_one(name);
        if let Some(count) = self.0.get_mut(&hash) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&hash);
            }
        }
    }

    /// How many have the name.
    pub fn count(&self, name: &str) -> u32 {
        self.0.get(&FxBuildHasher.hash_one(name)).copied().unwrap_or(0)
    }
}

/// Names in use. Linear to build, constant time to ask.
#[derive(Debug, Default)]
pub(crate) struct Names {
    used: NameCounts,
    /// Public names with their ports.
    ports: FxHashMap<(GraphId, Name), PortList>,
    next: FxHashMap<Name, u32>,
    temporary: u64,
    /// Graphs of the model. The names of one that is erased are not given back.
    graphs: usize,
}

impl Names {
    pub(crate) fn of(model: &Model) -> Self {
        let mut names = Self { graphs: model.graphs().count(), ..Self::default() };
        names.used.reserve(model.graphs().map(|(_, graph)| graph.value_bound()).sum());
        for (id, graph) in model.graphs() {
            for (is_output, ports) in [(false, graph.inputs()), (true, graph.outputs())] {
                for (index, port) in ports.iter().enumerate() {
                    let name = match model.dialect {
                        Dialect::Tf => {
                            port.name.rsplit_once(':').map_or(port.name.clone(), |(node, _)| Name::new(node))
                        }
                        _ => port.name.clone(),
                    };
                    names.ports.entry((id, name)).or_default().push((is_output, index));
                }
            }
            match model.dialect {
                Dialect::Tf => {
                    graph.nodes().for_each(|(_, node)| names.claim(&node.name));
                    graph.constants().for_each(|(_, value, _)| names.claim(&value.name));
                }
                _ => {
                    let own = graph.values().filter(|(_, value)| !matches!(value.def, Def::Capture { .. }));
                    own.for_each(|(_, value)| names.claim(&value.name));
                }
            }
        }
        names
    }

    /// The same as [`Names::of`] of a model that only rewrites have changed since. `None` if a graph went with all its names.
    pub(crate) fn kept(mut self, model: &Model) -> Option<Self> {
        self.next.clear();
        (self.graphs == model.graphs().count()).then_some(self)
    }

    /// It says of every name what [`Names::of`] says.
    pub(crate) fn describes(&self, model: &Model) -> bool {
        self.used == Self::of(model).used
    }

    /// A name that nothing has and that never reaches a file: for newcomers until names are settled.
    pub(crate) fn temporary(&mut self) -> Name {
        self.temporary += 1;
        Name::from(format!("\u{0}{}", self.temporary))
    }

    pub(crate) fn claim(&mut self, name: &Name) {
        self.used.claim(name);
    }

    pub(crate) fn release(&mut self, name: &Name) {
        self.used.release(name);
    }

    /// Claims `wanted`, or `wanted_1`, `wanted_2` …, for values of the graph (TensorFlow: all of a node's).
    pub(crate) fn unique(&mut self, model: &Model, graph: GraphId, values: &[ValueId], wanted: &str) -> Name {
        let wanted = if wanted.is_empty() { "value" } else { wanted };
        let first = Name::new(wanted);
        if self.is_free(model, graph, values, &first) {
            self.claim(&first);
            return first;
        }
        let mut number = self.next.get(&first).copied().unwrap_or(0);
        loop {
            number += 1;
            let name = Name::from(format!("{wanted}_{number}"));
            if self.is_free(model, graph, values, &name) {
                self.next.insert(first, number);
                self.claim(&name);
                return name;
            }
        }
    }

    fn is_free(&self, model: &Model, graph: GraphId, values: &[ValueId], name: &Name) -> bool {
        if self.used.count(name) > 0 {
            return false;
        }
        // A TensorFlow node may serve several ports; it may have the name if it serves one of them.
        let Some(ports) = self.ports.get(&(graph, name.clone())) else { return true };
        let graph = model.graph(graph);
        let served = |&(is_output, index): &(bool, usize)| {
            let ports = if is_output { graph.outputs() } else { graph.inputs() };
            ports.get(index).is_none_or(|port| values.contains(&port.value))
        };
        match model.dialect {
            Dialect::Tf => ports.iter().any(served),
            _ => ports.iter().all(served),
        }
    }
}

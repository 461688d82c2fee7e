//! The verifier: the invariants of the IR, checked as a whole.
//!
//! 1. Definitions and uses agree: every operand, control edge, port and capture is recorded as a use, and nothing else is.
//! 2. A node's results are defined by it, at their slot; a capture's outer value is alive in the parent.
//! 3. Nested graphs are alive, have the right parent and hang on exactly one attribute.
//! 4. There is no cycle but through TensorFlow's `NextIteration`.
//! 5. TensorFlow: node and constant names are unique and not empty. ONNX: value names are unique within a graph and not empty.
//! 6. Port names are unique among inputs; ONNX outputs likewise.
//! 7. A constant's declared type is its tensor's type.

use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::traverse::{by_rank, closes_loop, topological};
use crate::{
    Def, Dialect, Dim, Error, ErrorKind, Graph, GraphId, Id, Model, NodeId, Site, Tensor, Type, Use, Value, ValueId,
};

/// Checks every graph of the model. Linear in nodes; no tensor content is read.
pub fn verify(model: &Model) -> Result<(), Error> {
    verify_ordered(model, |_| None).map(|_| ())
}

/// The same; gives execution orders of all graphs. `known` are orders that were found before: one that still holds is not looked
/// for again.
pub fn verify_ordered(
    model: &Model,
    known: impl Fn(GraphId) -> Option<Arc<[NodeId]>>,
) -> Result<FxHashMap<GraphId, Arc<[NodeId]>>, Error> {
    let mut orders: FxHashMap<GraphId, Arc<[NodeId]>> = FxHashMap::default();
    let mut owners: FxHashMap<GraphId, u32> = FxHashMap::default();
    for (id, graph) in model.graphs().filter(|(_, graph)| graph.nests) {
        for (_, node) in graph.nodes() {
            for inner in node.attrs.graphs() {
                *owners.entry(inner).or_default() += 1;
                if model.graphs.get(inner).is_none_or(|inner| inner.parent != Some(id)) {
                    return Err(broken(model, id, format!("node `{}` holds a graph that is not its own", node.name)));
                }
            }
        }
    }
    for (id, graph) in model.graphs() {
        let expected = u32::from(graph.parent.is_some());
        if owners.get(&id).copied().unwrap_or(0) != expected {
            return Err(broken(model, id, "the graph does not hang on exactly one attribute".to_owned()));
        }
        let order = Checker { model, id, graph }.check(known(id))?;
        orders.insert(id, order);
    }
    Ok(orders)
}

fn broken(model: &Model, graph: GraphId, message: String) -> Error {
    Error::new(ErrorKind::Invalid, model.place(graph), message)
}

struct Checker<'a> {
    model: &'a Model,
    id: GraphId,
    graph: &'a Graph,
}

/// Names that were met. Only their hashes are kept: a large graph has millions, and that two are equal is the exception.
struct Met {
    hashes: FxHashSet<u64>,
    /// Two names have one hash, or a name is empty.
    doubtful: bool,
}

impl Met {
    fn meet(&mut self, name: &str) {
        self.doubtful |= name.is_empty() || !self.hashes.insert(FxBuildHasher.hash_one(name));
    }
}

/// What the nodes of a graph show.
struct Found {
    /// Uses of values, those by ports included.
    uses: usize,
    /// Results that are there.
    results: usize,
    /// No node reads or waits for a later one.
    in_order: bool,
}

impl Found {
    /// A node reads a value.
    fn meet(&mut self, value: &Value, is_early: impl FnOnce(NodeId) -> bool) {
        self.uses += 1;
        if let Def::Node { node, .. } = value.def {
            self.in_order &= is_early(node);
        }
    }
}

/// Control edges from each node, if there are any.
struct Control {
    edges: Vec<usize>,
    any: bool,
}

impl Checker<'_> {
    fn check(&self, known: Option<Arc<[NodeId]>>) -> Result<Arc<[NodeId]>, Error> {
        let bound = self.graph.nodes.len().max(self.graph.values.len());
        let mut names = Met { hashes: FxHashSet::with_capacity_and_hasher(bound, FxBuildHasher), doubtful: false };
        let order = known.filter(|known| self.is_complete(known)).unwrap_or_else(|| by_rank(self.graph).into());
        let found = self.nodes(&order, &mut names)?;
        self.values(&mut names, &found)?;
        self.kept()?;
        if names.doubtful {
            self.names()?;
        }
        self.port_names()?;
        if found.in_order {
            return Ok(order);
        }
        topological(self.model, self.graph).map(Arc::from).or_else(|cycle| {
            let names: Vec<&str> = cycle.iter().take(3).map(|&id| self.node_name(id)).collect();
            self.fail(format!("{} nodes in or behind a cycle: {}", cycle.len(), names.join(", ")))
        })
    }

    /// Every node is in the order once.
    fn is_complete(&self, order: &[NodeId]) -> bool {
        let mut seen = vec![false; self.graph.node_bound()];
        let first = |id: &NodeId| {
            let met = seen.get_mut(id.index()).map(|seen| std::mem::replace(seen, true));
            met == Some(false) && self.graph.get_node(*id).is_some()
        };
        order.len() == self.graph.node_count() && order.iter().all(first)
    }

    fn fail<T>(&self, message: String) -> Result<T, Error> {
        Err(broken(self.model, self.id, message))
    }

    fn node_name(&self, id: NodeId) -> &str {
        let node = self.graph.node(id);
        if node.name.is_empty() { &node.op.name } else { &node.name }
    }

    fn alive(&self, value: ValueId, whose: &str) -> Result<(), Error> {
        match self.graph.get_value(value) {
            Some(_) => Ok(()),
            None => self.fail(format!("{whose} refers to an erased value")),
        }
    }

    /// A use is recorded; gives what is used.
    fn require<'n>(&self, value: ValueId, used: Use, whose: impl FnOnce() -> &'n str) -> Result<&Value, Error> {
        match self.graph.get_value(value) {
            Some(value) if value.uses.contains(used) => Ok(value),
            Some(value) => self.fail(format!("the use of `{}` by {} is not recorded", value.name, whose())),
            None => self.fail(format!("{} refers to an erased value", whose())),
        }
    }

    /// What nodes and ports refer to is there and knows it.
    fn nodes(&self, order: &[NodeId], names: &mut Met) -> Result<Found, Error> {
        let mut found = Found { uses: 0, results: 0, in_order: true };
        let mut seen = vec![false; self.graph.node_bound()];
        let mut control = Control { edges: vec![0; self.graph.node_bound()], any: false };
        for &id in order {
            let node = self.graph.node(id);
            if self.model.dialect == Dialect::Tf {
                names.meet(&node.name);
            }
            let whose = || self.node_name(id);
            let is_early = |source: NodeId| seen[source.index()] || self.graph.get_node(source).is_none_or(closes_loop);
            for (slot, value) in node.inputs.iter().enumerate() {
                let Some(value) = *value else { continue };
                let value = self.require(value, Use::Operand { node: id, slot: slot as u32 }, whose)?;
                found.meet(value, is_early);
            }
            for site in &node.control {
                match site {
                    Site::Const(value) => {
                        self.require(*value, Use::Control { node: id }, whose)?;
                        found.uses += 1;
                    }
                    Site::Node(source) => {
                        if self.graph.get_node(*source).is_none() {
                            return self.fail(format!("`{}` has an erased control input", self.node_name(id)));
                        }
                        control.edges[source.index()] += 1;
                        control.any = true;
                        found.in_order &= is_early(*source);
                    }
                }
            }
            control.any |= !node.control_uses.is_empty();
            for inner in node.attrs.graphs() {
                let inner_graph = self.model.graph(inner);
                for &outer in inner_graph.captures.keys() {
                    let value = self.require(outer, Use::Capture { graph: inner }, || &inner_graph.name)?;
                    found.meet(value, is_early);
                }
            }
            for (slot, value) in node.outputs.iter().enumerate() {
                let Some(value) = *value else { continue };
                let defined = self.graph.get_value(value).map(|value| &value.def);
                if !matches!(defined, Some(Def::Node { node, slot: at }) if *node == id && *at as usize == slot) {
                    return self.fail(format!("result {slot} of `{}` is defined elsewhere", self.node_name(id)));
                }
                found.results += 1;
            }
            seen[id.index()] = true;
        }
        for (index, port) in self.graph.outputs.iter().enumerate() {
            self.require(port.value, Use::Output { index: index as u32 }, || &port.name)?;
        }
        found.uses += self.graph.outputs.len();
        for (index, port) in self.graph.inputs.iter().enumerate() {
            self.alive(port.value, &port.name)?;
            if !matches!(self.graph.value(port.value).def, Def::Input { .. }) {
                self.require(port.value, Use::Input { index: index as u32 }, || &port.name)?;
                found.uses += 1;
            }
        }
        if control.any { self.control(&control).map(|()| found) } else { Ok(found) }
    }

    fn control(&self, control: &Control) -> Result<(), Error> {
        for (id, node) in self.graph.nodes() {
            let (recorded, expected) = (node.control_uses.len(), control.edges[id.index()]);
            if recorded != expected {
                let name = self.node_name(id);
                return self.fail(format!("{recorded} control uses of `{name}` recorded, {expected} found"));
            }
        }
        Ok(())
    }

    /// Values are defined by what is there, and have no other uses than were found.
    fn values(&self, names: &mut Met, found: &Found) -> Result<(), Error> {
        let ports: FxHashSet<ValueId> = self.graph.inputs.iter().map(|port| port.value).collect();
        for (outer, value) in self.graph.captures() {
            let capture = self.graph.get_value(value).map(|value| &value.def);
            if !matches!(capture, Some(Def::Capture { outer: found }) if *found == outer) {
                return self.fail("a captured value was erased".to_owned());
            }
        }
        let (mut recorded, mut computed) = (0, 0);
        for (id, value) in self.graph.values() {
            recorded += value.uses().len();
            let is_named = match self.model.dialect {
                Dialect::Tf => matches!(value.def, Def::Const(_)),
                Dialect::Onnx => !matches!(value.def, Def::Capture { .. }),
            };
            if is_named {
                names.meet(&value.name);
            }
            match &value.def {
                Def::Node { .. } => computed += 1,
                Def::Const(constant) => {
                    if !is_declared(&value.ty, &constant.tensor) {
                        let found = constant.tensor.ty();
                        return self.fail(format!("constant `{}` is declared {} but is {found}", value.name, value.ty));
                    }
                }
                Def::Capture { outer } => {
                    let parent = self.graph.parent.map(|parent| self.model.graph(parent));
                    let alive = parent.is_some_and(|parent| parent.get_value(*outer).is_some());
                    if !alive || self.graph.captures.get(outer) != Some(&id) {
                        return self.fail(format!("`{}` captures a value that is gone", value.name));
                    }
                }
                Def::Input { .. } => {
                    if !ports.contains(&id) {
                        return self.fail(format!("input `{}` has no port", value.name));
                    }
                }
            }
        }
        if recorded != found.uses {
            return self.fail(format!("{recorded} uses recorded, {} found", found.uses));
        }
        // Every result is defined where it stands: as many values as results are all of them.
        if computed != found.results { self.results() } else { Ok(()) }
    }

    fn results(&self) -> Result<(), Error> {
        for (id, value) in self.graph.values() {
            if let Def::Node { node, slot } = value.def
                && self.graph.get_node(node).and_then(|node| node.output(slot as usize)) != Some(id)
            {
                return self.fail(format!("`{}` is not the result its definition names", value.name));
            }
        }
        Ok(())
    }

    fn kept(&self) -> Result<(), Error> {
        match self.graph.kept().iter().all(|&node| self.graph.get_node(node).is_some()) {
            true => Ok(()),
            false => self.fail("a kept node was erased".to_owned()),
        }
    }

    fn names(&self) -> Result<(), Error> {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        match self.model.dialect {
            Dialect::Tf => {
                let nodes = self.graph.nodes().map(|(_, node)| node.name.as_str());
                let constants = self.graph.constants().map(|(_, value, _)| value.name.as_str());
                for name in nodes.chain(constants) {
                    if name.is_empty() || !seen.insert(name) {
                        return self.fail(format!("two nodes are called `{name}`"));
                    }
                }
            }
            Dialect::Onnx => {
                let defined = self.graph.values().filter(|(_, value)| !matches!(value.def, Def::Capture { .. }));
                for (_, value) in defined {
                    if value.name.is_empty() || !seen.insert(&value.name) {
                        return self.fail(format!("two values are called `{}`", value.name));
                    }
                }
            }
        }
        Ok(())
    }

    fn port_names(&self) -> Result<(), Error> {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for ports in [&self.graph.inputs, &self.graph.outputs] {
            seen.clear();
            if let Some(port) = ports.iter().find(|port| !seen.insert(&port.name)) {
                return self.fail(format!("two ports are called `{}`", port.name));
            }
        }
        Ok(())
    }
}

/// The type, if it says something about a tensor, is the tensor's.
fn is_declared(ty: &Type, tensor: &Tensor) -> bool {
    let Type::Tensor { dtype, shape } = ty else { return true };
    let extents = tensor.shape();
    let same = |(dim, &extent): (&Dim, &usize)| *dim == Dim::Known(extent as u64);
    *dtype == Some(tensor.dtype())
        && shape.as_ref().is_some_and(|shape| shape.len() == extents.len() && shape.iter().zip(extents).all(same))
}

#[cfg(test)]
mod tests;

//! The verifier: the invariants of the IR, checked as a whole.
//!
//! 1. Definitions and uses agree: every operand, control edge, port and capture is recorded as a use, and nothing else is.
//! 2. A node's results are defined by it, at their slot; a capture's outer value is alive in the parent.
//! 3. Nested graphs are alive, have the right parent and hang on exactly one attribute.
//! 4. There is no cycle but through TensorFlow's `NextIteration`.
//! 5. TensorFlow: node and constant names are unique and not empty. ONNX: value names are unique within a graph and not empty.
//! 6. Port names are unique among inputs; ONNX outputs likewise.
//! 7. A constant's declared type is its tensor's type.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::traverse::topological;
use crate::{Def, Dialect, Error, ErrorKind, Graph, GraphId, Id, Model, NodeId, Site, Type, Use, ValueId};

/// Checks every graph of the model. Linear in nodes; no tensor content is read.
pub fn verify(model: &Model) -> Result<(), Error> {
    let mut owners: FxHashMap<GraphId, u32> = FxHashMap::default();
    for (id, graph) in model.graphs() {
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
        Checker { model, id, graph }.check()?;
    }
    Ok(())
}

fn broken(model: &Model, graph: GraphId, message: String) -> Error {
    Error::new(ErrorKind::Invalid, model.place(graph), message)
}

struct Checker<'a> {
    model: &'a Model,
    id: GraphId,
    graph: &'a Graph,
}

impl Checker<'_> {
    fn check(&self) -> Result<(), Error> {
        self.uses()?;
        self.definitions()?;
        self.names()?;
        if let Err(cycle) = topological(self.model, self.graph) {
            let names: Vec<&str> = cycle.iter().take(3).map(|&id| self.node_name(id)).collect();
            return self.fail(format!("{} nodes in or behind a cycle: {}", cycle.len(), names.join(", ")));
        }
        Ok(())
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

    fn uses(&self) -> Result<(), Error> {
        let mut expected = 0usize;
        let mut require = |value: ValueId, used: Use, whose: &str| -> Result<(), Error> {
            expected += 1;
            self.alive(value, whose)?;
            if self.graph.value(value).uses.contains(used) {
                return Ok(());
            }
            self.fail(format!("the use of `{}` by {whose} is not recorded", self.graph.value(value).name))
        };
        let mut control_edges = vec![0usize; self.graph.node_bound()];
        for (id, node) in self.graph.nodes() {
            for (slot, value) in node.inputs.iter().enumerate() {
                if let Some(value) = value {
                    require(*value, Use::Operand { node: id, slot: slot as u32 }, self.node_name(id))?;
                }
            }
            for site in &node.control {
                match site {
                    Site::Const(value) => require(*value, Use::Control { node: id }, self.node_name(id))?,
                    Site::Node(source) => {
                        if self.graph.get_node(*source).is_none() {
                            return self.fail(format!("`{}` has an erased control input", self.node_name(id)));
                        }
                        control_edges[source.index()] += 1;
                    }
                }
            }
        }
        for (index, port) in self.graph.outputs.iter().enumerate() {
            require(port.value, Use::Output { index: index as u32 }, &port.name)?;
        }
        for (index, port) in self.graph.inputs.iter().enumerate() {
            self.alive(port.value, &port.name)?;
            if !matches!(self.graph.value(port.value).def, Def::Input { .. }) {
                require(port.value, Use::Input { index: index as u32 }, &port.name)?;
            }
        }
        for (_, node) in self.graph.nodes() {
            for inner in node.attrs.graphs() {
                for &outer in self.model.graph(inner).captures.keys() {
                    require(outer, Use::Capture { graph: inner }, &self.model.graph(inner).name)?;
                }
            }
        }
        let recorded: usize = self.graph.values().map(|(_, value)| value.uses().len()).sum();
        if recorded != expected {
            return self.fail(format!("{recorded} uses recorded, {expected} found"));
        }
        for (id, node) in self.graph.nodes() {
            let (recorded, expected) = (node.control_uses.len(), control_edges[id.index()]);
            if recorded != expected {
                let name = self.node_name(id);
                return self.fail(format!("{recorded} control uses of `{name}` recorded, {expected} found"));
            }
        }
        for &node in &self.graph.kept {
            if self.graph.get_node(node).is_none() {
                return self.fail("a kept node was erased".to_owned());
            }
        }
        Ok(())
    }

    fn definitions(&self) -> Result<(), Error> {
        let ports: FxHashSet<ValueId> = self.graph.inputs.iter().map(|port| port.value).collect();
        for (outer, value) in self.graph.captures() {
            let capture = self.graph.get_value(value).map(|value| &value.def);
            if !matches!(capture, Some(Def::Capture { outer: found }) if *found == outer) {
                return self.fail("a captured value was erased".to_owned());
            }
        }
        for (id, value) in self.graph.values() {
            match &value.def {
                Def::Node { node, slot } => {
                    let defined = self.graph.get_node(*node).and_then(|node| node.output(*slot as usize));
                    if defined != Some(id) {
                        return self.fail(format!("`{}` is not the result its definition names", value.name));
                    }
                }
                Def::Const(constant) => {
                    if value.ty != constant.tensor.ty() && matches!(value.ty, Type::Tensor { .. }) {
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
        Ok(())
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
        for ports in [&self.graph.inputs, &self.graph.outputs] {
            seen.clear();
            if let Some(port) = ports.iter().find(|port| !seen.insert(&port.name)) {
                return self.fail(format!("two ports are called `{}`", port.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

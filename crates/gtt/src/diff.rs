//! What differs between two models, in terms of the graph.
//!
//! Nodes and constants are matched by name (ONNX: by the name of their first result, since nodes may be nameless), as
//! TensorFlow's own comparison does it. Compared are ops, devices, operands, control inputs as a set, attributes (but not
//! TensorFlow's private ones that begin with `_`), constants by content whatever their encoding, ports, declared types of
//! ports, operator sets, and the bodies of functions, as far as they are understood. Not compared: the order of nodes, doc
//! strings, metadata, versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use gtt_ir::{Attr, Attrs, Def, Dialect, Graph, GraphId, Model, Node, Port, Site, ValueId};
use serde::Serialize;

use crate::load::list;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, in graph terms: `main/conv1`.
    pub place: String,
    /// What differs, first model against second.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Everything that differs between two models; empty when they are the same graph. Reads the bytes of all constants.
pub fn diff(a: &Model, b: &Model) -> Vec<Difference> {
    let mut found = Vec::new();
    if a.dialect != b.dialect {
        let what = format!("{:?} model against {:?} model", a.dialect, b.dialect);
        return vec![Difference { place: "model".to_owned(), what }];
    }
    if a.dialect == Dialect::Onnx && a.opsets != b.opsets {
        let list = |model: &Model| -> Vec<String> {
            model.opsets.iter().map(|(domain, version)| format!("{:?}: {version}", domain.as_str())).collect()
        };
        let what = format!("operator sets {{{}}} against {{{}}}", list(a).join(", "), list(b).join(", "));
        found.push(Difference { place: "model".to_owned(), what });
    }
    Differ { a, b, found: &mut found }.graphs(a.main_id(), b.main_id());
    let name = |model: &Model, index: usize| model.functions[index].op.to_string();
    let functions = |model: &Model| -> BTreeMap<String, GraphId> {
        (0..model.functions.len()).map(|index| (name(model, index), model.functions[index].graph)).collect()
    };
    let (left, right) = (functions(a), functions(b));
    for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
        match (left.get(key), right.get(key)) {
            (Some(&left), Some(&right)) => Differ { a, b, found: &mut found }.graphs(left, right),
            (left, _) => found.push(only_in(format!("function {key}"), "the function", left.is_some())),
        }
    }
    found
}

fn only_in(place: String, subject: &str, first: bool) -> Difference {
    let which = if first { "first" } else { "second" };
    Difference { place, what: format!("{subject} is only in the {which} model") }
}

struct Differ<'a, 'f> {
    a: &'a Model,
    b: &'a Model,
    found: &'f mut Vec<Difference>,
}

impl Differ<'_, '_> {
    fn report(&mut self, place: &str, what: String) {
        self.found.push(Difference { place: place.to_owned(), what });
    }

    fn graphs(&mut self, left: GraphId, right: GraphId) {
        let mut pairs = vec![(left, right)];
        while let Some((left, right)) = pairs.pop() {
            self.graph(left, right, &mut pairs);
        }
    }

    fn graph(&mut self, left: GraphId, right: GraphId, pairs: &mut Vec<(GraphId, GraphId)>) {
        let place = self.a.place(left);
        let (a, b) = (self.a.graph(left), self.b.graph(right));
        self.ports(&place, "input", (a, a.inputs()), (b, b.inputs()));
        self.ports(&place, "output", (a, a.outputs()), (b, b.outputs()));
        let (nodes_a, nodes_b) = (nodes(self.a.dialect, a), nodes(self.b.dialect, b));
        for (key, node) in &nodes_a {
            let place = format!("{place}/{key}");
            match nodes_b.get(key) {
                Some(other) => self.node(&place, (a, node), (b, other), pairs),
                None => self.found.push(only_in(place, &format!("node {}", node.op), true)),
            }
        }
        for (key, node) in nodes_b.iter().filter(|(key, _)| !nodes_a.contains_key(*key)) {
            self.found.push(only_in(format!("{place}/{key}"), &format!("node {}", node.op), false));
        }
        let (constants_a, constants_b) = (constants(a), constants(b));
        for (key, &value) in &constants_a {
            let place = format!("{place}/{key}");
            match constants_b.get(key) {
                Some(&other) => self.constant(&place, (a, value), (b, other)),
                None => self.found.push(only_in(place, "the constant", true)),
            }
        }
        for (key, _) in constants_b.iter().filter(|(key, _)| !constants_a.contains_key(*key)) {
            self.found.push(only_in(format!("{place}/{key}"), "the constant", false));
        }
    }

    fn ports(&mut self, place: &str, role: &str, (a, left): (&Graph, &[Port]), (b, right): (&Graph, &[Port])) {
        if left.iter().map(|port| &port.name).ne(right.iter().map(|port| &port.name)) {
            let without = |ports: &[Port], others: &[Port]| {
                let others: BTreeSet<&str> = others.iter().map(|port| port.name.as_str()).collect();
                list(ports.iter().map(|port| port.name.as_str()).filter(|name| !others.contains(name)))
            };
            return match (without(left, right), without(right, left)) {
                (a, b) if a == b => self.report(place, format!("{role}s in another order")),
                (a, b) => self.report(place, format!("{role}s {a} only in the first model, {b} only in the second")),
            };
        }
        for (left, right) in left.iter().zip(right) {
            let (left_type, right_type) = (&a.value(left.value).ty, &b.value(right.value).ty);
            if left_type != right_type {
                let place = format!("{place}/{}", left.name);
                self.report(&place, format!("{role} of type {left_type} against {right_type}"));
            }
        }
    }

    fn node(
        &mut self,
        place: &str,
        left: (&Graph, &Node),
        right: (&Graph, &Node),
        pairs: &mut Vec<(GraphId, GraphId)>,
    ) {
        let ((a, node), (b, other)) = (left, right);
        if node.op != other.op {
            return self.report(place, format!("op {} against {}", node.op, other.op));
        }
        if node.device() != other.device() {
            self.report(place, format!("device `{}` against `{}`", node.device(), other.device()));
        }
        let (left, right) = (operands(a, node), operands(b, other));
        if left != right {
            self.report(place, format!("operands ({}) against ({})", left.join(", "), right.join(", ")));
        }
        let (left, right) = (control(a, node), control(b, other));
        if left != right {
            let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            self.report(place, format!("control inputs ({}) against ({})", list(&left), list(&right)));
        }
        self.attrs(place, &node.attrs, &other.attrs, pairs);
    }

    fn attrs(&mut self, place: &str, left: &Attrs, right: &Attrs, pairs: &mut Vec<(GraphId, GraphId)>) {
        let private = |name: &str| self.a.dialect == Dialect::Tf && name.starts_with('_');
        let names: BTreeSet<&str> = left.iter().chain(right.iter()).map(|entry| entry.name.as_str()).collect();
        for name in names.into_iter().filter(|name| !private(name)).collect::<Vec<_>>() {
            match (left.get(name), right.get(name)) {
                (Some(Attr::Graph(left)), Some(Attr::Graph(right))) => pairs.push((*left, *right)),
                (Some(Attr::Graphs(left)), Some(Attr::Graphs(right))) if left.len() == right.len() => {
                    pairs.extend(left.iter().copied().zip(right.iter().copied()));
                }
                (Some(left), Some(right)) if left != right => {
                    self.report(place, format!("attribute `{name}` is {} against {}", brief(left), brief(right)));
                }
                (Some(_), Some(_)) | (None, None) => {}
                (left, _) => {
                    let one = only_in(place.to_owned(), &format!("attribute `{name}`"), left.is_some());
                    self.found.push(one);
                }
            }
        }
    }

    fn constant(&mut self, place: &str, (a, left): (&Graph, ValueId), (b, right): (&Graph, ValueId)) {
        let (Some(left), Some(right)) = (a.tensor(left), b.tensor(right)) else { return };
        if left.ty() != right.ty() {
            self.report(place, format!("constant of type {} against {}", left.ty(), right.ty()));
        } else if left != right {
            self.report(place, format!("constants of type {} with other elements", left.ty()));
        }
    }
}

fn brief(attr: &Attr) -> String {
    let text = format!("{attr:?}");
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn nodes(dialect: Dialect, graph: &Graph) -> BTreeMap<&str, &Node> {
    let key = |node: &'_ Node| -> Option<gtt_ir::ValueId> { node.results().next() };
    let entries = graph.nodes().map(|(_, node)| match key(node) {
        Some(value) if dialect == Dialect::Onnx => (graph.value(value).name.as_str(), node),
        _ if node.name.is_empty() => (node.op.name.as_str(), node),
        _ => (node.name.as_str(), node),
    });
    entries.collect()
}

fn constants(graph: &Graph) -> BTreeMap<&str, ValueId> {
    graph.constants().map(|(id, value, _)| (value.name.as_str(), id)).collect()
}

fn operands(graph: &Graph, node: &Node) -> Vec<String> {
    let name = |value: &Option<ValueId>| value.map_or_else(String::new, |value| graph.value(value).name.to_string());
    let mut names: Vec<String> = node.inputs.iter().map(name).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

fn control(graph: &Graph, node: &Node) -> BTreeSet<String> {
    let name = |site: &Site| match site {
        Site::Node(source) => graph.node(*source).name.to_string(),
        Site::Const(value) => graph.value(*value).name.to_string(),
    };
    node.control.iter().map(name).collect()
}

/// Is the value a graph input that has no default?
pub(crate) fn is_required_input(graph: &Graph, value: ValueId) -> bool {
    !matches!(graph.value(value).def, Def::Input { default: Some(_) })
}

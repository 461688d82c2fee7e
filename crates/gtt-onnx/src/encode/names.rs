//! Names of values in the file.
//!
//! Ports come first: they own their names, and a value that stands at a port is called what the port is called. Then come the
//! names of captured values, which a subgraph must not use for its own. Everything else keeps its name unless that is taken or
//! empty.

use gtt_ir::{Def, Graph, Name, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};

/// The names of the values of one graph.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Only values whose name in the file is not their name in the IR.
    renamed: FxHashMap<ValueId, Name>,
    /// Outputs that need a node of their own: name and the value they copy.
    pub(crate) identities: Vec<(Name, ValueId)>,
    /// Names of the outputs, by position.
    pub(crate) outputs: Vec<Name>,
}

impl Names {
    /// The name of a value in the file.
    pub(crate) fn of<'a>(&'a self, graph: &'a Graph, value: ValueId) -> &'a str {
        match self.renamed.is_empty() {
            true => &graph.value(value).name,
            false => self.renamed.get(&value).unwrap_or(&graph.value(value).name),
        }
    }
}

struct Assignment<'g> {
    graph: &'g Graph,
    names: Names,
    owners: FxHashMap<&'g str, ValueId>,
    /// Values that have their final name.
    fixed: FxHashSet<ValueId>,
    /// Names made up here.
    fresh: FxHashSet<Name>,
}

/// Names the values of a graph. `parent` is the graph around it with its names; `positional` says that port names mean nothing
/// to callers (subgraphs, functions) and may change when they must.
pub(crate) fn assign(graph: &Graph, parent: Option<(&Graph, &Names)>, positional: bool) -> Result<Names> {
    let mut owners = FxHashMap::default();
    owners.reserve(graph.value_bound());
    let mut assignment =
        Assignment { graph, names: Names::default(), owners, fixed: FxHashSet::default(), fresh: FxHashSet::default() };
    assignment.captures(parent);
    let mut nameless = assignment.inputs(positional)?;
    assignment.outputs(positional)?;
    for (value, content) in graph.values() {
        if assignment.fixed.contains(&value) {
            continue;
        }
        if content.name.is_empty() || assignment.is_taken(&content.name) {
            nameless.push(value);
        } else {
            assignment.owners.insert(&content.name, value);
        }
    }
    for value in nameless {
        let name = assignment.make_up(&graph.value(value).name);
        assignment.names.renamed.insert(value, name);
    }
    Ok(assignment.names)
}

impl<'g> Assignment<'g> {
    fn is_taken(&self, name: &str) -> bool {
        self.owners.contains_key(name) || self.fresh.contains(name)
    }

    fn captures(&mut self, parent: Option<(&Graph, &Names)>) {
        let Some((outer_graph, outer_names)) = parent else { return };
        for (outer, value) in self.graph.captures() {
            let name = outer_names.of(outer_graph, outer);
            if self.graph.value(value).name == name {
                self.owners.insert(&self.graph.value(value).name, value);
            } else {
                self.fresh.insert(Name::new(name));
                self.names.renamed.insert(value, Name::new(name));
            }
            self.fixed.insert(value);
        }
    }

    /// Returns inputs that have to be called something else.
    fn inputs(&mut self, positional: bool) -> Result<Vec<ValueId>> {
        let mut nameless = Vec::new();
        for port in self.graph.inputs() {
            self.fixed.insert(port.value);
            if self.is_taken(&port.name) {
                if !positional {
                    return Err(Error::invalid(format!("two inputs are called `{}`", port.name)));
                }
                nameless.push(port.value);
                continue;
            }
            self.owners.insert(&port.name, port.value);
            if self.graph.value(port.value).name != port.name {
                self.names.renamed.insert(port.value, port.name.clone());
            }
        }
        Ok(nameless)
    }

    fn outputs(&mut self, positional: bool) -> Result<()> {
        let graph = self.graph;
        // A port whose value has its name already comes before others that might claim the value.
        for port in graph.outputs() {
            if graph.value(port.value).name == port.name && !self.is_taken(&port.name) && self.fixed.insert(port.value)
            {
                self.owners.insert(&port.name, port.value);
            }
        }
        for port in graph.outputs() {
            let name = self.names.of(graph, port.value);
            if self.fixed.contains(&port.value) && name == port.name {
                self.names.outputs.push(port.name.clone());
                continue;
            }
            let taken = self.is_taken(&port.name);
            if taken && !positional {
                let message = format!("output `{}` cannot have the name of another input or output", port.name);
                return Err(Error::invalid(message));
            }
            let name = if taken { self.make_up(&port.name) } else { port.name.clone() };
            if !taken {
                self.owners.insert(&port.name, port.value);
            }
            let nameable = !matches!(graph.value(port.value).def, Def::Input { .. } | Def::Capture { .. });
            if nameable && self.fixed.insert(port.value) {
                self.names.renamed.insert(port.value, name.clone());
            } else {
                self.names.identities.push((name.clone(), port.value));
            }
            self.names.outputs.push(name);
        }
        Ok(())
    }

    fn make_up(&mut self, base: &str) -> Name {
        let base = if base.is_empty() { "value" } else { base };
        let mut number = 1u64;
        loop {
            let name = Name::from(format!("{base}_{number}"));
            if !self.is_taken(&name) {
                self.fresh.insert(name.clone());
                return name;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use gtt_ir::{Dialect, Model, NodeSpec, Op, Type};

    use super::*;

    fn names_of(model: &Model) -> Vec<String> {
        let names = assign(model.main(), None, false).unwrap();
        model.main().values().map(|(value, _)| names.of(model.main(), value).to_owned()).collect()
    }

    fn relu(model: &mut Model, input: ValueId, output: &str) -> ValueId {
        let main = model.main_id();
        let node = NodeSpec::new(Op::onnx("Relu"), "").inputs([Some(input)]).output(output, Type::Unknown);
        let node = model.edit(main).add_node(node);
        model.main().node(node).outputs[0].unwrap()
    }

    #[test]
    fn a_value_takes_the_name_of_its_port_and_whoever_had_it_gets_another() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let x = model.edit(main).add_input("x", Type::Unknown);
        let old = relu(&mut model, x, "y");
        let new = relu(&mut model, old, "folded");
        model.edit(main).add_output("y", new);
        assert_eq!(names_of(&model), ["x", "y_1", "y"]);
    }

    #[test]
    fn an_input_at_an_output_and_a_second_port_get_an_identity() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let x = model.edit(main).add_input("x", Type::Unknown);
        let y = relu(&mut model, x, "y");
        let mut editor = model.edit(main);
        editor.add_output("same", x);
        editor.add_output("second", y);
        editor.add_output("y", y);
        let names = assign(model.main(), None, false).unwrap();
        assert_eq!(names.identities, [("same".into(), x), ("second".into(), y)]);
        assert_eq!(names.outputs, ["same", "second", "y"]);
        assert_eq!(names_of(&model), ["x", "y"]);
    }

    #[test]
    fn an_output_cannot_have_the_name_of_an_input_it_is_not() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let x = model.edit(main).add_input("x", Type::Unknown);
        let y = relu(&mut model, x, "y");
        model.edit(main).add_output("x", y);
        assert!(assign(model.main(), None, false).unwrap_err().to_string().contains("`x`"));
    }

    #[test]
    fn empty_and_clashing_names_are_made_up_without_hitting_others() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let x = model.edit(main).add_input("x", Type::Unknown);
        let a = relu(&mut model, x, "a");
        relu(&mut model, a, "a");
        relu(&mut model, a, "a_1");
        assert_eq!(names_of(&model), ["x", "a", "a_2", "a_1"]);
    }

    #[test]
    fn a_subgraph_gives_way_to_the_names_it_captures() {
        let mut model = Model::new(Dialect::Onnx);
        let main = model.main_id();
        let x = model.edit(main).add_input("x", Type::Unknown);
        let outer = relu(&mut model, x, "outer");
        let body = model.add_graph("body", Some(main));
        let mut editor = model.edit(body);
        let own = editor.add_input("renamed", Type::Unknown);
        let captured = editor.capture(outer);
        model.edit(main).add_output("renamed", outer);
        let names = assign(model.main(), None, false).unwrap();
        let inner = assign(model.graph(body), Some((model.main(), &names)), true).unwrap();
        assert_eq!(inner.of(model.graph(body), captured), "renamed");
        assert_eq!(inner.of(model.graph(body), own), "renamed_1");
    }
}

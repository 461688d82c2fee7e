//! [`Form::Transforms`](super::Form::Transforms): a block of text, again and again.

use std::collections::BTreeMap;

use gtt_ir::{Constant, Graph, Model, Name, Node, NodeId, NodeSpec, Site, ValueId, text};

const BLOCK: &str = include_str!("motifs.gtt");

/// Blocks, each of which reads what the one before gives. `sorted`: the nodes of the file are in an execution order.
pub(super) fn blocks(nodes: usize, sorted: bool) -> Model {
    let pattern = text::parse(BLOCK).expect("the block is well-formed");
    let main = pattern.main();
    let inputs: Vec<ValueId> = main.inputs().iter().map(|port| port.value).collect();
    let result = main.outputs()[0].value;
    let mut model = text::parse(BLOCK).expect("the block is well-formed");
    let (mut last, mut blocks) = (result, 1);
    while model.main().node_count() < nodes {
        let id = model.main_id();
        let rank = (blocks * (main.node_bound() + main.value_bound())) as u32;
        let mut copy = Copy { prefix: format!("block_{blocks}/"), sorted, rank, ..Copy::of(main) };
        copy.values.extend(inputs.iter().map(|&input| (input, input)));
        copy.values.insert(inputs[0], last);
        let mut edit = model.edit(id);
        for (value, found, constant) in main.constants() {
            let made = edit.add_constant(copy.name(&found.name), Constant { rank: copy.rank, ..constant.clone() });
            copy.values.insert(value, made);
        }
        for (node, found) in main.nodes().filter(|(_, node)| node.op.name != "Placeholder") {
            let made = edit.add_node(copy.spec(found));
            let results = found.results().zip(edit.graph().node(made).results());
            copy.values.extend(results);
            copy.nodes.insert(node, made);
        }
        last = copy.values[&result];
        blocks += 1;
    }
    let (id, name) = (model.main_id(), model.main().value(last).name.clone());
    let mut edit = model.edit(id);
    edit.clear_interface();
    for input in inputs {
        edit.add_feed(main.value(input).name.clone(), input);
    }
    edit.add_output(name, last);
    model
}

/// A copy of the block in the making.
struct Copy<'p> {
    pattern: &'p Graph,
    prefix: String,
    sorted: bool,
    rank: u32,
    values: BTreeMap<ValueId, ValueId>,
    nodes: BTreeMap<NodeId, NodeId>,
}

impl<'p> Copy<'p> {
    fn of(pattern: &'p Graph) -> Self {
        let (values, nodes) = (BTreeMap::new(), BTreeMap::new());
        Self { pattern, prefix: String::new(), sorted: true, rank: 0, values, nodes }
    }

    fn name(&self, name: &Name) -> Name {
        Name::from([&self.prefix, name.as_str()].concat())
    }

    fn spec(&self, node: &Node) -> NodeSpec {
        let mut spec = NodeSpec::new(node.op.clone(), self.name(&node.name));
        spec.inputs.extend(node.inputs.iter().map(|value| value.map(|value| self.values[&value])));
        spec.control.extend(node.control.iter().map(|site| match site {
            Site::Node(node) => Site::Node(self.nodes[node]),
            Site::Const(value) => Site::Const(self.values[value]),
        }));
        spec.outputs.extend(node.outputs.iter().map(|value| {
            let value = value.map(|value| self.pattern.value(value));
            value.map_or_else(Default::default, |value| (self.name(&value.name), value.ty.clone()))
        }));
        (spec.attrs, spec.meta) = (node.attrs.clone(), node.meta.clone());
        // Neighbours change places.
        spec.rank(self.rank + if self.sorted { node.rank } else { node.rank ^ 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_valid_models_of_the_size_that_was_asked_for() {
        for sorted in [true, false] {
            let model = blocks(1_000, sorted);
            gtt_ir::verify(&model).expect("a valid model");
            assert!((1_000..1_060).contains(&model.main().node_count()));
            let in_order =
                gtt_ir::traverse::topological(&model, model.main()) == Ok(gtt_ir::traverse::by_rank(model.main()));
            assert_eq!(in_order, sorted);
        }
    }
}

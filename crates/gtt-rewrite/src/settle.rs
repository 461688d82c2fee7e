//! The end of a rewrite: what died goes, newcomers get their names.

use gtt_ir::{Def, Dialect, Name, NodeId, Site, Use, ValueId};
use smallvec::SmallVec;

use crate::rewrite::{Item, NewNode, NewValue, Operand, Rewrite};
use crate::splice::{Made, Splice, may_erase};

impl Splice<'_, '_> {
    /// Erases what died, from the seeds backwards. Iterative.
    pub(crate) fn erase(&mut self) {
        let dialect = self.editor.model().dialect;
        let mut work = std::mem::take(&mut self.seeds);
        let mut values = std::mem::take(&mut self.loose);
        loop {
            while let Some(value) = values.pop() {
                let Some(definition) = self.editor.graph().get_value(value) else { continue };
                match definition.uses() {
                    [] => match definition.def {
                        Def::Const(_) => {
                            self.names.release(&definition.name.clone());
                            self.editor.erase_value(value);
                        }
                        Def::Capture { .. } => self.editor.erase_value(value),
                        _ => {}
                    },
                    [Use::Operand { node, .. }] => self.touched.near.push(*node),
                    _ => {}
                }
            }
            let Some(id) = work.pop() else { return };
            let graph = self.editor.graph();
            let Some(node) = graph.get_node(id) else { continue };
            if !graph.is_dead(id) || !may_erase(self.editor.model(), node) {
                for result in node.results() {
                    if let [Use::Operand { node, .. }] = graph.value(result).uses() {
                        self.touched.near.push(*node);
                    }
                }
                continue;
            }
            let operands: SmallVec<[ValueId; 8]> = node
                .operands()
                .chain(
                    node.attrs
                        .graphs()
                        .flat_map(|inner| self.editor.model().graph(inner).captures())
                        .map(|(outer, _)| outer),
                )
                .collect();
            let control: SmallVec<[Site; 4]> = node.control.iter().copied().collect();
            match dialect {
                Dialect::Tf => self.names.release(&node.name.clone()),
                _ => {
                    for result in node.results() {
                        self.names.release(&graph.value(result).name);
                    }
                }
            }
            self.editor.erase_node(id);
            for site in control {
                match site {
                    Site::Node(source) => work.push(source),
                    Site::Const(value) => values.push(value),
                }
            }
            for value in operands {
                let Some(definition) = self.editor.graph().get_value(value) else { continue };
                match definition.def {
                    Def::Node { node, .. } => {
                        self.touched.near.push(node);
                        work.push(node);
                    }
                    _ => values.push(value),
                }
            }
        }
    }

    /// The value whose name a newcomer (or one of its results) takes over.
    fn heir_of(&self, rewrite: &Rewrite, item: usize, slot: Option<usize>) -> Option<ValueId> {
        let asked = rewrite.names.iter().find(|(of, _)| *of == item && slot.unwrap_or(0) == 0).map(|(_, from)| *from);
        let replaced = self.replacements.iter().find(|(_, new)| match new {
            Operand::New(NewValue { item: of, slot: at }) => *of == item && slot.is_none_or(|slot| slot == *at),
            _ => false,
        });
        asked.or(replaced.map(|(old, _)| *old))
    }

    /// The name that stands for a value in its dialect: TensorFlow's is the node's.
    fn old_name(&self, value: ValueId) -> Name {
        let old = &self.olds[&value];
        match (self.editor.model().dialect, &old.node) {
            (Dialect::Tf, Some((_, node))) => node.clone(),
            _ => old.name.clone(),
        }
    }

    fn unique(&mut self, values: &[ValueId], wanted: &str) -> Name {
        let graph = self.editor.graph_id();
        self.names.unique(self.editor.model(), graph, values, wanted)
    }

    fn derived(&self, anchor: &Name, what: &str) -> Name {
        let separator = if self.editor.model().dialect == Dialect::Tf { '/' } else { '_' };
        let what = what.to_ascii_lowercase();
        if anchor.is_empty() { Name::from(what) } else { Name::from(format!("{anchor}{separator}{what}")) }
    }

    /// Gives all newcomers their names; those that replace something choose first.
    pub(crate) fn settle_names(&mut self, rewrite: &Rewrite, made: &[Made], anchor: &Name) {
        let mut order: Vec<usize> = (0..made.len()).collect();
        order.sort_by_key(|&index| self.heir_of(rewrite, index, None).is_none());
        for index in order {
            match (&rewrite.items[index], made[index]) {
                (Item::Const(new), Made::Const(value)) if self.editor.graph().get_value(value).is_some() => {
                    let from = self.heir_of(rewrite, index, None).or(new.like);
                    let wanted = match (&new.name, from) {
                        (Some(name), _) => name.clone(),
                        (None, Some(from)) => self.old_name(from),
                        (None, None) => self.derived(anchor, "const"),
                    };
                    let name = self.unique(&[value], &wanted);
                    self.editor.set_value_name(value, name);
                }
                (Item::Node(new), Made::Node(node)) if self.editor.graph().get_node(node).is_some() => {
                    match self.editor.model().dialect {
                        Dialect::Tf => self.name_tf_node(rewrite, index, new, node, anchor),
                        _ => self.name_onnx_node(rewrite, index, new, node, anchor),
                    }
                }
                _ => {}
            }
        }
    }

    fn name_tf_node(&mut self, rewrite: &Rewrite, index: usize, new: &NewNode, node: NodeId, anchor: &Name) {
        let wanted = match (&new.name, self.heir_of(rewrite, index, None)) {
            (Some(name), _) => name.clone(),
            (None, Some(from)) => self.old_name(from),
            (None, None) => self.derived(anchor, &new.op.name),
        };
        let results: SmallVec<[ValueId; 2]> = self.editor.graph().node(node).results().collect();
        let name = self.unique(&results, &wanted);
        self.editor.set_node_name(node, name);
    }

    fn name_onnx_node(&mut self, rewrite: &Rewrite, index: usize, new: &NewNode, node: NodeId, anchor: &Name) {
        let results: SmallVec<[(usize, ValueId); 2]> = {
            let outputs = self.editor.graph().node(node).outputs.iter().enumerate();
            outputs.filter_map(|(slot, value)| Some((slot, (*value)?))).collect()
        };
        let mut first: Option<Name> = None;
        for (slot, value) in results {
            let wanted = match (&new.name, self.heir_of(rewrite, index, Some(slot)), &first) {
                (Some(name), _, _) if slot == 0 => name.clone(),
                (_, Some(from), _) => self.old_name(from),
                (_, None, Some(first)) => Name::from(format!("{first}_{slot}")),
                (_, None, None) => self.derived(anchor, &new.op.name),
            };
            let name = self.unique(&[value], &wanted);
            first.get_or_insert_with(|| name.clone());
            self.editor.set_value_name(value, name);
        }
        // The node's own name: that of the node it replaces, if that one is gone and no other newcomer has it. An exporter
        // that left its nodes nameless gets nameless ones.
        let from = self.heir_of(rewrite, index, None).and_then(|value| self.olds[&value].node.clone());
        let name = match (&new.name, from) {
            (Some(name), _) => first.unwrap_or_else(|| name.clone()),
            (None, Some((old, name)))
                if !self.node_names_taken.contains(&name) && self.editor.graph().get_node(old).is_none() =>
            {
                name
            }
            (None, _) if self.anchor_is_nameless => Name::default(),
            (None, _) => first.unwrap_or_default(),
        };
        self.node_names_taken.push(name.clone());
        self.editor.set_node_name(node, name);
    }
}

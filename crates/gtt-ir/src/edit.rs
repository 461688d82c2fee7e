//! The editor: the only code that changes a graph.
//!
//! Every method keeps definitions and uses in step and moves the model's revision. Methods panic on stale ids and on requests
//! that would break the graph (erasing something that is used): these are bugs of the caller, not of the input.

mod metadata;
mod spec;

pub use spec::NodeSpec;

use smallvec::SmallVec;

use crate::uses::{ControlUses, UseList};
use crate::{
    Arena, Attr, ConstOrigin, Constant, Def, Graph, GraphId, Model, Name, Node, NodeId, NodeMeta, Op, Port, Site,
    Tensor, Type, Use, Value, ValueId,
};

/// The editor of one graph of a model.
#[derive(Debug)]
pub struct Editor<'m> {
    model: &'m mut Model,
    graph: GraphId,
}

impl<'m> Editor<'m> {
    pub(crate) fn new(model: &'m mut Model, graph: GraphId) -> Self {
        assert!(model.graphs.get(graph).is_some(), "stale id {graph:?}");
        Self { model, graph }
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.model
    }

    /// The graph as it is now.
    pub fn graph(&self) -> &Graph {
        &self.model.graphs[self.graph]
    }

    /// The id of the graph under edit.
    pub fn graph_id(&self) -> GraphId {
        self.graph
    }

    fn touch(&mut self) -> &mut Graph {
        self.model.revision += 1;
        let graph = &mut self.model.graphs[self.graph];
        graph.revision = self.model.revision;
        graph
    }

    // Building

    /// Makes room for so many more nodes and values, so that building a large graph does not move it about.
    pub fn reserve(&mut self, nodes: usize, values: usize) {
        let graph = &mut self.model.graphs[self.graph];
        graph.nodes.reserve(nodes);
        graph.values.reserve(values);
    }

    /// Adds a node and its results.
    pub fn add_node(&mut self, mut spec: NodeSpec) -> NodeId {
        // Most nodes keep the attributes they were made with, and an attribute is large.
        spec.attrs.shrink();
        let graph = self.touch();
        graph.nests |= spec.attrs.graphs().next().is_some();
        let id = graph.nodes.push(Node {
            op: spec.op,
            inputs: spec.inputs,
            outputs: SmallVec::with_capacity(spec.outputs.len().max(spec.results)),
            control: spec.control,
            control_uses: ControlUses::default(),
            attrs: spec.attrs,
            name: spec.name,
            rank: spec.rank,
            meta: spec.meta,
        });
        for (slot, (name, ty)) in spec.outputs.into_iter().enumerate() {
            let omitted = name.is_empty();
            let value =
                (!omitted).then(|| push_value(&mut graph.values, name, ty, Def::Node { node: id, slot: slot as u32 }));
            graph.nodes[id].outputs.push(value);
        }
        for slot in graph.nodes[id].outputs.len()..spec.results {
            let name = graph.nodes[id].result_name(slot);
            let def = Def::Node { node: id, slot: slot as u32 };
            let value = push_value(&mut graph.values, name, Type::Unknown, def);
            graph.nodes[id].outputs.push(Some(value));
        }
        for slot in 0..graph.nodes[id].inputs.len() {
            if let Some(value) = graph.nodes[id].inputs[slot] {
                graph.values[value].uses.push(Use::Operand { node: id, slot: slot as u32 });
            }
        }
        for index in 0..graph.nodes[id].control.len() {
            let site = graph.nodes[id].control[index];
            add_control_use(graph, site, id);
        }
        id
    }

    /// The result of a node at a slot, made if nothing referred to it yet (TensorFlow).
    pub fn result(&mut self, node: NodeId, slot: usize) -> ValueId {
        if let Some(value) = self.graph().node(node).output(slot) {
            return value;
        }
        let graph = self.touch();
        let name = graph.nodes[node].result_name(slot);
        let value = push_value(&mut graph.values, name, Type::Unknown, Def::Node { node, slot: slot as u32 });
        let outputs = &mut graph.nodes[node].outputs;
        if outputs.len() <= slot {
            outputs.resize(slot + 1, None);
        }
        outputs[slot] = Some(value);
        value
    }

    /// Forgets the results of a TensorFlow node from a slot on; they must be unused. For nodes whose op has become another one.
    pub fn truncate_results(&mut self, node: NodeId, count: usize) {
        while self.graph().node(node).outputs.len() > count {
            let graph = self.touch();
            if let Some(value) = graph.nodes[node].outputs.pop().flatten() {
                assert!(graph.values[value].is_unused(), "value `{}` is still used", graph.values[value].name);
                graph.values.remove(value);
            }
        }
    }

    /// Adds a constant of the dialect's natural form.
    pub fn add_const(&mut self, name: impl Into<Name>, tensor: Tensor, rank: u32) -> ValueId {
        let constant = Constant::new(self.model.dialect, tensor, rank);
        self.add_constant(name, constant)
    }

    /// Adds a constant with its origin.
    pub fn add_constant(&mut self, name: impl Into<Name>, constant: Constant) -> ValueId {
        let ty = constant.tensor.ty();
        push_value(&mut self.touch().values, name.into(), ty, Def::Const(constant))
    }

    /// Adds an ONNX graph input with its port.
    pub fn add_input(&mut self, name: impl Into<Name>, ty: Type) -> ValueId {
        let name = name.into();
        let graph = self.touch();
        let value = push_value(&mut graph.values, name.clone(), ty, Def::Input { default: None });
        graph.inputs.push(Port { name, value });
        value
    }

    /// Gives an ONNX input the initializer of the same name as its overridable default.
    pub fn set_default(&mut self, input: ValueId, constant: Constant) {
        let value = &mut self.touch().values[input];
        match &mut value.def {
            Def::Input { default } => *default = Some(Box::new(constant)),
            _ => panic!("`{}` is not an input", value.name),
        }
    }

    /// Makes ONNX inputs with a default constants: they can no longer be overridden, and their ports go.
    pub fn freeze_inputs(&mut self, inputs: &[ValueId]) {
        if inputs.is_empty() {
            return;
        }
        let graph = self.touch();
        for &input in inputs {
            let value = &mut graph.values[input];
            let Def::Input { default } = &mut value.def else { panic!("`{}` is not an input", value.name) };
            let Some(constant) = default.take() else { panic!("input `{}` has no default", value.name) };
            if value.ty != constant.tensor.ty() {
                value.ty = constant.tensor.ty();
                value.info = None;
            }
            value.def = Def::Const(*constant);
        }
        let (values, ports) = (&graph.values, &mut graph.inputs);
        ports.retain(|port| !matches!(values[port.value].def, Def::Const(_)));
    }

    /// Declares a TensorFlow tensor as fed.
    pub fn add_feed(&mut self, name: impl Into<Name>, value: ValueId) {
        let graph = self.touch();
        let index = graph.inputs.len() as u32;
        graph.inputs.push(Port { name: name.into(), value });
        graph.values[value].uses.push(Use::Input { index });
    }

    /// Takes a declaration of [`Editor::add_feed`] back; the value stays.
    pub fn drop_feed(&mut self, index: usize) {
        let graph = self.touch();
        let port = graph.inputs.remove(index);
        graph.values[port.value].uses.remove(Use::Input { index: index as u32 });
        for (new, port) in graph.inputs.iter().enumerate().skip(index) {
            let uses = &mut graph.values[port.value].uses;
            uses.remove(Use::Input { index: new as u32 + 1 });
            uses.push(Use::Input { index: new as u32 });
        }
    }

    /// Declares an output.
    pub fn add_output(&mut self, name: impl Into<Name>, value: ValueId) {
        let graph = self.touch();
        let index = graph.outputs.len() as u32;
        graph.outputs.push(Port { name: name.into(), value });
        graph.values[value].uses.push(Use::Output { index });
    }

    /// Forgets all TensorFlow feeds and all outputs and kept nodes, so that others can be declared. ONNX inputs stay.
    pub fn clear_interface(&mut self) {
        let graph = self.touch();
        for (index, port) in std::mem::take(&mut graph.outputs).into_iter().enumerate() {
            graph.values[port.value].uses.remove(Use::Output { index: index as u32 });
        }
        if graph.inputs.iter().any(|port| !matches!(graph.values[port.value].def, Def::Input { .. })) {
            for (index, port) in std::mem::take(&mut graph.inputs).into_iter().enumerate() {
                graph.values[port.value].uses.remove(Use::Input { index: index as u32 });
            }
        }
        graph.kept.take();
    }

    /// Declares these ONNX inputs, in this order, and no others; what is not among them must be unused and goes.
    pub fn set_input_ports(&mut self, inputs: &[ValueId]) {
        let graph = self.touch();
        let mut ports = std::mem::take(&mut graph.inputs);
        for &input in inputs {
            let at = ports.iter().position(|port| port.value == input).expect("an input of the graph");
            graph.inputs.push(ports.remove(at));
        }
        for port in ports {
            assert!(graph.values[port.value].is_unused(), "input `{}` is still used", port.name);
            graph.values.remove(port.value);
        }
    }

    /// Says that the outputs are to be declared as the types of their values are, whatever the file declared: for passes that may
    /// change the interface.
    pub fn redeclare_outputs(&mut self) {
        self.touch().redeclared = true;
    }

    /// Lets a node stay though nothing reads it.
    pub fn keep(&mut self, node: NodeId) {
        let graph = self.touch();
        if !graph.kept.contains(node) {
            graph.kept.push(node);
        }
    }

    /// Lets another node stay instead of one that need not any more.
    pub fn replace_kept(&mut self, old: NodeId, new: NodeId) {
        let graph = self.touch();
        graph.kept.replace(old, new);
    }

    /// Lets no node stay that nothing reads.
    pub fn clear_kept(&mut self) {
        if !self.graph().kept().is_empty() {
            self.touch().kept.take();
        }
    }

    /// In a subgraph: the value that stands for a value of the enclosing graph; made on first use.
    pub fn capture(&mut self, outer: ValueId) -> ValueId {
        if let Some(&value) = self.graph().captures.get(&outer) {
            return value;
        }
        let parent = self.graph().parent.expect("only a subgraph captures");
        let graph_id = self.graph;
        let (name, ty) = {
            let outer = &mut self.model.graphs[parent].values[outer];
            outer.uses.push(Use::Capture { graph: graph_id });
            (outer.name.clone(), outer.ty.clone())
        };
        let graph = self.touch();
        let value = push_value(&mut graph.values, name, ty, Def::Capture { outer });
        graph.captures.insert(outer, value);
        value
    }

    /// Adds an empty graph inside of this one. It must then become an attribute of a node of this graph.
    pub fn add_subgraph(&mut self, name: impl Into<Name>) -> GraphId {
        let name = name.into();
        self.model.add_graph(&name, Some(self.graph))
    }

    // Changing nodes

    /// Changes one operand.
    pub fn set_input(&mut self, node: NodeId, slot: usize, value: Option<ValueId>) {
        let graph = self.touch();
        let used = Use::Operand { node, slot: slot as u32 };
        let old = std::mem::replace(&mut graph.nodes[node].inputs[slot], value);
        if let Some(old) = old {
            graph.values[old].uses.remove(used);
        }
        if let Some(value) = value {
            graph.values[value].uses.push(used);
        }
    }

    /// Changes all operands; the count may change.
    pub fn set_inputs(&mut self, node: NodeId, inputs: impl IntoIterator<Item = Option<ValueId>>) {
        let graph = self.touch();
        let inputs: SmallVec<[Option<ValueId>; 4]> = inputs.into_iter().collect();
        let old = std::mem::replace(&mut graph.nodes[node].inputs, inputs);
        for (slot, value) in old.into_iter().enumerate() {
            if let Some(value) = value {
                graph.values[value].uses.remove(Use::Operand { node, slot: slot as u32 });
            }
        }
        for slot in 0..graph.nodes[node].inputs.len() {
            if let Some(value) = graph.nodes[node].inputs[slot] {
                graph.values[value].uses.push(Use::Operand { node, slot: slot as u32 });
            }
        }
    }

    /// Changes all control inputs.
    pub fn set_control(&mut self, node: NodeId, control: impl IntoIterator<Item = Site>) {
        let graph = self.touch();
        let old = std::mem::replace(&mut graph.nodes[node].control, control.into_iter().collect());
        for site in old {
            remove_control_use(graph, site, node);
        }
        for index in 0..graph.nodes[node].control.len() {
            let site = graph.nodes[node].control[index];
            add_control_use(graph, site, node);
        }
    }

    /// Drops every control edge of the graph, in linear time. The revision stays when there was none.
    pub fn clear_control(&mut self) {
        if self.graph().nodes().all(|(_, node)| node.control.is_empty()) {
            return;
        }
        let graph = self.touch();
        let ids: Vec<NodeId> = graph.nodes.ids().collect();
        for id in ids {
            graph.nodes[id].control_uses = ControlUses::default();
            for site in std::mem::take(&mut graph.nodes[id].control) {
                if let Site::Const(value) = site {
                    graph.values[value].uses.remove(Use::Control { node: id });
                }
            }
        }
    }

    /// Sets an attribute. Subgraphs that it held and no longer holds are erased.
    pub fn set_attr(&mut self, node: NodeId, name: &str, value: Attr) {
        let old = self.graph().node(node).attr(name).map_or(Vec::new(), |old| old.graphs().to_vec());
        let gone: Vec<GraphId> = old.into_iter().filter(|graph| !value.graphs().contains(graph)).collect();
        let graph = self.touch();
        graph.nests |= !value.graphs().is_empty();
        graph.nodes[node].attrs.set(name, value);
        gone.into_iter().for_each(|graph| self.erase_graph(graph));
    }

    /// Removes an attribute, and subgraphs that it held; says whether it was there. The revision stays when it was not.
    pub fn remove_attr(&mut self, node: NodeId, name: &str) -> bool {
        let Some(old) = self.graph().node(node).attr(name) else { return false };
        let gone = old.graphs().to_vec();
        self.touch().nodes[node].attrs.remove(name);
        gone.into_iter().for_each(|graph| self.erase_graph(graph));
        true
    }

    /// Changes what a node computes.
    pub fn set_op(&mut self, node: NodeId, op: Op) {
        self.touch().nodes[node].op = op;
    }

    /// Renames a node. In TensorFlow its values are renamed with it.
    pub fn set_node_name(&mut self, node: NodeId, name: impl Into<Name>) {
        let derived = self.model.dialect == crate::Dialect::Tf;
        let graph = self.touch();
        graph.nodes[node].name = name.into();
        if derived {
            for slot in 0..graph.nodes[node].outputs.len() {
                if let Some(value) = graph.nodes[node].outputs[slot] {
                    graph.values[value].name = graph.nodes[node].result_name(slot);
                }
            }
        }
    }

    /// Changes device and the like.
    pub fn set_node_meta(&mut self, node: NodeId, meta: Option<Box<NodeMeta>>) {
        self.touch().nodes[node].meta = meta;
    }

    /// Moves a node to another place in the file.
    pub fn set_node_rank(&mut self, node: NodeId, rank: u32) {
        self.touch().nodes[node].rank = rank;
    }

    // Changing values

    /// Renames a value, and what captures it. TensorFlow results are renamed through their node.
    pub fn set_value_name(&mut self, value: ValueId, name: impl Into<Name>) {
        self.touch();
        self.rename(self.graph, value, &name.into());
    }

    /// A capture is called like what it captures: exporters write its name.
    fn rename(&mut self, graph: GraphId, value: ValueId, name: &Name) {
        let mut work = vec![(graph, value)];
        while let Some((graph, value)) = work.pop() {
            let renamed = &mut self.model.graphs[graph].values[value];
            renamed.name = name.clone();
            for used in self.model.graphs[graph].values[value].uses() {
                if let Use::Capture { graph: inner } = used {
                    work.push((*inner, self.model.graphs[*inner].captures[&value]));
                }
            }
        }
    }

    /// Declares a type.
    pub fn set_type(&mut self, value: ValueId, ty: Type) {
        let value = &mut self.touch().values[value];
        value.ty = ty;
        if !matches!(value.def, Def::Input { .. }) {
            value.info = None;
        }
    }

    /// Declares a type as read from the file, with its encoded message.
    pub fn set_info(&mut self, value: ValueId, ty: Type, info: bytes::Bytes) {
        let value = &mut self.touch().values[value];
        value.ty = ty;
        value.info = Some(Box::new(info));
    }

    /// Replaces the constant of a value: tensor, origin, place and attributes.
    pub fn set_constant(&mut self, value: ValueId, constant: Constant) {
        let value = &mut self.touch().values[value];
        assert!(matches!(value.def, Def::Const(_)), "`{}` is not a constant", value.name);
        value.ty = constant.tensor.ty();
        value.info = None;
        value.def = Def::Const(constant);
    }

    /// Replaces the tensor of a constant; name, place and attributes stay.
    pub fn set_tensor(&mut self, value: ValueId, tensor: Tensor) {
        let value = &mut self.touch().values[value];
        let Def::Const(constant) = &mut value.def else { panic!("`{}` is not a constant", value.name) };
        if value.ty != tensor.ty() {
            value.ty = tensor.ty();
            value.info = None;
        }
        if constant.origin == ConstOrigin::ConstantNode
            && let Some(meta) = &mut constant.meta
        {
            meta.value = None;
        }
        constant.tensor = tensor;
    }

    /// Lets every use of `old` refer to `new`, outputs and captures included; ports keep their names.
    pub fn replace_uses(&mut self, old: ValueId, new: ValueId) {
        if old == new || self.graph().value(old).is_unused() {
            return;
        }
        let uses = self.touch().values[old].uses.take();
        for used in uses {
            self.redirect(used, old, new);
        }
    }

    /// Lets the operand uses of `old` for which `keep` is false refer to `new`.
    pub fn replace_operand_uses(&mut self, old: ValueId, new: ValueId, keep: impl Fn(NodeId) -> bool) {
        let uses: Vec<Use> = self.graph().value(old).uses().to_vec();
        for used in uses {
            if let Use::Operand { node, slot } = used
                && !keep(node)
            {
                self.set_input(node, slot as usize, Some(new));
            }
        }
    }

    fn redirect(&mut self, used: Use, old: ValueId, new: ValueId) {
        let graph = &mut self.model.graphs[self.graph];
        match used {
            Use::Operand { node, slot } => graph.nodes[node].inputs[slot as usize] = Some(new),
            Use::Output { index } => {
                graph.outputs[index as usize].value = new;
                // A file must say what type an output has.
                if graph.values[new].ty == Type::Unknown {
                    graph.values[new].ty = graph.values[old].ty.clone();
                }
            }
            Use::Input { index } => graph.inputs[index as usize].value = new,
            Use::Control { node } => {
                let readers_own = |site: &Site| *site == Site::Node(node) || graph.nodes[node].control.contains(site);
                let site = site_of(graph, new).filter(|site| !readers_own(site));
                let control = &mut graph.nodes[node].control;
                let at = control.iter().position(|site| *site == Site::Const(old)).expect("a control use has its edge");
                match site {
                    Some(site) => {
                        control.make_mut()[at] = site;
                        add_control_use(graph, site, node);
                    }
                    None => {
                        control.remove(at);
                    }
                }
                return;
            }
            Use::Capture { graph: inner } => {
                self.redirect_capture(inner, old, new);
                return;
            }
        }
        graph.values[new].uses.push(used);
    }

    fn redirect_capture(&mut self, inner: GraphId, old: ValueId, new: ValueId) {
        let parent = self.graph;
        let value = self.model.graphs[inner].captures.remove(&old).expect("a capture use has its value");
        if let Some(&other) = self.model.graphs[inner].captures.get(&new) {
            self.model.edit(inner).replace_uses(value, other);
            self.model.graphs[inner].values.remove(value);
            return;
        }
        let name = self.model.graphs[parent].values[new].name.clone();
        self.model.graphs[inner].values[value].def = Def::Capture { outer: new };
        self.rename(inner, value, &name);
        self.model.graphs[inner].captures.insert(new, value);
        self.model.graphs[parent].values[new].uses.push(Use::Capture { graph: inner });
    }

    /// Lets all nodes that have `from` as control input have `to` instead; `None` drops the edges.
    pub fn replace_control_uses(&mut self, from: Site, to: Option<Site>) {
        let readers: Vec<NodeId> = match from {
            Site::Node(node) => self.graph().node(node).control_uses.to_vec(),
            Site::Const(value) => {
                let uses = self.graph().value(value).uses().iter();
                uses.filter_map(|used| if let Use::Control { node } = used { Some(*node) } else { None }).collect()
            }
        };
        for reader in readers {
            let mut control: SmallVec<[Site; 4]> = SmallVec::new();
            for &site in &self.graph().node(reader).control {
                let site = if site == from { to } else { Some(site) };
                if let Some(site) = site
                    && site != Site::Node(reader)
                    && !control.contains(&site)
                {
                    control.push(site);
                }
            }
            self.set_control(reader, control);
        }
    }

    // Erasing

    /// Erases a node and its results. They must be unused; control edges from it must be gone.
    pub fn erase_node(&mut self, id: NodeId) {
        assert!(self.graph().is_dead(id), "node `{}` is still used", self.graph().node(id).name);
        self.set_inputs(id, []);
        self.set_control(id, []);
        let graph = self.touch();
        let node = graph.nodes.remove(id).expect("a live node");
        for value in node.results() {
            graph.values.remove(value);
        }
        for inner in node.attrs.graphs() {
            self.erase_graph(inner);
        }
    }

    fn erase_graph(&mut self, id: GraphId) {
        let Some(graph) = self.model.graphs.remove(id) else { return };
        if let Some(parent) = graph.parent.and_then(|parent| self.model.graphs.get_mut(parent)) {
            for (outer, value) in &graph.captures {
                if graph.values.get(*value).is_some()
                    && let Some(outer) = parent.values.get_mut(*outer)
                {
                    outer.uses.remove(Use::Capture { graph: id });
                }
            }
        }
        for (_, node) in graph.nodes.iter() {
            for inner in node.attrs.graphs() {
                self.erase_graph(inner);
            }
        }
    }

    /// Erases a constant or capture that nothing uses.
    pub fn erase_value(&mut self, id: ValueId) {
        let value = self.graph().value(id);
        assert!(value.is_unused(), "value `{}` is still used", value.name);
        match value.def {
            Def::Const(_) => {}
            Def::Capture { outer } => {
                let graph_id = self.graph;
                let parent = self.graph().parent.expect("a capture has a parent");
                self.model.graphs[parent].values[outer].uses.remove(Use::Capture { graph: graph_id });
                self.touch().captures.remove(&outer);
            }
            Def::Input { .. } | Def::Node { .. } => panic!("`{}` is not a constant", self.graph().value(id).name),
        }
        self.touch().values.remove(id);
    }

    /// Erases `seeds` as far as they are dead, and then what only they used. `may_erase` is asked for each node. Constants and
    /// captures that lose their last use go too. Iterative: depth is no limit.
    pub fn erase_dead(&mut self, seeds: impl IntoIterator<Item = NodeId>, may_erase: impl Fn(&Node) -> bool) -> usize {
        let mut work: Vec<NodeId> = seeds.into_iter().collect();
        let mut erased = 0;
        while let Some(id) = work.pop() {
            let Some(node) = self.graph().get_node(id) else { continue };
            if !self.graph().is_dead(id) || !may_erase(node) {
                continue;
            }
            let mut operands: SmallVec<[ValueId; 8]> = node.operands().collect();
            let mut control: SmallVec<[NodeId; 4]> = SmallVec::new();
            for site in &node.control {
                match site {
                    Site::Node(node) => control.push(*node),
                    Site::Const(value) => operands.push(*value),
                }
            }
            for inner in node.attrs.graphs() {
                operands.extend(self.model.graphs[inner].captures.keys().copied());
            }
            self.erase_node(id);
            erased += 1;
            work.extend(control);
            for value in operands {
                let Some(definition) = self.graph().get_value(value) else { continue };
                match definition.def {
                    Def::Node { node, .. } => work.push(node),
                    Def::Const(_) | Def::Capture { .. } if definition.is_unused() => self.erase_value(value),
                    _ => {}
                }
            }
        }
        erased
    }
}

fn push_value(values: &mut Arena<ValueId, Value>, name: Name, ty: Type, def: Def) -> ValueId {
    values.push(Value { name, ty, info: None, def, uses: UseList::default() })
}

fn site_of(graph: &Graph, value: ValueId) -> Option<Site> {
    match graph.values[value].def {
        Def::Node { node, .. } => Some(Site::Node(node)),
        Def::Const(_) => Some(Site::Const(value)),
        _ => None,
    }
}

fn add_control_use(graph: &mut Graph, site: Site, node: NodeId) {
    match site {
        Site::Node(source) => graph.nodes[source].control_uses.push(node),
        Site::Const(value) => graph.values[value].uses.push(Use::Control { node }),
    }
}

fn remove_control_use(graph: &mut Graph, site: Site, node: NodeId) {
    match site {
        Site::Node(source) => {
            graph.nodes[source].control_uses.remove(node);
        }
        Site::Const(value) => {
            graph.values[value].uses.remove(Use::Control { node });
        }
    }
}

#[cfg(test)]
mod tests;

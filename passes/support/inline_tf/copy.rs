//! The copy of a body, made step by step: constants, nodes, what they read and wait for, and what readers of the call get.

use bytes::Bytes;
use gtt_ir::{
    Attr, Attrs, ConstMeta, Constant, Graph, GraphId, Model, Name, Node, NodeId, NodeSpec, Op, Site, Type, Use,
    ValueId, traverse,
};
use gtt_rewrite::PassContext;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::region::Gate;
use super::{TfCall, free_name, has_effect, result_dtype};

/// A `Const` node of the body that takes its element type from the call is a constant of the copy, if it waits for nothing.
fn constant_of(spec: &NodeSpec, node: &Node) -> Option<Constant> {
    let waits = node.control.iter().any(|site| matches!(site, Site::Node(_))) || !node.control_uses.is_empty();
    let (Attr::Tensor(tensor), Attr::DType(dtype)) = (spec.attrs.get("value")?, spec.attrs.get("dtype")?) else {
        return None;
    };
    if !node.op.is_tf("Const") || waits || tensor.dtype() != *dtype {
        return None;
    }
    let mut constant = Constant::new(gtt_ir::Dialect::Tf, tensor.clone(), spec.rank);
    let mut attrs = spec.attrs.clone();
    attrs.remove("value");
    attrs.remove("dtype");
    let node = spec.meta.as_deref().cloned().unwrap_or_default();
    constant.meta = Some(Box::new(ConstMeta { attrs, node, ..ConstMeta::default() }));
    Some(constant)
}

/// A constant as a node that waits for another one.
fn constant_node(name: Name, constant: Constant, waits_for: Site) -> NodeSpec {
    let ty = constant.tensor.ty();
    let mut spec = NodeSpec::new(Op::tf("Const"), name.clone()).rank(constant.rank).output(name, ty);
    spec.attrs.set("dtype", Attr::DType(constant.tensor.dtype()));
    spec.attrs.set("value", Attr::Tensor(constant.tensor));
    if let Some(meta) = constant.meta {
        meta.attrs.iter().for_each(|entry| spec.attrs.set(&entry.name, entry.value.clone()));
        spec.meta = Some(Box::new(meta.node));
    }
    spec.control = [waits_for].into_iter().collect();
    spec
}

/// A copy of a body in the making.
pub(super) struct Copy<'c, 'a, 'i> {
    cx: &'c mut PassContext<'a>,
    graph: GraphId,
    id: NodeId,
    call: &'i TfCall,
    /// The name of the call.
    name: Name,
    names: &'i mut FxHashSet<Name>,
    values: FxHashMap<ValueId, ValueId>,
    nodes: FxHashMap<NodeId, NodeId>,
    /// Nodes of the body in execution order.
    pub(super) order: Vec<NodeId>,
    /// What everything that reads nothing of the copy waits for, if the call lies in a branch or loop of v1 control flow.
    gate: Option<Gate>,
}

impl<'c, 'a, 'i> Copy<'c, 'a, 'i> {
    pub(super) fn new(
        cx: &'c mut PassContext<'a>,
        graph: GraphId,
        id: NodeId,
        call: &'i TfCall,
        names: &'i mut FxHashSet<Name>,
        gate: Option<Gate>,
    ) -> Self {
        let name = cx.graph(graph).node(id).name.clone();
        let (values, nodes) = (FxHashMap::default(), FxHashMap::default());
        Self { cx, graph, id, call, name, names, values, nodes, order: Vec::new(), gate }
    }

    /// The nodes that were made of the body's.
    pub(super) fn copies(&self) -> Vec<NodeId> {
        self.nodes.values().copied().collect()
    }

    fn model(&self) -> &Model {
        self.cx.model()
    }

    /// `call/name`, with a number if that is taken.
    fn free_name(&mut self, name: &str) -> Name {
        free_name(self.names, &self.name, name)
    }

    /// Constants that something in the body reads or returns.
    pub(super) fn constants(&mut self, shared: &mut FxHashMap<ValueId, ValueId>) {
        let body = self.call.body;
        let rank = self.cx.graph(self.graph).node(self.id).rank;
        let found: Vec<(ValueId, Name, Constant)> = self
            .cx
            .graph(body)
            .constants()
            .filter(|(_, value, _)| value.uses().iter().any(|used| !matches!(used, Use::Control { .. })))
            .map(|(id, value, constant)| (id, value.name.clone(), constant.clone()))
            .collect();
        for (id, name, mut constant) in found {
            let in_frame = self.gate.is_some_and(|gate| gate.in_frame);
            if let Some(&copy) = shared.get(&id).filter(|_| !in_frame) {
                self.values.insert(id, copy);
                continue;
            }
            constant.rank = rank;
            if let Some(meta) = &mut constant.meta {
                meta.attrs = self.attributes(&meta.attrs.clone());
            }
            let name = self.free_name(&name);
            let copy = match self.gate {
                // In a loop a constant is a node of the loop's frame, which runs in each iteration.
                Some(gate) if gate.in_frame => {
                    let node = self.cx.edit(self.graph).add_node(constant_node(name, constant, gate.site));
                    self.cx.edit(self.graph).result(node, 0)
                }
                _ => {
                    let copy = self.cx.edit(self.graph).add_constant(name, constant);
                    shared.insert(id, copy);
                    copy
                }
            };
            self.values.insert(id, copy);
        }
    }

    /// The nodes, without what they read.
    pub(super) fn nodes(&mut self) {
        let body = self.call.body;
        for (port, &operand) in self.cx.graph(body).inputs().iter().zip(&self.call.operands) {
            self.values.insert(port.value, operand);
        }
        let (model, within) = (self.model(), self.cx.graph(body));
        self.order = traverse::topological(model, within).unwrap_or_else(|_| traverse::by_rank(within));
        let call = self.cx.graph(self.graph).node(self.id);
        let (rank, device) = (call.rank, call.meta.as_ref().map(|meta| meta.device.clone()).unwrap_or_default());
        for at in 0..self.order.len() {
            let old = self.order[at];
            let node = self.cx.graph(body).node(old).clone();
            let mut spec = NodeSpec::new(node.op.clone(), self.free_name(&node.name)).rank(rank);
            spec.attrs = self.attributes(&node.attrs);
            spec.meta = node.meta.clone();
            if self.call.one_device && !device.is_empty() {
                spec.meta.get_or_insert_default().device = device.clone();
            }
            let types: SmallVec<[(usize, ValueId, Type); 2]> = (0..)
                .zip(&node.outputs)
                .filter_map(|(slot, value)| Some((slot, (*value)?)))
                .map(|(slot, value)| (slot, value, self.cx.graph(body).value(value).ty.clone()))
                .collect();
            let in_frame = self.gate.is_some_and(|gate| gate.in_frame);
            let constant = constant_of(&spec, &node).filter(|_| !in_frame);
            if let (Some(constant), [(_, value, _)]) = (constant, &types[..]) {
                let copy = self.cx.edit(self.graph).add_constant(spec.name, constant);
                self.values.insert(*value, copy);
                continue;
            }
            let mut editor = self.cx.edit(self.graph);
            let copy = editor.add_node(spec);
            for (slot, value, ty) in types {
                let result = editor.result(copy, slot);
                if ty != Type::Unknown {
                    editor.set_type(result, ty);
                }
                self.values.insert(value, result);
            }
            self.nodes.insert(old, copy);
        }
    }

    /// What the nodes read and wait for.
    pub(super) fn connect(&mut self) {
        let body = self.call.body;
        let waits: SmallVec<[Site; 4]> = match self.gate {
            Some(gate) => SmallVec::from_iter([gate.site]),
            None => self.cx.graph(self.graph).node(self.id).control.iter().copied().collect(),
        };
        let own = |graph: &Graph, node: &Node| {
            node.operands().any(|value| graph.def_node(value).is_some())
                || node.control.iter().any(|site| matches!(site, Site::Node(_)))
        };
        let first: Vec<NodeId> =
            self.order.iter().copied().filter(|&id| !own(self.cx.graph(body), self.cx.graph(body).node(id))).collect();
        // Many edges at once meet in one node.
        let waits = if waits.len() > 1 && first.len() > 1 {
            let name = self.free_name("control_inputs");
            let rank = self.cx.graph(self.graph).node(self.id).rank;
            let mut spec = NodeSpec::new(Op::tf("NoOp"), name).rank(rank);
            spec.control = waits.into_iter().collect();
            SmallVec::from_iter([Site::Node(self.cx.edit(self.graph).add_node(spec))])
        } else {
            waits
        };
        let first: FxHashSet<NodeId> = first.into_iter().collect();
        for at in 0..self.order.len() {
            let old = self.order[at];
            let Some(&copy) = self.nodes.get(&old) else { continue };
            let node = self.cx.graph(body).node(old);
            let inputs: SmallVec<[Option<ValueId>; 4]> =
                node.inputs.iter().map(|value| self.values.get(&(*value)?).copied()).collect();
            let mut control: SmallVec<[Site; 4]> = node
                .control
                .iter()
                .filter_map(|site| match site {
                    Site::Node(node) => self.nodes.get(node).map(|node| Site::Node(*node)),
                    // A constant orders nothing.
                    Site::Const(_) => None,
                })
                .collect();
            if first.contains(&old) {
                control.extend(waits.iter().copied());
            }
            let mut editor = self.cx.edit(self.graph);
            editor.set_inputs(copy, inputs);
            if !control.is_empty() {
                editor.set_control(copy, control);
            }
        }
    }

    /// Lets readers of the call read the body's results, and those who waited for it wait for its effects.
    pub(super) fn hand_on(&mut self) {
        let body = self.cx.graph(self.call.body);
        let effects: Vec<NodeId> =
            self.order.iter().copied().filter(|&id| has_effect(body.node(id)) || body.is_kept(id)).collect();
        let returned: Vec<ValueId> = body.outputs().iter().map(|port| port.value).collect();
        let node = self.cx.graph(self.graph).node(self.id);
        let results: SmallVec<[Option<ValueId>; 2]> = node.outputs.iter().copied().collect();
        let parked = self.free_name("call");
        self.cx.edit(self.graph).set_node_name(self.id, parked);
        self.names.remove(&self.name);
        for (slot, result) in results.iter().enumerate() {
            let Some(result) = *result else { continue };
            if self.cx.graph(self.graph).value(result).is_unused() {
                continue;
            }
            let value = self.values[&returned[slot]];
            let mut loose = self.loose(&effects, returned[slot]);
            // What the body only hands through is there whether the call runs or not.
            let is_through = self.cx.graph(self.call.body).def_node(returned[slot]).is_none();
            loose.extend(self.gate.filter(|_| is_through).map(|gate| gate.site));
            let value = if loose.is_empty() { value } else { self.together(result, slot, value, loose) };
            self.cx.edit(self.graph).replace_uses(result, value);
        }
        self.hand_on_control(&effects, &returned);
        let mut editor = self.cx.edit(self.graph);
        let operands: Vec<ValueId> = editor.graph().node(self.id).operands().collect();
        editor.erase_node(self.id);
        for value in operands {
            let unused =
                editor.graph().get_value(value).is_some_and(|value| value.constant().is_some() && value.is_unused());
            if unused {
                editor.erase_value(value);
            }
        }
    }

    /// Effects that a result of the body does not need, as copies.
    fn loose(&self, effects: &[NodeId], result: ValueId) -> SmallVec<[Site; 4]> {
        if effects.is_empty() {
            return SmallVec::new();
        }
        let body = self.cx.graph(self.call.body);
        let behind = traverse::reachable(self.model(), body, [result], [], |_| false);
        let loose = effects.iter().filter(|&&id| !behind.node(id));
        loose.map(|id| Site::Node(self.nodes[id])).collect()
    }

    /// A value that is there once effects have happened.
    fn together(&mut self, result: ValueId, slot: usize, value: ValueId, effects: SmallVec<[Site; 4]>) -> ValueId {
        let node = self.cx.graph(self.graph).node(self.id);
        let dtype = result_dtype(node, self.cx.graph(self.call.body), slot);
        let (rank, ty) = (node.rank, self.cx.graph(self.graph).value(result).ty.clone());
        let free = slot == 0 && self.names.insert(self.name.clone());
        let name = if free { self.name.clone() } else { self.free_name(&format!("result_{slot}")) };
        let mut spec =
            NodeSpec::new(Op::tf("Identity"), name.clone()).inputs([Some(value)]).output(name, ty).rank(rank);
        if let Some(dtype) = dtype {
            spec.attrs.set("T", Attr::DType(dtype));
        }
        spec.control = effects.into_iter().collect();
        let mut editor = self.cx.edit(self.graph);
        let identity = editor.add_node(spec);
        editor.result(identity, 0)
    }

    fn hand_on_control(&mut self, effects: &[NodeId], returned: &[ValueId]) {
        let graph = self.cx.graph(self.graph);
        let kept = graph.kept().contains(&self.id);
        let node = graph.node(self.id);
        if node.control_uses.is_empty() && !kept {
            return;
        }
        let mut sites: SmallVec<[Site; 4]> = effects.iter().map(|id| Site::Node(self.nodes[id])).collect();
        let values = returned.iter().map(|value| self.values[value]);
        sites.extend(values.filter_map(|value| graph.def_node(value)).map(Site::Node));
        sites.extend(node.control.iter().copied());
        sites.extend(self.gate.map(|gate| gate.site));
        sites.sort_unstable();
        sites.dedup();
        let site = match (&sites[..], kept) {
            ([], false) => None,
            (&[only], false) => Some(only),
            _ => {
                let rank = node.rank;
                let public = graph.outputs().iter().any(|port| port.name.split(':').next() == Some(self.name.as_str()));
                let free = !public && self.names.insert(self.name.clone());
                let name = if free { self.name.clone() } else { self.free_name("control_outputs") };
                let mut spec = NodeSpec::new(Op::tf("NoOp"), name).rank(rank);
                spec.control = sites.into_iter().collect();
                Some(Site::Node(self.cx.edit(self.graph).add_node(spec)))
            }
        };
        let mut editor = self.cx.edit(self.graph);
        editor.replace_control_uses(Site::Node(self.id), site);
        if let (true, Some(Site::Node(target))) = (kept, site) {
            editor.replace_kept(self.id, target);
        }
    }

    /// Attributes with what the call gives; frames get names of their own, and colocation is within the copy.
    fn attributes(&self, attrs: &Attrs) -> Attrs {
        let mut copies = Attrs::with_capacity(attrs.len());
        let call = &self.name;
        for entry in attrs.iter() {
            let mut entry = entry.clone();
            let new = match (&entry.value, entry.name.as_str()) {
                (Attr::Ref(name), _) => self.call.attrs.get(name).cloned(),
                (Attr::Str(frame), "frame_name") => {
                    let mut name = format!("{call}/").into_bytes();
                    name.extend_from_slice(frame);
                    Some(Attr::Str(Bytes::from(name)))
                }
                (Attr::Strs(classes), "_class") => {
                    let within = |class: &Bytes| match class.strip_prefix(b"loc:@") {
                        Some(name) => [format!("loc:@{call}/").as_bytes(), name].concat().into(),
                        None => class.clone(),
                    };
                    Some(Attr::Strs(classes.iter().map(within).collect()))
                }
                _ => None,
            };
            if let Some(new) = new {
                entry.value = new;
                entry.encoded = None;
            }
            copies.push(entry);
        }
        copies
    }
}

//! Applying one rewrite: make, change, erase, name.

use gtt_ir::{
    ConstMeta, ConstOrigin, Constant, Def, Dialect, Editor, GraphId, Model, Name, Node, NodeId, NodeMeta, NodeSpec, Op,
    Site, Type, Use, ValueId,
};
use gtt_ops::info::{Effects, effects_of, info};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::contract::contradict;
use crate::control::ControlPlan;
use crate::names::Names;
use crate::rewrite::{Change, Item, NewConst, NewNode, NewValue, Operand, Rewrite};
use crate::rule::is_fed;

/// A node that nothing reads may go: known, no feed, no effects inside either.
pub(crate) fn may_erase(model: &Model, node: &Node) -> bool {
    let info = info(&node.op);
    info.is_erasable() && (!info.has_subgraphs || matches!(effects_of(model, node), Effects::Pure | Effects::Random))
}

/// What a rewrite touched, for revisits and types.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// New and changed nodes, in the order of making.
    pub(crate) changed: Vec<NodeId>,
    /// Nodes near by: readers of what was replaced, those that lost a reader.
    pub(crate) near: Vec<NodeId>,
    /// New values with the type of what they replace.
    pub(crate) typed: Vec<(ValueId, Type)>,
}

/// Checks that a rewrite speaks of things that are there; else the words of the bug.
pub(crate) fn validate(model: &Model, graph: GraphId, rewrite: &Rewrite) -> Result<(), String> {
    let graph = model.graph(graph);
    let known = |operand: &Operand, before: usize| match operand {
        Operand::Old(value) if graph.get_value(*value).is_none() => Err(format!("it uses erased value {value:?}")),
        Operand::New(new) if new.item >= before => {
            Err("it uses an item that is made later or by another rewrite".to_owned())
        }
        Operand::New(new) => match &rewrite.items[new.item] {
            Item::Node(node) if new.slot >= node.results => {
                Err(format!("it uses result {} of new node {}, which has {}", new.slot, node.op, node.results))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    };
    let node = |id: NodeId| graph.get_node(id).map(|_| ()).ok_or_else(|| format!("it changes erased node {id:?}"));
    for (index, item) in rewrite.items.iter().enumerate() {
        if let Item::Node(new) = item {
            new.inputs.iter().try_for_each(|operand| known(operand, index))?;
        }
    }
    let all = rewrite.items.len();
    for change in &rewrite.changes {
        match change {
            Change::Replace { old, new } => {
                known(&Operand::Old(*old), all)?;
                known(new, all)?;
                if matches!(new, Operand::Omitted) {
                    return Err("it replaces a value by nothing".to_owned());
                }
            }
            Change::SetInputs { node: id, inputs } => {
                node(*id)?;
                inputs.iter().try_for_each(|operand| known(operand, all))?;
            }
            Change::SetInput { node: id, operand, .. } => {
                node(*id)?;
                known(operand, all)?;
            }
            Change::SetTensor { value, .. } => {
                if graph.get_value(*value).is_none_or(|value| value.constant().is_none()) {
                    return Err("it sets the tensor of something that is not a constant".to_owned());
                }
            }
            Change::SetType { value, .. } => known(&Operand::Old(*value), all)?,
            Change::SetAttr { node: id, .. }
            | Change::RemoveAttr { node: id, .. }
            | Change::SetOp { node: id, .. }
            | Change::Erase { node: id } => node(*id)?,
        }
    }
    Ok(())
}

/// What a made item is in the graph.
#[derive(Clone, Copy)]
pub(crate) enum Made {
    Node(NodeId),
    Const(ValueId),
}

/// What is remembered of a value that the rewrite speaks of: it may be gone when names are settled.
pub(crate) struct Old {
    /// Name of the value.
    pub(crate) name: Name,
    /// The node it is a result of, with its name.
    pub(crate) node: Option<(NodeId, Name)>,
    /// What is known about its type.
    pub(crate) ty: Type,
}

pub(crate) struct Splice<'a, 'm> {
    pub(crate) editor: Editor<'m>,
    pub(crate) names: &'a mut Names,
    pub(crate) anchor: NodeId,
    pub(crate) control: ControlPlan,
    /// Values that are replaced, or whose names matter.
    pub(crate) olds: FxHashMap<ValueId, Old>,
    pub(crate) replacements: Vec<(ValueId, Operand)>,
    pub(crate) touched: Touched,
    /// Nodes that may have died.
    pub(crate) seeds: Vec<NodeId>,
    /// Constants and captures that may have died.
    pub(crate) loose: Vec<ValueId>,
    /// The node that the rule was asked about has no name of its own.
    pub(crate) anchor_is_nameless: bool,
    /// Names of nodes that newcomers have taken.
    pub(crate) node_names_taken: Vec<Name>,
}

impl<'a, 'm> Splice<'a, 'm> {
    /// Applies a valid rewrite. `types` are those of the values it replaces. The error is the words of a bug in the rule; the
    /// graph is then half changed.
    pub(crate) fn apply(
        editor: Editor<'m>,
        names: &'a mut Names,
        anchor: NodeId,
        control: ControlPlan,
        types: &FxHashMap<ValueId, Type>,
        rewrite: &Rewrite,
    ) -> Result<Touched, String> {
        let graph = editor.graph();
        let node = graph.node(anchor);
        let anchor_name = match (editor.model().dialect, node.results().next()) {
            (Dialect::Tf, _) | (_, None) => node.name.clone(),
            (_, Some(first)) => graph.value(first).name.clone(),
        };
        let rank = node.rank;
        let replacements = replacements(rewrite);
        let likes = rewrite.items.iter().filter_map(|item| if let Item::Const(new) = item { new.like } else { None });
        let named = rewrite.names.iter().map(|(_, from)| *from);
        let spoken_of = replacements.iter().map(|(old, _)| *old).chain(likes).chain(named);
        let olds = spoken_of.map(|value| {
            let node = graph.def_node(value).map(|node| (node, graph.node(node).name.clone()));
            let ty = types.get(&value).cloned().unwrap_or_default();
            (value, Old { name: graph.value(value).name.clone(), node, ty })
        });
        let olds = olds.collect();
        let (touched, seeds, loose) = (Touched::default(), vec![anchor], Vec::new());
        let anchor_is_nameless = node.name.is_empty();
        let mut splice = Self {
            editor,
            names,
            anchor,
            control,
            olds,
            replacements,
            touched,
            seeds,
            loose,
            anchor_is_nameless,
            node_names_taken: Vec::new(),
        };
        let made = splice.make(rewrite, rank);
        splice.change(rewrite, &made)?;
        splice.move_control(&made);
        splice.erase();
        for change in &rewrite.changes {
            if let Change::Erase { node } = change
                && let Some(node) = splice.editor.graph().get_node(*node)
            {
                return Err(format!("it erases node `{}`, which is still used", node.name));
            }
        }
        splice.settle_names(rewrite, &made, &anchor_name);
        Ok(splice.touched)
    }

    fn operand(&mut self, operand: Operand, made: &[Made]) -> Option<ValueId> {
        match operand {
            Operand::Omitted => None,
            Operand::Old(value) => Some(value),
            Operand::New(NewValue { item, slot }) => Some(match made[item] {
                Made::Const(value) => value,
                Made::Node(node) => self.editor.result(node, slot),
            }),
        }
    }

    fn made_by(&self, index: usize) -> Option<&Old> {
        let replaced = self.replacements.iter().find(|(_, new)| matches!(new, Operand::New(new) if new.item == index));
        replaced.map(|(old, _)| &self.olds[old])
    }

    // Making

    fn make(&mut self, rewrite: &Rewrite, rank: u32) -> Vec<Made> {
        let referred = referred_slots(rewrite);
        let mut made: Vec<Made> = Vec::with_capacity(rewrite.items.len());
        for (index, item) in rewrite.items.iter().enumerate() {
            made.push(match item {
                Item::Const(new) => {
                    let constant = self.constant(new, index, rank);
                    let name = self.names.temporary();
                    let value = self.editor.add_constant(name, constant);
                    self.loose.push(value);
                    Made::Const(value)
                }
                Item::Node(new) => {
                    let node = self.node(new, index, rank, &referred, &made);
                    self.seeds.push(node);
                    self.touched.changed.push(node);
                    Made::Node(node)
                }
            });
        }
        made
    }

    fn constant(&self, new: &NewConst, index: usize, rank: u32) -> Constant {
        let graph = self.editor.graph();
        let dialect = self.editor.model().dialect;
        if let Some(other) = new.like {
            match &graph.value(other).def {
                Def::Const(constant) => {
                    let meta = constant.meta.clone().map(|mut meta| {
                        meta.value = None;
                        meta
                    });
                    return Constant { tensor: new.tensor.clone(), origin: constant.origin, rank: constant.rank, meta };
                }
                Def::Node { node, .. } if dialect == Dialect::Tf => {
                    let node = graph.node(*node);
                    let mut constant = Constant::new(dialect, new.tensor.clone(), node.rank);
                    constant.meta =
                        device_of(node).map(|node| Box::new(ConstMeta { node: *node, ..ConstMeta::default() }));
                    return constant;
                }
                _ => {}
            }
        }
        let rank = match dialect {
            Dialect::Tf => self.rank_of(index, rank),
            // Functions have no initializers.
            _ if self.editor.model().is_body(self.editor.graph_id()) => {
                let constant = Constant::new(dialect, new.tensor.clone(), self.rank_of(index, rank));
                return Constant { origin: ConstOrigin::ConstantNode, ..constant };
            }
            // Initializers are counted among themselves: newcomers come last.
            _ => u32::MAX,
        };
        Constant::new(dialect, new.tensor.clone(), rank)
    }

    /// The place of what a new item replaces.
    fn rank_of(&self, index: usize, otherwise: u32) -> u32 {
        let graph = self.editor.graph();
        let replaced = self.replacements.iter().find(|(_, new)| matches!(new, Operand::New(new) if new.item == index));
        let Some((value, _)) = replaced else { return otherwise };
        match &graph.value(*value).def {
            Def::Node { node, .. } => graph.node(*node).rank,
            Def::Const(constant) => constant.rank,
            _ => otherwise,
        }
    }

    fn node(
        &mut self,
        new: &NewNode,
        index: usize,
        rank: u32,
        referred: &[SmallVec<[usize; 2]>],
        made: &[Made],
    ) -> NodeId {
        let inputs: Vec<Option<ValueId>> = new.inputs.iter().map(|&operand| self.operand(operand, made)).collect();
        let graph = self.editor.graph();
        let onnx = self.editor.model().dialect == Dialect::Onnx;
        let stands_for = new.like.or_else(|| Some(self.made_by(index)?.node.as_ref()?.0));
        let pattern = graph.get_node(stands_for.unwrap_or(self.anchor));
        let meta = pattern.and_then(|node| match stands_for {
            Some(_) => meta_for(&new.op, node),
            None => device_of(node),
        });
        let rank = match new.like {
            Some(_) => pattern.map_or(rank, |node| node.rank),
            None => self.rank_of(index, rank),
        };
        let mut control = gtt_ir::Sites::new();
        let carried = self.control.newcomers.contains(&index).then_some(&self.control.sites).into_iter().flatten();
        for &site in new.control.iter().chain(carried) {
            if !control.contains(&site) {
                control.push(site);
            }
        }
        let outputs = (0..if onnx { new.results } else { 0 })
            .map(|slot| {
                let wanted = slot == 0 || referred[index].contains(&slot);
                let name = if wanted { self.names.temporary() } else { Name::default() };
                (name, Type::Unknown)
            })
            .collect();
        let name = self.names.temporary();
        let spec = NodeSpec {
            results: 0,
            op: new.op.clone(),
            inputs: inputs.into_iter().collect(),
            outputs,
            control,
            attrs: new.attrs.clone(),
            name,
            rank,
            meta,
        };
        let node = self.editor.add_node(spec);
        for &slot in &referred[index] {
            self.editor.result(node, slot);
        }
        for (slot, ty) in &new.types {
            if let Some(value) = self.editor.graph().node(node).output(*slot) {
                self.editor.set_type(value, ty.clone());
            }
        }
        node
    }

    // Changing

    fn change(&mut self, rewrite: &Rewrite, made: &[Made]) -> Result<(), String> {
        for change in &rewrite.changes {
            match change {
                Change::Replace { old, new } => {
                    self.replace(*old, *new, made)?;
                    match self.editor.graph().def_node(*old) {
                        Some(node) => self.seeds.push(node),
                        None => self.loose.push(*old),
                    }
                }
                Change::SetAttr { node, name, value } => {
                    self.editor.set_attr(*node, name, value.clone());
                    self.touched.changed.push(*node);
                }
                Change::RemoveAttr { node, name } => {
                    self.editor.remove_attr(*node, name);
                    self.touched.changed.push(*node);
                }
                Change::SetOp { node, op } => {
                    self.editor.set_op(*node, op.clone());
                    self.touched.changed.push(*node);
                }
                Change::SetInputs { node, inputs } => {
                    let inputs: Vec<Option<ValueId>> =
                        inputs.iter().map(|&operand| self.operand(operand, made)).collect();
                    self.set_inputs(*node, inputs);
                }
                Change::SetInput { node, slot, operand } => {
                    let operand = self.operand(*operand, made);
                    let mut inputs = self.editor.graph().node(*node).inputs.to_vec();
                    if inputs.len() <= *slot {
                        inputs.resize(slot + 1, None);
                    }
                    inputs[*slot] = operand;
                    self.set_inputs(*node, inputs);
                }
                Change::SetTensor { value, tensor } => {
                    self.editor.set_tensor(*value, tensor.clone());
                    let readers = self.readers(*value);
                    self.touched.near.extend(readers);
                }
                Change::SetType { value, ty } => {
                    self.editor.set_type(*value, ty.clone());
                    let readers = self.readers(*value);
                    self.touched.near.extend(readers);
                }
                Change::Erase { node } => self.seeds.push(*node),
            }
        }
        // A new node between a value and its readers keeps reading the value.
        for (item, made_item) in rewrite.items.iter().zip(made) {
            let (Item::Node(new), Made::Node(node)) = (item, made_item) else { continue };
            for (slot, operand) in new.inputs.iter().enumerate() {
                if let Operand::Old(value) = operand
                    && self.editor.graph().node(*node).input(slot) != Some(*value)
                {
                    self.editor.set_input(*node, slot, Some(*value));
                }
            }
        }
        Ok(())
    }

    fn set_inputs(&mut self, node: NodeId, inputs: Vec<Option<ValueId>>) {
        let graph = self.editor.graph();
        for value in graph.node(node).operands().filter(|value| !inputs.contains(&Some(*value))) {
            match graph.def_node(value) {
                Some(source) => {
                    self.seeds.push(source);
                    self.touched.near.push(source);
                }
                None => self.loose.push(value),
            }
        }
        self.editor.set_inputs(node, inputs);
        self.touched.changed.push(node);
    }

    fn readers(&self, value: ValueId) -> Vec<NodeId> {
        let uses = self.editor.graph().value(value).uses().iter();
        uses.filter_map(|used| if let Use::Operand { node, .. } = used { Some(*node) } else { None }).collect()
    }

    fn replace(&mut self, old: ValueId, new: Operand, made: &[Made]) -> Result<(), String> {
        let Some(to) = self.operand(new, made) else { return Ok(()) };
        let Old { name, ty, .. } = &self.olds[&old];
        let graph = self.editor.graph();
        let declared = &graph.value(to).ty;
        if contradict(ty, declared) {
            return Err(format!("it replaces `{name}`, which is {ty}, by a value that is {declared}"));
        }
        if matches!(new, Operand::New(_)) {
            self.touched.typed.push((to, declared.merged(ty)));
        }
        // What the file declares of the old value is true of the new one: an output may not lose its type.
        let inherited = declared.merged(&graph.value(old).ty);
        if inherited != *declared && !matches!(graph.value(to).def, Def::Input { .. }) {
            self.editor.set_type(to, inherited);
        }
        let readers = self.readers(old);
        self.touched.near.extend(readers);
        if is_fed(self.editor.graph(), old) {
            self.editor.replace_operand_uses(old, to, |_| false);
        } else {
            self.editor.replace_uses(old, to);
            self.replace_control(old, to);
        }
        Ok(())
    }

    /// Nodes that waited for the node that goes wait for what takes its place.
    fn replace_control(&mut self, old: ValueId, new: ValueId) {
        let graph = self.editor.graph();
        let Some(id) = graph.def_node(old) else { return };
        let node = graph.node(id);
        let unused = node.results().all(|value| graph.value(value).is_unused());
        if node.control_uses.is_empty() || !unused || !may_erase(self.editor.model(), node) {
            return;
        }
        let site = match &graph.value(new).def {
            Def::Node { node, .. } => Some(Site::Node(*node)),
            Def::Const(_) => Some(Site::Const(new)),
            _ => None,
        };
        self.editor.replace_control_uses(Site::Node(id), site);
    }

    fn move_control(&mut self, made: &[Made]) {
        for reader in std::mem::take(&mut self.control.readers) {
            if self.editor.graph().get_node(reader).is_none()
                || made.iter().any(|made| matches!(made, Made::Node(node) if *node == reader))
            {
                continue;
            }
            let mut control: SmallVec<[Site; 4]> = self.editor.graph().node(reader).control.iter().copied().collect();
            let before = control.len();
            for &site in &self.control.sites {
                if !control.contains(&site) && site != Site::Node(reader) {
                    control.push(site);
                }
            }
            if control.len() > before {
                self.editor.set_control(reader, control);
            }
        }
    }
}

/// Values that a rewrite replaces, and by what, in its order.
pub(crate) fn replacements(rewrite: &Rewrite) -> Vec<(ValueId, Operand)> {
    let replacement = |change: &Change| match change {
        Change::Replace { old, new } => Some((*old, *new)),
        _ => None,
    };
    rewrite.changes.iter().filter_map(replacement).collect()
}

/// For each item: the results that the rewrite itself refers to, ascending.
fn referred_slots(rewrite: &Rewrite) -> Vec<SmallVec<[usize; 2]>> {
    let mut slots: Vec<SmallVec<[usize; 2]>> = vec![SmallVec::new(); rewrite.items.len()];
    let mut refer = |operand: &Operand| {
        if let Operand::New(new) = operand
            && !slots[new.item].contains(&new.slot)
        {
            slots[new.item].push(new.slot);
        }
    };
    for item in &rewrite.items {
        if let Item::Node(node) = item {
            node.inputs.iter().for_each(&mut refer);
        }
    }
    for change in &rewrite.changes {
        match change {
            Change::Replace { new, .. } => refer(new),
            Change::SetInputs { inputs, .. } => inputs.iter().for_each(&mut refer),
            Change::SetInput { operand, .. } => refer(operand),
            _ => {}
        }
    }
    slots.iter_mut().for_each(|slots| slots.sort_unstable());
    slots
}

/// Doc string, metadata and the like of the node that a newcomer stands for. An overload belongs to its op.
fn meta_for(op: &Op, node: &Node) -> Option<Box<NodeMeta>> {
    let mut meta = node.meta.clone()?;
    if node.op != *op {
        meta.overload = Name::default();
    }
    (*meta != NodeMeta::default()).then_some(meta)
}

/// The device alone: for a node that stands beside what it is placed with.
fn device_of(node: &Node) -> Option<Box<NodeMeta>> {
    let device = Name::new(node.device());
    (!device.is_empty()).then(|| Box::new(NodeMeta { device, ..NodeMeta::default() }))
}

//! A rewrite: what a rule wants done, as data. Nothing changes until the driver applies it.

use gtt_ir::{Attr, Attrs, Name, Node, NodeId, Op, Site, Tensor, Type, ValueId};
use smallvec::SmallVec;

/// An operand: something that is in the graph already, or something the rewrite makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A value of the graph.
    Old(ValueId),
    /// A result of a new node, or a new constant.
    New(NewValue),
    /// An omitted optional operand.
    Omitted,
}

/// A value that a rewrite makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewValue {
    pub(crate) item: usize,
    pub(crate) slot: usize,
}

/// A node that a rewrite makes; as an operand it is its first result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewNodeId(usize);

impl NewNodeId {
    /// The result at a slot.
    pub fn result(self, slot: usize) -> Operand {
        Operand::New(NewValue { item: self.0, slot })
    }
}

impl From<ValueId> for Operand {
    fn from(value: ValueId) -> Self {
        Operand::Old(value)
    }
}

impl From<Option<ValueId>> for Operand {
    fn from(value: Option<ValueId>) -> Self {
        value.map_or(Operand::Omitted, Operand::Old)
    }
}

impl From<NewNodeId> for Operand {
    fn from(node: NewNodeId) -> Self {
        node.result(0)
    }
}

/// A node to be made.
#[derive(Clone, Debug)]
pub struct NewNode {
    pub(crate) op: Op,
    pub(crate) inputs: SmallVec<[Operand; 4]>,
    pub(crate) attrs: Attrs,
    pub(crate) results: usize,
    pub(crate) types: Vec<(usize, Type)>,
    pub(crate) control: Vec<Site>,
    pub(crate) name: Option<Name>,
    pub(crate) like: Option<NodeId>,
}

impl NewNode {
    /// A node with one result and nothing else.
    pub fn new(op: Op) -> Self {
        Self {
            op,
            inputs: SmallVec::new(),
            attrs: Attrs::new(),
            results: 1,
            types: Vec::new(),
            control: Vec::new(),
            name: None,
            like: None,
        }
    }

    /// The same as a node of the graph: op, operands, attributes, device, number of results, place in the file. Results have
    /// no types and control inputs are not copied (those of what dies move by themselves).
    pub fn like(id: NodeId, node: &Node) -> Self {
        Self {
            op: node.op.clone(),
            inputs: node.inputs.iter().map(|&value| Operand::from(value)).collect(),
            attrs: node.attrs.clone(),
            results: node.outputs.len().max(1),
            types: Vec::new(),
            control: Vec::new(),
            name: None,
            like: Some(id),
        }
    }

    /// With another op.
    pub fn op(mut self, op: Op) -> Self {
        self.op = op;
        self
    }

    /// With one more operand.
    pub fn input(mut self, operand: impl Into<Operand>) -> Self {
        self.inputs.push(operand.into());
        self
    }

    /// With these operands instead.
    pub fn inputs(mut self, operands: impl IntoIterator<Item = Operand>) -> Self {
        self.inputs = operands.into_iter().collect();
        self
    }

    /// With another operand at a slot; slots in between are omitted operands.
    pub fn input_at(mut self, slot: usize, operand: impl Into<Operand>) -> Self {
        if self.inputs.len() <= slot {
            self.inputs.resize(slot + 1, Operand::Omitted);
        }
        self.inputs[slot] = operand.into();
        self
    }

    /// With one attribute set.
    pub fn attr(mut self, name: &str, value: Attr) -> Self {
        self.attrs.set(name, value);
        self
    }

    /// With these attributes instead.
    pub fn attrs(mut self, attrs: Attrs) -> Self {
        self.attrs = attrs;
        self
    }

    /// Without an attribute.
    pub fn without_attr(mut self, name: &str) -> Self {
        self.attrs.remove(name);
        self
    }

    /// With this many results. In ONNX, results beyond the first that the rewrite does not refer to are omitted.
    pub fn results(mut self, count: usize) -> Self {
        self.results = count;
        self
    }

    /// Declares the type of a result. A result that replaces a value has that value's type already.
    pub fn ty(mut self, slot: usize, ty: Type) -> Self {
        self.types.retain(|(other, _)| *other != slot);
        self.types.push((slot, ty));
        self
    }

    /// With one more TensorFlow control input.
    pub fn control(mut self, site: Site) -> Self {
        self.control.push(site);
        self
    }

    /// With this name, instead of the name of what it replaces. ONNX: of node and first result. A number is added if taken.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With device and place in the file of a node of the graph, instead of those of what it replaces.
    pub fn placed_like(mut self, node: NodeId) -> Self {
        self.like = Some(node);
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) struct NewConst {
    pub(crate) tensor: Tensor,
    pub(crate) like: Option<ValueId>,
    pub(crate) name: Option<Name>,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Node(Box<NewNode>),
    Const(NewConst),
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Replace { old: ValueId, new: Operand },
    SetAttr { node: NodeId, name: Name, value: Attr },
    RemoveAttr { node: NodeId, name: Name },
    SetOp { node: NodeId, op: Op },
    SetInputs { node: NodeId, inputs: SmallVec<[Operand; 4]> },
    SetInput { node: NodeId, slot: usize, operand: Operand },
    SetTensor { value: ValueId, tensor: Tensor },
    SetType { value: ValueId, ty: Type },
    Erase { node: NodeId },
}

/// What a rule wants done. Order of application: new items are made, changes happen in the order they were asked for, what
/// died goes, names are settled.
///
/// * A newcomer that replaces a value takes over its name (ONNX: the value's and its node's; TensorFlow: the node's), its place
///   in the file, its device and its declared type; also its node's doc string and metadata, unless it is made like another node,
///   whose it then has.
/// * TensorFlow control inputs of everything that dies move to the newcomer, or to the readers when an existing value takes
///   over; where they can go nowhere without changing what is executed, the driver declines.
/// * A new node that reads a value which the same rewrite replaces keeps reading the old one: this is how a node is put
///   between a value and its readers.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    pub(crate) items: Vec<Item>,
    pub(crate) changes: Vec<Change>,
    pub(crate) names: Vec<(usize, ValueId)>,
    pub(crate) forget_control: SmallVec<[NodeId; 1]>,
}

impl Rewrite {
    /// Nothing yet. A rewrite that stays empty counts as "not mine".
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything that uses `old` use `new`.
    pub fn replacing(old: ValueId, new: impl Into<Operand>) -> Self {
        let mut rewrite = Self::new();
        rewrite.replace(old, new);
        rewrite
    }

    /// Makes a constant. It is named after what it replaces, or after the node that the rule was asked about.
    pub fn constant(&mut self, tensor: Tensor) -> Operand {
        self.item(Item::Const(NewConst { tensor, like: None, name: None }))
    }

    /// Makes a constant of this name; a number is added if it is taken.
    pub fn constant_named(&mut self, tensor: Tensor, name: impl Into<Name>) -> Operand {
        self.item(Item::Const(NewConst { tensor, like: None, name: Some(name.into()) }))
    }

    /// Makes a constant in the place of another: same origin, attributes, device and place in the file; also its name, if
    /// the other one dies of the rewrite, else with a number added.
    pub fn constant_like(&mut self, tensor: Tensor, other: ValueId) -> Operand {
        self.item(Item::Const(NewConst { tensor, like: Some(other), name: None }))
    }

    /// Makes a node.
    pub fn node(&mut self, node: NewNode) -> NewNodeId {
        self.items.push(Item::Node(Box::new(node)));
        NewNodeId(self.items.len() - 1)
    }

    fn item(&mut self, item: Item) -> Operand {
        self.items.push(item);
        Operand::New(NewValue { item: self.items.len() - 1, slot: 0 })
    }

    /// Lets everything that uses `old` use `new`: operands, captures, outputs (ports keep their public names). `old` is not
    /// erased unless it is then dead.
    pub fn replace(&mut self, old: ValueId, new: impl Into<Operand>) {
        self.changes.push(Change::Replace { old, new: new.into() });
    }

    /// Lets a newcomer take over the name of `from`, if `from` dies of the rewrite, else with a number added.
    pub fn keep_name_of(&mut self, newcomer: impl Into<Operand>, from: ValueId) {
        if let Operand::New(new) = newcomer.into() {
            self.names.push((new.item, from));
        }
    }

    /// Names a new node, instead of what [`NewNode::named`] said. A number is added if the name is taken.
    pub fn name_node(&mut self, newcomer: impl Into<Operand>, name: impl Into<Name>) {
        if let Operand::New(new) = newcomer.into()
            && let Some(Item::Node(node)) = self.items.get_mut(new.item)
        {
            node.name = Some(name.into());
        }
    }

    /// Sets an attribute of a node of the graph.
    pub fn set_attr(&mut self, node: NodeId, name: &str, value: Attr) {
        self.changes.push(Change::SetAttr { node, name: Name::new(name), value });
    }

    /// Removes an attribute of a node of the graph.
    pub fn remove_attr(&mut self, node: NodeId, name: &str) {
        self.changes.push(Change::RemoveAttr { node, name: Name::new(name) });
    }

    /// Changes what a node of the graph computes.
    pub fn set_op(&mut self, node: NodeId, op: Op) {
        self.changes.push(Change::SetOp { node, op });
    }

    /// Changes all operands of a node of the graph; the count may change.
    pub fn set_inputs(&mut self, node: NodeId, operands: impl IntoIterator<Item = Operand>) {
        self.changes.push(Change::SetInputs { node, inputs: operands.into_iter().collect() });
    }

    /// Changes one operand of a node of the graph; a slot beyond the last is appended.
    pub fn set_input(&mut self, node: NodeId, slot: usize, operand: impl Into<Operand>) {
        self.changes.push(Change::SetInput { node, slot, operand: operand.into() });
    }

    /// Changes a constant in place, for all its readers.
    pub fn set_tensor(&mut self, value: ValueId, tensor: Tensor) {
        self.changes.push(Change::SetTensor { value, tensor });
    }

    /// Declares the type of a value.
    pub fn set_type(&mut self, value: ValueId, ty: Type) {
        self.changes.push(Change::SetType { value, ty });
    }

    /// Erases a node, and what only it used. An error if the node is still used then: replace its results first.
    pub fn erase(&mut self, node: NodeId) {
        self.changes.push(Change::Erase { node });
    }

    /// The control inputs of this node need not move when it dies: the rule knows that they do not matter.
    pub fn forget_control_of(&mut self, node: NodeId) {
        self.forget_control.push(node);
    }

    /// Puts every new tensor where new constants are to be kept.
    pub(crate) fn keep_tensors(&mut self, keep: impl Fn(Tensor) -> Tensor) {
        for item in &mut self.items {
            if let Item::Const(new) = item {
                new.tensor = keep(new.tensor.clone());
            }
        }
        for change in &mut self.changes {
            if let Change::SetTensor { tensor, .. } = change {
                *tensor = keep(tensor.clone());
            }
        }
    }

    /// Changes constants in place.
    pub(crate) fn sets_tensors(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::SetTensor { .. }))
    }

    /// No change but the replacement of values.
    pub(crate) fn only_replaces(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Replace { .. }))
    }

    /// Nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

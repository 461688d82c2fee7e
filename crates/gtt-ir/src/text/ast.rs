//! What the parser reads, before names are resolved.

use std::collections::BTreeMap;

use crate::{Attr, ConstOrigin, Dialect, Domain, Name, Op, Tensor, Type};

/// A name and the byte where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) name: Name,
    pub(super) at: usize,
}

pub(super) struct ModelText {
    pub(super) dialect: Dialect,
    pub(super) opsets: BTreeMap<Domain, i64>,
    pub(super) functions: Vec<FunctionText>,
    pub(super) main: GraphText,
}

pub(super) struct FunctionText {
    pub(super) op: Op,
    pub(super) overload: Name,
    pub(super) opsets: BTreeMap<Domain, i64>,
    pub(super) defaults: Vec<(Spot, AttrText)>,
    pub(super) graph: GraphText,
}

pub(super) struct GraphText {
    pub(super) name: Name,
    pub(super) inputs: Vec<InputText>,
    pub(super) outputs: Vec<(Name, ValueText)>,
    pub(super) kept: Vec<Spot>,
    pub(super) lines: Vec<LineText>,
}

pub(super) struct InputText {
    pub(super) port: Name,
    pub(super) value: Spot,
    pub(super) ty: Option<Type>,
    pub(super) default: Option<ConstantText>,
}

pub(super) enum LineText {
    Constant(Spot, Box<ConstantText>),
    Node(Box<NodeText>),
}

pub(super) struct ConstantText {
    pub(super) tensor: Tensor,
    pub(super) origin: Option<ConstOrigin>,
    pub(super) attrs: Vec<(Spot, AttrText)>,
    pub(super) name: Name,
    pub(super) device: Name,
    pub(super) overload: Name,
}

pub(super) struct NodeText {
    pub(super) at: usize,
    pub(super) results: Vec<Option<Spot>>,
    pub(super) op: Op,
    pub(super) operands: Vec<Option<ValueText>>,
    pub(super) control: Vec<Spot>,
    pub(super) attrs: Vec<(Spot, AttrText)>,
    /// `None`: called like its first result.
    pub(super) name: Option<Name>,
    pub(super) device: Name,
    pub(super) overload: Name,
    pub(super) types: Vec<Type>,
}

/// A use of a value: how many graphs to skip, and its name.
pub(super) struct ValueText {
    pub(super) skip: usize,
    pub(super) spot: Spot,
}

pub(super) enum AttrText {
    Value(Attr),
    Graph(GraphText),
    Graphs(Vec<GraphText>),
}

//! What a new node is to be.

use smallvec::SmallVec;

use crate::{Attr, Attrs, Name, NodeMeta, Op, Sites, Type, ValueId};

/// A node to be added.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// What it computes.
    pub op: Op,
    /// Operands by slot.
    pub inputs: SmallVec<[Option<ValueId>; 4]>,
    /// Names and types of its results; an empty ONNX name is an omitted result.
    pub outputs: Vec<(Name, Type)>,
    /// TensorFlow: the node has so many results. Those that `outputs` does not have are named after the node, and of unknown types.
    pub results: usize,
    /// Control inputs.
    pub control: Sites,
    /// Attributes.
    pub attrs: Attrs,
    /// Node name.
    pub name: Name,
    /// Place in the file.
    pub rank: u32,
    /// Device and the like.
    pub meta: Option<Box<NodeMeta>>,
}

impl NodeSpec {
    /// A node without operands, results and attributes.
    pub fn new(op: Op, name: impl Into<Name>) -> Self {
        Self {
            op,
            inputs: SmallVec::new(),
            outputs: Vec::new(),
            results: 0,
            control: Sites::new(),
            attrs: Attrs::new(),
            name: name.into(),
            rank: 0,
            meta: None,
        }
    }

    /// With these operands.
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Option<ValueId>>) -> Self {
        self.inputs = inputs.into_iter().collect();
        self
    }

    /// With one more result.
    pub fn output(mut self, name: impl Into<Name>, ty: Type) -> Self {
        self.outputs.push((name.into(), ty));
        self
    }

    /// TensorFlow: with so many results that are named after the node, of unknown types.
    pub fn results(mut self, count: usize) -> Self {
        self.results = count;
        self
    }

    /// With one more attribute.
    pub fn attr(mut self, name: &str, value: Attr) -> Self {
        self.attrs.set(name, value);
        self
    }

    /// At this place in the file.
    pub fn rank(mut self, rank: u32) -> Self {
        self.rank = rank;
        self
    }
}

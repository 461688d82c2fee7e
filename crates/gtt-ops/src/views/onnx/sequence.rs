//! Views of ops that make sequences of tensors, or tensors of sequences.

use gtt_ir::{Node, ValueId};

use super::{Reader, arity};

/// `SplitToSequence`: the parts of `x` along an axis, as a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitToSequence {
    /// What is split.
    pub x: ValueId,
    /// One extent for all parts (a scalar, the last part may be smaller) or the extent of each; `None`: parts of extent 1.
    pub split: Option<ValueId>,
    /// The sequence.
    pub y: Option<ValueId>,
    /// The axis; negative counts from the last.
    pub axis: i64,
    /// Parts keep the axis. Means nothing where `split` is given: they do.
    pub keepdims: bool,
}

impl SplitToSequence {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "SplitToSequence", 1..=2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            split: node.input(1),
            y: node.output(0),
            axis: reader.int("axis", 0)?,
            keepdims: reader.flag("keepdims", true)?,
        };
        reader.finish()?;
        Some(Self { keepdims: view.keepdims || view.split.is_some(), ..view })
    }
}

/// `ConcatFromSequence`: the elements of a sequence along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct ConcatFromSequence {
    /// The sequence.
    pub sequence: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// The axis of the result; negative counts from the last.
    pub axis: i64,
    /// Elements get the axis first: they are stacked.
    pub new_axis: bool,
}

impl ConcatFromSequence {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "ConcatFromSequence", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            sequence: node.input(0)?,
            y: node.output(0),
            axis: reader.get("axis")?.as_int()?,
            new_axis: reader.flag("new_axis", false)?,
        };
        reader.finish()?;
        Some(view)
    }
}

//! Ops that move elements or take axes away.

use gtt_ir::{DType, Node, ValueId};

use super::super::Reader;

/// `Squeeze`: axes of extent 1 go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Squeeze {
    /// Input.
    pub input: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// The axes; empty for all of extent 1.
    pub axes: Vec<i64>,
}

impl Squeeze {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "Squeeze", 1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        let axes = reader.ints("squeeze_dims")?.unwrap_or_default();
        reader.finish_tf()?;
        Some(Self { input: node.input(0)?, output: node.output(0), dtype, axes })
    }
}

/// `ExpandDims`: one axis of extent 1 comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandDims {
    /// Input.
    pub input: ValueId,
    /// Where, counted in the result: a scalar or one element.
    pub dim: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
}

impl ExpandDims {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "ExpandDims", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.dtype_or("Tdim", DType::I32)?;
        reader.finish_tf()?;
        Some(Self { input: node.input(0)?, dim: node.input(1)?, output: node.output(0), dtype })
    }
}

/// `Transpose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transpose {
    /// Input.
    pub x: ValueId,
    /// Axis `i` of the result is axis `perm[i]`.
    pub perm: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
}

impl Transpose {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "Transpose", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.dtype_or("Tperm", DType::I32)?;
        reader.finish_tf()?;
        Some(Self { x: node.input(0)?, perm: node.input(1)?, y: node.output(0), dtype })
    }
}

/// `Mean`, `Sum`, `Prod`, `Max`, `Min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reduce {
    /// Input.
    pub input: ValueId,
    /// The axes that are reduced.
    pub axes: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Reduced axes stay with extent 1.
    pub keep_dims: bool,
}

impl Reduce {
    /// Their names.
    pub const OPS: &[&str] = &["Max", "Mean", "Min", "Prod", "Sum"];

    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let name = node.op.name.as_str();
        Self::OPS.contains(&name).then(|| super::arity(node, name, 2, 1))??;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.dtype_or("Tidx", DType::I32)?;
        let keep_dims = reader.bool("keep_dims", false)?;
        reader.finish_tf()?;
        Some(Self { input: node.input(0)?, axes: node.input(1)?, output: node.output(0), dtype, keep_dims })
    }
}

//! Views of convolutions over integers. Padding holds the zero point of `x`, so that it counts as zero.

use gtt_ir::{Node, ValueId};

use super::{AutoPad, Reader, arity, auto_pad};

/// `ConvInteger` or `QLinearConv`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerConv {
    /// Input `[N,C,spatial…]`.
    pub x: ValueId,
    /// What counts as zero in `x`; `None`: 0.
    pub x_zero_point: Option<ValueId>,
    /// Weights `[M,C/group,kernel…]`.
    pub w: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Padding rule.
    pub auto_pad: AutoPad,
    /// Dilation of each spatial axis; `None`: all 1.
    pub dilations: Option<Vec<i64>>,
    /// Number of groups.
    pub group: i64,
    /// Kernel extents; `None`: those of `w`.
    pub kernel_shape: Option<Vec<i64>>,
    /// Begins, then ends; `None`: all 0.
    pub pads: Option<Vec<i64>>,
    /// Stride of each spatial axis; `None`: all 1.
    pub strides: Option<Vec<i64>>,
}

impl IntegerConv {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        let (w, zero) = if arity(node, "ConvInteger", 2..=4, 1).is_some() {
            (1, 2)
        } else {
            arity(node, "QLinearConv", 8..=9, 1)?;
            (3, 2)
        };
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            x_zero_point: node.input(zero),
            w: node.input(w)?,
            y: node.output(0),
            auto_pad: auto_pad(&mut reader)?,
            dilations: reader.ints("dilations")?,
            group: reader.int("group", 1)?,
            kernel_shape: reader.ints("kernel_shape")?,
            pads: reader.ints("pads")?,
            strides: reader.ints("strides")?,
        };
        reader.finish()?;
        Some(view)
    }
}

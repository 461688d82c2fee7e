//! Views of pools over windows.

use gtt_ir::{Node, ValueId};

use super::{AutoPad, Reader, arity, auto_pad};

/// The windows of a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Padding rule.
    pub auto_pad: AutoPad,
    /// Extent of the window along each spatial axis.
    pub kernel_shape: Vec<i64>,
    /// Begins, then ends; `None`: all 0.
    pub pads: Option<Vec<i64>>,
    /// Stride of each spatial axis; `None`: all 1.
    pub strides: Option<Vec<i64>>,
    /// Dilation of each spatial axis; `None`: all 1.
    pub dilations: Option<Vec<i64>>,
    /// A last window that is not complete counts.
    pub ceil_mode: bool,
}

impl Windows {
    fn of(reader: &mut Reader<'_>, ceil: bool, dilated: bool) -> Option<Self> {
        Some(Self {
            auto_pad: auto_pad(reader)?,
            kernel_shape: reader.ints("kernel_shape")??,
            pads: reader.ints("pads")?,
            strides: reader.ints("strides")?,
            dilations: if dilated { reader.ints("dilations")? } else { None },
            ceil_mode: ceil && reader.flag("ceil_mode", false)?,
        })
    }
}

/// `MaxPool`: the largest element of each window; padding is smaller than any element.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool {
    /// Input `[N,C,spatial…]`.
    pub x: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Where the largest elements are in `x` (from opset 8).
    pub indices: Option<ValueId>,
    /// Its windows.
    pub windows: Windows,
    /// Indices count column by column (from opset 8).
    pub column_major: bool,
}

impl MaxPool {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "MaxPool", 1..=1, if opset < 8 { 1 } else { 2 })?;
        let mut reader = Reader::new(&node.attrs);
        let windows = Windows::of(&mut reader, opset >= 10, opset >= 10)?;
        let column_major = opset >= 8 && reader.flag("storage_order", false)?;
        reader.finish()?;
        Some(Self { x: node.input(0)?, y: node.output(0), indices: node.output(1), windows, column_major })
    }
}

/// `AveragePool`: the mean of each window.
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePool {
    /// Input `[N,C,spatial…]`.
    pub x: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Its windows.
    pub windows: Windows,
    /// Padding counts as zeros, instead of not at all (from opset 7).
    pub count_include_pad: bool,
}

impl AveragePool {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "AveragePool", 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let windows = Windows::of(&mut reader, opset >= 10, opset >= 19)?;
        let count_include_pad = opset >= 7 && reader.flag("count_include_pad", false)?;
        reader.finish()?;
        Some(Self { x: node.input(0)?, y: node.output(0), windows, count_include_pad })
    }
}

//! Convolutions and matrix products beyond the most common ones.

use gtt_ir::{DType, Node, ValueId};

use super::super::Reader;
use super::{DataFormat, Padding, padding};

/// `Conv2DBackpropInput`: a transposed convolution; filter `[height,width,out,in]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2DBackpropInput {
    /// Shape of the result.
    pub input_sizes: ValueId,
    /// Weights.
    pub filter: ValueId,
    /// Input, rank 4, laid out by `data_format`.
    pub out_backprop: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Strides of the four axes of the result.
    pub strides: Vec<i64>,
    /// Padding.
    pub padding: Padding,
    /// Layout.
    pub data_format: DataFormat,
    /// Dilation of the four axes.
    pub dilations: Vec<i64>,
}

impl Conv2DBackpropInput {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "Conv2DBackpropInput", 3, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            input_sizes: node.input(0)?,
            filter: node.input(1)?,
            out_backprop: node.input(2)?,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            strides: reader.ints("strides")??,
            padding: padding(&mut reader)?,
            data_format: super::data_format(&mut reader)?,
            dilations: reader.ints("dilations")?.unwrap_or_else(|| vec![1; 4]),
        };
        reader.bool("use_cudnn_on_gpu", true)?;
        reader.finish_tf()?;
        Some(view)
    }
}

/// `Conv3D`; filter `[depth,height,width,in,out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv3D {
    /// Input, rank 5, laid out by `data_format`.
    pub input: ValueId,
    /// Weights.
    pub filter: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Strides of the five axes of the input.
    pub strides: Vec<i64>,
    /// Padding.
    pub padding: Padding,
    /// Layout.
    pub data_format: DataFormat,
    /// Dilation of the five axes.
    pub dilations: Vec<i64>,
}

impl Conv3D {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "Conv3D", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let data_format = match reader.str("data_format", "NDHWC")?.as_str() {
            "NDHWC" => DataFormat::ChannelsLast,
            "NCDHW" => DataFormat::ChannelsFirst,
            _ => return None,
        };
        let view = Self {
            input: node.input(0)?,
            filter: node.input(1)?,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            strides: reader.ints("strides")??,
            padding: padding(&mut reader)?,
            data_format,
            dilations: reader.ints("dilations")?.unwrap_or_else(|| vec![1; 5]),
        };
        reader.finish_tf()?;
        Some(view)
    }
}

/// `BatchMatMulV2`: matrix products, batch axes broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMatMul {
    /// Left matrices.
    pub x: ValueId,
    /// Right matrices.
    pub y: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// `x` is transposed (and conjugated) first.
    pub adj_x: bool,
    /// `y` is transposed (and conjugated) first.
    pub adj_y: bool,
}

impl BatchMatMul {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "BatchMatMulV2", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        let (adj_x, adj_y) = (reader.bool("adj_x", false)?, reader.bool("adj_y", false)?);
        reader.bool("grad_x", false)?;
        reader.bool("grad_y", false)?;
        reader.finish_tf()?;
        Some(Self { x: node.input(0)?, y: node.input(1)?, output: node.output(0), dtype, adj_x, adj_y })
    }
}

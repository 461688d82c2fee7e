//! Views of TensorFlow nodes. Source: TensorFlow's op registry (the `REGISTER_OP` declarations, API documentation).

mod layout;
mod plain;
mod products;

use gtt_ir::{DType, Name, Node, ValueId};
use smallvec::SmallVec;

use super::Reader;
pub use super::onnx::BinaryKind;
pub use layout::{ExpandDims, Reduce, Squeeze, Transpose};
pub use plain::{Cast, Elementwise, Select};
pub use products::{BatchMatMul, Conv2DBackpropInput, Conv3D};

/// Where the channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataFormat {
    /// Last axis (`NHWC`, `NDHWC`).
    ChannelsLast,
    /// Axis 1 (`NCHW`, `NCDHW`).
    ChannelsFirst,
}

fn data_format(reader: &mut Reader<'_>) -> Option<DataFormat> {
    match reader.str("data_format", "NHWC")?.as_str() {
        "NHWC" => Some(DataFormat::ChannelsLast),
        "NCHW" => Some(DataFormat::ChannelsFirst),
        _ => None,
    }
}

/// How a convolution pads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Not at all.
    Valid,
    /// So that the output extent is `ceil(input / stride)`; an odd rest goes to the end.
    Same,
    /// Begin and end for each axis of the input, in the order of `data_format`.
    Explicit(Vec<i64>),
}

fn padding(reader: &mut Reader<'_>) -> Option<Padding> {
    let explicit = reader.ints("explicit_paddings")?.unwrap_or_default();
    match reader.str("padding", "")?.as_str() {
        "VALID" if explicit.is_empty() => Some(Padding::Valid),
        "SAME" if explicit.is_empty() => Some(Padding::Same),
        "EXPLICIT" => Some(Padding::Explicit(explicit)),
        _ => None,
    }
}

fn arity(node: &Node, op: &str, inputs: usize, max_outputs: usize) -> Option<()> {
    (node.op.is_tf(op) && node.inputs.len() == inputs && node.outputs.len() <= max_outputs).then_some(())
}

/// `Conv2D`; filter `[height,width,in,out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2D {
    /// Input, rank 4, laid out by `data_format`.
    pub input: ValueId,
    /// Weights `[kh,kw,in/groups,out]`.
    pub filter: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Strides of the four axes of the input.
    pub strides: Vec<i64>,
    /// Dilations of the four axes of the input.
    pub dilations: Vec<i64>,
    /// Padding.
    pub padding: Padding,
    /// Layout.
    pub data_format: DataFormat,
    /// A hint for GPUs.
    pub use_cudnn_on_gpu: bool,
}

impl Conv2D {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "Conv2D", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            input: node.input(0)?,
            filter: node.input(1)?,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            strides: reader.ints("strides")??,
            dilations: reader.ints("dilations")?.unwrap_or_else(|| vec![1; 4]),
            padding: padding(&mut reader)?,
            data_format: data_format(&mut reader)?,
            use_cudnn_on_gpu: reader.bool("use_cudnn_on_gpu", true)?,
        };
        reader.finish_tf()?;
        (view.strides.len() == 4 && view.dilations.len() == 4).then_some(view)
    }
}

/// `DepthwiseConv2dNative`; filter `[height,width,in,multiplier]`, result channel `c * multiplier + m`.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthwiseConv2dNative {
    /// Input, rank 4, laid out by `data_format`.
    pub input: ValueId,
    /// Weights `[kh,kw,in,multiplier]`.
    pub filter: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Strides of the four axes of the input.
    pub strides: Vec<i64>,
    /// Dilations of the four axes of the input.
    pub dilations: Vec<i64>,
    /// Padding.
    pub padding: Padding,
    /// Layout.
    pub data_format: DataFormat,
}

impl DepthwiseConv2dNative {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "DepthwiseConv2dNative", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            input: node.input(0)?,
            filter: node.input(1)?,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            strides: reader.ints("strides")??,
            dilations: reader.ints("dilations")?.unwrap_or_else(|| vec![1; 4]),
            padding: padding(&mut reader)?,
            data_format: data_format(&mut reader)?,
        };
        reader.finish_tf()?;
        (view.strides.len() == 4 && view.dilations.len() == 4).then_some(view)
    }
}

/// `MatMul` of two matrices.
#[derive(Clone, Debug, PartialEq)]
pub struct MatMul {
    /// Left matrix.
    pub a: ValueId,
    /// Right matrix.
    pub b: ValueId,
    /// Result.
    pub product: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// `a` is transposed first.
    pub transpose_a: bool,
    /// `b` is transposed first.
    pub transpose_b: bool,
}

impl MatMul {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "MatMul", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            a: node.input(0)?,
            b: node.input(1)?,
            product: node.output(0),
            dtype: reader.dtype("T")?,
            transpose_a: reader.bool("transpose_a", false)?,
            transpose_b: reader.bool("transpose_b", false)?,
        };
        // Gradient hints; they do not change the product.
        reader.bool("grad_a", false)?;
        reader.bool("grad_b", false)?;
        reader.finish_tf()?;
        Some(view)
    }
}

/// `BiasAdd`: adds a vector along the channel axis.
#[derive(Clone, Debug, PartialEq)]
pub struct BiasAdd {
    /// Input, rank 2 or more. `ChannelsFirst` means axis 1.
    pub value: ValueId,
    /// Bias `[C]`.
    pub bias: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Layout.
    pub data_format: DataFormat,
}

impl BiasAdd {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "BiasAdd", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            value: node.input(0)?,
            bias: node.input(1)?,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            data_format: data_format(&mut reader)?,
        };
        reader.finish_tf()?;
        Some(view)
    }
}

/// `FusedBatchNorm`, `FusedBatchNormV2`, `FusedBatchNormV3`: inference computes
/// `y = (x - mean) / sqrt(variance + epsilon) * scale + offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedBatchNorm {
    /// Version: 1, 2 or 3.
    pub version: u8,
    /// Input, laid out by `data_format`.
    pub x: ValueId,
    /// Gamma `[C]`.
    pub scale: ValueId,
    /// Beta `[C]`.
    pub offset: ValueId,
    /// Mean `[C]`; not read in training.
    pub mean: ValueId,
    /// Variance `[C]`; not read in training.
    pub variance: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Results beyond `y` that something refers to.
    pub statistics: SmallVec<[ValueId; 4]>,
    /// Element type of `x` and `y`.
    pub dtype: DType,
    /// Element type of the parameters.
    pub param_dtype: DType,
    /// Added to the variance.
    pub epsilon: f32,
    /// Weight of the new statistics in training; has no effect on inference.
    pub exponential_avg_factor: f32,
    /// Layout.
    pub data_format: DataFormat,
    /// Rank 5 (`NDHWC`, `NCDHW`), V3 only.
    pub volumetric: bool,
    /// The node computes statistics of the batch. TensorFlow's default is `true`.
    pub is_training: bool,
}

impl FusedBatchNorm {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let (version, max_outputs) = match node.op.name.as_str() {
            "FusedBatchNorm" => (1, 5),
            "FusedBatchNormV2" => (2, 5),
            "FusedBatchNormV3" => (3, 6),
            _ => return None,
        };
        arity(node, &node.op.name, 5, max_outputs)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        let param_dtype = if version == 1 { dtype } else { reader.dtype("U")? };
        let (data_format, volumetric) = match reader.str("data_format", "NHWC")?.as_str() {
            "NHWC" => (DataFormat::ChannelsLast, false),
            "NCHW" => (DataFormat::ChannelsFirst, false),
            "NDHWC" if version == 3 => (DataFormat::ChannelsLast, true),
            "NCDHW" if version == 3 => (DataFormat::ChannelsFirst, true),
            _ => return None,
        };
        let view = Self {
            version,
            x: node.input(0)?,
            scale: node.input(1)?,
            offset: node.input(2)?,
            mean: node.input(3)?,
            variance: node.input(4)?,
            y: node.output(0),
            statistics: node.outputs.iter().skip(1).copied().flatten().collect(),
            dtype,
            param_dtype,
            epsilon: reader.float("epsilon", 1e-4)?,
            exponential_avg_factor: reader.float("exponential_avg_factor", 1.0)?,
            data_format,
            volumetric,
            is_training: reader.bool("is_training", true)?,
        };
        reader.finish_tf()?;
        Some(view)
    }
}

/// `BatchNormWithGlobalNormalization`: `y = (t - m) / sqrt(v + variance_epsilon) * gamma + beta` over the last axis, without
/// the factor gamma unless `scale_after_normalization`.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormWithGlobalNormalization {
    /// Input `[N,H,W,C]`.
    pub t: ValueId,
    /// Mean `[C]`.
    pub m: ValueId,
    /// Variance `[C]`.
    pub v: ValueId,
    /// Offset `[C]`.
    pub beta: ValueId,
    /// Scale `[C]`.
    pub gamma: ValueId,
    /// Result.
    pub result: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Added to the variance.
    pub variance_epsilon: f32,
    /// Multiply by gamma.
    pub scale_after_normalization: bool,
}

impl BatchNormWithGlobalNormalization {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "BatchNormWithGlobalNormalization", 5, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            t: node.input(0)?,
            m: node.input(1)?,
            v: node.input(2)?,
            beta: node.input(3)?,
            gamma: node.input(4)?,
            result: node.output(0),
            dtype: reader.dtype("T")?,
            variance_epsilon: reader.get("variance_epsilon")?.as_float()?,
            scale_after_normalization: reader.get("scale_after_normalization")?.as_bool()?,
        };
        reader.finish_tf()?;
        Some(view)
    }
}

/// An element-wise binary op with numpy broadcasting: `Add`, `AddV2`, `Sub`, `Mul`, `RealDiv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Which one; `RealDiv` is `Div`.
    pub kind: BinaryKind,
    /// Left operand.
    pub x: ValueId,
    /// Right operand.
    pub y: ValueId,
    /// Result.
    pub z: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
}

impl Binary {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let kind = match node.op.name.as_str() {
            "Add" | "AddV2" => BinaryKind::Add,
            "Sub" => BinaryKind::Sub,
            "Mul" => BinaryKind::Mul,
            "RealDiv" => BinaryKind::Div,
            _ => return None,
        };
        arity(node, &node.op.name, 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.finish_tf()?;
        Some(Self { kind, x: node.input(0)?, y: node.input(1)?, z: node.output(0), dtype })
    }
}

/// `Rsqrt`: `y = 1 / sqrt(x)`, element-wise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rsqrt {
    /// Operand.
    pub x: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
}

impl Rsqrt {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "Rsqrt", 1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.finish_tf()?;
        Some(Self { x: node.input(0)?, y: node.output(0), dtype })
    }
}

/// `Reshape`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reshape {
    /// Input.
    pub tensor: ValueId,
    /// Target shape, a vector.
    pub shape: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Element type of `shape`.
    pub shape_dtype: DType,
}

impl Reshape {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        arity(node, "Reshape", 2, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        let shape_dtype = reader.dtype_or("Tshape", DType::I32)?;
        reader.finish_tf()?;
        Some(Self { tensor: node.input(0)?, shape: node.input(1)?, output: node.output(0), dtype, shape_dtype })
    }
}

/// `Pad`, `PadV2`, `MirrorPad`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Input.
    pub input: ValueId,
    /// `[rank,2]`: begin and end for each axis.
    pub paddings: ValueId,
    /// Fill value (`PadV2`); 0 when there is none.
    pub constant_value: Option<ValueId>,
    /// `CONSTANT`, `REFLECT` or `SYMMETRIC`.
    pub mode: Name,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// Element type of `paddings`.
    pub paddings_dtype: DType,
}

impl Pad {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let mut reader = Reader::new(&node.attrs);
        let (inputs, mode) = match node.op.name.as_str() {
            "Pad" => (2, Name::new_static("CONSTANT")),
            "PadV2" => (3, Name::new_static("CONSTANT")),
            "MirrorPad" => (2, reader.str("mode", "")?),
            _ => return None,
        };
        arity(node, &node.op.name, inputs, 1)?;
        let view = Self {
            input: node.input(0)?,
            paddings: node.input(1)?,
            constant_value: node.input(2),
            mode,
            output: node.output(0),
            dtype: reader.dtype("T")?,
            paddings_dtype: reader.dtype_or("Tpaddings", DType::I32)?,
        };
        reader.finish_tf()?;
        matches!(view.mode.as_str(), "CONSTANT" | "REFLECT" | "SYMMETRIC").then_some(view)
    }
}

//! Views of ONNX nodes, default domain. `opset` is the version of the default operator set; defaults follow it.
//! Source: the ONNX operator specification (`docs/Operators.md`, `docs/Changelog.md`).

mod elementwise;
mod integer;
mod layout;
mod pool;
mod resize;
mod sequence;

use gtt_ir::{Name, Node, ValueId};
use smallvec::SmallVec;

use super::Reader;

pub use elementwise::{ArgReduce, Clip, ClipBound, Dropout, Elementwise, Softmax};
pub use integer::IntegerConv;
pub use layout::{
    Axes, Cast, CastLike, Concat, ConstantOfShape, Expand, Flatten, Gather, Reduce, Reshape, ScatterNd, ShapeOf, Slice,
    Split, Squeeze, Transpose, Unsqueeze,
};
pub use pool::{AveragePool, MaxPool, Windows};
pub use resize::Resize;
pub use sequence::{ConcatFromSequence, SplitToSequence};

/// How a convolution or pooling pads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoPad {
    /// By the `pads` attribute.
    NotSet,
    /// So that the output extent is `ceil(input / stride)`; an odd rest goes to the end.
    SameUpper,
    /// The same; an odd rest goes to the beginning.
    SameLower,
    /// Not at all.
    Valid,
}

fn auto_pad(reader: &mut Reader<'_>) -> Option<AutoPad> {
    match reader.str("auto_pad", "NOTSET")?.as_str() {
        "NOTSET" | "" => Some(AutoPad::NotSet),
        "SAME_UPPER" => Some(AutoPad::SameUpper),
        "SAME_LOWER" => Some(AutoPad::SameLower),
        "VALID" => Some(AutoPad::Valid),
        _ => None,
    }
}

/// Operand and result counts within bounds, so that no slot is overlooked.
fn arity(node: &Node, op: &str, inputs: std::ops::RangeInclusive<usize>, max_outputs: usize) -> Option<()> {
    (node.op.is_onnx(op) && inputs.contains(&node.inputs.len()) && node.outputs.len() <= max_outputs).then_some(())
}

/// `Conv`: `y = conv(x, w) + b`; `x[N,C,…]`, `w[M,C/group,…]`, `b[M]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Input `[N,C,spatial…]`.
    pub x: ValueId,
    /// Weights `[M,C/group,kernel…]`.
    pub w: ValueId,
    /// Bias `[M]`.
    pub b: Option<ValueId>,
    /// Result `[N,M,spatial…]`; `None` when nothing names it.
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

impl Conv {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "Conv", 2..=3, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            w: node.input(1)?,
            b: node.input(2),
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

/// `ConvTranspose`; `x[N,C,…]`, `w[C,M/group,…]`, `b[M]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Input `[N,C,spatial…]`.
    pub x: ValueId,
    /// Weights `[C,M/group,kernel…]`.
    pub w: ValueId,
    /// Bias `[M]`.
    pub b: Option<ValueId>,
    /// Result `[N,M,spatial…]`.
    pub y: Option<ValueId>,
    /// Padding rule.
    pub auto_pad: AutoPad,
    /// Dilation of each spatial axis; `None`: all 1.
    pub dilations: Option<Vec<i64>>,
    /// Number of groups.
    pub group: i64,
    /// Kernel extents; `None`: those of `w`.
    pub kernel_shape: Option<Vec<i64>>,
    /// Added to one side of each spatial axis; `None`: all 0.
    pub output_padding: Option<Vec<i64>>,
    /// Fixes the spatial extents of the result.
    pub output_shape: Option<Vec<i64>>,
    /// Begins, then ends; `None`: all 0.
    pub pads: Option<Vec<i64>>,
    /// Stride of each spatial axis; `None`: all 1.
    pub strides: Option<Vec<i64>>,
}

impl ConvTranspose {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "ConvTranspose", 2..=3, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            w: node.input(1)?,
            b: node.input(2),
            y: node.output(0),
            auto_pad: auto_pad(&mut reader)?,
            dilations: reader.ints("dilations")?,
            group: reader.int("group", 1)?,
            kernel_shape: reader.ints("kernel_shape")?,
            output_padding: reader.ints("output_padding")?,
            output_shape: reader.ints("output_shape")?,
            pads: reader.ints("pads")?,
            strides: reader.ints("strides")?,
        };
        reader.finish()?;
        Some(view)
    }
}

/// `Gemm`: `y = alpha * op(a) * op(b) + beta * c`. From opset 7 on (before, `c` broadcasts only if an attribute says so).
#[derive(Clone, Debug, PartialEq)]
pub struct Gemm {
    /// Left matrix.
    pub a: ValueId,
    /// Right matrix.
    pub b: ValueId,
    /// Addend, broadcast to `[M,N]`; optional from opset 11.
    pub c: Option<ValueId>,
    /// Result `[M,N]`.
    pub y: Option<ValueId>,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of `c`.
    pub beta: f32,
    /// `a` is `[K,M]`.
    pub trans_a: bool,
    /// `b` is `[N,K]`.
    pub trans_b: bool,
}

impl Gemm {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Gemm", 2..=3, 1)?;
        let c = node.input(2);
        if opset < 7 || (opset < 11 && c.is_none()) {
            return None;
        }
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            a: node.input(0)?,
            b: node.input(1)?,
            c,
            y: node.output(0),
            alpha: reader.float("alpha", 1.0)?,
            beta: reader.float("beta", 1.0)?,
            trans_a: reader.flag("transA", false)?,
            trans_b: reader.flag("transB", false)?,
        };
        reader.finish()?;
        Some(view)
    }
}

/// `MatMul`, with numpy's rules for ranks other than 2.
#[derive(Clone, Debug, PartialEq)]
pub struct MatMul {
    /// Left operand.
    pub a: ValueId,
    /// Right operand.
    pub b: ValueId,
    /// Result.
    pub y: Option<ValueId>,
}

impl MatMul {
    /// The view of a node.
    pub fn of(node: &Node, _opset: i64) -> Option<Self> {
        arity(node, "MatMul", 2..=2, 1)?;
        Reader::new(&node.attrs).finish()?;
        Some(Self { a: node.input(0)?, b: node.input(1)?, y: node.output(0) })
    }
}

/// `BatchNormalization`: inference computes `y = (x - mean) / sqrt(var + epsilon) * scale + b` over axis 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormalization {
    /// Input `[N,C,…]`.
    pub x: ValueId,
    /// Gamma `[C]`.
    pub scale: ValueId,
    /// Beta `[C]`.
    pub b: ValueId,
    /// Mean `[C]`.
    pub mean: ValueId,
    /// Variance `[C]`.
    pub var: ValueId,
    /// Result `[N,C,…]`.
    pub y: Option<ValueId>,
    /// Results beyond `y` that are named: running or saved statistics, in training.
    pub statistics: SmallVec<[ValueId; 4]>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Weight of the old running statistics; has no effect on `y` in inference.
    pub momentum: f32,
    /// Statistics for each channel; `false` (opsets up to 8): for each activation.
    pub spatial: bool,
    /// The node computes statistics of the batch: `is_test = 0` (opset 6 and before), `training_mode = 1` (from 14), or, for
    /// opsets 7 to 13, more results than one.
    pub training: bool,
}

impl BatchNormalization {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "BatchNormalization", 5..=5, 5)?;
        let mut reader = Reader::new(&node.attrs);
        let statistics: SmallVec<[ValueId; 4]> = node.outputs.iter().skip(1).copied().flatten().collect();
        let training = match opset {
            ..=6 => {
                if opset < 6 {
                    reader.ints("consumed_inputs")?;
                }
                !reader.flag("is_test", false)?
            }
            7..=13 => !statistics.is_empty(),
            _ => reader.flag("training_mode", false)?,
        };
        let spatial = if opset < 9 { reader.flag("spatial", true)? } else { true };
        let view = Self {
            x: node.input(0)?,
            scale: node.input(1)?,
            b: node.input(2)?,
            mean: node.input(3)?,
            var: node.input(4)?,
            y: node.output(0),
            statistics,
            epsilon: reader.float("epsilon", 1e-5)?,
            momentum: reader.float("momentum", 0.9)?,
            spatial,
            training,
        };
        reader.finish()?;
        Some(view)
    }
}

/// The amounts of [`Pad`]: an attribute before opset 11, an operand from then on.
#[derive(Clone, Debug, PartialEq)]
pub enum PadAmounts {
    /// Begins, then ends.
    Fixed(Vec<i64>),
    /// An operand with the same content.
    Operand(ValueId),
}

/// `Pad`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Input.
    pub data: ValueId,
    /// How much to add (or, negative, to cut) at each side.
    pub pads: PadAmounts,
    /// Fill value as an operand (from opset 11).
    pub constant_value: Option<ValueId>,
    /// Fill value as an attribute (before opset 11); 0 when neither is given.
    pub value: f32,
    /// The axes that `pads` speaks of (from opset 18); `None`: all.
    pub axes: Option<ValueId>,
    /// `constant`, `reflect`, `edge` or `wrap`.
    pub mode: Name,
    /// Result.
    pub output: Option<ValueId>,
}

impl Pad {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let max_inputs = match opset {
            ..=10 => 1,
            11..=17 => 3,
            _ => 4,
        };
        arity(node, "Pad", 1..=max_inputs, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let (pads, value) = match opset {
            ..=1 => (PadAmounts::Fixed(reader.ints("paddings")??), reader.float("value", 0.0)?),
            2..=10 => (PadAmounts::Fixed(reader.ints("pads")??), reader.float("value", 0.0)?),
            _ => (PadAmounts::Operand(node.input(1)?), 0.0),
        };
        let mode = reader.str("mode", "constant")?;
        reader.finish()?;
        matches!(mode.as_str(), "constant" | "reflect" | "edge" | "wrap").then_some(())?;
        Some(Self {
            data: node.input(0)?,
            pads,
            constant_value: node.input(2),
            value,
            axes: node.input(3),
            mode,
            output: node.output(0),
        })
    }
}

/// An element-wise binary op with numpy broadcasting: `Add`, `Sub`, `Mul`, `Div` from opset 7 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Which one.
    pub kind: BinaryKind,
    /// Left operand.
    pub a: ValueId,
    /// Right operand.
    pub b: ValueId,
    /// Result.
    pub y: Option<ValueId>,
}

/// The op of a [`Binary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`.
    Div,
}

impl Binary {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let kind = match node.op.name.as_str() {
            "Add" => BinaryKind::Add,
            "Sub" => BinaryKind::Sub,
            "Mul" => BinaryKind::Mul,
            "Div" => BinaryKind::Div,
            _ => return None,
        };
        if opset < 7 {
            return None;
        }
        arity(node, &node.op.name, 2..=2, 1)?;
        Reader::new(&node.attrs).finish()?;
        Some(Self { kind, a: node.input(0)?, b: node.input(1)?, y: node.output(0) })
    }
}

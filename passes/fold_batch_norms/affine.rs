//! What stands before or behind a product: a scale and an offset for each channel.

use gtt_ir::{Dialect, NodeId, Tensor, ValueId};
use gtt_ops::eval::Call;
use gtt_ops::views::onnx::BinaryKind;
use gtt_ops::views::{onnx, tf};
use gtt_rewrite::{Decline, RuleContext, require};

use super::place::Place;
use super::product::{ChannelAxis, Product};

/// `y = x * scale + offset`, channel by channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affine {
    pub(crate) scale: Option<Vec<f64>>,
    pub(crate) offset: Option<Vec<f64>>,
}

impl Affine {
    /// Everything is finite: folding would not spread NaN or infinity over other channels' weights.
    pub(crate) fn checked(self) -> Result<Self, Decline> {
        let finite = [&self.scale, &self.offset].into_iter().flatten().flatten().all(|element| element.is_finite());
        require!(finite, "scale or offset are not finite");
        Ok(self)
    }

    /// The same for channels `range` only.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let part = |all: &Option<Vec<f64>>| all.as_ref().map(|all| all[range.clone()].to_vec());
        Self { scale: part(&self.scale), offset: part(&self.offset) }
    }
}

/// An element-wise op with one constant operand, or a `BiasAdd`.
#[derive(Clone, Debug)]
pub(crate) struct Elementwise {
    pub(crate) x: ValueId,
    pub(crate) y: ValueId,
    pub(crate) kind: BinaryKind,
    pub(crate) constant: Tensor,
    /// The constant as a value: kept in place of when its successor is written.
    pub(crate) operand: ValueId,
    /// It is a TensorFlow `BiasAdd`.
    pub(crate) bias_add: Option<ChannelAxis>,
    /// The constant is what `x` is subtracted from.
    pub(crate) flipped: bool,
}

impl Elementwise {
    /// The op at a node; `NotMine` when it is none or no operand is constant.
    pub(crate) fn of(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        if cx.dialect() == Dialect::Onnx {
            require!(node.op.domain == gtt_ir::Domain::ONNX);
            let view = onnx::Binary::of(node, cx.opset()).ok_or(Decline::NotMine)?;
            return Self::binary(cx, view.kind, view.a, view.b, view.y);
        }
        if let Some(view) = tf::BiasAdd::of(node) {
            let axis = match view.data_format {
                tf::DataFormat::ChannelsLast => ChannelAxis::Last,
                tf::DataFormat::ChannelsFirst => ChannelAxis::Second,
            };
            return Ok(Self {
                x: view.value,
                y: view.output.ok_or(Decline::NotMine)?,
                kind: BinaryKind::Add,
                constant: constant(cx, view.bias).ok_or(Decline::NotMine)?,
                operand: view.bias,
                bias_add: Some(axis),
                flipped: false,
            });
        }
        let view = tf::Binary::of(node).ok_or(Decline::NotMine)?;
        Self::binary(cx, view.kind, view.x, view.y, view.z)
    }

    fn binary(
        cx: &RuleContext<'_>,
        kind: BinaryKind,
        a: ValueId,
        b: ValueId,
        y: Option<ValueId>,
    ) -> Result<Self, Decline> {
        let y = y.ok_or(Decline::NotMine)?;
        if let Some(constant) = constant(cx, b) {
            return Ok(Self { x: a, y, kind, constant, operand: b, bias_add: None, flipped: false });
        }
        require!(kind != BinaryKind::Div);
        let constant = constant(cx, a).ok_or(Decline::NotMine)?;
        Ok(Self { x: b, y, kind, constant, operand: a, bias_add: None, flipped: kind == BinaryKind::Sub })
    }

    /// It only adds.
    pub(crate) fn is_offset(&self) -> bool {
        matches!(self.kind, BinaryKind::Add | BinaryKind::Sub) && !self.flipped
    }

    /// Scale and offset along the channels of a product, which are at `place` in the operand.
    pub(crate) fn affine(&self, product: &Product, place: Place) -> Result<Affine, Decline> {
        let elements = match self.bias_add {
            None => product.per_channel(&self.constant, place)?,
            Some(axis) => {
                let fits = axis == product.axis || product.rank == Some(2);
                let elements = self.constant.to_f64s().filter(|all| fits && all.len() == product.channels);
                elements.ok_or(Decline::because("the bias does not run along the output channels"))?
            }
        };
        self.map(elements)
    }

    /// Scale and offset, the constant's elements given by channel.
    pub(crate) fn map(&self, elements: Vec<f64>) -> Result<Affine, Decline> {
        let affine = match self.kind {
            BinaryKind::Sub if self.flipped => {
                Affine { scale: Some(vec![-1.0; elements.len()]), offset: Some(elements) }
            }
            BinaryKind::Add => Affine { offset: Some(elements), scale: None },
            BinaryKind::Sub => Affine { offset: Some(elements.iter().map(|x| -x).collect()), scale: None },
            BinaryKind::Mul => Affine { scale: Some(elements), offset: None },
            BinaryKind::Div => Affine { scale: Some(elements.iter().map(|x| 1.0 / x).collect()), offset: None },
        };
        affine.checked()
    }
}

/// Operands of statistics and multipliers are small; nothing larger is evaluated here.
const MAX_BYTES: usize = 1 << 20;
/// How many nodes deep constants are evaluated.
const MAX_DEPTH: usize = 8;

/// The constant a value is, or the small constant that its defining nodes compute from constants.
pub(crate) fn constant(cx: &RuleContext<'_>, value: ValueId) -> Option<Tensor> {
    evaluated(cx, value, MAX_DEPTH)
}

fn evaluated(cx: &RuleContext<'_>, value: ValueId, depth: usize) -> Option<Tensor> {
    if let Some(tensor) = cx.tensor(value) {
        return Some(tensor.clone());
    }
    let (_, node) = cx.def(value).filter(|_| depth > 0)?;
    if node.inputs.is_empty() || !gtt_ops::info(&node.op).is_foldable() || !node.control.is_empty() {
        return None;
    }
    let operands: Vec<Tensor> =
        node.inputs.iter().map(|operand| evaluated(cx, (*operand)?, depth - 1)).collect::<Option<_>>()?;
    if operands.iter().any(|operand| operand.byte_len() > MAX_BYTES) {
        return None;
    }
    let inputs: Vec<Option<&Tensor>> = operands.iter().map(Some).collect();
    let call = Call::of(node, cx.opset(), &inputs).max_bytes(MAX_BYTES);
    cx.evaluator().evaluate(&call).ok()?.into_iter().next()
}

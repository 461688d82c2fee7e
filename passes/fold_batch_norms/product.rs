//! Convolutions and matrix products with constant weights, of both dialects.

use gtt_ir::{DType, Dialect, NodeId, Tensor, Use, ValueId};
use gtt_ops::views::onnx;
use gtt_rewrite::{Decline, NewNode, Rewrite, RuleContext, require};

use super::place::{Channels, Place};
use super::tensorflow;
use super::weights::Layout;

/// Where the channels of a product's result are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelAxis {
    /// Axis 1: ONNX convolutions, TensorFlow's `NCHW`.
    Second,
    /// The last axis.
    Last,
}

/// Where a product takes its bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bias {
    /// A vector operand, perhaps omitted (ONNX `Conv`, `ConvTranspose`).
    Vector(Option<ValueId>),
    /// `beta * c`, broadcast (ONNX `Gemm`).
    Gemm(Option<ValueId>, f32),
    /// A node of its own follows (TensorFlow).
    Separate,
    /// There is no place for one (ONNX `MatMul`).
    Nowhere,
}

/// A product that scales and offsets can be folded into.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) node: NodeId,
    pub(crate) result: ValueId,
    pub(crate) weights: ValueId,
    pub(crate) bias: Bias,
    pub(crate) dtype: DType,
    pub(crate) channels: usize,
    pub(crate) axis: ChannelAxis,
    /// Rank of the result, if known.
    pub(crate) rank: Option<usize>,
    /// How the weights run over the channels of the result.
    pub(crate) layout: Layout,
    /// Number of channels of the operand, and how the weights run over them, if known.
    pub(crate) inputs: Option<(usize, Layout)>,
    /// Factor of the product (ONNX `Gemm`).
    pub(crate) alpha: f32,
}

/// Shared weights of up to this many bytes are copied to be scaled.
const MAX_COPY: usize = 256;

impl Product {
    /// The product that defines `value`; `NotMine` when something else does.
    pub(crate) fn behind(cx: &RuleContext<'_>, value: ValueId) -> Result<Self, Decline> {
        let (id, _) = cx.def(value).ok_or(Decline::NotMine)?;
        Self::at(cx, id)
    }

    /// The product at a node; `NotMine` when it is something else.
    pub(crate) fn at(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        let value = node.output(0).ok_or(Decline::NotMine)?;
        let found = match cx.dialect() {
            Dialect::Onnx => match node.op.name.as_str() {
                "Conv" if node.op.is_onnx("Conv") => Self::onnx_conv(cx, id, value),
                "ConvTranspose" if node.op.is_onnx("ConvTranspose") => Self::onnx_conv_transpose(cx, id, value),
                "Gemm" if node.op.is_onnx("Gemm") => Self::onnx_gemm(cx, id, value),
                "MatMul" if node.op.is_onnx("MatMul") => Self::onnx_matmul(cx, id, value),
                _ => return Err(Decline::NotMine),
            },
            Dialect::Tf => match node.op.name.as_str() {
                "BatchMatMulV2" | "Conv2D" | "Conv2DBackpropInput" | "Conv3D" | "DepthwiseConv2dNative" | "MatMul" => {
                    tensorflow::product(cx, id, value)
                }
                _ => return Err(Decline::NotMine),
            },
            _ => return Err(Decline::NotMine),
        }?;
        require!(found.dtype.is_float() && found.dtype.bits() >= 16, "the weights are not float");
        Ok(found)
    }

    fn onnx_conv(cx: &RuleContext<'_>, node: NodeId, result: ValueId) -> Result<Self, Decline> {
        let view = onnx::Conv::of(cx.node(node), cx.opset()).ok_or(NOT_UNDERSTOOD)?;
        let weights = weights(cx, view.w)?;
        let &[channels, per_group, ref kernel @ ..] = weights.shape() else { return Err(NOT_UNDERSTOOD) };
        let group = usize::try_from(view.group).ok().filter(|group| *group > 0).ok_or(NOT_UNDERSTOOD)?;
        require!(channels % group == 0, "the product is not understood");
        let kernel: usize = kernel.iter().product();
        let layout = vec![(channels, true), (per_group * kernel, false)];
        let by_input = vec![(group, true), (channels / group, false), (per_group, true), (kernel, false)];
        Ok(Self {
            inputs: Some((group * per_group, by_input)),
            bias: Bias::Vector(view.b),
            axis: ChannelAxis::Second,
            rank: Some(weights.rank()),
            ..Self::new(node, result, view.w, weights, channels, layout)
        })
    }

    fn onnx_conv_transpose(cx: &RuleContext<'_>, node: NodeId, result: ValueId) -> Result<Self, Decline> {
        let view = onnx::ConvTranspose::of(cx.node(node), cx.opset()).ok_or(NOT_UNDERSTOOD)?;
        let weights = weights(cx, view.w)?;
        let &[inputs, columns, ref kernel @ ..] = weights.shape() else { return Err(NOT_UNDERSTOOD) };
        let group = usize::try_from(view.group).ok().filter(|group| *group > 0).ok_or(NOT_UNDERSTOOD)?;
        require!(inputs % group == 0, "the product is not understood");
        let kernel: usize = kernel.iter().product();
        let layout = vec![(group, true), (inputs / group, false), (columns, true), (kernel, false)];
        Ok(Self {
            inputs: Some((inputs, vec![(inputs, true), (columns * kernel, false)])),
            bias: Bias::Vector(view.b),
            axis: ChannelAxis::Second,
            rank: Some(weights.rank()),
            ..Self::new(node, result, view.w, weights, group * columns, layout)
        })
    }

    fn onnx_gemm(cx: &RuleContext<'_>, node: NodeId, result: ValueId) -> Result<Self, Decline> {
        let view = onnx::Gemm::of(cx.node(node), cx.opset()).ok_or(NOT_UNDERSTOOD)?;
        let weights = weights(cx, view.b)?;
        let (channels, layout) = matrix_layout(weights, view.trans_b)?;
        let (bias, inputs) = (Bias::Gemm(view.c, view.beta), Some(matrix_layout(weights, !view.trans_b)?));
        let product = Self::new(node, result, view.b, weights, channels, layout);
        Ok(Self { bias, inputs, rank: Some(2), alpha: view.alpha, ..product })
    }

    fn onnx_matmul(cx: &RuleContext<'_>, node: NodeId, result: ValueId) -> Result<Self, Decline> {
        let view = onnx::MatMul::of(cx.node(node), cx.opset()).ok_or(NOT_UNDERSTOOD)?;
        let weights = weights(cx, view.b)?;
        let (channels, layout) = matrix_layout(weights, false)?;
        let rank = cx.ty(view.a).rank().filter(|rank| *rank >= 1);
        let inputs = Some(matrix_layout(weights, true)?);
        Ok(Self { rank, inputs, ..Self::new(node, result, view.b, weights, channels, layout) })
    }

    pub(super) fn new(
        node: NodeId,
        result: ValueId,
        id: ValueId,
        weights: &Tensor,
        channels: usize,
        layout: Layout,
    ) -> Self {
        let dtype = weights.dtype();
        let (bias, axis, rank) = (Bias::Nowhere, ChannelAxis::Last, None);
        Self { node, result, weights: id, bias, dtype, channels, axis, rank, layout, inputs: None, alpha: 1.0 }
    }

    /// Where the channels of its result are.
    pub(crate) fn place(&self) -> Place {
        let channels = match self.axis {
            ChannelAxis::Second => Channels::At(1),
            ChannelAxis::Last => Channels::Last,
        };
        Place { rank: self.rank, channels }
    }

    /// Puts weights scaled along `layout` in place of the weights: into `node`, which is to replace the product.
    pub(crate) fn scale(
        &self,
        cx: &RuleContext<'_>,
        layout: &Layout,
        scale: &[f64],
        node: NewNode,
        rewrite: &mut Rewrite,
    ) -> Result<NewNode, Decline> {
        let graph = cx.graph();
        let weights = graph.tensor(self.weights).ok_or(Decline::because("the weights belong to an enclosing graph"))?;
        let mut readers = graph.value(self.weights).uses().iter().filter(|used| !matches!(used, Use::Control { .. }));
        let only = matches!(readers.next(), Some(Use::Operand { node, .. }) if *node == self.node);
        let shared = !only || readers.next().is_some();
        require!(!shared || weights.byte_len() <= MAX_COPY, "the weights are used elsewhere");
        let scaled = super::scaled::scaled(weights, layout, scale)?;
        if shared {
            let copy = rewrite.constant_like(scaled, self.weights);
            return Ok(node.input_at(1, copy));
        }
        rewrite.set_tensor(self.weights, scaled);
        Ok(node)
    }

    /// The elements of a constant that is broadcast against the product's result, or another value of the same channels, one a
    /// channel.
    pub(crate) fn per_channel(&self, constant: &Tensor, place: Place) -> Result<Vec<f64>, Decline> {
        place.per_channel(constant, self.dtype, self.channels)
    }
}

pub(super) const NOT_UNDERSTOOD: Decline =
    Decline::Because(std::borrow::Cow::Borrowed("the product is not understood"));

pub(super) fn weights<'a>(cx: &RuleContext<'a>, value: ValueId) -> Result<&'a Tensor, Decline> {
    let weights = cx.tensor(value).ok_or(Decline::because("the weights are not constant"))?;
    require!(!weights.is_empty(), "the product is not understood");
    Ok(weights)
}

pub(super) fn matrix_layout(weights: &Tensor, transposed: bool) -> Result<(usize, Layout), Decline> {
    let &[rows, columns] = weights.shape() else { return Err(Decline::because("the weights are not a matrix")) };
    if transposed {
        Ok((rows, vec![(rows, true), (columns, false)]))
    } else {
        Ok((columns, vec![(rows, false), (columns, true)]))
    }
}

//! Scales and offsets in front of a product, channel by channel of its operand: `W (x * scale + offset)`.

use gtt_ir::{Dialect, Dim, Domain, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{AutoPad, Conv};
use gtt_ops::views::tf;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::affine::{Affine, Elementwise};
use super::fold::{own_bias, with_bias};
use super::norm::Norm;
use super::place::{Channels, Place};
use super::product::{Bias, ChannelAxis, Product};
use super::weights::{Layout, contracted};

/// Products of both dialects.
const PRODUCTS: &[&str] = &["Conv", "ConvTranspose", "Gemm", "MatMul", "Conv2D", "DepthwiseConv2dNative"];

/// A whole normalisation op in front of a product.
pub(super) struct BatchNormProduct;

impl Rule for BatchNormProduct {
    fn name(&self) -> &'static str {
        "batch_norm_product"
    }

    fn ops(&self) -> &'static [&'static str] {
        PRODUCTS
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let (id, x) = operand(cx, node, NORMS)?;
        let fed = Fed::of(cx, node)?;
        let norm = Norm::of(cx, id)?;
        norm.fits(fed.place)?;
        let affine = norm.affine(cx, fed.channels)?;
        fed.rewrite(cx, x, norm.x, &affine)
    }
}

/// A multiplication by, or the addition of, a constant in front of a product.
pub(super) struct ScaleOffsetProduct;

impl Rule for ScaleOffsetProduct {
    fn name(&self) -> &'static str {
        "scale_offset_product"
    }

    fn ops(&self) -> &'static [&'static str] {
        PRODUCTS
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let (id, x) = operand(cx, node, &["Mul", "Div", "RealDiv", "Add", "AddV2", "Sub"])?;
        let head = Elementwise::of(cx, id)?;
        let fed = Fed::of(cx, node)?;
        let elements = fed.place.per_channel(&head.constant, fed.product.dtype, fed.channels)?;
        let kept = || {
            let shape = cx.ty(head.x).shape()?;
            let extent = shape.get(fed.place.index()?)?;
            Some(fed.place.rank == Some(shape.len()) && *extent == Dim::Known(fed.channels as u64))
        };
        require!(head.constant.rank() == 0 || kept() == Some(true), "the constant may broadcast the operand");
        let affine = head.map(elements)?;
        if fed.product.bias == Bias::Separate && affine.offset.is_some() {
            // The addition would only move from one side to the other, unless another one waits there.
            let reader = cx.only_reader(fed.product.result).ok_or(Decline::NotMine)?;
            require!(Elementwise::of(cx, reader).is_ok_and(|next| next.is_offset()));
        }
        fed.rewrite(cx, x, head.x, &affine)
    }
}

const NORMS: &[&str] = &["BatchNormalization", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"];

/// What computes the first operand of a node that may be a product, if it is one of these ops; and that operand.
fn operand(cx: &RuleContext<'_>, node: NodeId, ops: &[&str]) -> Result<(NodeId, ValueId), Decline> {
    let product = &cx.node(node).op;
    let domain = if cx.dialect() == Dialect::Tf { Domain::TF } else { Domain::ONNX };
    let is_one_of = |op: &Op, names: &[&str]| op.domain == domain && names.contains(&op.name.as_str());
    require!(is_one_of(product, PRODUCTS));
    let x = cx.node(node).input(0).ok_or(Decline::NotMine)?;
    let (id, found) = cx.def(x).ok_or(Decline::NotMine)?;
    require!(is_one_of(&found.op, ops));
    Ok((id, x))
}

/// A product, and the channels of its operand.
struct Fed {
    product: Product,
    channels: usize,
    layout: Layout,
    place: Place,
}

impl Fed {
    fn of(cx: &RuleContext<'_>, node: NodeId) -> Result<Self, Decline> {
        let product = Product::at(cx, node)?;
        let (channels, layout) = product.inputs.clone().ok_or(Decline::NotMine)?;
        let axis = match product.bias {
            Bias::Gemm(..) => {
                let transposed = cx.node(node).attr("transA").and_then(gtt_ir::Attr::as_int) == Some(1);
                Channels::At(usize::from(!transposed))
            }
            Bias::Nowhere => Channels::Last,
            Bias::Separate if product.axis == ChannelAxis::Last => Channels::Last,
            Bias::Vector(_) | Bias::Separate => Channels::At(1),
        };
        let place = Place { rank: product.rank, channels: axis };
        Ok(Self { product, channels, layout, place })
    }

    /// The product of `inner`, with the affine map that computes its operand `x` in weights and bias.
    fn rewrite(&self, cx: &RuleContext<'_>, x: ValueId, inner: ValueId, affine: &Affine) -> Result<Rewrite, Decline> {
        let product = &self.product;
        require!(cx.only_reader(x).is_some(), "the scaled operand is used elsewhere");
        let mut rewrite = Rewrite::new();
        let mut node = NewNode::like(product.node, cx.node(product.node)).input_at(0, inner);
        let total = match &affine.offset {
            Some(offset) => Some(self.bias(cx, offset)?),
            None => None,
        };
        if let Some(scale) = &affine.scale {
            node = product.scale(cx, &self.layout, scale, node, &mut rewrite)?;
        }
        let folded = match total {
            Some(total) => with_bias(cx, product, node, &total, None, &mut rewrite)?,
            None => rewrite.node(node).into(),
        };
        rewrite.replace(product.result, folded);
        Ok(rewrite)
    }

    /// The bias with what the product makes of an offset of its operand.
    fn bias(&self, cx: &RuleContext<'_>, offset: &[f64]) -> Result<Vec<f64>, Decline> {
        let product = &self.product;
        match product.bias {
            Bias::Vector(_) => {
                let conv = Conv::of(cx.node(product.node), cx.opset());
                let whole = conv.is_some_and(|conv| match conv.auto_pad {
                    AutoPad::NotSet => conv.pads.iter().flatten().all(|&amount| amount == 0),
                    AutoPad::Valid => true,
                    AutoPad::SameUpper | AutoPad::SameLower => false,
                });
                require!(whole, "at the border the product sees no offset");
            }
            Bias::Gemm(..) => {}
            Bias::Separate => {
                let node = cx.node(product.node);
                let padding = tf::Conv2D::of(node).map(|view| view.padding);
                let padding = padding.or_else(|| Some(tf::DepthwiseConv2dNative::of(node)?.padding));
                let whole = match padding {
                    None | Some(tf::Padding::Valid) => true,
                    Some(tf::Padding::Same) => false,
                    Some(tf::Padding::Explicit(pads)) => pads.iter().all(|&amount| amount == 0),
                };
                require!(whole, "at the border the product sees no offset");
            }
            // The addition would only move from one side to the other.
            Bias::Nowhere => return Err(Decline::NotMine),
        }
        let weights = cx.tensor(product.weights).ok_or(Decline::NotMine)?;
        let sums = contracted(weights, &product.layout, &self.layout, offset, product.channels)?;
        let own = own_bias(cx, product)?.unwrap_or_else(|| vec![0.0; product.channels]);
        Ok(own.iter().zip(sums).map(|(own, sum)| own + f64::from(product.alpha) * sum).collect())
    }
}

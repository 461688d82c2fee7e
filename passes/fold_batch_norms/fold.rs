//! Putting a scale and an offset into a product.

use gtt_ir::{Attr, Name, NodeId, Op, Tensor, ValueId};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, RuleContext, require};

use super::affine::{Affine, Elementwise};
use super::product::{Bias, ChannelAxis, Product};

/// A product with what stands between it and the op to be folded: nothing, or the addition of a bias.
#[derive(Clone, Debug)]
pub(crate) struct Biased {
    pub(crate) product: Product,
    /// The addition, by node.
    pub(crate) bias: Option<(NodeId, Elementwise)>,
}

impl Biased {
    /// The product behind a value, looking through one addition of a constant. Every value in between must have one reader.
    pub(crate) fn behind(cx: &RuleContext<'_>, value: ValueId) -> Result<Self, Decline> {
        let found = match Product::behind(cx, value) {
            Ok(product) => Self { product, bias: None },
            Err(Decline::NotMine) => {
                let (id, _) = cx.def(value).ok_or(Decline::NotMine)?;
                let bias = Elementwise::of(cx, id)?;
                require!(bias.is_offset());
                let product = Product::behind(cx, bias.x)?;
                require!(cx.only_reader(bias.x).is_some(), "the product is used elsewhere");
                Self { product, bias: Some((id, bias)) }
            }
            Err(reason) => return Err(reason),
        };
        require!(cx.only_reader(value).is_some(), "the product is used elsewhere");
        Ok(found)
    }

    /// Folds an affine map of the result into weights and bias, and gives the operand that stands for the mapped result. The
    /// rewrite still has to replace what computed it. `head` is the node that goes.
    pub(crate) fn fold(
        &self,
        cx: &RuleContext<'_>,
        affine: &Affine,
        rewrite: &mut Rewrite,
    ) -> Result<Operand, Decline> {
        let product = &self.product;
        let bias = self.folded_bias(affine)?;
        let mut node = NewNode::like(product.node, cx.node(product.node));
        let own = match product.bias {
            Bias::Vector(own) | Bias::Gemm(own, _) => own,
            Bias::Separate | Bias::Nowhere => None,
        };
        let own_elements = match product.bias {
            Bias::Vector(Some(value)) => Some(self.own_bias(cx, value, 1.0)?),
            Bias::Gemm(Some(value), beta) => Some(self.own_bias(cx, value, f64::from(beta))?),
            _ => None,
        };
        let total = sum(own_elements.as_deref(), affine.scale.as_deref(), bias);
        if let Some(scale) = &affine.scale {
            rewrite.set_tensor(product.weights, product.scaled_weights(cx, scale)?);
        }
        let Some(total) = total else {
            return Ok(rewrite.node(node).into());
        };
        require!(total.iter().all(|element| element.is_finite()), "scale or offset are not finite");
        let tensor = Tensor::from_f64s(product.dtype, &[product.channels], &total)
            .ok_or(Decline::because("the weights are not float"))?;
        let written = self.bias.as_ref().map(|(_, bias)| bias.operand).or(own);
        let constant = match written.filter(|value| cx.graph().tensor(*value).is_some()) {
            Some(value) => rewrite.constant_like(tensor, value),
            None => rewrite.constant_named(tensor, offset_name(cx, product)),
        };
        match product.bias {
            Bias::Vector(_) => node = node.input_at(2, constant),
            Bias::Gemm(..) => node = node.input_at(2, constant).attr("beta", Attr::Float(1.0)),
            Bias::Separate => {
                let convolution = rewrite.node(node);
                rewrite.keep_name_of(convolution, product.result);
                return Ok(rewrite.node(bias_add(cx, product, convolution.into(), constant)).into());
            }
            Bias::Nowhere => {
                let matmul = rewrite.node(node);
                rewrite.keep_name_of(matmul, product.result);
                return Ok(rewrite.node(NewNode::new(Op::onnx("Add")).input(matmul).input(constant)).into());
            }
        }
        Ok(rewrite.node(node).into())
    }

    /// The bias between product and head, after the affine map.
    fn folded_bias(&self, affine: &Affine) -> Result<Option<Vec<f64>>, Decline> {
        let between = match &self.bias {
            Some((_, bias)) => bias.affine(&self.product)?.offset,
            None => None,
        };
        Ok(sum(between.as_deref(), affine.scale.as_deref(), affine.offset.clone()))
    }

    fn own_bias(&self, cx: &RuleContext<'_>, value: ValueId, beta: f64) -> Result<Vec<f64>, Decline> {
        let tensor = cx.tensor(value).ok_or(Decline::because("the bias is not constant"))?;
        let elements = if matches!(self.product.bias, Bias::Vector(_)) {
            let vector = tensor.to_f64s().filter(|all| tensor.rank() == 1 && all.len() == self.product.channels);
            vector.ok_or(Decline::because("the bias does not run along the output channels"))?
        } else {
            self.product.per_channel(tensor)?
        };
        Ok(elements.into_iter().map(|element| element * beta).collect())
    }
}

/// `inner * scale + outer`, where what is missing counts as neutral.
fn sum(inner: Option<&[f64]>, scale: Option<&[f64]>, outer: Option<Vec<f64>>) -> Option<Vec<f64>> {
    let Some(inner) = inner else { return outer };
    let mut total = inner.to_vec();
    if let Some(scale) = scale {
        total.iter_mut().zip(scale).for_each(|(total, scale)| *total *= scale);
    }
    if let Some(outer) = outer {
        total.iter_mut().zip(outer).for_each(|(total, outer)| *total += outer);
    }
    Some(total)
}

/// TensorFlow: as the Graph Transform Tool calls it.
fn offset_name(cx: &RuleContext<'_>, product: &Product) -> Name {
    let base = match product.bias {
        Bias::Separate => &cx.node(product.node).name,
        _ => &cx.value(product.result).name,
    };
    Name::from(format!("{base}_bn_offset"))
}

/// A TensorFlow `BiasAdd` in the layout of the product.
pub(crate) fn bias_add(cx: &RuleContext<'_>, product: &Product, x: Operand, bias: Operand) -> NewNode {
    let convolution = cx.node(product.node);
    let node = NewNode::new(Op::tf("BiasAdd")).input(x).input(bias).attr("T", Attr::DType(product.dtype));
    match convolution.attr("data_format") {
        Some(format) => node.attr("data_format", format.clone()),
        None if product.axis == ChannelAxis::Second => node.attr("data_format", Attr::Str("NCHW".into())),
        None => node,
    }
}

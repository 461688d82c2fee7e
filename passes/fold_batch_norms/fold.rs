//! Putting a scale and an offset into a product.

use gtt_ir::{Attr, Dialect, Name, Op, Tensor, ValueId};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, RuleContext, require};

use super::affine::{Affine, Elementwise};
use super::place::{Place, Views};
use super::product::{Bias, ChannelAxis, Product};

/// A product with what stands between it and the op to be folded: the addition of a bias, and views.
pub(crate) struct Biased {
    pub(crate) product: Product,
    /// The addition.
    pub(crate) bias: Option<Elementwise>,
    /// Where the channels are behind the views.
    pub(crate) place: Place,
    /// The result in front of the views, if there are any.
    viewed: Option<ValueId>,
}

impl Biased {
    /// The product behind a value, looking through views and one addition of a constant. Every value in between must have one
    /// reader.
    pub(crate) fn behind(cx: &RuleContext<'_>, value: ValueId) -> Result<Self, Decline> {
        let (views, result) = match cx.dialect() {
            Dialect::Onnx => Views::before(cx, value),
            _ => (Views::default(), value),
        };
        let (product, bias) = match Product::behind(cx, result) {
            Ok(product) => (product, None),
            Err(Decline::NotMine) => {
                let (id, _) = cx.def(result).ok_or(Decline::NotMine)?;
                let bias = Elementwise::of(cx, id)?;
                require!(bias.is_offset());
                let product = Product::behind(cx, bias.x)?;
                require!(cx.only_reader(bias.x).is_some(), "the product is used elsewhere");
                (product, Some(bias))
            }
            Err(reason) => return Err(reason),
        };
        let alone = cx.only_reader(value).is_some() && views.are_alone(cx);
        require!(alone, "the product is used elsewhere");
        let place = views.moved(cx, product.place(), product.channels);
        Ok(Self { product, bias, place, viewed: (!views.is_empty()).then_some(result) })
    }

    /// Folds an affine map into the product, and lets everything that uses `y`, the mapped value of `x`, do without it.
    pub(crate) fn rewrite(
        &self,
        cx: &RuleContext<'_>,
        affine: &Affine,
        x: ValueId,
        y: ValueId,
    ) -> Result<Rewrite, Decline> {
        let mut rewrite = Rewrite::new();
        let folded = self.fold(cx, affine, &mut rewrite)?;
        match self.viewed {
            None => rewrite.replace(y, folded),
            Some(result) => {
                rewrite.replace(result, folded);
                rewrite.replace(y, x);
            }
        }
        Ok(rewrite)
    }

    /// Folds an affine map of the result into weights and bias, and gives the operand that stands for the mapped result in front
    /// of the views. The rewrite still has to replace what computed it.
    pub(crate) fn fold(
        &self,
        cx: &RuleContext<'_>,
        affine: &Affine,
        rewrite: &mut Rewrite,
    ) -> Result<Operand, Decline> {
        let product = &self.product;
        let bias = self.folded_bias(affine)?;
        let mut node = NewNode::like(product.node, cx.node(product.node));
        let own = own_bias(cx, product)?;
        let total = sum(own.as_deref(), affine.scale.as_deref(), bias);
        if let Some(scale) = &affine.scale {
            node = product.scale(cx, &product.layout, scale, node, rewrite)?;
        }
        let Some(total) = total else {
            return Ok(rewrite.node(node).into());
        };
        let written = self.bias.as_ref().map(|bias| bias.operand);
        with_bias(cx, product, node, &total, written, rewrite)
    }

    /// The bias between product and head, after the affine map.
    fn folded_bias(&self, affine: &Affine) -> Result<Option<Vec<f64>>, Decline> {
        let between = match &self.bias {
            Some(bias) => bias.affine(&self.product, self.product.place())?.offset,
            None => None,
        };
        Ok(sum(between.as_deref(), affine.scale.as_deref(), affine.offset.clone()))
    }
}

/// The elements of the bias that a product has of its own, its factor applied.
pub(crate) fn own_bias(cx: &RuleContext<'_>, product: &Product) -> Result<Option<Vec<f64>>, Decline> {
    let (Bias::Vector(Some(value)) | Bias::Gemm(Some(value), _)) = product.bias else { return Ok(None) };
    let tensor = cx.tensor(value).ok_or(Decline::because("the bias is not constant"))?;
    let Bias::Gemm(_, beta) = product.bias else {
        let vector = tensor.to_f64s().filter(|all| tensor.rank() == 1 && all.len() == product.channels);
        return vector.map(Some).ok_or(Decline::because("the bias does not run along the output channels"));
    };
    let elements = product.per_channel(tensor, product.place())?;
    Ok(Some(elements.into_iter().map(|element| element * f64::from(beta)).collect()))
}

/// Makes `node`, which is to replace the product, with this bias. The constant takes the place of `written`, or of the product's
/// own.
pub(crate) fn with_bias(
    cx: &RuleContext<'_>,
    product: &Product,
    node: NewNode,
    total: &[f64],
    written: Option<ValueId>,
    rewrite: &mut Rewrite,
) -> Result<Operand, Decline> {
    require!(total.iter().all(|element| element.is_finite()), "scale or offset are not finite");
    let tensor = Tensor::from_f64s(product.dtype, &[product.channels], total)
        .ok_or(Decline::because("the weights are not float"))?;
    let rounded = tensor.to_f64s().is_some_and(|all| all.iter().all(|element| element.is_finite()));
    require!(rounded, "the bias would overflow");
    let own = match product.bias {
        Bias::Vector(own) | Bias::Gemm(own, _) => own,
        Bias::Separate | Bias::Nowhere => None,
    };
    let constant = match written.or(own).filter(|value| cx.graph().tensor(*value).is_some()) {
        Some(value) => rewrite.constant_like(tensor, value),
        None => rewrite.constant_named(tensor, offset_name(cx, product)),
    };
    let node = match product.bias {
        Bias::Vector(_) => node.input_at(2, constant),
        Bias::Gemm(..) => node.input_at(2, constant).without_attr("beta"),
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
    };
    Ok(rewrite.node(node).into())
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
        // There is no name of its own for five axes.
        Some(_) if product.rank == Some(5) => {
            let format = if product.axis == ChannelAxis::Second { "NCHW" } else { "NHWC" };
            node.attr("data_format", Attr::Str(format.into()))
        }
        Some(format) => node.attr("data_format", format.clone()),
        None if product.axis == ChannelAxis::Second => node.attr("data_format", Attr::Str("NCHW".into())),
        None => node,
    }
}

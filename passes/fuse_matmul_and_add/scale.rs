//! A product of matrices, or a factor of one, multiplied by a number.

use gtt_ir::{NodeId, ValueId};
use gtt_ops::views::onnx::{Binary, BinaryKind};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::product::Product;
use crate::support::constants;

/// `(alpha a b + beta c) * s` or `/ s`.
pub(super) struct ProductScale;

impl Rule for ProductScale {
    fn name(&self) -> &'static str {
        "product_scale"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let (x, factor, y) = scaled(cx, node)?;
        let mut product = Product::behind(cx, x)?;
        require!(cx.opset() >= 11 || product.c.is_some());
        require!(cx.only_reader(x).is_some(), "the product is used elsewhere");
        product.check(cx)?;
        product.alpha *= factor;
        product.beta *= factor;
        replaced(cx, &product, y)
    }
}

/// `alpha (a * s) b + beta c`.
pub(super) struct ScaleProduct;

impl Rule for ScaleProduct {
    fn name(&self) -> &'static str {
        "scale_product"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gemm", "MatMul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let op = &cx.node(node).op;
        require!(op.is_onnx("Gemm") || op.is_onnx("MatMul"));
        let mut product = Product::at(cx, node)?;
        require!(cx.opset() >= 11 || product.c.is_some());
        let found = [product.a, product.b].into_iter().find_map(|operand| {
            let (id, _) = cx.def(operand)?;
            Some((operand, scaled(cx, id).ok()?))
        });
        let (operand, (x, factor, _)) = found.ok_or(Decline::NotMine)?;
        require!(cx.only_reader(operand).is_some(), "the scaled factor is used elsewhere");
        product.check(cx)?;
        product.alpha *= factor;
        if operand == product.a {
            product.a = x;
        } else {
            product.b = x;
        }
        replaced(cx, &product, product.y)
    }
}

fn replaced(cx: &RuleContext<'_>, product: &Product, y: ValueId) -> Result<Rewrite, Decline> {
    let gemm = product.gemm(cx, product.c.into());
    let gemm = gemm.ok_or(Decline::because("the factor does not fit into 32 bits"))?;
    let mut rewrite = Rewrite::new();
    let gemm = rewrite.node(gemm);
    rewrite.replace(y, gemm);
    Ok(rewrite)
}

/// A value, the number it is multiplied by, and the result, if the node is such a multiplication and keeps the shape of a matrix.
pub(super) fn scaled(cx: &RuleContext<'_>, id: NodeId) -> Result<(ValueId, f64, ValueId), Decline> {
    let node = cx.node(id);
    require!(matches!(node.op.name.as_str(), "Mul" | "Div") && node.op.domain == gtt_ir::Domain::ONNX);
    let view = Binary::of(node, cx.opset()).ok_or(Decline::NotMine)?;
    let number = |value: ValueId, scaled: ValueId| {
        let tensor = cx.tensor(value)?;
        let keeps_rank = tensor.rank() == 0 || cx.ty(scaled).rank().is_some_and(|rank| tensor.rank() <= rank);
        (tensor.len() == 1 && tensor.rank() <= 2 && keeps_rank).then(|| constants::uniform_element(tensor))?
    };
    let y = view.y.ok_or(Decline::NotMine)?;
    match (view.kind, number(view.a, view.b), number(view.b, view.a)) {
        (BinaryKind::Div, _, Some(divisor)) if divisor != 0.0 => Ok((view.a, 1.0 / divisor, y)),
        (BinaryKind::Mul, _, Some(factor)) => Ok((view.a, factor, y)),
        (BinaryKind::Mul, Some(factor), None) => Ok((view.b, factor, y)),
        _ => Err(Decline::NotMine),
    }
}

//! Products of batches of matrices with a transposed factor or a number: ONNX Runtime has one op for them.

use gtt_ir::{Attr, DType, NodeId, ValueId};
use gtt_ops::views::onnx::{MatMul, Transpose};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::scale::scaled;
use crate::support::contrib;

/// `alpha * op(a) @ op(b)`, where `op` may swap the last two axes.
struct FusedProduct {
    a: ValueId,
    b: ValueId,
    y: ValueId,
    alpha: f64,
    trans_a: bool,
    trans_b: bool,
}

impl FusedProduct {
    /// The product at a node, if it is of float32 and a `Gemm` cannot do it.
    fn at(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        let product = if contrib::is(node, "FusedMatMul") {
            let known = |name: &str| matches!(name, "alpha" | "transA" | "transB");
            if !node.attrs.iter().all(|entry| known(&entry.name)) {
                return None;
            }
            let flag = |name: &str| node.attr(name).map_or(Some(0), Attr::as_int).map(|flag| flag != 0);
            let alpha = node.attr("alpha").map_or(Some(1.0), Attr::as_float)?;
            Self {
                a: node.input(0)?,
                b: node.input(1)?,
                y: node.output(0)?,
                alpha: f64::from(alpha),
                trans_a: flag("transA")?,
                trans_b: flag("transB")?,
            }
        } else {
            let MatMul { a, b, y, .. } = MatMul::of(node, cx.opset())?;
            Self { a, b, y: y?, alpha: 1.0, trans_a: false, trans_b: false }
        };
        let ranks = [cx.ty(product.a).rank()?, cx.ty(product.b).rank()?];
        let batched = ranks.iter().all(|&rank| rank >= 2) && ranks != [2, 2];
        (batched && cx.ty(product.a).dtype() == Some(DType::F32)).then_some(product)
    }

    fn replace(&self, y: ValueId) -> Result<Rewrite, Decline> {
        let alpha = self.alpha as f32;
        require!(alpha.is_finite());
        let mut rewrite = Rewrite::new();
        let fused = NewNode::new(contrib::op("FusedMatMul")).input(self.a).input(self.b);
        let fused = fused.attr("alpha", Attr::Float(alpha)).attr("transA", Attr::Int(self.trans_a.into()));
        let fused = rewrite.node(fused.attr("transB", Attr::Int(self.trans_b.into())));
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

/// A factor whose last two axes a `Transpose` swaps, or that is multiplied by a number.
pub(super) struct FactorOfBatches;

impl Rule for FactorOfBatches {
    fn name(&self) -> &'static str {
        "factor_of_batches"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["MatMul", "FusedMatMul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let mut product = FusedProduct::at(cx, id).ok_or(Decline::NotMine)?;
        if let Some(x) = untransposed(cx, product.a) {
            product.a = x;
            product.trans_a = !product.trans_a;
        } else if let Some(x) = untransposed(cx, product.b) {
            product.b = x;
            product.trans_b = !product.trans_b;
        } else {
            let number = |operand: ValueId| {
                let (node, _) = cx.def(operand)?;
                let (x, factor, _) = scaled(cx, node).ok()?;
                let same = cx.ty(x).rank() == cx.ty(operand).rank() && cx.only_reader(operand).is_some();
                same.then_some((x, factor))
            };
            if let Some((x, factor)) = number(product.a) {
                (product.a, product.alpha) = (x, product.alpha * factor);
            } else {
                let (x, factor) = number(product.b).ok_or(Decline::NotMine)?;
                (product.b, product.alpha) = (x, product.alpha * factor);
            }
        }
        product.replace(product.y)
    }
}

/// What a `Transpose` that nothing else reads swaps the last two axes of.
fn untransposed(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let view = Transpose::of(node, cx.opset())?;
    let rank = cx.ty(view.x).rank().filter(|rank| *rank >= 2)?;
    let mut swapped: Vec<usize> = (0..rank).collect();
    swapped.swap(rank - 2, rank - 1);
    let fits = view.permutation(rank)? == swapped && cx.only_reader(value).is_some();
    fits.then_some(view.x)
}

/// `(a @ b) * s` or `/ s`.
pub(super) struct ScaledBatches;

impl Rule for ScaledBatches {
    fn name(&self) -> &'static str {
        "scaled_batches"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (x, factor, y) = scaled(cx, id)?;
        let (node, _) = cx.def(x).ok_or(Decline::NotMine)?;
        let mut product = FusedProduct::at(cx, node).ok_or(Decline::NotMine)?;
        require!(cx.ty(x).rank() == cx.ty(y).rank() && cx.only_reader(x).is_some());
        product.alpha *= factor;
        product.replace(y)
    }
}

//! Sums of a product of matrices and something else.

use gtt_ir::{Dim, NodeId, Type};
use gtt_ops::views::onnx::Reshape;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::product::{Product, terms};

/// `a b + c`, `a b - c` or `c - a b`, the product a `MatMul`, or a `Gemm` that adds nothing yet.
pub(super) struct ProductAdd;

impl Rule for ProductAdd {
    fn name(&self) -> &'static str {
        "product_add"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Sub", "Sum"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let (terms, y) = terms(cx, node)?;
        let found = terms.iter().find_map(|term| {
            let product = Product::behind(cx, term.x).ok()?;
            product.c.is_none().then_some((term, product))
        });
        let (term, mut product) = found.ok_or(Decline::NotMine)?;
        require!(cx.only_reader(term.x).is_some(), "the product is used elsewhere");
        product.check(cx)?;
        broadcasts(cx.ty(term.c), &product.extents(cx))?;
        product.alpha *= term.sign_x;
        product.beta = term.sign_c;
        let gemm = product.gemm(cx, term.c.into()).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let gemm = rewrite.node(gemm);
        rewrite.replace(y, gemm);
        Ok(rewrite)
    }
}

/// `Reshape(a b) + c` with a vector `c` along the columns, which the `Reshape` keeps.
pub(super) struct MatmulViewAdd;

impl Rule for MatmulViewAdd {
    fn name(&self) -> &'static str {
        "matmul_view_add"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Sub", "Sum"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let (terms, y) = terms(cx, node)?;
        let found = terms.iter().find_map(|term| {
            let (id, view) = cx.def(term.x)?;
            let x = Reshape::of(view, cx.opset())?.x;
            let product = Product::behind(cx, x).ok()?;
            product.c.is_none().then_some((term, id, x, product))
        });
        let (term, view, x, mut product) = found.ok_or(Decline::NotMine)?;
        let alone = cx.only_reader(term.x).is_some() && cx.only_reader(x).is_some();
        require!(alone, "the product is used elsewhere");
        product.check(cx)?;
        let [_, columns] = product.extents(cx);
        let last = |ty: &Type| ty.shape().and_then(|shape| shape.last()).cloned();
        let kept = matches!(columns, Dim::Known(_)) && last(cx.ty(term.x)).as_ref() == Some(&columns);
        require!(kept, "the columns are not kept together");
        let along = cx.ty(term.c).rank() == Some(1) && last(cx.ty(term.c)).as_ref() == Some(&columns);
        require!(along, "the bias does not run along the columns");
        product.alpha *= term.sign_x;
        product.beta = term.sign_c;
        let gemm = product.gemm(cx, term.c.into()).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let gemm = rewrite.node(gemm);
        rewrite.keep_name_of(gemm, x);
        let view = rewrite.node(NewNode::like(view, cx.node(view)).input_at(0, gemm));
        rewrite.replace(y, view);
        Ok(rewrite)
    }
}

/// The addend broadcasts to the product and does not make it larger.
fn broadcasts(addend: &Type, [rows, columns]: &[Dim; 2]) -> Result<(), Decline> {
    let shape = addend.shape().ok_or(Decline::because("the shape of the bias is unknown"))?;
    let fits = |dim: &Dim, of: &Dim| *dim == Dim::Known(1) || dim.same(of);
    let proven = match shape.as_slice() {
        [] => true,
        [last] => fits(last, columns),
        [first, last] => fits(first, rows) && fits(last, columns),
        _ => false,
    };
    require!(proven, "the bias may make the product larger");
    Ok(())
}

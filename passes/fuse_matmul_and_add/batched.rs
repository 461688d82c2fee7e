//! A batch of products with one matrix, as one `Gemm` between two `Reshape`s.

use gtt_ir::{Dim, NodeId, Op, ValueId};
use gtt_ops::views::onnx::MatMul;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::product::terms;
use crate::support::constants;

/// `Add(MatMul(a, b), c)` with a matrix `b` and a vector `c`, `a` of rank 3 or more.
pub(super) struct BatchedMatmulAdd;

impl Rule for BatchedMatmulAdd {
    fn name(&self) -> &'static str {
        "batched_matmul_add"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(node).op.is_onnx("Add"));
        let (terms, y) = terms(cx, node)?;
        let found = terms.iter().find_map(|term| {
            let (_, node) = cx.def(term.x)?;
            Some((term, MatMul::of(node, cx.opset())?))
        });
        let (term, product) = found.ok_or(Decline::NotMine)?;
        let shape = |value: ValueId| cx.ty(value).shape().cloned();
        let (Some(a), Some(b)) = (shape(product.a), shape(product.b)) else { return Err(Decline::NotMine) };
        require!(a.len() >= 3 && b.len() == 2);
        require!(cx.only_reader(term.x).is_some(), "the product is used elsewhere");
        require!(cx.ty(product.b).dtype().is_some_and(|dtype| dtype.is_float()), "the element type is an integer");
        let (Some(inner), Some(columns)) = (b[0].known(), b[1].known()) else {
            return Err(Decline::because("the extents of the matrix are not known"));
        };
        let unknown = a[..a.len() - 1].iter().filter(|dim| dim.known().is_none()).count();
        require!(unknown <= 1, "more than one extent is not known");
        let none = a.iter().chain(&b).any(|dim| *dim == Dim::Known(0));
        require!(!none, "there may be no elements");
        let vector = shape(term.c).is_some_and(|c| c.as_slice() == [Dim::Known(columns)] || c.is_empty());
        require!(vector, "the bias does not run along the columns");
        let signed = |extent: u64| i64::try_from(extent).map_err(|_| Decline::NotMine);
        let mut target = Vec::new();
        for dim in &a[..a.len() - 1] {
            target.push(dim.known().map_or(Ok(-1), signed)?);
        }
        target.push(signed(columns)?);
        let mut rewrite = Rewrite::new();
        let flat = constants::vector(&mut rewrite, &[-1, signed(inner)?]);
        let flat = rewrite.node(NewNode::new(Op::onnx("Reshape")).input(product.a).input(flat));
        let gemm = rewrite.node(NewNode::new(Op::onnx("Gemm")).input(flat).input(product.b).input(term.c));
        let target = constants::vector(&mut rewrite, &target);
        let shaped = rewrite.node(NewNode::new(Op::onnx("Reshape")).input(gemm).input(target));
        rewrite.replace(y, shaped);
        Ok(rewrite)
    }
}

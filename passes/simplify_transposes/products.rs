//! Transposed matrices in products.

use gtt_ir::{Attr, NodeId, Op, Use, ValueId};
use gtt_ops::views::onnx::{Gemm, MatMul, Transpose};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

/// A matrix that is transposed for a Gemm, or for a MatMul that can be one.
pub(super) struct TransposedMatrix;

impl Rule for TransposedMatrix {
    fn name(&self) -> &'static str {
        "transposed_matrix"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gemm", "MatMul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Gemm") || node.op.is_onnx("MatMul"));
        let (Some(a), Some(b)) = (node.input(0), node.input(1)) else { return Err(Decline::NotMine) };
        let turned = [transposed(cx, id, a)?, transposed(cx, id, b)?];
        require!(turned.iter().any(Option::is_some));
        let mut rewrite = Rewrite::new();
        if node.op.is_onnx("Gemm") {
            let view = Gemm::of(node, cx.opset()).ok_or(Decline::because("the Gemm is not understood"))?;
            for (slot, (name, flag)) in [("transA", view.trans_a), ("transB", view.trans_b)].into_iter().enumerate() {
                if let Some(x) = turned[slot] {
                    rewrite.set_input(id, slot, x);
                    rewrite.set_attr(id, name, Attr::Int(i64::from(!flag)));
                }
            }
            return Ok(rewrite);
        }
        let view = MatMul::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        require!([a, b].iter().all(|&value| cx.ty(value).rank() == Some(2)), "a factor is not a matrix");
        require!(cx.opset() >= 11, "a Gemm without addend needs operator set 11");
        let dtype = cx.ty(a).dtype().or(cx.ty(b).dtype());
        require!(dtype.is_some_and(|dtype| dtype.is_float()), "the element type is not a float");
        let gemm = NewNode::new(Op::onnx("Gemm")).input(turned[0].unwrap_or(a)).input(turned[1].unwrap_or(b));
        let gemm = [("alpha", 1.0), ("beta", 1.0)]
            .into_iter()
            .fold(gemm, |gemm, (name, one)| gemm.attr(name, Attr::Float(one)));
        let flags = [("transA", turned[0].is_some()), ("transB", turned[1].is_some())];
        let gemm = flags.into_iter().fold(gemm, |gemm, (name, flag)| gemm.attr(name, Attr::Int(i64::from(flag))));
        let gemm = rewrite.node(gemm);
        rewrite.replace(view.y.ok_or(Decline::NotMine)?, gemm);
        Ok(rewrite)
    }
}

/// So many readers of a transposed matrix are looked at.
const READERS: usize = 8;

/// The matrix that a Transpose turns, if that is what the value is and only products of matrices read it.
fn transposed(cx: &RuleContext<'_>, reader: NodeId, value: ValueId) -> Result<Option<ValueId>, Decline> {
    let Some((_, node)) = cx.def(value) else { return Ok(None) };
    let Some(view) = Transpose::of(node, cx.opset()) else { return Ok(None) };
    if cx.ty(value).rank() != Some(2) || view.permutation(2) != Some(vec![1, 0]) {
        return Ok(None);
    }
    let uses = cx.value(value).uses();
    let goes = uses.len() <= READERS && uses.iter().all(|used| is_product(cx, reader, used));
    require!(goes, "the transposed matrix is used elsewhere");
    Ok(Some(view.x))
}

/// A use that can do without the Transpose: by the reader that asks, or a factor of a Gemm or of a MatMul of matrices.
fn is_product(cx: &RuleContext<'_>, reader: NodeId, used: &Use) -> bool {
    let Use::Operand { node, slot } = *used else { return false };
    if node == reader {
        return slot < 2;
    }
    let node = cx.node(node);
    let matrix = |slot| node.input(slot).is_some_and(|factor| cx.ty(factor).rank() == Some(2));
    slot < 2 && (node.op.is_onnx("Gemm") || node.op.is_onnx("MatMul") && matrix(0) && matrix(1))
}

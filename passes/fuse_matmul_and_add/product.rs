//! Products of two matrices, as `MatMul` or `Gemm`, and the sums they are part of.

use gtt_ir::{Attr, Dim, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{Binary, BinaryKind, Gemm, MatMul};
use gtt_rewrite::{Decline, NewNode, Operand, RuleContext, require};

/// `alpha * op(a) * op(b) + beta * c`.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) a: ValueId,
    pub(super) b: ValueId,
    pub(super) c: Option<ValueId>,
    pub(super) y: ValueId,
    pub(super) alpha: f64,
    pub(super) beta: f64,
    trans_a: bool,
    trans_b: bool,
    is_gemm: bool,
}

impl Product {
    /// The product that computes a value; `NotMine` when something else does, or a `MatMul` that has no matrices.
    pub(super) fn behind(cx: &RuleContext<'_>, value: ValueId) -> Result<Self, Decline> {
        let (id, _) = cx.def(value).ok_or(Decline::NotMine)?;
        Self::at(cx, id)
    }

    /// The product at a node.
    pub(super) fn at(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        let y = node.output(0).ok_or(Decline::NotMine)?;
        if let Some(Gemm { a, b, c, alpha, beta, trans_a, trans_b, .. }) = Gemm::of(node, cx.opset()) {
            let (alpha, beta) = (f64::from(alpha), f64::from(beta));
            return Ok(Self { a, b, c, y, alpha, beta, trans_a, trans_b, is_gemm: true });
        }
        let MatMul { a, b, .. } = MatMul::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        Ok(Self { a, b, c: None, y, alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false, is_gemm: false })
    }

    /// Its factors are matrices of floats: `Gemm` can do it.
    pub(super) fn check(&self, cx: &RuleContext<'_>) -> Result<(), Decline> {
        if !self.is_gemm {
            for factor in [self.a, self.b] {
                let rank = cx.ty(factor).rank().ok_or(Decline::because("the rank of a factor is unknown"))?;
                require!(rank == 2, "a factor is not a matrix");
            }
        }
        let dtype = cx.ty(self.b).dtype().or(cx.ty(self.a).dtype());
        let dtype = dtype.ok_or(Decline::because("the element type is unknown"))?;
        require!(dtype.is_float(), "the element type is an integer");
        Ok(())
    }

    /// Rows and columns of the result; call `check` before.
    pub(super) fn extents(&self, cx: &RuleContext<'_>) -> [Dim; 2] {
        let dim = |value: ValueId, axis: usize| {
            cx.ty(value).shape().and_then(|shape| shape.get(axis)).cloned().unwrap_or_default()
        };
        [dim(self.a, usize::from(self.trans_a)), dim(self.b, usize::from(!self.trans_b))]
    }

    /// A `Gemm` that computes it. Factors are rounded to f32, as `Gemm` holds them; `None` where that loses something.
    pub(super) fn gemm(&self, cx: &RuleContext<'_>, c: Operand) -> Option<NewNode> {
        let double = cx.ty(self.b).dtype().is_some_and(|dtype| dtype.bits() > 32);
        let exact = |factor: f64| f64::from(factor as f32) == factor;
        if !self.alpha.is_finite() || !self.beta.is_finite() || (double && !(exact(self.alpha) && exact(self.beta))) {
            return None;
        }
        let mut gemm = NewNode::new(Op::onnx("Gemm")).input(self.a).input(self.b);
        if c != Operand::Omitted {
            gemm = gemm.input(c);
        }
        for (name, factor) in [("alpha", self.alpha as f32), ("beta", self.beta as f32)] {
            if factor != 1.0 && (name == "alpha" || c != Operand::Omitted) {
                gemm = gemm.attr(name, Attr::Float(factor));
            }
        }
        for (name, transposed) in [("transA", self.trans_a), ("transB", self.trans_b)] {
            if transposed {
                gemm = gemm.attr(name, Attr::Int(1));
            }
        }
        Some(gemm)
    }
}

/// `x * sign_x + c * sign_c`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) x: ValueId,
    pub(super) sign_x: f64,
    pub(super) c: ValueId,
    pub(super) sign_c: f64,
}

/// The two ways to see a sum or difference of two values, and its result.
pub(super) fn terms(cx: &RuleContext<'_>, id: NodeId) -> Result<([Term; 2], ValueId), Decline> {
    let node = cx.node(id);
    let (a, b, sign) = match node.op.name.as_str() {
        "Add" | "Sub" if node.op.domain == gtt_ir::Domain::ONNX => {
            let of_matmul = |slot| cx.def_of_input(id, slot).is_some_and(|(_, node)| node.op.is_onnx("MatMul"));
            require!(cx.opset() >= 7 || !(of_matmul(0) || of_matmul(1)), "the operator set is below 7");
            let sum = Binary::of(node, cx.opset()).ok_or(Decline::NotMine)?;
            (sum.a, sum.b, if sum.kind == BinaryKind::Add { 1.0 } else { -1.0 })
        }
        "Sum" if node.op.is_onnx("Sum") && cx.opset() >= 8 && node.inputs.len() == 2 && node.attrs.is_empty() => {
            (node.input(0).ok_or(Decline::NotMine)?, node.input(1).ok_or(Decline::NotMine)?, 1.0)
        }
        _ => return Err(Decline::NotMine),
    };
    let y = node.output(0).ok_or(Decline::NotMine)?;
    let left = Term { x: a, sign_x: 1.0, c: b, sign_c: sign };
    let right = Term { x: b, sign_x: sign, c: a, sign_c: 1.0 };
    Ok(([left, right], y))
}

#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId, Op, Tensor, ValueId};
use gtt_ops::views::onnx::Gemm;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "split_gemm",
        "write Gemm as MatMul and Add, for engines that like that better",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SplitGemm))
}

struct SplitGemm;

impl Pass for SplitGemm {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&WholeGemm])
    }
}

/// Any `Gemm` of floats.
struct WholeGemm;

impl Rule for WholeGemm {
    fn name(&self) -> &'static str {
        "gemm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gemm"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(node).op.is_onnx("Gemm"));
        require!(cx.opset() >= 7, "the operator set is below 7");
        let gemm = Gemm::of(cx.node(node), cx.opset()).ok_or(Decline::because("the product is not understood"))?;
        let y = gemm.y.ok_or(Decline::NotMine)?;
        let dtype = cx.ty(gemm.b).dtype().or(cx.ty(gemm.a).dtype());
        let dtype = dtype.ok_or(Decline::because("the element type is unknown"))?;
        require!(dtype.is_float(), "the element type is an integer");
        let factor = |factor: f32| Tensor::from_f64s(dtype, &[], &[f64::from(factor)]).ok_or(Decline::NotMine);
        let mut rewrite = Rewrite::new();
        let a = factor_of(&mut rewrite, gemm.a, gemm.trans_a);
        let b = factor_of(&mut rewrite, gemm.b, gemm.trans_b);
        let mut result = rewrite.node(NewNode::new(Op::onnx("MatMul")).input(a).input(b));
        if gemm.alpha != 1.0 {
            let alpha = rewrite.constant(factor(gemm.alpha)?);
            result = rewrite.node(NewNode::new(Op::onnx("Mul")).input(result).input(alpha));
        }
        if let Some(c) = gemm.c {
            let mut addend = Operand::from(c);
            if gemm.beta != 1.0 {
                let beta = rewrite.constant(factor(gemm.beta)?);
                addend = rewrite.node(NewNode::new(Op::onnx("Mul")).input(c).input(beta)).into();
            }
            result = rewrite.node(NewNode::new(Op::onnx("Add")).input(result).input(addend));
        }
        rewrite.replace(y, result);
        Ok(rewrite)
    }
}

fn factor_of(rewrite: &mut Rewrite, matrix: ValueId, transposed: bool) -> Operand {
    if !transposed {
        return matrix.into();
    }
    rewrite.node(NewNode::new(Op::onnx("Transpose")).input(matrix).attr("perm", Attr::Ints(vec![1, 0]))).into()
}

#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, Dim, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{Binary, BinaryKind, MatMul};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext,
    apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_matmul_add_bias_into_gemm"],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_matmul_and_add",
        "fuse a matrix product and the addition of a bias into Gemm",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseMatmulAndAdd))
}

struct FuseMatmulAndAdd;

impl Pass for FuseMatmulAndAdd {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&MatmulAdd])
    }
}

/// `Add(MatMul(a, b), c)` on matrices, in either operand order.
struct MatmulAdd;

impl Rule for MatmulAdd {
    fn name(&self) -> &'static str {
        "matmul_add"
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let op = &cx.node(node).op;
        require!(op.is_onnx("Add"));
        require!(cx.opset() >= 7, "the operator set is below 7");
        let sum = Binary::of(cx.node(node), cx.opset()).ok_or(Decline::NotMine)?;
        require!(sum.kind == BinaryKind::Add);
        let (product, bias) = [(sum.a, sum.b), (sum.b, sum.a)]
            .into_iter()
            .find_map(|(product, bias)| {
                let (_, node) = cx.def(product)?;
                Some((MatMul::of(node, cx.opset())?, bias))
            })
            .ok_or(Decline::NotMine)?;
        let (Some(matrix), Some(y)) = (product.y, sum.y) else { return Err(Decline::NotMine) };
        require!(cx.only_reader(matrix).is_some(), "the product is used elsewhere");
        let [rows, columns] = self.matrix(cx, &product)?;
        let dtype = cx.ty(product.b).dtype().or(cx.ty(product.a).dtype());
        let dtype = dtype.ok_or(Decline::because("the element type is unknown"))?;
        require!(dtype.is_float(), "the element type is an integer");
        self.broadcasts(cx, bias, &rows, &columns)?;
        let gemm = NewNode::new(Op::onnx("Gemm")).input(product.a).input(product.b).input(bias);
        let gemm = [("alpha", 1.0), ("beta", 1.0)]
            .into_iter()
            .fold(gemm, |gemm, (name, one)| gemm.attr(name, Attr::Float(one)));
        let gemm = gemm.attr("transA", Attr::Int(0)).attr("transB", Attr::Int(0));
        let mut rewrite = Rewrite::new();
        let gemm = rewrite.node(gemm);
        rewrite.replace(y, gemm);
        Ok(rewrite)
    }
}

impl MatmulAdd {
    /// Rows and columns of a product of two matrices.
    fn matrix(&self, cx: &RuleContext<'_>, product: &MatMul) -> Result<[Dim; 2], Decline> {
        let shape = |value: ValueId| cx.ty(value).shape().cloned();
        match (shape(product.a).as_deref(), shape(product.b).as_deref()) {
            (Some([rows, _]), Some([_, columns])) => Ok([rows.clone(), columns.clone()]),
            (None, _) | (_, None) => Err(Decline::because("the rank of a factor is unknown")),
            _ => Err(Decline::because("a factor is not a matrix")),
        }
    }

    /// The bias broadcasts to the product and does not make it larger.
    fn broadcasts(&self, cx: &RuleContext<'_>, bias: ValueId, rows: &Dim, columns: &Dim) -> Result<(), Decline> {
        let ty = cx.ty(bias);
        let shape = ty.shape().ok_or(Decline::because("the shape of the bias is unknown"))?;
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
}

#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Attrs, DType, Dialect, NodeId, Op};
use gtt_ops::views::onnx::{Elementwise, Reduce};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Param, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::axes;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    params: &[Param {
        default: Some("false"),
        ..Param::new("ignore_zero_vectors", Kind::Bool, "a vector of zeros may give zeros instead of NaN")
    }],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_lp_normalization",
        "fuse the division by a norm into LpNormalization",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseLpNormalization { ignore_zero_vectors: args.bool("ignore_zero_vectors")? }))
}

struct FuseLpNormalization {
    ignore_zero_vectors: bool,
}

impl Pass for FuseLpNormalization {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&DivisionByNorm { ignore_zero_vectors: self.ignore_zero_vectors }])
    }
}

/// `x / ReduceL2(x)`.
struct DivisionByNorm {
    ignore_zero_vectors: bool,
}

impl Rule for DivisionByNorm {
    fn name(&self) -> &'static str {
        "division_by_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Div") && cx.opset() >= 7);
        let division = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let &[x, norm] = division.operands.as_slice() else { return Err(Decline::NotMine) };
        let (_, reduction) = cx.def(norm).ok_or(Decline::NotMine)?;
        let p = match reduction.op.name.as_str() {
            "ReduceL1" => 1,
            "ReduceL2" => 2,
            _ => return Err(Decline::NotMine),
        };
        let reduction = Reduce::of(reduction, cx.opset()).ok_or(Decline::NotMine)?;
        require!(reduction.x == x);
        let axes = axes::given(cx, &reduction.axes).flatten();
        let axis = axes.filter(|axes| axes.len() == 1 && reduction.keep_dims);
        let axis = axis.ok_or(Decline::because("the norm is not along one axis that stays"))?[0];
        require!(cx.only_reader(norm).is_some(), "the norm is used elsewhere");
        let dtype = cx.ty(x).dtype();
        let known = matches!(dtype, Some(DType::F16 | DType::F32 | DType::F64));
        require!(known, "LpNormalization does not have the element type");
        require!(self.ignore_zero_vectors, "a vector may be zero");
        let attrs = Attrs::new();
        let fused = NewNode::like(id, node).op(Op::onnx("LpNormalization")).attrs(attrs).inputs([x.into()]);
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(fused.attr("axis", Attr::Int(axis)).attr("p", Attr::Int(p)));
        rewrite.replace(division.y.ok_or(Decline::NotMine)?, fused);
        Ok(rewrite)
    }
}

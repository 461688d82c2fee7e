#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, Dim, Node, NodeId, Op, Tensor, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Operand, Param, Pass, PassContext, PassInfo, Rewrite,
    Rule, RuleContext, Scope, apply_rules, require,
};

use crate::support::{axes, constants};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[Param {
        repeated: true,
        required: true,
        ..Param::new("op", Kind::Name, "op that goes: `Pow`, `Neg`, `Sum`, `GatherND`")
    }],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-5, absolute: 1e-6 },
    ..PassInfo::new("legalize_ops", "replace ops by simpler ones", include_str!("README.md"), build)
};

const OPS: &[&str] = &["Pow", "Neg", "Sum", "GatherND"];

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let ops = args.strs("op")?;
    if let Some(op) = ops.iter().find(|op| !OPS.contains(op)) {
        return Err(ArgError::of("op", format!("`op` expects one of {}, found `{op}`", OPS.join(", "))));
    }
    let ops = OPS.iter().copied().filter(|op| ops.contains(op)).collect();
    Ok(Box::new(LegalizeOps { rule: SimplerOps { ops } }))
}

struct LegalizeOps {
    rule: SimplerOps,
}

impl Pass for LegalizeOps {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&self.rule])
    }
}

/// A node of an op that is to go.
struct SimplerOps {
    ops: Vec<&'static str>,
}

impl Rule for SimplerOps {
    fn name(&self) -> &'static str {
        "simpler_ops"
    }

    fn ops(&self) -> &'static [&'static str] {
        OPS
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(self.ops.iter().any(|op| node.op.is_onnx(op)));
        let mut rewrite = Rewrite::new();
        let (x, y) = (node.input(0).ok_or(Decline::NotMine)?, node.output(0).ok_or(Decline::NotMine)?);
        let new = match node.op.name.as_str() {
            "Pow" => power(cx, node, x, &mut rewrite)?,
            "Neg" => {
                let minus = minus_one(cx, x).ok_or(Decline::because("the element type is not a plain number"))?;
                let minus = rewrite.constant(minus);
                pair(&mut rewrite, "Mul", x, minus)
            }
            "Sum" => {
                require!(cx.opset() >= 8, "the operands do not broadcast");
                let mut operands = node.operands().map(Operand::from);
                let first = operands.next().ok_or(Decline::NotMine)?;
                require!(node.inputs.len() >= 2);
                operands.fold(first, |sum, operand| pair(&mut rewrite, "Add", sum, operand))
            }
            _ => gathered(cx, node, x, &mut rewrite)?,
        };
        rewrite.replace(y, new);
        Ok(rewrite)
    }
}

fn pair(rewrite: &mut Rewrite, op: &str, a: impl Into<Operand>, b: impl Into<Operand>) -> Operand {
    rewrite.node(NewNode::new(Op::onnx(op)).input(a).input(b)).into()
}

fn power(cx: &RuleContext<'_>, node: &Node, x: ValueId, rewrite: &mut Rewrite) -> Result<Operand, Decline> {
    require!(cx.opset() >= 7, "the operands do not broadcast");
    let exponent = node.input(1).and_then(|exponent| constants::scalar(cx, exponent, cx.ty(x).rank()));
    let square = pair(rewrite, "Mul", x, x);
    match exponent {
        Some(2.0) => Ok(square),
        Some(3.0) => Ok(pair(rewrite, "Mul", square, x)),
        _ => Err(Decline::because("the exponent is not the constant 2 or 3")),
    }
}

fn minus_one(cx: &RuleContext<'_>, x: ValueId) -> Option<Tensor> {
    match cx.ty(x).dtype()? {
        DType::F32 => Some(Tensor::scalar(-1f32)),
        DType::F64 => Some(Tensor::scalar(-1f64)),
        DType::I32 => Some(Tensor::scalar(-1i32)),
        DType::I64 => Some(Tensor::scalar(-1i64)),
        _ => None,
    }
}

fn gathered(cx: &RuleContext<'_>, node: &Node, x: ValueId, rewrite: &mut Rewrite) -> Result<Operand, Decline> {
    let batches = node.attr("batch_dims").map_or(Some(0), Attr::as_int).ok_or(Decline::NotMine)?;
    require!(batches == 0, "there are batch dimensions");
    let indices = node.input(1).ok_or(Decline::NotMine)?;
    let shape = cx.ty(indices).shape().ok_or(Decline::because("the shape of the indices is unknown"))?;
    require!(shape.last() == Some(&Dim::Known(1)), "an index has more than one number");
    let last = [shape.len() as i64 - 1];
    let flat = NewNode::new(Op::onnx("Squeeze")).input(indices);
    let flat = axes::give(rewrite, flat, "axes", &last, cx.opset() >= 13);
    let flat = rewrite.node(flat);
    let gather = NewNode::new(Op::onnx("Gather")).input(x).input(flat).attr("axis", Attr::Int(0));
    Ok(rewrite.node(gather).into())
}

#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, NodeId, Op, ValueId};
use gtt_ops::views::onnx::Elementwise;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext,
    apply_rules, require,
};

use crate::support::constants;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["rewrite_bool_where"],
    dialects: &[Dialect::Onnx],
    ..PassInfo::new(
        "replace_bool_where",
        "replace Where on Booleans by And, Or and Not",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(ReplaceBoolWhere))
}

struct ReplaceBoolWhere;

impl Pass for ReplaceBoolWhere {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&BoolWhere])
    }
}

/// `Where` whose operands are Booleans.
struct BoolWhere;

impl Rule for BoolWhere {
    fn name(&self) -> &'static str {
        "bool_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Where"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Where"));
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let (&[c, x, y], Some(result)) = (view.operands.as_slice(), view.y) else { return Err(Decline::NotMine) };
        let dtype = cx.ty(x).dtype().or(cx.ty(y).dtype()).ok_or(Decline::because("the element type is unknown"))?;
        require!(dtype == DType::Bool);
        // A scalar gives the result no extents of its own.
        let is = |value: ValueId, flag: f64| {
            cx.tensor(value).is_some_and(|tensor| tensor.rank() == 0) && constants::uniform(cx, value) == Some(flag)
        };
        let mut rewrite = Rewrite::new();
        let logic = |rewrite: &mut Rewrite, op: &str, operands: [Operand; 2]| {
            Operand::from(rewrite.node(NewNode::new(Op::onnx(op)).inputs(operands).placed_like(id)))
        };
        let selected = if is(y, 0.0) {
            logic(&mut rewrite, "And", [c.into(), x.into()])
        } else if is(x, 1.0) {
            logic(&mut rewrite, "Or", [c.into(), y.into()])
        } else {
            let yes = logic(&mut rewrite, "And", [c.into(), x.into()]);
            let not = rewrite.node(NewNode::new(Op::onnx("Not")).input(c).placed_like(id));
            let no = logic(&mut rewrite, "And", [not.into(), y.into()]);
            logic(&mut rewrite, "Or", [yes, no])
        };
        rewrite.replace(result, selected);
        Ok(rewrite)
    }
}

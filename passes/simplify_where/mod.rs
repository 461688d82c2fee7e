#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, NodeId, Op, ValueId};
use gtt_ops::views::onnx::Elementwise;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

mod tensorflow;

use crate::support::unconditional::Unconditional;
use crate::support::{constants, shapes};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["rewrite_where", "not_where_fusion"],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_where",
        "simplify Where with a negated or constant condition, or equal branches",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyWhere))
}

struct SimplifyWhere;

impl Pass for SimplifyWhere {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            let free = Unconditional::of(cx.model(), &cx.graphs());
            return apply_rules(cx, &[&tensorflow::DecidedSelect(free), &tensorflow::NegatedSelect]);
        }
        apply_rules(cx, &[&DecidedWhere, &BooleanWhere, &NegatedWhere])
    }
}

/// Condition, operands and result of a `Where`.
fn parts(cx: &RuleContext<'_>, id: NodeId) -> Result<([ValueId; 3], ValueId), Decline> {
    let node = cx.node(id);
    require!(node.op.is_onnx("Where"));
    let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
    match (view.operands.as_slice(), view.y) {
        (&[condition, x, y], Some(result)) => Ok(([condition, x, y], result)),
        _ => Err(Decline::NotMine),
    }
}

/// The result is one of the operands, whatever the condition is or because the condition is always the same.
struct DecidedWhere;

impl Rule for DecidedWhere {
    fn name(&self) -> &'static str {
        "decided_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Where"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let ([condition, x, y], result) = parts(cx, id)?;
        let selected = if x == y {
            x
        } else {
            let decided = constants::uniform_value(cx, condition).ok_or(Decline::NotMine)?;
            if decided == 0.0 { y } else { x }
        };
        let fits = |other: ValueId| {
            other == selected
                || cx.tensor(other).is_some_and(|tensor| tensor.rank() == 0)
                || shapes::broadcasts_into(cx.ty(other), cx.ty(selected))
        };
        let kept = shapes::same_type(cx, selected, result) || [condition, x, y].into_iter().all(fits);
        require!(kept, "what is selected may be smaller than the result");
        Ok(Rewrite::replacing(result, selected))
    }
}

/// `Where(c, true, false)`: the condition, or its opposite.
struct BooleanWhere;

impl Rule for BooleanWhere {
    fn name(&self) -> &'static str {
        "boolean_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Where"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let ([condition, x, y], result) = parts(cx, id)?;
        let flag = |value: ValueId| {
            let tensor = cx.tensor(value)?;
            require_scalar(tensor)?;
            constants::uniform(cx, value)
        };
        let (Some(yes), Some(no)) = (flag(x), flag(y)) else { return Err(Decline::NotMine) };
        require!(yes != no);
        if yes != 0.0 {
            return Ok(Rewrite::replacing(result, condition));
        }
        let mut rewrite = Rewrite::new();
        let opposite = rewrite.node(NewNode::like(id, cx.node(id)).op(Op::onnx("Not")).inputs([condition.into()]));
        rewrite.replace(result, opposite);
        Ok(rewrite)
    }
}

/// A scalar does not make the result larger than the condition.
fn require_scalar(tensor: &gtt_ir::Tensor) -> Option<()> {
    (tensor.dtype() == DType::Bool && tensor.rank() == 0).then_some(())
}

/// `Where(Not(c), x, y)`.
struct NegatedWhere;

impl Rule for NegatedWhere {
    fn name(&self) -> &'static str {
        "negated_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Where"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let ([condition, x, y], _) = parts(cx, id)?;
        let (_, not) = cx.def(condition).ok_or(Decline::NotMine)?;
        require!(not.op.is_onnx("Not"));
        let not = Elementwise::of(not, cx.opset()).ok_or(Decline::NotMine)?;
        let &[plain] = not.operands.as_slice() else { return Err(Decline::NotMine) };
        let mut rewrite = Rewrite::new();
        rewrite.set_inputs(id, [plain, y, x].map(Into::into));
        Ok(rewrite)
    }
}

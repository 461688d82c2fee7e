//! The same for TensorFlow's ops.

use gtt_ir::{DType, NodeId, Op, ValueId};
use gtt_ops::views::tf::Elementwise;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::{constants, ranges, shapes};

fn view(cx: &RuleContext<'_>, id: NodeId) -> Result<Elementwise, Decline> {
    Elementwise::of(cx.node(id)).ok_or(Decline::NotMine)
}

/// Operand and result of a unary op.
fn operand(cx: &RuleContext<'_>, id: NodeId) -> Result<(ValueId, ValueId), Decline> {
    let view = view(cx, id)?;
    match (view.operands.as_slice(), view.y) {
        (&[x], Some(y)) => Ok((x, y)),
        _ => Err(Decline::NotMine),
    }
}

/// `x + 0`, `x * 1` and their kin.
pub(super) struct NeutralOperand;

impl Rule for NeutralOperand {
    fn name(&self) -> &'static str {
        "neutral_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Pow", "LogicalOr", "LogicalAnd", "BitwiseOr", "BitwiseXor"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (number, either) = match node.op.name.as_str() {
            "Add" | "AddV2" | "LogicalOr" | "BitwiseOr" | "BitwiseXor" => (0.0, true),
            "Mul" | "LogicalAnd" => (1.0, true),
            "Sub" => (0.0, false),
            "RealDiv" | "Div" | "Pow" => (1.0, false),
            _ => return Err(Decline::NotMine),
        };
        let view = view(cx, id)?;
        let &[a, b] = view.operands.as_slice() else { return Err(Decline::NotMine) };
        let is_neutral = |value: ValueId| constants::uniform(cx, value) == Some(number);
        let (x, unit) = match (is_neutral(b), either && is_neutral(a)) {
            (true, _) => (a, b),
            (_, true) => (b, a),
            _ => return Err(Decline::NotMine),
        };
        let y = view.y.ok_or(Decline::NotMine)?;
        let scalar = cx.tensor(unit).is_some_and(|tensor| tensor.rank() == 0);
        let kept = scalar || shapes::same_type(cx, x, y) || shapes::broadcasts_into(cx.ty(unit), cx.ty(x));
        require!(kept, "the neutral operand may make the result larger");
        Ok(Rewrite::replacing(y, x))
    }
}

/// `f(f(x))` where the second `f` changes nothing, roundings of whole numbers, and `Relu` and `Abs` of what is nowhere below zero.
pub(super) struct RepeatedOp;

impl Rule for RepeatedOp {
    fn name(&self) -> &'static str {
        "repeated_op"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Ceil", "Floor", "Rint", "Round", "Relu", "Relu6", "Sign", "Abs"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        const ROUNDINGS: &[&str] = &["Ceil", "Floor", "Rint", "Round", "Sign"];
        let node = cx.node(id);
        require!(node.op.domain == gtt_ir::Domain::TF && self.ops().contains(&node.op.name.as_str()));
        let (x, y) = operand(cx, id)?;
        let inner = cx.def(x).filter(|(inner, _)| view(cx, *inner).is_ok()).map(|(_, inner)| &inner.op);
        let same = inner == Some(&node.op);
        let is_rounding = |op: &Op| ROUNDINGS.contains(&op.name.as_str());
        let whole = node.op.name != "Sign" && is_rounding(&node.op) && inner.is_some_and(is_rounding);
        let positive = || matches!(node.op.name.as_str(), "Relu" | "Abs") && ranges::is_non_negative(cx, x);
        require!(same || whole || positive());
        Ok(Rewrite::replacing(y, x))
    }
}

/// `Neg(Neg(x))`, `LogicalNot(LogicalNot(x))`, `Invert(Invert(x))`.
pub(super) struct DoubleNegation;

impl Rule for DoubleNegation {
    fn name(&self) -> &'static str {
        "double_negation"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Neg", "LogicalNot", "Invert"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(self.ops().iter().any(|op| node.op.is_tf(op)));
        let (negated, y) = operand(cx, id)?;
        let (inner_id, inner) = cx.def(negated).ok_or(Decline::NotMine)?;
        require!(inner.op == node.op);
        let (x, _) = operand(cx, inner_id)?;
        Ok(Rewrite::replacing(y, x))
    }
}

/// `a + (-b)` as `a - b`, `a - (-b)` as `a + b`.
pub(super) struct NegatedOperand;

impl Rule for NegatedOperand {
    fn name(&self) -> &'static str {
        "negated_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "AddV2", "Sub"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(self.ops().iter().any(|op| node.op.is_tf(op)));
        let view = view(cx, id)?;
        require!(view.dtype != DType::String);
        let &[a, b] = view.operands.as_slice() else { return Err(Decline::NotMine) };
        let negated = |value: ValueId| {
            let (inner, node) = cx.def(value)?;
            if node.op.is_tf("Neg") { operand(cx, inner).ok().map(|(x, _)| x) } else { None }
        };
        let adds = node.op.name != "Sub";
        let (op, operands, gone) = match (negated(a), negated(b)) {
            (_, Some(x)) => (if adds { "Sub" } else { "AddV2" }, [a, x], b),
            (Some(x), None) if adds => ("Sub", [b, x], a),
            _ => return Err(Decline::NotMine),
        };
        require!(cx.only_reader(gone).is_some(), "the negated value is used elsewhere");
        let mut rewrite = Rewrite::new();
        let new = rewrite.node(NewNode::like(id, node).op(Op::tf(op)).inputs(operands.map(Into::into)));
        rewrite.replace(view.y.ok_or(Decline::NotMine)?, new);
        Ok(rewrite)
    }
}

/// `AddN`, `ConcatV2` of one operand, `Maximum` and `Minimum` of a value with itself.
pub(super) struct LoneOperand;

impl Rule for LoneOperand {
    fn name(&self) -> &'static str {
        "lone_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["AddN", "ConcatV2", "Maximum", "Minimum", "LogicalAnd", "LogicalOr"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let alone = match node.op.name.as_str() {
            "AddN" if node.op.is_tf("AddN") => node.inputs.len() == 1,
            "ConcatV2" if node.op.is_tf("ConcatV2") => node.inputs.len() == 2,
            "Maximum" | "Minimum" | "LogicalAnd" | "LogicalOr" => view(cx, id)?.operands[..] == [x, x],
            _ => false,
        };
        require!(alone && node.op.domain == gtt_ir::Domain::TF);
        Ok(Rewrite::replacing(y, x))
    }
}

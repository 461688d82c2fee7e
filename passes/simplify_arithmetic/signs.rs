//! Signs that cancel or move into a neighbour.

use gtt_ir::{NodeId, Op};
use gtt_ops::views::onnx::Elementwise;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::repeated::operand;

/// `Neg(Neg(x))`, `Not(Not(x))`, and `Abs(Neg(x))`.
pub(super) struct DoubleNegation;

impl Rule for DoubleNegation {
    fn name(&self) -> &'static str {
        "double_negation"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Neg", "Not", "BitwiseNot", "Abs"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(matches!(node.op.name.as_str(), "Neg" | "Not" | "BitwiseNot" | "Abs"));
        let (negated, y) = operand(cx, node)?;
        let (_, inner) = cx.def(negated).ok_or(Decline::NotMine)?;
        if node.op.is_onnx("Abs") {
            require!(inner.op.is_onnx("Neg"));
            let (x, _) = operand(cx, inner)?;
            let mut rewrite = Rewrite::new();
            rewrite.set_input(id, 0, x);
            return Ok(rewrite);
        }
        require!(inner.op == node.op);
        let (x, _) = operand(cx, inner)?;
        Ok(Rewrite::replacing(y, x))
    }
}

/// `a + (-b)` as `a - b`, `a - (-b)` as `a + b`, and `-(a - b)` as `b - a`.
pub(super) struct NegatedOperand;

impl Rule for NegatedOperand {
    fn name(&self) -> &'static str {
        "negated_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Sub", "Neg"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let name = node.op.name.as_str();
        require!(matches!(name, "Add" | "Sub" | "Neg") && cx.opset() >= 7);
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let y = view.y.ok_or(Decline::NotMine)?;
        let (op, a, b, gone) = match (name, view.operands.as_slice()) {
            ("Neg", &[difference]) => {
                let (_, inner) = cx.def(difference).ok_or(Decline::NotMine)?;
                require!(inner.op.is_onnx("Sub"));
                let inner = Elementwise::of(inner, cx.opset()).ok_or(Decline::NotMine)?;
                let &[a, b] = inner.operands.as_slice() else { return Err(Decline::NotMine) };
                ("Sub", b, a, difference)
            }
            (_, &[a, b]) => {
                let negated = |value| {
                    let (_, inner) = cx.def(value)?;
                    if inner.op.is_onnx("Neg") { operand(cx, inner).ok() } else { None }
                };
                match (negated(a), negated(b)) {
                    (_, Some((x, _))) => (if name == "Add" { "Sub" } else { "Add" }, a, x, b),
                    (Some((x, _)), None) if name == "Add" => ("Sub", b, x, a),
                    _ => return Err(Decline::NotMine),
                }
            }
            _ => return Err(Decline::NotMine),
        };
        require!(cx.only_reader(gone).is_some(), "the negated value is used elsewhere");
        let mut rewrite = Rewrite::new();
        let new = rewrite.node(NewNode::like(id, node).op(Op::onnx(op)).inputs([a.into(), b.into()]));
        rewrite.replace(y, new);
        Ok(rewrite)
    }
}

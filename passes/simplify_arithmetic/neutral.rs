//! Operands that change nothing.

use gtt_ir::{NodeId, ValueId};
use gtt_ops::views::onnx::Elementwise;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::{constants, shapes};

/// `x + 0`, `x * 1` and their kin.
pub(super) struct NeutralOperand;

/// The number that changes nothing, and where it may stand.
enum Neutral {
    Right,
    Either,
}

/// The neutral number of an op, with the slots where it is neutral.
fn neutral(op: &str) -> Option<(f64, Neutral)> {
    Some(match op {
        "Add" | "Or" | "Xor" | "BitwiseOr" | "BitwiseXor" => (0.0, Neutral::Either),
        "Mul" | "And" => (1.0, Neutral::Either),
        "Sub" | "BitShift" => (0.0, Neutral::Right),
        "Div" | "Pow" => (1.0, Neutral::Right),
        _ => return None,
    })
}

impl Rule for NeutralOperand {
    fn name(&self) -> &'static str {
        "neutral_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Or", "Xor", "BitwiseOr", "BitwiseXor", "Mul", "And", "Sub", "BitShift", "Div", "Pow"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (number, place) = neutral(node.op.name.as_str()).ok_or(Decline::NotMine)?;
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let &[a, b] = view.operands.as_slice() else { return Err(Decline::NotMine) };
        let is_neutral = |value: ValueId| constants::uniform_value(cx, value) == Some(number);
        let (x, unit) = match place {
            _ if is_neutral(b) => (a, b),
            Neutral::Either if is_neutral(a) => (b, a),
            _ => return Err(Decline::NotMine),
        };
        let y = view.y.ok_or(Decline::NotMine)?;
        // Below operator set 7 the result always has the shape of the first operand.
        let kept = shapes::same_type(cx, x, y)
            || match view.one_way {
                true => x == a,
                false => {
                    cx.tensor(unit).is_some_and(|tensor| tensor.rank() == 0)
                        || shapes::broadcasts_into(cx.ty(unit), cx.ty(x))
                }
            };
        require!(kept, "the neutral operand may make the result larger");
        Ok(Rewrite::replacing(y, x))
    }
}

/// `Sum`, `Mean`, `Max` and `Min` of one operand; `And`, `Or`, `Max` and `Min` of one value with itself.
pub(super) struct LoneOperand;

impl Rule for LoneOperand {
    fn name(&self) -> &'static str {
        "lone_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Sum", "Mean", "Max", "Min", "And", "Or", "BitwiseAnd", "BitwiseOr"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let repeats = match node.op.name.as_str() {
            "Sum" | "Mean" => false,
            "Max" | "Min" | "And" | "Or" | "BitwiseAnd" | "BitwiseOr" => true,
            _ => return Err(Decline::NotMine),
        };
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let x = *view.operands.first().ok_or(Decline::NotMine)?;
        require!(view.operands.len() == 1 || (repeats && view.operands.iter().all(|&operand| operand == x)));
        Ok(Rewrite::replacing(view.y.ok_or(Decline::NotMine)?, x))
    }
}

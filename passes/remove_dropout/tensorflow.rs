//! TensorFlow writes dropout as arithmetic: with a random number u in [0, 1) for each element, `x / keep * floor(keep + u)`, or
//! `x * scale` where `u >= rate`. It drops nothing if `keep` is 1, or `rate` is 0 or less.

use gtt_ir::{NodeId, ValueId};
use gtt_ops::views::tf::{Cast, Elementwise, Select};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::{constants, shapes};

/// A product with, or a selection by, a random mask that is the same for all elements.
pub(super) struct IdleMask;

impl Rule for IdleMask {
    fn name(&self) -> &'static str {
        "idle_mask"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Select", "SelectV2"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (x, mask, y) = if let Some(view) = Select::of(node) {
            require!(is_kept(cx, view.condition));
            (view.t, view.condition, view.output)
        } else {
            require!(node.op.is_tf("Mul"));
            let view = Elementwise::of(node).ok_or(Decline::NotMine)?;
            let &[a, b] = view.operands.as_slice() else { return Err(Decline::NotMine) };
            match (is_ones(cx, b), is_ones(cx, a)) {
                (true, _) => (a, b, view.y),
                (_, true) => (b, a, view.y),
                _ => return Err(Decline::NotMine),
            }
        };
        let y = y.ok_or(Decline::NotMine)?;
        let same = shapes::same_type(cx, x, y) || shapes::broadcasts_into(cx.ty(mask), cx.ty(x));
        require!(same || is_shaped_like(cx, mask, x), "the mask may make the result larger");
        Ok(Rewrite::replacing(y, x))
    }
}

fn elementwise(cx: &RuleContext<'_>, value: ValueId, op: &str) -> Option<Elementwise> {
    let (_, node) = cx.def(value)?;
    if node.op.is_tf(op) { Elementwise::of(node) } else { None }
}

/// The value is a random number in [0, 1) for each element.
fn is_uniform(cx: &RuleContext<'_>, value: ValueId) -> bool {
    cx.def(value).is_some_and(|(_, node)| node.op.is_tf("RandomUniform"))
}

/// `floor(1 + u)`, or `cast(u >= 0)`: ones. 1 + u is exact, as u is a multiple of 2^-23 (f32), 2^-10 (f16) or 2^-52 (f64).
fn is_ones(cx: &RuleContext<'_>, mask: ValueId) -> bool {
    if let Some(floor) = elementwise(cx, mask, "Floor") {
        let sum = elementwise(cx, floor.operands[0], "AddV2").or_else(|| elementwise(cx, floor.operands[0], "Add"));
        let Some(&[a, b]) = sum.as_ref().map(|sum| sum.operands.as_slice()) else { return false };
        let keeps = |value| constants::uniform(cx, value) == Some(1.0);
        return (is_uniform(cx, a) && keeps(b)) || (is_uniform(cx, b) && keeps(a));
    }
    let cast = cx.def(mask).and_then(|(_, node)| Cast::of(node));
    cast.is_some_and(|cast| is_kept(cx, cast.x))
}

/// `u >= rate` with a rate of 0 or less: all true.
fn is_kept(cx: &RuleContext<'_>, mask: ValueId) -> bool {
    let Some((_, node)) = cx.def(mask).filter(|(_, node)| node.op.is_tf("GreaterEqual")) else { return false };
    let (Some(random), Some(rate)) = (node.input(0), node.input(1)) else { return false };
    is_uniform(cx, random) && constants::uniform(cx, rate).is_some_and(|rate| rate <= 0.0)
}

/// The random numbers of a mask were asked for in the shape of a value, or of what it was computed from element by element.
fn is_shaped_like(cx: &RuleContext<'_>, mask: ValueId, x: ValueId) -> bool {
    const STEPS: usize = 6;
    let mut random = mask;
    for _ in 0..STEPS {
        let Some((_, node)) = cx.def(random) else { return false };
        if node.op.is_tf("RandomUniform") {
            let shape = node.input(0).and_then(|shape| cx.def(shape));
            let of = shape.filter(|(_, node)| node.op.is_tf("Shape")).and_then(|(_, node)| node.input(0));
            return of.is_some_and(|of| of == x || is_computed_from(cx, x, of));
        }
        let next = node.operands().find(|&operand| cx.tensor(operand).is_none());
        let Some(next) = next else { return false };
        random = next;
    }
    false
}

/// `x` is `of` times or divided by scalars.
fn is_computed_from(cx: &RuleContext<'_>, mut x: ValueId, of: ValueId) -> bool {
    const STEPS: usize = 3;
    for _ in 0..STEPS {
        let product = elementwise(cx, x, "RealDiv").or_else(|| elementwise(cx, x, "Mul"));
        let Some(product) = product else { return false };
        let scalar = |value: ValueId| cx.tensor(value).is_some_and(|tensor| tensor.rank() == 0);
        x = match product.operands[..] {
            [a, b] if scalar(b) => a,
            [a, b] if scalar(a) => b,
            _ => return false,
        };
        if x == of {
            return true;
        }
    }
    false
}

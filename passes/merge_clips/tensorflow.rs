//! The same for `Relu`, `Relu6`, `Maximum`, `Minimum` and `ClipByValue`.

use gtt_ir::{Attr, DType, NodeId, Op, Tensor, ValueId};
use gtt_ops::views::tf::Elementwise;
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use crate::support::constants;

/// `y = min(max(x, low), high)`, floats only.
struct Limit {
    x: ValueId,
    /// The operand that is `x`.
    slot: usize,
    y: ValueId,
    low: f64,
    high: f64,
    dtype: DType,
}

const OPS: &[&str] = &["Relu", "Relu6", "Maximum", "Minimum", "ClipByValue"];

impl Limit {
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        if node.op.is_tf("ClipByValue") {
            let (x, y) = (node.input(0)?, node.output(0)?);
            let dtype = node.attr("T")?.as_dtype()?;
            let (low, high) = (bound(cx, node.input(1)?)?, bound(cx, node.input(2)?)?);
            let others = node.attrs.iter().all(|entry| entry.name == "T" || entry.name.starts_with('_'));
            return others.then_some(Self { x, slot: 0, y, low, high, dtype });
        }
        let view = Elementwise::of(node)?;
        let (y, dtype) = (view.y?, view.dtype);
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        match (node.op.name.as_str(), view.operands.as_slice()) {
            ("Relu", &[x]) => Some(Self { x, slot: 0, y, low: 0.0, high, dtype }),
            ("Relu6", &[x]) => Some(Self { x, slot: 0, y, low: 0.0, high: 6.0, dtype }),
            (op @ ("Maximum" | "Minimum"), &[a, b]) => {
                let (x, slot, number) = match (bound(cx, b), bound(cx, a)) {
                    (Some(number), None) => (a, 0, number),
                    (None, Some(number)) => (b, 1, number),
                    _ => return None,
                };
                let (low, high) = if op == "Maximum" { (number, high) } else { (low, number) };
                Some(Self { x, slot, y, low, high, dtype })
            }
            _ => None,
        }
    }
}

/// A scalar constant.
fn bound(cx: &RuleContext<'_>, value: ValueId) -> Option<f64> {
    let tensor = cx.tensor(value).filter(|tensor| tensor.rank() == 0 && tensor.dtype().is_float())?;
    constants::uniform_element(tensor).filter(|number| !number.is_nan())
}

/// A limit of a limit.
pub(super) struct LimitOfLimit;

impl Rule for LimitOfLimit {
    fn name(&self) -> &'static str {
        "limit_of_limit"
    }

    fn ops(&self) -> &'static [&'static str] {
        OPS
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let outer = Limit::of(cx, id).ok_or(Decline::NotMine)?;
        let (inner_id, _) = cx.def(outer.x).ok_or(Decline::NotMine)?;
        let inner = Limit::of(cx, inner_id).ok_or(Decline::NotMine)?;
        require!(outer.dtype.is_float() && outer.dtype == inner.dtype);
        require!(outer.low <= outer.high && inner.low <= inner.high, "the bounds of one clip cross");
        let clamp = |number: f64| number.max(outer.low).min(outer.high);
        let (low, high) = (clamp(inner.low), clamp(inner.high));
        if (low, high) == (inner.low, inner.high) {
            return Ok(Rewrite::replacing(outer.y, inner.y));
        }
        require!(cx.only_reader(inner.y).is_some(), "the limited value is used elsewhere");
        let mut rewrite = Rewrite::new();
        if (low, high) == (outer.low, outer.high) {
            rewrite.set_input(id, outer.slot, inner.x);
            return Ok(rewrite);
        }
        let of = |op: &str, operands: &[Operand]| {
            let node = NewNode::new(Op::tf(op)).inputs(operands.iter().copied());
            node.attr("T", Attr::DType(outer.dtype)).placed_like(id)
        };
        let x = Operand::from(inner.x);
        let node = if (low, high) == (0.0, 6.0) {
            of("Relu6", &[x])
        } else if (low, high) == (0.0, f64::INFINITY) {
            of("Relu", &[x])
        } else {
            require!(low.is_finite() && high.is_finite());
            let mut scalar = |number| {
                let tensor = Tensor::from_f64s(outer.dtype, &[], &[number]).ok_or(Decline::NotMine)?;
                Ok(rewrite.constant(tensor))
            };
            let bounds = [x, scalar(low)?, scalar(high)?];
            of("ClipByValue", &bounds)
        };
        let node = rewrite.node(node);
        rewrite.replace(outer.y, node);
        Ok(rewrite)
    }
}

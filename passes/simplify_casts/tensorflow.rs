//! The same for TensorFlow's `Cast`.

use gtt_ir::{Attr, DType, NodeId};
use gtt_ops::views::tf::Cast;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::holds::holds;

/// `Cast(x)` to the type that `x` has.
pub(super) struct CastToOwnType;

impl Rule for CastToOwnType {
    fn name(&self) -> &'static str {
        "cast_to_own_type"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Cast"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let cast = Cast::of(cx.node(id)).ok_or(Decline::NotMine)?;
        require!(cast.from == cast.to);
        Ok(Rewrite::replacing(cast.y.ok_or(Decline::NotMine)?, cast.x))
    }
}

/// `Cast(Cast(x))`.
pub(super) struct CastOfCast;

impl Rule for CastOfCast {
    fn name(&self) -> &'static str {
        "cast_of_cast"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Cast"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let outer = Cast::of(cx.node(id)).ok_or(Decline::NotMine)?;
        let (_, inner) = cx.def(outer.x).ok_or(Decline::NotMine)?;
        let inner = Cast::of(inner).ok_or(Decline::NotMine)?;
        let y = outer.y.ok_or(Decline::NotMine)?;
        let (from, through, to) = (inner.from, inner.to, outer.to);
        let keeps_zero = matches!(through, DType::F16 | DType::BF16 | DType::F32 | DType::F64);
        let to_bool = to == DType::Bool && from.is_int() && keeps_zero;
        require!(to_bool || holds(through, from), "the intermediate type does not hold every value");
        if to == from {
            return Ok(Rewrite::replacing(y, inner.x));
        }
        let leaves_range = from.is_int() && through.is_float() && to.is_int() && !holds(to, from);
        require!(!leaves_range, "numbers beyond the last type would be converted otherwise");
        let mut rewrite = Rewrite::new();
        let cast = NewNode::like(id, cx.node(id)).input_at(0, inner.x).attr("SrcT", Attr::DType(from));
        let cast = rewrite.node(cast);
        rewrite.replace(y, cast);
        Ok(rewrite)
    }
}

//! The same for TensorFlow's `Cast`.

use gtt_ir::{Attr, NodeId};
use gtt_ops::views::tf::Cast;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::holds::may_skip;

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
        may_skip(from, through, to)?;
        if to == from {
            return Ok(Rewrite::replacing(y, inner.x));
        }
        let mut rewrite = Rewrite::new();
        let cast = NewNode::like(id, cx.node(id)).input_at(0, inner.x).attr("SrcT", Attr::DType(from));
        let cast = rewrite.node(cast);
        rewrite.replace(y, cast);
        Ok(rewrite)
    }
}

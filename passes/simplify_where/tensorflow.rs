//! The same for TensorFlow's `Select` and `SelectV2`.

use gtt_ir::{NodeId, ValueId};
use gtt_ops::views::tf::{Elementwise, Select};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::unconditional::Unconditional;
use crate::support::{constants, shapes};

/// The result is one of the operands, whatever the condition is or because the condition is always the same.
pub(super) struct DecidedSelect(pub(super) Unconditional);

impl Rule for DecidedSelect {
    fn name(&self) -> &'static str {
        "decided_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Select", "SelectV2"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let view = Select::of(cx.node(id)).ok_or(Decline::NotMine)?;
        let result = view.output.ok_or(Decline::NotMine)?;
        let selected = if view.t == view.e {
            view.t
        } else {
            let decided = constants::uniform(cx, view.condition).ok_or(Decline::NotMine)?;
            if decided == 0.0 { view.e } else { view.t }
        };
        let gone = [view.condition, view.t, view.e].into_iter().filter(|&value| value != selected);
        let free = gone.into_iter().all(|value| self.0.value(cx, value));
        require!(free, "an operand lies in a branch or loop of v1 control flow");
        let fits = |other: ValueId| {
            other == selected
                || cx.tensor(other).is_some_and(|tensor| tensor.rank() == 0)
                || shapes::broadcasts_into(cx.ty(other), cx.ty(selected))
        };
        let kept = !view.broadcasts
            || shapes::same_type(cx, selected, result)
            || [view.condition, view.t, view.e].into_iter().all(fits);
        require!(kept, "what is selected may be smaller than the result");
        Ok(Rewrite::replacing(result, selected))
    }
}

/// `Select(LogicalNot(c), t, e)`.
pub(super) struct NegatedSelect;

impl Rule for NegatedSelect {
    fn name(&self) -> &'static str {
        "negated_where"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Select", "SelectV2"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let view = Select::of(cx.node(id)).ok_or(Decline::NotMine)?;
        let (_, not) = cx.def(view.condition).ok_or(Decline::NotMine)?;
        require!(not.op.is_tf("LogicalNot"));
        let not = Elementwise::of(not).ok_or(Decline::NotMine)?;
        let &[plain] = not.operands.as_slice() else { return Err(Decline::NotMine) };
        require!(cx.only_reader(view.condition).is_some(), "the negated condition is used elsewhere");
        let mut rewrite = Rewrite::new();
        rewrite.set_inputs(id, [plain, view.e, view.t].map(Into::into));
        Ok(rewrite)
    }
}

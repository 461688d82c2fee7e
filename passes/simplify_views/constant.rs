//! Other extents for constants.

use gtt_ir::NodeId;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::movement::is_view;

/// A Reshape, Squeeze, Unsqueeze or Flatten of a constant that nothing else reads: its extents change, its bytes stay where they are.
pub(super) struct ViewOfConstant;

impl Rule for ViewOfConstant {
    fn name(&self) -> &'static str {
        "view_of_constant"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Flatten", "Reshape", "Squeeze", "Unsqueeze"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        require!(is_view(node) && node.op.name != "Transpose" && cx.value(x).constant().is_some());
        let tensor = cx.tensor(x).ok_or(Decline::NotMine)?;
        require!(cx.only_reader(x).is_some(), "the constant is used elsewhere");
        let output = cx.value(y).is_output();
        require!(!output, "the result is an output");
        let shape = cx.ty(y).fixed_shape().ok_or(Decline::NotMine)?;
        require!(shape.iter().product::<usize>() == tensor.len());
        let reshaped = tensor.reshaped(&shape).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let constant = rewrite.constant_like(reshaped, x);
        rewrite.replace(y, constant);
        Ok(rewrite)
    }
}

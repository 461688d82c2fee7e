#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, NodeId};
use gtt_ops::views::onnx::{Pad, PadAmounts};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope, apply_rules,
    require,
};

use crate::support::constants;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_nop_pad"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new("remove_zero_padding", "remove Pad that adds nothing", include_str!("README.md"), build)
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveZeroPadding))
}

struct RemoveZeroPadding;

impl Pass for RemoveZeroPadding {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ZeroPad])
    }
}

/// `Pad` with amounts of 0 only.
struct ZeroPad;

impl Rule for ZeroPad {
    fn name(&self) -> &'static str {
        "zero_pad"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Pad"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Pad"));
        let pad = Pad::of(node, cx.opset()).ok_or(Decline::because("the padding is not understood"))?;
        let amounts = match pad.pads {
            PadAmounts::Fixed(amounts) => amounts,
            PadAmounts::Operand(value) => constants::ints(cx, value).ok_or(Decline::NotMine)?,
        };
        require!(amounts.iter().all(|&amount| amount == 0));
        Ok(Rewrite::replacing(pad.output.ok_or(Decline::NotMine)?, pad.data))
    }
}

#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, NodeId, Tensor, ValueId};
use gtt_ops::views::onnx::Dropout;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope, apply_rules,
    require,
};

mod tensorflow;

use crate::support::constants;
use crate::support::unconditional::{Outside, Unconditional};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_nop_dropout", "eliminate_dropout", "dropout_inference", "dropout_zero"],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "remove_dropout",
        "remove Dropout that drops nothing: inference mode or ratio 0",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveDropout))
}

struct RemoveDropout;

impl Pass for RemoveDropout {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            let free = Unconditional::of(cx.model(), &cx.graphs());
            return apply_rules(cx, &[&Outside(&tensorflow::IdleMask, &free)]);
        }
        apply_rules(cx, &[&IdleDropout])
    }
}

/// A mask of more elements stays what it is.
const MAX_MASK: usize = 1024;

/// `Dropout` in inference mode or with ratio 0.
struct IdleDropout;

impl Rule for IdleDropout {
    fn name(&self) -> &'static str {
        "idle_dropout"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Dropout"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Dropout"));
        let dropout = Dropout::of(node, cx.opset()).ok_or(Decline::because("the dropout is not understood"))?;
        self.is_idle(cx, &dropout)?;
        let mut rewrite = Rewrite::new();
        if let Some(mask) = dropout.mask
            && !cx.value(mask).is_unused()
        {
            let mask_of_true = self.mask(cx, mask).ok_or(Decline::because("the mask is used"))?;
            let mask_of_true = rewrite.constant(mask_of_true);
            rewrite.replace(mask, mask_of_true);
        }
        if let Some(y) = dropout.y {
            rewrite.replace(y, dropout.x);
        }
        rewrite.erase(id);
        Ok(rewrite)
    }
}

impl IdleDropout {
    fn is_idle(&self, cx: &RuleContext<'_>, dropout: &Dropout) -> Result<(), Decline> {
        let number = |operand: Option<ValueId>| constants::uniform(cx, operand?);
        let drops_none = dropout.ratio == Some(0.0) || number(dropout.ratio_operand) == Some(0.0);
        let training = dropout.training.or_else(|| number(dropout.mode_operand).map(|mode| mode != 0.0));
        match training {
            Some(false) => Ok(()),
            _ if drops_none => Ok(()),
            Some(true) => Err(Decline::because("the dropout is in training mode")),
            None => Err(Decline::because("the dropout may be in training mode")),
        }
    }

    /// All elements are kept.
    fn mask(&self, cx: &RuleContext<'_>, mask: ValueId) -> Option<Tensor> {
        let shape = cx.ty(mask).fixed_shape()?;
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))?;
        if cx.opset() < 12 || count > MAX_MASK {
            return None;
        }
        Tensor::from_bools(&shape, &vec![true; count]).ok()
    }
}

#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Rule, Scope, apply_rules};

pub(crate) mod chain;
mod constant;
mod expand;
mod joins;
mod noop;
mod slices;
mod tensorflow;

use crate::support::unconditional::{Outside, Unconditional};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &[
        "eliminate_nop_concat",
        "eliminate_nop_flatten",
        "eliminate_nop_reshape",
        "eliminate_nop_split",
        "eliminate_nop_transpose",
        "eliminate_reshape_family_on_constant",
        "fuse_consecutive_concats",
        "fuse_consecutive_reshapes",
        "fuse_consecutive_slices",
        "fuse_consecutive_squeeze_unsqueeze",
        "fuse_consecutive_squeezes",
        "fuse_consecutive_unsqueezes",
        "fuse_reshape_family",
        "fuse_split_gather_concat",
    ],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_views",
        "write chains of reshapes, slices, joins and reductions with fewer nodes",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyViews))
}

struct SimplifyViews;

impl Pass for SimplifyViews {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            let free = Unconditional::of(cx.model(), &cx.graphs());
            let rules: [&dyn Rule; 3] = [&tensorflow::WholeTensor, &chain::ViewChain, &chain::ReshapeOfView];
            let [whole, chain, reshape] = rules.map(|rule| Outside(rule, &free));
            return apply_rules(cx, &[&whole, &chain, &reshape]);
        }
        apply_rules(
            cx,
            &[
                &noop::Noop,
                &constant::ViewOfConstant,
                &chain::ViewChain,
                &chain::ReshapeOfView,
                &slices::SliceOfSlice,
                &slices::SlicesOfWhole,
                &noop::EmptyOperand,
                &joins::ConcatOfConcat,
                &joins::ConcatOfSplit,
                &joins::ConcatOfGathers,
                &expand::ExpandedOperand,
            ],
        )
    }
}

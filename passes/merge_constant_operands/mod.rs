#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Numerics, Pass, PassContext, PassInfo, Scope, apply_rules};

mod chain;
mod combine;
mod reciprocal;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_consecutive_mul", "div_mul_fusion", "reciprocal_fusion"],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "merge_constant_operands",
        "merge constants added or multiplied in a row; products with reciprocals become divisions",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(MergeConstantOperands))
}

struct MergeConstantOperands;

impl Pass for MergeConstantOperands {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            return apply_rules(cx, &[&chain::AddendOfAddend, &chain::FactorOfFactor, &chain::FactorOfSum]);
        }
        apply_rules(cx, &[&chain::AddendOfAddend, &chain::FactorOfFactor, &reciprocal::Reciprocals])
    }
}

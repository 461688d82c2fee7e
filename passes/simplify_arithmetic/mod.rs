#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope, apply_rules};

mod neutral;
mod repeated;
mod signs;
mod tensorflow;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_nop_with_unit", "eliminate_consecutive_idempotent_ops", "noop_elimination"],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_arithmetic",
        "remove arithmetic that changes nothing: x + 0, x * 1, Relu(Relu(x)), Neg(Neg(x))",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyArithmetic))
}

struct SimplifyArithmetic;

impl Pass for SimplifyArithmetic {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            return apply_rules(
                cx,
                &[
                    &tensorflow::NeutralOperand,
                    &tensorflow::LoneOperand,
                    &tensorflow::RepeatedOp,
                    &tensorflow::DoubleNegation,
                    &tensorflow::NegatedOperand,
                ],
            );
        }
        apply_rules(
            cx,
            &[
                &neutral::NeutralOperand,
                &neutral::LoneOperand,
                &repeated::RepeatedOp,
                &repeated::RedundantOp,
                &signs::DoubleNegation,
                &signs::NegatedOperand,
            ],
        )
    }
}

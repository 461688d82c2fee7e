#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Numerics, Pass, PassContext, PassInfo, Scope, apply_rules};

mod gathers;
mod motion;
mod operands;
mod ops;
mod products;
mod siblings;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_reshape_around_elementwise", "fuse_consecutive_transposes", "fuse_transpose_into_gemm"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "simplify_transposes",
        "move transposes and reshapes to where they cancel or become fewer",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyTransposes))
}

struct SimplifyTransposes;

impl Pass for SimplifyTransposes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(
            cx,
            &[
                &crate::simplify_views::chain::ViewChain,
                &gathers::SliceOfTransposed,
                &siblings::ViewsOfSlices,
                &motion::ViewsAroundOps,
                &operands::TransposedOperands,
                &products::TransposedMatrix,
            ],
        )
    }
}

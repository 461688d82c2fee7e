#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Rule, apply_rules};

mod batched;
mod product;
mod scale;
mod sum;

use batched::BatchedMatmulAdd;
use scale::{ProductScale, ScaleProduct};
use sum::{MatmulViewAdd, ProductAdd};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_matmul_add_bias_into_gemm"],
    params: &[Param {
        default: Some("2"),
        ..Param::new(
            "rank",
            Kind::Str,
            "`2`: products of matrices; `any`: also of batches of them, between two Reshapes",
        )
    }],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_matmul_and_add",
        "fuse a matrix product with the addition of a bias and with a factor into Gemm",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    match args.str("rank")? {
        "2" => Ok(Box::new(FuseMatmulAndAdd { batched: false })),
        "any" => Ok(Box::new(FuseMatmulAndAdd { batched: true })),
        other => Err(ArgError::of("rank", format!("`rank` expects `2` or `any`, found `{other}`"))),
    }
}

struct FuseMatmulAndAdd {
    batched: bool,
}

impl Pass for FuseMatmulAndAdd {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let mut rules: Vec<&dyn Rule> = vec![&ProductAdd, &MatmulViewAdd, &ProductScale, &ScaleProduct];
        if self.batched {
            rules.push(&BatchedMatmulAdd);
        }
        apply_rules(cx, &rules)
    }
}

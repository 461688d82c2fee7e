#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Rule, apply_rules};

mod batched;
mod fused;
mod product;
mod scale;
mod sum;

use crate::support::contrib;
use batched::BatchedMatmulAdd;
use fused::{FactorOfBatches, ScaledBatches};
use scale::{ProductScale, ScaleProduct};
use sum::{MatmulViewAdd, ProductAdd};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_matmul_add_bias_into_gemm"],
    params: &[
        Param {
            default: Some("2"),
            ..Param::new(
                "rank",
                Kind::Str,
                "`2`: products of matrices; `any`: also of batches of them, between two Reshapes",
            )
        },
        contrib::PARAM,
    ],
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
    let batched = match args.str("rank")? {
        "2" => false,
        "any" => true,
        other => return Err(ArgError::of("rank", format!("`rank` expects `2` or `any`, found `{other}`"))),
    };
    Ok(Box::new(FuseMatmulAndAdd { batched, contrib: contrib::asked(args)? }))
}

struct FuseMatmulAndAdd {
    batched: bool,
    contrib: bool,
}

impl Pass for FuseMatmulAndAdd {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let contrib = self.contrib && !contrib::is_taken(cx.model());
        let mut rules: Vec<&dyn Rule> = Vec::new();
        if contrib {
            rules.extend([&FactorOfBatches as &dyn Rule, &ScaledBatches]);
        }
        rules.extend([&ProductAdd as &dyn Rule, &MatmulViewAdd, &ProductScale, &ScaleProduct]);
        if self.batched {
            rules.push(&BatchedMatmulAdd);
        }
        apply_rules(cx, &rules)?;
        if contrib {
            contrib::import(cx);
        }
        Ok(())
    }
}

#![doc = include_str!("README.md")]

use gtt_ir::Dialect;
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Numerics, Param, Pass, PassContext, PassInfo};
use rustc_hash::FxHashSet;

mod build;
mod convert;
mod fake_quant;
mod hoist;
mod ops;
mod placeholders;
mod requantize;
mod shapes;

use build::Builder;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    params: &[
        Param::new("input_min", Kind::Float, "smallest value of inputs, which become bytes"),
        Param::new("input_max", Kind::Float, "largest value of inputs"),
        Param::new("fallback_min", Kind::Float, "smallest value of results, which then need not be looked for"),
        Param::new("fallback_max", Kind::Float, "largest value of results"),
        Param { repeated: true, ..Param::new("ignore_op", Kind::Name, "op that stays in floats") },
    ],
    scope: gtt_rewrite::Scope::Main,
    numerics: Numerics::Lossy,
    // What it hoists in front of a read may come to stand in another order.
    idempotent: false,
    after: &["fold_batch_norms", "fold_old_batch_norms", "quantize_weights"],
    ..PassInfo::new(
        "quantize_nodes",
        "compute in 8-bit integers where there are ops for it",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let pair = |low: &str, high: &str| match (args.opt_float(low)?, args.opt_float(high)?) {
        (Some(min), Some(max)) if min <= 0.0 && max >= 0.0 && min < max && min.is_finite() && max.is_finite() => {
            Ok(Some((min, max)))
        }
        (Some(_), Some(_)) => Err(ArgError::of(low, format!("`{low}` and `{high}` must be a range that holds 0"))),
        (None, None) => Ok(None),
        _ => Err(ArgError::of(low, format!("`{low}` and `{high}` belong together"))),
    };
    Ok(Box::new(QuantizeNodes {
        input: pair("input_min", "input_max")?,
        fallback: pair("fallback_min", "fallback_max")?,
        ignored: args.strs("ignore_op")?.into_iter().map(str::to_owned).collect(),
    }))
}

struct QuantizeNodes {
    /// The range of inputs.
    input: Option<(f32, f32)>,
    /// The range of results of 32 bits.
    fallback: Option<(f32, f32)>,
    ignored: FxHashSet<String>,
}

impl QuantizeNodes {
    fn is_about(&self, op: &str) -> bool {
        ops::OPS.contains(&op) || op == "FakeQuantWithMinMaxVars" || (self.input.is_some() && op == "Placeholder")
    }
}

impl Pass for QuantizeNodes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            if !cx.graph(id).nodes().any(|(_, node)| self.is_about(&node.op.name)) {
                continue;
            }
            let mut builder = Builder::of(cx, id);
            if let Some(range) = self.input {
                placeholders::run(cx, &mut builder, range);
            }
            hoist::run(cx, &mut builder);
            builder.infer(cx);
            let made = fake_quant::run(cx, &mut builder);
            convert::run(self, cx, &mut builder);
            requantize::run(cx, &mut builder, &made);
            builder.erase_unread(cx);
        }
        Ok(())
    }

    fn interface(&self, declared: Interface) -> Interface {
        if self.input.is_some() { Interface::ChangesTypes } else { declared }
    }
}

#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, Node};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo};
use rustc_hash::FxHashSet;

mod min_first;
mod onnx;
mod readers;
mod scheme;
mod tensorflow;

use scheme::Scheme;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["quantize_weight"],
    params: &[
        Param { default: Some("1024"), ..Param::new("minimum_size", Kind::Int, "weights of fewer elements stay") },
        Param {
            default: Some("int8"),
            ..Param::new("type", Kind::DType, "int8, uint8, int4 or float16; TensorFlow: uint8 or float16")
        },
        Param { default: Some("true"), ..Param::new("per_channel", Kind::Bool, "a scale for each output channel") },
        Param { repeated: true, ..Param::new("op_block_list", Kind::Name, "op whose weights stay") },
        Param { repeated: true, ..Param::new("node_block_list", Kind::Name, "name of a node whose weights stay") },
    ],
    numerics: Numerics::Lossy,
    ..PassInfo::new(
        "quantize_weights",
        "store weights as 8-bit integers with a scale for each channel",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let scheme = match args.opt_dtype("type")? {
        Some(DType::I8) | None => Scheme::I8,
        Some(DType::U8) => Scheme::U8,
        Some(DType::I4) => Scheme::I4,
        Some(DType::F16) => Scheme::F16,
        Some(_) => return Err(ArgError::of("type", "`type` expects int8, uint8, int4 or float16")),
    };
    let names = |param: &str| -> Result<FxHashSet<String>, ArgError> {
        Ok(args.strs(param)?.into_iter().map(str::to_owned).collect())
    };
    Ok(Box::new(QuantizeWeights {
        minimum_size: usize::try_from(args.int("minimum_size")?).unwrap_or(0),
        scheme,
        scheme_is_given: args.is_given("type"),
        per_channel: args.bool("per_channel")?,
        blocked_ops: names("op_block_list")?,
        blocked_nodes: names("node_block_list")?,
    }))
}

struct QuantizeWeights {
    minimum_size: usize,
    scheme: Scheme,
    scheme_is_given: bool,
    per_channel: bool,
    blocked_ops: FxHashSet<String>,
    blocked_nodes: FxHashSet<String>,
}

impl Pass for QuantizeWeights {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        match cx.dialect() {
            Dialect::Onnx => onnx::run(self, cx),
            _ => tensorflow::run(self, cx),
        }
    }
}

impl QuantizeWeights {
    fn blocks(&self, node: &Node) -> bool {
        self.blocked_ops.contains(node.op.to_string().as_str()) || self.blocked_nodes.contains(node.name.as_str())
    }
}

#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Node};
use gtt_rewrite::{ArgError, Args, Error, Interface, Kind, Numerics, Param, Pass, PassContext, PassInfo};
use rustc_hash::FxHashSet;

mod constants;
mod flow;
mod ops;
mod plan;
mod write;

use constants::Range;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["convert_float_to_float16", "fp16"],
    params: &[
        Param { default: Some("true"), ..Param::new("keep_io_types", Kind::Bool, "inputs and outputs stay float32") },
        Param { repeated: true, ..Param::new("op_block_list", Kind::Name, "op whose nodes stay float32") },
        Param { repeated: true, ..Param::new("node_block_list", Kind::Name, "name of a node that stays float32") },
        Param {
            default: Some("true"),
            ..Param::new("keep_precise", Kind::Bool, "what easily leaves the range of float16 stays float32")
        },
        Param {
            default: Some("5.9604645e-8"),
            ..Param::new("min_positive", Kind::Float, "smaller elements of constants become this, or its negative")
        },
        Param {
            default: Some("65504"),
            ..Param::new("max_finite", Kind::Float, "masks, elements of 1e9 and more, become this, or its negative")
        },
    ],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Lossy,
    interface: Interface::ChangesTypes,
    after: &["freeze_initializers", "fold_constants"],
    ..PassInfo::new(
        "convert_to_float16",
        "make float32 weights and arithmetic float16",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let names = |param: &str| -> Result<FxHashSet<String>, ArgError> {
        Ok(args.strs(param)?.into_iter().map(str::to_owned).collect())
    };
    let within = |param: &'static str| match args.float(param)? {
        value if value > 0.0 && value <= 65504.0 => Ok(value),
        value => Err(ArgError::of(param, format!("`{param}` expects a number above 0, at most 65504, found {value}"))),
    };
    Ok(Box::new(ConvertToFloat16 {
        keep_io_types: args.bool("keep_io_types")?,
        blocked_ops: names("op_block_list")?,
        blocked_nodes: names("node_block_list")?,
        keep_precise: args.bool("keep_precise")?,
        range: Range { smallest: within("min_positive")?, largest: within("max_finite")? },
    }))
}

struct ConvertToFloat16 {
    keep_io_types: bool,
    blocked_ops: FxHashSet<String>,
    blocked_nodes: FxHashSet<String>,
    keep_precise: bool,
    range: Range,
}

impl Pass for ConvertToFloat16 {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.opset() < ops::OLDEST {
            cx.decline_with("node", "the operator set is older than 7", |model| model.main().name.to_string());
            return Ok(());
        }
        let flow = flow::Flow::of(self, cx);
        let plan = plan::Plan::of(self, cx, &flow);
        if plan.is_empty() && self.keep_io_types {
            return Ok(());
        }
        write::write(self, cx, &flow, &plan);
        Ok(())
    }

    fn interface(&self, declared: Interface) -> Interface {
        if self.keep_io_types { Interface::Kept } else { declared }
    }
}

impl ConvertToFloat16 {
    fn blocks(&self, node: &Node) -> bool {
        self.blocked_ops.contains(node.op.to_string().as_str()) || self.blocked_nodes.contains(node.name.as_str())
    }
}

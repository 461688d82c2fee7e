#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, Node, NodeId, Op, Site};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};
use rustc_hash::FxHashSet;

mod known;
mod write;

use known::Known;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["constant_folding", "eliminate_shape_op"],
    params: &[
        Param { repeated: true, ..Param::new("exclude_op", Kind::Name, "op whose nodes stay") },
        Param { repeated: true, ..Param::new("exclude_node", Kind::Name, "name of a node that stays") },
        Param {
            default: Some("true"),
            ..Param::new("clear_output_shapes", Kind::Bool, "drop TensorFlow's `_output_shapes` attributes first")
        },
        Param::new("max_constant_size_in_bytes", Kind::Int, "no larger constant is made; 10 MiB for TensorFlow"),
        Param::new("max_growth_in_bytes", Kind::Int, "how much larger than what it frees a constant may be"),
    ],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-5, absolute: 1e-6 },
    ..PassInfo::new(
        "fold_constants",
        "replace what does not depend on the inputs by its value",
        include_str!("README.md"),
        build,
    )
};

/// How much a fold may grow a model unless said otherwise: next to nothing in ONNX, where folding must not make files larger.
/// TensorFlow's graphs, and biases of layers, may get more.
const TINY: usize = 4 << 10;
const LITTLE: usize = 64 << 10;

/// The Graph Transform Tool's limit.
const TF_LIMIT: usize = 10 << 20;

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let size = |value: i64| usize::try_from(value).unwrap_or(0);
    let names = |param: &str| -> Result<FxHashSet<String>, ArgError> {
        Ok(args.strs(param)?.into_iter().map(str::to_owned).collect())
    };
    Ok(Box::new(FoldConstants {
        exclude_op: names("exclude_op")?,
        exclude_node: names("exclude_node")?,
        clear_output_shapes: args.bool("clear_output_shapes")?,
        limit: args.opt_int("max_constant_size_in_bytes")?.map(size),
        growth: args.opt_int("max_growth_in_bytes")?.map(size),
    }))
}

struct FoldConstants {
    exclude_op: FxHashSet<String>,
    exclude_node: FxHashSet<String>,
    clear_output_shapes: bool,
    limit: Option<usize>,
    growth: Option<usize>,
}

impl Pass for FoldConstants {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if self.clear_output_shapes && cx.dialect() == Dialect::Tf {
            clear_output_shapes(cx);
        }
        for graph in cx.graphs() {
            if cx.get_graph(graph).is_none() {
                continue;
            }
            let known = Known::of(self, cx, graph)?;
            write::materialise(cx, graph, &known);
            if cx.dialect() == Dialect::Tf {
                drop_empty_control(cx, graph);
            }
        }
        Ok(())
    }
}

impl FoldConstants {
    /// No larger constant is made.
    fn limit(&self, dialect: Dialect) -> usize {
        self.limit.unwrap_or(if dialect == Dialect::Tf { TF_LIMIT } else { usize::MAX })
    }

    /// How much larger than what it frees a constant may be.
    fn growth(&self, generous: bool) -> usize {
        self.growth.unwrap_or(if generous { LITTLE } else { TINY })
    }

    fn excludes(&self, node: &Node) -> bool {
        // Unfolding quantisation is never wanted.
        const QUANTISED: &[&str] =
            &["DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear", "Dequantize", "QuantizeV2"];
        QUANTISED.contains(&node.op.name.as_str())
            || self.exclude_op.contains(node.op.name.as_str())
            || self.exclude_node.contains(node.name.as_str())
    }
}

fn clear_output_shapes(cx: &mut PassContext<'_>) {
    const ATTRIBUTE: &str = "_output_shapes";
    for id in cx.graphs() {
        let holders: Vec<NodeId> =
            cx.graph(id).nodes().filter(|(_, node)| node.attr(ATTRIBUTE).is_some()).map(|(node, _)| node).collect();
        let mut editor = cx.edit(id);
        for node in holders {
            editor.remove_attr(node, ATTRIBUTE);
        }
        let constants = cx.graph(id).constants();
        let holders: Vec<_> = constants
            .filter(|(_, _, constant)| constant.meta.as_ref().is_some_and(|meta| meta.attrs.get(ATTRIBUTE).is_some()))
            .map(|(value, _, _)| value)
            .collect();
        for value in holders {
            crate::support::update_constant(cx, id, value, |meta| {
                meta.attrs.remove(ATTRIBUTE);
            });
        }
    }
}

/// Control edges from constants, and from a `NoOp` that waits for nothing, order nothing.
fn drop_empty_control(cx: &mut PassContext<'_>, id: GraphId) {
    let graph = cx.graph(id);
    let controls = |used: &gtt_ir::Use| matches!(used, gtt_ir::Use::Control { .. });
    let constants: Vec<_> = graph
        .constants()
        .filter(|(_, value, _)| value.uses().iter().any(controls))
        .map(|(value, _, _)| value)
        .collect();
    for value in constants {
        if !cx.permit_with("empty_control_edge", |model| model.graph(id).value(value).name.to_string()) {
            return;
        }
        cx.edit(id).replace_control_uses(Site::Const(value), None);
        if cx.graph(id).value(value).is_unused() {
            cx.edit(id).erase_value(value);
        }
    }
    let mut idle: Vec<NodeId> = cx.graph(id).nodes().filter(|(_, node)| is_idle(node)).map(|(node, _)| node).collect();
    while let Some(node) = idle.pop() {
        if cx.graph(id).node(node).control_uses.is_empty() || cx.graph(id).is_kept(node) {
            continue;
        }
        if !cx.permit("empty_control_edge", id, node) {
            return;
        }
        let readers = cx.graph(id).node(node).control_uses.to_vec();
        cx.edit(id).replace_control_uses(Site::Node(node), None);
        idle.extend(readers.into_iter().filter(|&reader| is_idle(cx.graph(id).node(reader))));
        cx.edit(id).erase_dead([node], |node| node.op == Op::tf("NoOp"));
    }
}

fn is_idle(node: &Node) -> bool {
    node.op.is_tf("NoOp") && node.control.is_empty() && node.inputs.is_empty()
}

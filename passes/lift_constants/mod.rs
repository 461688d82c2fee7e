#![doc = include_str!("README.md")]

use gtt_ir::{ConstOrigin, Constant, Def, Dialect, GraphId, ValueId};
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo};

use crate::support::constant_node;
use crate::support::inline::{Mark, replace_node};
use crate::support::names::FreeNames;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["extract_constant_to_initializer", "lift_constants_to_initializers"],
    params: &[Param {
        default: Some("false"),
        ..Param::new("from_subgraphs", Kind::Bool, "move constants of subgraphs to the main graph")
    }],
    dialects: &[Dialect::Onnx],
    ..PassInfo::new("lift_constants", "make Constant nodes initializers", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(LiftConstants { from_subgraphs: args.bool("from_subgraphs")? }))
}

struct LiftConstants {
    from_subgraphs: bool,
}

impl Pass for LiftConstants {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for graph in cx.graphs() {
            lift(cx, graph);
            lift_nodes(cx, graph);
        }
        if self.from_subgraphs {
            let mut names = FreeNames::of(cx.model());
            for graph in cx.graphs().into_iter().skip(1) {
                move_to_main(cx, graph, &mut names);
            }
        }
        Ok(())
    }
}

fn lift(cx: &mut PassContext<'_>, id: GraphId) {
    let nodes = cx.graph(id).constants().filter(|(_, _, constant)| constant.origin == ConstOrigin::ConstantNode);
    let nodes: Vec<ValueId> = nodes.map(|(value, _, _)| value).collect();
    for value in nodes {
        let Some(constant) = cx.graph(id).value(value).constant() else { continue };
        let name = |model: &gtt_ir::Model| model.graph(id).value(value).name.to_string();
        if constant_node::is_sparse(constant) {
            cx.decline_with("constant_node", "the value is sparse", name);
            continue;
        }
        let tensor = constant.tensor.clone();
        if !cx.permit_with("constant_node", name) {
            return;
        }
        let lifted = Constant { tensor, origin: ConstOrigin::Initializer, rank: u32::MAX, meta: None };
        cx.edit(id).set_constant(value, lifted);
    }
}

/// `Constant` nodes that the reader left nodes: what was an attribute of a function's caller has a value by now.
fn lift_nodes(cx: &mut PassContext<'_>, id: GraphId) {
    let nodes = cx.graph(id).nodes().filter_map(|(node, found)| {
        let [Some(result)] = found.outputs[..] else { return None };
        Some((node, result, constant_node::tensor_of(&found.op, &found.attrs)?))
    });
    let nodes: Vec<_> = nodes.collect();
    for (node, result, tensor) in nodes {
        if !cx.permit("constant_node", id, node) {
            return;
        }
        let name = cx.graph(id).value(result).name.clone();
        let mark = Mark::of(cx.graph(id));
        let value = cx.edit(id).add_const(name, tensor, u32::MAX);
        replace_node(cx, id, node, &[Some(value)], mark);
    }
}

fn move_to_main(cx: &mut PassContext<'_>, id: GraphId, names: &mut FreeNames) {
    let mut above = Vec::new();
    let mut next = Some(id);
    while let Some(graph) = next {
        above.push(graph);
        next = cx.graph(graph).parent;
    }
    let Some(main) = above.pop() else { return };
    let constants: Vec<ValueId> = cx.graph(id).constants().map(|(value, _, _)| value).collect();
    for value in constants {
        let found = cx.graph(id).value(value);
        let Def::Const(constant) = &found.def else { continue };
        if constant.origin != ConstOrigin::Initializer {
            continue;
        }
        let (name, constant) = (found.name.clone(), constant.clone());
        let place = |_: &gtt_ir::Model| name.to_string();
        if found.is_output() {
            cx.decline_with("subgraph_constant", "the subgraph returns the constant", place);
            continue;
        }
        if !cx.permit_with("subgraph_constant", place) {
            return;
        }
        let name = names.value(&name);
        let mut moved = cx.edit(main).add_constant(name, Constant { rank: u32::MAX, ..constant });
        for &graph in above.iter().rev() {
            moved = cx.edit(graph).capture(moved);
        }
        let mut editor = cx.edit(id);
        editor.replace_uses(value, moved);
        editor.erase_value(value);
    }
}

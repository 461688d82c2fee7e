#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Def, Dialect, Graph, GraphId, Id, NodeId, Op, Tensor, Use, ValueId};
use gtt_ops::registry::op_def;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo};

use crate::support::names::FreeNames;
use crate::support::nodes_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    ..PassInfo::new(
        "backport_tensor_array_v3",
        "replace TensorArrayV3 and what works on it by the V2 ops, for old runtimes",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(BackportTensorArrayV3))
}

struct BackportTensorArrayV3;

/// Ops that make a handle; the second result is the flow.
const MAKERS: &[(&str, &str)] = &[("TensorArrayV3", "TensorArrayV2"), ("TensorArrayGradV3", "TensorArrayGradV2")];

/// Ops that take one as first operand.
const USERS: &[(&str, &str)] = &[
    ("TensorArrayWriteV3", "TensorArrayWriteV2"),
    ("TensorArrayReadV3", "TensorArrayReadV2"),
    ("TensorArrayGatherV3", "TensorArrayGatherV2"),
    ("TensorArrayScatterV3", "TensorArrayScatterV2"),
    ("TensorArrayConcatV3", "TensorArrayConcatV2"),
    ("TensorArraySplitV3", "TensorArraySplitV2"),
    ("TensorArraySizeV3", "TensorArraySizeV2"),
    ("TensorArrayCloseV3", "TensorArrayCloseV2"),
];

/// Ops that hand it on; their `T` says that it is a resource.
const CARRIERS: &[&str] = &["Enter", "Exit", "Identity", "Merge", "NextIteration", "Switch"];

fn backported(list: &[(&'static str, &'static str)], op: &Op) -> Option<&'static str> {
    list.iter().find(|(old, _)| op.is_tf(old)).map(|(_, new)| *new)
}

impl Pass for BackportTensorArrayV3 {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for graph in cx.graphs() {
            let mut seen = vec![false; cx.graph(graph).node_bound()];
            let mut names = None;
            for node in nodes_by_rank(cx, graph) {
                let op = &cx.graph(graph).node(node).op;
                if seen[node.index()] || (backported(MAKERS, op).is_none() && backported(USERS, op).is_none()) {
                    continue;
                }
                match family(cx.graph(graph), node, &mut seen) {
                    Err(reason) => cx.decline("tensor_array", graph, node, reason),
                    Ok(family) => {
                        if !cx.permit("tensor_array", graph, node) {
                            return Ok(());
                        }
                        let names = names.get_or_insert_with(|| FreeNames::within(cx.model(), &[graph]));
                        family.into_iter().for_each(|node| backport(cx, graph, node, names));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Everything that a handle reaches, forwards and backwards: a V2 handle is a string, so all of it changes, or nothing.
fn family(graph: &Graph, start: NodeId, seen: &mut [bool]) -> Result<Vec<NodeId>, &'static str> {
    let mut family = vec![start];
    let mut problem = None;
    seen[start.index()] = true;
    let mut next = 0;
    while let Some(&node) = family.get(next) {
        next += 1;
        let found = graph.node(node);
        let (makes, takes) = (backported(MAKERS, &found.op), backported(USERS, &found.op));
        let carries = CARRIERS.contains(&found.op.name.as_str());
        if makes.is_none() && takes.is_none() && !(carries && found.attr("T") == Some(&Attr::DType(DType::Resource))) {
            problem = Some("something else reads the handle, or makes it");
            continue;
        }
        let handles = usize::from(!found.op.is_tf("TensorArrayV3"));
        // All data operands of `Merge` are the handle; of the others, the first one is.
        let operands = if found.op.is_tf("Merge") { found.inputs.len() } else { handles.min(found.inputs.len()) };
        let results: &[usize] = match found.op.name.as_str() {
            _ if makes.is_some() => &[0],
            "Switch" => &[0, 1],
            _ if carries => &[0],
            _ => &[],
        };
        let mut reached: Vec<NodeId> =
            found.inputs[..operands].iter().flatten().filter_map(|&value| source(graph, value)).collect();
        if found.inputs[..operands].iter().flatten().any(|&value| source(graph, value).is_none()) {
            problem = Some("something else reads the handle, or makes it");
        }
        for value in results.iter().filter_map(|&slot| found.output(slot)) {
            for used in graph.value(value).uses() {
                match used {
                    Use::Operand { node, slot: 0 } => reached.push(*node),
                    Use::Operand { node, .. } if graph.node(*node).op.is_tf("Merge") => reached.push(*node),
                    Use::Output { .. } | Use::Input { .. } => problem = Some("a handle is an input or output"),
                    _ => problem = Some("something else reads the handle, or makes it"),
                }
            }
        }
        for node in reached {
            if !std::mem::replace(&mut seen[node.index()], true) {
                family.push(node);
            }
        }
    }
    problem.map_or(Ok(family), Err)
}

fn source(graph: &Graph, value: ValueId) -> Option<NodeId> {
    match graph.value(value).def {
        Def::Node { node, .. } => Some(node),
        _ => None,
    }
}

fn backport(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId, names: &mut FreeNames) {
    let node = cx.graph(graph).node(id);
    let (rank, name) = (node.rank, node.name.clone());
    let makes = backported(MAKERS, &node.op);
    let Some(new) = makes.or_else(|| backported(USERS, &node.op)) else {
        cx.edit(graph).set_attr(id, "T", Attr::DType(DType::String));
        forget_types(cx, graph, id);
        return;
    };
    // An older runtime refuses attributes that its op does not have.
    let unknown: Vec<String> = match op_def(new) {
        Some(op) => {
            let entries =
                node.attrs.iter().filter(|entry| !entry.name.starts_with('_') && op.attr(&entry.name).is_none());
            entries.map(|entry| entry.name.to_string()).collect()
        }
        None => Vec::new(),
    };
    let flow = node.output(1).filter(|&flow| makes.is_some() && !cx.graph(graph).value(flow).is_unused());
    let mut editor = cx.edit(graph);
    editor.set_op(id, Op::tf(new));
    unknown.iter().for_each(|name| {
        editor.remove_attr(id, name);
    });
    if let Some(flow) = flow {
        let constant = names.tensorflow(&format!("{name}/replacement_flow_node"));
        let constant = editor.add_const(constant, Tensor::scalar(1f32), rank);
        editor.replace_uses(flow, constant);
    }
    if makes.is_some() {
        forget_types(cx, graph, id);
    }
}

/// What was declared of the handle is not so any more.
fn forget_types(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId) {
    for slot in 0..cx.graph(graph).node(id).outputs.len() {
        if let Some(value) = cx.graph(graph).node(id).output(slot)
            && cx.graph(graph).value(value).ty != gtt_ir::Type::Unknown
        {
            cx.edit(graph).set_type(value, gtt_ir::Type::Unknown);
        }
    }
}

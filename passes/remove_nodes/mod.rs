#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Def, Dialect, Graph, GraphId, Node, NodeId, Site, Use, ValueId};
use gtt_rewrite::{ArgError, Args, Decline, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope, require};
use smallvec::SmallVec;

mod identities;

use crate::support::unconditional::Unconditional;
use crate::support::{OpPattern, nodes_by_rank};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param {
            repeated: true,
            required: true,
            ..Param::new("op", Kind::Name, "op whose nodes go; `A|B` and `*` work")
        },
        Param { default: Some("1"), ..Param::new("max_inputs", Kind::Int32, "operands a node may have") },
    ],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "remove_nodes",
        "remove nodes of the given ops; readers read their first operand",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let ops: Vec<String> = args.strs("op")?.into_iter().map(str::to_owned).collect();
    let max_inputs = usize::try_from(args.int("max_inputs")?).unwrap_or(0);
    if max_inputs == 0 {
        return Err(ArgError::of("max_inputs", "`max_inputs` must be at least 1"));
    }
    Ok(Box::new(RemoveNodes { patterns: ops.iter().map(|op| OpPattern::new(op)).collect(), ops, max_inputs }))
}

struct RemoveNodes {
    ops: Vec<String>,
    patterns: Vec<OpPattern>,
    max_inputs: usize,
}

impl Pass for RemoveNodes {
    fn numerics(&self, _: Numerics) -> Numerics {
        let mut names = self.ops.iter().flat_map(|op| op.split('|')).map(str::trim);
        let exact = names.all(|name| ["Dropout", "IdentityN"].contains(&name) || passes_through(name));
        if exact { Numerics::Exact } else { Numerics::Lossy }
    }

    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let free = if self.ops.iter().any(|op| op.contains("IdentityN") || op == "*") {
            Unconditional::of(cx.model(), &cx.graphs())
        } else {
            Unconditional::default()
        };
        for graph in cx.graphs() {
            for pattern in &self.patterns {
                for node in nodes_by_rank(cx, graph) {
                    let Some(found) = cx.graph(graph).get_node(node) else { continue };
                    if found.op.is_tf("IdentityN") && pattern.matches(found) {
                        match identities::check(cx, graph, node, &free) {
                            Ok(()) if cx.permit("pass_through", graph, node) => identities::remove(cx, graph, node),
                            Ok(()) => return Ok(()),
                            Err(Decline::NotMine) => {}
                            Err(Decline::Because(reason)) => cx.decline("pass_through", graph, node, reason),
                        }
                        continue;
                    }
                    if !pattern.matches(found) || !(1..=self.max_inputs).contains(&found.inputs.len()) {
                        // An inference `Dropout` may carry its ratio and mode as operands.
                        if !(pattern.matches(found) && found.op.is_onnx("Dropout")) {
                            continue;
                        }
                    }
                    match check(cx, graph, node) {
                        Ok(operand) if cx.permit("pass_through", graph, node) => remove(cx, graph, node, operand),
                        Ok(_) => return Ok(()),
                        Err(Decline::NotMine) => {}
                        Err(Decline::Because(reason)) => cx.decline("pass_through", graph, node, reason),
                    }
                }
            }
        }
        Ok(())
    }
}

fn passes_through(name: &str) -> bool {
    gtt_ops::info(&gtt_ir::Op::tf(name)).passthrough || gtt_ops::info(&gtt_ir::Op::onnx(name)).passthrough
}

/// The operand that readers are to read instead.
fn check(cx: &PassContext<'_>, id: GraphId, node_id: NodeId) -> Result<ValueId, Decline> {
    let graph = cx.graph(id);
    let node = graph.node(node_id);
    let operand = node.input(0).ok_or(Decline::because("the first operand is omitted"))?;
    require!(node.attrs.graphs().next().is_none(), "the node holds a subgraph");
    let is_open = cx.dialect() == Dialect::Onnx && node.attrs.has_refs();
    require!(!is_open, "an attribute is that of the caller of a function");
    let read = |value: ValueId| !graph.value(value).is_unused();
    let is_output = |value: ValueId| graph.value(value).is_output();
    let is_feed = |value: ValueId| graph.value(value).is_fed();
    require!(!node.outputs.iter().skip(1).flatten().any(|&value| read(value)), "a result other than the first is read");
    require!(node.results().all(|value| !is_feed(value)), "the node is a public input");
    require!(!graph.is_kept(node_id), "the node is a target");
    require!(operand_is_another(graph, node_id, operand), "the node reads itself");
    // A `Switch` has run whichever of its results comes.
    let splits = graph.def_node(operand).is_some_and(|source| {
        let op = &graph.node(source).op;
        op.is_tf("Switch") || op.is_tf("RefSwitch")
    });
    require!(!splits || node.control_uses.is_empty(), "who waits for the node runs only where a branch is taken");
    if node.op.is_onnx("Dropout") {
        require!(!trains(cx, id, node), "the dropout is in training mode");
    }
    if let Some(result) = node.output(0)
        && is_output(result)
    {
        match cx.dialect() {
            Dialect::Tf => return Err(Decline::because("the node is a public output")),
            _ => {
                let free = matches!(graph.value(operand).def, Def::Node { .. }) && !is_output(operand);
                require!(free, "the output needs a node of its own");
            }
        }
    }
    Ok(operand)
}

fn operand_is_another(graph: &Graph, node: NodeId, operand: ValueId) -> bool {
    graph.def_node(operand) != Some(node)
}

/// By opset: `is_test` up to 6, never from 7 to 11, the third operand from 12 on.
fn trains(cx: &PassContext<'_>, id: GraphId, node: &Node) -> bool {
    match cx.opset_of(id) {
        ..=6 => node.attr("is_test").and_then(Attr::as_int) != Some(1),
        7..=11 => false,
        _ => match node.input(2) {
            None => false,
            Some(mode) => {
                let constant = cx.graph(id).tensor(mode).and_then(|mode| mode.to_i64s());
                constant.as_deref() != Some(&[0])
            }
        },
    }
}

fn remove(cx: &mut PassContext<'_>, id: GraphId, node: NodeId, operand: ValueId) {
    let graph = cx.graph(id);
    let waits: SmallVec<[Site; 4]> = graph.node(node).control.iter().copied().collect();
    let readers: Vec<NodeId> = match graph.node(node).output(0) {
        Some(result) => graph
            .value(result)
            .uses()
            .iter()
            .filter_map(|used| if let Use::Operand { node, .. } = used { Some(*node) } else { None })
            .collect(),
        None => Vec::new(),
    };
    let control_readers: Vec<NodeId> = graph.node(node).control_uses.to_vec();
    let source = match graph.value(operand).def {
        Def::Node { node, .. } => Some(Site::Node(node)),
        Def::Const(_) => Some(Site::Const(operand)),
        _ => None,
    };
    let mut editor = cx.edit(id);
    if let Some(result) = editor.graph().node(node).output(0) {
        editor.replace_uses(result, operand);
    }
    editor.replace_control_uses(Site::Node(node), source);
    if !waits.is_empty() {
        for reader in readers.into_iter().chain(control_readers) {
            let mut control: SmallVec<[Site; 4]> = editor.graph().node(reader).control.iter().copied().collect();
            for &site in &waits {
                if site != Site::Node(reader) && !control.contains(&site) {
                    control.push(site);
                }
            }
            editor.set_control(reader, control);
        }
    }
    editor.erase_node(node);
}

#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, GraphId, Model, NodeId, ValueId};
use gtt_rewrite::{ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Scope, constant_tensor, require};

mod call;
mod switch;

use crate::support::inline::{Bindings, Copying, Mark, NamesOnce, replace_node, until_settled};
use crate::support::loops::{Loop, single_bool};
use crate::support::names::FreeNames;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_if_with_const_cond"],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "inline_constant_branches",
        "put the branch that is always taken in place of If, and the body that runs once or never in place of Loop",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(InlineConstantBranches))
}

struct InlineConstantBranches;

impl Pass for InlineConstantBranches {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            for graph in cx.graphs() {
                call::resolve(cx, graph);
                switch::resolve(cx, graph);
            }
            return Ok(());
        }
        until_settled(cx, visit);
        Ok(())
    }
}

fn visit(
    cx: &mut PassContext<'_>,
    graph: GraphId,
    id: NodeId,
    names: &mut NamesOnce,
) -> Result<bool, (&'static str, Decline)> {
    let op = &cx.graph(graph).node(id).op;
    if op.is_onnx("If") {
        let rule = "constant_condition";
        let branch = taken_branch(cx.model(), graph, id).map_err(|decline| (rule, decline))?;
        let granted = cx.permit(rule, graph, id);
        if granted {
            inline_branch(cx, names.get(cx), graph, id, branch);
        }
        return Ok(granted);
    }
    if !op.is_onnx("Loop") {
        return Ok(false);
    }
    let rule = "known_iterations";
    let found = short_loop(cx.model(), graph, id).map_err(|decline| (rule, decline))?;
    let nothing = found.nothing_scanned(cx).map_err(|decline| (rule, decline))?;
    let granted = cx.permit(rule, graph, id);
    if granted {
        found.unroll(cx, names.get(cx), nothing);
    }
    Ok(granted)
}

/// The branch of an `If` that always runs.
fn taken_branch(model: &Model, graph: GraphId, id: NodeId) -> Result<GraphId, Decline> {
    let node = model.graph(graph).node(id);
    let condition = node.input(0).and_then(|value| constant_tensor(model, graph, value)).ok_or(Decline::NotMine)?;
    let condition = single_bool(condition).ok_or(Decline::because("the condition is not one truth value"))?;
    let Some(Attr::Graph(branch)) = node.attr(if condition { "then_branch" } else { "else_branch" }) else {
        return Err(Decline::because("the branch is missing"));
    };
    let (inside, outside) = (model.graph(*branch), node.outputs.len());
    require!(inside.inputs().is_empty() && inside.outputs().len() >= outside, "the branch does not fit the node");
    Ok(*branch)
}

/// A loop whose body runs at most once.
fn short_loop(model: &Model, graph: GraphId, id: NodeId) -> Result<Loop, Decline> {
    let found = Loop::of(model, graph, id)?;
    match found.iterations {
        Some(0 | 1) => Ok(found),
        Some(_) => Err(Decline::because("the body runs more than once: see `unroll_loops`")),
        None => Err(Decline::NotMine),
    }
}

fn inline_branch(cx: &mut PassContext<'_>, names: &mut FreeNames, graph: GraphId, id: NodeId, branch: GraphId) {
    let mark = Mark::of(cx.graph(graph));
    let rank = cx.graph(graph).node(id).rank;
    let mut copying = Copying { names, moves: true, rank, attrs: None };
    let mut bindings = Bindings::default();
    copying.nodes(cx, branch, graph, &mut bindings);
    let outputs: Vec<ValueId> = cx.graph(branch).outputs().iter().map(|port| port.value).collect();
    let values: Vec<Option<ValueId>> =
        outputs.into_iter().map(|value| copying.value(cx, branch, graph, &mut bindings, value)).collect();
    replace_node(cx, graph, id, &values, mark);
}

//! TensorFlow 2: `While` and `StatelessWhile`, whose condition and body are functions.

use gtt_ir::{Attr, DType, Function, Graph, GraphId, Model, Name, NodeId, NodeSpec, Op, Site, Type, ValueId};
use gtt_rewrite::{Decline, PassContext, require};

use super::UnrollLoops;
use super::trips::{Progress, Variables, count};
use crate::support::inline_tf::{TfCall, TfInlining, has_effect, leads_to};
use crate::support::nodes_by_rank;

/// A loop whose number of iterations is known.
struct Found<'m> {
    iterations: u64,
    body: &'m Function,
    /// Element types of the variables.
    types: Vec<DType>,
    /// The body does something beside its results: iterations wait for each other.
    acts: bool,
}

/// Unrolls the loops of a graph, and those that come with the bodies.
pub(super) fn unroll(pass: &UnrollLoops, cx: &mut PassContext<'_>, graph: GraphId) {
    let mut inlining = TfInlining::default();
    loop {
        let mut loops = nodes_by_rank(cx, graph);
        loops.retain(|&id| {
            let op = &cx.graph(graph).node(id).op;
            op.is_tf("While") || op.is_tf("StatelessWhile")
        });
        let (mut changed, mut refused) = (false, Vec::new());
        for id in loops {
            let found = accept(pass, cx.model(), graph, id).and_then(|found| {
                let call = TfCall {
                    body: found.body.graph,
                    operands: cx.graph(graph).node(id).operands().collect(),
                    attrs: found.body.defaults.clone(),
                    one_device: false,
                };
                inlining.check(cx, graph, id, &call)?;
                let stays = found.iterations > 0 || !inlining.lies_in_region(cx, graph, id);
                require!(stays, "the loop never runs, and lies in a branch or loop of v1 control flow");
                Ok((call, Plan::of(&found)))
            });
            match found {
                Ok((call, plan)) if cx.permit(super::RULE, graph, id) => {
                    plan.apply(cx, &mut inlining, graph, id, call);
                    changed = true;
                }
                Ok(_) => return,
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => refused.push((id, reason)),
            }
        }
        if !changed {
            refused.into_iter().for_each(|(id, reason)| cx.decline(super::RULE, graph, id, reason));
            return;
        }
    }
}

fn function<'m>(model: &'m Model, graph: GraphId, id: NodeId, attr: &str) -> Result<&'m Function, Decline> {
    let Some(Attr::Func(name)) = model.graph(graph).node(id).attr(attr) else {
        return Err(Decline::because("condition or body is missing"));
    };
    let found = model.functions.iter().find(|function| function.op.name == *name && function.opaque.is_none());
    found.ok_or(Decline::because("condition or body is missing"))
}

fn accept<'m>(pass: &UnrollLoops, model: &'m Model, graph: GraphId, id: NodeId) -> Result<Found<'m>, Decline> {
    let within = model.graph(graph);
    let node = within.node(id);
    let (condition, body) = (function(model, graph, id, "cond")?, function(model, graph, id, "body")?);
    let (test, inside) = (model.graph(condition.graph), model.graph(body.graph));
    let operands: Vec<ValueId> = node.operands().collect();
    let Some(Attr::DTypes(types)) = node.attr("T") else {
        return Err(Decline::because("the body does not fit the loop"));
    };
    let counts = [node.inputs.len(), types.len(), test.inputs().len(), inside.inputs().len(), inside.outputs().len()];
    let fits = counts.iter().all(|&count| count == operands.len()) && test.outputs().len() == 1;
    require!(fits, "the body does not fit the loop");
    require!(!leads_to(model, body.graph, &body.op.name), "the body leads to itself");
    require!(!test.nodes().any(|(_, node)| has_effect(node)), "the condition does something");
    let number = |graph: &Graph, value: ValueId| graph.inputs().iter().position(|port| port.value == value);
    let variables = Variables { number: &number, passes_on: &["Identity"] };
    let outside = Variables { number: &|_, _| None, passes_on: &["Identity"] };
    let progress: Vec<Option<Progress>> = (0..operands.len())
        .map(|at| {
            let start = outside.integer(within, operands[at])?;
            let step = variables.step(inside, at, inside.outputs()[at].value)?;
            Some(Progress { start, step })
        })
        .collect();
    let comparisons = variables.comparisons(test, test.outputs()[0].value);
    let iterations = comparisons.and_then(|comparisons| count(&comparisons, &progress, pass.max_trip_count));
    let iterations = pass.permits(iterations, inside.node_count())?;
    let waited_for = !node.control_uses.is_empty() || within.is_kept(id);
    require!(iterations > 0 || !waited_for, "the loop never runs, and something waits for it");
    let acts = inside.nodes().any(|(_, node)| has_effect(node));
    Ok(Found { iterations, body, types: types.clone(), acts })
}

/// What is to be made of a loop.
struct Plan {
    iterations: u64,
    body: Name,
    types: Vec<DType>,
    acts: bool,
}

impl Plan {
    fn of(found: &Found<'_>) -> Self {
        let (iterations, acts) = (found.iterations, found.acts);
        Self { iterations, body: found.body.op.name.clone(), types: found.types.clone(), acts }
    }

    /// A call of the body for each iteration, in a row; then their bodies in place of the calls.
    fn apply(self, cx: &mut PassContext<'_>, inlining: &mut TfInlining, graph: GraphId, id: NodeId, call: TfCall) {
        let node = cx.graph(graph).node(id);
        let (rank, name, meta) = (node.rank, node.name.clone(), node.meta.clone());
        let mut control: Vec<Site> = node.control.to_vec();
        let mut values: Vec<ValueId> = call.operands.clone();
        let mut calls = Vec::new();
        // A target is known by its name: the last call, and what takes its place, has it.
        let is_target = cx.graph(graph).is_kept(id);
        if is_target {
            let parked = inlining.free_name(cx, graph, &format!("{name}/loop"));
            cx.edit(graph).set_node_name(id, parked);
        }
        for iteration in 0..self.iterations {
            let name = match is_target && iteration + 1 == self.iterations {
                true => name.clone(),
                false => inlining.free_name(cx, graph, &format!("{name}/iteration_{iteration}")),
            };
            let mut spec = NodeSpec::new(Op::tf("StatefulPartitionedCall"), name.clone())
                .inputs(values.iter().map(|&value| Some(value)))
                .rank(rank);
            spec.attrs.set("Tin", Attr::DTypes(self.types.clone()));
            spec.attrs.set("Tout", Attr::DTypes(self.types.clone()));
            spec.attrs.set("f", Attr::Func(self.body.clone()));
            spec.meta = meta.clone();
            spec.control = control.drain(..).collect();
            let mut editor = cx.edit(graph);
            let made = editor.add_node(spec);
            values = (0..self.types.len()).map(|slot| editor.result(made, slot)).collect();
            for (&value, &dtype) in values.iter().zip(&self.types) {
                editor.set_type(value, Type::Tensor { dtype: Some(dtype), shape: None });
            }
            if self.acts {
                control.push(Site::Node(made));
            }
            inlining.takes_the_place_of(cx, graph, made, id);
            calls.push((made, TfCall { operands: cx.graph(graph).node(made).operands().collect(), ..call.clone() }));
        }
        let results: Vec<Option<ValueId>> = cx.graph(graph).node(id).outputs.to_vec();
        let mut editor = cx.edit(graph);
        for (result, &value) in results.iter().zip(&values) {
            result.iter().for_each(|&result| editor.replace_uses(result, value));
        }
        let last = calls.last().map(|(last, _)| *last);
        editor.replace_control_uses(Site::Node(id), last.map(Site::Node));
        if let Some(last) = last.filter(|_| is_target) {
            editor.replace_kept(id, last);
        }
        editor.erase_node(id);
        for (made, mut call) in calls {
            // What comes before it is in place by now.
            call.operands = cx.graph(graph).node(made).operands().collect();
            inlining.inline(cx, graph, made, &call);
        }
    }
}

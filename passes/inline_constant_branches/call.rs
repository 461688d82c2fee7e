//! TensorFlow 2: `If` and `Case` with their stateless forms, whose branches are functions.

use gtt_ir::{Attr, GraphId, NodeId, ValueId};
use gtt_rewrite::{Decline, PassContext, constant_tensor, is_fed, require};

use crate::support::inline_tf::{TfCall, TfInlining, leads_to};
use crate::support::nodes_by_rank;

const RULE: &str = "constant_condition";

/// Puts the branch that is always taken in place of each `If` and `Case` of a graph, and of those that come with the branches.
pub(super) fn resolve(cx: &mut PassContext<'_>, graph: GraphId) {
    let mut inlining = TfInlining::default();
    loop {
        let mut found = nodes_by_rank(cx, graph);
        found.retain(|&id| {
            let op = &cx.graph(graph).node(id).op;
            ["If", "StatelessIf", "Case", "StatelessCase"].iter().any(|name| op.is_tf(name))
        });
        let (mut changed, mut refused) = (false, Vec::new());
        for id in found {
            let call = taken_branch(cx, graph, id).and_then(|call| {
                inlining.check(cx, graph, id, &call)?;
                Ok(call)
            });
            match call {
                Ok(call) if cx.permit(RULE, graph, id) => {
                    inlining.inline(cx, graph, id, &call);
                    changed = true;
                }
                Ok(_) => return,
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => refused.push((id, reason)),
            }
        }
        if !changed {
            refused.into_iter().for_each(|(id, reason)| cx.decline(RULE, graph, id, reason));
            return;
        }
    }
}

/// The branch as a call of its function.
fn taken_branch(cx: &PassContext<'_>, graph: GraphId, id: NodeId) -> Result<TfCall, Decline> {
    let within = cx.graph(graph);
    let node = within.node(id);
    let chosen = node.input(0).ok_or(Decline::NotMine)?;
    let chosen = scalar(cx, graph, chosen).ok_or(Decline::NotMine)?;
    let name = match node.attr("branches") {
        // A number that no branch has is that of the last.
        Some(branches) if node.op.name.ends_with("Case") => {
            let names = branches.funcs();
            let is_one = chosen >= 0.0 && chosen < names.len() as f64;
            if is_one { names.get(chosen as usize) } else { names.last() }
        }
        // A condition is a Boolean scalar, or a number that is not zero.
        _ => match node.attr(if chosen != 0.0 { "then_branch" } else { "else_branch" }) {
            Some(Attr::Func(name)) => Some(name),
            _ => None,
        },
    };
    let name = name.ok_or(Decline::because("the branch is missing"))?;
    let function = cx.model().functions.iter().find(|function| function.op.name == *name);
    let function = function.filter(|function| function.opaque.is_none());
    let function = function.ok_or(Decline::because("the branch is missing"))?;
    // A branch that comes back to itself would be put in its own place for ever.
    require!(!leads_to(cx.model(), function.graph, name), "the branch calls itself");
    let operands: Vec<ValueId> = node.operands().skip(1).collect();
    Ok(TfCall { body: function.graph, operands, attrs: function.defaults.clone(), one_device: false })
}

/// The number that a constant scalar is, through `Identity`.
fn scalar(cx: &PassContext<'_>, graph: GraphId, mut value: ValueId) -> Option<f64> {
    const STEPS: usize = 16;
    for _ in 0..STEPS {
        if let Some(tensor) = constant_tensor(cx.model(), graph, value) {
            let scalar = tensor.rank() == 0;
            return crate::support::constants::uniform_element(tensor).filter(|_| scalar);
        }
        let within = cx.graph(graph);
        let node = within.node(within.def_node(value)?);
        if is_fed(within, value) || !node.op.is_tf("Identity") {
            return None;
        }
        value = node.input(0)?;
    }
    None
}

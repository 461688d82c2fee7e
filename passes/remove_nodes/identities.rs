//! `IdentityN`: each result is the operand at its slot.

use gtt_ir::{GraphId, NodeId, Site, Use};
use gtt_rewrite::{Decline, PassContext, require};
use smallvec::SmallVec;

use crate::support::unconditional::Unconditional;

pub(super) fn check(cx: &PassContext<'_>, graph: GraphId, id: NodeId, free: &Unconditional) -> Result<(), Decline> {
    let within = cx.graph(graph);
    let node = within.node(id);
    let public = |used: &Use, input: bool| match used {
        Use::Input { .. } => input,
        Use::Output { .. } => !input,
        _ => false,
    };
    for result in node.results() {
        let uses = within.value(result).uses();
        require!(!uses.iter().any(|used| public(used, true)), "the node is a public input");
        require!(!uses.iter().any(|used| public(used, false)), "the node is a public output");
    }
    require!(!within.is_kept(id), "the node is a target");
    require!(node.outputs.len() <= node.inputs.len());
    let splits = |value| {
        let source = within.def_node(value).map(|source| &within.node(source).op);
        source.is_some_and(|op| op.is_tf("Switch") || op.is_tf("RefSwitch"))
    };
    let waits = !node.control_uses.is_empty() && node.operands().any(splits);
    require!(!waits, "who waits for the node runs only where a branch is taken");
    require!(
        node.inputs.len() == 1 || free.node(cx.model(), graph, id),
        "the operands may come under different conditions"
    );
    Ok(())
}

/// Readers of results read operands and wait for what the node waited for; who waited for the node waits for all of that.
pub(super) fn remove(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId) {
    let within = cx.graph(graph);
    let node = within.node(id);
    let (inputs, outputs) = (node.inputs.clone(), node.outputs.clone());
    let waits: SmallVec<[Site; 4]> = node.control.iter().copied().collect();
    let mut all = waits.clone();
    all.extend(node.operands().filter_map(|value| within.def_node(value)).map(Site::Node));
    let readers: Vec<NodeId> = node
        .results()
        .flat_map(|value| within.value(value).uses())
        .filter_map(|used| if let Use::Operand { node, .. } = used { Some(*node) } else { None })
        .collect();
    let waiting = node.control_uses.to_vec();
    let mut editor = cx.edit(graph);
    for (result, operand) in outputs.iter().zip(&inputs) {
        if let (Some(result), Some(operand)) = (*result, *operand) {
            editor.replace_uses(result, operand);
        }
    }
    editor.replace_control_uses(Site::Node(id), None);
    let mut add = |reader: NodeId, sites: &[Site]| {
        let mut control: SmallVec<[Site; 4]> = editor.graph().node(reader).control.iter().copied().collect();
        let before = control.len();
        for &site in sites {
            if site != Site::Node(reader) && !control.contains(&site) {
                control.push(site);
            }
        }
        if control.len() > before {
            editor.set_control(reader, control);
        }
    };
    readers.into_iter().for_each(|reader| add(reader, &waits));
    waiting.into_iter().for_each(|reader| add(reader, &all));
    editor.erase_node(id);
}

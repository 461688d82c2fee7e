//! What is computed of the parts, up to the views that absorb the axis in front.

use gtt_ir::{Attr, Node, NodeId, Use, ValueId};
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::{MatMul, Transpose};
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::support::axes;
use crate::support::movement::{Emitted, Path, emit, is_view, written_steps};

/// Larger regions are not looked at.
const LARGEST: usize = 64;

/// Longer chains of views are looked at in part.
const LONGEST: usize = 6;

/// Ops that align the axes of all their operands at the last ones.
const BROADCASTING: &[&str] = &["Add", "Div", "MatMul", "Max", "Min", "Mul", "Pow", "Sub", "Where"];

/// The nodes that get an axis more, and the views at the end.
pub(super) struct Region {
    nodes: Vec<NodeId>,
    ends: Vec<End>,
}

/// Views that absorb the axis.
struct End {
    from: ValueId,
    to: ValueId,
    views: Vec<Emitted>,
}

impl Region {
    /// The region behind some values; `None` when one of them flows into something else.
    pub(super) fn of(cx: &RuleContext<'_>, parts: &[ValueId]) -> Option<Self> {
        let mut lifted: FxHashSet<ValueId> = parts.iter().copied().collect();
        let mut queue: Vec<ValueId> = parts.to_vec();
        let mut region = Self { nodes: Vec::new(), ends: Vec::new() };
        while let Some(value) = queue.pop() {
            cx.ty(value).rank()?;
            if let Some(end) = end(cx, value) {
                region.ends.push(end);
                continue;
            }
            for used in cx.value(value).uses() {
                let Use::Operand { node, slot } = used else { return None };
                if *slot != 0 && !BROADCASTING.contains(&cx.node(*node).op.name.as_str()) {
                    return None;
                }
                if region.nodes.contains(node) {
                    continue;
                }
                region.nodes.push(*node);
                let y = passes(cx, *node)?;
                if region.nodes.len() > LARGEST {
                    return None;
                }
                lifted.insert(y);
                queue.push(y);
            }
        }
        // Other operands must not have more axes than what they meet.
        let fits = region.nodes.iter().all(|&id| {
            let node = cx.node(id);
            let rank = |value: ValueId| cx.ty(value).rank();
            let most = node.operands().filter(|value| lifted.contains(value)).filter_map(rank).max();
            node.operands().all(|value| rank(value).is_some_and(|rank| Some(rank) <= most))
        });
        (fits && !region.ends.is_empty()).then_some(region)
    }

    /// Writes the region anew, with the parts as they are now.
    pub(super) fn write(&self, cx: &RuleContext<'_>, rewrite: &mut Rewrite, parts: FxHashMap<ValueId, Operand>) {
        let mut new = parts;
        let results: FxHashSet<ValueId> = self.nodes.iter().flat_map(|&id| cx.node(id).results()).collect();
        let mut left = self.nodes.clone();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|&id| {
                let node = cx.node(id);
                let ready = node.operands().all(|value| new.contains_key(&value) || !results.contains(&value));
                if ready && let Some(y) = node.output(0) {
                    let operands = node.inputs.iter().map(|value| match value {
                        Some(value) => new.get(value).copied().unwrap_or(Operand::Old(*value)),
                        None => Operand::Omitted,
                    });
                    let made = with_axis(cx, node, NewNode::like(id, node).inputs(operands.collect::<Vec<_>>()));
                    new.insert(y, rewrite.node(made).into());
                }
                !ready
            });
            if left.len() == before {
                break;
            }
        }
        for end in &self.ends {
            if let Some(&from) = new.get(&end.from) {
                let to = emit(cx, rewrite, from, &end.views);
                rewrite.replace(end.to, to);
            }
        }
    }
}

/// The result of a node that computes the same with an axis of extent 1 more in front.
fn passes(cx: &RuleContext<'_>, id: NodeId) -> Option<ValueId> {
    let node = cx.node(id);
    if !node.op.domain.as_str().is_empty() || node.outputs.len() != 1 || node.attrs.graphs().next().is_some() {
        return None;
    }
    let opset = cx.opset();
    let suits = match node.op.name.as_str() {
        "MatMul" => {
            let view = MatMul::of(node, opset)?;
            [view.a, view.b].iter().all(|&value| cx.ty(value).rank().is_some_and(|rank| rank >= 2))
        }
        "Transpose" => Transpose::of(node, opset).is_some(),
        "Softmax" | "LogSoftmax" => opset >= 13,
        "LayerNormalization" => true,
        "Dropout" => false,
        name if BROADCASTING.contains(&name) => opset >= 8,
        _ => gtt_ops::info(&node.op).keeps_shape,
    };
    if suits { node.output(0) } else { None }
}

/// The axis that an attribute names, one further behind.
fn with_axis(cx: &RuleContext<'_>, node: &Node, new: NewNode) -> NewNode {
    let rank = node.input(0).and_then(|x| cx.ty(x).rank()).unwrap_or(0);
    match node.op.name.as_str() {
        "Transpose" => match Transpose::of(node, cx.opset()).and_then(|view| view.permutation(rank)) {
            Some(perm) => {
                let perm = std::iter::once(0).chain(perm.into_iter().map(|axis| axis as i64 + 1)).collect();
                new.attr("perm", Attr::Ints(perm))
            }
            None => new,
        },
        "Softmax" | "LogSoftmax" | "LayerNormalization" => match node.attr("axis").and_then(Attr::as_int) {
            Some(axis) if axis >= 0 => match axes::normal(axis, rank) {
                Some(axis) => new.attr("axis", Attr::Int(axis as i64 + 1)),
                None => new,
            },
            _ => new,
        },
        _ => new,
    }
}

/// Views behind a value that only they read, which need no more nodes when the value has an axis more.
fn end(cx: &RuleContext<'_>, from: ValueId) -> Option<End> {
    let mut to = from;
    let mut chain = Vec::new();
    while chain.len() < LONGEST
        && let Some(reader) = cx.only_reader(to)
        && is_view(cx.node(reader))
        && cx.node(reader).input(0) == Some(to)
    {
        chain.push(reader);
        to = cx.node(reader).output(0)?;
    }
    let mut path = Path::from(cx, from, *chain.first()?)?;
    for &id in &chain {
        path.then(cx, id)?;
    }
    let movement = path.movement()?.clone().with_one_in_front();
    let dims: Vec<Extent> = movement.start_dims()?;
    let plans = movement.plans();
    let views = plans.iter().find_map(|plan| written_steps(cx, plan, &dims, false, None))?;
    (views.len() <= chain.len()).then_some(End { from, to, views })
}

//! Slices of one tensor that are all moved in the same way.

use gtt_ir::{Attr, NodeId, Op, ValueId};
use gtt_ops::infer::Extent;
use gtt_ops::views::onnx::Gather;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::axes;
use crate::support::movement::{Emitted, Movement, Path, dims_of, emit, is_view, written_steps};

/// More slices of one tensor are not looked at.
const MOST: usize = 16;

/// Longer chains behind a slice are looked at in part.
const LONGEST: usize = 8;

/// `Gather` of single indices from one tensor, views behind each: what they have in common is done once, before.
pub(super) struct ViewsOfSlices;

/// One slice and the views behind it.
struct Slice {
    gather: NodeId,
    index: ValueId,
    end: ValueId,
    views: usize,
    movement: Movement,
    may_mix: bool,
}

impl Rule for ViewsOfSlices {
    fn name(&self) -> &'static str {
        "views_of_slices"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gather"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(id).op.is_onnx("Gather"));
        let view = Gather::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let uses = cx.value(view.data).uses();
        require!((2..=MOST).contains(&uses.len()));
        // The group is looked at once, at its first node.
        let group: Option<Vec<NodeId>> = uses
            .iter()
            .map(|used| match used {
                gtt_ir::Use::Operand { node, slot: 0 } => Some(*node),
                _ => None,
            })
            .collect();
        let group = group.ok_or(Decline::NotMine)?;
        require!(group.iter().min() == Some(&id));
        let dims = dims_of(cx, view.data).ok_or(Decline::NotMine)?;
        let axis = axes::normal(view.axis, dims.len()).ok_or(Decline::NotMine)?;
        let slices: Option<Vec<Slice>> = group.iter().map(|&gather| slice(cx, gather, axis, dims.len())).collect();
        let slices = slices.ok_or(Decline::NotMine)?;
        let before: usize = slices.iter().map(|slice| slice.views).sum();
        require!(before > 1);
        let may_mix = slices.iter().any(|slice| slice.may_mix);
        let best = slices
            .iter()
            .filter_map(|slice| Common::of(cx, &slices, slice, axis, &dims, may_mix))
            .min_by_key(|common| common.cost);
        let best = best.ok_or(Decline::NotMine)?;
        require!(best.cost < before);
        let mut rewrite = Rewrite::new();
        let all = emit(cx, &mut rewrite, view.data.into(), &best.above);
        for (slice, rest) in slices.iter().zip(&best.rest) {
            let node = NewNode::new(Op::onnx("Gather")).input(all).input(slice.index).attr("axis", Attr::Int(0));
            let part = rewrite.node(node.placed_like(slice.gather));
            let end = emit(cx, &mut rewrite, part.into(), rest);
            rewrite.replace(slice.end, end);
        }
        Ok(rewrite)
    }
}

/// What is done before all slices, and what is left for each.
struct Common {
    above: Vec<Emitted>,
    rest: Vec<Vec<Emitted>>,
    cost: usize,
}

impl Common {
    /// The views of one slice, done before all of them.
    fn of(
        cx: &RuleContext<'_>,
        slices: &[Slice],
        like: &Slice,
        axis: usize,
        dims: &[Extent],
        may_mix: bool,
    ) -> Option<Self> {
        let all = like.movement.clone().with_axis(axis, dims[axis].clone());
        let plans = all.plans();
        let above = plans.iter().find_map(|plan| written_steps(cx, plan, dims, may_mix, None))?;
        let mut rest = Vec::new();
        for slice in slices {
            let left = slice.movement.after(&like.movement)?;
            let from = left.start_dims()?;
            rest.push(left.plans().iter().find_map(|plan| written_steps(cx, plan, &from, may_mix, None))?);
        }
        let cost = above.len() + rest.iter().map(Vec::len).sum::<usize>();
        Some(Self { above, rest, cost })
    }
}

/// A slice by one index, if that is what the node is.
fn slice(cx: &RuleContext<'_>, gather: NodeId, axis: usize, rank: usize) -> Option<Slice> {
    let view = Gather::of(cx.node(gather), cx.opset())?;
    if axes::normal(view.axis, rank)? != axis || cx.ty(view.indices).rank()? != 0 {
        return None;
    }
    let mut end = view.y?;
    let mut views = Vec::new();
    while views.len() < LONGEST
        && let Some(reader) = cx.only_reader(end)
        && is_view(cx.node(reader))
        && cx.node(reader).input(0) == Some(end)
        && let Some(y) = cx.node(reader).output(0)
    {
        views.push(reader);
        end = y;
    }
    let mut path = Path::from(cx, view.y?, *views.first().unwrap_or(&gather))?;
    let mut known = 0;
    for &view in &views {
        let mut next = path.clone();
        if next.then(cx, view).is_none() || next.movement().is_none() {
            break;
        }
        path = next;
        known += 1;
    }
    let end = match known {
        0 => view.y?,
        _ => cx.node(views[known - 1]).output(0)?,
    };
    let may_mix = path.may_mix();
    Some(Slice { gather, index: view.indices, end, views: known, movement: path.movement()?.clone(), may_mix })
}

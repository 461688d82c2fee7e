//! Slices of slices.

use gtt_ir::{Attr, Dim, NodeId, Op};
use gtt_ops::views::onnx::Slice;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::{axes, constants};

/// An end that no extent reaches.
const END: i64 = i32::MAX as i64;

/// `Slice(Slice(x))` with constant bounds.
pub(super) struct SliceOfSlice;

/// What is taken of one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    start: i64,
    end: i64,
    step: i64,
}

impl Rule for SliceOfSlice {
    fn name(&self) -> &'static str {
        "slice_of_slice"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Slice"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (inner_id, inner) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        require!(inner.op.is_onnx("Slice") && cx.node(id).op.is_onnx("Slice"));
        let outer = Slice::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let view = Slice::of(inner, cx.opset()).ok_or(Decline::NotMine)?;
        require!(cx.only_reader(outer.x).is_some(), "the first slice is used elsewhere");
        let rank = cx.ty(view.x).rank().or(cx.ty(outer.x).rank()).ok_or(Decline::because("the rank is unknown"))?;
        const OPEN: &str = "the bounds of a slice are not constant";
        let first = ranges(cx, &view, rank).ok_or(Decline::because(OPEN))?;
        let second = ranges(cx, &outer, rank).ok_or(Decline::because(OPEN))?;
        let mut all = first;
        for (axis, range) in second {
            match all.iter_mut().find(|(other, _)| *other == axis) {
                None => all.push((axis, range)),
                Some((_, before)) => {
                    let extent = cx.ty(view.x).shape().and_then(|shape| shape.get(axis)?.known());
                    let both = compose(*before, range, extent.and_then(|extent| i64::try_from(extent).ok()));
                    *before = both.ok_or(Decline::because("bounds from the end of an axis of unknown extent"))?;
                }
            }
        }
        all.sort_by_key(|(axis, _)| *axis);
        let mut rewrite = Rewrite::new();
        let list = |get: fn(&(usize, Range)) -> i64| all.iter().map(get).collect::<Vec<i64>>();
        let (starts, ends) = (list(|(_, range)| range.start), list(|(_, range)| range.end));
        let (axes, steps) = (list(|(axis, _)| *axis as i64), list(|(_, range)| range.step));
        let node = NewNode::new(Op::onnx("Slice")).input(view.x).placed_like(inner_id);
        let node = if cx.opset() >= 10 {
            let node =
                node.input(constants::vector(&mut rewrite, &starts)).input(constants::vector(&mut rewrite, &ends));
            let node = node.input(constants::vector(&mut rewrite, &axes));
            match steps.iter().all(|&step| step == 1) {
                true => node,
                false => node.input(constants::vector(&mut rewrite, &steps)),
            }
        } else {
            let ints = [("starts", starts), ("ends", ends), ("axes", axes)];
            ints.into_iter().fold(node, |node, (name, ints)| node.attr(name, Attr::Ints(ints)))
        };
        let slice = rewrite.node(node);
        rewrite.replace(outer.y.ok_or(Decline::NotMine)?, slice);
        Ok(rewrite)
    }
}

/// The ranges of a slice by axis; `None` when something is not constant or not understood.
fn ranges(cx: &RuleContext<'_>, view: &Slice, rank: usize) -> Option<Vec<(usize, Range)>> {
    let starts = axes::given(cx, &view.starts)??;
    let ends = axes::given(cx, &view.ends)??;
    let count = starts.len();
    let axes = match axes::given(cx, &view.axes)? {
        Some(given) => axes::all_normal(&given, rank)?,
        None => (0..count).collect(),
    };
    let steps = axes::given(cx, &view.steps)?.unwrap_or_else(|| vec![1; count]);
    if ends.len() != count || axes.len() != count || steps.len() != count || count > rank {
        return None;
    }
    let range = |index: usize| (axes[index], Range { start: starts[index], end: ends[index], step: steps[index] });
    Some((0..count).map(range).collect())
}

/// What two slices of one axis take. Bounds are clamped to the extent, so sums of bounds from the front are right even where they
/// are out of range; bounds from the end need an end that moves along, or the extent.
fn compose(first: Range, second: Range, extent: Option<i64>) -> Option<Range> {
    if let Some(extent) = extent {
        let (start, count) = resolve(first, extent)?;
        let (offset, taken) = resolve(second, count)?;
        let step = first.step.checked_mul(second.step)?;
        let start = start + offset.checked_mul(first.step)?;
        let end = if taken == 0 { start } else { start + (taken - 1) * step + 1 };
        return Some(Range { start, end, step });
    }
    if first.step != 1 || second.step < 1 || first.start < 0 || second.start < 0 {
        return None;
    }
    let start = first.start.checked_add(second.start)?;
    let to_end = |end: i64| end >= END;
    let end = match (first.end, second.end) {
        (end, last) if to_end(last) => end,
        (end, last) if to_end(end) && last < 0 => last,
        (end, last) if to_end(end) => first.start.checked_add(last)?,
        (end, last) if end < 0 && last < 0 => end.checked_add(last)?,
        (end, last) if end >= 0 && last >= 0 => end.min(first.start.checked_add(last)?),
        _ => return None,
    };
    Some(Range { start, end, step: second.step })
}

/// First index and number of elements. Steps backwards are not looked at.
fn resolve(range: Range, extent: i64) -> Option<(i64, i64)> {
    if range.step < 1 {
        return None;
    }
    let clamp = |bound: i64| if bound < 0 { bound.saturating_add(extent).max(0) } else { bound.min(extent) };
    let (start, end) = (clamp(range.start), clamp(range.end));
    let length = (end - start).max(0);
    Some((start, length / range.step + i64::from(length % range.step != 0)))
}

/// Slices that together are a whole axis.
pub(super) struct SlicesOfWhole;

/// More readers of one tensor are not looked at.
const MOST: usize = 64;

impl Rule for SlicesOfWhole {
    fn name(&self) -> &'static str {
        "slices_of_whole"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gather", "Slice"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let x = cx.node(id).input(0).ok_or(Decline::NotMine)?;
        let uses = cx.value(x).uses();
        require!((2..=MOST).contains(&uses.len()) && cx.opset() >= 2);
        // Parts of a shape are known one by one.
        require!(cx.def(x).is_none_or(|(_, node)| !node.op.is_onnx("Shape")) && cx.tensor(x).is_none());
        let (axis, ..) = part(cx, id).ok_or(Decline::NotMine)?;
        let extent = match cx.ty(x).shape().and_then(|shape| shape.get(axis)) {
            Some(Dim::Known(extent)) => i64::try_from(*extent).map_err(|_| Decline::NotMine)?,
            _ => return Err(Decline::NotMine),
        };
        let mut parts: Vec<(i64, i64, NodeId)> = Vec::new();
        for used in uses {
            if let gtt_ir::Use::Operand { node, slot: 0 } = used
                && let Some((other, start, end)) = part(cx, *node)
                && other == axis
                && end > start
            {
                parts.push((start, end, *node));
            }
        }
        parts.sort_by_key(|(start, _, node)| (*start, *node));
        require!(parts.len() >= 2 && parts.iter().map(|(.., node)| *node).min() == Some(id));
        let meet = parts.windows(2).all(|pair| pair[0].1 == pair[1].0);
        require!(
            meet && parts[0].0 == 0 && parts[parts.len() - 1].1 == extent,
            "the slices are not the whole axis, each part once"
        );
        let mut rewrite = Rewrite::new();
        let split: Vec<i64> = parts.iter().map(|(start, end, _)| end - start).collect();
        let node = NewNode::new(Op::onnx("Split")).input(x).attr("axis", Attr::Int(axis as i64)).results(parts.len());
        let node = axes::give(&mut rewrite, node, "split", &split, cx.opset() >= 13);
        let node = rewrite.node(node.placed_like(id));
        for (index, (.., part)) in parts.iter().enumerate() {
            rewrite.replace(cx.node(*part).output(0).ok_or(Decline::NotMine)?, node.result(index));
        }
        Ok(rewrite)
    }
}

/// Axis, start and end of a slice of one axis without gaps.
fn part(cx: &RuleContext<'_>, id: NodeId) -> Option<(usize, i64, i64)> {
    let node = cx.node(id);
    let shape = cx.ty(node.input(0)?).shape()?;
    if node.op.is_onnx("Gather") {
        let view = gtt_ops::views::onnx::Gather::of(node, cx.opset())?;
        let axis = axes::normal(view.axis, shape.len())?;
        let indices = cx.tensor(view.indices).filter(|indices| indices.rank() == 1 && indices.len() <= 4096)?;
        let indices = indices.to_i64s()?;
        let run = indices.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        let (first, last) = (*indices.first()?, *indices.last()?);
        return (run && first >= 0).then_some((axis, first, last + 1));
    }
    let view = Slice::of(node, cx.opset())?;
    view.y?;
    let ranges = ranges(cx, &view, shape.len())?;
    let [(axis, range)] = ranges.as_slice() else { return None };
    let extent = i64::try_from(shape[*axis].known()?).ok()?;
    let (start, count) = resolve(*range, extent).filter(|_| range.step == 1)?;
    Some((*axis, start, start + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(range: Range, elements: &[i64]) -> Vec<i64> {
        let (start, count) = resolve(range, elements.len() as i64).unwrap();
        (0..count).map(|index| elements[(start + index * range.step) as usize]).collect()
    }

    #[test]
    fn two_slices_of_an_axis_are_one_whatever_is_out_of_range() {
        let bounds = [-9, -4, -2, -1, 0, 1, 3, 5, 9, END];
        for extent in 0..7 {
            let elements: Vec<i64> = (0..extent).collect();
            for (a, b, c, d) in itertools(&bounds) {
                for (first_step, step) in [(1, 1), (1, 2), (2, 1), (3, 2)] {
                    let first = Range { start: a, end: b, step: first_step };
                    let second = Range { start: c, end: d, step };
                    let expected = taken(second, &taken(first, &elements));
                    for known in [Some(extent), None] {
                        if let Some(both) = compose(first, second, known) {
                            assert_eq!(taken(both, &elements), expected, "{first:?} {second:?} {known:?} {extent}");
                        }
                    }
                }
            }
        }
    }

    fn itertools(bounds: &[i64]) -> Vec<(i64, i64, i64, i64)> {
        let mut all = Vec::new();
        for &a in bounds {
            for &b in bounds {
                for &c in bounds {
                    all.extend(bounds.iter().map(|&d| (a, b, c, d)));
                }
            }
        }
        all
    }
}

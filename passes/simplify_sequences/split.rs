//! Parts that are split off and read one by one.

use gtt_ir::{Attr, Dim, NodeId, Op, Tensor, Use, ValueId};
use gtt_ops::views::onnx::SplitToSequence;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::element::{only, within};
use crate::support::axes::normal;
use crate::support::constants;

/// More parts than this are not written out as extents.
const MAX_PARTS: usize = 1024;

/// All parts are read, each at a known position: one `Split`.
pub(super) struct AllParts;

impl Rule for AllParts {
    fn name(&self) -> &'static str {
        "all_parts"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["SplitToSequence"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let split = SplitToSequence::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let y = split.y.ok_or(Decline::NotMine)?;
        // Parts without the axis are gathered one by one.
        require!(split.keepdims && !cx.value(y).is_unused());
        let extents = extents(cx, &split).ok_or(Decline::NotMine)?;
        let mut readers: Vec<(usize, ValueId)> = Vec::new();
        let mut is_read = vec![false; extents.len()];
        for used in cx.value(y).uses() {
            let Use::Operand { node: reader, slot: 0 } = used else { return Err(Decline::NotMine) };
            let reader = cx.node(*reader);
            if reader.op.is_onnx("SequenceLength") {
                continue;
            }
            require!(reader.op.is_onnx("SequenceAt"));
            let position = reader.input(1).and_then(|value| only(cx, value)).ok_or(Decline::NotMine)?;
            let position = within(position, extents.len()).ok_or(Decline::NotMine)?;
            is_read[position] = true;
            readers.extend(reader.output(0).map(|part| (position, part)));
        }
        require!(is_read.iter().all(|&read| read) && extents.len() > 1);
        let mut rewrite = Rewrite::new();
        let node = NewNode::new(Op::onnx("Split")).input(split.x).attr("axis", Attr::Int(split.axis));
        let node = if cx.opset() >= 13 {
            let extents = constants::vector(&mut rewrite, &extents);
            node.input(extents)
        } else {
            node.attr("split", Attr::Ints(extents.clone()))
        };
        let parts = rewrite.node(node.results(extents.len()));
        for (position, part) in readers {
            rewrite.replace(part, parts.result(position));
        }
        Ok(rewrite)
    }
}

/// One part is read: a `Gather` or a `Slice`.
pub(super) struct OnePart;

impl Rule for OnePart {
    fn name(&self) -> &'static str {
        "one_part"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["SequenceAt"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("SequenceAt") && node.inputs.len() == 2);
        let (Some(position), Some(y)) = (node.input(1), node.output(0)) else { return Err(Decline::NotMine) };
        let (_, source) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        let split = SplitToSequence::of(source, cx.opset()).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let known = only(cx, position);
        if !split.keepdims {
            let scalar = cx.ty(position).rank() == Some(0);
            require!(scalar || known.is_some(), "the position may have a shape");
            let index = match known {
                Some(position) if !scalar => rewrite.constant(Tensor::scalar(position)),
                _ => position.into(),
            };
            let part = NewNode::new(Op::onnx("Gather")).input(split.x).input(index);
            let part = rewrite.node(part.attr("axis", Attr::Int(split.axis)));
            rewrite.replace(y, part);
            return Ok(rewrite);
        }
        let position = known.ok_or(Decline::because("the position of a part is not known"))?;
        let (start, end) = bounds(cx, &split, position)?;
        let [start, end, axis] = [start, end, split.axis].map(|bound| constants::vector(&mut rewrite, &[bound]));
        let part = NewNode::new(Op::onnx("Slice")).input(split.x).input(start).input(end).input(axis);
        let part = rewrite.node(part);
        rewrite.replace(y, part);
        Ok(rewrite)
    }
}

/// Where a part begins and ends along the axis.
fn bounds(cx: &RuleContext<'_>, split: &SplitToSequence, position: i64) -> Result<(i64, i64), Decline> {
    let outside = || Decline::because("the position is outside of the sequence");
    if let Some(extents) = extents(cx, split) {
        let at = within(position, extents.len()).ok_or_else(outside)?;
        let start: i64 = extents[..at].iter().sum();
        return Ok((start, start + extents[at]));
    }
    let unknown = || Decline::because("the extents of the parts are not known");
    let extent = match split.split {
        None => 1,
        Some(split) if cx.ty(split).rank() == Some(0) => {
            only(cx, split).filter(|&extent| extent > 0).ok_or_else(unknown)?
        }
        Some(_) => return Err(unknown()),
    };
    // Counted from the end, parts are only where they seem if the last one is whole.
    require!(position >= 0 || extent == 1, "the extents of the parts are not known");
    let start = position.checked_mul(extent).ok_or_else(outside)?;
    let end = start.checked_add(extent).ok_or_else(outside)?;
    Ok((start, if end == 0 { i64::MAX } else { end }))
}

fn extent_of_axis(cx: &RuleContext<'_>, split: &SplitToSequence) -> Option<i64> {
    let shape = cx.ty(split.x).shape()?;
    let extent = shape.get(normal(split.axis, shape.len())?).and_then(Dim::known)?;
    i64::try_from(extent).ok()
}

/// How many parts there are.
pub(super) fn part_count(cx: &RuleContext<'_>, split: &SplitToSequence) -> Option<usize> {
    let count = match split.split {
        None => extent_of_axis(cx, split)?,
        Some(value) if cx.ty(value).rank() == Some(0) => {
            let part = only(cx, value).filter(|&part| part > 0)?;
            let extent = extent_of_axis(cx, split)?;
            extent / part + i64::from(extent % part > 0)
        }
        Some(value) if cx.ty(value).rank() == Some(1) => return Some(constants::ints(cx, value)?.len()),
        Some(_) => return None,
    };
    usize::try_from(count).ok()
}

/// The extents of all parts along the axis.
fn extents(cx: &RuleContext<'_>, split: &SplitToSequence) -> Option<Vec<i64>> {
    let count = part_count(cx, split).filter(|&count| count <= MAX_PARTS)?;
    let Some(value) = split.split else { return Some(vec![1; count]) };
    if cx.ty(value).rank() == Some(1) {
        return constants::ints(cx, value).filter(|extents| extents.iter().all(|&extent| extent >= 0));
    }
    let (part, all) = (only(cx, value)?, extent_of_axis(cx, split)?);
    let mut extents = vec![part; count];
    if let Some(last) = extents.last_mut() {
        *last = all - part * (count as i64 - 1);
    }
    Some(extents)
}

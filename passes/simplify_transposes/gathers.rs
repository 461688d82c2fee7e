//! A single slice of what was transposed.

use gtt_ir::{Attr, NodeId};
use gtt_ops::views::onnx::{Gather, Transpose};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::axes;

/// `Gather(Transpose(x), i)`, a scalar `i`: without the gathered axis the others are in order, so `x` can be gathered from.
pub(super) struct SliceOfTransposed;

impl Rule for SliceOfTransposed {
    fn name(&self) -> &'static str {
        "slice_of_transposed"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gather"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(id).op.is_onnx("Gather"));
        let gather = Gather::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let (_, node) = cx.def(gather.data).ok_or(Decline::NotMine)?;
        let transpose = Transpose::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let rank = cx.ty(transpose.x).rank().ok_or(Decline::NotMine)?;
        let order: Vec<usize> = match &transpose.perm {
            Some(perm) => axes::all_normal(perm, rank).ok_or(Decline::NotMine)?,
            None => (0..rank).rev().collect(),
        };
        require!(order.len() == rank);
        let axis = axes::normal(gather.axis, rank).ok_or(Decline::NotMine)?;
        require!(cx.ty(gather.indices).rank() == Some(0));
        let rest = order.iter().enumerate().filter(|(place, _)| *place != axis);
        require!(rest.map(|(_, from)| from).is_sorted());
        let mut rewrite = Rewrite::new();
        rewrite.set_input(id, 0, transpose.x);
        rewrite.set_attr(id, "axis", Attr::Int(order[axis] as i64));
        Ok(rewrite)
    }
}

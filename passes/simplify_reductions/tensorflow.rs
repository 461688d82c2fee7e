//! Reductions of TensorFlow graphs, and the views behind them.

use gtt_ir::{Attr, Dim, NodeId};
use gtt_ops::views::tf::Reduce;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::movement::is_view;
use crate::support::{axes, constants};

/// A view that puts the reduced axes back with extent 1, or takes them away: the reduction does that itself.
pub(super) struct ReducedAxes;

impl Rule for ReducedAxes {
    fn name(&self) -> &'static str {
        "reduced_axes"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ExpandDims", "Reshape", "Squeeze"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.domain == gtt_ir::Domain::TF && is_view(node) && node.op.name != "Transpose");
        let (reduce_id, found) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        let reduce = Reduce::of(found).ok_or(Decline::NotMine)?;
        let (between, y) = (reduce.output.ok_or(Decline::NotMine)?, node.output(0).ok_or(Decline::NotMine)?);
        let shape = cx.ty(reduce.input).shape().ok_or(Decline::NotMine)?;
        let given = constants::ints(cx, reduce.axes).ok_or(Decline::NotMine)?;
        let gone = axes::all_normal(&given, shape.len()).ok_or(Decline::NotMine)?;
        let kept =
            shape.iter().enumerate().map(|(axis, dim)| if gone.contains(&axis) { Dim::Known(1) } else { dim.clone() });
        let wanted: Vec<Dim> = match reduce.keep_dims {
            false => kept.collect(),
            true => {
                shape.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, dim)| dim.clone()).collect()
            }
        };
        let to = cx.ty(y).shape().ok_or(Decline::NotMine)?;
        require!(to.len() == wanted.len() && to.iter().zip(&wanted).all(|(a, b)| a.same(b)));
        require!(cx.only_reader(between).is_some(), "the reduced tensor is used elsewhere");
        let mut rewrite = Rewrite::new();
        let new = NewNode::like(reduce_id, found).attr("keep_dims", Attr::Bool(!reduce.keep_dims));
        let new = rewrite.node(new);
        rewrite.replace(y, new);
        Ok(rewrite)
    }
}

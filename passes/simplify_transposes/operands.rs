//! Operands that are all transposed in the same way.

use gtt_ir::{Attr, Dim, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{Concat, Transpose};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use super::ops::{ALIKE, broadcasts};
use crate::support::axes;

/// `Add(Transpose(x), Transpose(y))`, `Concat` of Transposes: one Transpose behind.
pub(super) struct TransposedOperands;

impl Rule for TransposedOperands {
    fn name(&self) -> &'static str {
        "transposed_operands"
    }

    fn ops(&self) -> &'static [&'static str] {
        ALIKE
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let concat = Concat::of(node, cx.opset());
        require!(concat.is_some() || broadcasts(node, cx.opset()));
        require!(node.inputs.len() >= 2 && node.outputs.len() == 1);
        let mut perm: Option<Vec<usize>> = None;
        let mut count = 0;
        let mut operands: Vec<Operand> = Vec::with_capacity(node.inputs.len());
        for value in &node.inputs {
            let value = value.ok_or(Decline::NotMine)?;
            match transpose_of(cx, value) {
                Some((x, own)) => {
                    require!(cx.only_reader(value).is_some());
                    let differs = perm.as_ref().is_some_and(|perm| *perm != own);
                    require!(!differs, "the operands are transposed in different ways");
                    perm = Some(own);
                    count += 1;
                    operands.push(x.into());
                }
                None => {
                    require!(concat.is_none() && is_scalar(cx, value));
                    operands.push(value.into());
                }
            }
        }
        let perm = perm.ok_or(Decline::NotMine)?;
        require!(count >= 2);
        let fits = |value: &ValueId| cx.ty(*value).rank().is_some_and(|rank| rank <= perm.len());
        require!(node.operands().all(|value| fits(&value)));
        let mut rewrite = Rewrite::new();
        let mut new = NewNode::like(id, node).inputs(operands);
        if let Some(concat) = concat {
            let axis = axes::normal(concat.axis, perm.len()).ok_or(Decline::NotMine)?;
            new = new.attr("axis", Attr::Int(perm[axis] as i64));
        }
        let inner = rewrite.node(new);
        let perm = perm.into_iter().map(|axis| axis as i64).collect();
        let outer = rewrite.node(NewNode::new(Op::onnx("Transpose")).input(inner).attr("perm", Attr::Ints(perm)));
        rewrite.replace(node.output(0).ok_or(Decline::NotMine)?, outer);
        Ok(rewrite)
    }
}

fn transpose_of(cx: &RuleContext<'_>, value: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let (_, node) = cx.def(value)?;
    let view = Transpose::of(node, cx.opset())?;
    let rank = view.perm.as_ref().map(Vec::len).or_else(|| cx.ty(view.x).rank())?;
    Some((view.x, view.permutation(rank)?))
}

/// One element, whatever the rank.
fn is_scalar(cx: &RuleContext<'_>, value: ValueId) -> bool {
    cx.ty(value).shape().is_some_and(|shape| shape.iter().all(|dim| *dim == Dim::Known(1)))
}

//! Small integer tensors whose elements are known before running.

use gtt_ir::{DType, NodeId};
use gtt_ops::infer::SymInt;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::elements;

/// All elements are numbers: a constant.
pub(super) struct KnownElements;

impl Rule for KnownElements {
    fn name(&self) -> &'static str {
        "known_elements"
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let (&[Some(result)], false) = (node.outputs.as_slice(), node.inputs.is_empty()) else {
            return Err(Decline::NotMine);
        };
        let tensor = cx.types().constant_value(cx.graph_id(), result).ok_or(Decline::NotMine)?;
        require!(matches!(tensor.dtype(), DType::I32 | DType::I64 | DType::Bool));
        require!(gtt_ops::info(&node.op).is_foldable() && node.attrs.graphs().next().is_none());
        let mut rewrite = Rewrite::new();
        let constant = rewrite.constant(tensor);
        rewrite.replace(result, constant);
        Ok(rewrite)
    }
}

/// An operand has the same elements in the same arrangement: `Abs` of extents, `Max` with 0, the branch that a `Where` takes.
pub(super) struct SameElements;

impl Rule for SameElements {
    fn name(&self) -> &'static str {
        "same_elements"
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let &[Some(result)] = node.outputs.as_slice() else { return Err(Decline::NotMine) };
        let ty = cx.ty(result);
        require!(matches!(ty.dtype(), Some(DType::I32 | DType::I64)) && ty.rank().is_some_and(|rank| rank <= 1));
        require!(gtt_ops::info(&node.op).is_foldable() && node.attrs.graphs().next().is_none());
        let wanted = elements(cx, result).ok_or(Decline::NotMine)?;
        require!(wanted.iter().any(|element| matches!(element, SymInt::Symbol(_))));
        let same = node.operands().find(|&operand| {
            cx.ty(operand).same_tensor(ty) && elements(cx, operand).is_some_and(|elements| elements == wanted)
        });
        Ok(Rewrite::replacing(result, same.ok_or(Decline::NotMine)?))
    }
}

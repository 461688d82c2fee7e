//! Broadcasts before ops that broadcast by themselves.

use gtt_ir::{Dim, NodeId, ValueId};
use gtt_ops::views::onnx::Expand;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

/// `Add(Expand(x, shape), y)` whose result has that shape anyway.
pub(super) struct ExpandedOperand;

impl Rule for ExpandedOperand {
    fn name(&self) -> &'static str {
        "expanded_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &[
            "Add",
            "And",
            "Div",
            "Equal",
            "Greater",
            "GreaterOrEqual",
            "Less",
            "LessOrEqual",
            "Mod",
            "Mul",
            "Or",
            "Pow",
            "Sub",
            "Where",
            "Xor",
        ]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.domain.as_str().is_empty() && self.ops().contains(&node.op.name.as_str()) && cx.opset() >= 8);
        let mut refusal = Decline::NotMine;
        for (slot, value) in node.inputs.iter().enumerate() {
            let Some((value, (_, expand))) = value.and_then(|value| Some((value, cx.def(value)?))) else { continue };
            let Some(expand) = Expand::of(expand, cx.opset()) else { continue };
            if cx.only_reader(value).is_none() {
                continue;
            }
            let others: Vec<ValueId> =
                (0..node.inputs.len()).filter(|&other| other != slot).filter_map(|other| node.input(other)).collect();
            if others.contains(&value) {
                continue;
            }
            if covers(cx, value, expand.x, &others) {
                let mut rewrite = Rewrite::new();
                rewrite.set_input(id, slot, expand.x);
                return Ok(rewrite);
            }
            refusal = Decline::because("the result may be smaller without the expansion");
        }
        Err(refusal)
    }
}

/// Every axis of the expanded tensor has its extent from what is expanded or from another operand.
fn covers(cx: &RuleContext<'_>, expanded: ValueId, x: ValueId, others: &[ValueId]) -> bool {
    let Some(target) = cx.ty(expanded).shape() else { return false };
    let from_end = |value: ValueId, back: usize| -> Option<&Dim> {
        let shape = cx.ty(value).shape()?;
        shape.get(shape.len().checked_sub(back)?)
    };
    (1..=target.len()).all(|back| {
        let dim = &target[target.len() - back];
        let has = |value: ValueId| match from_end(value, back) {
            Some(own) => own.same(dim),
            None => false,
        };
        let long_enough = others.iter().chain([&x]).any(|&value| from_end(value, back).is_some());
        has(x) || others.iter().any(|&other| has(other)) || (*dim == Dim::Known(1) && long_enough)
    })
}

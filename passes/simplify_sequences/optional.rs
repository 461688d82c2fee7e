//! Optionals of which it is known whether they hold something.

use gtt_ir::{NodeId, Tensor, Type, ValueId};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

pub(super) struct HasElement;

impl Rule for HasElement {
    fn name(&self) -> &'static str {
        "optional_has_element"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["OptionalHasElement"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("OptionalHasElement") && node.inputs.len() <= 1);
        let y = node.output(0).ok_or(Decline::NotMine)?;
        let has = match node.input(0) {
            None => false,
            Some(optional) => match held(cx, optional) {
                Some(held) => held.is_some(),
                None => return Err(Decline::NotMine),
            },
        };
        let has = Tensor::from_bools(&[], &[has]).map_err(|_| Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let has = rewrite.constant(has);
        rewrite.replace(y, has);
        Ok(rewrite)
    }
}

pub(super) struct GetElement;

impl Rule for GetElement {
    fn name(&self) -> &'static str {
        "optional_get_element"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["OptionalGetElement"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("OptionalGetElement") && node.inputs.len() == 1);
        let (Some(optional), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let element = held(cx, optional).ok_or(Decline::NotMine)?;
        let element = element.ok_or(Decline::because("the optional holds nothing"))?;
        Ok(Rewrite::replacing(y, element))
    }
}

/// What an optional holds: `Some(None)` is nothing, `None` is not known. From operator set 18 on a tensor or sequence is an optional
/// that holds itself.
#[expect(clippy::option_option, reason = "unknown, nothing and something are three things")]
fn held(cx: &RuleContext<'_>, optional: ValueId) -> Option<Option<ValueId>> {
    if let Some((_, node)) = cx.def(optional)
        && node.op.is_onnx("Optional")
    {
        return Some(node.input(0));
    }
    match cx.ty(optional) {
        Type::Tensor { .. } | Type::Sequence(_) if cx.opset() >= 18 => Some(Some(optional)),
        _ => None,
    }
}

//! A bias in front of a GELU.

use gtt_ir::{Attr, DType, Dim, NodeId};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::contrib;

/// `Gelu(x + bias)`, the bias a vector along the last axis.
pub(super) struct BiasedGelu;

impl Rule for BiasedGelu {
    fn name(&self) -> &'static str {
        "biased_gelu"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gelu", "FastGelu"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let by_tanh = node.attr("approximate").map(Attr::as_str);
        let op = match by_tanh {
            None if node.op.is_onnx("Gelu") || contrib::is(node, "Gelu") => "BiasGelu",
            Some(Some("none")) if node.op.is_onnx("Gelu") => "BiasGelu",
            Some(Some("tanh")) if node.op.is_onnx("Gelu") => "FastGelu",
            None if contrib::is(node, "FastGelu") && node.input(1).is_none() => "FastGelu",
            _ => return Err(Decline::NotMine),
        };
        let (Some(sum), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let (_, add) = cx.def(sum).filter(|(_, add)| add.op.is_onnx("Add")).ok_or(Decline::NotMine)?;
        let (Some(a), Some(b)) = (add.input(0), add.input(1)) else { return Err(Decline::NotMine) };
        let is_bias = |bias, x| {
            let (bias, x) = (cx.ty(bias).shape(), cx.ty(x).shape());
            let along = |bias: &Dim| x.and_then(|x| x.last()).is_some_and(|last| last.same(bias));
            bias.is_some_and(|bias| bias.len() == 1 && bias.iter().all(along)) && x.is_some_and(|x| x.len() > 1)
        };
        let (x, bias) = match (is_bias(b, a), is_bias(a, b)) {
            (true, _) => (a, b),
            (_, true) => (b, a),
            _ => return Err(Decline::NotMine),
        };
        require!(cx.opset() >= 7);
        require!(cx.ty(x).dtype() == Some(DType::F32), "ONNX Runtime's own op is for float32");
        require!(cx.only_reader(sum).is_some(), "the sum is used elsewhere");
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(NewNode::new(contrib::op(op)).input(x).input(bias));
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

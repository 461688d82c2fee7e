//! Concatenations of what was joined, split or gathered just before.

use gtt_ir::{NodeId, Tensor, ValueId};
use gtt_ops::views::onnx::{Concat, Gather, Split};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use crate::support::axes;

/// `Concat(Concat(a, b), c)` along one axis.
pub(super) struct ConcatOfConcat;

impl Rule for ConcatOfConcat {
    fn name(&self) -> &'static str {
        "concat_of_concat"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let outer = Concat::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let mut operands: Vec<ValueId> = Vec::with_capacity(outer.inputs.len());
        let (mut merged, mut refusal) = (false, Decline::NotMine);
        for &value in &outer.inputs {
            let inner = cx.def(value).and_then(|(_, node)| Concat::of(node, cx.opset()));
            match inner {
                Some(_) if cx.only_reader(value).is_none() => {
                    refusal = Decline::because("the inner concatenation is used elsewhere");
                    operands.push(value);
                }
                Some(inner) if same_axis(cx, value, inner.axis, outer.axis) => {
                    merged = true;
                    operands.extend(inner.inputs);
                }
                Some(_) => {
                    refusal = Decline::because("the concatenations are along different axes");
                    operands.push(value);
                }
                None => operands.push(value),
            }
        }
        if !merged {
            return Err(refusal);
        }
        let mut rewrite = Rewrite::new();
        rewrite.set_inputs(id, operands.into_iter().map(Operand::from));
        Ok(rewrite)
    }
}

fn same_axis(cx: &RuleContext<'_>, value: ValueId, a: i64, b: i64) -> bool {
    let normal = |axis| axes::normal(axis, cx.ty(value).rank()?);
    a == b || normal(a).is_some_and(|a| Some(a) == normal(b))
}

/// `Concat` of all parts of a `Split`, in order.
pub(super) struct ConcatOfSplit;

impl Rule for ConcatOfSplit {
    fn name(&self) -> &'static str {
        "concat_of_split"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let concat = Concat::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let (_, split) = cx.def(concat.inputs[0]).ok_or(Decline::NotMine)?;
        let split = Split::of(split, cx.opset()).ok_or(Decline::NotMine)?;
        require!(same_axis(cx, split.x, split.axis, concat.axis));
        let parts: Vec<Option<ValueId>> = concat.inputs.iter().copied().map(Some).collect();
        require!(split.parts == parts, "the parts are not joined in their order, each once");
        Ok(Rewrite::replacing(concat.y.ok_or(Decline::NotMine)?, split.x))
    }
}

/// `Concat(Gather(x, i), Gather(x, j))` along the axis that is gathered from.
pub(super) struct ConcatOfGathers;

impl Rule for ConcatOfGathers {
    fn name(&self) -> &'static str {
        "concat_of_gathers"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let concat = Concat::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        require!(concat.inputs.len() >= 2);
        let mut indices: Vec<i64> = Vec::new();
        let mut first: Option<(NodeId, Gather)> = None;
        for &value in &concat.inputs {
            let (gather_id, node) = cx.def(value).ok_or(Decline::NotMine)?;
            let gather = Gather::of(node, cx.opset()).ok_or(Decline::NotMine)?;
            require!(same_axis(cx, value, gather.axis, concat.axis));
            let tensor = cx.tensor(gather.indices).ok_or(Decline::NotMine)?;
            require!(tensor.rank() == 1 && tensor.len() <= 4096);
            indices.extend(tensor.to_i64s().ok_or(Decline::NotMine)?);
            match &first {
                None => first = Some((gather_id, gather)),
                Some((_, other)) => require!(other.data == gather.data && other.axis == gather.axis),
            }
            require!(cx.only_reader(value).is_some(), "a part is used elsewhere");
        }
        let (gather_id, gather) = first.ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let indices = rewrite.constant(Tensor::vector(&indices));
        let node = NewNode::like(gather_id, cx.node(gather_id)).input_at(0, gather.data).input_at(1, indices);
        let all = rewrite.node(node);
        rewrite.replace(concat.y.ok_or(Decline::NotMine)?, all);
        Ok(rewrite)
    }
}

//! Nodes that give back what they read.

use gtt_ir::{Dim, NodeId, Type, ValueId};
use gtt_ops::views::onnx::{Axes, Concat, Slice, Split};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use crate::support::{axes, constants};

/// `Slice` of everything, `Concat` and `Split` of one, `Tile` once, pooling of single elements.
pub(super) struct Noop;

impl Rule for Noop {
    fn name(&self) -> &'static str {
        "no_op"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["AveragePool", "Concat", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "Slice", "Split", "Tile"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.domain.as_str().is_empty() && self.ops().contains(&node.op.name.as_str()));
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        require!(node.results().count() == 1);
        match node.op.name.as_str() {
            "Slice" => whole_slice(cx, id)?,
            "Concat" => require!(Concat::of(node, cx.opset()).is_some_and(|concat| concat.inputs.len() == 1)),
            "Split" => whole_part(cx, id)?,
            "Tile" => {
                require!(cx.opset() >= 6 && node.inputs.len() == 2 && node.attrs.is_empty());
                let repeats = node.input(1).and_then(|repeats| constants::ints(cx, repeats));
                require!(repeats.is_some_and(|repeats| repeats.iter().all(|&repeat| repeat == 1)));
            }
            _ => require!(pools_single_elements(cx, id)),
        }
        Ok(Rewrite::replacing(y, x))
    }
}

/// The same extents with steps of 1 are all elements.
fn whole_slice(cx: &RuleContext<'_>, id: NodeId) -> Result<(), Decline> {
    let view = Slice::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
    let steps = axes::given(cx, &view.steps).ok_or(Decline::NotMine)?;
    require!(steps.is_none_or(|steps| steps.iter().all(|&step| step == 1)));
    let same = view.y.is_some_and(|y| same_shape(cx, view.x, y));
    if !same {
        // An end that no extent reaches is the end, whatever the extent is.
        let end = i64::from(i32::MAX);
        let all = |bounds: &Axes, suits: fn(i64, i64) -> bool| {
            let bounds = axes::given(cx, bounds).flatten();
            bounds.is_some_and(|bounds| bounds.iter().all(|&bound| suits(bound, end)))
        };
        require!(all(&view.starts, |start, _| start == 0) && all(&view.ends, |stop, end| stop >= end));
    }
    Ok(())
}

/// A single part is the whole, if its extent is.
fn whole_part(cx: &RuleContext<'_>, id: NodeId) -> Result<(), Decline> {
    let view = Split::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
    require!(view.parts.len() == 1);
    let y = view.parts[0].ok_or(Decline::NotMine)?;
    require!(view.split == Axes::Default || same_shape(cx, view.x, y), "the only part may not be the whole");
    Ok(())
}

fn same_shape(cx: &RuleContext<'_>, x: ValueId, y: ValueId) -> bool {
    let (Some(x), Some(y)) = (cx.ty(x).shape(), cx.ty(y).shape()) else { return false };
    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.same(y))
}

/// A window of one element that moves by one, over an input without padding.
fn pools_single_elements(cx: &RuleContext<'_>, id: NodeId) -> bool {
    let node = cx.node(id);
    if node.inputs.len() != 1 {
        return false;
    }
    let spatial = |ty: &Type| ty.shape().is_some_and(|shape| shape.len() > 2 && shape[2..].iter().all(is_one));
    if node.op.name.starts_with("Global") {
        return node.attrs.is_empty() && node.input(0).is_some_and(|x| spatial(cx.ty(x)));
    }
    let all =
        |value: &gtt_ir::Attr, wanted: i64| value.as_ints().is_some_and(|ints| ints.iter().all(|&int| int == wanted));
    node.attr("kernel_shape").is_some()
        && node.attrs.iter().all(|entry| match entry.name.as_str() {
            "kernel_shape" | "strides" => all(&entry.value, 1),
            "pads" => all(&entry.value, 0),
            "dilations" | "auto_pad" | "ceil_mode" | "count_include_pad" | "storage_order" => true,
            _ => false,
        })
}

fn is_one(dim: &Dim) -> bool {
    *dim == Dim::Known(1)
}

/// `Concat` with operands that have no elements.
pub(super) struct EmptyOperand;

impl Rule for EmptyOperand {
    fn name(&self) -> &'static str {
        "empty_operand"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let view = Concat::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let is_empty = |value: &ValueId| {
            let Some(shape) = cx.ty(*value).shape() else { return false };
            axes::normal(view.axis, shape.len()).is_some_and(|axis| shape[axis] == Dim::Known(0))
        };
        let left: Vec<ValueId> = view.inputs.iter().copied().filter(|value| !is_empty(value)).collect();
        require!(left.len() < view.inputs.len());
        require!(!left.is_empty(), "no operand has elements");
        let mut rewrite = Rewrite::new();
        let node = NewNode::like(id, cx.node(id)).inputs(left.into_iter().map(Operand::from));
        let joined = rewrite.node(node);
        rewrite.replace(view.y.ok_or(Decline::NotMine)?, joined);
        Ok(rewrite)
    }
}

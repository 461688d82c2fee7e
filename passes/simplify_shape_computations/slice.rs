//! Slices up to an extent that is computed.

use gtt_ir::{DType, NodeId, Tensor, ValueId};
use gtt_ops::infer::SymInt;
use gtt_ops::views::onnx::{Axes, Slice};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::same_shape;
use crate::support::axes;

/// A slice as large as what it is of, forwards.
pub(super) struct SliceOfAll;

impl Rule for SliceOfAll {
    fn name(&self) -> &'static str {
        "slice_of_all"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Slice"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (slice, y) = slice(cx, id)?;
        require!(same_shape(cx.ty(slice.x), cx.ty(y)));
        require!(is_forward(cx, &slice), "a step is negative or unknown");
        Ok(Rewrite::replacing(y, slice.x))
    }
}

/// A slice that ends where its axis does.
pub(super) struct SliceToTheEnd;

impl Rule for SliceToTheEnd {
    fn name(&self) -> &'static str {
        "slice_to_the_end"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Slice"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (slice, _) = slice(cx, id)?;
        let Axes::Value(ends) = slice.ends else { return Err(Decline::NotMine) };
        require!(cx.tensor(ends).is_none());
        let elements = cx.types().symbolic_ints(cx.graph_id(), ends).ok_or(Decline::NotMine)?;
        let shape = cx.ty(slice.x).shape().ok_or(Decline::NotMine)?;
        let given = axes::given(cx, &slice.axes).ok_or(Decline::NotMine)?;
        let given = given.unwrap_or_else(|| (0..elements.len() as i64).collect());
        require!(given.len() == elements.len());
        let (Some(dtype @ (DType::I32 | DType::I64)), true) = (cx.ty(ends).dtype(), is_forward(cx, &slice)) else {
            return Err(Decline::NotMine);
        };
        let mut fixed = Vec::with_capacity(elements.len());
        for (element, axis) in elements.iter().zip(given) {
            let axis = axes::normal(axis, shape.len()).ok_or(Decline::NotMine)?;
            fixed.push(match element {
                SymInt::Known(end) => *end,
                SymInt::Symbol(name) if matches!(&shape[axis], gtt_ir::Dim::Symbol(extent) if extent == name) => {
                    if dtype == DType::I32 {
                        i64::from(i32::MAX)
                    } else {
                        i64::MAX
                    }
                }
                _ => return Err(Decline::because("an end is neither fixed nor that of the axis")),
            });
        }
        let fixed = if dtype == DType::I32 {
            let narrow = fixed.into_iter().map(|end| i32::try_from(end).ok()).collect::<Option<Vec<_>>>();
            Tensor::vector(&narrow.ok_or(Decline::NotMine)?)
        } else {
            Tensor::vector(&fixed)
        };
        let mut rewrite = Rewrite::new();
        let fixed = rewrite.constant(fixed);
        rewrite.set_input(id, 2, fixed);
        Ok(rewrite)
    }
}

fn slice(cx: &RuleContext<'_>, id: NodeId) -> Result<(Slice, ValueId), Decline> {
    let node = cx.node(id);
    require!(node.op.is_onnx("Slice"));
    let slice = Slice::of(node, cx.opset()).ok_or(Decline::NotMine)?;
    let y = slice.y.ok_or(Decline::NotMine)?;
    Ok((slice, y))
}

fn is_forward(cx: &RuleContext<'_>, slice: &Slice) -> bool {
    match axes::given(cx, &slice.steps) {
        None => false,
        Some(steps) => steps.is_none_or(|steps| steps.iter().all(|&step| step > 0)),
    }
}

//! `Pad` in front of something that pads by itself.

use gtt_ir::ValueId;
use gtt_ops::views::onnx::{AutoPad, Pad, PadAmounts};
use gtt_rewrite::{Decline, RuleContext, require};

use super::{axes, constants};

const NOT_UNDERSTOOD: Decline = Decline::Because(std::borrow::Cow::Borrowed("the padding is not understood"));

/// A `Pad` that fills the borders of the spatial axes (from axis 2 on) with one constant.
#[derive(Clone, Debug)]
pub(crate) struct SpatialPad {
    /// What is padded.
    pub(crate) data: ValueId,
    /// What it is filled with.
    pub(crate) value: f64,
    /// Rows at the beginning and end of each spatial axis, none negative.
    amounts: Vec<(i64, i64)>,
}

impl SpatialPad {
    /// The `Pad` that computes `padded`, for a reader whose input has this many spatial axes. `NotMine` when it is something
    /// else.
    pub(crate) fn behind(cx: &RuleContext<'_>, padded: ValueId, spatial: usize) -> Result<Self, Decline> {
        let (_, node) = cx.def(padded).ok_or(Decline::NotMine)?;
        require!(node.op.is_onnx("Pad"));
        let pad = Pad::of(node, cx.opset()).ok_or(NOT_UNDERSTOOD)?;
        require!(cx.only_reader(padded).is_some(), "the padded tensor is used elsewhere");
        require!(pad.mode == "constant", "the padding is not constant");
        let value = match pad.constant_value {
            None => f64::from(pad.value),
            Some(value) => {
                constants::uniform(cx, value).ok_or(Decline::because("the padding value is not constant"))?
            }
        };
        let amounts = all_amounts(cx, &pad, spatial + 2)?;
        require!(amounts.iter().all(|&(begin, end)| begin >= 0 && end >= 0), "the padding crops");
        require!(amounts[..2] == [(0, 0), (0, 0)], "batch or channels are padded");
        Ok(Self { data: pad.data, value, amounts: amounts[2..].to_vec() })
    }

    /// The reader's own pads, begins and then ends, with these added.
    pub(crate) fn added_to(&self, auto_pad: AutoPad, pads: Option<&[i64]>) -> Result<Vec<i64>, Decline> {
        require!(matches!(auto_pad, AutoPad::NotSet | AutoPad::Valid), "the reader pads automatically");
        let spatial = self.amounts.len();
        let mut sum = match (auto_pad, pads) {
            (AutoPad::NotSet, Some(pads)) => pads.to_vec(),
            _ => vec![0; 2 * spatial],
        };
        require!(sum.len() == 2 * spatial, "the padding is not understood");
        for (axis, &(begin, end)) in self.amounts.iter().enumerate() {
            for (at, amount) in [(axis, begin), (axis + spatial, end)] {
                sum[at] = sum[at].checked_add(amount).ok_or(NOT_UNDERSTOOD)?;
            }
        }
        Ok(sum)
    }
}

/// Begin and end of every axis.
fn all_amounts(cx: &RuleContext<'_>, pad: &Pad, rank: usize) -> Result<Vec<(i64, i64)>, Decline> {
    let ints = |value| constants::ints(cx, value).ok_or(Decline::because("the amounts of padding are not constant"));
    let amounts = match &pad.pads {
        PadAmounts::Fixed(amounts) => amounts.clone(),
        PadAmounts::Operand(value) => ints(*value)?,
    };
    let axes = match pad.axes {
        Some(value) => axes::all_normal(&ints(value)?, rank).ok_or(NOT_UNDERSTOOD)?,
        None => (0..rank).collect(),
    };
    require!(amounts.len() == 2 * axes.len(), "the padding is not understood");
    let mut all = vec![(0, 0); rank];
    for (position, &axis) in axes.iter().enumerate() {
        all[axis] = (amounts[position], amounts[position + axes.len()]);
    }
    Ok(all)
}

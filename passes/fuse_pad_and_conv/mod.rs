#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId};
use gtt_ops::views::onnx::{AutoPad, Conv, Pad, PadAmounts};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_pad_into_conv"],
    dialects: &[Dialect::Onnx],
    ..PassInfo::new(
        "fuse_pad_and_conv",
        "move zero padding into the convolution that reads it",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FusePadAndConv))
}

struct FusePadAndConv;

impl Pass for FusePadAndConv {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&PadConv])
    }
}

/// `Conv(Pad(x), w)` with zeros at the spatial axes only.
struct PadConv;

impl Rule for PadConv {
    fn name(&self) -> &'static str {
        "pad_conv"
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let conv = Conv::of(cx.node(node), cx.opset()).ok_or(Decline::NotMine)?;
        let (_, pad) = cx.def(conv.x).ok_or(Decline::NotMine)?;
        require!(pad.op.is_onnx("Pad"));
        let pad = Pad::of(pad, cx.opset()).ok_or(Decline::because("the padding is not understood"))?;
        require!(cx.only_reader(conv.x).is_some(), "the padded tensor is used elsewhere");
        require!(pad.mode == "constant", "the padding is not constant");
        let zero = match pad.constant_value {
            None => pad.value == 0.0,
            Some(value) => {
                let value = cx.tensor(value).and_then(|value| value.to_f64s());
                value.ok_or(Decline::because("the padding value is not constant"))?.iter().all(|&value| value == 0.0)
            }
        };
        require!(zero, "the padding is not zero");
        require!(matches!(conv.auto_pad, AutoPad::NotSet | AutoPad::Valid), "the convolution pads automatically");
        let rank = cx.ty(conv.w).rank().ok_or(Decline::because("the rank of the convolution is unknown"))?;
        require!(rank >= 3);
        let (begins, ends) = self.amounts(cx, &pad, rank)?;
        require!([&begins, &ends].into_iter().flatten().all(|&amount| amount >= 0), "the padding crops");
        require!(begins[..2] == [0, 0] && ends[..2] == [0, 0], "batch or channels are padded");
        let spatial = rank - 2;
        let mut pads = match (conv.auto_pad, &conv.pads) {
            (AutoPad::NotSet, Some(pads)) => pads.clone(),
            _ => vec![0; 2 * spatial],
        };
        require!(pads.len() == 2 * spatial, "the padding is not understood");
        for axis in 0..spatial {
            pads[axis] += begins[axis + 2];
            pads[axis + spatial] += ends[axis + 2];
        }
        let fused = NewNode::like(node, cx.node(node)).input_at(0, pad.data).without_attr("auto_pad");
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(fused.attr("pads", Attr::Ints(pads)));
        rewrite.replace(conv.y.ok_or(Decline::NotMine)?, fused);
        Ok(rewrite)
    }
}

impl PadConv {
    /// Begin and end of every axis.
    fn amounts(&self, cx: &RuleContext<'_>, pad: &Pad, rank: usize) -> Result<(Vec<i64>, Vec<i64>), Decline> {
        const NOT_CONSTANT: Decline =
            Decline::Because(std::borrow::Cow::Borrowed("the amounts of padding are not constant"));
        let ints = |value| cx.tensor(value).and_then(|tensor| tensor.to_i64s()).ok_or(NOT_CONSTANT);
        let amounts = match &pad.pads {
            PadAmounts::Fixed(amounts) => amounts.clone(),
            PadAmounts::Operand(value) => ints(*value)?,
        };
        let axes: Vec<i64> = match pad.axes {
            Some(axes) => ints(axes)?,
            None => (0..rank as i64).collect(),
        };
        require!(amounts.len() == 2 * axes.len(), "the padding is not understood");
        let (mut begins, mut ends) = (vec![0; rank], vec![0; rank]);
        for (position, &axis) in axes.iter().enumerate() {
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < rank);
            let axis = axis.ok_or(Decline::because("the padding is not understood"))?;
            begins[axis] += amounts[position];
            ends[axis] += amounts[position + axes.len()];
        }
        Ok((begins, ends))
    }
}

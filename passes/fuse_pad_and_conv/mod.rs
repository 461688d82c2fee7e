#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId, ValueId};
use gtt_ops::views::onnx::{AutoPad, Conv, IntegerConv};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Param, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::constants;
use crate::support::padding::SpatialPad;

pub(crate) mod tensorflow;

use tensorflow::{FusedConv, ZeroPadConv};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_pad_into_conv"],
    params: &[Param {
        default: Some("true"),
        ..Param::new("fused_op", Kind::Bool, "TensorFlow: make FusedPadConv2D, which only CPUs run")
    }],
    numerics: FUSED,
    ..PassInfo::new(
        "fuse_pad_and_conv",
        "move padding into the convolution that reads it",
        include_str!("README.md"),
        build,
    )
};

/// The fused ops of TensorFlow sum in another order.
pub(crate) const FUSED: Numerics = Numerics::Close { relative: 1e-4, absolute: 1e-5 };

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FusePadAndConv { fused_op: args.bool("fused_op")? }))
}

struct FusePadAndConv {
    fused_op: bool,
}

impl Pass for FusePadAndConv {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let mirror: &dyn Rule = &FusedConv { resize: false, pad: true };
        match cx.dialect() {
            Dialect::Onnx => apply_rules(cx, &[&PadConv]),
            _ if self.fused_op => apply_rules(cx, &[mirror, &ZeroPadConv]),
            _ => apply_rules(cx, &[&ZeroPadConv]),
        }
    }

    fn numerics(&self, declared: Numerics) -> Numerics {
        if self.fused_op { declared } else { Numerics::Exact }
    }
}

/// A convolution over a tensor that is padded with what counts as zero there, at the spatial axes only.
struct PadConv;

impl Rule for PadConv {
    fn name(&self) -> &'static str {
        "pad_conv"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Conv", "ConvInteger", "QLinearConv"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let conv = Convolution::of(cx, node)?;
        require!(cx.def(conv.x).is_some_and(|(_, pad)| pad.op.is_onnx("Pad")));
        let rank = cx.ty(conv.w).rank().ok_or(Decline::because("the rank of the convolution is unknown"))?;
        require!(rank >= 3);
        let pad = SpatialPad::behind(cx, conv.x, rank - 2)?;
        let zero = match conv.zero_point {
            None => 0.0,
            Some(zero) => constants::uniform(cx, zero).ok_or(Decline::because("the zero point is not constant"))?,
        };
        require!(pad.value == zero, "the padding is not zero");
        let pads = pad.added_to(conv.auto_pad, conv.pads.as_deref())?;
        let fused = NewNode::like(node, cx.node(node)).input_at(0, pad.data).without_attr("auto_pad");
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(fused.attr("pads", Attr::Ints(pads)));
        rewrite.replace(conv.y, fused);
        Ok(rewrite)
    }
}

/// What matters of a convolution over floats or integers.
struct Convolution {
    x: ValueId,
    w: ValueId,
    y: ValueId,
    zero_point: Option<ValueId>,
    auto_pad: AutoPad,
    pads: Option<Vec<i64>>,
}

impl Convolution {
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        let found = match node.op.name.as_str() {
            "Conv" => {
                let Conv { x, w, y, auto_pad, pads, .. } = Conv::of(node, cx.opset()).ok_or(Decline::NotMine)?;
                Self { x, w, y: y.ok_or(Decline::NotMine)?, zero_point: None, auto_pad, pads }
            }
            "ConvInteger" | "QLinearConv" => {
                let IntegerConv { x, x_zero_point: zero_point, w, y, auto_pad, pads, .. } =
                    IntegerConv::of(node, cx.opset()).ok_or(Decline::NotMine)?;
                Self { x, w, y: y.ok_or(Decline::NotMine)?, zero_point, auto_pad, pads }
            }
            _ => return Err(Decline::NotMine),
        };
        Ok(found)
    }
}

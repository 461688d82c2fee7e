#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, NodeId, ValueId};
use gtt_ops::views::onnx::{AveragePool, MaxPool, Windows};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

use crate::support::padding::SpatialPad;
use crate::support::ranges::is_non_negative;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_pad_into_pool"],
    dialects: &[Dialect::Onnx],
    ..PassInfo::new("fuse_pad_and_pool", "move padding into the pool that reads it", include_str!("README.md"), build)
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FusePadAndPool))
}

struct FusePadAndPool;

impl Pass for FusePadAndPool {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&PadAveragePool, &PadMaxPool])
    }
}

/// The mean over windows of a tensor that is padded with zeros.
struct PadAveragePool;

impl Rule for PadAveragePool {
    fn name(&self) -> &'static str {
        "pad_average_pool"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["AveragePool"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(node).op.is_onnx("AveragePool"));
        let pool = AveragePool::of(cx.node(node), cx.opset()).ok_or(Decline::NotMine)?;
        let (pad, pads) = padding(cx, pool.x, &pool.windows)?;
        require!(pad.value == 0.0, "the padding is not zero");
        require!(cx.opset() >= 7, "the operator set does not count padding");
        let own = pool.windows.pads.iter().flatten().any(|&amount| amount != 0);
        require!(!own || pool.count_include_pad, "the pool's own padding is left out of the mean");
        let dilated = pool.windows.dilations.iter().flatten().any(|&dilation| dilation != 1);
        require!(!dilated, "the windows are dilated");
        fused(cx, node, &pad, pads, pool.y, true)
    }
}

/// The maximum over windows of a tensor that is padded with what is no larger than any element.
struct PadMaxPool;

impl Rule for PadMaxPool {
    fn name(&self) -> &'static str {
        "pad_max_pool"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["MaxPool"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.node(node).op.is_onnx("MaxPool"));
        let pool = MaxPool::of(cx.node(node), cx.opset()).ok_or(Decline::NotMine)?;
        let (pad, pads) = padding(cx, pool.x, &pool.windows)?;
        require!(pool.indices.is_none(), "the pool says where its maxima are");
        let lowest = match cx.ty(pad.data).dtype() {
            Some(DType::I8) => f64::from(i8::MIN),
            Some(DType::U8) => 0.0,
            _ => f64::NEG_INFINITY,
        };
        let neutral = pad.value == lowest || (pad.value <= 0.0 && is_non_negative(cx, pad.data));
        require!(neutral, "the padding may be larger than an element");
        let spatial = pool.windows.kernel_shape.len();
        let dilation = |axis: usize| match &pool.windows.dilations {
            Some(dilations) => dilations.get(axis).copied(),
            None => Some(1),
        };
        let reaches = |axis: usize| {
            let extent = cx.ty(pad.data).shape()?.get(axis + 2)?.known()?;
            Some(extent >= u64::try_from(dilation(axis)?).ok()?.max(1))
        };
        let all = (0..spatial).all(|axis| reaches(axis) == Some(true));
        require!(all, "a window may see nothing but padding");
        fused(cx, node, &pad, pads, pool.y, false)
    }
}

/// The `Pad` in front of a pool, and the pads that do the same.
fn padding(cx: &RuleContext<'_>, x: ValueId, windows: &Windows) -> Result<(SpatialPad, Vec<i64>), Decline> {
    let spatial = windows.kernel_shape.len();
    let pad = SpatialPad::behind(cx, x, spatial)?;
    require!(!windows.ceil_mode, "the last window may reach beyond the padding");
    let pads = pad.added_to(windows.auto_pad, windows.pads.as_deref())?;
    let smaller = pads.iter().enumerate().all(|(at, &amount)| amount < windows.kernel_shape[at % spatial]);
    require!(smaller, "the padding is as large as a window");
    Ok((pad, pads))
}

fn fused(
    cx: &RuleContext<'_>,
    id: NodeId,
    pad: &SpatialPad,
    pads: Vec<i64>,
    y: Option<ValueId>,
    average: bool,
) -> Result<Rewrite, Decline> {
    let mut pool = NewNode::like(id, cx.node(id)).input_at(0, pad.data).without_attr("auto_pad");
    if average {
        pool = pool.attr("count_include_pad", Attr::Int(1));
    }
    let mut rewrite = Rewrite::new();
    let pool = rewrite.node(pool.attr("pads", Attr::Ints(pads)).results(1));
    rewrite.replace(y.ok_or(Decline::NotMine)?, pool);
    Ok(rewrite)
}

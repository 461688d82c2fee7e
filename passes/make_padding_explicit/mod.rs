#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId, Type, ValueId};
use gtt_ops::views::onnx::{AutoPad, AveragePool, Conv, ConvTranspose, IntegerConv, MaxPool};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    ..PassInfo::new(
        "make_padding_explicit",
        "replace `auto_pad` by the amounts of padding it stands for",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(MakePaddingExplicit))
}

struct MakePaddingExplicit;

impl Pass for MakePaddingExplicit {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&AutomaticPadding])
    }
}

/// A convolution or pool with `auto_pad`.
struct AutomaticPadding;

impl Rule for AutomaticPadding {
    fn name(&self) -> &'static str {
        "automatic_padding"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let known = ["Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool"];
        require!(known.iter().any(|op| node.op.is_onnx(op)));
        require!(node.attr("auto_pad").is_some());
        let windows = Windows::of(cx, id).ok_or(Decline::because("the node is not understood"))?;
        let pads = match windows.auto_pad {
            AutoPad::NotSet => return Err(Decline::NotMine),
            AutoPad::Valid => {
                require!(!windows.ceil_mode, "the last window may reach beyond the input");
                windows.spatial(cx).map(|spatial| vec![0; 2 * spatial])
            }
            AutoPad::SameUpper | AutoPad::SameLower => {
                require!(!windows.transposed, "operator sets do not agree on the padding of transposed convolutions");
                require!(!windows.ceil_mode, "the last window may reach beyond the input");
                windows.same(cx)
            }
        };
        let pads = pads.ok_or(Decline::because("the extents are not known"))?;
        let kernel = windows.kernel.iter().cycle();
        let smaller = pads.iter().zip(kernel).all(|(amount, extent)| amount < extent);
        require!(!windows.pool || smaller, "the padding is as large as a window");
        let mut rewrite = Rewrite::new();
        let padded = NewNode::like(id, node).without_attr("auto_pad").attr("pads", Attr::Ints(pads));
        let padded = rewrite.node(padded);
        for (slot, result) in node.outputs.iter().enumerate() {
            if let Some(result) = result {
                rewrite.replace(*result, padded.result(slot));
            }
        }
        Ok(rewrite)
    }
}

/// The windows of a convolution or pool.
struct Windows {
    x: ValueId,
    auto_pad: AutoPad,
    /// Extents; empty when not known.
    kernel: Vec<i64>,
    strides: Option<Vec<i64>>,
    dilations: Option<Vec<i64>>,
    ceil_mode: bool,
    pool: bool,
    transposed: bool,
}

impl Windows {
    fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let (node, opset) = (cx.node(id), cx.opset());
        let weights = |kernel: Option<Vec<i64>>, w: ValueId| {
            let extents = |ty: &Type| Some(ty.fixed_shape()?.get(2..)?.iter().map(|&extent| extent as i64).collect());
            kernel.or_else(|| extents(cx.ty(w))).unwrap_or_default()
        };
        let (ceil_mode, pool, transposed) = (false, false, false);
        if let Some(Conv { x, w, auto_pad, kernel_shape, strides, dilations, .. }) = Conv::of(node, opset) {
            let kernel = weights(kernel_shape, w);
            return Some(Self { x, auto_pad, kernel, strides, dilations, ceil_mode, pool, transposed });
        }
        if let Some(IntegerConv { x, w, auto_pad, kernel_shape, strides, dilations, .. }) = IntegerConv::of(node, opset)
        {
            let kernel = weights(kernel_shape, w);
            return Some(Self { x, auto_pad, kernel, strides, dilations, ceil_mode, pool, transposed });
        }
        if let Some(view) = ConvTranspose::of(node, opset) {
            let ConvTranspose { x, w, auto_pad, kernel_shape, strides, dilations, output_shape, .. } = view;
            let kernel = weights(kernel_shape, w);
            // Padding follows from the shape of the result then.
            let auto_pad = if output_shape.is_some() { AutoPad::SameUpper } else { auto_pad };
            return Some(Self { x, auto_pad, kernel, strides, dilations, ceil_mode, pool, transposed: true });
        }
        let (x, windows) = match (MaxPool::of(node, opset), AveragePool::of(node, opset)) {
            (Some(MaxPool { x, windows, .. }), _) | (_, Some(AveragePool { x, windows, .. })) => (x, windows),
            (None, None) => return None,
        };
        let (auto_pad, kernel) = (windows.auto_pad, windows.kernel_shape);
        let (strides, dilations, ceil_mode) = (windows.strides, windows.dilations, windows.ceil_mode);
        Some(Self { x, auto_pad, kernel, strides, dilations, ceil_mode, pool: true, transposed })
    }

    /// How many spatial axes there are.
    fn spatial(&self, cx: &RuleContext<'_>) -> Option<usize> {
        let rank = cx.ty(self.x).rank().and_then(|rank| rank.checked_sub(2));
        if self.kernel.is_empty() { rank } else { Some(self.kernel.len()) }
    }

    /// Begins, then ends, so that the result has `ceil(extent / stride)` positions along each axis.
    fn same(&self, cx: &RuleContext<'_>) -> Option<Vec<i64>> {
        let shape = cx.ty(self.x).shape()?;
        let spatial = shape.len().checked_sub(2)?;
        let of = |all: &Option<Vec<i64>>, axis: usize| match all {
            Some(all) => all.get(axis).copied().filter(|step| *step > 0),
            None => Some(1),
        };
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        for axis in 0..spatial {
            let extent = i64::try_from(shape[axis + 2].known()?).ok()?;
            let (stride, dilation) = (of(&self.strides, axis)?, of(&self.dilations, axis)?);
            let reach = self.kernel.get(axis)?.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            let positions = extent.checked_add(stride - 1)? / stride;
            let last = positions.checked_sub(1)?.checked_mul(stride)?;
            let total = last.checked_add(reach)?.checked_sub(extent)?.max(0);
            let (small, large) = (total / 2, total - total / 2);
            let upper = self.auto_pad == AutoPad::SameUpper;
            begins.push(if upper { small } else { large });
            ends.push(if upper { large } else { small });
        }
        begins.append(&mut ends);
        Some(begins)
    }
}

//! TensorFlow: mirrored borders and resizing go into the fused ops of the Graph Transform Tool, zeros into the convolution.

use gtt_ir::{Attr, DType, Node, NodeId, Op, Tensor, ValueId};
use gtt_ops::views::tf::{Conv2D, DataFormat, DepthwiseConv2dNative, Pad, Padding};
use gtt_rewrite::{Decline, NewNode, Operand, Rewrite, Rule, RuleContext, require};

use crate::fuse_resize_and_conv::resize::Resize;

/// `Conv2D` over a tensor that is resized, mirrored at its borders, or first the one and then the other.
pub(crate) struct FusedConv {
    /// `ResizeBilinear` is part of the pattern.
    pub(crate) resize: bool,
    /// `MirrorPad` is part of the pattern.
    pub(crate) pad: bool,
}

impl Rule for FusedConv {
    fn name(&self) -> &'static str {
        match (self.resize, self.pad) {
            (true, true) => "resize_pad_conv",
            (true, false) => "resize_conv",
            _ => "mirror_pad_conv",
        }
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Conv2D"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_tf("Conv2D"));
        let mut x = node.input(0).ok_or(Decline::NotMine)?;
        let pad = if self.pad { Some(Mirror::of(cx, &mut x)?) } else { None };
        let resize = if self.resize { Some(Resize::of(cx, &mut x)?) } else { None };
        let conv = Conv2D::of(node).ok_or(Decline::because("the convolution is not understood"))?;
        require!(conv.data_format == DataFormat::ChannelsLast, "the fused op is for channels last only");
        require!(conv.dilations.iter().all(|&dilation| dilation == 1), "the fused op has no dilations");
        require!(conv.strides[0] == 1 && conv.strides[3] == 1, "the fused op has no such strides");
        let float = matches!(conv.dtype, DType::F16 | DType::F32 | DType::F64);
        require!(float && (resize.is_none() || conv.dtype == DType::F32), "the fused op has no such element type");
        let padding = match conv.padding {
            Padding::Same => "SAME",
            Padding::Valid => "VALID",
            Padding::Explicit(_) => return Err(Decline::because("the fused op has no explicit padding")),
        };
        if let Some(pad) = &pad {
            let outside = [0, 1, 6, 7].map(|at| pad.pairs[at]);
            require!(outside == [0; 4], "batch or channels are padded");
        }
        let mut rewrite = Rewrite::new();
        let paddings = match &pad {
            Some(Mirror { paddings, dtype: DType::I32, .. }) => Operand::from(*paddings),
            Some(pad) => {
                let pairs = pad.pairs.iter().map(|&pad| pad as i32).collect();
                rewrite.constant(Tensor::from_vec(&[4, 2], pairs).map_err(|_| Decline::NotMine)?)
            }
            None => {
                let zeros = Tensor::from_vec(&[4, 2], vec![0i32; 8]).map_err(|_| Decline::NotMine)?;
                rewrite.constant_named(zeros, format!("{}_dummy_paddings", node.name))
            }
        };
        let mut fused = NewNode::new(Op::tf("FusedPadConv2D")).input(x).placed_like(id);
        if let Some(resize) = &resize {
            fused = fused.op(Op::tf("FusedResizeAndPadConv2D")).input(resize.size);
            fused = fused.attr("resize_align_corners", Attr::Bool(resize.align_corners));
        }
        let mode = pad.map_or("REFLECT".into(), |pad| pad.mode);
        fused = fused
            .input(paddings)
            .input(conv.filter)
            .attr("mode", Attr::Str(mode.as_bytes().to_vec().into()))
            .attr("T", Attr::DType(conv.dtype))
            .attr("padding", Attr::Str(padding.into()))
            .attr("strides", Attr::Ints(conv.strides));
        let fused = rewrite.node(fused);
        rewrite.replace(conv.output.ok_or(Decline::NotMine)?, fused);
        Ok(rewrite)
    }
}

/// A `MirrorPad` in front of a convolution.
struct Mirror {
    paddings: ValueId,
    dtype: DType,
    pairs: Vec<i64>,
    mode: gtt_ir::Name,
}

impl Mirror {
    /// Steps over it: `x` is what it pads.
    fn of(cx: &RuleContext<'_>, x: &mut ValueId) -> Result<Self, Decline> {
        let (_, node) = cx.def(*x).ok_or(Decline::NotMine)?;
        require!(node.op.is_tf("MirrorPad"));
        let pad = Pad::of(node).ok_or(Decline::because("the padding is not understood"))?;
        let pairs = spatial_pairs(cx, &pad)?;
        require!(cx.only_reader(*x).is_some(), "the padded or resized tensor is used elsewhere");
        *x = pad.input;
        Ok(Self { paddings: pad.paddings, dtype: pad.paddings_dtype, pairs, mode: pad.mode })
    }
}

/// The paddings of the four axes, if those of batch and channels are none: eight numbers.
fn spatial_pairs(cx: &RuleContext<'_>, pad: &Pad) -> Result<Vec<i64>, Decline> {
    let tensor = cx.tensor(pad.paddings).ok_or(Decline::because("the paddings are not constant"))?;
    require!(tensor.shape() == [4, 2], "batch or channels are padded");
    let pairs = tensor.to_i64s().ok_or(Decline::because("the paddings are not constant"))?;
    require!(pairs.iter().all(|pad| (0..=i64::from(i32::MAX)).contains(pad)), "the paddings are out of range");
    Ok(pairs)
}

/// `Conv2D` or `DepthwiseConv2dNative` over a tensor that is padded with zeros.
pub(super) struct ZeroPadConv;

impl Rule for ZeroPadConv {
    fn name(&self) -> &'static str {
        "zero_pad_conv"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Conv2D", "DepthwiseConv2dNative"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let (_, padded) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        require!(padded.op.is_tf("Pad") || padded.op.is_tf("PadV2"));
        let conv = Convolution::of(cx.node(id)).ok_or(Decline::NotMine)?;
        let pad = Pad::of(padded).ok_or(Decline::because("the padding is not understood"))?;
        let mut pads = spatial_pairs(cx, &pad)?;
        let channels = if conv.data_format == DataFormat::ChannelsLast { 3 } else { 1 };
        require!(
            [0, 1].iter().all(|side| pads[*side] == 0 && pads[2 * channels + side] == 0),
            "batch or channels are padded"
        );
        if let Some(value) = pad.constant_value {
            require!(crate::support::constants::uniform(cx, value) == Some(0.0), "the padding is not zero");
        }
        match &conv.padding {
            Padding::Valid => {}
            Padding::Explicit(own) if own.len() == pads.len() => {
                pads.iter_mut().zip(own).for_each(|(pad, own)| *pad = pad.saturating_add(*own));
            }
            _ => return Err(Decline::because("the convolution pads automatically")),
        }
        require!(cx.only_reader(conv.input).is_some(), "the padded or resized tensor is used elsewhere");
        let fused = NewNode::like(id, cx.node(id)).input_at(0, pad.input);
        let fused = if pads.iter().all(|&pad| pad == 0) {
            fused
        } else if conv.is_same(cx, pad.input, &pads) == Some(true) {
            fused.attr("padding", Attr::Str("SAME".into())).without_attr("explicit_paddings")
        } else {
            // TensorFlow's CPU kernel for it with a bias and an activation, which grappler makes, aborts.
            require!(!conv.depthwise, "depthwise convolutions with explicit padding abort in TensorFlow");
            fused.attr("padding", Attr::Str("EXPLICIT".into())).attr("explicit_paddings", Attr::Ints(pads))
        };
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(fused);
        rewrite.replace(conv.output, fused);
        Ok(rewrite)
    }
}

struct Convolution {
    input: ValueId,
    filter: ValueId,
    output: ValueId,
    padding: Padding,
    data_format: DataFormat,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    depthwise: bool,
}

impl Convolution {
    fn of(node: &Node) -> Option<Self> {
        if let Some(view) = Conv2D::of(node) {
            let Conv2D { input, filter, output, padding, data_format, strides, dilations, .. } = view;
            return Some(Self {
                input,
                filter,
                output: output?,
                padding,
                data_format,
                strides,
                dilations,
                depthwise: false,
            });
        }
        let DepthwiseConv2dNative { input, filter, output, padding, data_format, strides, dilations, .. } =
            DepthwiseConv2dNative::of(node)?;
        Some(Self { input, filter, output: output?, padding, data_format, strides, dilations, depthwise: true })
    }

    /// These are the pads of `SAME` for what is padded; `None` when its extents are open.
    fn is_same(&self, cx: &RuleContext<'_>, x: ValueId, pads: &[i64]) -> Option<bool> {
        let (shape, kernel) = (cx.ty(x).shape()?, cx.ty(self.filter).fixed_shape()?);
        let first = if self.data_format == DataFormat::ChannelsLast { 1 } else { 2 };
        let mut same = true;
        for (spatial, axis) in (first..first + 2).enumerate() {
            let extent = i64::try_from(shape.get(axis)?.known()?).ok()?;
            let (stride, dilation) = (self.strides[axis], self.dilations[axis]);
            let window = (*kernel.get(spatial)? as i64 - 1).checked_mul(dilation)?.checked_add(1)?;
            let steps = extent.checked_add(stride - 1)?.checked_div(stride)?;
            let total = (steps - 1).checked_mul(stride)?.checked_add(window)?.checked_sub(extent)?.max(0);
            same &= pads[2 * axis] == total / 2 && pads[2 * axis + 1] == total - total / 2;
        }
        Some(same)
    }
}

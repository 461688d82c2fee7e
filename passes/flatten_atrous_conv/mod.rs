#![doc = include_str!("README.md")]

use bytes::Bytes;
use gtt_ir::{Attr, Dialect, Node, NodeId, Tensor, ValueId};
use gtt_ops::views::tf::{Conv2D, DataFormat, DepthwiseConv2dNative, Padding};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Param, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    params: &[Param {
        default: Some("false"),
        ..Param::new("dilations", Kind::Bool, "set the attribute, and leave the filter as it is")
    }],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "flatten_atrous_conv",
        "make one convolution of a convolution over blocks",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FlattenAtrousConv { dilations: args.bool("dilations")? }))
}

struct FlattenAtrousConv {
    dilations: bool,
}

impl Pass for FlattenAtrousConv {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&BlocksConv { dilations: self.dilations }])
    }
}

/// `BatchToSpaceND(conv(SpaceToBatchND(x, block, paddings), filter), block, crops)`.
struct BlocksConv {
    dilations: bool,
}

impl Rule for BlocksConv {
    fn name(&self) -> &'static str {
        "blocks_conv"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["BatchToSpaceND"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let back = cx.node(id);
        require!(back.op.is_tf("BatchToSpaceND") && back.inputs.len() == 3);
        let (conv_id, conv_node) = cx.def_of_input(id, 0).ok_or(Decline::NotMine)?;
        let (_, blocks) = cx.def_of_input(conv_id, 0).ok_or(Decline::NotMine)?;
        require!(blocks.op.is_tf("SpaceToBatchND") && blocks.inputs.len() == 3);
        require!(matches!(conv_node.op.name.as_str(), "Conv2D" | "DepthwiseConv2dNative"));
        let conv = Convolution::of(conv_node).ok_or(Decline::because("the convolution is not understood"))?;
        require!(cx.only_reader(conv.output).is_some(), "the convolution is used elsewhere");
        let (x, y) = (blocks.input(0).ok_or(Decline::NotMine)?, back.output(0).ok_or(Decline::NotMine)?);
        let block = ints(cx, blocks, 1).ok_or(Decline::because("the block shape is not constant"))?;
        let other = ints(cx, back, 1).ok_or(Decline::because("the block shape is not constant"))?;
        require!(block == other, "the block shapes differ");
        let paddings = ints(cx, blocks, 2).ok_or(Decline::because("the paddings are not constant"))?;
        let crops = ints(cx, back, 2).ok_or(Decline::because("the crops are not constant"))?;
        require!(
            (1..=2).contains(&block.len()) && conv.data_format == DataFormat::ChannelsLast,
            "the blocks run over channels"
        );
        require!(
            paddings.len() == 2 * block.len() && crops.len() == paddings.len(),
            "the paddings do not fit the blocks"
        );
        require!(conv.steps.iter().all(|&step| step == 1), "the convolution has strides or dilations");
        let filter = cx.tensor(conv.filter).ok_or(Decline::because("the filter is not constant"))?;
        let [height, width, ..] = *filter.shape() else { return Err(Decline::NotMine) };
        let axis = |at: usize, kernel: usize| {
            let given = at < block.len();
            let pick = |of: &[i64], side: usize| if given { of[2 * at + side] } else { 0 };
            let own = match &conv.padding {
                Padding::Explicit(pads) => {
                    [pads.get(2 + 2 * at), pads.get(3 + 2 * at)].map(|pad| pad.copied().unwrap_or(0))
                }
                Padding::Same => [(kernel as i64 - 1) / 2, kernel as i64 / 2],
                Padding::Valid => [0, 0],
            };
            Axis::of(
                if given { block[at] } else { 1 },
                kernel,
                own,
                [0, 1].map(|side| pick(&paddings, side) - pick(&crops, side)),
            )
        };
        let axes = [axis(0, height)?, axis(1, width)?];

        let mut rewrite = Rewrite::new();
        let mut flat = NewNode::like(conv_id, conv_node).input_at(0, x).without_attr("explicit_paddings");
        let rates = [axes[0].rate, axes[1].rate];
        if self.dilations {
            flat = flat.attr("dilations", Attr::Ints(vec![1, rates[0] as i64, rates[1] as i64, 1]));
        } else if rates != [1, 1] {
            let dilated =
                dilated(filter, rates).ok_or(Decline::because("the filter is too large or cannot be read"))?;
            let dilated = rewrite.constant_like(dilated, conv.filter);
            flat = flat.input_at(1, dilated);
        }
        flat = match axes {
            axes if axes.iter().all(Axis::is_same) => flat.attr("padding", Attr::Str("SAME".into())),
            axes if axes.iter().all(|axis| axis.pads == [0, 0]) => flat.attr("padding", Attr::Str("VALID".into())),
            [h, w] => flat
                .attr("padding", Attr::Str("EXPLICIT".into()))
                .attr("explicit_paddings", Attr::Ints([[0, 0], h.pads, w.pads, [0, 0]].concat())),
        };
        let flat = rewrite.node(flat);
        rewrite.replace(y, flat);
        Ok(rewrite)
    }
}

/// One spatial axis of the result.
#[derive(Clone, Copy)]
struct Axis {
    rate: usize,
    kernel: usize,
    pads: [i64; 2],
}

impl Axis {
    /// What the convolution pads itself lies between blocks: `rate` positions each.
    fn of(rate: i64, kernel: usize, own: [i64; 2], around: [i64; 2]) -> Result<Self, Decline> {
        const LARGEST: i64 = 1 << 20;
        require!((1..LARGEST).contains(&rate) && kernel < LARGEST as usize, "the blocks are out of range");
        let pads = [0, 1].map(|side| own[side].saturating_mul(rate).saturating_add(around[side]));
        require!(pads.iter().all(|&pad| pad >= 0), "more is cropped than padded");
        Ok(Self { rate: rate as usize, kernel, pads })
    }

    /// The padding is that of `SAME` for the grown filter, at a stride of 1.
    fn is_same(&self) -> bool {
        let total = (self.kernel.saturating_sub(1) * self.rate) as i64;
        self.pads == [total / 2, total - total / 2]
    }
}

/// What matters of `Conv2D` and `DepthwiseConv2dNative`.
struct Convolution {
    filter: ValueId,
    output: ValueId,
    padding: Padding,
    data_format: DataFormat,
    /// Strides and dilations.
    steps: Vec<i64>,
}

impl Convolution {
    fn of(node: &Node) -> Option<Self> {
        if let Some(Conv2D { filter, output, padding, data_format, strides, dilations, .. }) = Conv2D::of(node) {
            return Some(Self { filter, output: output?, padding, data_format, steps: [strides, dilations].concat() });
        }
        let DepthwiseConv2dNative { filter, output, padding, data_format, strides, dilations, .. } =
            DepthwiseConv2dNative::of(node)?;
        Some(Self { filter, output: output?, padding, data_format, steps: [strides, dilations].concat() })
    }
}

fn ints(cx: &RuleContext<'_>, node: &Node, slot: usize) -> Option<Vec<i64>> {
    cx.tensor(node.input(slot)?)?.to_i64s()
}

/// The filter with `rate - 1` rows and columns of zeros between its own.
fn dilated(filter: &Tensor, rates: [usize; 2]) -> Option<Tensor> {
    const LARGEST: usize = 1 << 31;
    let [height, width, inner, outer] = *filter.shape() else { return None };
    let size = filter.dtype().bits() / 8;
    let [rows, columns] = [(height, rates[0]), (width, rates[1])].map(|(extent, rate)| (extent.max(1) - 1) * rate + 1);
    let pixel = inner.checked_mul(outer)?.checked_mul(size)?;
    let total = rows.checked_mul(columns)?.checked_mul(pixel).filter(|&total| total <= LARGEST)?;
    if size == 0 || filter.is_empty() {
        return None;
    }
    let elements = filter.bytes()?;
    let mut grown = vec![0u8; total];
    for (at, element) in elements.chunks_exact(pixel).enumerate() {
        let place = ((at / width * rates[0]) * columns + at % width * rates[1]) * pixel;
        grown[place..place + pixel].copy_from_slice(element);
    }
    Tensor::from_bytes(filter.dtype(), &[rows, columns, inner, outer], Bytes::from(grown)).ok()
}

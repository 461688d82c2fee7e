#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, NodeId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext,
    apply_rules, require,
};

use crate::fold_batch_norms::fold::Biased;
use crate::fold_batch_norms::norm::Norm;
use crate::fold_batch_norms::{FOLDED, ProductBatchNorm, product::ChannelAxis};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fold_old_batch_norm"],
    numerics: FOLDED,
    after: &["fold_constants"],
    ..PassInfo::new(
        "fold_old_batch_norms",
        "fold batch normalisation ops into the convolutions before them",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FoldOldBatchNorms))
}

struct FoldOldBatchNorms;

impl Pass for FoldOldBatchNorms {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ProductBatchNorm, &BatchToSpaceBatchNorm, &ConcatBatchNorm])
    }
}

/// `BN(BatchToSpaceND(product, block, crops))`. Moving blocks of positions does not touch channels.
struct BatchToSpaceBatchNorm;

impl Rule for BatchToSpaceBatchNorm {
    fn name(&self) -> &'static str {
        "batch_to_space_batch_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &[
            "BatchNormalization",
            "BatchNormWithGlobalNormalization",
            "FusedBatchNorm",
            "FusedBatchNormV2",
            "FusedBatchNormV3",
        ]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.dialect() == Dialect::Tf);
        let norm = Norm::of(cx, node)?;
        let (id, moved) = cx.def(norm.x).ok_or(Decline::NotMine)?;
        require!(moved.op.is_tf("BatchToSpaceND") && moved.inputs.len() == 3);
        let biased = Biased::behind(cx, moved.input(0).ok_or(Decline::NotMine)?)?;
        require!(cx.only_reader(norm.x).is_some(), "the product is used elsewhere");
        require!(biased.product.axis == ChannelAxis::Last, "the blocks run over the channels");
        let block = moved.input(1).and_then(|block| cx.tensor(block));
        let block = block.ok_or(Decline::because("the block shape is not constant"))?;
        require!(block.len() <= 2, "the blocks run over the channels");
        norm.fits(biased.place)?;
        let affine = norm.affine(cx, biased.product.channels)?;
        let mut rewrite = Rewrite::new();
        let folded = biased.fold(cx, &affine, &mut rewrite)?;
        rewrite.name_node(folded, format!("{}/biasadd", cx.node(biased.product.node).name));
        let moved = rewrite.node(NewNode::like(id, moved).input_at(0, folded));
        rewrite.replace(norm.y, moved);
        Ok(rewrite)
    }
}

/// `BN(ConcatV2(product, product, ..., axis))`, and the older `Concat` with its axis first.
struct ConcatBatchNorm;

impl Rule for ConcatBatchNorm {
    fn name(&self) -> &'static str {
        "concat_batch_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &[
            "BatchNormalization",
            "BatchNormWithGlobalNormalization",
            "FusedBatchNorm",
            "FusedBatchNormV2",
            "FusedBatchNormV3",
        ]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.dialect() == Dialect::Tf);
        let norm = Norm::of(cx, node)?;
        let (id, concat) = cx.def(norm.x).ok_or(Decline::NotMine)?;
        let last = concat.inputs.len().checked_sub(1).filter(|last| *last > 0).ok_or(Decline::NotMine)?;
        let (axis_slot, first) = match concat.op.name.as_str() {
            "ConcatV2" if concat.op.is_tf("ConcatV2") => (last, 0),
            "Concat" if concat.op.is_tf("Concat") => (0, 1),
            _ => return Err(Decline::NotMine),
        };
        require!(cx.only_reader(norm.x).is_some(), "the product is used elsewhere");
        let axis = concat.input(axis_slot).and_then(|axis| cx.tensor(axis)?.to_i64s());
        let axis = axis.and_then(|axis| axis.first().copied()).ok_or(Decline::because("the axis is not constant"))?;
        let parts: Vec<Biased> = (first..first + last)
            .map(|slot| match Biased::behind(cx, concat.input(slot).ok_or(Decline::NotMine)?) {
                Err(Decline::NotMine) => Err(Decline::because("an operand of the concatenation is no product")),
                other => other,
            })
            .collect::<Result<_, _>>()?;
        let mut weights: Vec<_> = parts.iter().map(|part| part.product.weights).collect();
        weights.sort_unstable();
        weights.dedup();
        require!(weights.len() == parts.len(), "the weights are used elsewhere");
        let rank = 4;
        let axis = if axis < 0 { axis + rank } else { axis };
        let channel_axis = match parts[0].product.axis {
            ChannelAxis::Last => rank - 1,
            ChannelAxis::Second => 1,
        };
        let along_channels = axis == channel_axis;
        let channels = |part: &Biased| part.product.channels;
        let total = if along_channels { parts.iter().map(channels).sum() } else { channels(&parts[0]) };
        let affine = norm.affine(cx, total)?;
        let mut rewrite = Rewrite::new();
        let mut joined = NewNode::like(id, concat);
        let mut at = 0;
        for (slot, part) in (first..).zip(&parts) {
            norm.fits(part.place)?;
            require!(
                along_channels || channels(part) == total,
                "a statistic does not have one element for each channel"
            );
            let range = if along_channels { at..at + channels(part) } else { 0..total };
            at = range.end;
            let folded: Operand = part.fold(cx, &affine.slice(range), &mut rewrite)?;
            rewrite.name_node(folded, format!("{}_bn_in{}", concat.name, slot - first));
            joined = joined.input_at(slot, folded);
        }
        let joined = rewrite.node(joined);
        rewrite.replace(norm.y, joined);
        Ok(rewrite)
    }
}

//! Normalisation ops, and what goes into them.

use gtt_ir::{Dialect, NodeId, Tensor, ValueId};
use gtt_ops::views::{onnx, tf};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::affine::{Affine, Elementwise, constant};
use super::place::{Channels, Place};
use super::product::ChannelAxis;

const NOT_UNDERSTOOD: Decline = Decline::Because(std::borrow::Cow::Borrowed("the normalisation is not understood"));

/// A whole normalisation op: `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) x: ValueId,
    pub(crate) y: ValueId,
    axis: ChannelAxis,
    gamma: Option<ValueId>,
    beta: ValueId,
    mean: ValueId,
    variance: ValueId,
    epsilon: f32,
    /// The rank that it is for, if only one.
    rank: Option<usize>,
}

impl Norm {
    /// The normalisation op at a node; `NotMine` when it is none.
    pub(crate) fn of(cx: &RuleContext<'_>, id: NodeId) -> Result<Self, Decline> {
        let node = cx.node(id);
        let unread = |extra: &[ValueId]| extra.iter().all(|value| cx.value(*value).is_unused());
        if cx.dialect() == Dialect::Onnx {
            require!(node.op.is_onnx("BatchNormalization"));
            let view = onnx::BatchNormalization::of(node, cx.opset()).ok_or(NOT_UNDERSTOOD)?;
            require!(!view.training, "the normalisation is in training mode");
            require!(view.spatial, "the statistics are not one for each channel");
            require!(unread(&view.statistics), "a result other than the first is read");
            return Ok(Self {
                x: view.x,
                y: view.y.ok_or(Decline::NotMine)?,
                axis: ChannelAxis::Second,
                gamma: Some(view.scale),
                beta: view.b,
                mean: view.mean,
                variance: view.var,
                epsilon: view.epsilon,
                rank: None,
            });
        }
        if node.op.is_tf("BatchNormWithGlobalNormalization") {
            let view = tf::BatchNormWithGlobalNormalization::of(node).ok_or(NOT_UNDERSTOOD)?;
            return Ok(Self {
                x: view.t,
                y: view.result.ok_or(Decline::NotMine)?,
                axis: ChannelAxis::Last,
                gamma: view.scale_after_normalization.then_some(view.gamma),
                beta: view.beta,
                mean: view.m,
                variance: view.v,
                epsilon: view.variance_epsilon,
                rank: Some(4),
            });
        }
        require!(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"].iter().any(|op| node.op.is_tf(op)));
        let view = tf::FusedBatchNorm::of(node).ok_or(NOT_UNDERSTOOD)?;
        require!(!view.is_training, "the normalisation is in training mode");
        require!(unread(&view.statistics), "a result other than the first is read");
        Ok(Self {
            x: view.x,
            y: view.y.ok_or(Decline::NotMine)?,
            axis: match view.data_format {
                tf::DataFormat::ChannelsLast => ChannelAxis::Last,
                tf::DataFormat::ChannelsFirst => ChannelAxis::Second,
            },
            gamma: Some(view.scale),
            beta: view.offset,
            mean: view.mean,
            variance: view.variance,
            epsilon: view.epsilon,
            rank: Some(if view.volumetric { 5 } else { 4 }),
        })
    }

    /// It normalises along the channels.
    pub(crate) fn fits(&self, place: Place) -> Result<(), Decline> {
        let same = match self.axis {
            ChannelAxis::Second => place.index() == Some(1),
            ChannelAxis::Last => place.is_last(),
        };
        let same = same && (self.rank.is_none() || self.rank == place.rank);
        require!(same, "the normalisation runs along another axis than the channels");
        Ok(())
    }

    /// Scale and offset for `channels` channels.
    pub(crate) fn affine(&self, cx: &RuleContext<'_>, channels: usize) -> Result<Affine, Decline> {
        let statistic = |value: ValueId| {
            let tensor = constant(cx, value).ok_or(Decline::because("a statistic is not constant"))?;
            let elements = tensor.to_f64s().filter(|_| tensor.rank() == 1);
            let elements = elements.ok_or(Decline::because("a statistic is not a float vector"))?;
            require!(elements.len() == channels, "a statistic does not have one element for each channel");
            Ok(elements)
        };
        let (mean, variance, beta) = (statistic(self.mean)?, statistic(self.variance)?, statistic(self.beta)?);
        let gamma = self.gamma.map(statistic).transpose()?.unwrap_or_else(|| vec![1.0; channels]);
        let epsilon = f64::from(self.epsilon);
        let scale: Vec<f64> =
            gamma.iter().zip(&variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
        let offset = beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        Affine { scale: Some(scale), offset: Some(offset) }.checked()
    }
}

/// What follows a normalisation op that no product can take in: gamma and beta take in a scale and an offset.
pub(crate) struct NormScaleOffset;

impl Rule for NormScaleOffset {
    fn name(&self) -> &'static str {
        "batch_norm_scale_offset"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Sub", "Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        require!(cx.dialect() == Dialect::Onnx);
        let head = Elementwise::of(cx, node)?;
        let (id, before) = cx.def(head.x).ok_or(Decline::NotMine)?;
        let norm = Norm::of(cx, id)?;
        require!(cx.only_reader(norm.y).is_some(), "the normalisation is used elsewhere");
        let gamma = norm.gamma.and_then(|gamma| cx.tensor(gamma)).filter(|gamma| gamma.rank() == 1);
        let beta = cx.tensor(norm.beta).filter(|beta| Some(beta.shape()) == gamma.map(Tensor::shape));
        let (Some(gamma), Some(beta)) = (gamma, beta) else {
            return Err(Decline::because("a statistic is not constant"));
        };
        let small = gamma.byte_len() <= super::MAX_BIAS;
        require!(head.constant.len() > 1 || small, "the bias would be larger than what goes");
        let place = Place { rank: cx.ty(norm.x).rank(), channels: Channels::At(1) };
        let Affine { scale, offset } = head.map(place.per_channel(&head.constant, gamma.dtype(), gamma.len())?)?;
        let scale = scale.unwrap_or_else(|| vec![1.0; gamma.len()]);
        let offset = offset.unwrap_or_else(|| vec![0.0; gamma.len()]);
        let written = |tensor: &Tensor, offset: &[f64]| {
            let elements = tensor.to_f64s()?;
            let mapped: Vec<f64> = elements
                .iter()
                .zip(&scale)
                .zip(offset)
                .map(|((element, scale), offset)| element * scale + offset)
                .collect();
            let mapped = Tensor::from_f64s(tensor.dtype(), tensor.shape(), &mapped)?;
            mapped.to_f64s()?.iter().all(|element| element.is_finite()).then_some(mapped)
        };
        let (Some(new_gamma), Some(new_beta)) = (written(gamma, &vec![0.0; gamma.len()]), written(beta, &offset))
        else {
            return Err(Decline::because("scale or offset are not finite"));
        };
        let mut rewrite = Rewrite::new();
        let mut after = NewNode::like(id, before);
        for (slot, old, new, tensor) in [(1, norm.gamma, new_gamma, gamma), (2, Some(norm.beta), new_beta, beta)] {
            if let Some(old) = old.filter(|_| new != *tensor) {
                let new = rewrite.constant_like(new, old);
                after = after.input_at(slot, new);
            }
        }
        let after = rewrite.node(after.results(1));
        rewrite.replace(head.y, after);
        Ok(rewrite)
    }
}

//! Which operands and results of an op may be float16, by operator set.

use std::sync::LazyLock;

use gtt_ir::{Attr, Node};
use rustc_hash::FxHashMap;

/// The oldest operator set that is converted: since then `Cast` names types by number and everything below has float16.
pub(super) const OLDEST: i64 = 7;

/// What a float32 operand must be when its node computes in float16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// float16.
    Half,
    /// float32, as before.
    Float,
    /// Either will do.
    Any,
}

/// An op that can compute in float16.
#[derive(Clone, Copy, Debug)]
pub(super) struct Support {
    /// The operands that become float16, a bit each; all from bit 31 on follow it.
    halves: u32,
    /// The operands of any type.
    any: u32,
    /// The results that become float16.
    results: u32,
    since: i64,
    /// It leaves the range of float16 easily: sums, powers.
    pub(super) is_precise: bool,
    /// It has weights, or reduces over more than a row: its result says little about its operands' range.
    pub(super) is_heavy: bool,
    /// Its constants must keep all digits: scales and variances, which are divided by or multiply everything.
    pub(super) needs_normal: bool,
}

const ALL: u32 = u32::MAX;

const PLAIN: Support = Support {
    halves: ALL,
    any: 0,
    results: ALL,
    since: OLDEST,
    is_precise: false,
    is_heavy: false,
    needs_normal: false,
};

impl Support {
    pub(super) fn operand(&self, slot: usize) -> Slot {
        let bit = 1 << slot.min(31);
        match (self.any & bit != 0, self.halves & bit != 0) {
            (true, _) => Slot::Any,
            (false, true) => Slot::Half,
            (false, false) => Slot::Float,
        }
    }

    pub(super) fn result(&self, slot: usize) -> bool {
        self.results & 1 << slot.min(31) != 0
    }
}

/// Element by element, data movement, comparisons, choices.
const ELEMENTWISE: &str = "Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Ceil CenterCropPad Clip Compress Concat Cos \
    DepthToSpace Div Elu Equal Erf Expand Flatten Floor Gather GatherElements GatherND Gelu Greater GreaterOrEqual HardSigmoid \
    HardSwish Hardmax Identity IsNaN LeakyRelu Less LessOrEqual Log Max Min Mish Mod Mul Neg NonZero OneHot PRelu Pad Reciprocal \
    ReduceMax ReduceMean ReduceMin Relu Reshape ReverseSequence Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid Sign \
    Sin Slice Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish SwiGLU Tan Tanh TensorScatter ThresholdedRelu Tile \
    TopK Transpose Trilu Unsqueeze Where Mean";

/// Products, pools, normalisations, recurrences.
const HEAVY: &str = "Attention AveragePool Col2Im Conv ConvTranspose DeformConv Einsum GRU Gemm GlobalAveragePool GlobalMaxPool \
    GroupNormalization InstanceNormalization LRN LSTM LogSoftmax MatMul MaxPool MaxUnpool RMSNormalization RNN RotaryEmbedding \
    Softmax";

/// Sums, powers and the like.
const PRECISE: &str = "Cosh CumProd CumSum Exp Pow ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceSum \
    ReduceSumSquare Sinh";

static TABLE: LazyLock<FxHashMap<&'static str, Support>> = LazyLock::new(|| {
    let mut table = FxHashMap::default();
    let mut add = |names: &'static str, support: Support| {
        table.extend(names.split_ascii_whitespace().map(|name| (name, support)));
    };
    add(ELEMENTWISE, PLAIN);
    add(HEAVY, Support { is_heavy: true, ..PLAIN });
    add(PRECISE, Support { is_precise: true, ..PLAIN });
    add("CumSum", Support { is_precise: true, since: 14, ..PLAIN });
    add("IsInf", Support { since: 20, ..PLAIN });
    add("Cast", Support { halves: 0, any: 1, ..PLAIN });
    add("CastLike", Support { any: 1, ..PLAIN });
    add("Shape Size", Support { halves: 0, any: 1, ..PLAIN });
    add("ConstantOfShape", PLAIN);
    // The ratio may be of another type than the data; so may scales, regions and grids, which lose their places if rounded.
    add("Dropout Resize Upsample GridSample", Support { halves: 1, results: 1, ..PLAIN });
    // Mean and deviation stay float32.
    add("LayerNormalization", Support { results: 1, is_heavy: true, ..PLAIN });
    add("BatchNormalization", Support { results: 1, is_heavy: true, needs_normal: true, ..PLAIN });
    add("DequantizeLinear", Support { halves: 1 << 1, since: 19, needs_normal: true, ..PLAIN });
    table
});

/// What of a node may be float16; `None` if nothing.
pub(super) fn support(node: &Node, opset: i64) -> Option<Support> {
    if !node.op.domain.as_str().is_empty() {
        return None;
    }
    let support = *TABLE.get(node.op.name.as_str()).filter(|support| opset >= support.since)?;
    let used = |slot: usize| node.output(slot).is_some();
    let fits = match node.op.name.as_str() {
        // Statistics of training, and masks that have the data's type.
        "BatchNormalization" => node.outputs.iter().skip(1).all(Option::is_none),
        // A sum of scattered elements; ONNX Runtime has none in float16.
        "Scatter" | "ScatterElements" | "ScatterND" => {
            node.attr("reduction").and_then(Attr::as_str).is_none_or(|reduction| reduction == "none")
        }
        "Dropout" => opset >= 10 || !used(1),
        "DequantizeLinear" => node.attr("output_dtype").and_then(Attr::as_int).unwrap_or(0) == 0,
        _ => true,
    };
    fits.then_some(support)
}

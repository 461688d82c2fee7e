//! Type inference of TensorFlow nodes. Source: the op registry and the API documentation of `tf.raw_ops`.

mod layout;
mod spatial;
mod types;

use std::sync::LazyLock;

use gtt_ir::{Attr, DType, Dim, Shape, Type};
use rustc_hash::FxHashMap;

use super::context::{Context, Facts};
use super::fact::{self, Content, Fact};
use super::shapes::{self, Inferred};
use super::sym::Symbols;

/// The types of a node's results: element types by the table, shapes by op. Element types hold even where shapes contradict each
/// other; the words say that they do.
pub(super) fn infer(context: &mut Context<'_>) -> (Facts, Option<String>) {
    let dtypes = result_types(context);
    let (shapes, words) = match shapes_of(context, context.node.op.name.as_str()) {
        Ok(shapes) => (shapes, None),
        Err(words) => (Shapes::new(), Some(words)),
    };
    let count = dtypes.len().max(shapes.len());
    let mut shapes = shapes.into_iter();
    let mut facts: Facts =
        (0..count).map(|slot| Fact::tensor(dtypes.get(slot).copied().flatten(), shapes.next().flatten())).collect();
    if let Some(first) = facts.first_mut() {
        if crate::info(&context.node.op).passthrough {
            first.content = context.content(0).cloned().map(Box::new);
        } else if context.node.op.is_tf("Const") {
            // A constant with control inputs is a node; when it has a value, it is this one.
            first.content = context.attr("value").and_then(Attr::as_tensor).and_then(Content::small).map(Box::new);
        }
    }
    (facts, words)
}

type Rules = FxHashMap<&'static str, &'static str>;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rules = types::RESULT_TYPES.iter();
    rules.flat_map(|&(rule, ops)| ops.split_ascii_whitespace().map(move |op| (op, rule))).collect()
});

/// The element types of the results.
fn result_types(context: &Context<'_>) -> Vec<Option<DType>> {
    let op = &context.node.op;
    let count = crate::result_count(context.node).unwrap_or(context.output_count()).min(1 << 16);
    let Some(rule) = RULES.get(op.name.as_str()) else {
        let known = crate::info(op).known;
        let dtype = if known { context.dtype_attr("T").or_else(|| context.dtype_attr("dtype")) } else { None };
        return vec![dtype; count.max(context.output_count())];
    };
    let mut dtypes = Vec::new();
    for word in rule.split(' ') {
        if let Some(list) = word.strip_prefix('*') {
            if let Some(Attr::DTypes(list)) = context.attr(list) {
                dtypes.extend(list.iter().copied().map(Some));
            }
            continue;
        }
        let (word, repeats) = word.strip_suffix("..").map_or((word, false), |word| (word, true));
        let (name, default) = word.split_once('=').map_or((word, None), |(name, default)| (name, default.parse().ok()));
        let dtype = name.parse().ok().or_else(|| context.dtype_attr(name)).or(default);
        dtypes.extend(std::iter::repeat_n(dtype, if repeats { count.saturating_sub(dtypes.len()) } else { 1 }));
    }
    dtypes
}

type Shapes = Vec<Option<Shape>>;

fn one(shape: Option<Shape>) -> Inferred<Shapes> {
    Ok(vec![shape])
}

fn scalar() -> Option<Shape> {
    Some(Shape::new())
}

fn vector(extent: Dim) -> Option<Shape> {
    Some(Shape::from_iter([extent]))
}

fn shapes_of(context: &mut Context<'_>, name: &str) -> Inferred<Shapes> {
    match name {
        "Placeholder" | "PlaceholderV2" | "PlaceholderWithDefault" => Ok(vec![placeholder(context)]),
        "Const" => one(context.attr("value").and_then(Attr::as_tensor).and_then(|tensor| tensor.ty().shape().cloned())),
        "Variable" | "VariableV2" => one(match context.attr("shape") {
            // A scalar may stand for an unknown shape in old graphs.
            Some(Attr::Shape(Some(shape))) if !shape.is_empty() => Some(shape.clone()),
            _ => None,
        }),
        "Merge" | "RefMerge" => Ok(vec![merged(context), scalar()]),
        "Switch" | "RefSwitch" => Ok(vec![context.shape(0).cloned(); 2]),
        "LoopCond" | "Rank" | "Size" | "L2Loss" | "HistogramSummary" | "ImageSummary" | "ScalarSummary"
        | "MergeSummary" => one(scalar()),
        "Identity"
        | "StopGradient"
        | "PreventGradient"
        | "Snapshot"
        | "CheckNumerics"
        | "CheckNumericsV2"
        | "GuaranteeConst"
        | "Print"
        | "RefIdentity"
        | "Enter"
        | "RefEnter"
        | "Exit"
        | "RefExit"
        | "NextIteration"
        | "RefNextIteration"
        | "Abs"
        | "Acos"
        | "Acosh"
        | "Angle"
        | "Asin"
        | "Asinh"
        | "Atan"
        | "Atanh"
        | "BatchNormWithGlobalNormalization"
        | "BiasAdd"
        | "BiasAddV1"
        | "Cast"
        | "Ceil"
        | "ClipByValue"
        | "Conj"
        | "Cos"
        | "Cosh"
        | "Cumprod"
        | "Cumsum"
        | "DeepCopy"
        | "Digamma"
        | "Elu"
        | "EluGrad"
        | "Erf"
        | "Erfc"
        | "Erfinv"
        | "Exp"
        | "Expm1"
        | "FakeQuantWithMinMaxArgs"
        | "FakeQuantWithMinMaxVars"
        | "FakeQuantWithMinMaxVarsPerChannel"
        | "Floor"
        | "Imag"
        | "Inv"
        | "Invert"
        | "InvertPermutation"
        | "IsFinite"
        | "IsInf"
        | "IsNan"
        | "LRN"
        | "LeakyRelu"
        | "LeakyReluGrad"
        | "Lgamma"
        | "Log"
        | "Log1p"
        | "LogSoftmax"
        | "LogicalNot"
        | "MatrixBandPart"
        | "Neg"
        | "OnesLike"
        | "QuantizeAndDequantize"
        | "QuantizeAndDequantizeV2"
        | "QuantizeAndDequantizeV3"
        | "Real"
        | "Reciprocal"
        | "Relu"
        | "Relu6"
        | "Relu6Grad"
        | "ReluGrad"
        | "Reverse"
        | "ReverseSequence"
        | "ReverseV2"
        | "Rint"
        | "Round"
        | "Rsqrt"
        | "RsqrtGrad"
        | "Selu"
        | "SeluGrad"
        | "Sigmoid"
        | "SigmoidGrad"
        | "Sign"
        | "Sin"
        | "Sinh"
        | "Softmax"
        | "Softplus"
        | "SoftplusGrad"
        | "Softsign"
        | "SoftsignGrad"
        | "Sqrt"
        | "SqrtGrad"
        | "Square"
        | "Tan"
        | "Tanh"
        | "TanhGrad"
        | "RandomShuffle"
        | "ZerosLike"
        | "MaxPoolGrad" => one(context.shape(0).cloned()),
        "IdentityN" => Ok((0..context.node.inputs.len()).map(|slot| context.shape(slot).cloned()).collect()),
        "EnsureShape" => {
            let given = match context.attr("shape") {
                Some(Attr::Shape(Some(shape))) => Some(shape.clone()),
                _ => None,
            };
            let (ensured, from) = (Fact::tensor(None, given).ty, Fact::tensor(None, context.shape(0).cloned()).ty);
            one(fact::merged(&ensured, &from).0.shape().cloned())
        }
        "Add" | "AddV2" | "ApproximateEqual" | "Atan2" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Complex"
        | "Div" | "DivNoNan" | "FloorDiv" | "FloorMod" | "Greater" | "GreaterEqual" | "LeftShift" | "Less"
        | "LessEqual" | "LogicalAnd" | "LogicalOr" | "Maximum" | "Minimum" | "Mod" | "Mul" | "MulNoNan" | "Pow"
        | "RealDiv" | "RightShift" | "SquaredDifference" | "Sub" | "TruncateDiv" | "TruncateMod" | "Xdivy"
        | "Xlog1py" | "Xlogy" => one(shapes::broadcast_all([context.shape(0), context.shape(1)])?),
        "Equal" | "NotEqual" => match shapes::broadcast_all([context.shape(0), context.shape(1)]) {
            // Operands that do not fit give one `false` instead of an error, if an attribute says so.
            shape if context.bool_attr("incompatible_shape_error", true) => one(shape?),
            _ => one(None),
        },
        "SelectV2" => one(shapes::broadcast_all((0..3).map(|slot| context.shape(slot)))?),
        "Select" => one(alike(context, 1..3)?),
        "AddN" | "AccumulateNV2" => one(alike(context, 0..context.node.inputs.len())?),
        "Sum" | "Mean" | "Prod" | "Max" | "Min" | "All" | "Any" | "EuclideanNorm" => {
            let (axes, keep) = (context.ints(1), context.bool_attr("keep_dims", false));
            one(match context.shape(0) {
                Some(shape) => shapes::reduce(shape, axes.as_deref(), keep)?,
                None => None,
            })
        }
        "ArgMax" | "ArgMin" => {
            let axis = context.int(1);
            one(match (context.shape(0), axis) {
                (Some(shape), Some(axis)) => shapes::reduce(shape, Some(&[axis]), false)?,
                (Some(shape), None) => Some(shapes::unknown(shape.len().saturating_sub(1))),
                _ => None,
            })
        }
        "MatMul" => one(matmul(context, "transpose_a", "transpose_b")?),
        "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3" => one(matmul(context, "adj_x", "adj_y")?),
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => {
            let statistics = context.shape(1).cloned();
            // The last result of V3 is for gradients only.
            Ok(vec![
                context.shape(0).cloned(),
                statistics.clone(),
                statistics.clone(),
                statistics.clone(),
                statistics,
                None,
            ])
        }
        "BiasAddGrad" => {
            let last = context.shape(0).map_or(0, |shape| shape.len().saturating_sub(1));
            let axis = if context.str_attr("data_format", "NHWC") == "NCHW" { 1 } else { last };
            one(vector(context.dim(0, axis)))
        }
        "SoftmaxCrossEntropyWithLogits" => Ok(vec![vector(context.dim(0, 0)), context.shape(0).cloned()]),
        "SparseSoftmaxCrossEntropyWithLogits" => Ok(vec![context.shape(1).cloned(), context.shape(0).cloned()]),
        "RandomUniform"
        | "RandomStandardNormal"
        | "TruncatedNormal"
        | "RandomUniformInt"
        | "ParameterizedTruncatedNormal"
        | "StatelessRandomUniform"
        | "StatelessRandomNormal"
        | "StatelessTruncatedNormal" => one(context.shape_of_items(0)),
        "TopK" | "TopKV2" => {
            let count = if name == "TopK" {
                u64::try_from(context.int_attr("k", -1)).map_or(Dim::Unknown, Dim::Known)
            } else {
                let count = context.items(1).and_then(|items| items.into_iter().next().flatten());
                context.symbols.dim(count)
            };
            let shape = context.shape(0).and_then(|shape| {
                let mut shape = shape.clone();
                *shape.make_mut().last_mut()? = count;
                Some(shape)
            });
            Ok(vec![shape.clone(), shape])
        }
        "Unique" => Ok(vec![vector(Dim::Unknown), context.shape(0).cloned()]),
        "NonMaxSuppression" | "NonMaxSuppressionV2" | "NonMaxSuppressionV3" => one(vector(Dim::Unknown)),
        "CombinedNonMaxSuppression" => one_per_batch(context),
        "BroadcastGradientArgs" => Ok(vec![vector(Dim::Unknown); 2]),
        "Assert" | "NoOp" | "ControlTrigger" => Ok(Shapes::new()),
        _ => match spatial::shapes_of(context, name)? {
            Some(shapes) => Ok(shapes),
            None => Ok(layout::shapes_of(context, name)?.unwrap_or_default()),
        },
    }
}

/// The shape of a feed: its attribute's, unnamed dims named after it. Up to graph version 21, a scalar `Placeholder` may be one of
/// unknown shape. The version is the operator set of the TensorFlow domain; where it is not recorded, such a scalar says nothing.
fn placeholder(context: &mut Context<'_>) -> Option<Shape> {
    let may_be_scalar = context.opset > 21 || !context.node.op.is_tf("Placeholder");
    let listed = match context.attr("_output_shapes") {
        Some(Attr::Shapes(list)) => list.first().cloned().flatten(),
        _ => None,
    };
    let given = match context.attr("shape") {
        Some(Attr::Shape(Some(shape))) => Some(shape.clone()),
        _ => None,
    };
    let shape = [given, listed].into_iter().flatten().find(|shape| may_be_scalar || !shape.is_empty())?;
    let name = context.node.name.as_str();
    let dim = |(axis, dim): (usize, &Dim)| match dim {
        Dim::Known(extent) => Dim::Known(*extent),
        _ => Symbols::of_input(name, axis),
    };
    Some(shape.iter().enumerate().map(dim).collect())
}

/// What holds of whichever operand arrives. Around a loop, extents may change: nothing is known.
fn merged(context: &Context<'_>) -> Option<Shape> {
    let closes_loop = |slot: usize| {
        let node = context.value(slot).and_then(|value| context.graph.def_node(value));
        node.is_none_or(|node| {
            matches!(context.graph.node(node).op.name.as_str(), "NextIteration" | "RefNextIteration")
        })
    };
    let count = context.node.inputs.len();
    let is_constant =
        |slot: usize| context.value(slot).is_some_and(|value| context.graph.value(value).constant().is_some());
    if count == 0 || (0..count).any(|slot| closes_loop(slot) && !is_constant(slot)) {
        return None;
    }
    let types = (0..count).map(|slot| Type::Tensor { dtype: None, shape: context.shape(slot).cloned() });
    types.reduce(|a, b| fact::either(&a, &b)).and_then(|ty| ty.shape().cloned())
}

/// The shape of operands that must be of one shape.
fn alike(context: &Context<'_>, slots: std::ops::Range<usize>) -> Inferred<Option<Shape>> {
    let mut all: Option<Shape> = None;
    for shape in slots.filter_map(|slot| context.shape(slot)) {
        all = Some(match all {
            None => shape.clone(),
            Some(all) if all.len() != shape.len() => return Err("operands of different ranks".to_owned()),
            Some(all) => all.iter().zip(shape).map(|(a, b)| shapes::same_dim(a, b)).collect::<Inferred<Shape>>()?,
        });
    }
    Ok(all)
}

fn matmul(context: &Context<'_>, flag_a: &str, flag_b: &str) -> Inferred<Option<Shape>> {
    let operand = |slot: usize, flag: &str| {
        let mut shape = context.shape(slot)?.clone();
        let rank = shape.len();
        if rank >= 2 && context.bool_attr(flag, false) {
            shape.make_mut().swap(rank - 1, rank - 2);
        }
        Some(shape)
    };
    match (operand(0, flag_a), operand(1, flag_b)) {
        (Some(a), Some(b)) if a.len() >= 2 && b.len() >= 2 => Ok(Some(shapes::matmul(&a, &b)?)),
        (Some(_), Some(_)) => Err("an operand is no matrix".to_owned()),
        // `MatMul` itself is of rank 2 only.
        _ if flag_a == "transpose_a" => Ok(Some(shapes::unknown(2))),
        _ => Ok(None),
    }
}

/// `CombinedNonMaxSuppression`: boxes `[batch,n,4]`, scores and classes `[batch,n]`, counts `[batch]`.
fn one_per_batch(context: &mut Context<'_>) -> Inferred<Shapes> {
    let batch = context.dim(0, 0);
    let item = |slot: usize| context.int(slot).and_then(|count| u64::try_from(count).ok());
    let count = match (context.bool_attr("pad_per_class", false), item(2), item(3), context.dim(1, 2)) {
        (false, _, Some(total), _) => Dim::Known(total),
        (true, Some(per_class), Some(total), Dim::Known(classes)) => {
            per_class.checked_mul(classes).map_or(Dim::Unknown, |all| Dim::Known(all.min(total)))
        }
        _ => Dim::Unknown,
    };
    let rows = Shape::from_iter([batch.clone(), count.clone()]);
    let boxes = Shape::from_iter([batch.clone(), count, Dim::Known(4)]);
    Ok(vec![Some(boxes), Some(rows.clone()), Some(rows), vector(batch)])
}

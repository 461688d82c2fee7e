//! Type inference of ONNX nodes, default domain. Source: the ONNX operator specification with its change log.

mod control;
mod foreign;
mod layout;
mod microsoft;
mod spatial;

use gtt_ir::{Attr, DType, Dim, Shape, Type};

pub(super) use microsoft::microsoft;

use super::context::{Context, Facts};
use super::fact::Fact;
use super::shapes::{self, Inferred};

/// The types of a node's results; fewer than it has where nothing is known.
pub(super) fn infer(context: &mut Context<'_>) -> Inferred<Facts> {
    let name = context.node.op.name.as_str();
    let first = context.dtype(0);
    if context.opset < crate::info(&context.node.op).since {
        return Ok(Facts::new());
    }
    match name {
        "Identity" => Ok(vec![Fact::of(context.ty(0).clone()).with(context.content(0).cloned())]),
        // Element-wise: the type of the operand.
        "Abs"
        | "Acos"
        | "Acosh"
        | "Asin"
        | "Asinh"
        | "Atan"
        | "Atanh"
        | "BitwiseNot"
        | "Ceil"
        | "Celu"
        | "Clip"
        | "Cos"
        | "Cosh"
        | "CumProd"
        | "CumSum"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Floor"
        | "Gelu"
        | "HardSigmoid"
        | "HardSwish"
        | "Hardmax"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "Mish"
        | "Neg"
        | "Not"
        | "PRelu"
        | "RMSNormalization"
        | "Reciprocal"
        | "Relu"
        | "ReverseSequence"
        | "RotaryEmbedding"
        | "Round"
        | "Scatter"
        | "ScatterElements"
        | "ScatterND"
        | "Selu"
        | "Shrink"
        | "Sigmoid"
        | "Sign"
        | "Sin"
        | "Sinh"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "Sqrt"
        | "Swish"
        | "Tan"
        | "Tanh"
        | "TensorScatter"
        | "ThresholdedRelu"
        | "Trilu" => same(context, first),
        "IsInf" | "IsNaN" => same(context, Some(DType::Bool)),
        "Cast" => {
            let dtype = context.onnx_dtype_attr("to");
            same(context, dtype)
        }
        "CastLike" => {
            let dtype = context.dtype(1);
            same(context, dtype)
        }
        "BitCast" => {
            let dtype = context.onnx_dtype_attr("to");
            let is_same_width = first.zip(dtype).is_some_and(|(from, to)| from.bits() == to.bits());
            if is_same_width { same(context, dtype) } else { Context::one(dtype, None) }
        }
        "EyeLike" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" => {
            let dtype = context.onnx_dtype_attr("dtype").or(first);
            same(context, dtype)
        }
        "Dropout" => {
            let mask = if context.opset >= 10 { Some(DType::Bool) } else { first };
            let shape = context.shape(0).cloned();
            Ok(vec![Fact::tensor(first, shape.clone()), Fact::tensor(mask, shape)])
        }
        "BatchNormalization" => {
            let mut facts = same(context, first)?;
            let statistics = Fact::tensor(context.dtype(3), context.shape(3).cloned());
            facts.resize(context.output_count().max(1), statistics);
            Ok(facts)
        }
        "LayerNormalization" => layer_normalization(context),
        "QuantizeLinear" => {
            let dtype = context.dtype(2).or_else(|| output_dtype(context)).or((!context.has(2)).then_some(DType::U8));
            same(context, dtype)
        }
        "DequantizeLinear" => {
            let dtype = output_dtype(context).or(context.dtype(1));
            same(context, dtype)
        }
        // Two operands that broadcast.
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "And" | "Or" | "Xor" | "BitShift" | "BitwiseAnd"
        | "BitwiseOr" | "BitwiseXor" | "StringConcat" => binary(context, first),
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => binary(context, Some(DType::Bool)),
        "Max" | "Min" | "Mean" | "Sum" => {
            let shapes: Vec<Option<&Shape>> = (0..context.node.inputs.len()).map(|slot| context.shape(slot)).collect();
            Context::one(first, shapes::broadcast_all(shapes)?)
        }
        "Where" => {
            let shape = shapes::broadcast_all((0..3).map(|slot| context.shape(slot)))?;
            Context::one(context.dtype(1).or(context.dtype(2)), shape)
        }
        "ArgMax" | "ArgMin" => {
            let axis = [context.int_attr("axis", 0)];
            reduction(context, Some(DType::I64), Some(&axis))
        }
        "ReduceSum" if context.opset >= 13 => reduce_by_operand(context),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean" | "ReduceMin"
        | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => {
            if context.opset >= 18 && name != "ReduceSum" {
                return reduce_by_operand(context);
            }
            let all: Vec<i64> = context.shape(0).map_or(Vec::new(), |shape| (0..shape.len() as i64).collect());
            let axes = context.ints_attr("axes").map_or(all, <[i64]>::to_vec);
            reduction(context, first, Some(&axes))
        }
        "MatMul" => matmul(context, first),
        "MatMulInteger" => matmul(context, Some(DType::I32)),
        "QLinearMatMul" => {
            let shape = match (context.shape(0), context.shape(3)) {
                (Some(a), Some(b)) => Some(shapes::matmul(a, b)?),
                _ => None,
            };
            Context::one(context.dtype(7), shape)
        }
        "Gemm" => {
            let dim = |flag: &str, slot: usize, axis: usize| {
                context.dim(slot, if context.int_attr(flag, 0) != 0 { 1 - axis } else { axis })
            };
            shapes::same_dim(&dim("transA", 0, 1), &dim("transB", 1, 0))?;
            Context::one(first, Some(Shape::from_iter([dim("transA", 0, 0), dim("transB", 1, 1)])))
        }
        "Det" => {
            let shape =
                context.shape(0).map(|shape| shape.iter().take(shape.len().saturating_sub(2)).cloned().collect());
            Context::one(first, shape)
        }
        "NonZero" => {
            // A scalar is read as a vector by some.
            let rank = context.shape(0).filter(|shape| !shape.is_empty());
            let rank = rank.map_or(Dim::Unknown, |shape| Dim::Known(shape.len() as u64));
            Context::one(Some(DType::I64), Some(Shape::from_iter([rank, Dim::Unknown])))
        }
        "TopK" => top_k(context),
        "Unique" => unique(context),
        "RandomNormal" | "RandomUniform" => {
            let dtype =
                if context.attr("dtype").is_some() { context.onnx_dtype_attr("dtype") } else { Some(DType::F32) };
            let dims = context.ints_attr("shape").unwrap_or_default().iter();
            Context::one(dtype, dims.map(|&extent| u64::try_from(extent).ok().map(Dim::Known)).collect())
        }
        "Multinomial" => {
            let dtype =
                if context.attr("dtype").is_some() { context.onnx_dtype_attr("dtype") } else { Some(DType::I32) };
            let count = u64::try_from(context.int_attr("sample_size", 1)).map_or(Dim::Unknown, Dim::Known);
            Context::one(dtype, Some(Shape::from_iter([context.dim(0, 0), count])))
        }
        "HannWindow" | "HammingWindow" | "BlackmanWindow" => {
            let dtype = if context.attr("output_datatype").is_some() {
                context.onnx_dtype_attr("output_datatype")
            } else {
                Some(DType::F32)
            };
            let size = context.int(0).and_then(|size| u64::try_from(size).ok()).map_or(Dim::Unknown, Dim::Known);
            Context::one(dtype, Some(Shape::from_iter([size])))
        }
        "RegexFullMatch" => same(context, Some(DType::Bool)),
        "Constant" => constant(context),
        "If" | "Loop" | "Scan" | "SequenceMap" | "SequenceAt" | "SequenceConstruct" | "SequenceEmpty"
        | "SequenceErase" | "SequenceInsert" | "SequenceLength" | "ConcatFromSequence" | "SplitToSequence"
        | "Optional" | "OptionalGetElement" | "OptionalHasElement" => control::infer(context, name),
        "Conv" | "ConvInteger" | "QLinearConv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "LpPool"
        | "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" | "Resize" | "Upsample" | "DepthToSpace"
        | "SpaceToDepth" | "RoiAlign" | "MaxRoiPool" | "DeformConv" | "AffineGrid" => spatial::infer(context, name),
        _ => match layout::infer(context, name)? {
            Some(facts) => Ok(facts),
            None => foreign::infer(context, name),
        },
    }
}

/// The shape of the first operand.
fn same(context: &mut Context<'_>, dtype: Option<DType>) -> Inferred<Facts> {
    Context::one(dtype, context.shape(0).cloned())
}

fn output_dtype(context: &Context<'_>) -> Option<DType> {
    context.onnx_dtype_attr("output_dtype")
}

fn binary(context: &mut Context<'_>, dtype: Option<DType>) -> Inferred<Facts> {
    let shape = match (context.shape(0), context.shape(1)) {
        // The old broadcasting never changes the first operand's shape.
        (Some(a), _) if context.opset < 7 => Some(a.clone()),
        (Some(a), Some(b)) => Some(shapes::broadcast(a, b)?),
        _ => None,
    };
    Context::one(dtype, shape)
}

fn matmul(context: &mut Context<'_>, dtype: Option<DType>) -> Inferred<Facts> {
    let shape = match (context.shape(0), context.shape(1)) {
        (Some(a), Some(b)) => Some(shapes::matmul(a, b)?),
        _ => None,
    };
    Context::one(dtype, shape)
}

fn reduction(context: &mut Context<'_>, dtype: Option<DType>, axes: Option<&[i64]>) -> Inferred<Facts> {
    let keep = context.int_attr("keepdims", 1) != 0;
    let shape = match context.shape(0) {
        Some(shape) => shapes::reduce(shape, axes, keep)?,
        None => None,
    };
    Context::one(dtype, shape)
}

/// Axes are an operand; none, or no axes in it, mean all or, if an attribute says so, none.
fn reduce_by_operand(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let axes = if context.has(1) { context.ints(1) } else { Some(Vec::new()) };
    match axes {
        Some(axes) if axes.is_empty() && context.int_attr("noop_with_empty_axes", 0) != 0 => same(context, dtype),
        Some(axes) if axes.is_empty() => {
            let all: Vec<i64> = context.shape(0).map_or(Vec::new(), |shape| (0..shape.len() as i64).collect());
            reduction(context, dtype, Some(&all))
        }
        axes => reduction(context, dtype, axes.as_deref()),
    }
}

fn layer_normalization(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let shape = context.shape(0).cloned();
    let reduced = match &shape {
        Some(shape) => {
            let from = shapes::axis(context.int_attr("axis", -1), shape.len())?;
            let dim = |(at, dim): (usize, &Dim)| if at < from { dim.clone() } else { Dim::Known(1) };
            Some(shape.iter().enumerate().map(dim).collect::<Shape>())
        }
        None => None,
    };
    let stash =
        if context.attr("stash_type").is_some() { context.onnx_dtype_attr("stash_type") } else { Some(DType::F32) };
    let statistics = Fact::tensor(stash, reduced);
    Ok(vec![Fact::tensor(dtype, shape), statistics.clone(), statistics])
}

fn top_k(context: &mut Context<'_>) -> Inferred<Facts> {
    let shape = match context.shape(0) {
        Some(shape) => {
            let mut shape = shape.clone();
            let axis = shapes::axis(context.int_attr("axis", -1), shape.len())?;
            shape.make_mut()[axis] = if context.opset < 10 {
                u64::try_from(context.int_attr("k", -1)).map_or(Dim::Unknown, Dim::Known)
            } else {
                let k = context.items(1).and_then(|items| items.into_iter().next().flatten());
                context.symbols.dim(k)
            };
            Some(shape)
        }
        None => None,
    };
    Ok(vec![Fact::tensor(context.dtype(0), shape.clone()), Fact::tensor(Some(DType::I64), shape)])
}

fn unique(context: &mut Context<'_>) -> Inferred<Facts> {
    let vector = || Some(Shape::from_iter([Dim::Unknown]));
    let values = match (context.attr("axis").and_then(Attr::as_int), context.shape(0)) {
        (None, _) => vector(),
        (Some(axis), Some(shape)) => {
            let mut shape = shape.clone();
            let axis = shapes::axis(axis, shape.len())?;
            shape.make_mut()[axis] = Dim::Unknown;
            Some(shape)
        }
        (Some(_), None) => None,
    };
    let mut facts = vec![Fact::tensor(context.dtype(0), values)];
    facts.resize(4, Fact::tensor(Some(DType::I64), vector()));
    Ok(facts)
}

/// A `Constant` that the reader left a node (sparse and the like).
fn constant(context: &mut Context<'_>) -> Inferred<Facts> {
    let ty = match context.node.attrs.iter().next().map(|entry| (entry.name.as_str(), &entry.value)) {
        Some(("value", Attr::Tensor(tensor))) => tensor.ty(),
        Some(("sparse_value", Attr::Tensor(tensor))) => tensor.ty(),
        Some(("value_int", Attr::Int(_))) => Type::fixed(DType::I64, &[]),
        Some(("value_float", Attr::Float(_))) => Type::fixed(DType::F32, &[]),
        Some(("value_string", Attr::Str(_))) => Type::fixed(DType::String, &[]),
        Some(("value_ints", Attr::Ints(items))) => Type::fixed(DType::I64, &[items.len()]),
        Some(("value_floats", Attr::Floats(items))) => Type::fixed(DType::F32, &[items.len()]),
        Some(("value_strings", Attr::Strs(items))) => Type::fixed(DType::String, &[items.len()]),
        _ => Type::Unknown,
    };
    Ok(vec![Fact::of(ty)])
}

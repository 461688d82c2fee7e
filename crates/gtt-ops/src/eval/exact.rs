//! The built-in evaluator: which op is evaluated by what.

use gtt_ir::{DType, Domain, Tensor};

use super::args::{Args, Evaluated};
use super::float::{self, Function};
use super::integer::{self, Arithmetic, Comparison, Unary};
use super::reduce::{self, Reduction};
use super::{Call, Evaluator, NotEvaluated, cast, gather, generate, movement};

/// The built-in evaluator.
///
/// Data movement of any element type; integer and Boolean arithmetic, comparisons, reductions; casts; element-wise arithmetic and
/// functions of f16, bf16, f32 and f64 in their own precision. Sums of floats and matrix products are left to engines. An attribute
/// that is not known to have no influence makes it refuse.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exact;

impl Evaluator for Exact {
    fn name(&self) -> &str {
        "exact"
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        let args = Args { call };
        if let Some(tensor) = call.inputs.iter().flatten().find(|tensor| !tensor.is_readable()) {
            return args.unsupported(&format!("of {tensor:?}, which cannot be read,"));
        }
        let name = call.op.name.as_str();
        let mut results = if call.op.domain == Domain::ONNX {
            onnx(args, name)?
        } else if call.op.domain == Domain::TF {
            tf(args, name)?
        } else {
            return unknown(args);
        };
        if results.len() < call.output_count {
            return args.unsupported(&format!("with {} results", call.output_count));
        }
        results.truncate(call.output_count);
        Ok(results)
    }
}

fn unknown<T>(args: Args<'_>) -> Evaluated<T> {
    Err(NotEvaluated::unsupported(format!("op {} is not evaluated", args.call.op)))
}

fn onnx(args: Args<'_>, name: &str) -> Evaluated<Vec<Tensor>> {
    let since = crate::info(args.call.op).since;
    if args.opset() < since {
        return args.unsupported(&format!("before operator set {since}"));
    }
    // Before operator set 7, binary ops broadcast only as attributes said.
    let shapes_differ = |a: &Tensor, b: &Tensor| a.shape() != b.shape();
    if args.opset() < 7
        && is_binary(name)
        && args.optional(0).zip(args.optional(1)).is_some_and(|(a, b)| shapes_differ(a, b))
    {
        return args.unsupported("with the broadcasting of old operator sets");
    }
    match name {
        "Identity" => movement::identity(args),
        "Reshape" => movement::reshape(args),
        "Squeeze" => movement::squeeze(args),
        "Unsqueeze" => movement::unsqueeze(args),
        "Flatten" => movement::flatten(args),
        "Transpose" => movement::transpose(args),
        "Slice" => movement::slice(args),
        "Concat" => movement::concat(args),
        "Split" => movement::split(args),
        "Tile" => movement::tile(args),
        "Expand" => movement::expand(args),
        "DepthToSpace" | "SpaceToDepth" => movement::depth_space(args),
        "Gather" => gather::gather(args),
        "GatherND" => gather::gather_nd(args),
        "GatherElements" => gather::gather_elements(args),
        "ScatterND" => gather::scatter_nd(args),
        "ScatterElements" | "Scatter" => gather::scatter_elements(args),
        "Where" => gather::select(args),
        "NonZero" => gather::nonzero(args),
        "Pad" => gather::pad(args),
        "Trilu" => gather::trilu(args),
        "OneHot" => gather::one_hot(args),
        "Shape" => generate::shape(args),
        "Size" => generate::size(args),
        "ConstantOfShape" => generate::constant_of_shape(args),
        "Range" => generate::range(args),
        "EyeLike" => generate::eye_like(args),
        "Cast" | "CastLike" => cast::cast(args),
        "BitCast" => cast::bitcast(args),
        "CumSum" => reduce::cumulative(args, false),
        "CumProd" => reduce::cumulative(args, true),
        "ReduceSum" => reduce::reduce(args, Reduction::Sum),
        "ReduceProd" => reduce::reduce(args, Reduction::Prod),
        "ReduceMax" => reduce::reduce(args, Reduction::Max),
        "ReduceMin" => reduce::reduce(args, Reduction::Min),
        "ReduceSumSquare" => reduce::reduce(args, Reduction::SumSquare),
        "ReduceL1" => reduce::reduce(args, Reduction::L1),
        "ArgMax" => reduce::arg_extreme(args, true),
        "ArgMin" => reduce::arg_extreme(args, false),
        "Equal" => integer::compare(args, Comparison::Equal),
        "Less" => integer::compare(args, Comparison::Less),
        "LessOrEqual" => integer::compare(args, Comparison::LessOrEqual),
        "Greater" => integer::compare(args, Comparison::Greater),
        "GreaterOrEqual" => integer::compare(args, Comparison::GreaterOrEqual),
        "And" => integer::logic(args, |x, y| x & y),
        "Or" => integer::logic(args, |x, y| x | y),
        "Xor" => integer::logic(args, |x, y| x ^ y),
        "Not" => integer::not(args),
        "Add" => binary(args, Arithmetic::Add),
        "Sub" => binary(args, Arithmetic::Sub),
        "Mul" => binary(args, Arithmetic::Mul),
        "Div" => binary(args, Arithmetic::Div),
        "Pow" => binary(args, Arithmetic::Pow),
        "BitwiseAnd" => binary(args, Arithmetic::And),
        "BitwiseOr" => binary(args, Arithmetic::Or),
        "BitwiseXor" => binary(args, Arithmetic::Xor),
        "Mod" => {
            args.only(&["fmod"])?;
            let kind = if args.int_attr("fmod", 0)? != 0 { Arithmetic::TruncMod } else { Arithmetic::FloorMod };
            arithmetic(args, kind, args.input(0)?, args.input(1)?).map(one)
        }
        "BitShift" => {
            args.only(&["direction"])?;
            let kind = match args.str_attr("direction", "")? {
                "LEFT" => Arithmetic::ShiftLeft,
                "RIGHT" => Arithmetic::ShiftRight,
                _ => return args.undefined("the direction is none"),
            };
            arithmetic(args, kind, args.input(0)?, args.input(1)?).map(one)
        }
        "Max" => variadic(args, Arithmetic::Max),
        "Min" => variadic(args, Arithmetic::Min),
        "Sum" => variadic(args, Arithmetic::Add),
        "Clip" => clip(args),
        "BitwiseNot" => integral(args, Unary::Not),
        "IsNaN" => float::classify(args, |number| number.is_nan()).map(one),
        "IsInf" => {
            args.only(&["detect_negative", "detect_positive"])?;
            let (negative, positive) =
                (args.int_attr("detect_negative", 1)? != 0, args.int_attr("detect_positive", 1)? != 0);
            let found = |number: f64| number.is_infinite() && if number < 0.0 { negative } else { positive };
            float::classify(args, found).map(one)
        }
        "Neg" => unary(args, Function::Neg),
        "Abs" => unary(args, Function::Abs),
        "Sign" => unary(args, Function::Sign),
        "Relu" => unary(args, Function::Relu),
        "LeakyRelu" => unary(args, Function::LeakyRelu(args.float_attr("alpha", 0.01)?)),
        "Elu" => unary(args, Function::Elu(args.float_attr("alpha", 1.0)?)),
        "HardSigmoid" => {
            unary(args, Function::HardSigmoid(args.float_attr("alpha", 0.2)?, args.float_attr("beta", 0.5)?))
        }
        "HardSwish" => unary(args, Function::HardSwish),
        "Round" => unary(args, Function::Round),
        _ => match function(name) {
            Some(function) => unary(args, function),
            None => unknown(args),
        },
    }
}

fn tf(args: Args<'_>, name: &str) -> Evaluated<Vec<Tensor>> {
    match name {
        "Identity" | "StopGradient" | "PreventGradient" | "Snapshot" | "GuaranteeConst" => movement::identity(args),
        "IdentityN" => movement::identities(args),
        "CheckNumerics" | "CheckNumericsV2" => checked(args),
        "Reshape" => movement::reshape(args),
        "Squeeze" => movement::squeeze(args),
        "ExpandDims" => movement::unsqueeze(args),
        "Transpose" => movement::transpose(args),
        "Slice" => movement::slice(args),
        "StridedSlice" => movement::strided_slice(args),
        "Concat" | "ConcatV2" => movement::concat(args),
        "Pack" => movement::pack(args),
        "Unpack" => movement::unpack(args),
        "Split" | "SplitV" => movement::split(args),
        "Tile" => movement::tile(args),
        "BroadcastTo" => movement::expand(args),
        "ReverseV2" => movement::reverse(args),
        "DepthToSpace" | "SpaceToDepth" => movement::depth_space(args),
        "Gather" | "GatherV2" => gather::gather(args),
        "GatherNd" => gather::gather_nd(args),
        "Select" | "SelectV2" => gather::select(args),
        "Where" => gather::nonzero(args),
        "Pad" | "PadV2" | "MirrorPad" => gather::pad(args),
        "OneHot" => gather::one_hot(args),
        "InvertPermutation" => gather::invert_permutation(args),
        "DynamicStitch" | "ParallelDynamicStitch" => gather::dynamic_stitch(args),
        "Shape" => generate::shape(args),
        "ShapeN" => generate::shape_n(args),
        "Size" => generate::size(args),
        "Rank" => generate::rank(args),
        "Fill" => generate::fill(args),
        "ZerosLike" => generate::like(args, false),
        "OnesLike" => generate::like(args, true),
        "Range" => generate::range(args),
        "BroadcastArgs" => generate::broadcast_args(args),
        "ConcatOffset" => generate::concat_offset(args),
        "Cast" => cast::cast(args),
        "Bitcast" => cast::bitcast(args),
        "Cumsum" => reduce::cumulative(args, false),
        "Cumprod" => reduce::cumulative(args, true),
        "Sum" => reduce::reduce(args, Reduction::Sum),
        "Prod" => reduce::reduce(args, Reduction::Prod),
        "Max" => reduce::reduce(args, Reduction::Max),
        "Min" => reduce::reduce(args, Reduction::Min),
        "All" => reduce::reduce(args, Reduction::All),
        "Any" => reduce::reduce(args, Reduction::Any),
        "ArgMax" => reduce::arg_extreme(args, true),
        "ArgMin" => reduce::arg_extreme(args, false),
        "Equal" => integer::compare(args, Comparison::Equal),
        "NotEqual" => integer::compare(args, Comparison::NotEqual),
        "Less" => integer::compare(args, Comparison::Less),
        "LessEqual" => integer::compare(args, Comparison::LessOrEqual),
        "Greater" => integer::compare(args, Comparison::Greater),
        "GreaterEqual" => integer::compare(args, Comparison::GreaterOrEqual),
        "LogicalAnd" => integer::logic(args, |x, y| x & y),
        "LogicalOr" => integer::logic(args, |x, y| x | y),
        "LogicalNot" => integer::not(args),
        "Add" | "AddV2" => binary(args, Arithmetic::Add),
        "Sub" => binary(args, Arithmetic::Sub),
        "Mul" => binary(args, Arithmetic::Mul),
        "Div" | "RealDiv" => binary(args, Arithmetic::Div),
        "DivNoNan" => binary(args, Arithmetic::DivNoNan),
        "TruncateDiv" if !is_float(args) => binary(args, Arithmetic::Div),
        "FloorDiv" => binary(args, Arithmetic::FloorDiv),
        "FloorMod" => binary(args, Arithmetic::FloorMod),
        "Mod" | "TruncateMod" => binary(args, Arithmetic::TruncMod),
        "Maximum" => binary(args, Arithmetic::Max),
        "Minimum" => binary(args, Arithmetic::Min),
        "Pow" => binary(args, Arithmetic::Pow),
        "SquaredDifference" => binary(args, Arithmetic::SquaredDifference),
        "BitwiseAnd" => binary(args, Arithmetic::And),
        "BitwiseOr" => binary(args, Arithmetic::Or),
        "BitwiseXor" => binary(args, Arithmetic::Xor),
        "AddN" => variadic(args, Arithmetic::Add),
        "ClipByValue" => clip(args),
        "IsNan" => float::classify(args, |number| number.is_nan()).map(one),
        "IsInf" => float::classify(args, |number| number.is_infinite()).map(one),
        "IsFinite" => float::classify(args, |number| number.is_finite()).map(one),
        "BiasAdd" | "BiasAddV1" => bias_add(args),
        "Invert" => integral(args, Unary::Not),
        "Square" => unary(args, Function::Square),
        "Neg" => unary(args, Function::Neg),
        "Abs" => unary(args, Function::Abs),
        "Sign" => unary(args, Function::Sign),
        "Relu" => unary(args, Function::Relu),
        "Relu6" => unary(args, Function::Relu6),
        "LeakyRelu" => unary(args, Function::LeakyRelu(args.float_attr("alpha", 0.2)?)),
        "Elu" => unary(args, Function::Elu(1.0)),
        "Round" | "Rint" => unary(args, Function::Round),
        "Rsqrt" => unary(args, Function::Rsqrt),
        "Inv" => unary(args, Function::Reciprocal),
        "Expm1" => unary(args, Function::Expm1),
        "Log1p" => unary(args, Function::Log1p),
        _ => match function(name) {
            Some(function) => unary(args, function),
            None => unknown(args),
        },
    }
}

/// Functions that both dialects call the same.
fn function(name: &str) -> Option<Function> {
    Some(match name {
        "Sqrt" => Function::Sqrt,
        "Reciprocal" => Function::Reciprocal,
        "Floor" => Function::Floor,
        "Ceil" => Function::Ceil,
        "Exp" => Function::Exp,
        "Log" => Function::Log,
        "Sin" => Function::Sin,
        "Cos" => Function::Cos,
        "Tan" => Function::Tan,
        "Asin" => Function::Asin,
        "Acos" => Function::Acos,
        "Atan" => Function::Atan,
        "Sinh" => Function::Sinh,
        "Cosh" => Function::Cosh,
        "Tanh" => Function::Tanh,
        "Sigmoid" => Function::Sigmoid,
        "Softplus" => Function::Softplus,
        "Softsign" => Function::Softsign,
        "Erf" => Function::Erf,
        _ => return None,
    })
}

/// Binary ops that are older than today's broadcasting.
fn is_binary(name: &str) -> bool {
    matches!(
        name,
        "Add"
            | "Sub"
            | "Mul"
            | "Div"
            | "Pow"
            | "And"
            | "Or"
            | "Xor"
            | "Equal"
            | "Less"
            | "Greater"
            | "Max"
            | "Min"
            | "Sum"
    )
}

fn one(tensor: Tensor) -> Vec<Tensor> {
    vec![tensor]
}

fn is_float(args: Args<'_>) -> bool {
    args.optional(0).is_some_and(|tensor| tensor.dtype().is_float())
}

fn arithmetic(args: Args<'_>, kind: Arithmetic, a: &Tensor, b: &Tensor) -> Evaluated<Tensor> {
    if a.dtype().is_float() { float::binary(args, kind, a, b) } else { integer::binary(args, kind, a, b) }
}

fn binary(args: Args<'_>, kind: Arithmetic) -> Evaluated<Vec<Tensor>> {
    args.only(&["consumed_inputs", "incompatible_shape_error"])?;
    let (a, mut b) = (args.input(0)?, args.input(1)?.clone());
    if kind == Arithmetic::Pow && args.is_onnx() && b.dtype() != a.dtype() {
        // ONNX lets the exponent have a type of its own.
        b = cast::converted(args, &b, a.dtype(), true)?;
        if cast::converted(args, &b, args.input(1)?.dtype(), true)? != *args.input(1)? {
            return args.unsupported("with an exponent that does not convert");
        }
    }
    arithmetic(args, kind, a, &b).map(one)
}

/// Ops of any number of operands. Float sums of more than two depend on an order that no specification gives.
fn variadic(args: Args<'_>, kind: Arithmetic) -> Evaluated<Vec<Tensor>> {
    args.only(&["consumed_inputs"])?;
    let operands = args.inputs_from(0)?;
    if kind == Arithmetic::Add && operands.len() > 2 && is_float(args) {
        return args.unsupported("of more than two floats");
    }
    let Some((first, rest)) = operands.split_first() else { return args.undefined("there are no operands") };
    rest.iter().try_fold((*first).clone(), |so_far, operand| arithmetic(args, kind, &so_far, operand)).map(one)
}

/// The same function of floats, or its like of integers.
fn unary(args: Args<'_>, function: Function) -> Evaluated<Vec<Tensor>> {
    args.only(&["consumed_inputs", "alpha", "beta"])?;
    let operand = args.input(0)?;
    if operand.dtype().is_float() {
        return float::unary(args, function, operand).map(one);
    }
    match function {
        Function::Neg => integral(args, Unary::Neg),
        Function::Abs => integral(args, Unary::Abs),
        Function::Sign => integral(args, Unary::Sign),
        Function::Square => integral(args, Unary::Square),
        Function::Relu => integral(args, Unary::Relu),
        _ => args.unsupported(&format!("on {}", operand.dtype())),
    }
}

fn integral(args: Args<'_>, kind: Unary) -> Evaluated<Vec<Tensor>> {
    args.only(&["consumed_inputs"])?;
    integer::unary(args, kind, args.input(0)?).map(one)
}

/// ONNX `Clip` (bounds are attributes before operator set 11), TensorFlow `ClipByValue`.
fn clip(args: Args<'_>) -> Evaluated<Vec<Tensor>> {
    args.only(&["min", "max", "consumed_inputs"])?;
    let operand = args.input(0)?;
    if args.is_onnx() && args.opset() < 11 {
        let (low, high) = (args.float_attr("min", f32::MIN)?, args.float_attr("max", f32::MAX)?);
        return float::unary(args, Function::Clip(low.into(), high.into()), operand).map(one);
    }
    let mut clipped = operand.clone();
    for (slot, kind) in [(1, Arithmetic::Max), (2, Arithmetic::Min)] {
        if let Some(bound) = args.optional(slot) {
            let shape = clipped.shape().to_vec();
            clipped = arithmetic(args, kind, &clipped, bound)?;
            if clipped.shape() != shape {
                return args.undefined("a bound is larger than the operand");
            }
        }
    }
    Ok(vec![clipped])
}

fn bias_add(args: Args<'_>) -> Evaluated<Vec<Tensor>> {
    args.only(&["data_format"])?;
    let (value, bias) = (args.input(0)?, args.input(1)?);
    let axis = match args.str_attr("data_format", "NHWC")? {
        "NHWC" => value.rank().checked_sub(1),
        "NCHW" => Some(1),
        _ => None,
    };
    match axis {
        Some(axis) if value.rank() >= 2 && bias.rank() == 1 && bias.len() == value.shape()[axis] => {
            let mut shape = vec![1; value.rank()];
            shape[axis] = bias.len();
            let bias = bias.reshaped(&shape).map_or_else(|| args.unsupported("of such constants"), Ok)?;
            arithmetic(args, Arithmetic::Add, value, &bias).map(one)
        }
        _ => args.undefined("the bias does not fit"),
    }
}

/// `CheckNumerics` of finite numbers is its operand; of others it is an error at run time, which stays one.
fn checked(args: Args<'_>) -> Evaluated<Vec<Tensor>> {
    args.only(&["message"])?;
    let operand = args.input(0)?;
    args.check_size(DType::F64, operand.shape())?;
    match operand.to_f64s() {
        Some(numbers) if numbers.iter().all(|number| number.is_finite()) => Ok(vec![operand.clone()]),
        Some(_) => args.undefined("the operand is not finite"),
        None => args.unsupported(&format!("on {}", operand.dtype())),
    }
}

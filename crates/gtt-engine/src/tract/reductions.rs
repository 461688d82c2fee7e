//! `ReduceMax`, `ReduceMin`, `ReduceLogSumExp` and `LogSoftmax`, our own.
//!
//! tract starts the first two from the smallest finite number, so that a row of negative infinities (a fully masked attention row, an
//! empty row) comes out finite; here they start from infinity, `false` or the end of the integer range, as specified, and NaN wins.
//! It takes the logarithm of a sum of exponentials literally, which overflows, and the logarithm of a softmax, which underflows
//! to negative infinity; here the largest element is taken out first.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::math::sub;
use tract_onnx::tract_hir::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

use super::builders::Built;

pub(super) fn reduce_max(context: &ParsingContext, node: &NodeProto) -> Built {
    build(context, node, Kind::Max)
}

pub(super) fn reduce_min(context: &ParsingContext, node: &NodeProto) -> Built {
    build(context, node, Kind::Min)
}

pub(super) fn reduce_log_sum_exp(context: &ParsingContext, node: &NodeProto) -> Built {
    build(context, node, Kind::LogSumExp)
}

/// Before operator set 13, all axes from `axis` on count as one.
pub(super) fn log_softmax(context: &ParsingContext, node: &NodeProto) -> Built {
    let layers = context.onnx_operator_set_version < 13;
    let axis = node.get_attr_opt("axis")?.unwrap_or(if layers { 1 } else { -1 });
    Ok((expand(LogSoftmax { axis, layers }), vec![]))
}

#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
enum Kind {
    Max,
    Min,
    LogSumExp,
}

impl Kind {
    fn name(self) -> StaticName {
        match self {
            Kind::Max => "ReduceMax".into(),
            Kind::Min => "ReduceMin".into(),
            Kind::LogSumExp => "ReduceLogSumExp".into(),
        }
    }
}

fn build(context: &ParsingContext, node: &NodeProto, kind: Kind) -> Built {
    let by_operand = context.onnx_operator_set_version >= 18;
    let axes = if by_operand { None } else { node.get_attr_opt_vec::<i64>("axes")? };
    let keepdims = node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) == 1;
    let noop = node.get_attr_opt::<i64>("noop_with_empty_axes")?.unwrap_or(0) == 1;
    let operand = by_operand && node.input.get(1).is_some_and(|name| !name.is_empty());
    Ok((expand(Reduction { axes, operand, keepdims, noop, kind }), vec![]))
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Reduction {
    axes: Option<Vec<i64>>,
    operand: bool,
    keepdims: bool,
    noop: bool,
    kind: Kind,
}

impl Reduction {
    /// The axes to reduce, ascending.
    fn resolve(&self, axes: &[i64], rank: usize) -> TractResult<TVec<usize>> {
        if axes.is_empty() && !self.noop {
            return Ok((0..rank).collect());
        }
        let mut resolved: TVec<usize> = tvec!();
        for &axis in axes {
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            ensure!((0..rank as i64).contains(&axis), "axis {axis} of rank {rank}");
            resolved.push(axis as usize);
        }
        resolved.sort_unstable();
        resolved.dedup();
        Ok(resolved)
    }

    fn shape(&self, shape: &[TDim], axes: &[usize]) -> TVec<TDim> {
        let kept = |(axis, dim): (usize, &TDim)| match (axes.contains(&axis), self.keepdims) {
            (false, _) => Some(dim.clone()),
            (true, true) => Some(1.to_dim()),
            (true, false) => None,
        };
        shape.iter().enumerate().filter_map(kept).collect()
    }
}

fn ints(tensor: &Tensor) -> TractResult<Vec<i64>> {
    Ok(tensor.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
}

impl Expansion for Reduction {
    fn name(&self) -> StaticName {
        self.kind.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1 + usize::from(self.operand))?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        if self.operand {
            return s.given_2(&inputs[0].shape, &inputs[1].value, move |s, shape, axes| {
                let axes = self.resolve(&ints(&axes)?, shape.len())?;
                s.equals(&outputs[0].shape, self.shape(&shape, &axes))
            });
        }
        s.given(&inputs[0].shape, move |s, shape| {
            let axes = self.resolve(self.axes.as_deref().unwrap_or_default(), shape.len())?;
            s.equals(&outputs[0].shape, self.shape(&shape, &axes))
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let axes = match (&self.axes, self.operand) {
            (_, true) => ints(model.outlet_fact(inputs[1])?.konst.as_ref().context("axes must be constant")?)?,
            (axes, false) => axes.clone().unwrap_or_default(),
        };
        let rank = model.outlet_fact(inputs[0])?.rank();
        let axes = self.resolve(&axes, rank)?;
        let op = TypedReduction { axes: axes.clone(), kind: self.kind };
        let mut wire = model.wire_node(prefix, op, &inputs[..1])?;
        if !self.keepdims {
            for axis in axes.iter().rev() {
                wire = model.wire_node(format!("{prefix}.rm-{axis}"), AxisOp::Rm(*axis), &wire)?;
            }
        }
        Ok(wire)
    }
}

/// Keeps the reduced axes with extent 1.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct TypedReduction {
    axes: TVec<usize>,
    kind: Kind,
}

impl Op for TypedReduction {
    fn name(&self) -> StaticName {
        self.kind.name()
    }

    op_as_typed_op!();
}

impl EvalOp for TypedReduction {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let result = match self.kind {
            Kind::LogSumExp => self.log_sum_exp(&input),
            Kind::Max | Kind::Min => self.extreme(&input),
        };
        Ok(tvec!(result?.into_tvalue()))
    }
}

impl TypedReduction {
    fn extreme(&self, input: &Tensor) -> TractResult<Tensor> {
        match input.datum_type() {
            DatumType::Bool => self.pick::<bool>(input, false, true),
            DatumType::U8 => self.pick(input, u8::MIN, u8::MAX),
            DatumType::U16 => self.pick(input, u16::MIN, u16::MAX),
            DatumType::U32 => self.pick(input, u32::MIN, u32::MAX),
            DatumType::U64 => self.pick(input, u64::MIN, u64::MAX),
            DatumType::I8 => self.pick(input, i8::MIN, i8::MAX),
            DatumType::I16 => self.pick(input, i16::MIN, i16::MAX),
            DatumType::I32 => self.pick(input, i32::MIN, i32::MAX),
            DatumType::I64 => self.pick(input, i64::MIN, i64::MAX),
            DatumType::F16 => self.pick(input, f16::NEG_INFINITY, f16::INFINITY),
            DatumType::F32 => self.pick(input, f32::NEG_INFINITY, f32::INFINITY),
            DatumType::F64 => self.pick(input, f64::NEG_INFINITY, f64::INFINITY),
            other => bail!("no order on {other:?}"),
        }
    }

    fn pick<T: Datum + Copy + PartialOrd>(&self, input: &Tensor, low: T, high: T) -> TractResult<Tensor> {
        let max = self.kind != Kind::Min;
        let pick = |&best: &T, &next: &T| {
            // Only NaN does not equal itself.
            #[allow(clippy::eq_op, reason = "only NaN differs from itself; the element type is generic")]
            let is_nan = next != next;
            if is_nan || (if max { next > best } else { next < best }) { next } else { best }
        };
        let array = input.to_plain_array_view::<T>()?.to_owned();
        Ok(self.fold(array, if max { low } else { high }, pick).into_tensor())
    }

    fn fold<T: Datum + Copy>(
        &self,
        mut array: tract_ndarray::ArrayD<T>,
        start: T,
        step: impl Fn(&T, &T) -> T,
    ) -> tract_ndarray::ArrayD<T> {
        for &axis in &self.axes {
            let axis = tract_ndarray::Axis(axis);
            array = array.fold_axis(axis, start, &step).insert_axis(axis);
        }
        array
    }

    fn log_sum_exp(&self, input: &Tensor) -> TractResult<Tensor> {
        let wide = input.cast_to::<f64>()?;
        let array = wide.to_plain_array_view::<f64>()?;
        let largest = self.fold(array.to_owned(), f64::NEG_INFINITY, |a, b| if a > b { *a } else { *b });
        // A row of infinities has no distance from its largest element.
        let base = largest.mapv(|x| if x.is_finite() { x } else { 0.0 });
        let sums = self.fold((&array - &base).mapv(f64::exp), 0.0, |a, b| a + b);
        let result = sums.mapv(f64::ln) + base;
        Ok(result.into_tensor().cast_to_dt(input.datum_type())?.into_owned())
    }
}

impl TypedOp for TypedReduction {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.clone();
        for &axis in &self.axes {
            shape.set(axis, 1.to_dim());
        }
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    as_op!();
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct LogSoftmax {
    axis: i64,
    layers: bool,
}

impl Expansion for LogSoftmax {
    fn name(&self) -> StaticName {
        "LogSoftmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank();
        let axis = if self.axis < 0 { self.axis + rank as i64 } else { self.axis };
        ensure!((0..=rank as i64).contains(&axis), "axis {axis} of rank {rank}");
        let axis = axis as usize;
        let axes: TVec<usize> = if self.layers { (axis..rank).collect() } else { tvec!(axis) };
        ensure!(axes.iter().all(|&axis| axis < rank), "axis {axis} of rank {rank}");
        let op = TypedReduction { axes, kind: Kind::LogSumExp };
        let sum = model.wire_node(format!("{prefix}.log-sum-exp"), op, inputs)?;
        model.wire_node(prefix, sub(), &[inputs[0], sum[0]])
    }
}

//! `ReduceMax` and `ReduceMin`, our own.
//!
//! tract starts its fold from the smallest finite number, so that a row of negative infinities (a fully masked attention row, an
//! empty row) comes out finite. Here the fold starts from infinity, `false` or the end of the integer range, as specified; NaN wins.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

use super::builders::Built;

pub(super) fn reduce_max(context: &ParsingContext, node: &NodeProto) -> Built {
    build(context, node, true)
}

pub(super) fn reduce_min(context: &ParsingContext, node: &NodeProto) -> Built {
    build(context, node, false)
}

fn build(context: &ParsingContext, node: &NodeProto, max: bool) -> Built {
    let by_operand = context.onnx_operator_set_version >= 18;
    let axes = if by_operand { None } else { node.get_attr_opt_vec::<i64>("axes")? };
    let keepdims = node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) == 1;
    let noop = node.get_attr_opt::<i64>("noop_with_empty_axes")?.unwrap_or(0) == 1;
    let operand = by_operand && node.input.get(1).is_some_and(|name| !name.is_empty());
    Ok((expand(Extreme { axes, operand, keepdims, noop, max }), vec![]))
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Extreme {
    axes: Option<Vec<i64>>,
    operand: bool,
    keepdims: bool,
    noop: bool,
    max: bool,
}

impl Extreme {
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

impl Expansion for Extreme {
    fn name(&self) -> StaticName {
        if self.max { "ReduceMax".into() } else { "ReduceMin".into() }
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
        let op = TypedExtreme { axes: axes.clone(), max: self.max };
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
struct TypedExtreme {
    axes: TVec<usize>,
    max: bool,
}

impl Op for TypedExtreme {
    fn name(&self) -> StaticName {
        if self.max { "ReduceMax".into() } else { "ReduceMin".into() }
    }

    op_as_typed_op!();
}

impl EvalOp for TypedExtreme {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let result = match input.datum_type() {
            DatumType::Bool => self.fold::<bool>(&input, false, true),
            DatumType::U8 => self.fold(&input, u8::MIN, u8::MAX),
            DatumType::U16 => self.fold(&input, u16::MIN, u16::MAX),
            DatumType::U32 => self.fold(&input, u32::MIN, u32::MAX),
            DatumType::U64 => self.fold(&input, u64::MIN, u64::MAX),
            DatumType::I8 => self.fold(&input, i8::MIN, i8::MAX),
            DatumType::I16 => self.fold(&input, i16::MIN, i16::MAX),
            DatumType::I32 => self.fold(&input, i32::MIN, i32::MAX),
            DatumType::I64 => self.fold(&input, i64::MIN, i64::MAX),
            DatumType::F16 => self.fold(&input, f16::NEG_INFINITY, f16::INFINITY),
            DatumType::F32 => self.fold(&input, f32::NEG_INFINITY, f32::INFINITY),
            DatumType::F64 => self.fold(&input, f64::NEG_INFINITY, f64::INFINITY),
            other => bail!("no order on {other:?}"),
        };
        Ok(tvec!(result?.into_tvalue()))
    }
}

impl TypedExtreme {
    fn fold<T: Datum + Copy + PartialOrd>(&self, input: &Tensor, low: T, high: T) -> TractResult<Tensor> {
        let mut array = input.to_plain_array_view::<T>()?.to_owned();
        let start = if self.max { low } else { high };
        for &axis in &self.axes {
            let axis = tract_ndarray::Axis(axis);
            let pick = |&best: &T, &next: &T| {
                // Only NaN does not equal itself.
                #[allow(clippy::eq_op)]
                let is_nan = next != next;
                if is_nan || (if self.max { next > best } else { next < best }) { next } else { best }
            };
            array = array.fold_axis(axis, start, pick).insert_axis(axis);
        }
        Ok(array.into_tensor())
    }
}

impl TypedOp for TypedExtreme {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.clone();
        for &axis in &self.axes {
            shape.set(axis, 1.to_dim());
        }
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    as_op!();
}

//! `Softplus`, our own: `ln(1 + exp(x))` as `max(x, 0) + ln1p(exp(-|x|))`.
//!
//! tract takes the first form literally, which is infinite from x = 89 on and loses what is small.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

use super::builders::Built;

pub(super) fn softplus(_context: &tract_onnx::model::ParsingContext, _node: &tract_onnx::pb::NodeProto) -> Built {
    Ok((expand(Softplus), vec![]))
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Softplus;

impl Expansion for Softplus {
    fn name(&self) -> StaticName {
        "Softplus".into()
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
        model.wire_node(prefix, TypedSoftplus, inputs)
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct TypedSoftplus;

impl Op for TypedSoftplus {
    fn name(&self) -> StaticName {
        "Softplus".into()
    }

    op_as_typed_op!();
}

impl EvalOp for TypedSoftplus {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut tensor = args_1!(inputs).into_tensor();
        let datum_type = tensor.datum_type();
        let mut plain = tensor.try_as_plain_ram_mut()?;
        let wide = |x: f32| x.max(0.0) + (-x.abs()).exp().ln_1p();
        match datum_type {
            DatumType::F16 => {
                plain.as_slice_mut::<f16>()?.iter_mut().for_each(|x| *x = f16::from_f32(wide(x.to_f32())))
            }
            DatumType::F32 => plain.as_slice_mut::<f32>()?.iter_mut().for_each(|x| *x = wide(*x)),
            DatumType::F64 => {
                plain.as_slice_mut::<f64>()?.iter_mut().for_each(|x| *x = x.max(0.0) + (-x.abs()).exp().ln_1p())
            }
            other => bail!("no softplus of {other:?}"),
        }
        Ok(tvec!(tensor.into_tvalue()))
    }
}

impl TypedOp for TypedSoftplus {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}

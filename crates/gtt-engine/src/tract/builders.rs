//! Our own translations of ops whose translation in tract 0.23.9 is wrong or lossy.
//!
//! tract carries shape arithmetic in `TDim`, a symbolic integer that other types reach through 32 bits, and casts to int64 become casts
//! to it: values beyond 31 bits are lost without a word. Shapes are always concrete here, so `Cast`, `Shape` and `Size` give plain i64
//! instead, and no `TDim` tensor arises at all. `ConstantOfShape` without a value is f32, as specified, not f64.

use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

use super::{branch, fence, reductions, repeat, softplus};

pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) static PLAIN: LazyLock<Onnx> = LazyLock::new(tract_onnx::onnx);

/// tract's ONNX framework with our builders in it. Made once.
pub(super) static FRAMEWORK: LazyLock<Onnx> = LazyLock::new(|| {
    let mut framework = tract_onnx::onnx();
    framework.op_register.insert("Cast", build_cast);
    framework.op_register.insert("Conv", fence::conv);
    framework.op_register.insert("ConstantOfShape", build_constant_of_shape);
    framework.op_register.insert("Expand", fence::broadcast);
    framework.op_register.insert("If", branch::branches);
    framework.op_register.insert("LogSoftmax", reductions::log_softmax);
    framework.op_register.insert("Loop", repeat::repeat);
    framework.op_register.insert("ReduceLogSumExp", reductions::reduce_log_sum_exp);
    framework.op_register.insert("ReduceMax", reductions::reduce_max);
    framework.op_register.insert("ReduceMin", reductions::reduce_min);
    framework.op_register.insert("Shape", build_shape);
    framework.op_register.insert("Slice", fence::slice);
    framework.op_register.insert("Softplus", softplus::softplus);
    framework.op_register.insert("Sub", fence::sub);
    framework.op_register.insert("Size", |_, _| Ok((expand(array::Size::new(DatumType::I64)), vec![])));
    framework
});

fn build_cast(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.get_attr::<DatumType>("to")? != DatumType::I64 {
        return (PLAIN.op_register.0["Cast"])(context, node);
    }
    Ok((expand(CastToI64), vec![]))
}

fn build_constant_of_shape(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.attribute.iter().any(|attribute| attribute.name == "value") {
        return (PLAIN.op_register.0["ConstantOfShape"])(context, node);
    }
    Ok((expand(array::ConstantOfShape::new(rctensor0(0f32))), vec![]))
}

fn build_shape(_context: &ParsingContext, node: &NodeProto) -> Built {
    let start = node.get_attr_opt("start")?.unwrap_or(0);
    let end = node.get_attr_opt("end")?;
    Ok((expand(ShapeI64 { start, end }), vec![]))
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct CastToI64;

impl Expansion for CastToI64 {
    fn name(&self) -> StaticName {
        "CastToI64".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, DatumType::I64)?;
        s.equals(&outputs[0].rank, &inputs[0].rank)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, cast(DatumType::I64), inputs)
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct ShapeI64 {
    start: i64,
    end: Option<i64>,
}

impl ShapeI64 {
    /// The wanted extents; both ends count from the back when negative and are clamped.
    fn extents(&self, shape: &[TDim]) -> TractResult<Tensor> {
        let rank = shape.len() as i64;
        let clamp = |axis: i64| (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
        let start = clamp(self.start);
        let end = self.end.map_or(shape.len(), clamp).max(start);
        let extents = shape[start..end].iter().map(|dim| dim.to_i64()).collect::<Result<Vec<i64>, _>>()?;
        Ok(tensor1(&extents))
    }
}

impl Expansion for ShapeI64 {
    fn name(&self) -> StaticName {
        "ShapeI64".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, 1)?;
        s.equals(&outputs[0].datum_type, DatumType::I64)?;
        s.given(&inputs[0].shape, move |s, shape| match self.extents(&shape) {
            Ok(extents) => s.equals(&outputs[0].value, extents.into_arc_tensor()),
            Err(_) => Ok(()),
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let extents = self.extents(&model.outlet_fact(inputs[0])?.shape.to_tvec())?;
        Ok(tvec!(model.add_const(prefix, extents)?))
    }
}

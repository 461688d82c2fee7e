//! A fence in front of strided slices, of convolutions that skip elements or only pad, and of what is subtracted from a constant, and
//! behind what is broadcast.
//!
//! tract turns the former two into a down-sampling and moves that up the graph: past a softmax over the same axis, and into
//! convolutions with `SAME` padding, which then give other values. An op that relates no axis of its result to its operand stops the
//! move. It passes its operand on and costs nothing.
//!
//! A convolution that is subtracted from a constant comes out wrong when tract makes one op of both, and so do products of what is
//! computed and then broadcast, and of a padded convolution of single elements behind a `Reshape`.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array::StridedSlice;
use tract_onnx::tract_hir::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

use super::builders::{Built, PLAIN};

pub(super) fn slice(context: &ParsingContext, node: &NodeProto) -> Built {
    if context.onnx_operator_set_version < 10 || node.input.get(4).is_none_or(String::is_empty) {
        return (PLAIN.op_register.0["Slice"])(context, node);
    }
    let mut optional = optional_inputs(node).skip(3);
    let inner = StridedSlice {
        begin_mask: 0,
        end_mask: 0,
        shrink_axis_mask: 0,
        optional_axes_input: optional.next().flatten(),
        optional_steps_input: optional.next().flatten(),
    };
    Ok((expand(FencedSlice(inner)), vec![]))
}

pub(super) fn conv(context: &ParsingContext, node: &NodeProto) -> Built {
    let (op, closures) = (PLAIN.op_register.0["Conv"])(context, node)?;
    let strides = node.get_attr_opt_vec::<usize>("strides")?.unwrap_or_default();
    let dilations = node.get_attr_opt_vec::<usize>("dilations")?.unwrap_or_default();
    let strided = strides.iter().any(|&stride| stride > 1);
    let pads = node.get_attr_opt_vec::<i64>("pads")?.unwrap_or_default();
    let padded = pads.iter().any(|&pad| pad != 0) || node.get_attr_opt::<&str>("auto_pad")?.is_some();
    match op.as_op().downcast_ref::<Box<dyn Expansion>>() {
        Some(inner) if strided || padded => {
            let inner = inner.clone();
            Ok((expand(Fenced { inner, place: Place::Conv { strides, dilations, padded } }), closures))
        }
        _ => Ok((op, closures)),
    }
}

pub(super) fn broadcast(context: &ParsingContext, node: &NodeProto) -> Built {
    fenced(context, node, Place::Broadcast)
}

pub(super) fn sub(context: &ParsingContext, node: &NodeProto) -> Built {
    fenced(context, node, Place::Sub)
}

fn fenced(context: &ParsingContext, node: &NodeProto, place: Place) -> Built {
    let (op, closures) = (PLAIN.op_register.0[&*node.op_type])(context, node)?;
    match op.as_op().downcast_ref::<Box<dyn Expansion>>() {
        Some(inner) => Ok((expand(Fenced { inner: inner.clone(), place }), closures)),
        None => Ok((op, closures)),
    }
}

/// The operands, a fence in front of one of them.
fn fence(prefix: &str, model: &mut TypedModel, inputs: &[OutletId], slot: usize) -> TractResult<TVec<OutletId>> {
    let mut fenced: TVec<OutletId> = inputs.into();
    fenced[slot] = model.wire_node(format!("{prefix}.fence"), Fence, &inputs[slot..=slot])?[0];
    Ok(fenced)
}

/// An op with a fence at one of its edges.
#[derive(Debug, Clone)]
struct Fenced {
    inner: Box<dyn Expansion>,
    place: Place,
}

/// Where the fence stands, and when.
#[derive(Debug, Clone)]
enum Place {
    /// In front of what is subtracted from a constant.
    Sub,
    /// Behind floats that are broadcast. Integers may be extents, whose values have to be known.
    Broadcast,
    /// In front of a convolution that skips elements, or of single elements that pads.
    Conv { strides: Vec<usize>, dilations: Vec<usize>, padded: bool },
}

/// Some axis of the input is only read at every so many places.
fn skips(strides: &[usize], dilations: &[usize], kernel: &[TDim]) -> bool {
    strides.iter().enumerate().any(|(axis, &stride)| {
        let dilation = dilations.get(axis).copied().unwrap_or(1);
        let unit = kernel.get(axis).is_none_or(|extent| extent.is_one());
        stride > 1 && (unit || dilation % stride == 0)
    })
}

impl Expansion for Fenced {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.inner.rules(s, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let is_constant = |slot: usize| Ok::<_, TractError>(model.outlet_fact(inputs[slot])?.konst.is_some());
        let in_front = match &self.place {
            Place::Sub => (is_constant(0)? && !is_constant(1)?).then_some(1),
            Place::Broadcast if model.outlet_fact(inputs[0])?.datum_type.is_float() && !is_constant(0)? => {
                let wide = self.inner.wire(&format!("{prefix}.broadcast"), model, inputs)?;
                return model.wire_node(prefix, Fence, &wide);
            }
            Place::Broadcast => None,
            Place::Conv { strides, dilations, padded } => {
                let shape = model.outlet_fact(inputs[1])?.shape.to_tvec();
                let kernel = shape.get(2..).unwrap_or_default();
                let only_pads = *padded && kernel.iter().all(|extent| extent.is_one());
                (only_pads || skips(strides, dilations, kernel)).then_some(0)
            }
        };
        match in_front {
            Some(slot) => {
                let inputs = fence(prefix, model, inputs, slot)?;
                self.inner.wire(prefix, model, &inputs)
            }
            None => self.inner.wire(prefix, model, inputs),
        }
    }
}

#[derive(Debug, Clone)]
struct FencedSlice(StridedSlice);

impl Expansion for FencedSlice {
    fn name(&self) -> StaticName {
        "FencedSlice".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(s, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let inputs = fence(prefix, model, inputs, 0)?;
        model.wire_node(prefix, self.0.clone(), &inputs)
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Fence;

impl Op for Fence {
    fn name(&self) -> StaticName {
        "Fence".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Fence {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(inputs)
    }

    fn forwards_input(&self) -> Option<usize> {
        Some(0)
    }
}

impl TypedOp for Fence {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}

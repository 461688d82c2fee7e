//! Constant folding of float kernels: one node at a time, on constants, through tract.
//!
//! Only nodes that the allow-list covers, and only those whose data and results are floats: integer arithmetic and data movement
//! belong to the exact evaluator. Element type and number of the results are checked.

use gtt_ir::{Attr, Attrs, DType, Dialect, Domain, Model, NodeSpec, Tensor, Type};
use gtt_ops::eval::{Call, Evaluator, NotEvaluated};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use super::builders::FRAMEWORK;
use super::guard::guarded;
use super::nodes::Alone;
use super::{allow, convert};
use crate::engine::EngineError;

/// tract as an evaluator of float kernels for constant folding. A call costs about a tenth of a millisecond and a copy of the operands.
#[derive(Clone, Copy, Debug, Default)]
pub struct TractEvaluator;

impl Evaluator for TractEvaluator {
    fn name(&self) -> &str {
        "tract"
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        let proto = node_proto(call)?;
        covered(call)?;
        let failed = |error: EngineError| match error {
            EngineError::Failed { message, .. } => NotEvaluated::unsupported(message),
            other => NotEvaluated::unsupported(other.to_string()),
        };
        let results = guarded("evaluate", || {
            run(call, &proto).map_err(|error| EngineError::Failed { stage: "evaluate", message: format!("{error:#}") })
        });
        let results = results.map_err(failed)?;
        if results.len() < call.output_count {
            return Err(NotEvaluated::unsupported(format!(
                "{} results, expected {}",
                results.len(),
                call.output_count
            )));
        }
        let bytes: usize = results.iter().map(Tensor::byte_len).sum();
        if bytes > call.max_bytes {
            return Err(NotEvaluated::too_large(bytes, call.max_bytes));
        }
        if results.iter().any(|result| !is_float(result.dtype())) {
            return Err(NotEvaluated::unsupported("results other than floats are not taken from the engine"));
        }
        Ok(results)
    }
}

fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::F32 | DType::F64)
}

/// Asks the allow-list, with a model of this one node.
fn covered(call: &Call<'_>) -> Result<(), NotEvaluated> {
    let no = NotEvaluated::unsupported;
    let Some(Some(first)) = call.inputs.first() else { return Err(no("there is no first operand")) };
    if call.op.domain != Domain::ONNX || !is_float(first.dtype()) {
        return Err(no("only ONNX ops on floats are left to the engine"));
    }
    let mut model = Model::new(Dialect::Onnx);
    model.opsets.insert(Domain::ONNX, call.opset);
    let main = model.main_id();
    let mut editor = model.edit(main);
    let mut operands = Vec::new();
    for (slot, input) in call.inputs.iter().enumerate() {
        operands.push(input.map(|tensor| editor.add_const(format!("c{slot}"), tensor.clone(), slot as u32)));
    }
    let mut spec = NodeSpec::new(call.op.clone(), "node").inputs(operands);
    spec.attrs = call.attrs.clone();
    for slot in 0..call.output_count {
        spec = spec.output(format!("r{slot}"), Type::Unknown);
    }
    let node = editor.add_node(spec);
    allow::covers(&model, node).map_err(NotEvaluated::unsupported)
}

fn node_proto(call: &Call<'_>) -> Result<NodeProto, NotEvaluated> {
    let name = |prefix: &str, slot: usize| format!("{prefix}{slot}");
    let input = |(slot, tensor): (usize, &Option<&Tensor>)| tensor.map_or(String::new(), |_| name("c", slot));
    Ok(NodeProto {
        input: call.inputs.iter().enumerate().map(input).collect(),
        output: (0..call.output_count).map(|slot| name("r", slot)).collect(),
        name: "node".to_owned(),
        op_type: call.op.name.to_string(),
        attribute: attributes(call.attrs)?,
        ..NodeProto::default()
    })
}

fn attributes(attrs: &Attrs) -> Result<Vec<AttributeProto>, NotEvaluated> {
    let one = |entry: &gtt_ir::AttrEntry| {
        let mut proto = AttributeProto { name: entry.name.to_string(), ..AttributeProto::default() };
        let kind = match &entry.value {
            Attr::Int(value) => {
                proto.i = *value;
                AttributeType::Int
            }
            Attr::Float(value) => {
                proto.f = *value;
                AttributeType::Float
            }
            Attr::Str(value) => {
                proto.s = value.to_vec();
                AttributeType::String
            }
            Attr::Ints(values) => {
                proto.ints = values.clone();
                AttributeType::Ints
            }
            Attr::Floats(values) => {
                proto.floats = values.clone();
                AttributeType::Floats
            }
            _ => {
                return Err(NotEvaluated::unsupported(format!(
                    "attribute `{}` is not handed to the engine",
                    entry.name
                )));
            }
        };
        proto.r#type = kind as i32;
        Ok(proto)
    };
    attrs.iter().map(one).collect()
}

fn run(call: &Call<'_>, proto: &NodeProto) -> TractResult<Vec<Tensor>> {
    let builder = FRAMEWORK.op_register.0.get(&proto.op_type).context("the engine does not have this op")?;
    let context = ParsingContext {
        onnx_operator_set_version: call.opset,
        framework: &FRAMEWORK,
        model: &ModelProto::default(),
        parent_graphs: Vec::new(),
        model_dir: None,
        template: InferenceModel::default(),
    };
    let (op, _) = builder(&context, proto)?;
    let operands = call.inputs.iter().flatten().map(|tensor| {
        let copy = convert::to_tract(tensor).map_err(|why| format_err!("{why}"))?;
        Ok((copy.into_tvalue(), false))
    });
    let alone = Alone::of(op, &operands.collect::<TractResult<Vec<_>>>()?, call.output_count)?;
    for &outlet in alone.model.output_outlets()? {
        let fact = alone.model.outlet_fact(outlet)?;
        let volume = fact.shape.volume().to_usize().unwrap_or(usize::MAX);
        ensure!(volume.saturating_mul(fact.datum_type.size_of()) <= call.max_bytes, "the result is too large");
    }
    let results = alone.run()?;
    results.iter().map(|value| convert::from_tract(value).map_err(|why| format_err!("{why}"))).collect()
}

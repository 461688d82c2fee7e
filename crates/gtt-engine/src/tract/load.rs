//! From ONNX bytes to a plan.
//!
//! The order follows from what tract needs: constants first, then symbols bound in every declared type, then input facts, then typing
//! with the declared types of inner values kept (they make wrong shapes loud), then tract's own optimization. Constants of the main
//! graph are taken out of the bytes before tract parses them and handed over from the mapped file: one copy instead of two, external
//! data included, and every TensorProto form is read by our own reader.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use gtt_ir::{Model, Name, Tensor};
use gtt_wire::{FieldValue, SliceFields, Writer};
use prost::Message;
use rustc_hash::FxHashMap;
use tract_onnx::model::ParseResult;
use tract_onnx::pb::ModelProto;
use tract_onnx::tract_hir::infer::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;

use super::builders::FRAMEWORK;
use super::convert;
use super::nodes::Nodes;
use crate::engine::{EngineError, LoadOptions, Mode};

/// What runs.
pub(super) enum Program {
    Plan(Arc<TypedSimplePlan>),
    Nodes(Box<Nodes>),
}

/// Outputs for inputs, as often as one likes.
type Runner<'a> = Box<dyn FnMut(TVec<TValue>) -> TractResult<TVec<TValue>> + 'a>;

impl Program {
    pub(super) fn runner(&self) -> TractResult<Runner<'_>> {
        Ok(match self {
            Program::Plan(plan) => {
                let mut state = plan.spawn()?;
                Box::new(move |feeds| state.run(feeds))
            }
            Program::Nodes(nodes) => Box::new(|feeds| nodes.run(&feeds)),
        })
    }
}

/// A model ready to run.
pub(super) struct Loaded {
    pub(super) program: Program,
    pub(super) inputs: Vec<Name>,
    pub(super) outputs: Vec<Name>,
}

fn failed(stage: &'static str) -> impl Fn(TractError) -> EngineError {
    move |error| {
        // The chain from the outermost context to the cause, each on one line.
        let chain: Vec<String> = error.chain().map(|cause| first_line(&cause.to_string())).collect();
        EngineError::Failed { stage, message: chain.join(": ") }
    }
}

fn first_line(text: &str) -> String {
    const LONGEST: usize = 300;
    text.lines().next().unwrap_or_default().chars().take(LONGEST).collect()
}

/// Loads a model. `model` is the same bytes, decoded.
pub(super) fn load(bytes: &Bytes, model: &Model, options: &LoadOptions) -> Result<Loaded, EngineError> {
    let mut constants = main_constants(model);
    let skeleton = skeleton(bytes, &constants).map_err(|message| EngineError::Failed { stage: "decode", message })?;
    let proto = ModelProto::decode(skeleton)
        .map_err(|error| EngineError::Failed { stage: "decode", message: error.to_string() })?;
    for (name, tensor) in &options.constants {
        constants.insert(name.clone(), tensor);
    }
    let parsed = FRAMEWORK.parse(&proto, None).map_err(failed("parse"))?;
    drop(proto);
    let outputs = model.main().outputs().iter().map(|port| port.name.clone()).collect();
    let (inference, inputs) = bind(parsed, model, &constants, options)?;
    if options.mode == Mode::NodeByNode {
        let program = Program::Nodes(Box::new(Nodes::new(inference).map_err(failed("plan"))?));
        return Ok(Loaded { program, inputs, outputs });
    }
    let typed = inference.into_typed().map_err(failed("type"))?;
    let typed = if options.mode == Mode::AsGiven { optimized(typed, false) } else { runnable(typed) };
    let plan = TypedSimplePlan::new(typed.map_err(failed("optimize"))?).map_err(failed("plan"))?;
    Ok(Loaded { program: Program::Plan(plan), inputs, outputs })
}

/// A model with tract's own optimization, as far as that does not go wrong.
pub(super) fn runnable(typed: TypedModel) -> TractResult<TypedModel> {
    match optimized(typed.clone(), true) {
        Ok(whole) if is_whole(&whole) => Ok(whole),
        Ok(_) => optimized(typed, false),
        // tract 0.23.9 gives up on some convolutions whose bias it moves (`ChangeAxes`); as it was, the model runs.
        Err(error) => optimized(typed, false).map_err(|_| error),
    }
}

/// Convolutions and the like run only in their translated form; without `declutter` nothing is folded or fused before it.
fn optimized(mut model: TypedModel, declutter: bool) -> TractResult<TypedModel> {
    if declutter {
        model.declutter()?;
    }
    model.optimize()?;
    Ok(model)
}

/// tract 0.23.9 sometimes takes the op out of a node that is still needed; such a plan cannot run.
fn is_whole(model: &TypedModel) -> bool {
    let order = model.eval_order().unwrap_or_default();
    !order.is_empty() && order.iter().all(|&node| model.node(node).op.name() != "Dummy")
}

/// Constants of the main graph that tract gets from us. Those that are graph outputs themselves stay in the bytes, because tract
/// looks outputs up by name while parsing.
fn main_constants(model: &Model) -> FxHashMap<Name, &Tensor> {
    let graph = model.main();
    let mut constants: FxHashMap<Name, &Tensor> = FxHashMap::default();
    for (_, value, constant) in graph.constants() {
        if !value.is_public() && convert::datum_type(constant.tensor.dtype()).is_some() && constant.tensor.is_readable()
        {
            constants.insert(value.name.clone(), &constant.tensor);
        }
    }
    for port in graph.inputs() {
        if let gtt_ir::Def::Input { default: Some(constant) } = &graph.value(port.value).def {
            constants.insert(port.name.clone(), &constant.tensor);
        }
    }
    constants
}

/// The model without these constants. Small: weights are not copied.
fn skeleton(bytes: &Bytes, constants: &FxHashMap<Name, &Tensor>) -> Result<Bytes, String> {
    const MODEL_GRAPH: u32 = 7;
    const GRAPH_NODE: u32 = 1;
    const GRAPH_INITIALIZER: u32 = 5;
    let text = |error: gtt_wire::WireError| error.to_string();
    let known = |message: &[u8], tag: u32| -> Result<bool, String> {
        for field in SliceFields::new(message) {
            let field = field.map_err(text)?;
            if field.tag == tag
                && let FieldValue::Len(name) = field.value
            {
                return Ok(std::str::from_utf8(name).is_ok_and(|name| constants.contains_key(name)));
            }
        }
        Ok(false)
    };
    let mut out = Writer::new();
    for field in SliceFields::new(bytes) {
        let field = field.map_err(text)?;
        let (MODEL_GRAPH, FieldValue::Len(graph)) = (field.tag, &field.value) else {
            out.raw_slice(field.raw);
            continue;
        };
        out.try_message(MODEL_GRAPH, |out| {
            for field in SliceFields::new(graph) {
                let field = field.map_err(text)?;
                let drop = match (field.tag, &field.value) {
                    (GRAPH_INITIALIZER, FieldValue::Len(tensor)) => known(tensor, 8)?,
                    (GRAPH_NODE, FieldValue::Len(node)) => is_constant_node(node)? && known(node, 2)?,
                    _ => false,
                };
                if !drop {
                    out.raw_slice(field.raw);
                }
            }
            Ok::<(), String>(())
        })?;
    }
    Ok(out.into_bytes())
}

fn is_constant_node(node: &[u8]) -> Result<bool, String> {
    for field in SliceFields::new(node) {
        let field = field.map_err(|error| error.to_string())?;
        if field.tag == 4
            && let FieldValue::Len(op_type) = field.value
        {
            return Ok(op_type == b"Constant");
        }
    }
    Ok(false)
}

/// Puts constants, symbols and input shapes in place. The names are those of the inputs still to be fed, in order.
fn bind(
    parsed: ParseResult,
    model: &Model,
    constants: &FxHashMap<Name, &Tensor>,
    options: &LoadOptions,
) -> Result<(InferenceModel, Vec<Name>), EngineError> {
    let ParseResult { model: mut inference, unresolved_inputs, outlets_by_name } = parsed;
    let dangling: Vec<&String> =
        unresolved_inputs.iter().filter(|name| !constants.contains_key(name.as_str())).collect();
    if !dangling.is_empty() {
        let message = format!("nothing defines {dangling:?}");
        return Err(EngineError::Failed { stage: "parse", message });
    }
    // In the order of the model, so that the result does not depend on a hash map.
    let mut names: Vec<&Name> = constants.keys().collect();
    names.sort_unstable();
    for name in names {
        let Some(outlet) = outlets_by_name.get(name.as_str()) else { continue };
        let refused = |what: String| EngineError::Unsupported { reasons: vec![format!("constant `{name}`: {what}")] };
        let tensor = convert::to_tract(constants[name]).map_err(refused)?.into_arc_tensor();
        let fact = TypedFact::try_from(tensor.clone()).map_err(failed("parse"))?;
        inference.node_mut(outlet.node).op = Box::new(Const::new(tensor).map_err(failed("parse"))?);
        inference.set_outlet_fact(*outlet, fact.into()).map_err(failed("parse"))?;
    }
    let mut inputs = Vec::new();
    let mut outlets = Vec::new();
    for port in model.main().inputs() {
        if constants.contains_key(&port.name) {
            continue;
        }
        let Some(outlet) = outlets_by_name.get(port.name.as_str()) else { continue };
        inputs.push(port.name.clone());
        outlets.push(*outlet);
    }
    inference.set_input_outlets(&outlets).map_err(failed("parse"))?;
    bind_shapes(&mut inference, &inputs, options)?;
    Ok((inference, inputs))
}

fn bind_shapes(inference: &mut InferenceModel, inputs: &[Name], options: &LoadOptions) -> Result<(), EngineError> {
    let mut symbols: HashMap<Symbol, TDim> = HashMap::new();
    let mut concrete = Vec::new();
    for (index, name) in inputs.iter().enumerate() {
        let fact = inference.input_fact(index).map_err(failed("bind"))?.clone();
        let Some((_, shape)) = options.shapes.iter().find(|(other, _)| other == name) else {
            return Err(EngineError::Failed { stage: "bind", message: format!("no shape for input `{name}`") });
        };
        for (dim, &extent) in fact.shape.dims().zip(shape) {
            if let GenericFactoid::Only(TDim::Sym(symbol)) = dim {
                symbols.entry(symbol.clone()).or_insert_with(|| extent.to_dim());
            }
        }
        let dims: TVec<TDim> = shape.iter().map(|extent| extent.to_dim()).collect();
        concrete.push(InferenceFact { datum_type: fact.datum_type, shape: dims.into(), ..InferenceFact::default() });
    }
    for (name, tensor) in &options.constants {
        let declared = model_input_symbols(inference, name);
        for (symbol, &extent) in declared.into_iter().zip(tensor.shape()) {
            if let Some(symbol) = symbol {
                symbols.entry(symbol).or_insert_with(|| extent.to_dim());
            }
        }
    }
    inference.set_symbols(&symbols).map_err(failed("bind"))?;
    for (index, fact) in concrete.into_iter().enumerate() {
        inference.set_input_fact(index, fact).map_err(failed("bind"))?;
    }
    Ok(())
}

/// Symbols in the shape of a node's first result, by axis.
fn model_input_symbols(inference: &InferenceModel, name: &str) -> Vec<Option<Symbol>> {
    let Some(node) = inference.nodes().iter().find(|node| node.name == name) else { return Vec::new() };
    let symbol = |dim: GenericFactoid<TDim>| match dim {
        GenericFactoid::Only(TDim::Sym(symbol)) => Some(symbol),
        _ => None,
    };
    node.outputs[0].fact.shape.dims().cloned().map(symbol).collect()
}

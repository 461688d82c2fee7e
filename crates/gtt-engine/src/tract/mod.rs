//! tract, embedded.
//!
//! tract 0.23.9 is quick to load and needs nothing but Rust, but it ignores attributes it does not know, looks ops up without their
//! domain, and computes some ops wrongly. So a model is checked node by node against an allow-list (see the `allow` module) before any result is
//! believed; what is not on it is refused with words. Every call is guarded against panics.

mod allow;
mod branch;
mod builders;
mod convert;
mod evaluator;
mod fence;
mod guard;
mod load;
mod nodes;
mod reductions;
mod repeat;
mod softplus;
#[cfg(test)]
mod tests;

use gtt_ir::{DType, Model, Name, Tensor, Type};
use std::sync::Arc;

use tract_onnx::prelude::{IntoArcTensor, TValue, TVec};
use tract_onnx::tract_hir::internal::Tensor as TractTensor;

pub use self::evaluator::TractEvaluator;
use self::guard::guarded;
use self::load::Loaded;
use crate::engine::{Elapsed, Engine, EngineError, LoadOptions, ModelFile, Prepared, Trust};

/// The embedded engine. Runs on one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

impl Engine for Tract {
    fn name(&self) -> String {
        "tract 0.23.9".to_owned()
    }

    fn load(&self, model: &ModelFile, options: &LoadOptions) -> Result<Box<dyn Prepared>, EngineError> {
        let mut decoded = gtt_onnx::decode(model.bytes().clone(), model.folder())
            .map_err(|error| EngineError::Failed { stage: "decode", message: error.to_string() })?;
        if options.trust == Trust::Proven {
            bind_types(&mut decoded, options);
            let reasons = allow::refusals(&decoded, &options.constants);
            if !reasons.is_empty() {
                return Err(EngineError::Unsupported { reasons });
            }
        }
        let (loaded, load_time) = Elapsed::of(|| guarded("load", || load::load(model.bytes(), &decoded, options)));
        let graph = decoded.main();
        let declared = graph.outputs().iter().map(|port| graph.value(port.value).ty.dtype()).collect();
        Ok(Box::new(TractPrepared { loaded: loaded?, load_time, declared, feeds: None, results: Vec::new() }))
    }
}

/// Declares the inputs with the extents they will have, so that inference knows as much as tract will.
fn bind_types(model: &mut Model, options: &LoadOptions) {
    let main = model.main_id();
    let mut editor = model.edit(main);
    let bound = options.constants.iter().map(|(name, tensor)| (name, tensor.shape()));
    let fed = options.shapes.iter().map(|(name, shape)| (name, shape.as_slice()));
    for (name, shape) in fed.chain(bound) {
        let Some(port) = editor.graph().inputs().iter().find(|port| port.name == *name) else { continue };
        let value = port.value;
        if let Some(dtype) = editor.graph().value(value).ty.dtype() {
            editor.set_type(value, Type::fixed(dtype, shape));
        }
    }
}

struct TractPrepared {
    loaded: Loaded,
    load_time: Elapsed,
    /// Declared element types of the outputs.
    declared: Vec<Option<DType>>,
    feeds: Option<Vec<Arc<TractTensor>>>,
    results: Vec<Arc<TractTensor>>,
}

fn run_failed(message: impl ToString) -> EngineError {
    EngineError::Failed { stage: "run", message: message.to_string() }
}

impl Prepared for TractPrepared {
    fn inputs(&self) -> &[Name] {
        &self.loaded.inputs
    }

    fn outputs(&self) -> &[Name] {
        &self.loaded.outputs
    }

    fn load_time(&self) -> Elapsed {
        self.load_time
    }

    fn feed(&mut self, feeds: &[(Name, Tensor)]) -> Result<(), EngineError> {
        let mut values = Vec::new();
        for name in &self.loaded.inputs {
            let feed = feeds.iter().find(|(other, _)| other == name);
            let (_, tensor) = feed.ok_or_else(|| run_failed(format!("input `{name}` is not fed")))?;
            values.push(Arc::new(convert::to_tract(tensor).map_err(run_failed)?));
        }
        self.feeds = Some(values);
        Ok(())
    }

    fn execute(&mut self, repeats: u32) -> Result<Elapsed, EngineError> {
        let tensors = self.feeds.as_ref().ok_or_else(|| run_failed("nothing was fed"))?;
        let program = &self.loaded.program;
        let (results, elapsed) = guarded("run", || {
            let mut run = program.runner().map_err(run_failed)?;
            let mut results: TVec<TValue> = TVec::new();
            let (ran, elapsed) = Elapsed::of(|| {
                for _ in 0..repeats.max(1) {
                    results = run(tensors.iter().map(|tensor| TValue::from_const(tensor.clone())).collect())?;
                }
                Ok::<(), tract_onnx::prelude::TractError>(())
            });
            ran.map_err(|error| run_failed(format!("{error:#}").lines().next().unwrap_or_default()))?;
            Ok((results.into_iter().map(IntoArcTensor::into_arc_tensor).collect(), elapsed))
        })?;
        self.results = results;
        Ok(elapsed)
    }

    fn fetch(&mut self) -> Result<Vec<(Name, Tensor)>, EngineError> {
        if self.results.len() != self.loaded.outputs.len() {
            return Err(run_failed(format!(
                "{} results for {} outputs",
                self.results.len(),
                self.loaded.outputs.len()
            )));
        }
        let mut outputs = Vec::with_capacity(self.results.len());
        for ((name, value), declared) in self.loaded.outputs.iter().zip(&self.results).zip(&self.declared) {
            let tensor = convert::from_tract(value).map_err(run_failed)?;
            if declared.is_some_and(|declared| declared != tensor.dtype()) {
                return Err(run_failed(format!("output `{name}` is {}, not as declared", tensor.ty())));
            }
            outputs.push((name.clone(), tensor));
        }
        Ok(outputs)
    }
}

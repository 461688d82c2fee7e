//! Do the answers stay the same? Both models are exported and run in tract; TensorFlow graphs are lowered to ONNX first.

use gtt_engine::feeds::{self, FeedOptions};
use gtt_engine::verify::{NODE_BY_NODE, verify};
use gtt_engine::{Bindings, Feeds, ModelFile, Tolerance, Verdict, Verification, VerifyOptions};
use gtt_ir::{Dialect, Model};
use gtt_lower::LowerOptions;
use gtt_ops::infer::{Types, without_derived_names};
use gtt_rewrite::Numerics;
use gtt_testkit::{Codec, Judgement, Oracle};

use crate::formats::Tf;

/// What passes that promise the same values may still change: a runtime sums in another order when a graph has another form.
const ROUNDING: f64 = 1e-6;

/// tract, on two sets of generated inputs.
#[derive(Default)]
pub(crate) struct Tract {
    engine: gtt_engine::Tract,
}

impl Oracle for Tract {
    fn judge(&self, before: &Model, after: &Model, numerics: Numerics, inputs: &[String]) -> Judgement {
        match self.verification(before, after, numerics, inputs) {
            Err(reason) => Judgement::NotChecked(reason),
            Ok(Err(broken)) => Judgement::Different(broken),
            Ok(Ok(found)) => match &found.verdict {
                Verdict::Equal => Judgement::Equal,
                Verdict::NotChecked { reasons } => Judgement::NotChecked(reasons.join("; ")),
                _ => Judgement::Different(words(&found)),
            },
        }
    }
}

impl Tract {
    /// The outer error: nothing can be said. The inner one: shapes went together before, and do not any more.
    fn verification(
        &self,
        before: &Model,
        after: &Model,
        numerics: Numerics,
        inputs: &[String],
    ) -> Result<Result<Verification, String>, String> {
        let types = Types::of(before);
        let mut specs = feeds::inputs(before);
        for spec in &mut specs {
            if let Some(port) = before.main().inputs().iter().find(|port| port.name == spec.name) {
                spec.ty = spec.ty.merged(&without_derived_names(types.get(before.main_id(), port.value)));
            }
        }
        let bindings = Bindings::parse(inputs).map_err(|error| error.to_string())?;
        let options = FeedOptions { bindings, ..FeedOptions::default() };
        let mut sets = feeds::generate(&specs, &options, 2).map_err(|error| error.to_string())?;
        bind(before, after, &mut sets)?;
        let tolerance = match numerics {
            Numerics::Close { relative, .. } => Tolerance::close(relative.max(ROUNDING)),
            _ => Tolerance::close(ROUNDING),
        };
        let (before, after) = (exported(before, &sets)?, exported(after, &sets)?);
        let options = VerifyOptions::new(tolerance);
        let found = verify(&self.engine, &before, &after, &sets, &options);
        if let Verdict::NotChecked { reasons } = &found.verdict
            && reasons.iter().any(|reason| reason.contains("Failed analyse"))
            && runs_as_a_whole(&verify(&self.engine, &before, &before, &sets, &options))
        {
            return Ok(Err(format!("only the model before can be run; after: {}", reasons.join("; "))));
        }
        Ok(Ok(found))
    }
}

/// The engine typed the model and ran it. Where every node had to be run by itself, its types say nothing.
fn runs_as_a_whole(alone: &Verification) -> bool {
    matches!(alone.verdict, Verdict::Equal) && !alone.notes.iter().any(|note| note == NODE_BY_NODE)
}

/// A TensorFlow input that has become a constant is fed with the value it has got.
fn bind(before: &Model, after: &Model, sets: &mut [Feeds]) -> Result<(), String> {
    let gone = |port: &&gtt_ir::Port| after.main().inputs().iter().all(|other| other.name != port.name);
    if before.dialect != Dialect::Tf {
        return Ok(());
    }
    for port in before.main().inputs().iter().filter(gone) {
        let bound = after.main().constants().find(|(_, value, _)| value.name == port.name);
        let bound = bound.ok_or_else(|| format!("input `{}` is gone, and what it was bound to is, too", port.name))?;
        let fed = sets.iter_mut().flat_map(|set| &mut set.tensors).filter(|(name, _)| *name == port.name);
        fed.for_each(|(_, tensor)| *tensor = bound.2.tensor.clone());
    }
    Ok(())
}

/// The bytes that the exporter makes, as ONNX.
fn exported(model: &Model, sets: &[Feeds]) -> Result<ModelFile, String> {
    if model.dialect == Dialect::Onnx {
        return ModelFile::export(model).map_err(|error| error.to_string());
    }
    let read = Tf.round_trip(model)?;
    let input_types =
        sets.first().map(|set| set.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.ty())).collect());
    let options = LowerOptions { input_types: input_types.unwrap_or_default(), ..LowerOptions::default() };
    let lowered = gtt_lower::lower(&read, &options).map_err(|refusal| refusal.to_string())?;
    ModelFile::export(&lowered).map_err(|error| error.to_string())
}

/// The first output that differs.
fn words(found: &Verification) -> String {
    for set in &found.sets {
        if let Some(name) = set.comparison.missing.first() {
            return format!("only one of the models has the output `{name}`");
        }
        if let Some(output) = set.comparison.outputs.iter().find(|output| !output.equal) {
            let (name, ty, label) = (&output.name, &output.ty, &set.label);
            if let Some(problem) = &output.problem {
                return format!("output `{name}` ({label}): {problem}");
            }
            let (count, rel) = (output.mismatches, output.max_rel);
            return format!("output `{name}` {ty} ({label}): {count} of {} elements, up to {rel:.1e}", output.elements);
        }
    }
    "no details".to_owned()
}

//! What a run did, as data. Field names are stable; new ones may be added.

use gtt_ir::{Model, Name, Tensor};
use serde::Serialize;

use crate::context::{Journal, Tally};
use crate::{Deviation, Numerics};

/// A whole run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The pipeline as it was given.
    pub pipeline: String,
    /// The pipeline with presets and aliases spelt out.
    pub expanded: String,
    /// What the passes that changed something promise about results, together.
    pub numerics: Numerics,
    /// Size before the first step.
    pub before: Size,
    /// Size after the last step.
    pub after: Size,
    /// Wall time of all steps, in seconds.
    pub seconds: f64,
    /// Rewrites of all steps.
    pub rewrites: u64,
    /// The bisect limit was used up and rewrites or whole steps were left out.
    pub limited: bool,
    /// Every step that was come to, in the order of running; those within `fixpoint{}` once for each round.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepReport {
    /// The pass's name.
    pub pass: String,
    /// The step in normal form, with its arguments.
    pub step: String,
    /// Within `fixpoint{}`: the round, from 1; nested ones outermost first.
    pub rounds: Vec<u32>,
    /// How it ended.
    pub outcome: Outcome,
    /// Size before.
    pub before: Size,
    /// Size after.
    pub after: Size,
    /// Wall time in seconds, without verification and snapshot.
    pub seconds: f64,
    /// Rewrites by rule.
    pub rewrites: Vec<Rewrites>,
    /// Refusals by rule and reason.
    pub declines: Vec<Declines>,
    /// What else the pass had to say.
    pub notes: Vec<String>,
    /// How far a lossy pass moved elements of constants; the notes say it in words.
    pub deviation: Option<Deviation>,
    /// Inputs that the pass gave a value for good, by port.
    #[serde(skip)]
    pub bound: Vec<(Name, Tensor)>,
}

impl StepReport {
    /// Rewrites of all rules.
    pub fn rewrite_count(&self) -> u64 {
        self.rewrites.iter().map(|rewrites| rewrites.count).sum()
    }

    /// Refusals of all rules.
    pub fn decline_count(&self) -> u64 {
        self.declines.iter().map(|declines| declines.count).sum()
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It changed the model.
    Changed,
    /// It ran and changed nothing.
    Unchanged,
    /// It did not run.
    Skipped {
        /// Why not.
        reason: String,
    },
    /// It failed, `ignore_errors` was set, and the model is as it was before.
    Ignored {
        /// The error.
        error: String,
    },
}

/// The size of a model: all graphs, subgraphs and function bodies included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Size {
    /// Nodes as the file counts them: TensorFlow `Const` and ONNX `Constant` nodes included, initializers not.
    pub nodes: usize,
    /// Constants of every form, overridable defaults included.
    pub constants: usize,
    /// Bytes the constants take in a file.
    pub bytes: u64,
}

impl Size {
    /// Counts. Linear in nodes and values.
    pub fn of(model: &Model) -> Self {
        let mut size = Self::default();
        for (_, graph) in model.graphs() {
            size.nodes += graph.node_count();
            for (_, value) in graph.values() {
                let Some(constant) = value.def.held() else { continue };
                size.constants += 1;
                size.nodes += usize::from(constant.origin != gtt_ir::ConstOrigin::Initializer);
                size.bytes += constant.tensor.stored_len() as u64;
            }
        }
        size
    }
}

/// Rewrites of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rewrites {
    /// The rule.
    pub rule: String,
    /// How many.
    pub count: u64,
    /// The first few places.
    pub examples: Vec<String>,
}

/// Refusals of one rule for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Declines {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// How many places.
    pub count: u64,
    /// The first few places.
    pub examples: Vec<String>,
}

impl Journal {
    pub(crate) fn rewrites(&self) -> Vec<Rewrites> {
        let entry = |(rule, Tally { count, examples }): (&&'static str, &Tally)| Rewrites {
            rule: (*rule).to_owned(),
            count: *count,
            examples: examples.clone(),
        };
        self.applied.iter().map(entry).collect()
    }

    pub(crate) fn declines(&self) -> Vec<Declines> {
        let entries = self.declined.iter().map(|((rule, reason), tally)| Declines {
            rule: (*rule).to_owned(),
            reason: reason.clone().into_owned(),
            count: tally.count,
            examples: tally.examples.clone(),
        });
        entries.collect()
    }
}

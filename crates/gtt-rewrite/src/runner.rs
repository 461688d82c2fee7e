//! The runner: steps over a model, checked after each.
//!
//! After a step that changed something the whole graph is verified ([`gtt_ir::verify`]) and the interface contract is checked
//! ([`Interface`](crate::Interface)); what is found then is a bug in that pass, and the error says so by name. A step that
//! fails leaves the model as it was before the step, unless the caller does without that.

use std::time::Instant;

use gtt_ir::Model;
use gtt_ops::eval::{Evaluator, Exact};
use rustc_hash::FxHashMap;

use crate::context::{EXAMPLES, Session};
use crate::contract::Contract;
use crate::report::{Outcome, Report, Size, StepReport};
use crate::{Error, Fixpoint, Item, Numerics, PassContext, Pipeline, Step};

/// What an observer of a run is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step is about to run.
    Before {
        /// Position among the steps that were come to, from 0.
        index: usize,
        /// The step.
        step: &'a Step,
        /// The model before it.
        model: &'a Model,
    },
    /// A step was come to the end of, or was skipped.
    After {
        /// Position among the steps that were come to, from 0.
        index: usize,
        /// The step.
        step: &'a Step,
        /// The model after it.
        model: &'a Model,
        /// What it did.
        report: &'a StepReport,
    },
}

type Observer<'a> = Box<dyn FnMut(Event<'_>) -> Result<(), Error> + 'a>;

/// Runs pipelines.
///
/// ```
/// # use gtt_rewrite::{Pipeline, Registry, Runner};
/// # let mut model = gtt_ir::Model::new(gtt_ir::Dialect::Onnx);
/// let pipeline = Pipeline::parse("", &Registry::default())?;
/// let report = Runner::new().run(&mut model, &pipeline)?;
/// assert_eq!(report.rewrites, 0);
/// # Ok::<(), gtt_rewrite::Error>(())
/// ```
pub struct Runner<'a> {
    evaluator: &'a dyn Evaluator,
    skip: Vec<String>,
    bisect_limit: Option<u64>,
    rollback: bool,
    examples: usize,
    observer: Option<Observer<'a>>,
}

impl Default for Runner<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Runner<'a> {
    /// A runner with the built-in evaluator, no limits and no observer.
    pub fn new() -> Self {
        let (skip, bisect_limit, rollback, examples, observer) = (Vec::new(), None, true, EXAMPLES, None);
        Self { evaluator: &Exact, skip, bisect_limit, rollback, examples, observer }
    }

    /// With another evaluator of constant nodes.
    pub fn evaluator(mut self, evaluator: &'a dyn Evaluator) -> Self {
        self.evaluator = evaluator;
        self
    }

    /// Does not run the pass of this name or alias; may be called for several. Names that no step has are left alone.
    pub fn skip(mut self, pass: impl Into<String>) -> Self {
        self.skip.push(pass.into());
        self
    }

    /// Makes at most this many rewrites over the whole pipeline: for finding the one that breaks a model.
    pub fn bisect_limit(mut self, limit: u64) -> Self {
        self.bisect_limit = Some(limit);
        self
    }

    /// Whether a step that fails and ends the run leaves the model as it was before the step: the default. It takes a copy of
    /// the model, without its tensors, before each step; callers that drop a model that failed do without. Steps with
    /// `ignore_errors=true` are always rolled back.
    pub fn rollback(mut self, rollback: bool) -> Self {
        self.rollback = rollback;
        self
    }

    /// How many places the report names for each rule and each reason; 5 unless said otherwise.
    pub fn examples(mut self, examples: usize) -> Self {
        self.examples = examples;
        self
    }

    /// Calls this before and after each step: for progress and for dumps. Its error ends the run.
    pub fn observer(mut self, observer: impl FnMut(Event<'_>) -> Result<(), Error> + 'a) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Runs a pipeline. On an error the model is as it was before the step that failed (see [`Runner::rollback`]); the steps
    /// before it are done. A model that is broken to begin with is refused unless the pipeline is empty.
    pub fn run(&mut self, model: &mut Model, pipeline: &Pipeline) -> Result<Report, Error> {
        let start = Instant::now();
        let mut session = Session::new(self.bisect_limit, self.examples);
        if !pipeline.is_empty() {
            session.verify(model).map_err(|error| Error::failed("", format!("the model is broken: {error}")))?;
        }
        let before = Size::of(model);
        let mut run = Run {
            runner: self,
            model,
            session,
            size: before,
            steps: Vec::new(),
            numerics: Numerics::Exact,
            limited: false,
            settled: FxHashMap::default(),
        };
        run.items(pipeline.items(), &mut Vec::new())?;
        let Run { size: after, steps, numerics, limited, .. } = run;
        Ok(Report {
            pipeline: pipeline.to_string(),
            expanded: pipeline.expanded(),
            numerics,
            before,
            after,
            seconds: start.elapsed().as_secs_f64(),
            rewrites: steps.iter().map(StepReport::rewrite_count).sum(),
            limited,
            steps,
        })
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("skip", &self.skip)
            .field("bisect_limit", &self.bisect_limit)
            .finish_non_exhaustive()
    }
}

struct Run<'r, 'a, 'm> {
    runner: &'r mut Runner<'a>,
    model: &'m mut Model,
    session: Session,
    size: Size,
    steps: Vec<StepReport>,
    numerics: Numerics,
    limited: bool,
    /// Where an idempotent step left the model, and its report: while nobody changed the model, it need not run again.
    settled: FxHashMap<*const Step, (u64, usize)>,
}

impl Run<'_, '_, '_> {
    fn items(&mut self, items: &[Item], rounds: &mut Vec<u32>) -> Result<(), Error> {
        for item in items {
            match item {
                Item::Step(step) => self.step(step, rounds)?,
                Item::Preset(preset) if preset.dialect.is_some_and(|dialect| dialect != self.model.dialect) => {}
                Item::Preset(preset) => self.items(&preset.items, rounds)?,
                Item::Fixpoint(fixpoint) => self.fixpoint(fixpoint, rounds)?,
            }
        }
        Ok(())
    }

    fn fixpoint(&mut self, fixpoint: &Fixpoint, rounds: &mut Vec<u32>) -> Result<(), Error> {
        let max = fixpoint.max.unwrap_or(Fixpoint::DEFAULT_MAX);
        let repeats = std::mem::replace(&mut self.session.repeats, true);
        for round in 1..=max {
            self.forget_stale_types();
            let revision = self.model.revision();
            rounds.push(round);
            let result = self.items(&fixpoint.items, rounds);
            rounds.pop();
            result?;
            if self.model.revision() == revision {
                self.session.repeats = repeats;
                return Ok(());
            }
        }
        self.session.repeats = repeats;
        self.forget_stale_types();
        if let Some(last) = self.steps.last_mut() {
            last.notes.push(format!("`fixpoint` ended after {max} rounds though the last one changed something"));
        }
        Ok(())
    }

    fn forget_stale_types(&mut self) {
        if std::mem::take(&mut self.session.stale) {
            self.session.types = None;
        }
    }

    fn skip_reason(&self, step: &Step) -> Option<String> {
        let asked = |name: &String| *name == step.info.name || step.info.aliases.contains(&name.as_str());
        if self.runner.skip.iter().any(asked) {
            return Some("skipped on request".to_owned());
        }
        if !step.info.dialects.contains(&self.model.dialect) {
            let dialect = match self.model.dialect {
                gtt_ir::Dialect::Onnx => "ONNX",
                _ => "TensorFlow",
            };
            return Some(format!("not for {dialect} models"));
        }
        (self.session.budget == Some(0)).then(|| "the bisect limit is used up".to_owned())
    }

    fn step(&mut self, step: &Step, rounds: &[u32]) -> Result<(), Error> {
        let index = self.steps.len();
        if let Some(observer) = &mut self.runner.observer {
            observer(Event::Before { index, step, model: self.model })?;
        }
        let mut report = StepReport {
            pass: step.info.name.to_owned(),
            step: step.to_string(),
            rounds: rounds.to_vec(),
            outcome: Outcome::Unchanged,
            before: self.size,
            after: self.size,
            seconds: 0.0,
            rewrites: Vec::new(),
            declines: Vec::new(),
            notes: Vec::new(),
            deviation: None,
            bound: Vec::new(),
        };
        match self.skip_reason(step) {
            Some(reason) => {
                self.limited |= self.session.budget == Some(0);
                report.outcome = Outcome::Skipped { reason };
            }
            None => match self.settled.get(&std::ptr::from_ref(step)) {
                Some(&(revision, last)) if revision == self.model.revision() => {
                    report.declines.clone_from(&self.steps[last].declines);
                }
                _ => self.run_pass(step, &mut report)?,
            },
        }
        let settled = match report.outcome {
            Outcome::Changed | Outcome::Unchanged => !self.session.unsettled && !self.session.stale,
            _ => false,
        };
        if step.info.idempotent && settled {
            self.settled.insert(std::ptr::from_ref(step), (self.model.revision(), index));
        }
        self.size = report.after;
        tracing::info!(pass = step.info.name, outcome = ?report.outcome, seconds = report.seconds, "step");
        if let Some(observer) = &mut self.runner.observer {
            observer(Event::After { index, step, model: self.model, report: &report })?;
        }
        self.steps.push(report);
        Ok(())
    }

    fn run_pass(&mut self, step: &Step, report: &mut StepReport) -> Result<(), Error> {
        let snapshot = (step.ignore_errors || self.runner.rollback).then(|| self.model.clone());
        self.session.unsettled = false;
        let revision = self.model.revision();
        let budget = self.session.budget;
        // The table is the pass's alone, which may keep it up to date.
        let contract = Contract::of(self.model, self.cached_types().as_deref());
        let start = Instant::now();
        let mut cx = PassContext {
            model: self.model,
            scope: step.info.scope,
            evaluator: self.runner.evaluator,
            session: &mut self.session,
        };
        if cx.dialect() == gtt_ir::Dialect::Onnx && cx.scope == crate::Scope::WithFunctions {
            cx.decline_closed_functions();
        }
        let result = step.pass.run(&mut cx);
        report.seconds = start.elapsed().as_secs_f64();
        let changed = self.model.revision() != revision;
        let result = result.and_then(|()| if changed { self.check(step, &contract) } else { Ok(()) });
        let journal = std::mem::take(&mut self.session.journal);
        match result {
            Ok(()) => {
                report.rewrites = journal.rewrites();
                report.declines = journal.declines();
                report.notes = journal.notes;
                report.bound = journal.bound;
                if let Some(deviation) = journal.deviation {
                    report.notes.insert(0, deviation.to_string());
                    report.deviation = Some(deviation);
                }
                self.limited |= journal.limited;
                if changed {
                    report.outcome = Outcome::Changed;
                    report.after = Size::of(self.model);
                    self.numerics = self.numerics.and(step.numerics());
                }
                Ok(())
            }
            Err(error) => {
                let error = error.in_pass(step.info.name);
                if let Some(snapshot) = snapshot {
                    *self.model = snapshot;
                }
                self.session.types = None;
                self.session.survey = None;
                self.session.names = None;
                self.session.budget = budget;
                if !step.ignore_errors {
                    return Err(error);
                }
                tracing::warn!(%error, "ignored");
                report.outcome = Outcome::Ignored { error: error.to_string() };
                Ok(())
            }
        }
    }

    fn cached_types(&self) -> Option<std::sync::Arc<gtt_ops::infer::Types>> {
        let (revision, types) = self.session.types.as_ref()?;
        (*revision == self.model.revision()).then(|| types.clone())
    }

    /// What every pass owes the next one.
    fn check(&mut self, step: &Step, contract: &Contract) -> Result<(), Error> {
        let verified = self.session.verify(self.model);
        verified.map_err(|error| Error::internal("", format!("it left a broken graph: {error}")))?;
        let types = self.cached_types();
        contract
            .check(self.model, types.as_deref(), step.pass.interface(step.info.interface), step.numerics())
            .map_err(|broken| Error::internal("", format!("it changed the model's interface: {broken}")))
    }
}

#[cfg(test)]
mod tests;

//! Optimizing: a pipeline run over a loaded model.

use std::path::Path;

use gtt_ir::{Dialect, Model};
use gtt_ops::eval::Evaluator;
use gtt_rewrite::{Event, Pipeline, Registry, Report, Runner};

use crate::storage::Stored;
use crate::{Error, ErrorKind, Format, SaveOptions, Saved, Source};

/// What to run, and how.
///
/// ```
/// # fn main() -> Result<(), gtt::Error> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mobilenet/model.onnx");
/// let transform = gtt::Transform::new("@default")?.skip("merge_duplicate_nodes");
/// let optimized = gtt::load(path)?.transform_with(transform)?;
/// println!("{} rewrites", optimized.report().rewrites);
/// # Ok(())
/// # }
/// ```
pub struct Transform<'a> {
    pipeline: Pipeline,
    skip: Vec<String>,
    bisect_limit: Option<u64>,
    pub(crate) forget_original: bool,
    observer: Option<Observer<'a>>,
}

type Observer<'a> = Box<dyn FnMut(Event<'_>) -> Result<(), gtt_rewrite::Error> + 'a>;

impl std::fmt::Debug for Transform<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transform").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

impl<'a> Transform<'a> {
    /// A pipeline of the passes that come with gtt. Everything about it is checked here, before any file is read.
    pub fn new(pipeline: &str) -> Result<Self, Error> {
        Self::with_registry(pipeline, &crate::passes())
    }

    /// A pipeline that may also use passes of one's own: see [`Registry::with_pass`].
    pub fn with_registry(pipeline: &str, registry: &Registry) -> Result<Self, Error> {
        let pipeline = Pipeline::parse(pipeline, registry)?;
        Ok(Self { pipeline, skip: Vec::new(), bisect_limit: None, forget_original: false, observer: None })
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Leaves out a pass, by name or alias.
    pub fn skip(mut self, pass: impl Into<String>) -> Self {
        self.skip.push(pass.into());
        self
    }

    /// Makes at most so many rewrites.
    pub fn bisect_limit(mut self, limit: u64) -> Self {
        self.bisect_limit = Some(limit);
        self
    }

    /// Whether the graph as it was is kept beside the result, for [`Optimized::check`] and [`Optimized::diff`]: the default. Without,
    /// [`Optimized::original`] is a model without nodes, and large graphs take half the memory.
    pub fn keep_original(mut self, keep: bool) -> Self {
        self.forget_original = !keep;
        self
    }

    /// Is told about every step; its error ends the run.
    pub fn observer(mut self, observer: impl FnMut(Event<'_>) -> Result<(), gtt_rewrite::Error> + 'a) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }
}

impl Source {
    /// Runs a pipeline: passes, `fixpoint{…}`, presets such as `@default`. An empty pipeline is fine.
    pub fn transform(self, pipeline: &str) -> Result<Optimized, Error> {
        self.transform_with(Transform::new(pipeline)?)
    }

    /// Runs a pipeline with options, passes of one's own, an observer.
    pub fn transform_with(mut self, transform: Transform<'_>) -> Result<Optimized, Error> {
        let model = if transform.forget_original { self.take_model() } else { self.model.clone() };
        with_evaluator(|evaluator| self.run(model, transform, evaluator))
    }

    /// The model; one without nodes, or anything else but its dialect, takes its place.
    pub(crate) fn take_model(&mut self) -> Model {
        let empty = Model::new(self.model.dialect);
        std::mem::replace(&mut self.model, empty)
    }

    /// Runs a pipeline over a model that comes of this one.
    pub(crate) fn run(
        self,
        mut model: Model,
        transform: Transform<'_>,
        evaluator: &dyn Evaluator,
    ) -> Result<Optimized, Error> {
        // On an error the model is dropped with it: nothing to roll back to.
        let mut runner = Runner::new().rollback(false).evaluator(evaluator);
        for pass in transform.skip {
            runner = runner.skip(pass);
        }
        if let Some(limit) = transform.bisect_limit {
            runner = runner.bisect_limit(limit);
        }
        if let Some(observer) = transform.observer {
            runner = runner.observer(observer);
        }
        let report = runner.run(&mut model, &transform.pipeline)?;
        gtt_wire::release_pages();
        Ok(Optimized {
            source: self,
            has_original: !transform.forget_original,
            model,
            report,
            #[cfg(feature = "tract")]
            verification: None,
        })
    }
}

/// What evaluates constants, and keeps large ones.
pub(crate) fn with_evaluator<T>(body: impl FnOnce(&dyn Evaluator) -> T) -> T {
    #[cfg(feature = "tract")]
    let evaluator = Stored::new(gtt_ops::eval::Chain::exact_then(gtt_engine::TractEvaluator));
    #[cfg(not(feature = "tract"))]
    let evaluator = Stored::new(gtt_ops::eval::Exact);
    body(&evaluator)
}

/// A model before and after a pipeline, and what happened in between. Constants are shared by the two.
#[derive(Clone, Debug)]
pub struct Optimized {
    pub(crate) source: Source,
    /// The graph of `source` is still there.
    has_original: bool,
    pub(crate) model: Model,
    pub(crate) report: Report,
    #[cfg(feature = "tract")]
    pub(crate) verification: Option<crate::Verification>,
}

impl Optimized {
    /// The model as it was loaded; its graph only if it was kept ([`Transform::keep_original`]).
    pub fn original(&self) -> &Source {
        &self.source
    }

    /// The optimized model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Outputs that the pipeline was to make ([`Loader::made_later`](crate::Loader::made_later)) and did not.
    pub fn missing_outputs(&self) -> impl Iterator<Item = &str> {
        let awaited = self.source.awaited.iter().map(|name| name.trim().trim_start_matches('^'));
        awaited.filter(|name| crate::load::find_site(&self.model, name).is_none())
    }

    /// What every pass did and what it declined.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Writes the model in one step: a crash or a full disk leaves the old file. The path may be the one that was loaded. ONNX
    /// with data in another file is two files and two renames, data first: a crash just between them leaves the old model
    /// beside new data.
    ///
    /// The format follows the input's, unless the extension asks for another one that the model can have: `.pb` and `.pbtxt`
    /// for TensorFlow graphs, `.gtt` for the text form.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<Saved, Error> {
        self.save_with(path, &SaveOptions::default())
    }

    /// Writes the model, with a say in format and external data.
    pub fn save_with(&self, path: impl AsRef<Path>, options: &SaveOptions) -> Result<Saved, Error> {
        crate::save::save(&self.model, self.format(), path.as_ref(), options)
    }

    /// The content of the model's file as it would be written: `saved_model.pb` for a SavedModel. For ONNX, external data
    /// follows. Constants are shared, or made when they are written.
    pub fn encode(&self) -> Result<Vec<crate::Part>, Error> {
        crate::save::encode(&self.model, self.format())
    }

    /// The optimized model in the text form. Reads all bytes of the constants, for their hashes.
    pub fn text(&self) -> String {
        gtt_ir::text::print(&self.model)
    }

    /// Fails when the model as it was is not there to be compared with.
    pub(crate) fn require_original(&self) -> Result<&Source, Error> {
        let missing = || Error::new(ErrorKind::NotChecked, "the model as it was is not there to be compared with");
        self.has_original.then_some(&self.source).ok_or_else(missing)
    }

    /// What differs from the model as it was loaded. [`ErrorKind::NotChecked`] when that was not kept
    /// ([`Transform::keep_original`]).
    pub fn diff(&self) -> Result<Vec<crate::Difference>, Error> {
        Ok(crate::diff(&self.require_original()?.model, &self.model))
    }

    /// How the model lies on disk where it came from; ONNX when it was converted.
    pub fn format(&self) -> Format {
        let converted = self.model.dialect == Dialect::Onnx && self.source.model.dialect != Dialect::Onnx;
        if converted { Format::Onnx } else { self.source.format }
    }
}

//! What an engine is: it loads exported ONNX bytes for fixed input shapes and runs them.
//!
//! Loading either gives a [`Prepared`] model, or says why there is none: [`EngineError::Unsupported`] when the engine is not known to
//! compute the model rightly, [`EngineError::Failed`] when it tried and could not. Neither is ever a verdict about the model.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use gtt_ir::{Model, Name, Tensor};
use gtt_onnx::{ExternalData, WriteOptions};
use serde::Serialize;

/// A model as exported: ONNX bytes, and the folder that external data lies in.
#[derive(Clone, Debug)]
pub struct ModelFile {
    bytes: Bytes,
    folder: Option<PathBuf>,
}

impl ModelFile {
    /// A model that holds all of its data. Shares the bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, folder: None }
    }

    /// A model of the ONNX dialect, exported with all of its data inside. Copies the weights once.
    pub fn export(model: &Model) -> Result<Self, EngineError> {
        let options = WriteOptions { external: ExternalData::Inline, limit: u64::MAX, ..WriteOptions::default() };
        let encoded = gtt_onnx::encode(model, &options)
            .map_err(|error| EngineError::Failed { stage: "export", message: error.to_string() })?;
        Ok(Self::new(encoded.to_bytes()))
    }

    /// The same model, with the folder that its external data is relative to.
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Maps a file; nothing is copied. External data is looked for beside it.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let bytes = gtt_wire::map_file(path).map_err(|error| EngineError::Failed {
            stage: "open",
            message: format!("`{}`: {error}", path.display()),
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::new(bytes).with_folder(folder))
    }

    /// The ONNX bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The folder of external data.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}

/// How much of its own optimization the engine applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of it: what a user of the engine gets.
    #[default]
    Optimized,
    /// As little as the engine can run with, so that the graph is timed as given.
    AsGiven,
    /// None, and no plan: every node runs by itself, on the extents it meets. Slow; for models whose extents depend on data.
    NodeByNode,
}

/// What an engine is trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Only nodes that the engine is proven to compute rightly; anything else is refused.
    #[default]
    Proven,
    /// Whatever loads. Results prove nothing; for timing and for gathering evidence.
    Anything,
}

/// How to load a model.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The extents of each input, by name. Every input that is fed needs them.
    pub shapes: Vec<(Name, Vec<usize>)>,
    /// Inputs that are bound to a value at load time. They are no longer fed.
    pub constants: Vec<(Name, Tensor)>,
    /// The engine's own optimization.
    pub mode: Mode,
    /// What is refused.
    pub trust: Trust,
    /// Threads that one run may use, up to [`Engine::max_threads`]; 1 is the default, and what timing should use.
    pub threads: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { shapes: Vec::new(), constants: Vec::new(), mode: Mode::default(), trust: Trust::default(), threads: 1 }
    }
}

impl LoadOptions {
    /// Options for feeds of these shapes.
    pub fn for_feeds(feeds: &[(Name, Tensor)]) -> Self {
        Self {
            shapes: feeds.iter().map(|(name, tensor)| (name.clone(), tensor.shape().to_vec())).collect(),
            ..Self::default()
        }
    }
}

/// Why an engine has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine is not known to compute this model rightly. Each reason names an op and what about it.
    #[error("not covered by the engine: {}", reasons.join("; "))]
    Unsupported {
        /// Distinct reasons, in the order of the graph.
        reasons: Vec<String>,
    },
    /// The engine could not load or run the model.
    #[error("engine failed to {stage}: {message}")]
    Failed {
        /// The step that failed: `open`, `decode`, `type`, `optimize`, `run` …
        stage: &'static str,
        /// What the engine said.
        message: String,
    },
}

impl EngineError {
    /// The error as reasons of a "not checked" verdict.
    pub fn into_reasons(self) -> Vec<String> {
        match self {
            EngineError::Unsupported { reasons } => reasons,
            failed @ EngineError::Failed { .. } => vec![failed.to_string()],
        }
    }
}

/// Time spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Elapsed {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds of CPU, over all threads of the process.
    pub cpu: f64,
}

impl Elapsed {
    /// The time a closure takes. CPU time is that of the whole process: keep it quiet meanwhile.
    pub fn of<T>(work: impl FnOnce() -> T) -> (T, Elapsed) {
        let (wall, cpu) = (std::time::Instant::now(), cpu_time::ProcessTime::now());
        let result = work();
        let (cpu, wall): (Duration, Duration) = (cpu.elapsed(), wall.elapsed());
        (result, Elapsed { wall: wall.as_secs_f64(), cpu: cpu.as_secs_f64() })
    }
}

/// Something that runs ONNX models.
pub trait Engine: Send + Sync {
    /// Its name and version, for reports.
    fn name(&self) -> String;

    /// How many threads one run can use at most.
    fn max_threads(&self) -> usize {
        1
    }

    /// Loads a model for fixed input shapes. Costs one copy of the weights, and the engine's own preparation.
    fn load(&self, model: &ModelFile, options: &LoadOptions) -> Result<Box<dyn Prepared>, EngineError>;
}

/// A loaded model.
pub trait Prepared: Send {
    /// Names of the inputs that must be fed, in the order of the model.
    fn inputs(&self) -> &[Name];

    /// Names of the outputs, in the order of the model.
    fn outputs(&self) -> &[Name];

    /// How long loading took.
    fn load_time(&self) -> Elapsed;

    /// Sets the inputs for the runs to come. Copies them.
    fn feed(&mut self, feeds: &[(Name, Tensor)]) -> Result<(), EngineError>;

    /// Runs `repeats` times on the inputs that were set, and says how long all of it took. At least one run.
    fn execute(&mut self, repeats: u32) -> Result<Elapsed, EngineError>;

    /// The outputs of the last run, by name, in the order of the model. Copies them.
    fn fetch(&mut self) -> Result<Vec<(Name, Tensor)>, EngineError>;

    /// Feeds, runs once, fetches.
    fn run(&mut self, feeds: &[(Name, Tensor)]) -> Result<Vec<(Name, Tensor)>, EngineError> {
        self.feed(feeds)?;
        self.execute(1)?;
        self.fetch()
    }
}

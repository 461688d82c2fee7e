//! What the cases run with: passes, and the formats and engines that check them.

use gtt_ir::{Dialect, Model};
use gtt_ops::eval::{Evaluator, Exact};
use gtt_rewrite::{Numerics, Registry};

/// A file format, for the contract that a model survives being written and read.
pub trait Codec: Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// The models it can hold.
    fn dialect(&self) -> Dialect;

    /// Writes the model and reads it back, with the same interface declared. `Err` says in words what failed.
    fn round_trip(&self, model: &Model) -> Result<Model, String>;
}

/// Something that runs two models and compares their answers.
pub trait Oracle: Send + Sync {
    /// Compares. `inputs` are the words of the case's `INPUTS` lines: extents that the models leave open.
    fn judge(&self, before: &Model, after: &Model, numerics: Numerics, inputs: &[String]) -> Judgement;
}

/// What an oracle found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The answers are equal, within what the passes promised.
    Equal,
    /// They are not; in words, what differs.
    Different(String),
    /// Nobody knows, and why.
    NotChecked(String),
}

/// What the cases run with.
pub struct Kit {
    pub(crate) registry: Registry,
    pub(crate) codecs: Vec<Box<dyn Codec>>,
    pub(crate) oracle: Option<Box<dyn Oracle>>,
    pub(crate) evaluator: Box<dyn Evaluator>,
}

impl Kit {
    /// Passes, the built-in evaluator, no formats and no engine.
    pub fn new(registry: Registry) -> Self {
        Self { registry, codecs: Vec::new(), oracle: None, evaluator: Box::new(Exact) }
    }

    /// With one more format.
    pub fn codec(mut self, codec: impl Codec + 'static) -> Self {
        self.codecs.push(Box::new(codec));
        self
    }

    /// With an engine.
    pub fn oracle(mut self, oracle: impl Oracle + 'static) -> Self {
        self.oracle = Some(Box::new(oracle));
        self
    }

    /// With another evaluator of constant nodes.
    pub fn evaluator(mut self, evaluator: impl Evaluator + 'static) -> Self {
        self.evaluator = Box::new(evaluator);
        self
    }

    /// The passes.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit").field("registry", &self.registry).finish_non_exhaustive()
    }
}

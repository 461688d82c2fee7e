//! Engines: running models to prove that a transform kept their answers, and to time them.
//!
//! An engine is fed the *exported ONNX bytes* ([`ModelFile`]), never the IR, so that the exporter is under test too. A model goes
//! through four steps, each its own module: [`feeds`] makes inputs, [`engine`] loads and runs, [`compare`] judges two sets of
//! outputs, [`verify`] does all of it for a pair of models; [`mod@bench`] times them.
//!
//! Nothing here says "equal" without proof: an engine refuses what it is not known to compute rightly
//! ([`EngineError::Unsupported`]), and a refusal becomes [`Verdict::NotChecked`](compare::Verdict), never `Equal`.
//!
//! The feature `tract` (on by default) embeds tract; without it this crate holds everything but an engine.

pub mod bench;
pub mod compare;
pub mod engine;
pub mod feeds;
mod npz;
#[cfg(feature = "tract")]
pub mod tract;
pub mod verify;

pub use compare::{Comparison, OutputComparison, Tolerance, Verdict};
pub use engine::{Elapsed, Engine, EngineError, LoadOptions, Mode, ModelFile, Prepared, Trust};
pub use feeds::{Bindings, Feeds, InputSpec};
#[cfg(feature = "tract")]
pub use tract::{Tract, TractEvaluator};
pub use verify::{Verification, VerifyOptions};

//! Load, optimize, verify, measure and save ONNX and TensorFlow models.
//!
//! ```
//! # fn main() -> Result<(), gtt::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let (path, out) = (concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mobilenet/model.onnx"), folder.path().join("out.onnx"));
//! # #[cfg(feature = "tract")]
//! gtt::load(path)?
//!     .transform("@default")?
//!     .verify(&gtt::VerifyOptions::new())?
//!     .save(out)?;
//! # Ok(())
//! # }
//! ```
//!
//! * [`load`] (or a [`Loader`], for graphs that do not say what is fed and fetched) gives a [`Source`].
//! * [`Source::transform`] runs a pipeline ([`Source::transform_with`]: with passes of your own, see [`Transform`]) and gives an
//!   [`Optimized`]: the model before and after, and the [`Report`].
//! * [`Source::convert`] makes an ONNX model of a TensorFlow model and optimizes that.
//! * `Optimized::verify` runs both through the embedded engine and fails unless the outputs are proven equal.
//! * [`Optimized::save`] writes the model in one step; the file may be the one that was loaded.
//!
//! # Features
//!
//! `tract` (on by default) embeds the engine tract: verification, timing, and folding of floating-point kernels such as
//! convolutions. It takes minutes to build. In a build script that only transforms, leave it out:
//! `gtt = { version = "0.1", default-features = false }` builds in well under a minute; constant folding then covers integer
//! arithmetic, data movement and element-wise floating-point arithmetic.
//!
//! # Errors
//!
//! Everything fails with [`Error`]; [`Error::kind`] tells what it is about, [`Error::hint`] often what to do.

#[cfg(feature = "tract")]
mod check;
mod convert;
mod diff;
mod error;
mod files;
mod format;
mod freeze;
mod interface;
mod load;
#[cfg(feature = "tract")]
mod ranges;
mod save;
mod storage;
mod summary;
mod transform;

use std::path::Path;

#[cfg(feature = "tract")]
pub use check::{Checker, VerifyOptions, describe_difference, input_types, tolerance, verify};
pub use convert::Convert;
pub use diff::{Difference, diff};
pub use error::{Error, ErrorKind};
pub use format::Format;
pub use freeze::{Freeze, FreezeReport, Frozen, VariableSummary};
#[cfg(feature = "tract")]
pub use gtt_engine::bench::{BenchReport, Finding, Ratio, Timing};
#[cfg(feature = "tract")]
pub use gtt_engine::{OutputComparison, Tolerance, Verdict, Verification};
pub use gtt_ir as ir;
pub use gtt_ops as ops;
pub use gtt_rewrite as rewrite;
pub use gtt_rewrite::{
    Error as PassError, Event, Files, Numerics, Outcome as StepOutcome, PassInfo, Pipeline, Preset, Registry, Report,
    StepReport, StepSummary, Synonym, Tensors,
};
pub use gtt_wire::Part;
pub use interface::{Interface, likely_interface};
pub use load::{Loader, SignatureSummary, Source, main_file_bytes, nodes};
pub use save::{ExternalData, SaveOptions, Saved};
pub use summary::{ConstantSummary, LargeConstant, PortSummary, Summary, TypeCount};
pub use transform::{Optimized, Transform};

/// Loads a model with the interface that its file declares: see [`Loader::load`].
pub fn load(path: impl AsRef<Path>) -> Result<Source, Error> {
    Loader::new().load(path)
}

/// Makes constants of the variables of a SavedModel: see [`Freeze`].
pub fn freeze(path: impl AsRef<Path>) -> Result<Frozen, Error> {
    Freeze::new().run(path)
}

/// The passes and presets that come with gtt. Add your own with [`Registry::with_pass`], and use the result with
/// [`Transform::with_registry`].
pub fn passes() -> Registry {
    gtt_passes::registry().with_files(std::sync::Arc::new(files::Disk))
}

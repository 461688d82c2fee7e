//! For authors of passes, in this repository or outside: cases with snapshots, contracts that every case is held to, random
//! graphs, and large synthetic ones.
//!
//! A case is a model in the text form of [`gtt_ir::text`] with a header:
//!
//! ```text
//! // A multiplication by one may go only if it does not broadcast.
//! // RUN: drop_neutral_mul
//! // DECLINES: the constant broadcasts
//! model onnx {"": 17}
//! graph main(x: f32[2]) -> (y) { … }
//! ```
//!
//! The first lines say in words why the case exists. `RUN` is the pipeline. The others are optional and may be repeated:
//! `REWRITES: rule` and `DECLINES: reason` must happen, `FAILS: words` expects an error with these words (and no other error is
//! tolerated), `INPUTS: N=2 x:1,3` binds extents for the run in an engine, `NUMERICS: not checked, because …` keeps the engine
//! out, `NUMERICS: within 0.01` holds a lossy pipeline to an error. Everything that happened is in the snapshot `../snapshots/case.snap`: the report, whether an engine found the answers
//! equal, the model afterwards.
//!
//! Whatever the case is about, it is held to these contracts: the graph verifies before and after; its text round-trips; a
//! [`Codec`] writes and reads it back equal; two runs give the same text; a pass that declares itself idempotent changes nothing the
//! second time; an [`Oracle`] does not find the answers different.
//!
//! One test binary runs all cases as one test each:
//!
//! ```no_run
//! // tests/cases.rs, with `harness = false` for it in Cargo.toml
//! use gtt_testkit::Kit;
//!
//! fn main() {
//!     let registry = gtt_rewrite::Registry::default(); // .with_pass(&my_pass::PASS)
//!     gtt_testkit::run_cases!(Kit::new(registry), concat!(env!("CARGO_MANIFEST_DIR"), "/my_pass"));
//! }
//! ```
//!
//! A new or changed snapshot fails until it is accepted: look at it, then `INSTA_UPDATE=always cargo test …` (or `cargo insta
//! review`).

mod case;
mod check;
mod fuzz;
pub mod generate;
mod kit;
mod settle;
mod suite;
pub mod synthetic;

pub use case::{Case, CaseError};
pub use check::{Failure, Outcome, check_model, run_case};
pub use fuzz::{fuzz, fuzz_one, shrink};
pub use kit::{Codec, Judgement, Kit, Oracle};
pub use suite::{Snapshot, Suite};

/// Used by [`run_cases!`].
#[doc(hidden)]
pub use insta;

/// Runs every `*/cases/*.gtt` and `cases/*.gtt` below a folder as one test each, with the usual flags of a test binary. The
/// snapshot is asserted where the macro stands, so that it belongs to the caller's crate. Ends the process.
///
/// The first argument is a [`Kit`] or a [`Suite`], the second the folder.
#[macro_export]
macro_rules! run_cases {
    ($kit:expr, $folder:expr) => {
        $crate::Suite::from($kit).folder($folder).run(|snapshot: &$crate::Snapshot| {
            let mut settings = $crate::insta::Settings::clone_current();
            settings.set_snapshot_path(&snapshot.folder);
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_input_file(&snapshot.case);
            settings.bind(|| $crate::insta::assert_snapshot!(snapshot.name.as_str(), snapshot.text.as_str()));
        })
    };
}

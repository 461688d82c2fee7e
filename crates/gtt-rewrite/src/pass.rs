//! What a pass is: a static description and something that runs.

use std::fmt;

use gtt_ir::Dialect;
use serde::{Serialize, Serializer};

use crate::{ArgError, Args, Error, PassContext};

/// A pass, built from checked arguments, ready to run on any number of models.
///
/// A pass does no I/O, prints nothing, depends on model and arguments only, and does not say whether it changed something:
/// the runner reads [`Model::revision`](gtt_ir::Model::revision).
pub trait Pass: Send + Sync {
    /// Runs once. An error leaves the model to the runner's rollback; what merely does not apply is a decline, not an error.
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error>;

    /// What it promises with the arguments it was built from, where that differs from [`PassInfo::numerics`].
    fn numerics(&self, declared: Numerics) -> Numerics {
        declared
    }

    /// What it may do to inputs and outputs with the arguments it was built from, where that differs from
    /// [`PassInfo::interface`].
    fn interface(&self, declared: Interface) -> Interface {
        declared
    }
}

/// Builds a pass from its arguments.
pub type Build = fn(&Args) -> Result<Box<dyn Pass>, ArgError>;

/// Everything that is known about a pass without running it. One `pub static PASS: PassInfo` for each pass:
///
/// ```
/// # use gtt_rewrite::*;
/// # fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> { Err(ArgError::new("no")) }
/// pub static PASS: PassInfo = PassInfo {
///     params: &[Param { repeated: true, required: true, ..Param::new("op", Kind::Name, "op whose nodes go") }],
///     ..PassInfo::new("remove_nodes", "remove pass-through nodes", "the README", build)
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PassInfo {
    /// snake_case verb phrase; the folder's name.
    pub name: &'static str,
    /// Other names it is found by.
    pub aliases: &'static [&'static str],
    /// One line, lower case, no final stop.
    pub summary: &'static str,
    /// The README: `include_str!("README.md")`.
    pub doc: &'static str,
    /// Its parameters. `ignore_errors` is every pass's and not listed.
    pub params: &'static [Param],
    /// Models of other dialects are left as they are; the report says "skipped".
    pub dialects: &'static [Dialect],
    /// The graphs that [`PassContext::graphs`] gives.
    pub scope: Scope,
    /// What it promises about results.
    pub numerics: Numerics,
    /// What it may do to the model's inputs and outputs.
    pub interface: Interface,
    /// Running it twice is the same as once: a `fixpoint` does not run it again on a model that nobody changed since.
    pub idempotent: bool,
    /// Passes that should have run before, for `explain` and for authors of pipelines.
    pub after: &'static [&'static str],
    /// Parameters that name a node which the pass makes and lets stay: it may be asked for as an output before it is there.
    pub makes: &'static [&'static str],
    /// Builds it.
    pub build: Build,
}

impl PassInfo {
    /// A description with the usual rest: both dialects, [`Scope::Nested`], [`Numerics::Exact`], [`Interface::Kept`],
    /// idempotent, no parameters.
    pub const fn new(name: &'static str, summary: &'static str, doc: &'static str, build: Build) -> Self {
        Self {
            name,
            aliases: &[],
            summary,
            doc,
            params: &[],
            dialects: &[Dialect::Onnx, Dialect::Tf],
            scope: Scope::Nested,
            numerics: Numerics::Exact,
            interface: Interface::Kept,
            idempotent: true,
            after: &[],
            makes: &[],
            build,
        }
    }

    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// A parameter of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name, as the pipeline has it.
    pub name: &'static str,
    /// What its text must be; checked when the pipeline is parsed.
    pub kind: Kind,
    /// May be given any number of times; the order is kept.
    pub repeated: bool,
    /// The text that stands in when it is not given.
    pub default: Option<&'static str>,
    /// Must be given at least once.
    pub required: bool,
    /// One line for `explain`.
    pub doc: &'static str,
}

impl Param {
    /// The name of a parameter that takes arguments of any other name, each at most once, such as `set_dim(batch=1)`.
    pub const ANY: &'static str = "*";

    /// An optional parameter, given at most once, without default.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, repeated: false, default: None, required: false, doc }
    }
}

/// What the text of an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A decimal integer of 64 bits with an optional sign; blanks around it are allowed.
    Int,
    /// The same of 32 bits.
    Int32,
    /// A decimal number, with exponent, `nan` and `inf`.
    Float,
    /// `true`, `1`, `false`, `0`.
    Bool,
    /// Any text.
    Str,
    /// The name of an op, node, attribute …; not empty.
    Name,
    /// An element type, e.g. `float`, `float32`, `int8`.
    DType,
    /// The path of a file; its content is read when the pipeline is parsed, see [`Files`](crate::Files).
    File,
    /// The path of a TensorFlow checkpoint, opened likewise.
    Checkpoint,
    /// A shape: integers with commas between; `-1` and `?` are unknown extents, the empty text is a scalar.
    Shape,
}

impl Kind {
    /// The word `explain` shows.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Int | Kind::Int32 => "integer",
            Kind::Float => "number",
            Kind::Bool => "true|false",
            Kind::Str => "text",
            Kind::Name => "name",
            Kind::DType => "type",
            Kind::File => "file",
            Kind::Checkpoint => "checkpoint",
            Kind::Shape => "shape",
        }
    }
}

/// The graphs a pass visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The main graph.
    Main,
    /// The main graph and the subgraphs nested in its nodes. TensorFlow: the bodies of functions.
    Nested,
    /// The same, and the bodies of functions.
    WithFunctions,
}

/// What a pass promises about the model's results. Verification takes its tolerance from here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numerics {
    /// The same values. Rounding of the runtime aside, bit for bit.
    Exact,
    /// The same values, and public names may change.
    Renames,
    /// The same up to rounding: `|a - b| <= absolute + relative * |b|`.
    Close {
        /// Relative tolerance.
        relative: f64,
        /// Absolute tolerance.
        absolute: f64,
    },
    /// Different values by design (quantisation, rounding of weights).
    Lossy,
}

impl Numerics {
    /// What is promised when both run: the weaker promise, the larger tolerance.
    pub fn and(self, other: Self) -> Self {
        use Numerics::{Close, Exact, Lossy, Renames};
        match (self, other) {
            (Lossy, _) | (_, Lossy) => Lossy,
            (Close { relative: r, absolute: a }, Close { relative: s, absolute: b }) => {
                Close { relative: r.max(s), absolute: a.max(b) }
            }
            (close @ Close { .. }, _) | (_, close @ Close { .. }) => close,
            (Renames, _) | (_, Renames) => Renames,
            (Exact, Exact) => Exact,
        }
    }
}

/// In words, as tables for people have them. The alternate form, `{:#}`, gives both tolerances.
impl fmt::Display for Numerics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numerics::Exact => f.pad("exact"),
            Numerics::Renames => f.pad("exact, names may change"),
            Numerics::Close { relative, absolute } if f.alternate() => {
                write!(f, "relative {relative:e}, absolute {absolute:e}")
            }
            Numerics::Close { relative, .. } => write!(f, "within {relative:e}"),
            Numerics::Lossy => f.pad("lossy by design"),
        }
    }
}

impl Serialize for Numerics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let (kind, tolerance) = match self {
            Numerics::Exact => ("exact", None),
            Numerics::Renames => ("renames", None),
            Numerics::Close { relative, absolute } => ("close", Some((relative, absolute))),
            Numerics::Lossy => ("lossy", None),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", kind)?;
        if let Some((relative, absolute)) = tolerance {
            map.serialize_entry("relative", relative)?;
            map.serialize_entry("absolute", absolute)?;
        }
        map.end()
    }
}

/// What a pass may do to the model's inputs and outputs. The runner holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// Names, order and number stay; types do not contradict what they were.
    Kept,
    /// As [`Interface::Kept`], but inputs that have a default may go.
    DropsDefaults,
    /// As [`Interface::Kept`], but types of inputs and outputs may change.
    ChangesTypes,
    /// As [`Interface::Kept`], but inputs may go.
    DropsInputs,
    /// As [`Interface::Kept`], but outputs may go.
    DropsOutputs,
    /// Inputs and outputs may be others altogether.
    Changes,
}

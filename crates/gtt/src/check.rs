//! Checking and timing: both models are exported to bytes and run by the embedded engine, which never sees the IR.
//!
//! ONNX models run as the bytes that would be written. TensorFlow graphs are written, read back, and lowered to ONNX first; a
//! graph that cannot be lowered is "not checked". What is allowed to differ follows from what the passes promised, not from a
//! default.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use gtt_engine::bench::{BenchOptions, BenchReport};
use gtt_engine::feeds::{self, FeedOptions};
use gtt_engine::{Bindings, EngineError, Feeds, InputSpec, ModelFile, Tolerance, Tract, Verdict, Verification};
use gtt_ir::{Dialect, Model, Name, Tensor, Type};
use gtt_lower::LowerOptions;
use gtt_ops::infer::Types;
use gtt_rewrite::Numerics;
use rustc_hash::FxHashMap;

use crate::{Error, ErrorKind, Optimized, Source};

/// On what models are run, and what counts as proof.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    pub(crate) sets: usize,
    pub(crate) seed: u64,
    pub(crate) shapes: Vec<String>,
    pub(crate) data: Vec<PathBuf>,
    pub(crate) tolerance: Option<Tolerance>,
    pub(crate) allow_unchecked: bool,
    pub(crate) threads: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            sets: 2,
            seed: 1,
            shapes: Vec::new(),
            data: Vec::new(),
            tolerance: None,
            allow_unchecked: false,
            threads: 1,
        }
    }
}

impl VerifyOptions {
    /// Two sets of generated inputs, the tolerance that the passes promised.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many sets of inputs are generated.
    pub fn sets(mut self, sets: usize) -> Self {
        self.sets = sets;
        self
    }

    /// Everything random follows from it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Extents that the model leaves open: `image:1,224,224,3`, `1,224,224,3` for an only input, `batch=1` for a symbol. Can be
    /// called for several. An open first extent is 1 unless told otherwise.
    pub fn input_shape(mut self, shape: impl Into<String>) -> Self {
        self.shapes.push(shape.into());
        self
    }

    /// Inputs from an `.npz` (arrays by input name) or `.npy` file instead of generated ones. Can be called for several sets.
    pub fn input_data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data.push(path.into());
        self
    }

    /// What may differ, instead of what the passes promised.
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// [`Optimized::verify`] lets a model pass that the engine cannot check.
    pub fn allow_unchecked(mut self, allow: bool) -> Self {
        self.allow_unchecked = allow;
        self
    }

    /// Threads of one run.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }
}

/// What passes that promise the same values may still change: runtimes sum in another order when a graph has another form.
const ROUNDING: f64 = 1e-6;

/// The tolerance that follows from a promise; `None` for passes that change values by design.
pub fn tolerance(numerics: Numerics) -> Option<Tolerance> {
    match numerics {
        Numerics::Exact | Numerics::Renames => Some(Tolerance::close(ROUNDING)),
        Numerics::Close { relative, .. } => Some(Tolerance::close(relative.max(ROUNDING))),
        Numerics::Lossy => None,
    }
}

/// A reference model with inputs, ready to be compared with others.
pub struct Checker {
    engine: Tract,
    reference: Side,
    feeds: Vec<Feeds>,
    /// Names of the outputs of an ONNX model.
    outputs: Option<Vec<Name>>,
    options: VerifyOptions,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("feeds", &self.feeds.len()).finish_non_exhaustive()
    }
}

/// A model as the engine gets it.
enum Side {
    /// Bytes that fit any input.
    File(ModelFile),
    /// A TensorFlow graph, lowered anew for every shape of the inputs.
    Lowered(Box<Model>),
    /// The same of a model whose variables hold these tensors.
    WithVariables(Box<Model>, FxHashMap<Name, Tensor>),
}

impl Checker {
    /// Makes inputs for a model. Fails when it leaves extents open that the options do not give, or a file of inputs does not
    /// fit: nothing is run yet.
    pub fn new(reference: &Source, options: &VerifyOptions) -> Result<Self, Error> {
        let feeds = make_feeds(&reference.model, options)?;
        let is_onnx = reference.model.dialect == Dialect::Onnx;
        let outputs = is_onnx.then(|| reference.model.main().outputs().iter().map(|port| port.name.clone()).collect());
        let reference = match reference.model.dialect {
            Dialect::Onnx if reference.format == crate::Format::Onnx && !reference.redeclared => {
                Side::File(ModelFile::open(&reference.path).map_err(engine_error)?)
            }
            _ => side(&reference.model)?,
        };
        Ok(Self { engine: Tract, reference, feeds, outputs, options: options.clone() })
    }

    /// The same for a TensorFlow model whose variables hold tensors, by the names of their nodes.
    pub(crate) fn with_variables(
        reference: &Model,
        variables: &FxHashMap<Name, Tensor>,
        options: &VerifyOptions,
    ) -> Result<Self, Error> {
        let feeds = make_feeds(reference, options)?;
        let reference = Side::WithVariables(Box::new(reference.clone()), variables.clone());
        Ok(Self { engine: Tract, reference, feeds, outputs: None, options: options.clone() })
    }

    /// Compares a model with the reference. It must have the same inputs and outputs. If `numerics` is lossy and the options give
    /// no tolerance, the differences are measured ([`Verdict::Measured`]); what was finite must still be.
    pub fn check(&self, model: &Model, numerics: Numerics) -> Result<Verification, Error> {
        self.check_bound(model, numerics, &[])
    }

    /// The same for a model in which inputs were given values for good ([`StepReport::bound`](crate::StepReport)): the reference
    /// gets these values instead of others.
    pub fn check_bound(
        &self,
        model: &Model,
        numerics: Numerics,
        bound: &[(Name, Tensor)],
    ) -> Result<Verification, Error> {
        // What changes values by design is measured, not judged, unless somebody says how far it may go.
        let promised = || tolerance(numerics).unwrap_or(Tolerance::Unlimited);
        let tolerance = self.options.tolerance.unwrap_or_else(promised);
        let feeds = self.without(bound);
        if let Some(reason) = self.other_interface(model, &feeds) {
            return Ok(Verification::not_checked(&self.engine, tolerance, vec![reason]));
        }
        let candidate = match side(model) {
            Ok(candidate) => candidate,
            Err(error) => return Ok(Verification::not_checked(&self.engine, tolerance, vec![error.to_string()])),
        };
        let mut options = gtt_engine::VerifyOptions::new(tolerance);
        options.threads = self.options.threads;
        let mut whole: Option<Verification> = None;
        for group in groups(&feeds) {
            let files = self.reference.file(&group[0], bound);
            let files = files.and_then(|a| Ok((a, candidate.file(&group[0], &[])?)));
            let part = match files {
                Ok((a, b)) => gtt_engine::verify::verify(&self.engine, &a, &b, group, &options),
                Err(reasons) => Verification::not_checked(&self.engine, tolerance, reasons),
            };
            whole = Some(match whole {
                None => part,
                Some(whole) => merge(whole, part),
            });
        }
        let none =
            || Verification::not_checked(&self.engine, tolerance, vec!["there are no inputs to run on".to_owned()]);
        Ok(whole.unwrap_or_else(none))
    }

    /// The model does not take the inputs, or has other outputs: there is nothing to compare.
    fn other_interface(&self, model: &Model, feeds: &[Feeds]) -> Option<String> {
        let graph = model.main();
        if model.dialect == Dialect::Tf {
            let taken = |name: &Name| graph.inputs().iter().any(|port| port.name == *name);
            let fed = feeds.iter().flat_map(|set| &set.tensors).map(|(name, _)| name);
            let bound = fed.into_iter().find(|name| !taken(name))?;
            return Some(format!("the model has no input `{bound}`, or has given it a value of its own"));
        }
        let outputs = self.outputs.as_ref().filter(|_| model.dialect == Dialect::Onnx)?;
        if graph.outputs().iter().map(|port| &port.name).ne(outputs) {
            return Some("the pipeline changes which outputs there are".to_owned());
        }
        for port in graph.inputs() {
            let value = graph.value(port.value);
            if matches!(value.def, gtt_ir::Def::Input { default: Some(_) }) {
                continue;
            }
            let fits = |set: &Feeds| {
                let fed = set.tensors.iter().find(|(name, _)| *name == port.name);
                fed.is_some_and(|(_, tensor)| !gtt_rewrite::contradict(&tensor.ty(), &value.ty))
            };
            if !feeds.iter().all(fits) {
                return Some(format!("the pipeline changes what input `{}` is", port.name));
            }
        }
        None
    }

    /// Times the reference against a model, or alone, on the first set of inputs.
    pub fn bench(&self, other: Option<&Model>, budget: Duration) -> Result<BenchReport, Error> {
        self.bench_bound(other, budget, &[])
    }

    /// The same against a model in which inputs were given values for good: see [`Checker::check_bound`].
    pub fn bench_bound(
        &self,
        other: Option<&Model>,
        budget: Duration,
        bound: &[(Name, Tensor)],
    ) -> Result<BenchReport, Error> {
        let not_checked = |reasons: Vec<String>| not_run(&reasons);
        let feeds = self.without(bound);
        let Some(feeds) = feeds.first() else {
            return Err(Error::new(ErrorKind::Interface, "there are no inputs to run on"));
        };
        let mut models = vec![("before".to_owned(), self.reference.file(feeds, bound).map_err(not_checked)?)];
        if let Some(other) = other {
            models.push(("after".to_owned(), side(other)?.file(feeds, &[]).map_err(not_checked)?));
        }
        let options = BenchOptions { budget, threads: self.options.threads, ..BenchOptions::default() };
        gtt_engine::bench::bench(&self.engine, &models, &feeds.tensors, &options).map_err(engine_error)
    }

    /// The sets of inputs without those that have a value for good.
    fn without(&self, bound: &[(Name, Tensor)]) -> Cow<'_, [Feeds]> {
        if bound.is_empty() {
            return Cow::Borrowed(&self.feeds);
        }
        let mut feeds = self.feeds.clone();
        for set in &mut feeds {
            set.tensors.retain(|(name, _)| bound.iter().all(|(port, _)| port != name));
        }
        Cow::Owned(feeds)
    }
}

/// Sets of inputs, in runs of equal shapes.
fn groups(feeds: &[Feeds]) -> impl Iterator<Item = &[Feeds]> {
    let shapes = |set: &Feeds| set.tensors.iter().map(|(_, tensor)| tensor.shape().to_vec()).collect::<Vec<_>>();
    feeds.chunk_by(move |a, b| shapes(a) == shapes(b))
}

impl Side {
    /// What the engine loads for inputs of these shapes; `Err` has the reasons why there is nothing.
    fn file(&self, feeds: &Feeds, bound: &[(Name, Tensor)]) -> Result<ModelFile, Vec<String>> {
        match self {
            Side::File(file) => Ok(file.clone()),
            Side::Lowered(model) | Side::WithVariables(model, _) => {
                let input_types = feeds.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.ty())).collect();
                let variables = match self {
                    Side::WithVariables(_, variables) => variables.clone(),
                    _ => FxHashMap::default(),
                };
                let options = LowerOptions { input_types, fixed: bound.to_vec(), variables, ..LowerOptions::default() };
                let lowered = gtt_lower::lower(model, &options)
                    .map_err(|refusal| refusal.reasons.iter().map(ToString::to_string).collect::<Vec<_>>())?;
                onnx_file(&lowered).map_err(|error| vec![error.to_string()])
            }
        }
    }
}

fn onnx_file(model: &Model) -> Result<ModelFile, Error> {
    Ok(ModelFile::new(crate::save::onnx_bytes(model)?))
}

/// Writes a model to bytes, so that what is run is what the exporter made.
fn side(model: &Model) -> Result<Side, Error> {
    if model.dialect == Dialect::Onnx {
        return Ok(Side::File(onnx_file(model)?));
    }
    let bytes = one_piece(&gtt_tf::encode_graph_def(model)?);
    let mut read = gtt_tf::decode_graph_def(bytes)?;
    let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
    let graph = model.main();
    if graph.inputs().iter().chain(graph.outputs()).any(|port| !is_named_after(graph, port)) {
        // Ports that a conversion named: the graph is not what is written.
        return Ok(Side::Lowered(Box::new(model.clone())));
    }
    let mut outputs = names(graph.outputs());
    outputs.extend(graph.kept().iter().map(|&id| format!("^{}", graph.node(id).name)));
    gtt_tf::set_interface(&mut read, &names(graph.inputs()), &outputs)?;
    Ok(Side::Lowered(Box::new(read)))
}

/// The port's name is the tensor's.
fn is_named_after(graph: &gtt_ir::Graph, port: &gtt_ir::Port) -> bool {
    port.name.strip_suffix(":0").unwrap_or(&port.name) == graph.value(port.value).name
}

fn one_piece(parts: &[bytes::Bytes]) -> bytes::Bytes {
    match parts {
        [only] => only.clone(),
        parts => parts.concat().into(),
    }
}

/// Inputs by port, with types inferred where the port does not say.
pub(crate) fn specs(model: &Model, types: &Types) -> Vec<InputSpec> {
    let mut specs = feeds::inputs(model);
    let ports = model.main().inputs();
    for spec in &mut specs {
        if let Some(port) = ports.iter().find(|port| port.name == spec.name) {
            spec.ty = spec.ty.merged(&crate::interface::placeholder_type(model.main(), port.value));
            // Inference names dims that the model leaves open, which would only confuse whoever is asked for them.
            if spec.ty.dtype().is_none() || spec.ty.shape().is_none() {
                spec.ty = spec.ty.merged(types.get(model.main_id(), port.value));
            }
        }
    }
    specs
}

fn make_feeds(model: &Model, options: &VerifyOptions) -> Result<Vec<Feeds>, Error> {
    let interface = |error: feeds::FeedError| {
        let unknown = matches!(error, feeds::FeedError::ShapeUnknown { .. });
        let error = Error::from_source(ErrorKind::Interface, error);
        if unknown {
            error.with_hint("an open first extent is 1 unless told otherwise; all others are asked for")
        } else {
            error
        }
    };
    let types = Types::of(model);
    let specs = specs(model, &types);
    if options.data.is_empty() {
        let bindings = with_port_names(Bindings::parse(&options.shapes).map_err(interface)?, &specs);
        let range = |spec: &InputSpec| Some((spec.name.clone(), crate::ranges::range(model, &types, spec)?));
        let ranges = specs.iter().filter_map(range).collect();
        return feeds::generate(&specs, &FeedOptions { bindings, seed: options.seed, ranges }, options.sets)
            .map_err(interface);
    }
    options.data.iter().map(|path| feeds::from_npz(path, &specs).map_err(interface)).collect()
}

/// `name` and `name:0` are the same tensor: shapes given for one are taken for the other.
fn with_port_names(mut bindings: Bindings, specs: &[InputSpec]) -> Bindings {
    let base = |name: &str| name.strip_suffix(":0").unwrap_or(name).to_owned();
    let shapes = std::mem::take(&mut bindings.shapes).into_iter().map(|(name, shape)| {
        let exact = specs.iter().find(|spec| spec.name == name);
        let near = || specs.iter().find(|spec| base(&spec.name) == base(&name));
        (exact.or_else(near).map_or(name.clone(), |spec| spec.name.clone()), shape)
    });
    bindings.shapes = shapes.collect();
    bindings
}

fn merge(mut whole: Verification, part: Verification) -> Verification {
    whole.verdict = match (whole.verdict, part.verdict) {
        (Verdict::Different, _) | (_, Verdict::Different) => Verdict::Different,
        (Verdict::NotChecked { mut reasons }, Verdict::NotChecked { reasons: more }) => {
            reasons.extend(more.into_iter().filter(|reason| !reasons.contains(reason)).collect::<Vec<_>>());
            Verdict::NotChecked { reasons }
        }
        (refused @ Verdict::NotChecked { .. }, _) | (_, refused @ Verdict::NotChecked { .. }) => refused,
        (Verdict::Measured, _) | (_, Verdict::Measured) => Verdict::Measured,
        (Verdict::Equal, Verdict::Equal) => Verdict::Equal,
    };
    whole.sets.extend(part.sets);
    whole.notes.extend(part.notes.into_iter().filter(|note| !whole.notes.contains(note)).collect::<Vec<_>>());
    whole
}

/// The first reasons why there is nothing to run, and how many more there are.
fn not_run(reasons: &[String]) -> Error {
    const SHOWN: usize = 4;
    let mut text = reasons[..reasons.len().min(SHOWN)].join("; ");
    if reasons.len() > SHOWN {
        text.push_str(&format!("; and {} more", reasons.len() - SHOWN));
    }
    let error = Error::new(ErrorKind::NotChecked, text);
    match reasons.iter().any(|reason| reason.contains("frozen first")) {
        true => error.with_hint("`gtt freeze` makes constants of variables"),
        false => error,
    }
}

fn engine_error(error: EngineError) -> Error {
    let kind = match &error {
        EngineError::Unsupported { .. } => ErrorKind::NotChecked,
        _ => ErrorKind::Engine,
    };
    Error::from_source(kind, error)
}

impl Optimized {
    /// Runs the model before and after, and fails unless the outputs are proven equal, or were measured because the passes change
    /// them by design and no tolerance was given: [`ErrorKind::Different`] when they are not, [`ErrorKind::NotChecked`] when the engine is not known to compute the model rightly (unless
    /// [`VerifyOptions::allow_unchecked`]).
    pub fn verify(mut self, options: &VerifyOptions) -> Result<Self, Error> {
        let verification = self.check(options)?;
        match &verification.verdict {
            Verdict::Equal | Verdict::Measured => {}
            Verdict::Different => return Err(Error::new(ErrorKind::Different, describe_difference(&verification))),
            Verdict::NotChecked { .. } if options.allow_unchecked => {}
            Verdict::NotChecked { reasons } => {
                return Err(Error::new(ErrorKind::NotChecked, format!("not checked: {}", reasons.join("; "))));
            }
        }
        self.verification = Some(verification);
        Ok(self)
    }

    /// Runs the model before and after, and says what came out. [`ErrorKind::NotChecked`] when the original was not kept
    /// ([`Transform::keep_original`](crate::Transform::keep_original)).
    pub fn check(&self, options: &VerifyOptions) -> Result<Verification, Error> {
        let original = self.require_original()?;
        Checker::new(original, options)?.check_bound(&self.model, self.report.numerics, &self.bound_inputs())
    }

    /// Inputs that passes gave a value for good, by port.
    pub fn bound_inputs(&self) -> Vec<(Name, Tensor)> {
        self.report.steps.iter().flat_map(|step| step.bound.iter().cloned()).collect()
    }

    /// The result of [`Optimized::verify`].
    pub fn verification(&self) -> Option<&Verification> {
        self.verification.as_ref()
    }
}

/// The first output that differs, in words.
pub fn describe_difference(verification: &Verification) -> String {
    for set in &verification.sets {
        if let Some(name) = set.comparison.missing.first() {
            return format!("only one of the models has the output `{name}`");
        }
        let Some(output) = set.comparison.outputs.iter().find(|output| !output.equal) else { continue };
        if let Some(problem) = &output.problem {
            return format!("output `{}` differs: {problem}", output.name);
        }
        let mut text = format!(
            "output `{}` differs in {} of {} elements on inputs {}",
            output.name, output.mismatches, output.elements, set.label
        );
        if let Some(first) = &output.first_mismatch {
            text.push_str(&format!(": first at {:?}, {} against {}", first.index, first.expected, first.found));
        }
        return text;
    }
    "the outputs differ".to_owned()
}

/// Compares two models on the same inputs. Unless the options give a tolerance, only what rounding in another order may change is
/// allowed: 1e-6 of the largest element of an output.
pub fn verify(a: &Source, b: &Source, options: &VerifyOptions) -> Result<Verification, Error> {
    Checker::new(a, options)?.check(&b.model, Numerics::Exact)
}

/// Types of inputs as the engine would be fed, for people who write their own inputs.
pub fn input_types(model: &Model) -> Vec<(Name, Type)> {
    specs(model, &Types::of(model)).into_iter().map(|spec| (spec.name, spec.ty)).collect()
}

//! Freezing: the variables of a TensorFlow model become constants, and what only trains goes.

mod names;
#[cfg(feature = "tract")]
mod original;

use std::path::{Path, PathBuf};

use gtt_ir::{Dialect, Model, traverse};
use gtt_rewrite::{Pipeline, Runner};
use serde::Serialize;

use crate::format::{Found, probe};
use crate::load::{Loader, Source, size_on_disk};
use crate::{Error, ErrorKind, Format, SaveOptions, Saved};

/// How a model is to be frozen.
///
/// ```
/// # fn main() -> Result<(), gtt::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let (path, out) = (concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mnist/unfrozen"), folder.path().join("out.pb"));
/// let frozen = gtt::Freeze::new().run(path)?;
/// assert_eq!(frozen.report().variables.len(), 2);
/// frozen.save(out)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Freeze {
    loader: Loader,
    checkpoint: Option<PathBuf>,
    #[cfg(feature = "tract")]
    keep_original: bool,
}

impl Freeze {
    /// Takes what the model declares, and the variables that lie in its folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The checkpoint that has the variables: its prefix (`model.ckpt`), one of its files, or the folder of the latest. Without it
    /// those of the SavedModel are taken.
    pub fn checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(path.into());
        self
    }

    /// The tensors that are fed.
    pub fn inputs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.loader = self.loader.inputs(names);
        self
    }

    /// The tensors that are fetched: what they do not need goes.
    pub fn outputs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.loader = self.loader.outputs(names);
        self
    }

    /// Tags of the meta graph of a SavedModel.
    pub fn tags<S: Into<String>>(mut self, tags: impl IntoIterator<Item = S>) -> Self {
        self.loader = self.loader.tags(tags);
        self
    }

    /// The signatures of a SavedModel to keep; all of them, if not called.
    pub fn signatures<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.loader = self.loader.signatures(keys);
        self
    }

    /// Keeps the model as it was beside the result, so that [`Frozen::check`] can compare the two. The weights are shared.
    #[cfg(feature = "tract")]
    pub fn keep_original(mut self, keep: bool) -> Self {
        self.keep_original = keep;
        self
    }

    /// Freezes the model at a path: a SavedModel, or a GraphDef or `model.ckpt.meta` with a checkpoint.
    ///
    /// Weights are not copied: constants are slices of the checkpoint's mapped files.
    pub fn run(&self, path: impl AsRef<Path>) -> Result<Frozen, Error> {
        let path = path.as_ref();
        self.frozen(path).map_err(|error| error.in_file(path))
    }

    fn frozen(&self, path: &Path) -> Result<Frozen, Error> {
        let (root, found) = probe(path)?;
        if !matches!(found, Found::Tensorflow) {
            let message = format!("`{}` is no TensorFlow model: only those have variables", path.display());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (mut model, format) = self.read(&root)?;
        let before = crate::nodes(&model).len();
        let keys = gtt_tf::VariableKeys::of(&model);
        gtt_tf::mark_frozen(&mut model);
        let mut source = Source::read_from(root.clone(), model, format);
        self.declare(&mut source)?;
        #[cfg(feature = "tract")]
        let original = self.keep_original.then(|| source.model.clone());
        let known = names::all(&source.model);
        run(&mut source.model, "strip_unused_nodes inline_functions strip_unused_nodes")?;
        names::shorten(&mut source.model, &known);
        let checkpoint = self.open_checkpoint(&root, &source.model, format)?;
        if let Some(checkpoint) = checkpoint.as_ref().filter(|_| self.checkpoint.is_some()) {
            source.stored += checkpoint.size_on_disk();
        }
        let variables = match &checkpoint {
            Some(checkpoint) => gtt_tf::freeze_variables(&mut source.model, &keys, checkpoint)?,
            None => {
                gtt_tf::check_frozen(&source.model)?;
                Vec::new()
            }
        };
        run(&mut source.model, "strip_unused_nodes")?;
        gtt_wire::release_pages();
        let report = FreezeReport {
            checkpoint: checkpoint.map(|checkpoint| checkpoint.prefix().to_owned()),
            variables: variables.iter().map(VariableSummary::of).collect(),
            nodes_before: before,
            nodes_after: crate::nodes(&source.model).len(),
            uninitialized: uninitialized(&source.model),
        };
        Ok(Frozen {
            source,
            report,
            #[cfg(feature = "tract")]
            original: original.map(|model| original::Original::of(model, &variables)),
        })
    }

    fn read(&self, root: &Path) -> Result<(Model, Format), Error> {
        let model = match root.is_dir() {
            true => gtt_tf::read_with(root, &self.loader.clone().called_functions_only(true).read_options())?,
            false => gtt_tf::read_training_graph(root)?,
        };
        let format = crate::load::container_format(&model);
        Ok((model, format))
    }

    fn open_checkpoint(&self, root: &Path, model: &Model, format: Format) -> Result<Option<gtt_tf::Checkpoint>, Error> {
        if let Some(checkpoint) = &self.checkpoint {
            return Ok(Some(gtt_tf::Checkpoint::open(checkpoint)?));
        }
        let variables = gtt_tf::needed_variables(model);
        if variables.is_empty() {
            return Ok(None);
        }
        if format == Format::SavedModel {
            return Ok(Some(gtt_tf::Checkpoint::open(&root.join("variables/variables"))?));
        }
        let message = format!("the graph has {} variables, and nothing says what is in them", variables.len());
        Err(Error::new(ErrorKind::Interface, message).with_hint("give the checkpoint: --checkpoint model.ckpt"))
    }

    /// Declares what is fed and fetched. A graph whose outputs nobody says is taken for one that ends in them: everything else that
    /// nothing reads trains.
    fn declare(&self, source: &mut Source) -> Result<(), Error> {
        let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
        let main = source.model.main();
        let (inputs, outputs) = (names(main.inputs()), names(main.outputs()));
        // The saver's nodes are not kept any more.
        gtt_tf::set_interface(&mut source.model, &inputs, &outputs)?;
        self.loader.declare(source)?;
        if !source.guessed {
            return Ok(());
        }
        let mut model = source.model.clone();
        let main = model.main_id();
        model.edit(main).clear_interface();
        let likely = crate::likely_interface(&model);
        if likely.outputs.is_empty() || likely.outputs.len() > MOST_GUESSED {
            let message = "the graph does not say what its outputs are, and they cannot be guessed";
            return Err(Error::new(ErrorKind::Interface, message)
                .with_hint("give --outputs; `gtt summarize --nodes MODEL` lists the names of all nodes"));
        }
        source.model = model;
        self.loader.clone().outputs(likely.outputs).declare(source)?;
        source.guessed = false;
        Ok(())
    }
}

/// A graph that ends in more nodes than this does not say which of them are its outputs.
const MOST_GUESSED: usize = 8;

/// Runs passes that freezing needs.
fn run(model: &mut Model, passes: &str) -> Result<(), Error> {
    let pipeline = Pipeline::parse(passes, &crate::passes())?;
    Runner::new().rollback(false).run(model, &pipeline)?;
    Ok(())
}

/// Ops of resources that are empty until something fills them. A variable that is left is one that the init op writes.
const FILLED: &[&str] = &[
    "VarHandleOp",
    "Variable",
    "VariableV2",
    "HashTable",
    "HashTableV2",
    "MutableHashTable",
    "MutableHashTableV2",
    "MutableHashTableOfTensors",
    "MutableHashTableOfTensorsV2",
    "MutableDenseHashTable",
    "MutableDenseHashTableV2",
    "AnonymousHashTable",
    "BoostedTreesEnsembleResourceHandleOp",
    "DecisionTreeResourceHandleOp",
];

/// The names of such nodes that outputs depend on.
fn uninitialized(model: &Model) -> Vec<String> {
    let graph = model.main();
    let outputs = graph.outputs().iter().map(|port| port.value);
    let needed = traverse::reachable(model, graph, outputs, [], |_| false);
    let nodes = traverse::by_rank(graph).into_iter().filter(|&id| needed.node(id)).map(|id| graph.node(id));
    nodes.filter(|node| FILLED.contains(&node.op.name.as_str())).map(|node| node.name.to_string()).collect()
}

/// A variable that became a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariableSummary {
    /// Its name.
    pub name: String,
    /// The tensor of the checkpoint that it holds.
    pub key: String,
    /// Element type.
    pub dtype: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Size of its elements in bytes.
    pub bytes: u64,
}

impl VariableSummary {
    fn of(variable: &gtt_tf::FrozenVariable) -> Self {
        Self {
            name: variable.name.to_string(),
            key: variable.key.clone(),
            dtype: variable.dtype.to_string(),
            shape: variable.shape.clone(),
            bytes: variable.bytes,
        }
    }
}

/// What freezing did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FreezeReport {
    /// The prefix of the checkpoint; `None` for a model without variables.
    pub checkpoint: Option<PathBuf>,
    /// The variables that became constants, in the order of the graph.
    pub variables: Vec<VariableSummary>,
    /// Nodes of the graph as it was, constants included.
    pub nodes_before: usize,
    /// Nodes that are left.
    pub nodes_after: usize,
    /// Tables that the loader of a SavedModel fills before the first run. A GraphDef does not say how.
    pub uninitialized: Vec<String>,
}

/// A frozen model.
#[derive(Clone, Debug)]
pub struct Frozen {
    source: Source,
    report: FreezeReport,
    #[cfg(feature = "tract")]
    original: Option<original::Original>,
}

impl Frozen {
    /// The model, to be transformed or looked at.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Gives the model away: `freeze(…)?.into_source().transform(…)`.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// What was done.
    pub fn report(&self) -> &FreezeReport {
        &self.report
    }

    /// Runs the model as it was, function calls and all, with its variables fed from the checkpoint, and the frozen one, and says what came
    /// out. So what is proven is that nothing but the variables' reads changed; that each variable got the right tensor of the
    /// checkpoint is not ([`FreezeReport::variables`] lists them), as both sides get the same.
    ///
    /// A model without variables is compared with what is left of it. [`ErrorKind::NotChecked`] unless [`Freeze::keep_original`] was asked for.
    #[cfg(feature = "tract")]
    pub fn check(&self, options: &crate::VerifyOptions) -> Result<crate::Verification, Error> {
        let Some(original) = &self.original else {
            return Err(Error::new(ErrorKind::NotChecked, "the model as it was is not there to be compared with"));
        };
        let checker = crate::Checker::with_variables(&original.model, &original.variables, options)?;
        checker.check(&self.source.model, gtt_rewrite::Numerics::Exact)
    }

    /// Writes the model in one step: a GraphDef when the path ends in `.pb` or `.pbtxt`, else a SavedModel, which is a folder: with the
    /// assets of the one that was read, or, around a GraphDef, with the signature `serving_default`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<Saved, Error> {
        let path = path.as_ref();
        if self.source.format != Format::SavedModel && path.extension().is_none() {
            let mut model = self.source.model.clone();
            gtt_tf::make_saved_model(&mut model)?;
            let options = SaveOptions::new().format(Format::SavedModel);
            return crate::save::save(&model, Format::SavedModel, path, &options);
        }
        let options = SaveOptions::default();
        let (format, _) = crate::format::for_output(path, self.source.format, Dialect::Tf)?;
        if format == Format::SavedModel
            || self.source.model.main().kept().is_empty()
            || !self.report.uninitialized.is_empty()
        {
            return crate::save::save(&self.source.model, self.source.format, path, &options);
        }
        // A graph without a loader has no use for the init op of one, as there is nothing to fill.
        let mut model = self.source.model.clone();
        let main = model.main_id();
        model.edit(main).clear_kept();
        run(&mut model, "strip_unused_nodes")?;
        crate::save::save(&model, self.source.format, path, &options)
    }
}

impl Source {
    /// A model as it was read, no interface declared anew.
    fn read_from(path: PathBuf, model: Model, format: Format) -> Self {
        debug_assert_eq!(model.dialect, Dialect::Tf);
        Self {
            stored: size_on_disk(&path),
            model,
            format,
            path,
            notes: Vec::new(),
            redeclared: false,
            asked: false,
            guessed: false,
            awaited: Vec::new(),
        }
    }
}

#[cfg(all(test, feature = "tract"))]
mod tests {
    use gtt_engine::Verdict;

    use gtt_ir::Tensor;

    use super::Freeze;

    const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mnist/unfrozen");

    #[test]
    fn the_check_of_a_frozen_model_tells_another_weight() {
        let options = crate::VerifyOptions::new();
        let mut frozen = Freeze::new().keep_original(true).run(MODEL).unwrap();
        assert_eq!(frozen.check(&options).unwrap().verdict, Verdict::Equal);
        let model = &mut frozen.source.model;
        let is_bias = |tensor: &Tensor| tensor.rank() == 1 && tensor.len() == 10;
        let (bias, _, constant) = model.main().constants().find(|(.., found)| is_bias(&found.tensor)).unwrap();
        let mut constant = constant.clone();
        let mut elements = constant.tensor.to_vec::<f32>().unwrap();
        elements[3] += 0.5;
        constant.tensor = Tensor::vector(&elements);
        let main = model.main_id();
        model.edit(main).set_constant(bias, constant);
        assert_eq!(frozen.check(&options).unwrap().verdict, Verdict::Different);
        assert!(Freeze::new().run(MODEL).unwrap().check(&options).is_err());
    }
}

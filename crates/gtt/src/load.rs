//! Loading: a path in, a model with a declared interface out.

use std::path::{Path, PathBuf};

use gtt_ir::traverse::{by_rank, reachable};
use gtt_ir::{Dialect, Model, Site, ValueId};

use crate::format::{Found, probe};
use crate::interface::{is_placeholder, likely_interface, unread};
use crate::{Error, ErrorKind, Format, Summary};

/// How a model is to be loaded. The defaults take what the file declares.
///
/// ```
/// # fn main() -> Result<(), gtt::Error> {
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mnist/frozen.pb");
/// let source = gtt::Loader::new().inputs(["input"]).outputs(["softmax"]).load(path)?;
/// assert_eq!(source.summary().outputs[0].name, "softmax");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loader {
    inputs: Option<Vec<String>>,
    outputs: Option<Vec<String>>,
    tags: Vec<String>,
    signatures: Vec<String>,
    made_later: Vec<String>,
    called_functions_only: bool,
}

impl Loader {
    /// A loader that takes what the file declares.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensors that are fed. TensorFlow: any tensor, `node` or `node:1`. ONNX models declare their inputs: others are refused.
    pub fn inputs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.inputs = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The tensors that are fetched, in this order: any value of the main graph.
    pub fn outputs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.outputs = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The tags of the meta graph of a SavedModel to load. Without them: the only one, or that tagged `serve`.
    pub fn tags<S: Into<String>>(mut self, tags: impl IntoIterator<Item = S>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// The signatures of a SavedModel to load; the others are left out. Without them: all.
    pub fn signatures<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.signatures = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Names among the outputs that need not be there yet, because a pipeline makes them
    /// ([`Pipeline::made`](crate::Pipeline::made)). All others must be.
    pub fn made_later<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.made_later = names.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out functions of a TensorFlow model that its graph does not call: training and Python's loader do, and in a SavedModel
    /// they are most. Not for a model that is to be saved as TensorFlow model.
    pub fn called_functions_only(mut self, only: bool) -> Self {
        self.called_functions_only = only;
        self
    }

    pub(crate) fn read_options(&self) -> gtt_tf::ReadOptions {
        gtt_tf::ReadOptions {
            tags: self.tags.clone(),
            signatures: self.signatures.clone(),
            allow_variables: true,
            called_functions_only: self.called_functions_only,
        }
    }

    /// Loads an `.onnx` file, a TensorFlow GraphDef (binary or text), a SavedModel folder, or the text form `.gtt`: told by
    /// content. Files are mapped and weights are not read.
    ///
    /// A GraphDef does not say what is fed and fetched. What [`Loader::inputs`] and [`Loader::outputs`] do not say either is
    /// guessed ([`likely_interface`](crate::likely_interface)); [`Source::notes`] tells.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Source, Error> {
        let path = path.as_ref();
        let (root, found) = probe(path)?;
        let (model, format) = read(&root, found, &self.read_options()).map_err(|error| error.in_file(path))?;
        let stored = size_on_disk(&root) + external_bytes(&model);
        let mut source = Source {
            model,
            format,
            path: root,
            stored,
            notes: Vec::new(),
            redeclared: false,
            asked: false,
            guessed: false,
            awaited: Vec::new(),
        };
        self.declare(&mut source).map_err(|error| error.in_file(path))?;
        source.notes.extend(unfrozen(&source));
        gtt_wire::release_pages();
        Ok(source)
    }

    pub(crate) fn declare(&self, source: &mut Source) -> Result<(), Error> {
        source.asked |= self.inputs.is_some() || self.outputs.is_some();
        match source.model.dialect {
            Dialect::Tf => self.declare_tensorflow(source),
            _ => {
                source.redeclared = self.outputs.is_some();
                self.declare_onnx(&mut source.model)
            }
        }
    }

    fn declare_tensorflow(&self, source: &mut Source) -> Result<(), Error> {
        let model = &mut source.model;
        let names = |ports: &[gtt_ir::Port]| ports.iter().map(|port| port.name.to_string()).collect::<Vec<_>>();
        let declared = !model.main().outputs().is_empty() || !model.main().kept().is_empty();
        if self.inputs.is_none() && self.outputs.is_none() && declared {
            return Ok(());
        }
        let outputs = match &self.outputs {
            Some(outputs) => {
                let (there, later) = self.split_outputs(model, outputs);
                source.awaited = later;
                there
            }
            None if declared => names(model.main().outputs()),
            None => {
                source.guessed = true;
                source.notes.push(guessed(&likely_interface(model).outputs));
                unread(model)
            }
        };
        let inputs = match &self.inputs {
            Some(inputs) => inputs.clone(),
            None if declared && !model.main().inputs().is_empty() => names(model.main().inputs()),
            None => {
                gtt_tf::set_interface(model, &[], &outputs).map_err(interface_error)?;
                reached_placeholders(model)
            }
        };
        gtt_tf::set_interface(model, &inputs, &outputs).map_err(interface_error)
    }

    /// The outputs that are to be declared, and those that a pipeline makes.
    fn split_outputs(&self, model: &Model, outputs: &[String]) -> (Vec<String>, Vec<String>) {
        let is_later = |name: &String| {
            let plain = name.trim().trim_start_matches('^');
            self.made_later.iter().any(|made| made == plain) && find_site(model, plain).is_none()
        };
        let (later, there): (Vec<String>, Vec<String>) = outputs.iter().cloned().partition(is_later);
        if there.is_empty() { (outputs.to_vec(), Vec::new()) } else { (there, later) }
    }

    fn declare_onnx(&self, model: &mut Model) -> Result<(), Error> {
        if let Some(inputs) = &self.inputs {
            let has = |name: &String| model.main().inputs().iter().any(|port| port.name == *name);
            if let Some(unknown) = inputs.iter().find(|name| !has(name)) {
                let known = model.main().inputs().iter().map(|port| port.name.as_str());
                let message = format!("the model has no input `{unknown}`; it has {}", list(known));
                return Err(Error::new(ErrorKind::Interface, message)
                    .with_hint("an ONNX model declares its inputs: --inputs is for TensorFlow GraphDefs"));
            }
        }
        let Some(outputs) = &self.outputs else { return Ok(()) };
        let mut values: Vec<(String, ValueId)> = Vec::new();
        for name in outputs {
            let graph = model.main();
            let port = graph.outputs().iter().find(|port| port.name == *name).map(|port| port.value);
            let value = port.or_else(|| graph.values().find(|(_, value)| value.name == *name).map(|(id, _)| id));
            let Some(value) = value else {
                let known = graph.outputs().iter().map(|port| port.name.as_str());
                let message = format!("the model has no value `{name}`; its outputs are {}", list(known));
                return Err(Error::new(ErrorKind::Interface, message));
            };
            values.push((name.clone(), value));
        }
        let main = model.main_id();
        let mut editor = model.edit(main);
        editor.clear_interface();
        for (name, value) in values {
            editor.add_output(name, value);
        }
        Ok(())
    }
}

/// The node or constant of a name in the main graph. Linear.
pub(crate) fn find_site(model: &Model, name: &str) -> Option<Site> {
    let graph = model.main();
    let node = graph.nodes().find(|(_, node)| node.name == name).map(|(id, _)| Site::Node(id));
    node.or_else(|| graph.constants().find(|(_, value, _)| value.name == name).map(|(id, ..)| Site::Const(id)))
}

/// Placeholders that the outputs depend on.
fn reached_placeholders(model: &Model) -> Vec<String> {
    let graph = model.main();
    let roots: Vec<ValueId> = graph.outputs().iter().map(|port| port.value).collect();
    let seen = reachable(model, graph, roots, graph.kept().iter().copied(), |_| false);
    let needed = by_rank(graph).into_iter().filter(|&id| seen.node(id) && is_placeholder(graph.node(id)));
    needed.map(|id| graph.node(id).name.to_string()).collect()
}

fn guessed(outputs: &[String]) -> String {
    let unsaid = "the graph does not say what its outputs are";
    match outputs.len() {
        0 => format!("{unsaid} and none could be guessed: give --outputs"),
        1..=8 => format!("{unsaid}; taken as such: {} (or give --outputs)", list(outputs.iter().map(String::as_str))),
        _ => format!("{unsaid}; all nodes that nothing reads are kept (or give --outputs)"),
    }
}

fn interface_error(error: gtt_tf::Error) -> Error {
    Error::from_source(ErrorKind::Interface, error)
        .with_hint("`gtt summarize --nodes MODEL` lists the names of all nodes")
}

pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=10 => names.join(", "),
        more => format!("{} and {} more", names[..10].join(", "), more - 10),
    }
}

/// A model with variables can be looked at and transformed around them.
fn unfrozen(source: &Source) -> Option<String> {
    let count = if source.model.dialect == Dialect::Tf { gtt_tf::variables(&source.model).len() } else { 0 };
    let stay = match source.format {
        Format::SavedModel => "stay variables, with the SavedModel's checkpoint",
        _ => "stay variables",
    };
    (count > 0).then(|| format!("{count} variables {stay}; `gtt freeze` makes them constants"))
}

/// How a TensorFlow model lay on disk.
pub(crate) fn container_format(model: &Model) -> Format {
    match gtt_tf::container(model) {
        gtt_tf::Container::SavedModel { .. } => Format::SavedModel,
        gtt_tf::Container::GraphDef { text: true } => Format::GraphDefText,
        _ => Format::GraphDef,
    }
}

fn read(path: &Path, found: Found, options: &gtt_tf::ReadOptions) -> Result<(Model, Format), Error> {
    match found {
        Found::Onnx => Ok((gtt_onnx::read(path)?, Format::Onnx)),
        Found::Tensorflow => {
            let model = gtt_tf::read_with(path, options)?;
            let format = container_format(&model);
            Ok((model, format))
        }
        Found::Text => {
            let bytes = gtt_wire::map_file(path)?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|error| Error::new(ErrorKind::Format, format!("the text is not UTF-8: {error}")))?;
            Ok((gtt_ir::text::parse(text)?, Format::Text))
        }
    }
}

/// Bytes on disk: the file, or everything in the folder.
pub(crate) fn size_on_disk(path: &Path) -> u64 {
    fn size(path: &Path, depth: u32) -> u64 {
        let Ok(metadata) = std::fs::metadata(path) else { return 0 };
        if !metadata.is_dir() || depth > 8 {
            return metadata.len();
        }
        let Ok(entries) = std::fs::read_dir(path) else { return 0 };
        entries.flatten().map(|entry| if entry.path().is_symlink() { 0 } else { size(&entry.path(), depth + 1) }).sum()
    }
    size(path, 0)
}

/// Bytes of all constants.
pub(crate) fn constant_bytes(model: &Model) -> u64 {
    let constants = model.graphs().flat_map(|(_, graph)| graph.constants());
    constants.map(|(_, _, constant)| constant.tensor.byte_len() as u64).sum()
}

/// Bytes of constants that lie in other files.
pub(crate) fn external_bytes(model: &Model) -> u64 {
    let outside = |tensor: &gtt_ir::Tensor| {
        tensor.encoded().is_some_and(|encoded| encoded.encoding == gtt_ir::Encoding::OnnxExternal)
    };
    let graphs = model.graphs().flat_map(|(_, graph)| graph.constants());
    graphs
        .filter(|(_, _, constant)| outside(&constant.tensor))
        .map(|(_, _, constant)| constant.tensor.byte_len() as u64)
        .sum()
}

/// A signature of a SavedModel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SignatureSummary {
    /// Its name, e.g. `serving_default`.
    pub name: String,
    /// Method name.
    pub method: String,
    /// What callers feed: their name for it and the tensor in the graph.
    pub inputs: Vec<(String, String)>,
    /// What callers fetch.
    pub outputs: Vec<(String, String)>,
}

/// A loaded model.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) model: Model,
    pub(crate) format: Format,
    pub(crate) path: PathBuf,
    pub(crate) stored: u64,
    pub(crate) notes: Vec<String>,
    /// The outputs are not those of the file.
    pub(crate) redeclared: bool,
    /// Inputs or outputs were asked for.
    pub(crate) asked: bool,
    /// Nobody said what the outputs are.
    pub(crate) guessed: bool,
    /// Outputs that were asked for and that a pipeline is to make.
    pub(crate) awaited: Vec<String>,
}

impl Source {
    /// A model that did not come from a file. It must declare its inputs and outputs.
    pub fn from_model(model: Model) -> Self {
        let format = if model.dialect == Dialect::Onnx { Format::Onnx } else { Format::GraphDef };
        let stored = constant_bytes(&model);
        Self {
            model,
            format,
            path: PathBuf::new(),
            stored,
            notes: Vec::new(),
            redeclared: true,
            asked: true,
            guessed: false,
            awaited: Vec::new(),
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Gives the model away.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// How it lies on disk.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where it lies: the file, or the folder of a SavedModel.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk, everything in a SavedModel's folder, external data and a checkpoint that was named included.
    pub fn stored_bytes(&self) -> u64 {
        self.stored
    }

    /// What had to be guessed; for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What is in it.
    pub fn summary(&self) -> Summary {
        if !self.guessed {
            return Summary::of(&self.model);
        }
        let mut model = self.model.clone();
        let main = model.main_id();
        model.edit(main).clear_interface();
        Summary::of(&model)
    }

    /// The model's file as it is on disk, mapped; `saved_model.pb` for a SavedModel.
    pub fn main_file_bytes(&self) -> Result<bytes::Bytes, Error> {
        main_file_bytes(&self.path)
    }

    /// Signatures of a SavedModel, sorted by name.
    pub fn signatures(&self) -> Vec<SignatureSummary> {
        let tensors = |tensors: &[gtt_tf::SignatureTensor]| {
            tensors.iter().map(|tensor| (tensor.name.to_string(), tensor.tensor.to_string())).collect()
        };
        let summarize = |signature: &gtt_tf::Signature| SignatureSummary {
            name: signature.key.to_string(),
            method: signature.method.to_string(),
            inputs: tensors(&signature.inputs),
            outputs: tensors(&signature.outputs),
        };
        gtt_tf::signatures(&self.model).iter().map(summarize).collect()
    }

    /// Declares the outputs that a user of the model fetches, where all that nothing reads was kept because nobody said. What else there
    /// is trains.
    pub(crate) fn declare_likely(&mut self) -> Result<(), Error> {
        let model = &mut self.model;
        let fed: Vec<String> = model.main().inputs().iter().map(|port| port.name.to_string()).collect();
        let main = model.main_id();
        model.edit(main).clear_interface();
        let outputs = match likely_interface(model).outputs {
            likely if likely.is_empty() => unread(model),
            likely => likely,
        };
        gtt_tf::set_interface(model, &[], &outputs).map_err(interface_error)?;
        let inputs = if self.asked { fed } else { reached_placeholders(model) };
        gtt_tf::set_interface(model, &inputs, &outputs).map_err(interface_error)
    }

    /// The text form. Reads all bytes of the constants, for their hashes.
    pub fn text(&self) -> String {
        gtt_ir::text::print(&self.model)
    }
}

/// The file at a path, or the `saved_model.pb` in the folder, mapped.
pub fn main_file_bytes(path: &Path) -> Result<bytes::Bytes, Error> {
    let path = match path.is_dir() {
        false => path.to_owned(),
        true if path.join("saved_model.pb").is_file() => path.join("saved_model.pb"),
        true => path.join("saved_model.pbtxt"),
    };
    Ok(gtt_wire::map_file(&path)?)
}

/// Names of all nodes and constants of the main graph with their ops, in the order of the file.
pub fn nodes(model: &Model) -> Vec<(String, String)> {
    let graph = model.main();
    let nodes = graph.nodes().map(|(id, node)| (Site::Node(id), node_name(graph, node), node.op.to_string()));
    let constants = graph.constants().filter(|(_, _, constant)| constant.origin != gtt_ir::ConstOrigin::Initializer);
    let constants = constants.map(|(id, value, _)| (Site::Const(id), value.name.to_string(), "Const".to_owned()));
    let mut all: Vec<(Site, String, String)> = nodes.chain(constants).collect();
    all.sort_by_key(|(site, _, _)| (graph.rank(*site), *site));
    all.into_iter().map(|(_, name, op)| (name, op)).collect()
}

/// A node's name; for a nameless ONNX node that of its first result.
fn node_name(graph: &gtt_ir::Graph, node: &gtt_ir::Node) -> String {
    match node.results().next() {
        Some(value) if node.name.is_empty() => graph.value(value).name.to_string(),
        _ => node.name.to_string(),
    }
}

//! Reading files and bytes.

use std::path::Path;

use bytes::Bytes;
use gtt_ir::{Domain, Envelope, Model};

use crate::detect::{Format, detect};
use crate::envelope::{Held, versions};
use crate::saved_model::{self, SavedModel, declare};
use crate::source::Source;
use crate::{Error, ErrorKind, graph_def, text};

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Tags of the meta graph of a SavedModel; empty: the one tagged `serve`, or the only one.
    pub tags: Vec<String>,
    /// Signatures of a SavedModel that are wanted; the others are left out. Empty: all.
    pub signatures: Vec<String>,
    /// Read a SavedModel although its graph has variables. Such a model can be looked at and written back; it cannot be run
    /// from its graph alone.
    pub allow_variables: bool,
    /// Leave out functions that no node of the graph calls, itself or through others: those for training and for Python's loader, most
    /// of a SavedModel's. Not for a model that is to be written as it was.
    pub called_functions_only: bool,
}

/// Reads a TensorFlow model: a `GraphDef` (binary or text) or a SavedModel (folder or file), whichever the content says.
///
/// The file is mapped and must not be truncated while the model lives.
pub fn read(path: &Path) -> Result<Model, Error> {
    read_with(path, &ReadOptions::default())
}

/// [`read`] with options.
pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Model, Error> {
    if path.is_dir() {
        let Some(file) = saved_model::is_saved_model(path) else {
            let message = format!("the folder `{}` holds no saved_model.pb", path.display());
            return Err(Error::new(ErrorKind::NotTensorFlow, "", message));
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Who named the folder is told which file in it is broken.
        let place = |error: Error| if error.place().is_empty() { error.at(&format!("`{name}`")) } else { error };
        return decode_at(gtt_wire::map_file(&file)?, options, Some(path)).map_err(place);
    }
    let folder = path.file_name().filter(|name| *name == "saved_model.pb" || *name == "saved_model.pbtxt");
    let folder = folder.and_then(|_| path.parent());
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    decode_at(gtt_wire::map_file(path)?, options, folder)
}

/// Decodes a model from bytes of any format that [`detect`] knows.
pub fn decode(bytes: Bytes) -> Result<Model, Error> {
    decode_with(bytes, &ReadOptions::default())
}

/// [`decode`] with options.
pub fn decode_with(bytes: Bytes, options: &ReadOptions) -> Result<Model, Error> {
    decode_at(bytes, options, None)
}

fn decode_at(bytes: Bytes, options: &ReadOptions, folder: Option<&Path>) -> Result<Model, Error> {
    if bytes.is_empty() {
        return Err(Error::invalid("the file is empty"));
    }
    match detect(&bytes) {
        Some(Format::GraphDef) => decode_graph(bytes, false, options.called_functions_only),
        Some(Format::GraphDefText) => {
            let binary = text::parse(as_text(&bytes)?, &text::schema::GRAPH_DEF)?;
            decode_graph(binary.into(), true, options.called_functions_only)
        }
        Some(Format::SavedModel) => decode_saved_model(bytes, options, folder, false),
        Some(Format::SavedModelText) => {
            let binary = text::parse(as_text(&bytes)?, &text::schema::SAVED_MODEL)?;
            decode_saved_model(binary.into(), options, folder, true)
        }
        Some(Format::MetaGraph) => Err(Error::unsupported(
            "it is a MetaGraphDef on its own: `gtt freeze` reads it, with the checkpoint that it lies beside; else give a GraphDef or a \
             SavedModel folder",
        )),
        None => {
            Err(Error::new(ErrorKind::NotTensorFlow, "", "it is neither a GraphDef (binary or text) nor a SavedModel"))
        }
    }
}

fn as_text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::invalid(format!("line {line}: the text is not UTF-8"))
    })
}

/// Reads the graph that a checkpoint is for: a `GraphDef`, or the `MetaGraphDef` (`model.ckpt.meta`) that lies beside the checkpoint,
/// of which only the graph is taken, with the functions that it calls. No interface is declared.
pub fn read_training_graph(path: &Path) -> Result<Model, Error> {
    let bytes = gtt_wire::map_file(path)?;
    if detect(&bytes) != Some(Format::MetaGraph) {
        let options = ReadOptions { allow_variables: true, called_functions_only: true, ..ReadOptions::default() };
        return decode_at(bytes, &options, None);
    }
    let graph = saved_model::graph_of(&bytes)?;
    decode_graph(bytes.slice_ref(graph), false, true)
}

/// Decodes a binary `GraphDef`. No interface is declared.
pub fn decode_graph_def(bytes: Bytes) -> Result<Model, Error> {
    decode_graph(bytes, false, false)
}

/// Decodes a `GraphDef` in protobuf's text format. No interface is declared.
pub fn decode_pbtxt(pbtxt: &str) -> Result<Model, Error> {
    decode_graph(text::parse(pbtxt, &text::schema::GRAPH_DEF)?.into(), true, false)
}

fn decode_graph(bytes: Bytes, text: bool, called_only: bool) -> Result<Model, Error> {
    let source = Source::new(bytes);
    let (mut model, fields) = graph_def::decode(&source, source.file(), called_only)?;
    model.envelope = Some(Envelope::new(Held { text, fields, saved: None }));
    note_version(&mut model);
    Ok(model)
}

/// The version of the graph, as the operator set of TensorFlow's ops: what some attributes mean depends on it.
fn note_version(model: &mut Model) {
    if let Some(producer) = versions(model).map(|versions| versions.producer).filter(|&producer| producer > 0) {
        model.set_opset(Domain::TF, Some(i64::from(producer)));
    }
}

fn decode_saved_model(bytes: Bytes, options: &ReadOptions, folder: Option<&Path>, text: bool) -> Result<Model, Error> {
    let source = Source::new(bytes);
    let (mut saved, graph) = SavedModel::decode(&source, options)?;
    saved.folder = folder.map(Path::to_owned);
    let (mut model, mut fields) = graph_def::decode(&source, graph, options.called_functions_only)?;
    declare(&mut model, &saved, &mut fields, &source, options.allow_variables)?;
    saved.meta.find_collected_assets(&model);
    if !crate::variables(&model).is_empty() {
        saved_model::keep_functions(&mut model, &saved);
    }
    saved.kept = model.main().kept().iter().map(|&id| model.main().node(id).name.clone()).collect();
    model.envelope = Some(Envelope::new(Held { text, fields, saved: Some(saved) }));
    note_version(&mut model);
    Ok(model)
}

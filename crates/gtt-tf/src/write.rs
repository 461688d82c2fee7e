//! Writing files and bytes.

use std::path::Path;

use bytes::Bytes;
use gtt_ir::{Dialect, Domain, Model};
use gtt_wire::{Part, Writer};

use crate::envelope::Held;
use crate::graph_def::GraphFields;
use crate::saved_model::write_folder;
use crate::{Error, ErrorKind, graph_def, text};

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Protobuf's text format instead of the binary one.
    pub text: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size of the file; for a SavedModel of its `saved_model.pb`.
    pub bytes: u64,
}

/// What protobuf readers accept at most.
const LIMIT: u64 = i32::MAX as u64;

/// Producer version of graphs that do not say theirs: TensorFlow 1.15.
const PRODUCER: u64 = 134;

/// Writes a model where and as it belongs: a SavedModel as a folder (its other files are copied), everything else as a
/// `GraphDef` file. A SavedModel is written as a bare `GraphDef` when `path` ends in `.pb` or `.pbtxt` and is no folder.
///
/// The output appears whole or not at all, and may be the very file or folder that the model was read from. A folder that holds
/// something else than a SavedModel is not touched.
///
/// Public names are kept: where a pass put another value behind a port, the node that computes it is renamed, or an `Identity`
/// of the public name is added. `_class` entries and collection entries of nodes that are gone are left out.
pub fn write(model: &Model, path: &Path, options: &WriteOptions) -> Result<Written, Error> {
    if let Some(Held { saved: Some(_), .. }) = Held::of(model) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let file = path.file_name().and_then(|name| name.to_str());
        if matches!(file, Some("saved_model.pb" | "saved_model.pbtxt")) && !path.is_dir() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return write_saved_model(model, folder, options);
        }
        if path.is_dir() || !matches!(extension, Some("pb" | "pbtxt")) {
            return write_saved_model(model, path, options);
        }
    }
    let parts = encode_graph(model, options)?;
    Ok(Written { bytes: gtt_wire::write_atomically(path, &parts)? })
}

/// Writes a SavedModel folder, whatever the path looks like. Fails for a model that was not read from a SavedModel: a graph does
/// not say what a signature must.
pub fn write_saved_model(model: &Model, folder: &Path, options: &WriteOptions) -> Result<Written, Error> {
    let Some(Held { saved: Some(saved), .. }) = Held::of(model) else {
        return Err(Error::unsupported("only what was read from a SavedModel can be written as one"));
    };
    let parts = encode_parts(model, options)?;
    Ok(Written { bytes: write_folder(folder, saved, &parts, options.text)? })
}

/// The content of the model's file: `saved_model.pb` for a SavedModel, a `GraphDef` for everything else.
pub fn encode(model: &Model, options: &WriteOptions) -> Result<Vec<Bytes>, Error> {
    Ok(stored(&encode_parts(model, options)?))
}

/// The same, with large constants that are made only when they are written.
pub fn encode_parts(model: &Model, options: &WriteOptions) -> Result<Vec<Part>, Error> {
    let Some(Held { saved: Some(saved), fields, .. }) = Held::of(model) else { return encode_graph(model, options) };
    check_dialect(model)?;
    let mut writer = Writer::new();
    saved.write(model, fields, &mut writer)?;
    finish(writer, options.text.then_some(&text::schema::SAVED_MODEL))
}

/// The model's main graph as a binary `GraphDef`, whatever file it came from.
pub fn encode_graph_def(model: &Model) -> Result<Vec<Bytes>, Error> {
    Ok(stored(&encode_graph_def_parts(model)?))
}

/// The same, with large constants that are made only when they are written.
pub fn encode_graph_def_parts(model: &Model) -> Result<Vec<Part>, Error> {
    encode_graph(model, &WriteOptions::default())
}

/// The model's main graph as a `GraphDef` in protobuf's text format, whatever file it came from.
pub fn encode_pbtxt(model: &Model) -> Result<Vec<Bytes>, Error> {
    Ok(stored(&encode_graph(model, &WriteOptions { text: true })?))
}

fn stored(parts: &[Part]) -> Vec<Bytes> {
    parts.iter().map(Part::bytes).collect()
}

fn encode_graph(model: &Model, options: &WriteOptions) -> Result<Vec<Part>, Error> {
    check_dialect(model)?;
    let mut writer = Writer::new();
    match Held::of(model) {
        Some(held) => {
            let declared = |tensor: &str| held.saved.as_ref()?.meta.declared(model, tensor);
            graph_def::write(model, &held.fields, declared, &mut writer)?;
        }
        None => {
            let mut versions = Writer::new();
            let producer = model.opsets.get(&Domain::TF).and_then(|&version| u64::try_from(version).ok());
            let producer = producer.unwrap_or(PRODUCER);
            versions.message(graph_def::graph_field::VERSIONS, |writer| writer.varint(1, producer));
            let fields = GraphFields { after: versions.into_bytes(), ..GraphFields::default() };
            graph_def::write(model, &fields, |_| None, &mut writer)?;
        }
    }
    finish(writer, options.text.then_some(&text::schema::GRAPH_DEF))
}

fn check_dialect(model: &Model) -> Result<(), Error> {
    if model.dialect == Dialect::Tf {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "", "the model is not written in TensorFlow's ops"))
}

fn finish(writer: Writer, as_text: Option<&'static text::schema::Message>) -> Result<Vec<Part>, Error> {
    if let Some(message) = as_text {
        return Ok(vec![Bytes::from(text::print(&writer.into_bytes(), message)?).into()]);
    }
    if writer.len() > LIMIT {
        return Err(Error::unsupported(format!(
            "{} bytes are more than the 2 GiB that a TensorFlow file can have",
            writer.len()
        )));
    }
    Ok(writer.into_parts())
}

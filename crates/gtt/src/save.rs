//! Saving: containers and extensions.

use std::path::Path;

use bytes::Bytes;
use gtt_ir::text::PrintOptions;
use gtt_ir::{Dialect, Model};
use gtt_wire::Part;
use serde::Serialize;

use crate::format::for_output;
use crate::{Error, ErrorKind, Format};

/// Where the weights of an ONNX model go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalData {
    /// Where they were; outside, when the file would pass 2 GiB.
    #[default]
    Keep,
    /// Into the model; outside, when the file would pass 2 GiB.
    Auto,
    /// Into a file beside the model.
    Always,
    /// Into the model; an error when the file would pass 2 GiB.
    Never,
}

/// How a model is written.
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    pub(crate) format: Option<Format>,
    pub(crate) external_data: ExternalData,
}

impl SaveOptions {
    /// The format follows the input and the extension, weights stay where they were.
    pub fn new() -> Self {
        Self::default()
    }

    /// This format, whatever the extension.
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Where the weights of an ONNX model go.
    pub fn external_data(mut self, external_data: ExternalData) -> Self {
        self.external_data = external_data;
        self
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Saved {
    /// The format.
    pub format: Format,
    /// Bytes on disk, of all files.
    pub bytes: u64,
}

pub(crate) fn save(model: &Model, input: Format, path: &Path, options: &SaveOptions) -> Result<Saved, Error> {
    let (format, path) = match options.format {
        Some(format) => (format, path.to_owned()),
        None => for_output(path, input, model.dialect)?,
    };
    let path = path.as_path();
    if path.is_dir() && format != Format::SavedModel {
        return Err(Error::new(ErrorKind::File, format!("cannot write `{}`: it is a folder", path.display()))
            .with_hint("name the file that is to be written"));
    }
    let bytes = match (format, model.dialect) {
        (Format::Text, _) => gtt_wire::write_atomically(path, &encode(model, format)?)?,
        (Format::Onnx, Dialect::Onnx) => write_onnx(model, path, options.external_data)?,
        (Format::SavedModel, Dialect::Tf) => {
            gtt_tf::write_saved_model(model, path, &gtt_tf::WriteOptions::default())?.bytes
        }
        (Format::GraphDef | Format::GraphDefText, Dialect::Tf) => {
            gtt_wire::write_atomically(path, &encode(model, format)?)?
        }
        (format, _) => return Err(wrong_dialect(model, format)),
    };
    let bytes = if format == Format::SavedModel { crate::load::size_on_disk(path) } else { bytes };
    Ok(Saved { format, bytes })
}

fn wrong_dialect(model: &Model, format: Format) -> Error {
    let ops = if model.dialect == Dialect::Onnx { "ONNX" } else { "TensorFlow" };
    Error::new(ErrorKind::Unsupported, format!("a model written in {ops} ops cannot be saved as {format}"))
}

/// The content of the model's file in a format, then that of its data files. Constants stay shared parts, or are made when they
/// are written.
pub(crate) fn encode(model: &Model, format: Format) -> Result<Vec<Part>, Error> {
    match (format, model.dialect) {
        (Format::Text, _) => {
            let text = gtt_ir::text::print_with(model, &PrintOptions::default().inline(usize::MAX));
            Ok(vec![Bytes::from(text).into()])
        }
        (Format::Onnx, Dialect::Onnx) => {
            let encoded = gtt_onnx::encode(model, &gtt_onnx::WriteOptions::default())?;
            Ok(encoded.parts.into_iter().chain(encoded.data_files.into_iter().flat_map(|file| file.parts)).collect())
        }
        (Format::SavedModel, Dialect::Tf) => Ok(gtt_tf::encode_parts(model, &gtt_tf::WriteOptions::default())?),
        (Format::GraphDef, Dialect::Tf) => Ok(gtt_tf::encode_graph_def_parts(model)?),
        (Format::GraphDefText, Dialect::Tf) => Ok(gtt_tf::encode_pbtxt(model)?.into_iter().map(Part::Stored).collect()),
        (format, _) => Err(wrong_dialect(model, format)),
    }
}

/// Constants smaller than this stay in the model when the others go outside: as ONNX's own tools do it.
const SPLIT_FROM: usize = 1024;

fn onnx_options(external: gtt_onnx::ExternalData) -> gtt_onnx::WriteOptions {
    gtt_onnx::WriteOptions { external, ..gtt_onnx::WriteOptions::default() }
}

fn write_onnx(model: &Model, path: &Path, data: ExternalData) -> Result<u64, Error> {
    let outside = gtt_onnx::ExternalData::Split { threshold: SPLIT_FROM };
    let external = match data {
        ExternalData::Keep => gtt_onnx::ExternalData::AsRead,
        ExternalData::Always => outside,
        ExternalData::Never => gtt_onnx::ExternalData::Inline,
        ExternalData::Auto if crate::load::constant_bytes(model) < gtt_onnx::MODEL_LIMIT / 2 => {
            gtt_onnx::ExternalData::Inline
        }
        ExternalData::Auto => match gtt_onnx::encode(model, &onnx_options(gtt_onnx::ExternalData::Inline)) {
            Ok(_) => gtt_onnx::ExternalData::Inline,
            Err(_) => outside,
        },
    };
    Ok(gtt_onnx::write(model, path, &onnx_options(external))?.total_bytes())
}

/// An ONNX model as one piece for an engine, external data inside.
#[cfg(feature = "tract")]
pub(crate) fn onnx_bytes(model: &Model) -> Result<Bytes, Error> {
    Ok(gtt_onnx::encode(model, &onnx_options(gtt_onnx::ExternalData::Inline))?.to_bytes())
}

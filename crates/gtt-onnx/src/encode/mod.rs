//! [`Model`] to `ModelProto`.
//!
//! Fields are written in the order of their numbers, as every protobuf library does, with what was kept from the file in its
//! place. Whatever nobody changed is written back as it was read.

mod attr;
mod data;
mod graph;
pub(crate) mod names;
pub(crate) mod order;
mod rest;

use std::path::PathBuf;

use bytes::Bytes;
use gtt_ir::{ConstOrigin, Def, Dialect, Domain, Model};
use gtt_wire::{Durability, Part, Writer};

pub(crate) use self::data::Beside;
use self::data::DataFiles;
use crate::decode::opset as read_opset;
use crate::envelope::{OnnxEnvelope, Style};
use crate::error::{Error, Result, Within as _};
use crate::types::bytes;

/// Protobuf cannot read messages of 2 GiB; a megabyte stays free for what others add.
pub const MODEL_LIMIT: u64 = (1 << 31) - (1 << 20);

/// Constants from this size go to the data file of a model that would be too large.
const SPLIT_FROM: usize = 1024;

/// Where the data of constants is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ExternalData {
    /// As in the file the model was read from; in a data file if the model would exceed [`WriteOptions::limit`].
    #[default]
    AsRead,
    /// All in the model file.
    Inline,
    /// Constants of at least so many bytes in one data file.
    Split {
        /// Size in bytes.
        threshold: usize,
    },
}

/// How to write a model.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Where the data of constants is to be.
    pub external: ExternalData,
    /// The name of a new data file, relative to the model's folder. By default the model's file name with `.data` after it.
    pub data_file: Option<String>,
    /// The largest model file; [`MODEL_LIMIT`] unless told otherwise.
    pub limit: u64,
    /// Whether files are on the disk when writing returns.
    pub durability: Durability,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            external: ExternalData::default(),
            data_file: None,
            limit: MODEL_LIMIT,
            durability: Durability::default(),
        }
    }
}

/// An encoded model: large constants are shared, not copied, or made when they are written.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The model file in pieces.
    pub parts: Vec<Part>,
    /// The data files that belong to it.
    pub data_files: Vec<DataFile>,
}

/// A file of external data.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Path relative to the model's folder.
    pub location: String,
    /// Content in pieces.
    pub parts: Vec<Part>,
    /// The file that this is an exact copy of, if it is.
    pub copy_of: Option<PathBuf>,
}

impl Encoded {
    /// Size of the model file.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// Never: a model has at least a graph.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The model file in one piece; copies.
    pub fn to_bytes(&self) -> Bytes {
        Part::concat(&self.parts)
    }
}

pub(crate) struct Encoder<'m> {
    model: &'m Model,
    envelope: Option<&'m OnnxEnvelope>,
    style: Style,
    data: DataFiles<'m>,
    /// `Constant` nodes of this size become initializers.
    spill_from: Option<usize>,
    /// A node of the default domain was added.
    needs_default_domain: bool,
}

/// Encodes a model of the ONNX dialect.
pub fn encode(model: &Model, options: &WriteOptions) -> Result<Encoded> {
    encode_beside(model, options, &Beside::default())
}

/// [`encode`] into a folder where there are other files.
pub(crate) fn encode_beside(model: &Model, options: &WriteOptions, beside: &Beside) -> Result<Encoded> {
    if model.dialect != Dialect::Onnx {
        return Err(Error::unsupported("the model is not in the ONNX dialect; convert it first"));
    }
    let encoded = encode_as(model, options.external, options, beside)?;
    if encoded.len() <= options.limit {
        return Ok(encoded);
    }
    let size = encoded.len();
    if options.external == ExternalData::AsRead {
        let encoded = encode_as(model, ExternalData::Split { threshold: SPLIT_FROM }, options, beside)?;
        if encoded.len() <= options.limit {
            return Ok(encoded);
        }
    }
    let limit = options.limit;
    Err(Error::unsupported(format!(
        "the model file would have {size} bytes; protobuf allows {limit}, use external data"
    )))
}

fn encode_as(model: &Model, mode: ExternalData, options: &WriteOptions, beside: &Beside) -> Result<Encoded> {
    let envelope = OnnxEnvelope::of(model);
    let mut encoder = Encoder {
        model,
        envelope,
        style: envelope.map(|envelope| envelope.style).unwrap_or_default(),
        data: DataFiles::new(model, mode, options.data_file.as_deref(), beside)?,
        spill_from: if let ExternalData::Split { threshold } = mode { Some(threshold) } else { None },
        needs_default_domain: false,
    };
    let mut writer = Writer::new();
    encoder.model(&mut writer)?;
    Ok(Encoded { parts: writer.into_parts(), data_files: encoder.data.finish() })
}

impl<'m> Encoder<'m> {
    fn model(&mut self, writer: &mut Writer) -> Result<()> {
        let mut fields = self.model_fields()?;
        fields.sort_by_key(|field| field.0);
        let mut fields = fields.into_iter().peekable();
        while let Some((_, raw)) = fields.next_if(|field| field.0 < 7) {
            writer.raw(&raw);
        }
        let model = self.model;
        let main = writer.try_message(7, |writer| self.graph(writer, model.main_id(), None));
        main.within(|| model.main().name.to_string())?;
        if self.needs_default_domain && !model.opsets.contains_key(&Domain::ONNX) {
            writer.message(8, |writer| opset(writer, &Domain::ONNX, 1));
        }
        while let Some((_, raw)) = fields.next_if(|field| field.0 < 25) {
            writer.raw(&raw);
        }
        for function in &model.functions {
            let written = writer.try_message(25, |writer| self.function(writer, function));
            written.within(|| function.op.to_string())?;
        }
        fields.for_each(|(_, raw)| writer.raw(&raw));
        Ok(())
    }

    /// The fields of the model but graph and functions: those of the file, with versions brought up to date.
    fn model_fields(&self) -> Result<Vec<(u32, Bytes)>> {
        let Some(envelope) = self.envelope else { return Ok(self.new_fields()) };
        let mut fields = Vec::with_capacity(envelope.fields.len());
        let ir_version = self.ir_version(envelope.ir_version);
        let mut missing = self.model.opsets.clone();
        if (1..3).contains(&envelope.ir_version) {
            missing.retain(|domain, version| *domain != Domain::ONNX || *version != 1);
        }
        for (tag, raw) in &envelope.fields {
            match tag {
                1 if ir_version != envelope.ir_version => {}
                8 => {
                    let content = gtt_wire::SliceFields::new(raw).next().transpose()?;
                    let (domain, version) = read_opset(content.as_ref().map(bytes).transpose()?.unwrap_or_default())?;
                    let domain = Domain::onnx(domain);
                    missing.remove(&domain);
                    match self.model.opsets.get(&domain) {
                        Some(&now) if now == version => fields.push((8, raw.clone())),
                        Some(&now) => fields.push(field(8, |writer| writer.message(8, |w| opset(w, &domain, now)))),
                        None => {}
                    }
                }
                _ => fields.push((*tag, raw.clone())),
            }
        }
        if ir_version != envelope.ir_version {
            fields.push(field(1, |writer| writer.int(1, ir_version)));
        }
        for (domain, version) in &missing {
            fields.push(field(8, |writer| writer.message(8, |w| opset(w, domain, *version))));
        }
        Ok(fields)
    }

    /// Before IR version 4 an initializer had to be listed as an input; constants that a pass made are not.
    fn ir_version(&self, version: i64) -> i64 {
        let unlisted = !self.style.unlisted_initializers && has_unlisted_initializers(self.model);
        let version = if version < 4 && unlisted { 4 } else { version };
        if self.raises_opset() { version.max(ir_version_for(self.model)) } else { version }
    }

    /// The default operator set is newer than that of the file.
    fn raises_opset(&self) -> bool {
        let Some(envelope) = self.envelope else { return false };
        let of_file = envelope.fields.iter().filter(|(tag, _)| *tag == 8).filter_map(|(_, raw)| {
            let content = gtt_wire::SliceFields::new(raw).next()?.ok()?;
            read_opset(bytes(&content).ok()?).ok()
        });
        let of_file = of_file.filter(|(domain, _)| Domain::onnx(domain) == Domain::ONNX).map(|(_, version)| version);
        of_file.max().is_some_and(|version| self.model.opset() > version)
    }

    fn new_fields(&self) -> Vec<(u32, Bytes)> {
        let mut fields = vec![
            field(1, |writer| writer.int(1, ir_version_for(self.model))),
            field(2, |writer| writer.str(2, "gtt")),
            field(3, |writer| writer.str(3, env!("CARGO_PKG_VERSION"))),
        ];
        for (domain, version) in &self.model.opsets {
            fields.push(field(8, |writer| writer.message(8, |w| opset(w, domain, *version))));
        }
        fields
    }
}

/// The oldest IR version that goes with the model's operator set, by ONNX's table of releases.
fn ir_version_for(model: &Model) -> i64 {
    let by_opset = match model.opset() {
        ..=9 => 4,
        10 => 5,
        11 => 6,
        12..=14 => 7,
        15..=18 => 8,
        19 | 20 => 9,
        21 | 22 => 10,
        23 => 11,
        24 => 12,
        25 => 13,
        _ => 14,
    };
    if model.functions.is_empty() { by_opset } else { by_opset.max(8) }
}

/// Are there initializers that are not inputs of their graph?
pub(crate) fn has_unlisted_initializers(model: &Model) -> bool {
    let unlisted = |value: &gtt_ir::Value| matches!(&value.def, Def::Const(constant) if constant.origin == ConstOrigin::Initializer);
    model.nested(model.main_id()).into_iter().any(|graph| model.graph(graph).values().any(|(_, value)| unlisted(value)))
}

fn field(tag: u32, write: impl FnOnce(&mut Writer)) -> (u32, Bytes) {
    let mut writer = Writer::new();
    write(&mut writer);
    (tag, writer.into_bytes())
}

fn opset(writer: &mut Writer, domain: &Domain, version: i64) {
    writer.str(1, domain.as_str());
    writer.int(2, version);
}

//! Where the bytes of constants go: into the model or into data files beside it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bytes::Bytes;
use gtt_ir::{Attr, Encoding, Model, Tensor};
use gtt_wire::{Part, SliceFields};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{DataFile, ExternalData};
use crate::decode::external::{ExternalFile, Reference};
use crate::elements;
use crate::envelope::OnnxEnvelope;
use crate::error::Result;
use crate::tensor_proto::Placement;
use crate::types::bytes;

/// New constants of a model that has data files go there from this size.
const EXTERNAL_FROM: usize = 1024;

/// Tensors of at least `ALIGN_LARGE_FROM` bytes start at a page, so that engines can map them; others at a cache line.
const ALIGN_LARGE_FROM: usize = 64 << 10;
static ZEROS: [u8; 4096] = [0; 4096];

/// The data files of one export.
pub(crate) struct DataFiles<'m> {
    mode: ExternalData,
    source: Option<&'m BTreeMap<String, ExternalFile>>,
    /// Locations all of whose tensors are still there: written as they were, offsets included.
    verbatim: BTreeSet<&'m str>,
    /// Locations that this export must not write another content to.
    beside: &'m Beside,
    /// The name of a new data file.
    fresh: String,
    files: BTreeMap<String, Layout>,
    /// Bytes that have a place already, by address: shared constants are stored once.
    placed: FxHashMap<(usize, usize), (String, u64)>,
}

/// What is in the folder that an export goes to.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The model file itself.
    pub(crate) model_file: Option<String>,
    /// Data files of the model that was read, unless that is being replaced.
    pub(crate) protected: BTreeSet<String>,
}

#[derive(Default)]
struct Layout {
    parts: Vec<Part>,
    length: u64,
    /// The file this is an exact copy of.
    copy_of: Option<PathBuf>,
}

impl<'m> DataFiles<'m> {
    pub(crate) fn new(
        model: &'m Model,
        mode: ExternalData,
        data_file: Option<&str>,
        beside: &'m Beside,
    ) -> Result<Self> {
        let source = OnnxEnvelope::of(model).map(|envelope| &envelope.external.files).filter(|files| !files.is_empty());
        let mut files = Self {
            mode,
            source,
            verbatim: BTreeSet::new(),
            beside,
            fresh: data_file.unwrap_or("model.onnx.data").to_owned(),
            files: BTreeMap::new(),
            placed: FxHashMap::default(),
        };
        if let (Some(source), ExternalData::AsRead) = (source, mode) {
            let present = present_extents(model)?;
            for (location, file) in source {
                let is_model = beside.model_file.as_ref() == Some(location);
                if !is_model
                    && file
                        .extents
                        .iter()
                        .all(|&(offset, length)| present.contains(&(location.clone(), offset, length)))
                {
                    files.verbatim.insert(location);
                    let copy = Layout {
                        parts: vec![file.content.clone().into()],
                        length: file.content.len() as u64,
                        copy_of: Some(file.path.clone()),
                    };
                    files.files.insert(location.clone(), copy);
                }
            }
        }
        Ok(files)
    }

    /// This location, or that of a new file where it is taken.
    fn permitted(&self, location: &str) -> String {
        let is_taken = self.beside.protected.contains(location) || self.beside.model_file.as_deref() == Some(location);
        if is_taken { self.fresh.clone() } else { location.to_owned() }
    }

    /// Decides where a tensor goes, and puts it there if that is a data file. `with` gets the placement.
    pub(crate) fn place<T>(&mut self, tensor: &Tensor, with: impl FnOnce(Placement<'_>) -> Result<T>) -> Result<T> {
        let encoded = tensor.encoded();
        let is_packed = tensor.is_readable() && tensor.strings().is_none();
        let location = match (self.mode, encoded.map(|encoded| encoded.encoding)) {
            (ExternalData::AsRead, Some(Encoding::OnnxExternal)) => {
                let location = reference(encoded.map_or(&[], |encoded| &encoded.bytes))?.0;
                if self.verbatim.contains(&*location) {
                    return with(Placement::AsEncoded);
                }
                Some(self.permitted(&location))
            }
            (ExternalData::AsRead, None) if is_packed && tensor.byte_len() >= EXTERNAL_FROM => {
                let first = self.source.and_then(|files| files.keys().next());
                first.map(|first| self.permitted(first))
            }
            (ExternalData::Split { threshold }, _) if is_packed && tensor.byte_len() >= threshold => {
                Some(self.fresh.clone())
            }
            _ => None,
        };
        let (Some(location), Some(content)) = (location, elements::part(tensor)) else {
            return with(Placement::Inline);
        };
        let length = content.len() as u64;
        let place = elements::place_of(tensor);
        if let Some((location, offset)) = place.and_then(|place| self.placed.get(&place)) {
            return with(Placement::External { location, offset: *offset, length });
        }
        let file = self.files.entry(location.clone()).or_default();
        file.copy_of = None;
        let align = if content.len() >= ALIGN_LARGE_FROM { 4096 } else { 64 };
        let padding = file.length.next_multiple_of(align) - file.length;
        if padding > 0 {
            file.parts.push(Bytes::from_static(&ZEROS).slice(..padding as usize).into());
        }
        let offset = file.length + padding;
        file.length = offset + length;
        file.parts.push(content);
        if let Some(place) = place {
            self.placed.insert(place, (location.clone(), offset));
        }
        with(Placement::External { location: &location, offset, length })
    }

    /// The data files of the export, by location.
    pub(crate) fn finish(self) -> Vec<DataFile> {
        let files = self.files.into_iter();
        files.map(|(location, file)| DataFile { location, parts: file.parts, copy_of: file.copy_of }).collect()
    }
}

/// Location, offset and length of an external `TensorProto`.
fn reference(message: &[u8]) -> Result<(Cow<'_, str>, u64, Option<u64>)> {
    let mut reference = Reference::default();
    for field in SliceFields::new(message) {
        let field = field?;
        if field.tag == 13 {
            reference.entry(bytes(&field)?)?;
        }
    }
    Ok(reference.into_parts())
}

/// The extents of data files that constants of the model still have.
fn present_extents(model: &Model) -> Result<FxHashSet<(String, u64, u64)>> {
    let mut present = FxHashSet::default();
    let mut add = |tensor: &Tensor| -> Result<()> {
        if let Some(encoded) = tensor.encoded().filter(|encoded| encoded.encoding == Encoding::OnnxExternal) {
            let (location, offset, length) = reference(&encoded.bytes)?;
            present.insert((location.into_owned(), offset, length.unwrap_or(tensor.byte_len() as u64)));
        }
        Ok(())
    };
    for (_, graph) in model.graphs() {
        for (_, value) in graph.values() {
            if let Some(constant) = value.def.held() {
                add(&constant.tensor)?;
            }
        }
        for (_, node) in graph.nodes() {
            for entry in node.attrs.iter() {
                match &entry.value {
                    Attr::Tensor(tensor) => add(tensor)?,
                    Attr::Tensors(tensors) => tensors.iter().try_for_each(&mut add)?,
                    _ => {}
                }
            }
        }
    }
    Ok(present)
}

//! SavedModels: the meta graphs around a graph, and the folder around them.
//!
//! One meta graph is read (tag `serve`, or the only one, or the one asked for); the others and everything the graph does not say
//! are kept as they are. Tensors that signatures name are ports, tensors that assets are fed to are fed ports, and nodes that the
//! loader runs are kept nodes. Collections that name nodes do not keep them alive: what is gone is taken out of the collection.

mod collections;
mod folder;
mod interface;
mod meta_graph;
mod signature;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use bytes::Bytes;

pub(crate) use folder::{is_saved_model, write_folder};
pub(crate) use interface::declare;
pub(crate) use meta_graph::MetaGraph;
pub use signature::{Signature, SignatureTensor};

use crate::graph_def::{GraphFields, Written};
use crate::source::Source;
use crate::{Error, ErrorKind, ReadOptions};
use gtt_ir::Model;
use gtt_wire::{FieldValue, SliceFields, Writer};

/// Field number of `SavedModel`.
const META_GRAPHS: u32 = 2;

/// What is kept of a SavedModel besides the graph.
#[derive(Debug)]
pub(crate) struct SavedModel {
    /// All fields, encoded; the chosen meta graph is `None`.
    fields: Vec<Option<Bytes>>,
    pub(crate) meta: MetaGraph,
    /// The folder it was read from.
    pub(crate) folder: Option<PathBuf>,
    /// Nodes that stay, whatever interface is declared.
    pub(crate) kept: Vec<crate::Name>,
    /// The file as it was.
    original: Bytes,
}

impl SavedModel {
    /// Decodes `saved_model.pb`; the graph's message comes back beside it.
    pub(crate) fn decode<'s>(source: &'s Source, options: &ReadOptions) -> Result<(Self, &'s [u8]), Error> {
        let file: &'s [u8] = source.file();
        let mut fields = Vec::new();
        let mut candidates = Vec::new();
        for field in SliceFields::new(file) {
            let field = field?;
            match field.value {
                FieldValue::Len(message) if field.tag == META_GRAPHS => {
                    let place = format!("meta graph number {}", candidates.len());
                    let tags = meta_graph::tags(message).map_err(|error| error.at(&place))?;
                    candidates.push((fields.len(), message, tags));
                }
                _ => {}
            }
            fields.push(Some(source.share(field.raw)));
        }
        let tags: Vec<&[crate::Name]> = candidates.iter().map(|(_, _, tags)| tags.as_slice()).collect();
        let (at, message, _) = &candidates[choose(&tags, &options.tags)?];
        fields[*at] = None;
        let (meta, graph) = MetaGraph::decode(source, message)?;
        Ok((Self { fields, meta, folder: None, kept: Vec::new(), original: source.file().clone() }, graph))
    }

    /// Writes `saved_model.pb` with the model's graph.
    pub(crate) fn write(&self, model: &Model, fields: &GraphFields, writer: &mut Writer) -> Result<(), Error> {
        for field in &self.fields {
            match field {
                Some(raw) => writer.raw(raw),
                None => writer.try_message(META_GRAPHS, |writer| self.meta.write(model, fields, writer))?,
            }
        }
        Ok(())
    }

    /// The parts are what was read.
    pub(crate) fn is_unchanged(&self, parts: &[Bytes]) -> bool {
        let mut rest: &[u8] = &self.original;
        parts.iter().all(|part| {
            let Some((head, tail)) = rest.split_at_checked(part.len()) else { return false };
            rest = tail;
            (head.as_ptr() == part.as_ptr()) || head == part
        }) && rest.is_empty()
    }
}

/// Which of several meta graphs is meant.
fn choose(candidates: &[&[crate::Name]], wanted: &[String]) -> Result<usize, Error> {
    let same = |tags: &[crate::Name], wanted: &[&str]| {
        tags.len() == wanted.len() && wanted.iter().all(|tag| tags.iter().any(|other| other == tag))
    };
    let list = || {
        let sets: Vec<String> = candidates.iter().map(|tags| format!("{{{}}}", tags.join(", "))).collect();
        sets.join(", ")
    };
    if candidates.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "", "the SavedModel has no meta graph"));
    }
    if !wanted.is_empty() {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let found = candidates.iter().position(|tags| same(tags, &wanted));
        let message = || format!("no meta graph has the tags {{{}}}; there are {}", wanted.join(", "), list());
        return found.ok_or_else(|| Error::invalid(message()));
    }
    if candidates.len() == 1 {
        return Ok(0);
    }
    let exact = candidates.iter().position(|tags| same(tags, &["serve"]));
    let serving = || candidates.iter().position(|tags| tags.iter().any(|tag| tag == "serve"));
    let message = || format!("several meta graphs and none with the tag `serve`: {}; say which", list());
    exact.or_else(serving).ok_or_else(|| Error::invalid(message()))
}

/// Answers which public names the written file has.
pub(crate) type Names<'w, 'g> = &'w Written<'g>;

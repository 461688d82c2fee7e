//! SavedModels: the meta graphs around a graph, and the folder around them.
//!
//! One meta graph is read (tag `serve`, or the only one, or the one asked for); the others and everything the graph does not say
//! are kept as they are. Tensors that signatures name are ports, tensors that assets are fed to are fed ports, and nodes that the
//! loader runs are kept nodes. Collections that name nodes do not keep them alive: what is gone is taken out of the collection.

mod collections;
mod folder;
mod interface;
mod make;
mod meta_graph;
mod renamed;
mod signature;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use bytes::Bytes;

pub(crate) use folder::{is_saved_model, write_folder};
pub(crate) use interface::declare;
pub use make::make_saved_model;
pub(crate) use meta_graph::MetaGraph;
pub use signature::{Signature, SignatureTensor};

use crate::envelope::Held;
use crate::graph_def::{GraphFields, Written};
use crate::source::Source;
use crate::{Error, ErrorKind, ReadOptions};
use gtt_ir::{Envelope, Model};
use gtt_wire::{FieldValue, Part, SliceFields, Writer};

/// Field number of `SavedModel`.
const META_GRAPHS: u32 = 2;

/// What is kept of a SavedModel besides the graph.
#[derive(Clone, Debug)]
pub(crate) struct SavedModel {
    /// All fields, encoded; the chosen meta graph is `None`.
    fields: Vec<Option<Bytes>>,
    pub(crate) meta: MetaGraph,
    /// The folder it was read from.
    pub(crate) folder: Option<PathBuf>,
    /// Nodes that stay, whatever interface is declared.
    pub(crate) kept: Vec<crate::Name>,
    /// The variables of the folder belong to it no more.
    pub(crate) is_frozen: bool,
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
            let field = field.map_err(Error::of_file)?;
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
        let (mut meta, graph) = MetaGraph::decode(source, message)?;
        meta.choose_signatures(&options.signatures)?;
        let original = source.file().clone();
        Ok((Self { fields, meta, folder: None, kept: Vec::new(), is_frozen: false, original }, graph))
    }

    /// Takes out what only a model with variables has: the saver, collections of variables, the objects that Python's loader would
    /// restore, other meta graphs, and that the loader keeps the saver's nodes.
    fn freeze(&mut self) {
        let is_other = |field: &Bytes| SliceFields::new(field).flatten().any(|field| field.tag == META_GRAPHS);
        self.fields.retain(|field| field.as_ref().is_none_or(|field| !is_other(field)));
        let saver = self.meta.freeze();
        let run: Vec<crate::Name> =
            self.meta.collections.iter().flat_map(|collection| collection.run_by_loader().cloned()).collect();
        self.kept.retain(|name| !saver.contains(name) || run.contains(name));
        self.is_frozen = true;
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
    pub(crate) fn is_unchanged(&self, parts: &[Part]) -> bool {
        let mut rest: &[u8] = &self.original;
        parts.iter().all(|part| {
            // Only new constants are made on the way.
            let Part::Stored(part) = part else { return false };
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

/// Says that a model's variables are constants now: a SavedModel is written without what only one with variables has. Its variables,
/// saver, the objects for Python's loader and other meta graphs go; assets, the signatures and what initialises tables stay.
pub fn mark_frozen(model: &mut Model) {
    let Some(held) = Held::of(model) else { return };
    let mut held = held.clone();
    if let Some(saved) = &mut held.saved {
        saved.freeze();
        model.envelope = Some(Envelope::new(held));
    }
    model.functions.iter_mut().for_each(|function| function.kept = false);
}

/// Lets the functions stay that Python's loader finds by name. Without variables it can do without them.
pub(crate) fn keep_functions(model: &mut Model, saved: &SavedModel) {
    let known: rustc_hash::FxHashSet<&str> = saved.meta.concrete_functions().collect();
    model.functions.iter_mut().for_each(|function| function.kept = known.contains(function.op.name.as_str()));
}

/// The graph's message in a `MetaGraphDef`.
pub(crate) fn graph_of(meta_graph: &[u8]) -> Result<&[u8], Error> {
    let mut graph = &[][..];
    for field in SliceFields::new(meta_graph) {
        let field = field?;
        if field.tag == 2 {
            graph = field.bytes()?;
        }
    }
    Ok(graph)
}

/// Answers which public names the written file has.
pub(crate) type Names<'w, 'g> = &'w Written<'g>;

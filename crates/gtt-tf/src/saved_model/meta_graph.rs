//! `MetaGraphDef`.

use std::borrow::Cow;

use bytes::Bytes;
use gtt_ir::{DType, Model, Name, Site};
use gtt_wire::{FieldValue, SliceFields, Writer};
use rustc_hash::FxHashSet;

use super::Names;
use super::collections::Collection;
use super::renamed::Renamed;
use super::signature::{Signature, SignatureTensor, entry, tensor_info, text};
use crate::envelope::messages;
use crate::graph_def::{GraphFields, split_reference};
use crate::source::Source;
use crate::{Error, graph_def};

/// Field numbers of `MetaGraphDef`.
mod tag {
    pub(super) const META_INFO: u32 = 1;
    pub(super) const GRAPH: u32 = 2;
    pub(super) const SAVER: u32 = 3;
    pub(super) const COLLECTION: u32 = 4;
    pub(super) const SIGNATURE: u32 = 5;
    pub(super) const ASSET: u32 = 6;
    pub(super) const OBJECTS: u32 = 7;
}

/// The signature of the node that the loader runs.
const INIT_OP: &str = "__saved_model_init_op";

/// Everything of a meta graph but the graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetaGraph {
    fields: Vec<Kept>,
    pub(crate) tags: Vec<Name>,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) collections: Vec<Collection>,
    /// Tensors that get the paths of assets.
    pub(crate) assets: Vec<Name>,
    /// What the old collection of assets names, as it was called.
    collected_assets: Vec<(Name, Site)>,
    pub(crate) saver: Option<Saver>,
    object_graph: Option<Bytes>,
    /// Nodes that objects are, encoded: Python's loader reads them by name.
    object_nodes: Vec<(Name, Bytes)>,
    /// The file has a graph, if an empty one.
    has_graph: bool,
}

/// A field of a meta graph.
#[derive(Clone, Debug)]
enum Kept {
    Graph,
    /// Index among the collections.
    Collection(usize),
    Signature(Bytes),
    Asset(Bytes),
    Saver(Bytes),
    Objects(Bytes),
    Other(Bytes),
}

/// The nodes of a `SaverDef`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saver {
    pub(crate) filename: Name,
    pub(crate) save: Name,
    pub(crate) restore: Name,
}

/// The tags of a meta graph.
pub(super) fn tags(message: &[u8]) -> Result<Vec<Name>, Error> {
    let mut tags = Vec::new();
    for field in SliceFields::new(message) {
        let field = field?;
        if field.tag == tag::META_INFO {
            for field in SliceFields::new(field.bytes()?) {
                let field = field?;
                if field.tag == 4 {
                    tags.push(text(field.bytes()?)?);
                }
            }
        }
    }
    Ok(tags)
}

impl MetaGraph {
    /// Decodes a meta graph; the graph's message comes back beside it.
    pub(super) fn decode<'s>(source: &Source, message: &'s [u8]) -> Result<(Self, &'s [u8]), Error> {
        let mut meta = Self { tags: tags(message)?, ..Self::default() };
        let mut graph = &[][..];
        for field in SliceFields::new(message) {
            let field = field?;
            let raw = || source.share(field.raw);
            let kept = match (field.tag, field.value) {
                (tag::GRAPH, FieldValue::Len(message)) => {
                    if std::mem::replace(&mut meta.has_graph, true) {
                        return Err(Error::unsupported("a meta graph whose graph comes in pieces"));
                    }
                    graph = message;
                    Kept::Graph
                }
                (tag::SIGNATURE, FieldValue::Len(message)) => {
                    meta.signatures.push(Signature::decode(message)?);
                    Kept::Signature(source.share(message))
                }
                (tag::COLLECTION, FieldValue::Len(message)) => {
                    meta.collections.push(Collection::decode(source, message)?);
                    Kept::Collection(meta.collections.len() - 1)
                }
                (tag::SAVER, FieldValue::Len(message)) => {
                    meta.saver = Some(Saver::decode(message)?);
                    Kept::Saver(source.share(message))
                }
                (tag::ASSET, FieldValue::Len(message)) => {
                    for info in messages(message, 1) {
                        let mut tensors = Vec::new();
                        tensor_info(Name::default(), info, &mut tensors, 2)?;
                        meta.assets.extend(tensors.into_iter().map(|tensor| tensor.tensor));
                    }
                    Kept::Asset(source.share(message))
                }
                (tag::OBJECTS, FieldValue::Len(message)) => {
                    meta.object_graph = Some(source.share(message));
                    Kept::Objects(raw())
                }
                _ => Kept::Other(raw()),
            };
            meta.fields.push(kept);
        }
        meta.signatures.sort_by(|a, b| a.key.cmp(&b.key));
        meta.find_object_nodes(source, graph)?;
        Ok((meta, graph))
    }

    /// The constants that functions captured are objects, which name their nodes.
    fn find_object_nodes(&mut self, source: &Source, graph: &[u8]) -> Result<(), Error> {
        let objects = messages(self.object_graph.as_deref().unwrap_or_default(), 1);
        let constants =
            objects.flat_map(|object| messages(object, 9)).filter_map(|constant| messages(constant, 1).last());
        let wanted: FxHashSet<&[u8]> = constants.collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for field in SliceFields::new(graph) {
            let field = field?;
            if let (graph_def::graph_field::NODE, FieldValue::Len(node)) = (field.tag, field.value)
                && let Some(name) = messages(node, 1).last().filter(|name| wanted.contains(name))
            {
                self.object_nodes.push((text(name)?, source.share(field.raw)));
            }
        }
        Ok(())
    }

    /// Leaves out all signatures but these and that of the init op, which the loader runs. None: all stay.
    pub(super) fn choose_signatures(&mut self, wanted: &[String]) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        if let Some(unknown) = wanted.iter().find(|key| !self.signatures.iter().any(|signature| signature.key == **key))
        {
            let known: Vec<String> = self.signatures.iter().map(|signature| format!("`{}`", signature.key)).collect();
            return Err(Error::invalid(format!("there is no signature `{unknown}`; there are {}", known.join(", "))));
        }
        let is_wanted = |key: &Name| key == INIT_OP || wanted.iter().any(|wanted| key == wanted);
        self.signatures.retain(|signature| is_wanted(&signature.key));
        let stays = |kept: &Kept| match kept {
            Kept::Signature(message) => entry(message).is_ok_and(|(key, _)| is_wanted(&key)),
            _ => true,
        };
        self.fields.retain(stays);
        Ok(())
    }

    /// Takes out what is about variables. The saver's nodes come back.
    ///
    /// Without objects, Python's loader takes the model for one of TensorFlow 1 and every signature for something to be called, which
    /// an init op that is fed with assets is not; where a collection names the init op, too, it is enough.
    pub(super) fn freeze(&mut self) -> Vec<Name> {
        let collections = &self.collections;
        let is_run = collections.iter().any(|collection| collection.run_by_loader().next().is_some());
        self.fields.retain(|kept| match kept {
            Kept::Saver(_) | Kept::Objects(_) => false,
            Kept::Collection(index) => !collections[*index].is_of_variables(),
            Kept::Signature(message) => !is_run || entry(message).is_ok_and(|(key, _)| key != INIT_OP),
            _ => true,
        });
        self.signatures.retain(|signature| !is_run || signature.key != INIT_OP);
        self.object_graph = None;
        let saver = self.saver.take();
        saver.iter().flat_map(Saver::names).map(|name| Name::new(split_reference(name).0)).collect()
    }

    /// What Python's loader knows of the model: a `SavedObjectGraph`.
    pub(crate) fn object_graph(&self) -> Option<&[u8]> {
        self.object_graph.as_deref()
    }

    /// The names of the functions that its objects are.
    pub(super) fn concrete_functions(&self) -> impl Iterator<Item = &str> {
        let entries = messages(self.object_graph.as_deref().unwrap_or_default(), 2);
        entries.filter_map(|entry| std::str::from_utf8(messages(entry, 1).last()?).ok())
    }

    /// Notes which nodes and constants the old collection of assets names: no port holds on to them.
    pub(crate) fn find_collected_assets(&mut self, model: &Model) {
        let wanted: FxHashSet<&Name> = self.collections.iter().flat_map(Collection::assets).collect();
        if wanted.is_empty() {
            return;
        }
        let graph = model.main();
        let nodes = graph.nodes().map(|(id, node)| (&node.name, Site::Node(id)));
        let sites = nodes.chain(graph.constants().map(|(id, value, _)| (&value.name, Site::Const(id))));
        let found = sites.filter(|(name, _)| wanted.contains(name)).map(|(name, site)| (name.clone(), site));
        self.collected_assets = found.collect();
    }

    /// The element type that a signature declares for a tensor, which may be called otherwise by now.
    pub(crate) fn declared(&self, model: &Model, tensor: &str) -> Option<DType> {
        let renamed = Renamed(model.main().renamed());
        let wanted = split_reference(tensor);
        let tensors = self.signatures.iter().flat_map(|signature| signature.inputs.iter().chain(&signature.outputs));
        let is_meant = |found: &&SignatureTensor| match renamed.is_empty() {
            true => split_reference(&found.tensor) == wanted,
            false => split_reference(&renamed.reference(&found.tensor)) == wanted,
        };
        tensors.filter(is_meant).find_map(|found| found.dtype)
    }

    pub(super) fn write(&self, model: &Model, fields: &GraphFields, writer: &mut Writer) -> Result<(), Error> {
        // The names are settled before the fields that come ahead of the graph are written.
        let mut graph = Writer::new();
        let names = graph_def::write(model, fields, |tensor| self.declared(model, tensor), &mut graph)?;
        let mut all = model.main().renamed().to_vec();
        let moved = self.collected_assets.iter().filter(|(name, _)| !names.has(Renamed(&all).reference(name).as_str()));
        let moved = moved.filter_map(|(name, site)| Some((name.clone(), names.name(*site)?.clone())));
        let moved: Vec<(Name, Name)> = moved.collect();
        all.extend(moved);
        let renamed = Renamed(&all);
        // Passes may have renamed them, or taken them out, as nothing in the graph reads them.
        for (name, node) in self.object_nodes.iter().filter(|_| self.object_graph.is_some()) {
            if !names.has(name) {
                graph.raw(node);
            }
        }
        let length = graph.len();
        let mut graph = Some(graph);
        for kept in &self.fields {
            match kept {
                Kept::Graph => write_graph(graph.take(), writer),
                Kept::Collection(index) => {
                    self.collections[*index].write(tag::COLLECTION, &names, &fields.dangling, renamed, writer)?;
                }
                Kept::Signature(message) => {
                    let follows = |info: &[u8]| renamed.nested(info, 2, &mut |info| renamed.tensor_info(info));
                    let message = follow(message, renamed, |message| {
                        renamed.nested(message, 2, &mut |signature| {
                            let inputs = renamed.nested(signature, 1, &mut |entry| follows(entry))?;
                            renamed.nested(&inputs, 2, &mut |entry| follows(entry))
                        })
                    })?;
                    write_signature(&message, &names, writer)?;
                }
                Kept::Asset(message) => {
                    let message = follow(message, renamed, |message| {
                        renamed.nested(message, 1, &mut |info| renamed.tensor_info(info))
                    })?;
                    writer.bytes(tag::ASSET, &message);
                }
                Kept::Saver(message) => {
                    let message = follow(message, renamed, |message| renamed.strings(message, &[1, 2, 3]))?;
                    if Saver::decode(&message)?.survives(&names, fields) {
                        writer.bytes(tag::SAVER, &message);
                    }
                }
                Kept::Objects(raw) => {
                    // Python's loader takes a model without objects for one of TensorFlow 1, and fails for one without functions.
                    let functions: FxHashSet<&str> =
                        model.functions.iter().map(|function| function.op.name.as_str()).collect();
                    if self.concrete_functions().all(|name| functions.contains(name)) {
                        writer.raw(raw);
                    }
                }
                Kept::Other(raw) => writer.raw(raw),
            }
        }
        if !self.has_graph && length > 0 {
            write_graph(graph.take(), writer);
        }
        Ok(())
    }
}

/// A message with references as they are now.
fn follow<'m>(
    message: &'m Bytes,
    renamed: Renamed<'_>,
    make: impl Fn(&[u8]) -> Result<Bytes, Error>,
) -> Result<Cow<'m, Bytes>, Error> {
    if renamed.is_empty() { Ok(Cow::Borrowed(message)) } else { make(message).map(Cow::Owned) }
}

fn write_graph(graph: Option<Writer>, writer: &mut Writer) {
    if let Some(graph) = graph {
        writer.message(tag::GRAPH, |writer| writer.append(graph));
    }
}

/// Writes a signature. An interface that was redeclared may have lost tensors of it: those go, and a signature without outputs
/// goes too.
fn write_signature(message: &Bytes, names: Names<'_, '_>, writer: &mut Writer) -> Result<(), Error> {
    let (key, value) = entry(message)?;
    let mut lost = false;
    let mut outputs = 0;
    let mut kept = Writer::new();
    for field in SliceFields::new(value) {
        let field = field?;
        if let (1 | 2, FieldValue::Len(message)) = (field.tag, field.value) {
            let (name, info) = entry(message)?;
            let mut tensors = Vec::new();
            tensor_info(name.clone(), info, &mut tensors, usize::MAX)?;
            if !tensors.iter().all(|tensor| names.has(split_reference(&tensor.tensor).0)) {
                tracing::warn!("signature `{key}` loses `{name}`: its node is not in the graph any more");
                lost = true;
                continue;
            }
            outputs += usize::from(field.tag == 2);
        }
        kept.raw_slice(field.raw);
    }
    if !lost {
        writer.bytes(tag::SIGNATURE, message);
    } else if outputs > 0 {
        writer.message(tag::SIGNATURE, |writer| {
            writer.str(1, &key);
            writer.bytes(2, &kept.into_bytes());
        });
    }
    Ok(())
}

impl Saver {
    fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut saver = Self::default();
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => saver.filename = text(field.bytes()?)?,
                2 => saver.save = text(field.bytes()?)?,
                3 => saver.restore = text(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(saver)
    }

    /// The tensors and nodes it names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        [&self.filename, &self.save, &self.restore].into_iter().filter(|name| !name.is_empty())
    }

    /// A saver of nodes that are gone would fail when used.
    fn survives(&self, names: Names<'_, '_>, fields: &GraphFields) -> bool {
        let mut nodes = self.names().map(|name| split_reference(name).0);
        nodes.all(|name| names.has(name) || fields.dangling.contains(name))
    }
}

//! Collections: lists by key, some of which name nodes.

use bytes::Bytes;
use gtt_ir::Name;
use gtt_wire::{SliceFields, Writer};
use rustc_hash::FxHashSet;

use super::Names;
use super::renamed::Renamed;
use super::signature::{entry, text};
use crate::Error;
use crate::envelope::messages;
use crate::graph_def::split_reference;
use crate::source::Source;

/// Collections of `VariableDef` messages.
const VARIABLES: &[&str] = &[
    "variables",
    "trainable_variables",
    "local_variables",
    "model_variables",
    "metric_variables",
    "moving_average_variables",
    "concatenated_variables",
    "trainable_resource_variables",
    "global_step",
];

/// The fields of a `VariableDef` that name nodes: itself, its initialiser, the value read from it, its initial value.
const VARIABLE: &[u32] = &[1, 2, 3, 6];

/// Control flow contexts, which Python's importer resolves name by name.
const CONTEXTS: &[(&str, &[u32], u32)] = &[("cond_context", &[2, 3], 5), ("while_context", &[5, 6, 7, 8, 10, 11], 9)];

/// Collections whose nodes the loader runs.
const RUN: &[&str] = &["saved_model_main_op", "saved_model_init_op", "legacy_init_op", "table_initializer"];

/// A collection.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    key: Name,
    /// The whole map entry.
    message: Bytes,
    /// Entries with the nodes each of them needs; empty for collections that name none.
    entries: Vec<(Bytes, Vec<Name>)>,
    /// Which kind of list it is.
    list: u32,
}

/// Field numbers of `CollectionDef`.
mod list {
    pub(super) const NODES: u32 = 1;
    pub(super) const BYTES: u32 = 2;
    pub(super) const ANY: u32 = 5;
}

/// Collection of `AssetFileDef` messages, each in an `Any`.
const ASSETS: &str = "saved_model_assets";

impl Collection {
    pub(super) fn decode(source: &Source, message: &[u8]) -> Result<Self, Error> {
        let (key, value) = entry(message)?;
        let mut collection = Self { key, message: source.share(message), entries: Vec::new(), list: 0 };
        for field in SliceFields::new(value) {
            let field = field?;
            match field.tag {
                list::NODES => {
                    for name in messages(field.bytes()?, 1) {
                        let node = node_of(&text(name)?);
                        collection.entries.push((source.share(name), vec![node]));
                    }
                }
                list::BYTES => collection.decode_messages(source, field.bytes()?),
                list::ANY if collection.key == ASSETS => collection.decode_assets(source, field.bytes()?),
                _ => continue,
            }
            collection.list = field.tag;
        }
        Ok(collection)
    }

    fn decode_messages(&mut self, source: &Source, list: &[u8]) {
        let strings = |message: &[u8], tags: &[u32]| -> Vec<Name> {
            let named = tags.iter().flat_map(|&tag| messages(message, tag));
            named
                .filter_map(|name| text(name).ok())
                .filter(|name| !name.is_empty())
                .map(|name| node_of(&name))
                .collect()
        };
        if VARIABLES.contains(&self.key.as_str()) {
            for variable in messages(list, 1) {
                self.entries.push((source.share(variable), strings(variable, VARIABLE)));
            }
        } else if let Some((_, tags, values)) = CONTEXTS.iter().find(|(key, ..)| *key == self.key) {
            for context in messages(list, 1) {
                let mut nodes = strings(context, tags);
                nodes.extend(messages(context, *values).flat_map(|values| strings(values, &[1])));
                self.entries.push((source.share(context), nodes));
            }
        }
    }

    /// The tensors that get the paths of assets.
    fn decode_assets(&mut self, source: &Source, list: &[u8]) {
        for any in messages(list, 1) {
            let tensors = messages(any, 2).flat_map(|asset| messages(asset, 1)).flat_map(|info| messages(info, 1));
            let nodes = tensors.filter_map(|name| text(name).ok()).map(|name| node_of(&name)).collect();
            self.entries.push((source.share(any), nodes));
        }
    }

    /// Nodes that the loader runs.
    pub(crate) fn run_by_loader(&self) -> impl Iterator<Item = &Name> {
        let run = self.list == list::NODES && RUN.contains(&self.key.as_str());
        self.nodes().filter(move |_| run)
    }

    /// It lists variables.
    pub(super) fn is_of_variables(&self) -> bool {
        VARIABLES.contains(&self.key.as_str())
    }

    /// All nodes it names.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Name> {
        self.entries.iter().flat_map(|(_, nodes)| nodes)
    }

    /// The nodes that get the paths of assets.
    pub(super) fn assets(&self) -> impl Iterator<Item = &Name> {
        self.nodes().filter(|_| self.key == ASSETS)
    }

    /// An entry as its nodes are called now; contexts are not made anew.
    fn entry(&self, entry: &Bytes, renamed: Renamed<'_>) -> Result<Bytes, Error> {
        if renamed.is_empty() || CONTEXTS.iter().any(|(key, ..)| *key == self.key) {
            return Ok(entry.clone());
        }
        match self.list {
            list::NODES => Ok(renamed.reference(&text(entry)?).as_str().to_owned().into()),
            list::BYTES => renamed.strings(entry, VARIABLE),
            _ => renamed.nested(entry, 2, &mut |asset| renamed.nested(asset, 1, &mut |info| renamed.tensor_info(info))),
        }
    }

    /// Writes the collection without entries of nodes that are gone; verbatim when none is.
    pub(super) fn write(
        &self,
        tag: u32,
        names: Names<'_, '_>,
        dangling: &FxHashSet<Name>,
        renamed: Renamed<'_>,
        writer: &mut Writer,
    ) -> Result<(), Error> {
        let is_context = CONTEXTS.iter().any(|(key, ..)| *key == self.key);
        let follows = !renamed.is_empty() && !is_context;
        let is_there = |node: &Name| match follows {
            true => names.has(&renamed.reference(node)),
            false => names.has(node),
        };
        let alive = |node: &Name| is_there(node) || dangling.contains(node);
        let alive = self.entries.iter().filter(|(_, nodes)| nodes.iter().all(alive));
        let kept: Vec<Bytes> = alive.map(|(entry, _)| self.entry(entry, renamed)).collect::<Result<_, _>>()?;
        if self.key == ASSETS && kept.len() < self.entries.len() {
            tracing::warn!("{} assets are no longer given to the graph", self.entries.len() - kept.len());
        }
        let same = |(kept, (entry, _)): (&Bytes, &(Bytes, Vec<Name>))| kept == entry;
        if kept.len() == self.entries.len() && kept.iter().zip(&self.entries).all(same) {
            writer.bytes(tag, &self.message);
        } else if !kept.is_empty() && !is_context {
            writer.message(tag, |writer| {
                writer.str(1, &self.key);
                writer.message(2, |writer| {
                    writer.message(self.list, |writer| kept.iter().for_each(|entry| writer.bytes(1, entry)));
                });
            });
        }
        Ok(())
    }
}

/// The node of a tensor or node name.
fn node_of(name: &str) -> Name {
    Name::new(split_reference(name.strip_prefix('^').unwrap_or(name)).0)
}

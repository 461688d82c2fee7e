//! Collections: lists by key, some of which name nodes.

use bytes::Bytes;
use gtt_ir::Name;
use gtt_wire::{SliceFields, Writer};
use rustc_hash::FxHashSet;

use super::Names;
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
                // Itself, its initialiser, the value read from it, its initial value.
                self.entries.push((source.share(variable), strings(variable, &[1, 2, 3, 6])));
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

    /// Writes the collection without entries of nodes that are gone; verbatim when none is.
    pub(super) fn write(&self, tag: u32, names: Names<'_, '_>, dangling: &FxHashSet<Name>, writer: &mut Writer) {
        let alive = |node: &Name| names.has(node) || dangling.contains(node);
        let kept: Vec<&Bytes> =
            self.entries.iter().filter(|(_, nodes)| nodes.iter().all(alive)).map(|(entry, _)| entry).collect();
        if self.key == ASSETS && kept.len() < self.entries.len() {
            tracing::warn!("{} assets are no longer given to the graph", self.entries.len() - kept.len());
        }
        if kept.len() == self.entries.len() {
            writer.bytes(tag, &self.message);
        } else if !kept.is_empty() && !CONTEXTS.iter().any(|(key, ..)| *key == self.key) {
            writer.message(tag, |writer| {
                writer.str(1, &self.key);
                writer.message(2, |writer| {
                    writer.message(self.list, |writer| kept.iter().for_each(|entry| writer.bytes(1, entry)));
                });
            });
        }
    }
}

/// The node of a tensor or node name.
fn node_of(name: &str) -> Name {
    Name::new(split_reference(name.strip_prefix('^').unwrap_or(name)).0)
}

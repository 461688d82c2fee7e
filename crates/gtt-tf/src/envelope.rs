//! What a file holds around its graph, and questions about it.

use std::path::{Path, PathBuf};

use gtt_ir::{Envelope, Model, Name};
use gtt_wire::{SliceFields, varints};

use crate::graph_def::{GraphFields, graph_field};
use crate::saved_model::{SavedModel, Signature};

/// What kind of file a model came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// A `GraphDef`.
    GraphDef {
        /// It was in the text format.
        text: bool,
    },
    /// A SavedModel.
    SavedModel {
        /// It was in the text format.
        text: bool,
        /// Tags of the meta graph that was read.
        tags: Vec<Name>,
        /// The folder it lies in, unless it was read from memory.
        folder: Option<PathBuf>,
    },
}

/// The content of a model's envelope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) text: bool,
    pub(crate) fields: GraphFields,
    pub(crate) saved: Option<SavedModel>,
}

impl Held {
    pub(crate) fn of(model: &Model) -> Option<&Held> {
        model.envelope.as_ref().and_then(Envelope::get)
    }
}

/// What kind of file the model came from; a binary `GraphDef` for a model that came from none.
pub fn container(model: &Model) -> Container {
    match Held::of(model) {
        Some(Held { saved: Some(saved), text, .. }) => {
            let folder = saved.folder.as_deref().map(Path::to_owned);
            Container::SavedModel { text: *text, tags: saved.meta.tags.clone(), folder }
        }
        Some(held) => Container::GraphDef { text: held.text },
        None => Container::GraphDef { text: false },
    }
}

/// The signatures of a SavedModel, sorted by key; none for other files.
pub fn signatures(model: &Model) -> &[Signature] {
    Held::of(model).and_then(|held| held.saved.as_ref()).map_or(&[], |saved| &saved.meta.signatures)
}

/// The graph's version information.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Version of the code that produced the graph.
    pub producer: i32,
    /// Oldest version that may read it.
    pub min_consumer: i32,
    /// Versions that must not read it.
    pub bad_consumers: Vec<i32>,
}

/// The version information; `None` when the file has none.
pub fn versions(model: &Model) -> Option<Versions> {
    let fields = &Held::of(model)?.fields;
    let mut versions = None;
    for part in [&fields.before, &fields.between, &fields.after] {
        for field in SliceFields::new(part).filter_map(Result::ok) {
            if field.tag != graph_field::VERSIONS {
                continue;
            }
            let versions = versions.get_or_insert_with(Versions::default);
            for field in SliceFields::new(field.bytes().ok()?).filter_map(Result::ok) {
                match field.tag {
                    1 => versions.producer = field.i32().unwrap_or(0),
                    2 => versions.min_consumer = field.i32().unwrap_or(0),
                    3 => varints(&field, &mut versions.bad_consumers, |value| value as i32).unwrap_or(()),
                    _ => {}
                }
            }
        }
    }
    versions
}

/// The names of the functions in the graph's library, in the order of the file.
pub fn function_names(model: &Model) -> Vec<Name> {
    model.functions.iter().map(|function| function.op.name.clone()).collect()
}

/// Ops that hold a variable.
const VARIABLE_OPS: &[&str] = &["Variable", "VariableV2", "VarHandleOp", "_VarHandlesOp", "AutoReloadVariable"];

/// The nodes that hold variables, in the order of their ids: a graph without any is frozen.
pub fn variables(model: &Model) -> Vec<Name> {
    let nodes = model.main().nodes().map(|(_, node)| node);
    nodes.filter(|node| VARIABLE_OPS.contains(&node.op.name.as_str())).map(|node| node.name.clone()).collect()
}

/// The payloads of the fields of one number; what is broken is skipped.
pub(crate) fn messages(message: &[u8], tag: u32) -> impl Iterator<Item = &[u8]> {
    let fields = SliceFields::new(message).filter_map(Result::ok);
    fields.filter(move |field| field.tag == tag).filter_map(|field| match field.value {
        gtt_wire::FieldValue::Len(payload) => Some(payload),
        _ => None,
    })
}

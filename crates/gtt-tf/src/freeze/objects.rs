//! What the object graphs of TensorFlow 2 say about variables.
//!
//! A SavedModel's `SavedObjectGraph` says which object each captured argument of a function is; the checkpoint holds a
//! `TrackableObjectGraph` with the same objects under the same numbers, which says under which key each is stored. Loaders of
//! Python go by these two, and some models (Keras 3 models inside of a `tf.Module`) cannot be restored otherwise: the restore
//! function of their graph writes variables that nothing reads.

use gtt_ir::{Model, Name};
use gtt_wire::{SliceFields, varints};
use rustc_hash::FxHashMap;

use super::restore::callee;
use super::variable::{self, Origin};
use crate::Error;
use crate::envelope::{Held, messages};

/// The key of the object graph in a checkpoint.
pub(super) const OBJECT_GRAPH: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// The number of the object that each variable is.
pub(super) fn numbers(model: &Model) -> FxHashMap<Name, u32> {
    let mut numbers = FxHashMap::default();
    let saved = Held::of(model).and_then(|held| held.saved.as_ref());
    let Some(objects) = saved.and_then(|saved| saved.meta.object_graph()) else { return numbers };
    let functions: FxHashMap<&str, &[u8]> = messages(objects, 2).filter_map(entry).collect();
    let graph = model.main();
    for (_, node) in graph.nodes() {
        let Some(function) = callee(node).and_then(|name| functions.get(name.as_str())) else { continue };
        let mut bound = Vec::new();
        let fields = SliceFields::new(function).filter_map(Result::ok).filter(|field| field.tag == 2);
        fields.for_each(|field| varints(&field, &mut bound, |value| value as u32).unwrap_or(()));
        // What a function captures are its last arguments.
        let Some(first) = node.inputs.len().checked_sub(bound.len()) else { continue };
        for (number, operand) in bound.into_iter().zip(node.inputs.iter().skip(first)) {
            let Some(Origin::Node(origin, _)) = operand.map(|operand| variable::origin(graph, operand)) else {
                continue;
            };
            let origin = graph.node(origin);
            if variable::is_variable(origin) {
                numbers.insert(variable::name(origin), number);
            }
        }
    }
    numbers
}

/// Key and payload of a map entry; `None` when it is broken.
fn entry(message: &[u8]) -> Option<(&str, &[u8])> {
    let key = std::str::from_utf8(messages(message, 1).last()?).ok()?;
    Some((key, messages(message, 2).last().unwrap_or_default()))
}

/// Where the objects of a checkpoint are stored.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Keys of the variables by the number of the object.
    by_number: FxHashMap<u32, String>,
    /// Keys by the full names of variables; `None` where several have one name.
    by_name: FxHashMap<String, Option<String>>,
}

impl Objects {
    /// Decodes a `TrackableObjectGraph`.
    pub(super) fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut objects = Self::default();
        let mut number = 0;
        for field in SliceFields::new(message) {
            let field = field?;
            if field.tag != 1 {
                continue;
            }
            for attribute in messages(field.bytes()?, 2) {
                objects.attribute(number, attribute)?;
            }
            number += 1;
        }
        Ok(objects)
    }

    fn attribute(&mut self, number: u32, message: &[u8]) -> Result<(), Error> {
        let (mut name, mut full_name, mut key) = (String::new(), String::new(), String::new());
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => name = field.str()?.to_owned(),
                2 => full_name = field.str()?.to_owned(),
                3 => key = field.str()?.to_owned(),
                _ => {}
            }
        }
        if name != "VARIABLE_VALUE" {
            return Ok(());
        }
        self.by_number.insert(number, key.clone());
        if !full_name.is_empty() {
            self.by_name.entry(full_name).and_modify(|known| *known = None).or_insert(Some(key));
        }
        Ok(())
    }

    pub(super) fn of_number(&self, number: u32) -> Option<&str> {
        self.by_number.get(&number).map(String::as_str)
    }

    pub(super) fn of_name(&self, name: &str) -> Option<&str> {
        self.by_name.get(name)?.as_deref()
    }
}

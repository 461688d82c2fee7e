//! The side table of one graph.

use gtt_ir::{Id, Type, ValueId};
use rustc_hash::FxHashMap;

use super::fact::{Content, Fact};

/// Types of all values of a graph; contents of few.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    types: Vec<Type>,
    contents: FxHashMap<ValueId, Content>,
}

impl Table {
    pub(super) fn new(bound: usize) -> Self {
        Self { types: vec![Type::Unknown; bound], contents: FxHashMap::default() }
    }

    pub(super) fn ty(&self, value: ValueId) -> &Type {
        const UNKNOWN: &Type = &Type::Unknown;
        self.types.get(value.index()).unwrap_or(UNKNOWN)
    }

    pub(super) fn learn(&mut self, value: ValueId, ty: &Type) {
        if let Some(known) = self.types.get_mut(value.index()) {
            *known = known.merged(ty);
        }
    }

    pub(super) fn content(&self, value: ValueId) -> Option<&Content> {
        self.contents.get(&value)
    }

    pub(super) fn set(&mut self, value: ValueId, fact: Fact) {
        if self.types.len() <= value.index() {
            self.types.resize(value.index() + 1, Type::Unknown);
        }
        self.types[value.index()] = fact.ty;
        match fact.content {
            Some(content) => {
                self.contents.insert(value, content);
            }
            None => {
                self.contents.remove(&value);
            }
        }
    }
}
